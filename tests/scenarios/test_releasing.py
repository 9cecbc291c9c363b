"""Releases from the question in the channel to the last word on the card, and back again."""

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import World


async def test_the_quickstart_reaches_100_percent_after_two_people(world: World) -> None:
    await world.start("v1.2.0")
    await world.click("ada", "approve")
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL
    await world.click("grace", "approve")
    done = await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
    assert world.shop.current.release.version == "v1.2.0"
    assert world.shop.candidate is None
    assert done.weight == 100
    assert world.card().buttons == ["rollback"]
    assert "v1.2.0 is live" in world.card().text


@pytest.mark.thorough
async def test_the_second_release_starts_where_the_first_ended(world: World) -> None:
    await world.release("v1.1.0")
    second = await world.release("v1.2.0")
    assert second.previous == "v1.1.0"
    assert world.shop.current.release.version == "v1.2.0"
    assert len(world.cards()) == 2


async def test_a_rollback_after_completion_installs_the_old_version_again(world: World) -> None:
    await world.release("v1.2.0")
    await world.say("grace", "/rollback customers complain")
    back = await world.until(Phase.ROLLED_BACK)
    assert world.shop.current.release.version == "v1.0.0"
    assert [move.version for move in world.shop.did("prepare")] == ["v1.2.0", "v1.0.0"]
    assert back.quarantined
    assert "customers complain" in world.card().whole
    world.page_about("customers complain")


@pytest.mark.thorough
@pytest.mark.requirement("W-081", "S4-04c")
async def test_a_rollback_during_the_watch_switches_without_installing(world: World) -> None:
    await world.start("v1.2.0")
    await world.sign()
    await world.until(Phase.WATCHING)
    await world.click("ada", "rollback")
    await world.until(Phase.ROLLED_BACK)
    assert [move.version for move in world.shop.did("prepare")] == ["v1.2.0"]
    assert world.shop.current.release.version == "v1.0.0"
    world.page_about("Rolling back to v1.0.0")


@pytest.mark.requirement("W-009", "W-135", "X-23")
async def test_a_broken_version_is_taken_back_without_anybody(world: World) -> None:
    world.break_version("v1.3.0", 0.3)
    await world.start("v1.3.0")
    await world.sign()
    back = await world.until(Phase.ROLLED_BACK)
    assert world.shop.weights == [5]
    assert world.shop.weight == 0
    assert back.rollback_reason.startswith("error_rate > 5% (")
    # Two windows of two seconds: what was read on the way there counts from the first instant.
    assert back.marks[0].left_at is not None
    assert back.marks[0].left_at - back.marks[0].applied_at <= timedelta(seconds=4)
    assert "quarantine" in world.card().whole
    assert world.said("Rolling back to v1.0.0")
    world.page_about("Rolling back to v1.0.0")


@pytest.mark.thorough
async def test_a_version_that_breaks_late_is_taken_back_late(world: World) -> None:
    await world.soaking(50, "v1.3.0")
    world.break_version("v1.3.0", 0.3)
    await world.until(Phase.ROLLED_BACK, within=timedelta(minutes=1))
    assert world.shop.weights == [5, 25, 50]
    world.page_about("Rolling back")


@pytest.mark.thorough
@pytest.mark.requirement("W-141")
async def test_a_quarantined_version_needs_two_people_before_it_may_run_again(
    world: World,
) -> None:
    world.break_version("v1.3.0", 0.3)
    await world.start("v1.3.0")
    await world.sign()
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    quarantined = world.card()

    await world.say("mary", "/release start v1.3.0")
    world.whispers("mary")
    refused = await world.until(Phase.CANCELLED)
    assert "in quarantine" in refused.reason

    await world.click("ada", "release_quarantine", seen=quarantined)
    await world.click("ada", "release_quarantine", seen=world.card(quarantined_id(quarantined)))
    assert "second person" in world.whisper("ada")
    await world.click("grace", "release_quarantine", seen=world.card(quarantined_id(quarantined)))
    world.break_version("v1.3.0", 0)
    assert (await world.release("v1.3.0")).version == "v1.3.0"


def quarantined_id(card: object) -> str:
    value: str = card.values("release_quarantine")[0]  # type: ignore[attr-defined]
    return value.partition(":")[0]


@pytest.mark.thorough
async def test_a_second_release_waits_for_the_first_and_then_starts(world: World) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0")
    await world.sign("ada", "grace")
    second = await world.until(Phase.QUEUED)
    await world.advance(seconds=6)
    assert "waiting for v1.1.0 to finish" in world.card().text
    assert world.shop.current.release.version == "v1.0.0"
    done = await world.until(Phase.COMPLETED)
    assert (done.id, done.previous) == (second.id, "v1.1.0")
    assert world.shop.weights == [5, 25, 50, 100] * 2


