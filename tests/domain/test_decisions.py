"""How a rollout goes on: the rules that the table of phases can't show."""

from datetime import timedelta

import msgspec
import pytest

from bot.domain.conditions import Action, Condition
from bot.domain.decisions import decide
from bot.domain.events import (
    AdvanceRequested,
    AskSigners,
    CheckExecution,
    Effect,
    ExecutionChecked,
    ExtendRequested,
    HookFired,
    ItemTicked,
    Measured,
    OpFailed,
    Page,
    PauseRequested,
    PostThread,
    PreflightPassed,
    Prepare,
    Promote,
    QuarantineReleaseSigned,
    Rejected,
    RenderCard,
    ResumeRequested,
    Retire,
    RollbackRequested,
    Seen,
    SetTraffic,
    Signed,
    StepBackRequested,
    SwitchBack,
    SwitchedBack,
    Ticked,
    WaveApplied,
    Whisper,
    Withdrawn,
)
from bot.domain.plan import Approval, Cadence
from bot.domain.policy import Press, legal_actions
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Measurement, Track, Unknown
from tests.domain import builders as b
from tests.domain.builders import ADA, ARTIFACT, GRACE, MARY, NOBODY, NOW, OLD, STALE, step

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def whispered(rollout: Rollout, event: object) -> str:
    """What the one person is told; nothing else happens."""
    after, effects = decide(rollout, event, NOW)  # type: ignore[arg-type]
    assert after == rollout
    (effect,) = effects
    assert isinstance(effect, Whisper)
    return effect.text


def said(effects: tuple[Effect, ...]) -> str:
    return " ".join(e.text for e in effects if isinstance(e, PostThread))


