"""What may be ticked when, by whom, and what a changed artifact does to it."""

from datetime import timedelta

import msgspec
import pytest

from bot.domain import checklists
from bot.domain.checklist_rules import value_problem
from bot.domain.decisions import decide
from bot.domain.events import (
    AskSigners,
    ChecksRequested,
    ExecutionChecked,
    ItemTicked,
    PostThread,
    PreflightFailed,
    PreflightPassed,
    RolloutEvent,
    RunCheck,
    RunPreflight,
    Seen,
    Signed,
    Ticked,
    Whisper,
)
from bot.domain.people import THE_BOT
from bot.domain.preparing import LOOK_AGAIN
from bot.domain.rollout import Phase, Rollout
from tests.domain.builders import (
    ADA,
    ARTIFACT,
    CHECKED,
    GRACE,
    MARY,
    NOBODY,
    NOW,
    OLD,
    STALE,
    signed,
    step,
)
from tests.domain.builders import fresh as begun
from tests.fakes.preparing import asked, prepared, ready, tick, with_lists

OTHER = "sha256:" + "b" * 64


def told(rollout: Rollout, event: RolloutEvent) -> str:
    after, effects = decide(rollout, event, NOW)
    assert after == rollout
    (whisper,) = effects
    assert isinstance(whisper, Whisper)
    return whisper.text


def test_a_plan_without_lists_asks_for_signatures_at_once() -> None:
    _, effects = decide(begun(), PreflightPassed(ARTIFACT, OLD, "q1"), NOW)
    assert AskSigners("release") in effects


def test_nobody_is_asked_while_required_items_are_open() -> None:
    rollout, effects = decide(begun(with_lists()), PreflightPassed(ARTIFACT, OLD, "q1"), NOW)
    assert rollout.phase is Phase.PREFLIGHT
    assert AskSigners("release") not in effects
    assert told(rollout, Signed(GRACE, "any")) == (
        "Not yet. 2 of 2 items are open: The tests pass; The scan is clean."
    )


def test_the_last_tick_has_the_target_looked_at_once_more_before_anybody_is_asked() -> None:
    half = step(prepared(), tick("code/tests"))
    done, effects = decide(half, tick("code/scan"), NOW)
    assert done.phase is Phase.PREFLIGHT
    assert effects.count(RunPreflight()) == 1
    waiting = step(done, PreflightPassed(ARTIFACT, Seen("v1.1.5", "", 0.0), "q2"))
    assert waiting.phase is Phase.AWAITING_APPROVAL
    assert waiting.previous == "v1.1.5"
    assert waiting.request is not None
    assert waiting.request.id == "q2"


def test_an_optional_item_that_comes_last_asks_for_nothing_again() -> None:
    done = ready(prepared())
    _, effects = decide(done, tick("code/nice"), NOW)
    assert RunPreflight() not in effects


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (tick("code/scan", GRACE), "“The scan is clean” is for security to tick."),
        (tick("code/scan", NOBODY), "You hold no role that may confirm."),
        (tick("code/scan", STALE), "Nobody can confirm right now"),
        (tick("code/scan", ok=False), "“The scan is clean” is not ticked."),
        (tick("code/scam"), "There is no item 'code/scam'; did you mean 'code/scan'?"),
        (tick("code/tests", generation=2), "The artifact has changed since"),
        (tick("later/half"), "“Half went well” ticks itself."),
    ],
)
def test_what_can_not_be_ticked_is_told_to_the_one_who_tried(event: ItemTicked, said: str) -> None:
    assert said in told(prepared(), event)


def test_an_item_is_ticked_once_and_says_by_whom() -> None:
    once = step(prepared(), tick("code/scan", evidence="https://scan.test/7"))
    assert once.items["code/scan"].evidence == "https://scan.test/7"
    assert told(once, tick("code/scan")) == "“The scan is clean” is ticked already, by @[ada]."


def test_before_the_target_was_seen_nothing_can_be_ticked() -> None:
    assert "being looked at" in told(begun(with_lists()), tick("code/scan"))


