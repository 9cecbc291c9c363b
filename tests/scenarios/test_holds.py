"""When a release may begin: locks, the line, freezes, the calendar and the queue."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.events import ResumeRequested
from bot.domain.hold_events import LineStarted
from bot.domain.holds import HoldKind
from bot.domain.people import Actor
from bot.domain.rollout import Phase, Rollout
from tests.scenarios.world import World


async def told(world: World, text: str, person: str = "mary", channel: str = "checkout") -> str:
    """The one answer to a line, given at once or a moment later."""
    answer = await world.say(person, text, channel)
    found = world.whispers(person)
    assert len(found) + bool(answer) == 1 or found == [answer], (answer, found)
    return answer or found[0]


async def jump(world: World, at: datetime) -> None:
    """Time passes up to an instant, and the bot does what is due then."""
    await world.pass_by(seconds=(at - world.clock.now()).total_seconds())
    await world.settle()


async def signed(world: World, version: str = "v1.2.0", more: str = "", *others: str) -> Rollout:
    """A release with all signatures."""
    asked = await world.start(version, more)
    await world.sign("ada", "grace", *others)
    return await world.rollout(asked.id)


@pytest.mark.thorough
async def test_a_lock_holds_what_is_signed_and_its_end_lets_it_go_on(world: World) -> None:
    answer = await told(world, "/release lock the till database moves", "grace")
    assert "Locked checkout" in answer
    await world.say("mary", "/release start v1.2.0")
    assert "is locked by <@U0GRACE>: the till database moves" in world.whisper("mary")
    await world.until(Phase.AWAITING_APPROVAL)
    assert "It will wait once it is signed" in world.card().whole
    await world.sign()
    held = await world.rollout()
    assert held.phase is Phase.QUEUED
    assert "In the way" in world.card().whole
    assert "the till database moves" in world.card().text
    home = await world.open_home("alan")
    assert "Under way (1)" in home
    assert "the till database moves" in home
    assert world.said("Held: checkout is locked")
    await jump(world, world.clock.now() + timedelta(minutes=20))
    assert (await world.rollout()).phase is Phase.QUEUED
    assert world.shop.moves == []
    assert "the till database moves" in await told(world, "/release status")
    assert "the till database moves" in await told(world, "/release list", "alan")
    answer = await told(world, "/release unlock it has moved", "alan")
    assert "Unlocked checkout" in answer
    await world.until(Phase.SOAKING, within=timedelta(seconds=30))
    texts = [message.text for message in world.space.messages["C0CHECKOUT"]]
    assert any("<@U0GRACE> locked checkout: the till database moves" in text for text in texts)
    assert any("<@U0ALAN> unlocked checkout: it has moved" in text for text in texts)


async def test_a_lock_that_comes_while_people_sign_is_on_the_card_at_once(world: World) -> None:
    await world.start()
    await told(world, "/release lock the till database moves", "grace")
    assert "It will wait once it is signed" in world.card().whole
    await told(world, "/release unlock", "grace")
    assert "It will wait" not in world.card().whole


@pytest.mark.thorough
async def test_a_lock_with_an_end_expires_by_itself_and_says_so(world: World) -> None:
    await told(world, "/release lock checkout --for 30m the till database moves", "grace")
    await signed(world)
    held = await world.rollout()
    assert held.opens_at is not None
    assert "Opens" in world.card().whole
    assert "at the earliest" in world.card().whole
    await jump(world, held.opens_at - timedelta(seconds=5))
    assert (await world.rollout()).phase is Phase.QUEUED
    begun = await world.until(Phase.SOAKING)
    assert world.clock.now() - held.opens_at < timedelta(seconds=10)
    assert begun.holds == ()
    texts = [message.text for message in world.space.messages["C0CHECKOUT"]]
    assert any("The lock on checkout has expired" in text for text in texts)
    assert "Nothing is locked" in await told(world, "/release locks checkout")


@pytest.mark.thorough
async def test_a_lock_is_about_its_service_and_environment_only(world: World) -> None:
    await told(world, "/release lock checkout --env staging the load test runs", "grace")
    await signed(world)
    await world.until(Phase.SOAKING)
    await told(world, "/release unlock", "grace")
    await told(world, "/release lock all --until 18:00 the data centre moves", "grace")
    answer = await told(world, "/release start v1.1.0 payments", channel="payments")
    assert "Everything is locked by <@U0GRACE>" in answer
    assert "18:00 UTC" in answer


@pytest.mark.requirement("X-37")
async def test_who_holds_no_role_locks_nothing_and_unlocks_nothing(world: World) -> None:
    assert "You hold no role" in await told(world, "/release lock because I say so", "new")
    assert "You hold no role" in await told(world, "/release stop-the-line I saw smoke", "new")
    await told(world, "/release lock the till database moves", "grace")
    assert "You hold no role" in await told(world, "/release unlock", "new")
    assert "the till database moves" in await told(world, "/release locks")


async def test_nobody_unlocks_while_nobody_can_say_who_holds_a_role(world: World) -> None:
    await told(world, "/release lock the till database moves", "alan")
    world.slack_fails("users.info", "500", times=20)
    assert "can't be looked up" in await told(world, "/release unlock", "grace")
    world.space.faults.clear()
    assert "Unlocked" in await told(world, "/release unlock", "grace")


async def test_what_is_wrong_with_a_lock_is_said(world: World) -> None:
    for text, words in (
        ("/release lock", "Say why"),
        ("/release lock checkout --for 2h --until 18:00 x", "not both"),
        ("/release lock checkout --for soon x", "not a duration"),
        ("/release lock checkout --until 2026-11-20 x", "is over already"),
        ("/release lock checkout --until tomorrow x", "not a moment"),
        ("/release lock checkout --env prodution x", "did you mean"),
        ("/release unlock", "Nothing is locked there"),
        ("/release start-the-line", "not stopped"),
        ("/release stop-the-line", "Say why"),
        ("/release locks chekout", "did you mean"),
    ):
        assert words in await told(world, text), text


@pytest.mark.thorough
async def test_of_two_locks_the_one_that_is_named_is_taken_off(world: World) -> None:
    await told(world, "/release lock the till database moves", "grace")
    await told(world, "/release lock checkout the auditors are here", "ada")
    answer = await told(world, "/release unlock", "alan")
    assert "Which one?" in answer
    first = (await world.bot.engine.holds.locks())[0]
    assert "Unlocked" in await told(world, f"/release unlock {first.id}", "alan")
    assert "the auditors are here" in await told(world, "/release locks")
    written = [e for e in await world.audit() if e.kind == "lock"]
    assert [(e.actor, e.phase_after) for e in written] == [
        ("grace", "locked"),
        ("ada", "locked"),
        ("alan", "lifted"),
    ]
    assert "the till database moves" in written[0].event


@pytest.mark.thorough
async def test_the_command_line_locks_and_never_unlocks(world: World) -> None:
    locked = {"verb": "lock", "args": "checkout the till database moves", "person": "grace"}
    answer = await world.hook("/admin/release", locked)
    assert "Locked checkout" in answer.json()["message"]
    unlocked = {"verb": "unlock", "args": "checkout", "person": "grace"}
    answer = await world.hook("/admin/release", unlocked)
    assert answer.status_code == 409
    answer = await world.hook("/admin/release", {"verb": "locks", "args": "", "person": "grace"})
    assert "the till database moves" in answer.json()["message"]


# --- the line -------------------------------------------------------------------------------


@pytest.mark.requirement("X-37")
async def test_a_stopped_line_pauses_what_is_live_and_holds_what_is_new(world: World) -> None:
    live = await world.soaking(5)
    await told(world, "/release stop-the-line payments are double booked", "alan")
    await world.advance(seconds=2)
    world.page_about("The line is stopped by <@U0ALAN>: payments are double booked")
    paused = await world.rollout(live.id)
    assert paused.phase is Phase.PAUSED
    assert "payments are double booked" in world.card(live.id).text
    await world.click("ada", "resume")
    assert "Start the line first" in world.whisper("ada")
    await world.say("mary", "/release start v1.1.0 payments", "payments")
    assert "the line is stopped by" in world.whisper("mary").lower()
    newest = await world.until(Phase.AWAITING_APPROVAL)
    await world.sign()
    await jump(world, world.clock.now() + timedelta(minutes=3))
    assert (await world.rollout(newest.id)).phase is Phase.QUEUED
    assert (await world.rollout(live.id)).weight == 5
    await told(world, "/release start-the-line the bookings are right again", "alan")
    world.page_about("<@U0ALAN> started the line again: the bookings are right again")
    await world.until(Phase.SOAKING)
    assert (await world.rollout(live.id)).phase is Phase.PAUSED
    await world.say("ada", f"/release resume {live.id}")
    assert (await world.rollout(live.id)).phase is Phase.SOAKING


@pytest.mark.thorough
async def test_a_rollback_works_while_the_line_is_stopped(world: World) -> None:
    live = await world.soaking(25)
    await told(world, "/release stop-the-line payments are double booked", "alan")
    await told(world, "/release stop-the-line me too", "ada")
    world.break_version("v1.2.0", 0.5)
    back = await world.until(Phase.ROLLED_BACK)
    assert back.id == live.id
    assert len(world.pages()) == 2
    assert "v1.2.0 is in quarantine" in await told(world, "/release locks", "ada")
    await told(world, "/release start-the-line", "grace")
    world.pages()


@pytest.mark.thorough
async def test_a_release_that_is_watched_keeps_its_old_side_while_the_line_is_stopped(
    world: World,
) -> None:
    world.step = timedelta(seconds=4)
    await signed(world)
    await world.until(Phase.WATCHING)
    await told(world, "/release stop-the-line payments are double booked", "alan")
    await world.advance(seconds=20)
    assert (await world.rollout()).phase is Phase.PAUSED
    assert not world.shop.did("retire")
    await told(world, "/release start-the-line", "alan")
    await world.say("grace", "/release resume")
    await world.until(Phase.COMPLETED)
    world.pages()


@pytest.mark.thorough
async def test_what_slips_through_while_the_line_stops_is_paused_a_moment_later(
    world: World,
) -> None:
    live = await world.soaking(5)
    await told(world, "/release stop-the-line payments are double booked", "alan")
    grace = Actor("grace", "U0GRACE", ("operations",))
    for event in (LineStarted(grace), ResumeRequested(grace)):
        await world.bot.engine.apply(live.id, event)
    assert (await world.rollout(live.id)).phase is Phase.SOAKING
    await world.advance(seconds=11)
    assert (await world.rollout(live.id)).phase is Phase.PAUSED
    world.pages()


# --- freezes and the calendar ---------------------------------------------------------------


async def test_a_freeze_holds_a_release_until_it_is_over(world: World) -> None:
    await jump(world, datetime(2026, 12, 1, 20, 0, tzinfo=UTC))
    answer = await told(world, "/release start v1.2.0 payments", channel="payments")
    assert "Freeze stocktaking until" in answer
    assert "the shop counts its shelves" in answer
    assert "It may begin" in answer
    await world.until(Phase.AWAITING_APPROVAL)
    await world.sign()
    assert "Freeze stocktaking" in await told(world, "/release locks")
    held = await world.rollout()
    assert held.opens_at == datetime(2026, 12, 2, 5, 0, tzinfo=UTC)
    await jump(world, datetime(2026, 12, 2, 4, 59, 50, tzinfo=UTC))
    assert (await world.rollout()).phase is Phase.QUEUED
    await jump(world, datetime(2026, 12, 2, 5, 0, tzinfo=UTC))
    begun = await world.until(Phase.SOAKING)
    assert begun.wave_applied_at is not None
    assert begun.wave_applied_at - held.opens_at < timedelta(minutes=1)


@pytest.mark.thorough
@pytest.mark.requirement("C-120")
async def test_a_release_begins_on_the_day_that_its_plan_names(world: World) -> None:
    answer = await told(world, "/release preview v1.2.0 --plan tuesdays")
    assert "opens every 2 weeks on Tuesday from 09:00 to 17:00 Europe/Berlin" in answer
    assert "prefers low traffic, which is next" in answer
    assert "2026-11-21 21:00" in answer
    assert "It may begin" in answer
    await signed(world, "v1.2.0", "--plan tuesdays")
    held = await world.rollout()
    assert held.opens_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert "the signatures count until" in world.card().whole
    await jump(world, datetime(2026, 11, 24, 8, 0, tzinfo=UTC))
    assert (await world.until(Phase.SOAKING)).version == "v1.2.0"


async def test_a_release_whose_signatures_run_out_before_it_opens_is_warned(world: World) -> None:
    await jump(world, datetime(2026, 11, 25, 8, 0, tzinfo=UTC))
    answer = await told(world, "/release start v1.2.0 --plan tuesdays")
    assert "which is before that: start it later" in answer
    await world.until(Phase.AWAITING_APPROVAL)
    await world.sign()
    assert "before it may begin" in world.card().whole


@pytest.mark.thorough
async def test_a_hotfix_passes_a_freeze_with_one_signature_more(world: World) -> None:
    await jump(world, datetime(2026, 12, 1, 20, 0, tzinfo=UTC))
    answer = await told(world, "/release start v1.2.0 payments --type hotfix", channel="payments")
    assert "may pass the freeze stocktaking when one more person signs" in answer
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert "may pass the freeze stocktaking when one more person signs" in world.card().whole
    await world.sign("ada", "grace")
    assert (await world.rollout(asked.id)).phase is Phase.AWAITING_APPROVAL
    await told(world, "/release lock payments the safe is open", "grace", "payments")
    await world.click("alan", "approve")
    await jump(world, world.clock.now() + timedelta(minutes=1))
    held = await world.rollout(asked.id)
    assert (held.phase, [hold.kind for hold in held.holds]) == (Phase.QUEUED, [HoldKind.LOCK])
    await told(world, "/release unlock payments", "alan", "payments")
    await world.until(Phase.SOAKING)


# --- the queue ------------------------------------------------------------------------------


@pytest.mark.thorough
async def test_three_in_a_row_come_in_the_order_in_which_they_were_signed(world: World) -> None:
    ids = {}
    for version in ("v1.2.0", "v1.3.0", "v1.3.1", "v1.4.0"):
        await world.say("mary", f"/release start {version}")
        world.whispers("mary")
        await world.settle()
        ids[version] = (await world.rollout()).id
    for version in ("v1.2.0", "v1.4.0", "v1.3.0", "v1.3.1"):
        for person in ("ada", "grace"):
            await world.say(person, f"/release approve {ids[version]}")
    await world.advance(seconds=6)
    assert "waiting for v1.2.0" in (await world.rollout(ids["v1.4.0"])).reason
    await world.say("mary", f"/release cancel {ids['v1.3.0']} not needed any more")
    world.whispers("mary")
    world.step = timedelta(seconds=10)
    order: list[str] = []
    for _ in range(100):
        await world.advance(seconds=10)
        live = [r.version for r in await world.rollouts() if r.live]
        if live and live[0] not in order:
            order += live
        if not [r for r in await world.rollouts() if not r.ended]:
            break
    assert order == ["v1.2.0", "v1.4.0", "v1.3.1"]


@pytest.mark.thorough
async def test_one_that_could_not_begin_anyway_keeps_nobody_waiting(world: World) -> None:
    tuesday = await signed(world, "v1.2.0", "--plan tuesdays")
    assert tuesday.phase is Phase.QUEUED
    await signed(world, "v1.3.0")
    begun = await world.until(Phase.SOAKING)
    assert begun.version == "v1.3.0"
    assert (await world.rollout(tuesday.id)).phase is Phase.QUEUED


@pytest.mark.thorough
async def test_a_place_in_the_queue_is_told(world: World) -> None:
    await told(world, "/release lock the till database moves", "grace")
    for version in ("v1.2.0", "v1.3.0"):
        await signed(world, version)
    await told(world, "/release unlock", "grace")
    second = (await world.rollouts())[0]
    assert second.version == "v1.3.0"
    assert second.reason == "waiting for v1.2.0 to finish"
    await signed(world, "v1.4.0")
    assert "behind v1.3.0 (number 2 in the queue)" in world.card().whole
    assert "Under way (3)" in await world.open_home("alan")