def of(kind: type[Effect], effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


# --- signatures -----------------------------------------------------------------------------


@pytest.mark.requirement("W-002")
def test_two_different_people_start_it_and_the_second_signature_asks_for_a_last_look() -> None:
    waiting = b.awaiting()
    one, first = decide(waiting, b.signed(ADA, waiting), NOW)
    assert one.phase is Phase.AWAITING_APPROVAL
    assert not of(CheckExecution, first)
    two, second = decide(one, b.signed(GRACE, one), NOW)
    assert two.phase is Phase.QUEUED
    assert isinstance(second[0], CheckExecution)


def test_one_person_pressing_twice_is_one_signature() -> None:
    waiting = b.awaiting()
    one = step(waiting, b.signed(ADA, waiting))
    assert "already" in whispered(one, b.signed(ADA, one))


def test_two_accounts_of_one_person_fill_one_seat() -> None:
    waiting = b.awaiting()
    one = step(waiting, b.signed(ADA, waiting))
    second_account = msgspec.structs.replace(ADA, user_id="U0ADA2")
    assert "already" in whispered(one, b.signed(second_account, one))


def test_the_requester_cannot_sign_their_own_release() -> None:
    waiting = b.awaiting()
    assert "somebody else" in whispered(waiting, b.signed(MARY, waiting))


def test_somebody_without_a_role_cannot_sign() -> None:
    waiting = b.awaiting()
    assert "no role" in whispered(waiting, b.signed(NOBODY, waiting))


def test_nobody_signs_on_roles_that_are_not_known_for_certain() -> None:
    waiting = b.awaiting()
    assert "right now" in whispered(waiting, b.signed(STALE, waiting))


def test_a_signature_on_what_was_shown_before_does_not_count() -> None:
    waiting = b.awaiting()
    assert "out of date" in whispered(waiting, Signed(ADA, "another digest"))


def test_a_signature_after_the_deadline_does_not_count() -> None:
    waiting = b.awaiting()
    late = NOW + timedelta(hours=25)
    _, effects = decide(waiting, b.signed(ADA, waiting), late)
    assert "expired" in said_to_one(effects)


def said_to_one(effects: tuple[Effect, ...]) -> str:
    (effect,) = effects
    assert isinstance(effect, Whisper)
    return effect.text


def test_a_rejection_wins_over_the_approval_that_came_just_before_it() -> None:
    assert step(b.queued(), Rejected(GRACE, "not today")).phase is Phase.REJECTED


def test_a_signature_can_be_withdrawn_until_execution() -> None:
    back = step(b.queued(), Withdrawn(ADA))
    assert back.phase is Phase.AWAITING_APPROVAL
    assert back.request is not None
    assert [s.person for s in back.request.signatures] == ["grace"]
    assert "no signature" in whispered(b.preparing(), Withdrawn(ADA))


def test_roles_are_looked_up_once_more_before_anything_moves() -> None:
    event = ExecutionChecked({"ada": (), "grace": ("operations",)}, ARTIFACT, OLD, free=True)
    after, effects = decide(b.queued(), event, NOW)
    assert after.phase is Phase.AWAITING_APPROVAL
    assert not of(Prepare, effects)
    assert of(AskSigners, effects)


def test_a_tag_that_was_moved_voids_every_signature() -> None:
    event = msgspec.structs.replace(b.CHECKED, artifact="sha256:" + "b" * 64)
    before = b.queued()
    after, _ = decide(before, event, NOW)
    assert after.phase is Phase.AWAITING_APPROVAL
    assert after.request is not None
    assert before.request is not None
    assert after.request.signatures == ()
    assert after.generation == 2
    assert after.request.digest != before.request.digest


def test_a_busy_target_keeps_it_in_the_queue_and_says_why() -> None:
    event = msgspec.structs.replace(b.CHECKED, free=False, blocker="v1.1.5 is being released")
    after, effects = decide(b.queued(), event, NOW)
    assert after.phase is Phase.QUEUED
    assert after.reason == "v1.1.5 is being released"
    assert not of(Prepare, effects)


def test_an_unsigned_request_reminds_and_then_expires() -> None:
    waiting = b.awaiting()
    reminded, effects = decide(waiting, Ticked(), NOW + timedelta(hours=1))
    assert effects == (AskSigners("release", reminder=True),)
    assert reminded.next_check_at == NOW + timedelta(hours=2)
    assert step(reminded, Ticked(), NOW + timedelta(hours=24)).phase is Phase.EXPIRED


@pytest.mark.requirement("C-047", "S-003", "S-006", "S-009", "B-021", "B-022", "B-023")
def test_seats_by_role_are_filled_so_that_everybody_fits() -> None:
    rule = Approval(("security", "operations"), 0, False, timedelta(hours=1), MINUTE)
    waiting = b.awaiting(b.plan(approval=rule))
    both = msgspec.structs.replace(ADA, roles=("operations", "security"))
    one = step(waiting, b.signed(both, waiting))
    two = step(one, b.signed(GRACE, one))
    assert two.phase is Phase.QUEUED


@pytest.mark.parametrize(
    ("current", "why"), [("v1.2.0", "runs there already"), ("", "Install a first version")]
)
def test_a_release_without_a_purpose_or_a_way_back_is_not_even_asked_for(
    current: str, why: str
) -> None:
    there = Seen(current, "", 0.0)
    after, effects = decide(b.fresh(), PreflightPassed(ARTIFACT, there, "q"), NOW)
    assert after.phase is Phase.CANCELLED
    assert why in after.reason
    assert not of(AskSigners, effects)


# --- waves ----------------------------------------------------------------------------------


def test_a_soak_begins_when_the_deployer_has_confirmed_not_when_it_was_asked() -> None:
    start = b.shifting()
    confirmed = step(start, WaveApplied(start.op_key, b.seen(5.0)), NOW + 20 * SECOND)
    assert confirmed.wave_applied_at == NOW + 20 * SECOND
    assert confirmed.soak_left == timedelta(minutes=30)


def test_a_clock_that_jumps_ahead_does_not_shorten_a_soak() -> None:
    jumped = NOW + timedelta(hours=5)
    after, _ = decide(b.soaking(), b.counted(0, 100, minutes=1 / 60), jumped)
    assert after.phase is Phase.SOAKING
    assert after.soak_left == timedelta(minutes=30) - SECOND


def test_a_served_soak_with_good_gates_moves_on_to_the_next_wave() -> None:
    after, effects = decide(b.soaking(), b.counted(0, 1000, 30), NOW)
    assert (after.phase, after.wave) == (Phase.SHIFTING, 1)
    assert of(SetTraffic, effects) == [SetTraffic("v1.2.0", ARTIFACT, 50.0, None)]


def test_the_waves_go_up_in_order_and_the_last_is_promoted() -> None:
    rollout = b.last_wave()
    assert [mark.weight for mark in rollout.marks] == [5.0, 50.0, 100.0]
    after, effects = decide(rollout, b.counted(0, 1000, 30, weight=100.0), NOW)
    assert after.phase is Phase.PROMOTING
    assert of(Promote, effects)


@pytest.mark.requirement("W-086")
def test_a_failed_gate_at_the_end_of_a_soak_rolls_back() -> None:
    after, effects = decide(b.soaking(), b.counted(50, 1000, 30), NOW)
    assert after.phase is Phase.ROLLING_BACK
    assert effects[0] == SwitchBack("v1.1.0", "sha256:old")


def test_a_gate_that_failed_beyond_doubt_does_not_wait_for_the_end_of_the_soak() -> None:
    after, effects = decide(b.soaking(), b.counted(50, 1000, 3), NOW)
    assert after.phase is Phase.ROLLING_BACK
    assert "to 1 that the limit is broken" in after.rollback_reason
    assert of(Page, effects)


def test_a_share_over_its_limit_that_may_be_chance_is_soaked_longer() -> None:
    after, effects = decide(b.soaking(), b.counted(20, 1000, 30), NOW)
    assert after.phase is Phase.SOAKING
    assert after.soak_extra > timedelta()
    assert "20 errors in 1,000 requests (2%, limit 1%): needs about" in said(effects)


def test_a_plain_gate_is_not_asked_before_the_soak_is_over() -> None:
    gates = (b.condition("error_rate == 0%", id="none"),)
    plan = b.plan(waves=(b.wave("p5", 5.0, gates=gates), b.wave("p100", 100.0)), triggers=())
    early = b.step(b.soaking(plan), b.counted(50, 1000, 3))
    assert early.phase is Phase.SOAKING
    assert b.step(early, b.counted(0, 1000, 27)).phase is Phase.ROLLING_BACK


def test_a_good_gate_lets_nothing_rise_before_the_soak_is_over() -> None:
    early = b.step(b.soaking(), b.counted(0, 100_000, 29))
    assert early.phase is Phase.SOAKING
    assert early.findings[0].early
    assert b.step(early, b.counted(0, 1, 1)).phase is Phase.SHIFTING


def test_what_would_help_is_said_when_a_person_has_to_decide() -> None:
    asks = b.plan(waves=(b.wave("p5", 5.0, on_inconclusive="ask"), b.wave("p100", 100.0)))
    thin, effects = decide(b.soaking(asks), b.counted(0, 50, 30), NOW)
    assert thin.phase is Phase.JUDGING
    assert "needs about 31 more clean requests, about" not in said(effects)  # no time has passed
    assert "needs about 31 more clean requests" in said(effects)
    assert "More traffic settles it sooner" in said(effects)
    over, effects = decide(b.soaking(asks), b.counted(2, 100, 30), NOW)
    assert "At this rate no traffic settles it" in said(effects)
    assert {p.press for p in legal_actions(over)} >= {Press.ADVANCE, Press.EXTEND, Press.ROLLBACK}


def test_no_request_at_all_is_not_a_pass_but_a_longer_soak() -> None:
    after, effects = decide(b.soaking(), b.counted(0, 0, 30), NOW)
    assert after.phase is Phase.SOAKING
    assert after.soak_extra > timedelta()
    assert "Not enough evidence" in said(effects)


def test_a_soak_is_extended_no_further_than_the_plan_allows_then_a_person_decides() -> None:
    rollout = b.soaking()
    for _ in range(10):
        rollout = step(rollout, b.counted(0, 0, 30))
    assert rollout.phase is Phase.JUDGING
    assert rollout.soak_extra == timedelta(minutes=30)
    assert "Waiting for evidence" in rollout.reason
    asked, effects = decide(rollout, b.counted(0, 0), NOW + MINUTE)
    assert "A person has to decide" in asked.reason
    assert of(Page, effects)


def test_what_is_waited_for_is_said_once_although_its_numbers_change() -> None:
    rollout = b.soaking(b.plan(min_requests=10_000))
    for _ in range(10):
        rollout = step(rollout, b.counted(0, 10, 30))
    texts = []
    for second in range(1, 90):
        rollout, effects = decide(rollout, b.counted(0, 10), NOW + second * SECOND)
        texts += [said(effects)] if of(PostThread, effects) else []
    assert len(texts) == 1
    assert "A person has to decide" in texts[0]


def test_a_person_may_advance_on_thin_evidence_but_not_on_bad() -> None:
    rollout = b.soaking()
    for _ in range(10):
        rollout = step(rollout, b.counted(0, 0, 30))
    assert step(rollout, AdvanceRequested(ADA, "checked by hand")).phase is Phase.SHIFTING
    assert "soak is not over" in whispered(b.soaking(), AdvanceRequested(ADA))


@pytest.mark.requirement("X-25")
def test_missing_measurements_stop_the_soak_clock_and_page_after_two_minutes() -> None:
    unknown = Measurement("error_rate", Track.CANARY, Unknown("Prometheus does not answer"))
    look = Measured((unknown,), 30 * MINUTE, b.seen(5.0))
    blind, _ = decide(b.soaking(), look, NOW)
    assert blind.phase is Phase.SOAKING
    assert blind.soak_done == timedelta()
    still = step(blind, look, NOW + 119 * SECOND)
    assert still.phase is Phase.SOAKING
    held, effects = decide(still, look, NOW + 120 * SECOND)
    assert held.phase is Phase.PAUSED
    assert of(Page, effects)


def test_a_query_that_can_never_work_pauses_at_once() -> None:
    wrong = Unknown("one value is needed, but there are 2 series", mistake=True)
    look = b.counted(0, 0, 1)
    lost = msgspec.structs.replace(
        look, measurements=(Measurement("error_rate", Track.CANARY, wrong),)
    )
    after, effects = decide(b.soaking(), lost, NOW + SECOND)
    assert after.phase is Phase.PAUSED
    assert "there are 2 series. Correct it" in after.reason
    assert of(Page, effects)
    assert decide(after, lost, NOW + 2 * SECOND)[0].phase is Phase.PAUSED
    assert not of(Page, decide(after, lost, NOW + 2 * SECOND)[1])


def test_a_deployer_that_cannot_be_read_stops_the_clock_too() -> None:
    blind, _ = decide(b.soaking(), Measured((), 30 * MINUTE, None, "no answer"), NOW)
    assert (blind.phase, blind.soak_done) == (Phase.SOAKING, timedelta())


@pytest.mark.requirement("W-135", "S3-08", "X-23")
def test_a_broken_trigger_takes_the_traffic_off_at_once() -> None:
    rollout = b.soaking()
    rollout = step(rollout, b.counted(3, 10, 0), NOW + 2 * SECOND)
    assert rollout.phase is Phase.SOAKING
    after, effects = decide(rollout, b.counted(3, 10, 0), NOW + 4 * SECOND)
    assert after.phase is Phase.ROLLING_BACK
    assert isinstance(effects[0], SwitchBack)
    assert after.fence == rollout.fence + 1
    assert of(Page, effects)


def test_a_trigger_works_while_paused_too() -> None:
    rollout = step(b.soaking(), PauseRequested(ADA))
    rollout = step(rollout, b.counted(3, 10, 0), NOW + 2 * SECOND)
    assert step(rollout, b.counted(3, 10, 0), NOW + 4 * SECOND).phase is Phase.ROLLING_BACK


def test_a_weight_that_reads_back_differently_halts() -> None:
    start = b.shifting()
    after, effects = decide(start, WaveApplied(start.op_key, b.seen(50.0)), NOW)
    assert after.phase is Phase.HALTED
    assert of(Page, effects)


def test_traffic_that_somebody_took_away_by_hand_is_not_put_back() -> None:
    after, effects = decide(b.soaking(), b.counted(0, 10, 1, weight=0.0), NOW)
    assert after.phase is Phase.PAUSED
    assert not of(SetTraffic, effects)
    assert "Drift" in said(effects)


def test_traffic_that_rose_by_itself_is_taken_down_to_what_was_asked() -> None:
    after, effects = decide(b.soaking(), b.counted(0, 10, 1, weight=50.0), NOW)
    assert after.phase is Phase.PAUSED
    assert of(SetTraffic, effects) == [SetTraffic("v1.2.0", ARTIFACT, 5.0, None)]


def test_another_version_in_the_candidates_place_holds_the_rollout() -> None:
    stranger = Seen("v1.1.0", "v9.9.9", 5.0)
    after, effects = decide(b.soaking(), b.counted(0, 10, 1, seen=stranger), NOW)
    assert after.phase is Phase.PAUSED
    assert "v9.9.9" in said(effects)


def test_resuming_after_drift_sets_the_waves_traffic_again() -> None:
    held = step(b.soaking(), b.counted(0, 10, 1, weight=0.0))
    after, effects = decide(held, ResumeRequested(ADA), NOW)
    assert after.phase is Phase.SHIFTING
    assert of(SetTraffic, effects)


def test_a_pause_keeps_what_was_soaked_and_resuming_goes_on_from_there() -> None:
    half = step(b.soaking(), b.counted(0, 100, 15))
    held = step(half, PauseRequested(ADA, "lunch"))
    waited = step(held, b.counted(0, 100, 0), NOW + timedelta(hours=2))
    on = step(waited, ResumeRequested(ADA), NOW + timedelta(hours=2))
    assert on.phase is Phase.SOAKING
    assert on.soak_left == timedelta(minutes=15)


def test_a_trigger_that_paused_it_does_not_pause_it_again_right_after_resume() -> None:
    slow = b.condition("error_rate > 2%", id="slow", window=timedelta(seconds=1), do=Action.PAUSE)
    rollout = b.soaking(b.plan(triggers=(slow,)))
    held = step(rollout, b.counted(1, 10), NOW + SECOND)
    assert held.phase is Phase.PAUSED
    on = step(held, ResumeRequested(ADA), NOW + 2 * SECOND)
    assert step(on, b.counted(0, 0), NOW + 2 * SECOND).phase is Phase.SOAKING
    good = step(on, b.counted(0, 10), NOW + 4 * SECOND)
    assert good.phase is Phase.SOAKING
    assert step(good, b.counted(1, 10), NOW + 6 * SECOND).phase is Phase.PAUSED


def test_time_spent_paused_does_not_count_as_soak() -> None:
    held = step(b.soaking(), PauseRequested(ADA))
    assert step(held, b.counted(0, 100, 30)).soak_done == timedelta()


def test_a_pause_during_a_shift_takes_back_what_was_not_sent_yet() -> None:
    held = step(b.shifting(), PauseRequested(ADA))
    assert held.fence == b.shifting().fence + 1
    assert step(held, ResumeRequested(ADA)).phase is Phase.SHIFTING


def test_a_shift_that_arrived_in_spite_of_the_pause_is_known_and_its_soak_begins_on_resume() -> (
    None
):
    held = step(b.shifting(), PauseRequested(ADA))
    arrived = step(held, WaveApplied(held.op_key, b.seen(5.0)))
    assert (arrived.phase, arrived.weight) == (Phase.PAUSED, 5.0)
    assert step(arrived, ResumeRequested(ADA)).phase is Phase.SOAKING


@pytest.mark.requirement("X-37", "S3-08")
def test_anybody_may_pause_but_not_resume() -> None:
    held = step(b.soaking(), PauseRequested(NOBODY))
    assert held.phase is Phase.PAUSED
    assert "no role" in whispered(held, ResumeRequested(NOBODY))


def test_extending_adds_to_the_soak() -> None:
    longer = step(b.soaking(), ExtendRequested(ADA, timedelta(minutes=10)))
    assert longer.soak_left == timedelta(minutes=40)


def test_stepping_back_needs_a_wave_before_this_one() -> None:
    second = step(b.soaking(), b.counted(0, 1000, 30))
    assert "first wave" in whispered(b.soaking(), StepBackRequested(ADA))
    back, effects = decide(second, StepBackRequested(ADA), NOW)
    assert back.phase is Phase.STEPPING_BACK
    assert of(SetTraffic, effects) == [SetTraffic("v1.2.0", ARTIFACT, 5.0)]


# --- questions to people --------------------------------------------------------------------

HAPPY = Condition(id="happy", kind="attest", text="Are users happy?", by=("security",))


def asking() -> Rollout:
    return b.soaking(b.plan(waves=(b.wave("p5", 5.0, gates=(HAPPY,)), b.wave("p100", 100.0))))


def test_a_question_to_a_person_holds_the_wave_until_it_is_answered() -> None:
    held = step(asking(), b.counted(0, 1000, 30))
    assert held.phase is Phase.JUDGING
    assert "Are users happy?" in held.reason
    answered = step(held, ItemTicked(ADA, "happy", ok=True))
    assert step(answered, b.counted(0, 10, 0)).phase is Phase.SHIFTING


def test_only_the_role_that_is_asked_may_answer() -> None:
    assert "security" in whispered(asking(), ItemTicked(GRACE, "happy", ok=True))


def test_a_no_is_a_breach() -> None:
    held = step(asking(), b.counted(0, 1000, 30))
    answered = step(held, ItemTicked(ADA, "happy", ok=False))
    assert step(answered, b.counted(0, 10, 0)).phase is Phase.ROLLING_BACK


def test_a_wave_that_asks_waits_for_advance() -> None:
    held = b.judging()
    assert held.phase is Phase.JUDGING
    assert step(held, b.counted(0, 10, 1)).phase is Phase.JUDGING
    assert step(held, AdvanceRequested(ADA)).phase is Phase.SHIFTING


# --- going back -----------------------------------------------------------------------------


@pytest.mark.requirement("W-141")
def test_a_rollback_takes_back_what_was_asked_before_and_is_quarantined_when_done() -> None:
    start = b.soaking()
    back, effects = decide(start, RollbackRequested(ADA, "slow", "q"), NOW)
    assert back.fence == start.fence + 1
    assert isinstance(effects[0], SwitchBack)
    start = msgspec.structs.replace(back, revision=start.revision + 1)
    done = step(start, SwitchedBack(start.op_key, OLD))
    assert (done.phase, done.weight, done.quarantined) == (Phase.ROLLED_BACK, 0.0, True)


def test_a_rollback_works_after_completion() -> None:
    back, effects = decide(b.completed(), RollbackRequested(ADA, "slow", "q"), NOW)
    assert back.phase is Phase.ROLLING_BACK
    assert back.ended_at is None
    assert isinstance(effects[0], SwitchBack)


def two() -> Rollout:
    return b.soaking(b.plan(rollback_approval=b.TWO_TO_ROLL_BACK))


@pytest.mark.requirement("W-144", "S3-02", "X-23")
def test_where_the_plan_wants_signatures_the_rise_stops_at_once_and_two_people_sign() -> None:
    asked, effects = decide(two(), RollbackRequested(MARY, "slow", "q2"), NOW)
    assert asked.phase is Phase.PAUSED
    assert of(AskSigners, effects) == [AskSigners("rollback")]
    one = step(asked, b.signed(MARY, asked))
    assert one.phase is Phase.PAUSED
    assert step(one, b.signed(GRACE, one)).phase is Phase.ROLLING_BACK


def test_stale_roles_are_good_enough_to_sign_a_rollback() -> None:
    asked = step(two(), RollbackRequested(STALE, "slow", "q2"))
    one = step(asked, b.signed(STALE, asked))
    assert one.rollback_request is not None
    assert len(one.rollback_request.signatures) == 1


def test_breaking_the_glass_needs_one_person_with_a_role_and_a_reason() -> None:
    assert step(two(), RollbackRequested(ADA, "down", "q", now=True)).phase is Phase.ROLLING_BACK
    assert "reason" in whispered(two(), RollbackRequested(ADA, "", "q", now=True))
    assert "no role" in whispered(two(), RollbackRequested(NOBODY, "down", "q", now=True))


def test_a_rollback_nobody_signs_is_off_after_its_deadline_and_the_rollout_stays_paused() -> None:
    asked = step(two(), RollbackRequested(ADA, "slow", "q2"))
    later = step(asked, b.counted(0, 10, 0), NOW + timedelta(hours=1))
    assert later.rollback_request is None
    assert later.phase is Phase.PAUSED


def test_a_pending_rollback_must_be_decided_before_traffic_may_rise() -> None:
    asked = step(two(), RollbackRequested(ADA, "slow", "q2"))
    assert "rollback is waiting" in whispered(asked, ResumeRequested(ADA))


def test_a_refused_rollback_calls_people_and_is_tried_again_for_ever() -> None:
    start = b.rolling_back()
    failed, effects = decide(start, OpFailed(start.op_key, "rollback", "no such slot"), NOW)
    assert failed.phase is Phase.ROLLING_BACK
    assert of(Page, effects)
    again, effects = decide(failed, Ticked(), NOW + timedelta(seconds=10))
    assert isinstance(effects[0], SwitchBack)
    assert again.op_key


@pytest.mark.requirement("W-141")
def test_a_quarantine_is_lifted_by_two_different_people() -> None:
    start = b.rolled_back()
    one = step(start, QuarantineReleaseSigned(ADA))
    assert one.quarantined
    assert "second person" in whispered(one, QuarantineReleaseSigned(ADA))
    assert not step(one, QuarantineReleaseSigned(GRACE)).quarantined


def test_a_named_event_does_what_the_plan_says_and_others_hold() -> None:
    named = HookFired("data_corruption", "rows are missing", "notify")
    assert step(b.soaking(), named).phase is Phase.ROLLING_BACK
    other = HookFired("disk_full", "", "pause")
    assert step(b.soaking(), other).phase is Phase.PAUSED


def test_when_the_old_side_is_being_stopped_a_failure_halts_instead_of_going_back() -> None:
    rollout = b.watching()
    retiring, effects = decide(rollout, b.counted(0, 10, 60, seen=b.LIVE), NOW)
    assert of(Retire, effects)
    bad = step(retiring, b.counted(3, 10, 0, seen=b.LIVE), NOW + 2 * SECOND)
    halted, _ = decide(bad, b.counted(3, 10, 0, seen=b.LIVE), NOW + 4 * SECOND)
    assert halted.phase is Phase.HALTED
    assert "no longer there" in halted.reason


def test_a_step_back_by_the_plan_holds_at_the_lower_traffic_for_a_person() -> None:
    back = b.stepping_back()
    held = step(back, WaveApplied(back.op_key, b.seen(5.0)))
    assert (held.phase, held.weight, held.wave) == (Phase.PAUSED, 5.0, 0)


# --- what is shown --------------------------------------------------------------------------


@pytest.mark.requirement("S-082")
def test_the_card_of_a_quiet_soak_is_redrawn_every_three_seconds() -> None:
    rollout = b.soaking()
    drawn = [
        index
        for index in range(10)
        if of(RenderCard, (result := decide(rollout, b.counted(0, 1), NOW + index * SECOND))[1])
        and (rollout := result[0]) is not None
    ]
    assert drawn == [0, 3, 6, 9]


def test_status_updates_are_posted_at_the_plans_cadence() -> None:
    cadence = (Cadence(timedelta(minutes=5), None, "metrics"),)
    rollout = b.soaking(b.plan(waves=(b.wave("p5", 5.0, cadence=cadence), b.wave("all", 100.0))))
    posts = 0
    for minute in range(1, 16):
        rollout, effects = decide(rollout, b.counted(0, 10, 1), NOW + minute * MINUTE)
        posts += len(of(PostThread, effects))
    assert posts == 3


def test_an_alert_is_said_once_while_it_lasts() -> None:
    alert = b.condition(
        "error_rate > 1%", id="warn", window=timedelta(seconds=1), do=Action.NOTIFY, say="Errors!"
    )
    rollout = b.soaking(b.plan(alerts={"warning": (alert,)}, triggers=()))
    texts = []
    for second in range(1, 5):
        rollout, effects = decide(rollout, b.counted(1, 10), NOW + second * SECOND)
        texts += [said(effects)] if of(PostThread, effects) else []
    assert len(texts) == 1
    assert "Errors!" in texts[0]


def test_a_rollout_survives_being_stored_and_read_again() -> None:
    for phase in Phase:
        rollout = b.in_phase(phase)
        bare = msgspec.structs.replace(rollout, plan=None)
        encoded = msgspec.json.encode(bare)
        assert b"waves" not in encoded
        assert msgspec.json.decode(encoded, type=Rollout) == bare


def test_the_first_look_remembers_what_runs_there_now() -> None:
    waiting = step(b.fresh(), PreflightPassed(ARTIFACT, OLD, "q"))
    assert (waiting.previous, waiting.previous_artifact) == ("v1.1.0", "sha256:old")
    with pytest.raises(ValueError, match="without its plan"):
        _ = msgspec.structs.replace(waiting, plan=None).the_plan
