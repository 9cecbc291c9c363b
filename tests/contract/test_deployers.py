"""What every deployer promises, whatever stands behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.ports import (
    Deployer,
    Observation,
    PermanentError,
    Release,
    Side,
    StaleOpError,
    TemporaryError,
)
from tests.contract.worlds import TARGET, WORLDS, World

OLD = Release("v1.0.0")
MARKS = {
    "haproxy-unix": pytest.mark.real,
    "haproxy-tcp-two": pytest.mark.real,
    "command": pytest.mark.thorough,
}


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in WORLDS])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path) as world:
        yield world


@pytest.fixture
def deployer(world: World) -> Deployer:
    return world.adapter()


async def resolved(deployer: Deployer, version: str) -> Release:
    return await deployer.resolve(TARGET, version)


async def released(world: World, deployer: Deployer, version: str) -> Release:
    """A whole release, up to the moment when it is the current one."""
    release = await resolved(deployer, version)
    await deployer.prepare(TARGET, release, world.op())
    await deployer.shift(TARGET, release, 100, world.op())
    await deployer.promote(TARGET, release, world.op())
    return release


def candidate(seen: Observation) -> Side:
    assert seen.candidate is not None
    return seen.candidate


def weights(seen: Observation) -> tuple[str, float, str, float]:
    """Current version and weight, candidate version and weight; "" and 0 when there is none."""
    side = seen.candidate
    other = ("", 0.0) if side is None else (side.release.version, side.weight)
    return (seen.current.release.version, seen.current.weight, *other)


async def test_at_first_there_is_one_version_with_all_traffic(deployer: Deployer) -> None:
    seen = await deployer.observe(TARGET)
    assert weights(seen) == ("v1.0.0", 100, "", 0)
    assert seen.current.ready
    assert seen.uniform


async def test_a_version_resolves_to_the_same_digest_every_time(deployer: Deployer) -> None:
    first = await resolved(deployer, "v1.1.0")
    assert first == await resolved(deployer, "v1.1.0")
    assert first.artifact.startswith("sha256:")
    assert first != await resolved(deployer, "v1.2.0")
    assert deployer.capabilities().resolves_digests


async def test_a_version_that_does_not_exist_is_named_as_such(deployer: Deployer) -> None:
    with pytest.raises(PermanentError) as caught:
        await resolved(deployer, "nonsense")
    assert caught.value.code == "unknown_version"


async def test_a_prepared_version_is_ready_and_gets_nothing(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    seen = await deployer.prepare(TARGET, release, world.op())
    assert weights(seen) == ("v1.0.0", 100, "v1.1.0", 0)
    assert candidate(seen).ready


async def test_a_release_rises_in_steps_and_becomes_the_current_one(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    for weight in (5, 25, 50, 100):
        seen = await deployer.shift(TARGET, release, weight, world.op())
        assert weights(seen) == ("v1.0.0", 100 - weight, "v1.1.0", weight)
    seen = await deployer.promote(TARGET, release, world.op())
    assert weights(seen) == ("v1.1.0", 100, "v1.0.0", 0)
    seen = await deployer.retire(TARGET, OLD, world.op())
    assert weights(seen) == ("v1.1.0", 100, "", 0)


async def test_the_second_release_starts_where_the_first_ended(
    world: World, deployer: Deployer
) -> None:
    first = await released(world, deployer, "v1.1.0")
    await deployer.retire(TARGET, OLD, world.op())
    second = await resolved(deployer, "v1.2.0")
    seen = await deployer.prepare(TARGET, second, world.op())
    assert weights(seen) == ("v1.1.0", 100, "v1.2.0", 0)
    seen = await deployer.shift(TARGET, second, 5, world.op())
    assert weights(seen) == ("v1.1.0", 95, "v1.2.0", 5)
    await deployer.shift(TARGET, second, 100, world.op())
    seen = await deployer.promote(TARGET, second, world.op())
    assert weights(seen) == ("v1.2.0", 100, first.version, 0)


async def test_an_idle_previous_version_makes_room_for_the_next(
    world: World, deployer: Deployer
) -> None:
    await released(world, deployer, "v1.1.0")
    second = await resolved(deployer, "v1.2.0")
    seen = await deployer.prepare(TARGET, second, world.op())
    assert weights(seen) == ("v1.1.0", 100, "v1.2.0", 0)


async def test_a_step_back_lowers_the_weight(world: World, deployer: Deployer) -> None:
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    await deployer.shift(TARGET, release, 50, world.op())
    seen = await deployer.shift(TARGET, release, 5, world.op())
    assert weights(seen) == ("v1.0.0", 95, "v1.1.0", 5)


async def test_a_rollout_is_rolled_back_in_the_middle(world: World, deployer: Deployer) -> None:
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    await deployer.shift(TARGET, release, 25, world.op())
    seen = await deployer.rollback(TARGET, OLD, world.op())
    assert weights(seen) == ("v1.0.0", 100, "v1.1.0", 0)
    seen = await deployer.retire(TARGET, release, world.op())
    assert weights(seen) == ("v1.0.0", 100, "", 0)


async def test_after_a_rollback_the_candidate_can_rise_again(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    await deployer.rollback(TARGET, OLD, world.op())
    seen = await deployer.shift(TARGET, release, 25, world.op())
    assert weights(seen) == ("v1.0.0", 75, "v1.1.0", 25)


async def test_a_completed_release_is_rolled_back_while_the_old_one_is_kept(
    world: World, deployer: Deployer
) -> None:
    await released(world, deployer, "v1.1.0")
    seen = await deployer.rollback(TARGET, OLD, world.op())
    assert weights(seen) == ("v1.0.0", 100, "v1.1.0", 0)


async def test_a_version_that_was_retired_has_to_be_prepared_before_a_rollback(
    world: World, deployer: Deployer
) -> None:
    await released(world, deployer, "v1.1.0")
    await deployer.retire(TARGET, OLD, world.op())
    with pytest.raises(PermanentError):
        await deployer.rollback(TARGET, OLD, world.op())
    old = await resolved(deployer, "v1.0.0")
    await deployer.prepare(TARGET, old, world.op())
    seen = await deployer.rollback(TARGET, old, world.op())
    assert weights(seen) == ("v1.0.0", 100, "v1.1.0", 0)


async def test_every_change_sent_twice_with_one_key_has_its_effect_once(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    op = world.op()
    seen = await deployer.prepare(TARGET, release, op)
    assert await deployer.prepare(TARGET, release, op) == seen
    op = world.op()
    seen = await deployer.shift(TARGET, release, 100, op)
    assert await deployer.shift(TARGET, release, 100, op) == seen
    op = world.op()
    seen = await deployer.promote(TARGET, release, op)
    assert await deployer.promote(TARGET, release, op) == seen
    op = world.op()
    seen = await deployer.rollback(TARGET, OLD, op)
    assert await deployer.rollback(TARGET, OLD, op) == seen
    op = world.op()
    seen = await deployer.retire(TARGET, release, op)
    assert await deployer.retire(TARGET, release, op) == seen


async def test_a_late_shift_after_a_rollback_changes_nothing(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    late = world.op()
    await deployer.rollback(TARGET, OLD, world.op())
    with pytest.raises(StaleOpError):
        await deployer.shift(TARGET, release, 50, late)
    assert weights(await deployer.observe(TARGET)) == ("v1.0.0", 100, "v1.1.0", 0)


async def test_every_kind_of_change_is_refused_when_it_is_stale(
    world: World, deployer: Deployer
) -> None:
    late = world.op()
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    for change in (deployer.prepare, deployer.promote, deployer.retire, deployer.rollback):
        with pytest.raises(StaleOpError):
            await change(TARGET, release, late)
    assert weights(await deployer.observe(TARGET)) == ("v1.0.0", 100, "v1.1.0", 0)


async def test_the_highest_number_is_seen_in_an_observation(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    op = world.op()
    assert (await deployer.prepare(TARGET, release, op)).seq == op.seq
    assert (await deployer.observe(TARGET)).seq == op.seq


async def test_an_adapter_started_anew_sees_what_the_old_one_did(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    late = world.op()
    await deployer.prepare(TARGET, release, world.op())
    seen = await deployer.shift(TARGET, release, 25, world.op())
    fresh = world.adapter()
    assert await fresh.observe(TARGET) == seen
    with pytest.raises(StaleOpError):
        await fresh.shift(TARGET, release, 50, late)
    seen = await fresh.shift(TARGET, release, 50, world.op())
    assert weights(seen) == ("v1.0.0", 50, "v1.1.0", 50)


async def test_what_is_not_prepared_gets_no_traffic(world: World, deployer: Deployer) -> None:
    with pytest.raises(PermanentError):
        await deployer.shift(TARGET, Release("v1.1.0"), 5, world.op())
    assert weights(await deployer.observe(TARGET)) == ("v1.0.0", 100, "", 0)


async def test_the_current_version_is_neither_prepared_nor_retired(
    world: World, deployer: Deployer
) -> None:
    with pytest.raises(PermanentError):
        await deployer.prepare(TARGET, OLD, world.op())
    with pytest.raises(PermanentError):
        await deployer.retire(TARGET, OLD, world.op())
    assert weights(await deployer.observe(TARGET)) == ("v1.0.0", 100, "", 0)


async def test_nothing_is_promoted_before_it_has_all_traffic(
    world: World, deployer: Deployer
) -> None:
    release = await resolved(deployer, "v1.1.0")
    await deployer.prepare(TARGET, release, world.op())
    await deployer.shift(TARGET, release, 50, world.op())
    with pytest.raises((PermanentError, TemporaryError)):
        await deployer.promote(TARGET, release, world.op())
    assert weights(await deployer.observe(TARGET)) == ("v1.0.0", 50, "v1.1.0", 50)


async def test_the_capabilities_are_those_of_waves(deployer: Deployer) -> None:
    capabilities = deployer.capabilities()
    assert capabilities.weights
    assert capabilities.prepare
    assert capabilities.promote
    assert capabilities.retire