def test_a_check_that_can_run_runs_by_itself_and_nobody_ticks_its_item() -> None:
    start = begun(with_lists())
    rollout, effects = decide(start, PreflightPassed(ARTIFACT, OLD, "q1", ("tests",)), NOW)
    assert RunCheck("code/tests", "tests") in effects
    assert "is checked by the bot" in told(rollout, tick("code/tests"))
    failed, effects = decide(rollout, tick("code/tests", THE_BOT, ok=False, evidence="3 fail"), NOW)
    assert PostThread("Not yet: The tests pass (3 fail)") in effects
    again, effects = decide(failed, ChecksRequested(ADA), NOW)
    assert RunCheck("code/tests", "tests") in effects
    assert "code/tests" not in again.items
    passed = step(again, tick("code/tests", THE_BOT, evidence="812 pass"))
    assert passed.items["code/tests"].person == "countersign"


def test_a_check_that_runs_into_another_artifact_says_nothing_about_it() -> None:
    rollout = msgspec.structs.replace(prepared(("tests",)), generation=2)
    late = tick("code/tests", THE_BOT, generation=1)
    assert decide(rollout, late, NOW)[0].items == {}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ChecksRequested(ADA), "No check has said no."),
        (ChecksRequested(ADA, "code/scan"), "no check for that item here"),
        (ChecksRequested(NOBODY), "You hold no role"),
    ],
)
def test_there_is_not_always_something_to_check_again(event: ChecksRequested, said: str) -> None:
    assert said in told(prepared(("tests",)), event)


def test_taking_a_tick_back_before_anybody_signed_opens_the_item_again() -> None:
    half = step(prepared(), tick("code/scan"))
    back, effects = decide(half, tick("code/scan", GRACE, ok=False, evidence="too early"), NOW)
    assert back.items == {}
    assert any("took the tick back from “The scan is clean”: too early" in str(e) for e in effects)


def test_taking_a_tick_back_voids_what_was_signed() -> None:
    waiting = asked(prepared())
    waiting = step(waiting, signed(ADA, waiting))
    back = step(waiting, tick("code/scan", GRACE, ok=False))
    assert back.phase is Phase.PREFLIGHT
    assert (back.request, back.generation) == (None, 2)
    assert "void" in back.reason
    assert back.items.keys() == {"code/tests"}
    again = step(step(back, tick("code/scan")), PreflightPassed(ARTIFACT, OLD, "q3"))
    assert again.request is not None
    assert waiting.request is not None
    assert again.request.generation == 2
    assert again.request.digest != waiting.request.digest
    assert again.request.signatures == ()


def test_another_artifact_at_the_second_look_voids_all_ticks() -> None:
    done = ready(prepared(("smoke",)))
    void = step(done, PreflightPassed(OTHER, OLD, "q2"))
    assert (void.phase, void.items, void.generation) == (Phase.PREFLIGHT, {}, 2)
    assert void.artifact == OTHER
    assert "what was ticked is void" in void.reason


def test_another_artifact_while_it_is_queued_voids_ticks_and_signatures() -> None:
    waiting = asked(prepared())
    for actor in (ADA, GRACE):
        waiting = step(waiting, signed(actor, waiting))
    assert waiting.phase is Phase.QUEUED
    there = ExecutionChecked(CHECKED.roles, OTHER, OLD, free=True)
    void = step(waiting, there)
    assert (void.phase, void.items, void.request) == (Phase.PREFLIGHT, {}, None)
    assert told(void, tick("code/scan", generation=1)).startswith("The artifact has changed")
    assert step(void, tick("code/scan", generation=2)).items.keys() == {"code/scan"}


def test_a_target_that_can_not_be_seen_with_everything_ticked_is_looked_at_again() -> None:
    done = ready(prepared())
    waiting = step(done, PreflightFailed("the deployer does not answer"))
    assert waiting.phase is Phase.PREFLIGHT
    assert waiting.next_check_at == NOW + LOOK_AGAIN
    assert waiting.items == done.items
    _, effects = decide(waiting, Ticked(), NOW + timedelta(seconds=30))
    assert effects == (RunPreflight(),)
    back = step(waiting, tick("code/scan", ok=False))
    assert decide(back, Ticked(), NOW)[1] == ()


