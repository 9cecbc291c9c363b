"""Pausing, resuming, advancing, stepping back: by button and by word."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase, Rollout
from tests.everyday import one_of
from tests.scenarios.world import World

BOTH = pytest.mark.parametrize("typed", one_of(False, True), ids=["pressed", "typed"])


async def do(world: World, person: str, action: str, typed: bool, more: str = "") -> None:
    """The same thing by button or by word."""
    if typed:
        await world.say(person, f"/release {action.replace('_', '-')} {more}".rstrip())
    else:
        await world.click(person, action)


@pytest.mark.thorough
@BOTH
async def test_a_pause_holds_the_traffic_until_somebody_resumes(world: World, typed: bool) -> None:
    paused = await world.soaking(25)
    await do(world, "alan", "pause", typed, "looks slow")
    await world.advance(minutes=2)
    held = await world.rollout()
    assert held.phase is Phase.PAUSED
    assert world.shop.weight == 25
    assert held.soak_done - paused.soak_done < timedelta(seconds=5)
    await do(world, "ada", "resume", typed)
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]


@pytest.mark.thorough
@BOTH
async def test_a_step_back_gives_the_traffic_of_the_wave_before_and_waits(
    world: World, typed: bool
) -> None:
    await world.soaking(25)
    await world.click("alan", "pause")
    await do(world, "alan", "step_back", typed)
    back = await world.until_that(lambda r: r.phase is Phase.PAUSED and r.weight == 5)
    assert world.shop.weights == [5, 25, 5]
    assert back.wave == 0
    world.page_about("Stepping back to 5 %")
    await world.click("ada", "resume")
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 5, 25, 50, 100]


@pytest.mark.thorough
@BOTH
async def test_a_judged_wave_can_be_extended(world: World, typed: bool) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(50, "v1.2.0", "--plan careful")
    await world.until(Phase.JUDGING)
    await do(world, "alan", "extend", typed, "3m")
    longer = await world.rollout()
    assert longer.phase is Phase.SOAKING
    wanted = timedelta(minutes=3) if typed else timedelta(minutes=1)
    assert longer.soak_extra == wanted
    await world.advance(seconds=wanted.total_seconds() - 30)
    assert (await world.rollout()).phase is Phase.SOAKING
    await world.until(Phase.JUDGING)


@pytest.mark.thorough
@BOTH
async def test_an_advance_is_by_button_or_by_word(world: World, typed: bool) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(50, "v1.2.0", "--plan careful")
    await world.until(Phase.JUDGING)
    await world.advance(seconds=30)
    await do(world, "ada", "advance", typed, "nobody calls")
    await world.until_that(lambda r: r.weight == 100)


@pytest.mark.thorough
async def test_nothing_shortens_a_soak(world: World) -> None:
    await world.soaking(25)
    await world.say("ada", "/release advance we are in a hurry")
    assert "Nothing shortens a soak" in world.whisper("ada")
    assert world.shop.weight == 25


@pytest.mark.thorough
@BOTH
async def test_a_release_is_cancelled_before_traffic_moves(world: World, typed: bool) -> None:
    await world.start()
    await do(world, "mary", "cancel", typed, "wrong day")
    assert (await world.rollout()).phase is Phase.CANCELLED
    assert world.shop.moves == []
    assert world.card().buttons == []


@pytest.mark.thorough
async def test_a_release_that_has_touched_the_target_is_not_cancelled(world: World) -> None:
    await world.soaking(5)
    await world.say("mary", "/release cancel")
    assert "/rollback" in world.whisper("mary")
    assert (await world.rollout()).phase is Phase.SOAKING


@pytest.mark.thorough
async def test_a_broken_limit_that_asks_for_a_pause_pauses(world: World) -> None:
    world.step = timedelta(seconds=5)
    await world.start("v1.3.0", "--plan guarded")
    await world.say("ada", "/release approve fine")
    await world.say("grace", "/release approve fine")
    await world.until(Phase.SOAKING)
    world.break_version("v1.3.0", 0.5)
    held = await world.until(Phase.PAUSED)
    assert "error_rate > 10%" in held.reason
    assert world.shop.weight == 50
    world.page_about("error_rate &gt; 10%")


# --- back -------------------------------------------------------------------------------------


async def careful(world: World) -> Rollout:
    """A release at 10 % whose plan wants two people for a rollback."""
    world.step = timedelta(seconds=15)
    return await world.soaking(10, "v1.2.0", "--plan careful")


@pytest.mark.thorough
@pytest.mark.requirement("W-142", "W-144", "W-146", "S3-02", "X-23")
async def test_a_rollback_that_wants_two_people_stops_the_rise_at_once(world: World) -> None:
    await careful(world)
    await world.say("alan", "/rollback checkout customers complain")
    asked = await world.rollout()
    assert asked.phase is Phase.PAUSED
    assert asked.rollback_request is not None
    await world.advance(minutes=3)
    assert world.shop.weights == [10]
    assert {"approve", "reject", "break_glass"} <= set(world.card().buttons)
    await world.click("alan", "approve")
    await world.click("grace", "approve")
    back = await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    assert "<@U0ALAN> and <@U0GRACE>" in world.card().whole
    assert back.quarantined
    world.page_about("customers complain")


@pytest.mark.thorough
async def test_a_rollback_turned_down_can_be_resumed(world: World) -> None:
    await careful(world)
    await world.say("alan", "/rollback a bad feeling")
    await world.click("grace", "reject")
    assert (await world.rollout()).rollback_request is None
    await world.click("grace", "resume")
    await world.until_that(lambda r: r.weight == 50)


@pytest.mark.thorough
async def test_a_release_can_not_be_resumed_while_a_rollback_waits(world: World) -> None:
    await careful(world)
    await world.say("alan", "/rollback a bad feeling")
    await world.say("ada", "/release resume")
    assert "Sign it or turn it down" in world.whisper("ada")


async def test_one_person_breaks_the_glass_with_a_reason_in_the_form(world: World) -> None:
    await careful(world)
    await world.say("alan", "/rollback")
    assert world.modal("alan") is not None
    await world.submit("alan", reason="customers complain")
    assert world.modal("alan") is None
    await world.click("grace", "break_glass")
    form = world.modal("grace")
    assert form is not None
    assert "Nobody else has to sign" in str(form)
    refused = await world.submit("grace", reason="")
    assert refused["error"] == "incomplete_form"
    await world.submit("grace", reason="the tills are down")
    back = await world.until(Phase.ROLLED_BACK)
    assert "broke the glass: the tills are down" in back.rollback_reason
    world.page_about("Review it within 24 h")


@pytest.mark.thorough
async def test_the_glass_is_broken_by_word_with_a_reason_only(world: World) -> None:
    await careful(world)
    await world.say("grace", "/rollback --now")
    assert "needs a reason" in world.whisper("grace")
    await world.say("grace", "/rollback --now the tills are down")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("broke the glass")


@pytest.mark.thorough
async def test_somebody_without_a_role_does_not_roll_back(world: World) -> None:
    await world.soaking(25)
    await world.say("new", "/rollback now")
    assert "You hold no role" in world.whisper("new")
    assert world.shop.weight == 25


@pytest.mark.thorough
async def test_a_rollback_works_while_slack_does_not_say_who_somebody_is(world: World) -> None:
    await world.soaking(25)
    world.slack_fails("users.info", "500", times=1000)
    world.slack_fails("usergroups.users.list", "500", times=1000)
    await world.say("grace", "/rollback the tills are down")
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.page_about("the tills are down")


@pytest.mark.thorough
async def test_a_rollback_signed_by_two_works_while_slack_does_not_say_who_they_are(
    world: World,
) -> None:
    await careful(world)
    world.slack_fails("users.info", "500", times=10000)
    await world.say("grace", "/rollback the tills are down")
    await world.click("grace", "approve")
    await world.click("ada", "approve")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("the tills are down")


@pytest.mark.thorough
@pytest.mark.requirement("W-142", "S-115")
async def test_a_rollback_names_the_version_it_means(world: World) -> None:
    await world.soaking(25)
    await world.say("grace", "/rollback v1.1.0 wrong one")
    refused = world.whisper("grace")
    assert "checkout v1.2.0, not v1.1.0; nothing was done" in refused
    await world.say("grace", "/rollback v1.2.0 this one")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("this one")


@pytest.mark.thorough
@pytest.mark.requirement("W-143")
async def test_a_rollback_asked_for_twice_is_done_once(world: World) -> None:
    await world.soaking(25)
    seen = world.card()
    for person in ("ada", "grace"):
        assert (await world.press(person, "rollback", seen=seen))["ok"]
    await world.breathe()
    await world.until(Phase.ROLLED_BACK)
    assert len(world.shop.did("rollback")) == 1
    world.whispers("grace")
    world.whispers("ada")
    world.page_about("Rolling back")


@pytest.mark.thorough
async def test_an_expired_rollback_request_leaves_the_release_paused(world: World) -> None:
    await careful(world)
    await world.say("alan", "/rollback a bad feeling")
    world.step = timedelta(minutes=5)
    await world.advance(minutes=35)
    rollout = await world.rollout()
    assert rollout.phase is Phase.PAUSED
    assert rollout.rollback_request is None
    assert world.said("Nobody signed the rollback in time")
    assert "resume" in world.card().buttons


@pytest.mark.thorough
@pytest.mark.requirement("W-143", "W-144")
async def test_a_rollback_of_a_release_that_is_complete_can_want_two_people(world: World) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(50, "v1.2.0", "--plan careful")
    await world.until(Phase.JUDGING)
    await world.advance(seconds=15)
    await world.click("ada", "advance")
    await world.until(Phase.COMPLETED, within=timedelta(hours=1))
    await world.click("alan", "rollback")
    assert (await world.rollout()).phase is Phase.COMPLETED
    assert world.shop.current.release.version == "v1.2.0"
    await world.click("alan", "approve")
    await world.click("grace", "approve")
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.current.release.version == "v1.0.0"
    world.page_about("Rolling back")


@pytest.mark.thorough
async def test_a_version_that_breaks_while_a_slow_target_moves_traffic_is_taken_back(
    world: World,
) -> None:
    await world.soaking(5)
    world.deployer_fails(503, times=1000)
    await world.until(Phase.SHIFTING)
    world.break_version("v1.2.0", 0.5)
    back = await world.until(Phase.ROLLING_BACK, within=timedelta(seconds=10))
    assert back.weight == 5
    assert "error_rate > 5%" in back.rollback_reason
    world.deployer.troubles.clear()
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.page_about("Rolling back")
