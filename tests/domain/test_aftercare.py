"""What goes on after a release: windows, sign-offs, watches, and their ends."""

from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from bot.domain.after_facts import Known
from bot.domain.after_state import (
    Aftercare,
    AftercareEvent,
    Looked,
    SignoffDeclined,
    SignoffSigned,
    Stage,
    Superseded,
    TakenBack,
)
from bot.domain.aftercare import begin, decide
from bot.domain.documents import DocumentError
from bot.domain.events import ItemTicked, RunCheck, Whisper
from bot.domain.evidence import Verdict
from bot.domain.people import THE_BOT, Actor
from bot.domain.samples import Gauge, Probe
from tests.domain.aftercare_world import DAY, LEAD, QA, Story, plan, state_of
from tests.domain.builders import NOBODY, NOW, completed

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

WINDOWS: list[dict[str, Any]] = [
    {
        "id": "immediate",
        "from": "0m",
        "until": "15m",
        "items": [{"if": "health == ok"}, {"check": "api"}, {"if": "traffic == 100%"}],
    },
    {
        "id": "short",
        "from": "15m",
        "until": "60m",
        "items": [
            {"if": "error_rate < 1%"},
            {"id": "prices", "attest": "Do prices move?", "by": ["qa"]},
            {"id": "nice", "attest": "Is it nice?", "optional": True},
        ],
    },
    {"id": "long", "from": "1h", "until": "24h", "items": [{"if": "cache_hit > 80%"}]},
]
SIGNOFFS: list[dict[str, Any]] = [
    {
        "id": "day1",
        "after": "24h",
        "by": ["release_manager"],
        "items": [{"if": "error_rate < 0.1%"}, {"id": "happy", "attest": "Happy?", "by": ["qa"]}],
        "then": "day7",
    },
    {"id": "day7", "after": "7d", "by": ["release_manager"], "then": "successful"},
    {"id": "weeks", "after": "14d", "until": "28d", "by": ["release_manager", "qa"]},
]
MONITORING = {"id": "monitoring", "for": "14d", "every": "1d", "then": "production_grade"}


def windows() -> Story:
    return Story(plan(verify=WINDOWS))


def signoffs() -> Story:
    return Story(plan(signoffs=SIGNOFFS))


# --- verification windows -------------------------------------------------------------------


def test_a_plan_that_asks_for_nothing_begins_nothing() -> None:
    assert begin(msgspec.structs.replace(completed(), plan=plan()), NOW) is None


def test_what_the_bot_can_find_out_itself_is_ticked_by_itself() -> None:
    story = Story(plan(verify=WINDOWS[:1]))
    (check,) = [e for _, e in story.effects if isinstance(e, RunCheck)]
    story.happens(ItemTicked(THE_BOT, check.gate, True, "200 OK"))
    story.wait(15 * MINUTE)
    assert story.said("immediate (0s to 15m) is over: all 3 items are fine")
    assert story.care.phase is Stage.PASSED


def test_three_windows_follow_one_another_and_people_answer_what_is_theirs() -> None:
    story = windows()
    story.happens(ItemTicked(THE_BOT, "immediate-api", True, "200 OK"))
    story.wait(30 * MINUTE)
    story.answer("prices", evidence="seen on the page")
    story.wait(DAY)
    assert [story.said(f"{name} (") for name in ("immediate", "short", "long")] == [
        [timedelta(), 15 * MINUTE],
        [15 * MINUTE, HOUR],
        [HOUR, DAY],
    ]
    assert story.care.phase is Stage.PASSED
    assert story.care.ended_at == NOW + DAY


def test_a_window_that_ends_with_open_items_reminds_less_and_less_often() -> None:
    story = windows()
    story.happens(ItemTicked(THE_BOT, "immediate-api", True, "200 OK"))
    story.wait(40 * DAY)
    assert story.said("2 still to be answered") == [HOUR]
    said = story.said("Still waiting for people")
    assert [(at - HOUR) / DAY for at in said] == [1, 3, 7, 15, 23, 31, 39]
    assert story.open
    story.answer("prices")
    assert story.care.phase is Stage.PASSED


