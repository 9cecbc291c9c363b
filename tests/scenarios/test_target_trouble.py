"""Deployers that stumble and lie, and metrics that go missing: traffic never rises on a guess."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from bot.practice.deployer import Trouble
from tests.everyday import one_of
from tests.scenarios.world import World

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("status", one_of(502, 429, 500, 503))
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
async def test_a_change_whose_answer_is_lost_is_made_once(
    world: World, status: int, after: bool
) -> None:
    await world.start()
    world.deployer_fails(status, times=2, after=after)
    await world.sign()
    await world.until(Phase.SOAKING)
    world.deployer_fails(status, times=2, after=after)
    await world.until_that(lambda r: r.weight == 25)
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
    assert [move.what for move in world.shop.moves].count("prepare") == 1


async def test_an_answer_that_never_comes_is_looked_up_by_its_key(world: World) -> None:
    await world.soaking(5)
    world.deployer.troubles.append(Trouble(delay=30.0, times=1, method="PUT"))
    await world.until_that(lambda r: r.weight == 25)
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]


async def test_a_change_that_is_refused_halts_and_calls_somebody(world: World) -> None:
    await world.soaking(5)
    world.deployer_fails(422)
    await world.until(Phase.HALTED)
    world.page_about("Halted")
    assert world.shop.weight == 5
    await world.click("ada", "resume")
    await world.until(Phase.COMPLETED)


async def test_a_deployer_that_stays_away_is_told_of_and_given_up(world: World) -> None:
    await world.soaking(5)
    world.step = timedelta(seconds=15)
    world.deployer_fails(503, times=10_000)
    await world.until(Phase.HALTED, within=timedelta(minutes=20))
    assert any("moving traffic" in text for text in world.pages())
    world.deployer.troubles.clear()
    await world.click("ada", "rollback")
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.pages()


async def test_a_rollback_is_tried_until_it_is_done(world: World) -> None:
    await world.soaking(25)
    world.deployer_fails(503, times=40)
    await world.click("ada", "rollback")
    await world.advance(minutes=1)
    assert (await world.rollout()).phase is Phase.ROLLING_BACK
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    assert any("the rollback fails" in text for text in world.pages())


async def test_a_rollback_that_is_refused_is_asked_for_again(world: World) -> None:
    await world.soaking(25)
    world.deployer_fails(422, times=3)
    await world.click("ada", "rollback")
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    assert any("refused by the deployer" in text for text in world.pages())


async def test_weights_changed_by_hand_hold_the_release(world: World) -> None:
    await world.soaking(25)
    world.shop.weight = 10.0
    held = await world.until(Phase.PAUSED)
    assert "25 % was set, but 10 % is there now" in held.drift
    world.page_about("Drift")
    await world.click("ada", "resume")
    await world.until_that(lambda r: r.phase is Phase.SOAKING and r.weight == 25)
    assert world.shop.weight == 25
    await world.until(Phase.COMPLETED)


async def test_more_traffic_than_was_asked_for_is_taken_away_at_once(world: World) -> None:
    await world.soaking(5)
    world.shop.weight = 90.0
    await world.until(Phase.PAUSED)
    await world.advance(seconds=5)
    assert world.shop.weight == 5
    world.page_about("Drift")


async def test_another_version_installed_by_hand_holds_the_release(world: World) -> None:
    await world.soaking(5)
    candidate = world.shop.candidate
    assert candidate is not None
    world.shop.candidate = None
    await world.until(Phase.PAUSED)
    world.page_about("should be the candidate")
    world.shop.candidate = candidate
    await world.until_that(lambda r: not r.drift)
    assert world.said("again what was asked for")


async def test_metrics_that_go_missing_stop_the_clock_and_then_call_somebody(
    world: World,
) -> None:
    await world.soaking(25)
    before = (await world.rollout()).soak_done
    world.outage = "counts"
    held = await world.until(Phase.PAUSED, within=timedelta(minutes=4))
    assert held.soak_done - before < timedelta(seconds=5)
    assert world.shop.weight == 25
    world.page_about("Nothing has been known for 2 minutes")
    world.outage = ""
    await world.click("ada", "resume")
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]


async def test_a_short_gap_in_the_metrics_lengthens_the_soak_by_as_much(world: World) -> None:
    await world.soaking(25)
    world.outage = "counts"
    await world.advance(seconds=60)
    world.outage = ""
    await world.until_that(lambda r: r.weight == 50)
    quarter, half = (move.at for move in world.shop.did("shift")[1:3])
    assert half - quarter >= 70


async def test_a_deployer_out_of_reach_advances_nothing_and_rolls_back_later(
    world: World,
) -> None:
    await world.soaking(25)
    world.outage = "all"
    await world.until(Phase.PAUSED, within=timedelta(minutes=4))
    world.page_about("Nothing has been known")
    await world.say("grace", "/rollback it is gone")
    await world.advance(seconds=30)
    assert (await world.rollout()).phase is Phase.ROLLING_BACK
    world.outage = ""
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.pages()


async def test_a_wave_without_traffic_is_never_a_pass(world: World) -> None:
    world.shop.requests_per_second = 0.0
    await world.start()
    await world.sign()
    held = await world.until(Phase.JUDGING, within=timedelta(minutes=3))
    await world.advance(minutes=1)
    held = await world.rollout()
    assert held.weight == 5
    assert "A person has to decide" in held.reason
    assert world.shop.weights == [5]
    world.page_about("A person has to decide")
