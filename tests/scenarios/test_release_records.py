"""What the records of releases say: exactly one version per environment is active."""

import pytest

from bot.domain.release_record import Record
from bot.domain.rollout import Phase
from bot.engine.release_records import record_kind
from bot.store.queries import release_records
from tests.scenarios.world import World


async def recorded(world: World) -> list[Record]:
    """The records of checkout in production, oldest first."""
    rows = await world.bot.store.transact(
        lambda conn: release_records.recent(conn, "checkout", "production")
    )
    return [record_kind().load(row) for row in rows][::-1]


async def standings(world: World) -> list[tuple[str, str]]:
    return [(record.version, record.standing.value) for record in await recorded(world)]


@pytest.mark.requirement("X-27", "C-076")
async def test_one_version_is_active_and_the_one_before_it_superseded(world: World) -> None:
    await world.release("v1.2.0")
    assert await standings(world) == [("v1.2.0", "active")]
    await world.release("v1.3.0")
    assert await standings(world) == [("v1.2.0", "superseded"), ("v1.3.0", "active")]
    await world.say("mary", "/rollback checkout it is slow")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    assert await standings(world) == [("v1.2.0", "active"), ("v1.3.0", "rolled_back")]
    back = (await recorded(world))[-1]
    assert back.rolled_back_at is not None
    assert back.rollback_reason == "mary asked for it: it is slow"


@pytest.mark.thorough
async def test_a_version_that_never_was_live_leaves_the_active_one_alone(world: World) -> None:
    await world.release("v1.2.0")
    await world.soaking(5.0, "v1.3.0")
    world.break_version("v1.3.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    assert await standings(world) == [("v1.2.0", "active"), ("v1.3.0", "rolled_back")]


@pytest.mark.thorough
async def test_who_asked_and_who_signed_is_kept_with_each_wave(world: World) -> None:
    await world.release("v1.2.0")
    (record,) = await recorded(world)
    assert record.requested_by == "mary"
    assert record.signed_by == ("ada", "grace")
    assert record.previous == "v1.0.0"
    assert [stretch.weight for stretch in record.stretches] == [5, 25, 50, 100]
    assert record.deployed_at is not None


@pytest.mark.thorough
async def test_what_was_never_signed_has_no_record(world: World) -> None:
    await world.start("v1.2.0")
    await world.say("mary", "/release cancel")
    await world.until(Phase.CANCELLED)
    assert await recorded(world) == []