def test_a_failing_measurement_calls_people_and_is_no_pass() -> None:
    story = windows()
    story.happens(ItemTicked(THE_BOT, "immediate-api", True, "200 OK"))
    story.wait(20 * MINUTE)
    story.answer("prices")
    story.bad = 0.05
    story.wait(HOUR)
    assert "error_rate < 1%" in story.pages()[0]
    story.wait(2 * DAY)
    assert story.open


def test_one_failed_probe_in_a_window_is_a_failure_of_the_window() -> None:
    story = windows()
    story.wait(5 * MINUTE)
    story.values["health"] = Probe(ok=False, detail="503")
    story.wait(2 * MINUTE)
    story.values["health"] = Probe(ok=True)
    story.wait(8 * MINUTE)
    assert "health == ok" in story.pages()[0]


def test_what_the_bot_saw_once_to_be_wrong_stays_wrong_for_the_window() -> None:
    story = windows()
    story.wait(5 * MINUTE)
    story.known = Known(share=0.9, rollbacks=0)
    story.wait(2 * MINUTE)
    story.known = Known(share=1.0, rollbacks=0)
    story.wait(8 * MINUTE)
    assert "traffic == 100%" in story.pages()[0]


def test_what_could_not_be_read_is_never_a_pass_and_a_person_vouches_with_a_reason() -> None:
    story = Story(plan(verify=WINDOWS[2:]))
    story.values["cache_hit"] = None
    story.wait(2 * DAY)
    (item,) = ("long-cache-hit-gt-80-pct",)
    assert "unknown: no series" in story.posts()[1][1]
    story.answer(item)
    assert "say what you rest on" in story.refusal()
    story.answer(item, evidence="the cache's own page says 97 %")
    assert story.care.phase is Stage.PASSED


def test_a_gauge_that_was_mostly_missing_proves_nothing() -> None:
    story = Story(plan(verify=WINDOWS[2:]))
    story.values["cache_hit"] = None
    story.wait(20 * HOUR)
    story.values["cache_hit"] = Gauge(0.99)
    story.wait(4 * HOUR)
    assert "could be read only" in story.posts()[1][1]


def test_the_mean_of_a_gauge_counts_not_its_last_value() -> None:
    story = Story(plan(verify=WINDOWS[2:]))
    story.values["cache_hit"] = Gauge(0.5)
    story.wait(20 * HOUR)
    story.values["cache_hit"] = Gauge(0.99)
    story.wait(4 * HOUR)
    assert "cache_hit > 80%" in story.pages()[0]


def test_a_look_that_comes_long_after_a_window_says_nothing_about_it() -> None:
    story = Story(plan(verify=WINDOWS[1:2]))
    story.wait(16 * MINUTE)
    story.sleep(2 * HOUR)
    story.wait(timedelta())
    assert "too late" in story.posts()[1][1]


def test_one_reading_that_fails_does_not_spoil_a_day_of_a_gauge() -> None:
    story = Story(plan(verify=WINDOWS[2:]))
    story.wait(22 * HOUR)
    story.values["cache_hit"] = None
    story.wait(3 * HOUR)
    assert story.care.phase is Stage.PASSED


def test_a_stretch_is_read_at_its_end_also_when_its_sign_off_has_to_wait() -> None:
    items = [{"if": "cache_hit > 80%"}]
    story = Story(plan(signoffs=[SIGNOFFS[0], {**SIGNOFFS[1], "after": "170h", "items": items}]))
    story.wait(170 * HOUR - MINUTE)
    story.values["cache_hit"] = Gauge(0.0)
    story.wait(20 * DAY)
    story.answer("happy")
    story.sign("day1")
    finding = story.care.findings["day7-cache-hit-gt-80-pct"]
    assert finding.verdict is Verdict.PASS
    assert finding.value is not None
    assert finding.value < 0.89, "the last reading was that of its last minute"