def test_the_pass_rate_says_how_many_of_the_required_items_are_enough() -> None:
    half = step(prepared(pass_rate="50%"), tick("code/scan"))
    assert checklists.enough(half)
    assert step(half, PreflightPassed(ARTIFACT, OLD, "q2")).phase is Phase.AWAITING_APPROVAL


def test_stages_run_their_checks_one_after_the_other() -> None:
    start = begun(with_lists(stages=("build", "ship", "code"), checklists=("code",)))
    rollout, effects = decide(start, PreflightPassed(ARTIFACT, OLD, "q1", ("build", "ship")), NOW)
    assert [e.check for e in effects if isinstance(e, RunCheck)] == ["build"]
    assert told(rollout, tick("code/scan")) == "Stages come in order; first: Build."
    rollout, effects = decide(rollout, tick("stages/build", THE_BOT), NOW)
    assert [e.check for e in effects if isinstance(e, RunCheck)] == ["ship"]
    rollout = step(rollout, tick("stages/ship", THE_BOT))
    assert checklists.next_stage(rollout) is not None
    done = ready(rollout)
    assert checklists.next_stage(done) is None
    assert checklists.enough(done)


def test_where_the_artifact_comes_from_nothing_has_to_be_ticked() -> None:
    plan = with_lists(promote_from="staging")
    there = msgspec.structs.replace(begun(plan), environment="staging")
    waiting = step(there, PreflightPassed(ARTIFACT, OLD, "q1"))
    assert waiting.phase is Phase.AWAITING_APPROVAL
    here = step(begun(plan), PreflightPassed(ARTIFACT, OLD, "q1"))
    assert checklists.open_required(here)[0].key == "release/promoted"


def test_what_is_not_needed_is_ticked_when_it_comes_to_pass() -> None:
    waiting = asked(prepared())
    waiting = step(waiting, tick("later/told", GRACE))
    assert waiting.phase is Phase.AWAITING_APPROVAL
    assert "later/told" in waiting.items
    half = next(i for i in checklists.all_items(checklists.of(waiting)) if i.id == "half")
    odd = next(i for i in checklists.all_items(checklists.of(waiting)) if i.id == "odd")
    assert half.follows
    assert not odd.follows
    assert not checklists.is_done(waiting, half, checklists.of(waiting))


def test_the_lists_close_when_the_release_moves_traffic() -> None:
    waiting = asked(prepared())
    for actor in (ADA, GRACE):
        waiting = step(waiting, signed(actor, waiting))
    moving = step(waiting, CHECKED)
    assert moving.phase is Phase.PREPARING
    assert "This list is closed" in told(moving, tick("code/nice"))
    assert "later/told" in step(moving, tick("later/told")).items


def test_the_requester_may_tick_and_still_not_sign() -> None:
    waiting = step(step(prepared(), tick("code/tests", MARY)), tick("code/scan"))
    waiting = step(waiting, PreflightPassed(ARTIFACT, OLD, "q2"))
    assert "somebody else has to sign" in told(waiting, signed(MARY, waiting))


@pytest.mark.parametrize(
    ("rule", "evidence", "problem"),
    [
        (">= 95%", "96 %", None),
        (">= 95%", "95", None),
        (">= 95%", "all of it", "give the number that was found; it has to be >= 95%"),
        (">= 95%", "94.99%", "94.99% is not >= 95%"),
        ("> 80%", "80%", "80% is not > 80%"),
        ("< 5ms", "4.2 ms for 500", None),
        ("< 5ms", "0.004 s", None),
        ("< 5ms", "5 ms", "5 ms is not < 5ms"),
        ("< 2s", "1999 ms", None),
        ("< 2s", "3%", "3% is not in the unit of < 2s"),
        ("<= 10", "10", None),
        ("about 10", "10", "'about 10' can't be understood"),
    ],
)
def test_a_number_is_held_against_its_limit(rule: str, evidence: str, problem: str | None) -> None:
    assert value_problem(rule, evidence) == problem
