"""The bot ends at any moment, and what it was doing goes on: once, and not a second too early."""

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import World

pytestmark = pytest.mark.thorough

SOAKS = {5.0: 15, 25.0: 15, 50.0: 15}
"""By share, how many seconds of the quickstart have to pass before the next one."""


def check_moves(world: World) -> None:
    """Each wave once, in order, none earlier than its soak allows."""
    assert world.shop.weights == [5, 25, 50, 100]
    assert [move.what for move in world.shop.moves].count("prepare") == 1
    for before, after in pairwise(world.shop.did("shift")):
        assert after.at - before.at >= SOAKS[before.weight]


@pytest.mark.parametrize("how", ["restart", "crash"])
@pytest.mark.parametrize(
    "phase",
    [
        Phase.AWAITING_APPROVAL,
        Phase.SOAKING,
        Phase.PAUSED,
        Phase.WATCHING,
        Phase.COMPLETED,
    ],
)
async def test_a_bot_that_ends_in_a_phase_goes_on_there(
    world: World, phase: Phase, how: str
) -> None:
    await world.start()
    end = world.restart if how == "restart" else world.crash
    if phase is Phase.AWAITING_APPROVAL:
        await world.click("ada", "approve")
        await end()
        await world.click("grace", "approve")
    else:
        await world.sign()
    if phase is Phase.PAUSED:
        await world.until(Phase.SOAKING)
        await world.click("alan", "pause")
        await end()
        assert (await world.rollout()).phase is Phase.PAUSED
        await world.click("ada", "resume")
    elif phase is not Phase.AWAITING_APPROVAL:
        await world.until(phase)
        await end()
    await world.until(Phase.COMPLETED)
    check_moves(world)


async def test_a_bot_that_ends_every_few_seconds_gets_there(world: World) -> None:
    await world.start()
    await world.sign()
    for _ in range(40):
        if (await world.rollout()).phase is Phase.COMPLETED:
            break
        await world.restart()
        await world.advance(seconds=4)
    await world.until(Phase.COMPLETED)
    check_moves(world)


@pytest.mark.parametrize("path", ["prepare", "shift", "promote", "retire"])
async def test_a_bot_that_is_gone_while_the_deployer_works_asks_with_the_same_key(
    world: World, path: str
) -> None:
    await world.start()
    done = len(world.shop.did(path))
    world.lose_answers_to(path)
    await world.sign()
    await world.until_that(lambda _: len(world.shop.did(path)) > done)
    await world.crash()
    await world.until(Phase.COMPLETED)
    check_moves(world)
    assert len(world.shop.did("promote")) == len(world.shop.did("retire")) == 1


async def test_a_rollback_goes_on_after_the_bot_was_gone(world: World) -> None:
    await world.soaking(25)
    world.deployer_fails(503, times=3)
    await world.click("ada", "rollback")
    assert (await world.rollout()).phase is Phase.ROLLING_BACK
    await world.crash()
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.pages()


async def test_a_click_taken_in_before_the_bot_ended_counts_afterwards(world: World) -> None:
    await world.start()
    assert (await world.press("ada", "approve"))["ok"]
    await world.crash()
    await world.breathe()
    rollout = await world.rollout()
    assert [s.person for s in rollout.request.signatures] == ["ada"]  # type: ignore[union-attr]


async def test_a_machine_that_slept_eight_hours_measures_again_before_it_goes_on(
    world: World,
) -> None:
    await world.soaking(25)
    before = (await world.rollout()).soak_done
    world.shop.requests_per_second = 0.1
    world.clock.ahead += timedelta(hours=8)
    world.shop.serve()
    world.shop.requests_per_second = 150
    await world.advance(seconds=1)
    after = await world.rollout()
    assert after.weight == 25
    assert after.soak_done - before <= timedelta(seconds=3)
    await world.until(Phase.COMPLETED)
    check_moves(world)


async def test_a_clock_that_is_set_back_shortens_nothing(world: World) -> None:
    await world.soaking(25)
    world.clock.ahead -= timedelta(seconds=20)
    await world.until(Phase.COMPLETED)
    waves = world.shop.did("shift")
    assert [wave.weight for wave in waves] == [5, 25, 50, 100]


@pytest.mark.parametrize("how", ["restart", "crash"])
async def test_a_queued_release_waits_on_after_the_bot_has_ended(world: World, how: str) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0")
    await world.sign()
    await world.until(Phase.QUEUED)
    await (world.restart if how == "restart" else world.crash)()
    assert (await world.rollout()).phase is Phase.QUEUED
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100] * 2


async def test_a_halted_release_stays_halted_after_the_bot_has_ended(world: World) -> None:
    await world.soaking(5)
    world.deployer_fails(422)
    await world.until(Phase.HALTED)
    world.page_about("Halted")
    await world.crash()
    await world.advance(minutes=1)
    assert (await world.rollout()).phase is Phase.HALTED
    assert world.shop.weights == [5]
    await world.click("ada", "resume")
    await world.until(Phase.COMPLETED)


async def test_a_wave_that_waits_for_a_person_waits_on_after_the_bot_has_ended(
    world: World,
) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(50, "v1.2.0", "--plan careful")
    await world.until(Phase.JUDGING)
    await world.crash()
    await world.advance(minutes=1)
    assert world.shop.weight == 50
    await world.click("alan", "advance")
    await world.until_that(lambda r: r.weight == 100)