def test_a_gauge_that_is_read_too_late_says_nothing_about_before() -> None:
    story = Story(plan(verify=WINDOWS[2:]))
    story.wait(22 * HOUR)
    story.values["cache_hit"] = Gauge(0.0)
    story.sleep(8 * HOUR)
    story.wait(timedelta())
    assert story.care.findings["long-cache-hit-gt-80-pct"].shown == "90%, limit 80%"


def test_what_was_counted_before_a_window_is_not_held_against_it() -> None:
    story = Story(plan(verify=WINDOWS[1:2], success=["error_rate < 50%"]))
    story.bad = 0.5
    story.wait(14 * MINUTE)
    story.sleep(MINUTE + timedelta(seconds=1))
    story.look()
    story.bad = 0.0
    story.wait(45 * MINUTE)
    assert story.care.findings["short-error-rate-lt-1-pct"].value == 0


def test_a_check_that_fails_is_run_once_more_at_the_end_of_its_window() -> None:
    story = Story(plan(verify=WINDOWS[:1]))
    story.happens(ItemTicked(THE_BOT, "immediate-api", False, "503"))
    story.checks["api"] = True
    story.wait(15 * MINUTE)
    assert story.care.phase is Stage.PASSED


def test_a_persons_answer_is_not_overwritten_by_a_command() -> None:
    story = Story(plan(verify=WINDOWS[:1]))
    story.answer("immediate-api", ok=False, evidence="the list is empty")
    story.happens(ItemTicked(THE_BOT, "immediate-api", True, "200 OK"))
    answer = story.care.answer("immediate-api")
    assert answer is not None
    assert (answer.person, answer.ok) == ("quinn", False)


@pytest.mark.parametrize(
    ("item", "actor", "words"),
    [
        ("prices", LEAD, "for qa to answer"),
        ("prices", NOBODY, "hold no role"),
        ("prices", msgspec.structs.replace(QA, roles_stale=True), "Try again in a minute"),
        ("price", QA, "did you mean 'prices'"),
        ("short-error-rate-lt-1-pct", QA, "This is measured"),
        ("long-cache-hit-gt-80-pct", QA, "not time for this yet"),
    ],
)
def test_who_may_not_answer_learns_why(item: str, actor: Actor, words: str) -> None:
    story = windows()
    story.wait(20 * MINUTE)
    before = story.care
    story.answer(item, actor=actor)
    assert words in story.refusal()
    assert story.care.ticks == before.ticks


# --- sign-offs ------------------------------------------------------------------------------


def test_each_sign_off_waits_for_the_one_before_it_and_for_its_day() -> None:
    story = signoffs()
    story.wait(8 * DAY)
    assert story.asked("day1")[0] == DAY
    assert not story.asked("day7")
    story.answer("happy")
    story.sign("day1")
    assert story.asked("day7") == [8 * DAY]
    story.sign("day7")
    assert story.care.grade == "successful"
    story.wait(6 * DAY)
    assert story.asked("weeks") == [14 * DAY]


def test_nothing_is_signed_before_its_items_are_done() -> None:
    story = signoffs()
    story.wait(DAY)
    story.sign("day1")
    assert "First somebody has to answer" in story.refusal()
    assert "Happy?" in story.refusal()
    story.answer("happy", ok=False, evidence="complaints")
    story.sign("day1")
    assert "complaints" in story.refusal()


def test_a_sign_offs_numbers_are_those_of_the_time_since_the_one_before() -> None:
    story = signoffs()
    story.bad = 0.0005
    story.wait(DAY)
    finding = story.care.findings["day1-error-rate-lt-0-1-pct"]
    assert finding.shown == "0.05% of 86,400 requests, limit 0.1%"


def test_what_was_bad_before_the_sign_off_before_does_not_count_again() -> None:
    later = {**SIGNOFFS[1], "items": [{"if": "error_rate < 0.1%"}]}
    story = Story(plan(signoffs=[{**SIGNOFFS[0], "items": []}, later]))
    story.bad = 0.5
    story.wait(DAY)
    story.bad = 0.0
    story.sign("day1")
    story.wait(6 * DAY)
    assert story.care.findings["day7-error-rate-lt-0-1-pct"].value == 0


