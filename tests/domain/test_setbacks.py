"""Several things at once: alarms while it is held, late answers, and what nobody answered."""

from datetime import timedelta

import msgspec
import pytest

from bot.domain.conditions import Action, Condition
from bot.domain.decisions import decide
from bot.domain.events import (
    AdvanceRequested,
    Effect,
    ExecutionChecked,
    HookFired,
    ItemTicked,
    Measured,
    OpFailed,
    Page,
    PauseRequested,
    PostThread,
    Rejected,
    ResumeRequested,
    Retire,
    Retired,
    RollbackRequested,
    Seen,
    SetTraffic,
    StepBackRequested,
    SwitchBack,
    Ticked,
    WaveApplied,
    Whisper,
)
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.policy import Press, legal_actions
from bot.domain.rollout import Phase, Rollout
from tests.domain import builders as b
from tests.domain.builders import ADA, ARTIFACT, GRACE, LIVE, MARY, NOW, OLD, STALE, step

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DROP = Condition(id="drop", kind="event", text="drop", do=Action.STEP_BACK)


def of(kind: type[Effect], effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def hold(detail: str = "") -> HookFired:
    return HookFired("alarm", detail, "pause")


def less() -> HookFired:
    return HookFired("drop", "", "pause")


def stepping(to: float = 5.0) -> Plan:
    """A plan whose `drop` event takes traffic away."""
    waves = (
        b.wave("p10", 10.0, step_back_to=to),
        b.wave("p50", 50.0, step_back_to=to),
        b.wave("p100", 100.0, step_back_to=to),
    )
    return b.plan(waves=waves, triggers=(b.SPIKE, DROP))


def asked(rollout: Rollout) -> Rollout:
    return step(rollout, RollbackRequested(ADA, "slow", "q9"))


def weight_of(effects: tuple[Effect, ...]) -> float | None:
    changes = [e for e in effects if isinstance(e, SetTraffic)]
    return changes[0].weight if changes else None


# --- alarms while it is held ----------------------------------------------------------------


def test_an_alarm_does_not_take_a_step_back_away() -> None:
    start = b.stepping_back()
    after, effects = decide(start, hold(), NOW)
    assert (after.phase, after.fence, after.op_key) == (start.phase, start.fence, start.op_key)
    assert of(Page, effects)


def test_an_alarm_does_not_make_a_halted_release_measured_again() -> None:
    start = b.halted()
    after, effects = decide(start, hold(), NOW)
    assert (after.phase, after.paused_from) == (Phase.HALTED, Phase.PREPARING)
    assert of(Page, effects)


def test_a_step_back_puts_no_traffic_on_a_candidate_that_has_none_yet() -> None:
    after, effects = decide(b.preparing(stepping()), less(), NOW)
    assert after.phase is Phase.PAUSED
    assert not of(SetTraffic, effects)


@pytest.mark.parametrize("start", [b.promoting, b.watching])
def test_when_all_waves_are_over_a_step_back_is_a_rollback(start: object) -> None:
    after, effects = decide(start(stepping()), less(), NOW)  # type: ignore[operator]
    assert after.phase is Phase.ROLLING_BACK
    assert isinstance(effects[0], SwitchBack)


def test_a_step_back_never_raises_traffic() -> None:
    start = b.shifting(stepping())  # nothing confirmed so far
    _, effects = decide(start, less(), NOW)
    assert weight_of(effects) == 0.0


def test_nobody_steps_back_when_all_waves_are_over() -> None:
    held = step(b.watching(), hold())
    after, (effect,) = decide(held, StepBackRequested(ADA), NOW)
    assert after == held
    assert isinstance(effect, Whisper)
    assert Press.STEP_BACK not in {button.press for button in legal_actions(held)}


# --- drift ----------------------------------------------------------------------------------


def stepped_back_to_nothing() -> Rollout:
    start = step(b.soaking(stepping(0.0)), less())
    return step(start, WaveApplied(start.op_key, b.seen(0.0)))


def test_drift_is_put_back_to_what_was_confirmed_and_not_to_the_wave() -> None:
    held = stepped_back_to_nothing()
    _, effects = decide(held, b.counted(0, 10, weight=1.0), NOW)
    assert weight_of(effects) == 0.0


def test_a_share_that_is_put_back_is_the_one_that_was_asked_for() -> None:
    start = b.shifting()
    soaking = step(start, WaveApplied(start.op_key, b.seen(5.03)))
    _, effects = decide(soaking, b.counted(0, 10, weight=60.0), NOW)
    assert weight_of(effects) == 5.0
    held = step(soaking, PauseRequested(ADA))
    assert step(held, ResumeRequested(ADA)).phase is Phase.SOAKING


def test_a_share_that_wavers_is_announced_once() -> None:
    held = step(b.soaking(), b.counted(0, 10, weight=2.0))
    after, effects = decide(held, b.counted(0, 10, weight=3.0), NOW)
    assert not of(PostThread, effects)
    assert not of(Page, effects)
    assert "3 %" in after.drift


def test_traffic_that_rises_by_itself_is_taken_away_during_another_drift_too() -> None:
    held = step(b.soaking(), b.counted(0, 10, weight=2.0))
    _, effects = decide(held, b.counted(0, 10, weight=60.0), NOW)
    assert weight_of(effects) == 5.0


def test_an_alert_that_comes_together_with_drift_is_said_too() -> None:
    alert = b.condition("error_rate > 1%", id="hot", window=SECOND, do=Action.NOTIFY)
    start = b.soaking(b.plan(alerts={"critical": (alert,)}))
    first = step(start, b.counted(20, 1000, 0), NOW)
    _, effects = decide(first, b.counted(20, 1000, 0, weight=60.0), NOW + SECOND * 2)
    assert any("Critical" in post.text for post in effects if isinstance(post, PostThread))


# --- going on -------------------------------------------------------------------------------


def test_a_release_that_was_stepped_back_below_its_wave_gets_that_wave_again() -> None:
    after, effects = decide(stepped_back_to_nothing(), ResumeRequested(ADA), NOW)
    assert after.phase is Phase.SHIFTING
    assert weight_of(effects) == 10.0


def test_what_was_held_while_watched_is_watched_again() -> None:
    held = step(b.watching(), hold())
    after, effects = decide(held, ResumeRequested(ADA), NOW)
    assert after.phase is Phase.WATCHING
    assert not of(SetTraffic, effects)


def test_a_failure_after_a_pause_is_resumed_where_the_pause_was() -> None:
    held = step(b.preparing(), PauseRequested(ADA))
    halted = step(held, OpFailed(held.op_key, "installing", "no room"))
    assert halted.phase is Phase.HALTED
    assert step(halted, ResumeRequested(ADA)).phase is Phase.PREPARING


def retiring() -> Rollout:
    return step(b.watching(), b.counted(0, 10, 60, seen=LIVE))


def halted_at_the_end() -> Rollout:
    now, at = retiring(), NOW
    while now.phase is Phase.WATCHING:
        at += SECOND * 3
        now = step(now, b.counted(90, 100, seen=LIVE), at)
    assert now.phase is Phase.HALTED
    return now


def test_a_halted_release_is_not_completed_by_the_last_stop() -> None:
    halted = halted_at_the_end()
    assert step(halted, Retired(retiring().op_key)).phase is Phase.HALTED


def test_after_a_halt_at_the_end_the_old_side_is_stopped_and_not_switched_to() -> None:
    after, effects = decide(halted_at_the_end(), ResumeRequested(ADA), NOW + HOUR)
    assert after.phase is Phase.WATCHING
    assert isinstance(effects[0], Retire)


def test_a_look_that_began_before_a_change_is_refused_after_it() -> None:
    start = b.judging()
    moved = step(start, AdvanceRequested(ADA))
    assert moved.fence > start.fence
    held = step(b.soaking(), PauseRequested(ADA))
    assert step(held, ResumeRequested(ADA)).fence > held.fence


def test_a_question_that_was_answered_no_is_put_again_after_a_resume() -> None:
    gate = Condition(id="ok", kind="attest", text="Is support ready?")
    waves = (b.wave("p5", 5.0, gates=(gate,), on_breach="pause"), b.wave("p100", 100.0))
    refused = step(b.soaking(b.plan(waves=waves)), ItemTicked(ADA, "ok", ok=False))
    held = step(refused, b.counted(0, 1000, 30))
    assert held.phase is Phase.PAUSED
    resumed = step(held, ResumeRequested(ADA))
    yes = step(resumed, ItemTicked(ADA, "ok", ok=True))
    assert step(yes, b.counted(0, 1000, 30)).phase is Phase.SHIFTING


# --- what can't be seen ---------------------------------------------------------------------


def blind_look(minutes: float = 0) -> Measured:
    return Measured((), timedelta(minutes=minutes), None, "no answer")


def served() -> Rollout:
    gate = Condition(id="ok", kind="attest", text="Is support ready?")
    waves = (b.wave("p5", 5.0, gates=(gate,)), b.wave("p100", 100.0))
    return step(b.soaking(b.plan(waves=waves)), b.counted(0, 1000, 30))


def test_nothing_rises_while_nobody_knows_what_runs() -> None:
    answered = step(served(), ItemTicked(ADA, "ok", ok=True))
    after, effects = decide(answered, blind_look(), NOW)
    assert after.phase is Phase.JUDGING
    assert not of(SetTraffic, effects)
    assert step(after, b.counted(0, 10)).phase is Phase.SHIFTING


def test_nobody_advances_while_nobody_knows_what_runs() -> None:
    unseen = step(b.judging(), blind_look())
    after, (effect,) = decide(unseen, AdvanceRequested(ADA), NOW)
    assert after == unseen
    assert isinstance(effect, Whisper)
    assert Press.ADVANCE not in {button.press for button in legal_actions(unseen)}


def test_people_are_called_once_when_a_watched_release_is_not_seen_any_more() -> None:
    unseen = step(b.watching(), blind_look())
    late = NOW + timedelta(minutes=3)
    called, effects = decide(unseen, blind_look(), late)
    assert called.phase is Phase.WATCHING
    assert of(Page, effects)
    again, more = decide(called, blind_look(), late + SECOND)
    assert not of(Page, more)
    assert step(again, b.counted(0, 10, seen=LIVE)).reason == ""


# --- a rollback that people have to sign ----------------------------------------------------


def asking(make: object) -> Rollout:
    plan = b.plan(rollback_approval=b.TWO_TO_ROLL_BACK)
    rollout: Rollout = make(plan)  # type: ignore[operator]
    return asked(rollout)


def test_a_rollback_that_nobody_signs_does_not_hold_a_watched_release_for_ever() -> None:
    start = asking(b.watching)
    assert start.rollback_request is not None
    after, effects = decide(start, b.counted(0, 10, seen=LIVE), NOW + HOUR * 2)
    assert after.rollback_request is None
    assert of(PostThread, effects)


def test_a_rollback_that_nobody_signs_expires_on_a_halted_release() -> None:
    start = asking(b.halted)
    assert start.next_check_at is not None
    assert step(start, Ticked(), NOW + HOUR * 2).rollback_request is None


def test_a_rollback_can_be_asked_for_again_when_the_first_question_has_expired() -> None:
    start = asking(b.halted)
    after, _ = decide(start, RollbackRequested(GRACE, "still", "q10"), NOW + HOUR * 2)
    assert after.rollback_request is not None
    assert after.rollback_request.id == "q10"


@pytest.mark.parametrize("who", [MARY, STALE])
def test_turning_a_rollback_down_takes_a_role_that_is_known_now(who: Actor) -> None:
    roleless = who if who.roles_stale else msgspec.structs.replace(who, roles=())
    start = asking(b.soaking)
    after, (effect,) = decide(start, Rejected(roleless), NOW)
    assert after == start
    assert isinstance(effect, Whisper)


def test_a_rollback_that_is_refused_again_calls_nobody_again() -> None:
    start = b.rolling_back()
    first, said = decide(start, OpFailed(start.op_key, "the rollback", "no host"), NOW)
    assert of(Page, said)
    again = step(first, Ticked())
    _, silent = decide(again, OpFailed(again.op_key, "the rollback", "no host"), NOW)
    assert not of(Page, silent)


# --- before anything moves ------------------------------------------------------------------


def checked(**fields: object) -> ExecutionChecked:
    return msgspec.structs.replace(b.CHECKED, **fields)


def test_signatures_that_expired_in_the_queue_start_nothing() -> None:
    after, effects = decide(b.queued(), checked(), NOW + HOUR * 24)
    assert after.phase is Phase.EXPIRED
    assert effects


def test_nothing_starts_without_a_version_to_go_back_to() -> None:
    nothing = Seen("", "", 0.0)
    assert step(b.queued(), checked(seen=nothing)).phase is Phase.CANCELLED
    assert checked().seen == OLD
    assert checked().artifact == ARTIFACT