@pytest.mark.thorough
async def test_two_services_do_not_wait_for_each_other(world: World) -> None:
    await world.soaking(5, "v1.1.0")
    await world.say("mary", "/release start v1.2.0", channel="payments")
    assert "payments v1.2.0" in world.whisper("mary")
    await world.until(Phase.AWAITING_APPROVAL)
    await world.sign("ada", "grace")
    await world.until(Phase.SOAKING)
    both = await world.rollouts()
    assert {r.service for r in both if r.live} == {"checkout", "payments"}


async def test_asking_for_the_same_version_again_starts_nothing(world: World) -> None:
    first = await world.start("v1.2.0")
    await world.say("alan", "/release start v1.2.0")
    told = world.whisper("alan")
    assert first.id in told
    assert "nothing was started" in told
    assert len(await world.rollouts()) == 1


async def test_the_version_that_runs_already_is_not_released_again(world: World) -> None:
    await world.say("mary", "/release start v1.0.0")
    world.whispers("mary")
    ended = await world.until(Phase.CANCELLED)
    assert "runs there already" in ended.reason
    assert world.shop.moves == []


@pytest.mark.thorough
async def test_a_plan_of_eight_days_takes_eight_days(world: World) -> None:
    world.shop.requests_per_second = 0.05
    world.step = timedelta(hours=4)
    began = world.clock.now()
    await world.start("v1.2.0", "--plan patient")
    await world.sign()
    await world.until(Phase.COMPLETED, within=timedelta(days=12))
    assert world.shop.weights == [1, 10, 50, 100]
    assert world.clock.now() - began >= timedelta(days=8)
    moves = world.shop.did("shift")
    for before, after in pairwise(moves):
        assert after.at - before.at >= timedelta(days=2).total_seconds()


@pytest.mark.thorough
async def test_a_status_is_posted_at_the_cadence_of_the_plan(world: World) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(10, "v1.2.0", "--plan careful")
    await world.advance(seconds=100)
    assert len([text for text in world.thread() if text.startswith("Status at 10 %")]) == 3


@pytest.mark.thorough
async def test_a_person_advances_a_wave_that_asks_for_it(world: World) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(50, "v1.2.0", "--plan careful")
    held = await world.until(Phase.JUDGING)
    await world.advance(minutes=3)
    assert (await world.rollout()).phase is Phase.JUDGING
    assert "press Advance" in (await world.rollout()).reason
    assert held.weight == 50
    await world.click("alan", "advance")
    assert world.said("<@U0ALAN> advanced it")
    await world.until(Phase.COMPLETED, within=timedelta(hours=1))


@pytest.mark.thorough
async def test_a_question_of_a_wave_is_answered_by_its_role_alone(world: World) -> None:
    world.step = timedelta(seconds=5)
    await world.start("v1.2.0", "--plan guarded")
    await world.say("ada", "/release approve looks good")
    await world.say("grace", "/release approve me too")
    await world.until_that(lambda r: "Waiting for an answer" in r.reason)
    yes, _ = world.card().values("tick_item")
    await world.click("ada", "tick_item", value=yes)
    assert "product" in world.whisper("ada")
    await world.click("alan", "tick_item", value=yes)
    await world.until(Phase.COMPLETED)
    assert "Support sees nothing odd" in "".join(world.thread())


@pytest.mark.thorough
async def test_no_to_a_question_takes_everything_back(world: World) -> None:
    world.step = timedelta(seconds=5)
    await world.start("v1.2.0", "--plan guarded")
    await world.say("ada", "/release approve looks good")
    await world.say("grace", "/release approve me too")
    await world.until(Phase.SOAKING)
    await world.say("alan", "/release confirm support no customers call")
    await world.until(Phase.ROLLED_BACK)
    assert "answered no" in world.card().whole
    world.page_about("answered no")


@pytest.mark.thorough
async def test_a_release_waits_while_slack_refuses_the_bot_and_goes_on_with_a_new_token(
    world: World,
) -> None:
    await world.soaking(5)
    world.space.token, token = "another", world.space.token
    await world.advance(seconds=90)
    held = await world.rollout()
    assert (held.weight, held.reason) == (5, "Waiting until people can be told again.")
    world.space.token = token
    await world.until(Phase.COMPLETED)


@pytest.mark.thorough
async def test_a_broken_version_is_taken_back_while_slack_refuses_the_bot(world: World) -> None:
    await world.soaking(5)
    world.space.token, token = "another", world.space.token
    await world.advance(seconds=3)
    world.break_version("v1.2.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.space.token = token
    await world.advance(seconds=60)
    world.page_about("Rolling back to v1.0.0")