def test_every_role_signs_and_the_missing_ones_are_named() -> None:
    story = Story(plan(signoffs=SIGNOFFS[2:]))
    story.wait(14 * DAY)
    story.sign("weeks")
    assert story.said("Still missing: qa")
    story.sign("weeks")
    assert "signed already" in story.refusal()
    story.sign("weeks", actor=QA)
    assert story.care.phase is Stage.PASSED


def test_a_decline_is_a_decision_with_a_reason_that_can_be_taken_up_again() -> None:
    story = Story(plan(signoffs=SIGNOFFS[2:]))
    story.wait(14 * DAY)
    story.sign("weeks", actor=QA)
    story.happens(SignoffDeclined(LEAD, "weeks", ""))
    assert "needs a reason" in story.refusal()
    story.happens(SignoffDeclined(LEAD, "weeks", "slow since Tuesday"))
    assert story.care.declined["weeks"].evidence == "slow since Tuesday"
    asked = len(story.asked("weeks"))
    story.wait(5 * DAY)
    assert len(story.asked("weeks")) == asked
    story.sign("weeks")
    assert not story.care.declined
    assert story.open, "the signature given before the decline is void"
    story.sign("weeks", actor=QA)
    assert story.care.phase is Stage.PASSED


def test_a_signature_on_what_was_answered_otherwise_since_is_void() -> None:
    both = [{**SIGNOFFS[0], "by": ["release_manager", "qa"], "then": ""}]
    story = Story(plan(signoffs=both))
    story.wait(DAY)
    story.answer("happy")
    seen = story.care.requests["day1"].digest
    story.sign("day1")
    story.answer("happy", evidence="asked again")
    assert not story.care.requests["day1"].signatures
    story.happens(SignoffSigned(QA, "day1", seen))
    assert "out of date" in story.refusal()


def test_a_sign_off_that_is_late_is_said_on_its_last_day() -> None:
    story = Story(plan(signoffs=SIGNOFFS[2:]))
    story.wait(30 * DAY)
    assert story.said("was to be given by now") == [28 * DAY]
    assert story.open


@pytest.mark.parametrize(
    ("signoff", "actor", "words"),
    [
        ("day1", QA, "None of the open seats"),
        ("day1", NOBODY, "None of the open seats"),
        ("day1", msgspec.structs.replace(LEAD, roles_stale=True), "Nobody can sign right now"),
        ("day7", LEAD, "First sign-off day1"),
        ("weeks", LEAD, "is due t["),
        ("week", LEAD, "did you mean 'weeks'"),
    ],
)
def test_who_may_not_sign_learns_why(signoff: str, actor: Actor, words: str) -> None:
    story = signoffs()
    story.wait(DAY)
    story.answer("happy")
    story.sign(signoff, actor=actor)
    assert words in story.refusal()


# --- watches, criteria, the end -------------------------------------------------------------


def test_fourteen_days_of_regular_posts_end_in_production_grade() -> None:
    story = Story(plan(after=[MONITORING], success=["error_rate < 2%", "cost < 300"]))
    story.wait(20 * DAY)
    said = [text for _, text in story.posts() if text.startswith("Day ")]
    assert [text[: text.index(":")] for text in said] == [f"Day {n} of 14" for n in range(1, 15)]
    assert story.said("is now production grade") == [14 * DAY]
    assert story.care.phase is Stage.PASSED
    assert story.looks < 200


def test_the_cadence_decays_from_watch_to_watch() -> None:
    watches = [
        {"id": "first_hour", "for": "1h", "every": "15m"},
        {"id": "first_day", "for": "1d", "every": "6h"},
        {"id": "week", "for": "3d", "every": "1d"},
    ]
    story = Story(plan(after=watches))
    story.wait(4 * DAY)
    hours = [at / HOUR for at in story.said("Day ")]
    assert hours == [0.25, 0.5, 0.75, 1, 7, 13, 19, 24, 48, 72]


def test_a_status_is_that_of_its_instant_however_late_the_look() -> None:
    story = Story(plan(after=[MONITORING]))
    for _ in range(3):
        story.sleep(DAY + MINUTE)
        story.wait(timedelta())
    said = [text[: text.index(":")] for _, text in story.posts()]
    assert said == ["Day 1 of 14", "Day 2 of 14", "Day 3 of 14"]
    assert story.care.posted_at == NOW + 3 * DAY


def test_bad_numbers_at_the_end_hold_the_grade_back_until_they_are_good() -> None:
    story = Story(plan(after=[MONITORING]))
    story.wait(13 * DAY + HOUR)
    story.bad = 0.05
    story.wait(DAY)
    assert story.said("It is not production grade yet") == [14 * DAY]
    assert story.open
    story.bad = 0.0
    story.wait(60 * DAY)
    assert story.care.grade == "production_grade"


def test_four_roles_sign_at_the_end_and_nobody_before_everything_is_done() -> None:
    rule = {"production": {"any": 2}, "signoff": {"all_of": ["a", "b", "c", "d"]}}
    story = Story(plan(after=[MONITORING], approvals=rule, verify=WINDOWS[1:2]))
    story.wait(15 * DAY)
    assert story.asked("final")[0] == 14 * DAY
    people = [Actor(role, f"U0{role}", (role,)) for role in "abcd"]
    story.sign("final", actor=people[0])
    assert "Do prices move?" in story.refusal()
    story.answer("prices")
    for person in people[:3]:
        story.sign("final", actor=person)
    assert story.open
    story.sign("final", actor=people[3])
    assert (story.care.phase, story.care.grade) == (Stage.PASSED, "production_grade")


def test_the_table_at_the_end_says_what_is_known_and_what_is_not() -> None:
    success = ["traffic == 100%", "unplanned_rollbacks == 0", "error_rate < 2%", "cost < 300"]
    story = Story(plan(after=[{**MONITORING, "for": "2d"}], success=success))
    story.known = Known(share=1.0, rollbacks=1)
    story.wait(2 * DAY)
    table = next(text for _, text in story.posts() if text.startswith("What success was to be"))
    assert table.splitlines()[1:] == [
        "✓ traffic == 100%: 100%, limit 100%",
        "✗ unplanned_rollbacks == 0: 1, limit 0",
        "✓ error_rate < 2%: 0% of 172,800 requests, limit 2%",
        "? cost < 300: not known here",
    ]
    assert story.open, "a criterion that is missed holds the grade back"


def test_a_task_is_said_once_when_it_falls_due() -> None:
    story = Story(plan(after=[{"id": "lessons_learned", "after": "7d"}]))
    story.wait(10 * DAY)
    assert story.said("Due now: lessons learned") == [7 * DAY]
    assert story.care.phase is Stage.PASSED


def test_another_version_at_the_target_is_said_once_and_called_about() -> None:
    story = Story(plan(after=[MONITORING]))
    story.current = "v0.9.0"
    story.wait(DAY)
    assert len(story.said("v0.9.0 runs there now")) == 1
    assert len(story.pages()) == 1
    story.current = "v1.2.0"
    story.wait(DAY)
    assert len(story.said("looked at again")) == 1


@pytest.mark.parametrize(
    ("event", "stage"),
    [(Superseded("v1.3.0"), Stage.SUPERSEDED), (TakenBack("It is slow."), Stage.TAKEN_BACK)],
)
def test_when_it_is_over_nothing_fires_any_more(event: AftercareEvent, stage: Stage) -> None:
    story = Story(plan(after=[MONITORING], signoffs=SIGNOFFS, verify=WINDOWS))
    story.wait(2 * DAY)
    story.happens(event)
    assert story.care.phase is stage
    assert story.care.next_check_at is None
    assert story.care.requests == {}
    told = len(story.effects)
    story.wait(40 * DAY)
    story.happens(Looked())
    assert len(story.effects) == told


def test_after_an_outage_one_status_is_posted_and_nothing_is_lost_or_said_twice() -> None:
    story = Story(plan(after=[MONITORING], verify=WINDOWS, signoffs=SIGNOFFS[:2]))
    story.wait(10 * MINUTE)
    story.sleep(5 * DAY)
    story.wait(DAY)
    whats = [text.partition("\n")[0] for _, text in story.posts()]
    assert len(whats) == len(set(whats)), whats
    assert len(story.said("Day ")) == 2
    assert story.said("long (1h to 1d) begins") == story.said("long (1h to 1d) is over")
    assert len(story.asked("day1")) >= 1


def test_a_restart_in_the_middle_of_every_clock_changes_nothing() -> None:
    """Stored and loaded again before every look, it says the same at the same instants."""

    def tale(*, restarts: bool) -> list[tuple[timedelta, str]]:
        story = Story(plan(after=[MONITORING], verify=WINDOWS, signoffs=SIGNOFFS))
        for _ in range(60):
            story.wait(8 * HOUR)
            if restarts:
                story.care = state_of(story.care)
        return story.posts()

    assert tale(restarts=True) == tale(restarts=False)


# --- every stage and every event ------------------------------------------------------------

EVENTS: dict[type[AftercareEvent], AftercareEvent] = {
    Looked: Looked(),
    ItemTicked: ItemTicked(QA, "happy", True, ""),
    SignoffSigned: SignoffSigned(LEAD, "day1", ""),
    SignoffDeclined: SignoffDeclined(LEAD, "day1", "no"),
    Superseded: Superseded("v9"),
    TakenBack: TakenBack("It is slow."),
}
ENDS: dict[type[AftercareEvent], Stage] = {
    Superseded: Stage.SUPERSEDED,
    TakenBack: Stage.TAKEN_BACK,
}


def in_stage(stage: Stage) -> Aftercare:
    story = signoffs()
    story.wait(DAY)
    if stage is Stage.PASSED:
        care = story.care
        return msgspec.structs.replace(care, phase=stage, ended_at=NOW, next_check_at=None)
    if stage is not Stage.OPEN:
        story.happens(next(EVENTS[kind] for kind, end in ENDS.items() if end is stage))
    return story.care


@pytest.mark.parametrize("kind", get_args(AftercareEvent))
@pytest.mark.parametrize("stage", list(Stage))
def test_every_event_in_every_stage(stage: Stage, kind: type[AftercareEvent]) -> None:
    care = in_stage(stage)
    after, effects = decide(care, EVENTS[kind], NOW + 25 * HOUR)
    if stage is Stage.OPEN:
        assert after.phase is ENDS.get(kind, Stage.OPEN)
        return
    assert after == care, "nothing changes once it is over"
    asked = kind in {ItemTicked, SignoffSigned, SignoffDeclined}
    assert [type(effect) for effect in effects] == ([Whisper] if asked else [])


# --- numbers that people tell -------------------------------------------------------------------

COST = {"id": "cost", "attest": "What does it cost?", "value": "< 300", "tells": "cost"}


@pytest.mark.parametrize(
    ("item", "place", "words"),
    [
        ({"value": "about 3"}, "value", "can't be understood"),
        ({"tells": "csot"}, "tells", "did you mean 'cost'?"),
    ],
)
def test_a_number_that_nobody_could_give_is_refused_with_its_place(
    item: dict[str, str], place: str, words: str
) -> None:
    signoffs = [{"id": "end", "after": "1d", "items": [{**COST, **item}]}]
    with pytest.raises(DocumentError) as caught:
        plan(signoffs=signoffs, success=["cost < 300"])
    assert caught.value.path == ("signoffs", 0, "items", 0, place)
    assert words in str(caught.value)


def test_a_number_belongs_to_what_is_asked_after_a_release() -> None:
    waves = [{"id": "all", "traffic": "100%", "soak": "10s", "go_if": [COST]}]
    with pytest.raises(DocumentError, match="does not belong here"):
        plan(waves=waves, success=["cost < 300"])


@pytest.mark.parametrize("look", ["10s", ""])
def test_a_close_look_goes_with_a_watch_and_is_not_closer_than_a_minute(look: str) -> None:
    entry = {"id": "day", "for": "1d", "look": look} if look else {"id": "day", "after": "1d"}
    with pytest.raises(DocumentError) as caught:
        plan(after=[{**entry, "look": look or "5m"}])
    assert caught.value.path == ("after", 0, "look")
