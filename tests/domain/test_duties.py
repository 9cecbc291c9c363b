"""What has to be done by when: duties from a plan's timers, and steps about a breach."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain import aftermath, duties, response
from bot.domain.documents import DocumentError
from bot.domain.duties import Duty, DutyMet, DutyOver, EndDuties, ShowDuty, StartDuty, TellDuty
from bot.domain.events import Page, Ticked, Whisper
from bot.domain.people import THE_BOT
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.response import Preserved, Response, StepDone, TrafficBack, Verified
from bot.domain.rollout import Phase
from tests.domain.builders import ADA, GRACE, NOBODY, NOW, completed, fresh
from tests.requirements.acting import plans

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "plan": "small",
    "metrics": {"error_rate": {"kind": "ratio", "bad": "errors", "total": "requests"}},
    "approvals": {"production": {"any": 2}},
    "waves": [
        {"id": "half", "traffic": "50%", "soak": "1m", "on_breach_steps": ["investigate"]},
        {"id": "full", "traffic": "100%", "soak": "1m"},
    ],
    "rollback": {
        "auto": [{"switch_traffic": "previous version"}, {"verify": "health"}, {"open": "ticket"}],
        "budget": {"execute": "10s", "total": "1m"},
    },
}


def plan(**more: Any) -> Plan:
    return compile_plan({**DOCUMENT, **more})


def duty(**fields: Any) -> Duty:
    made = Duty(
        id="d1",
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v1.2.0",
        due=duties.ACKNOWLEDGE,
        about="Critical: many fail",
        created_at=NOW,
        due_at=NOW + timedelta(minutes=5),
        **fields,
    )
    return duties.begin(made)[0]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_duty_in_time_is_met_and_never_late() -> None:
    met, effects = duties.decide(duty(), DutyMet(ADA, "on it"), after(60))
    assert (met.state, met.met_by, met.next_check_at) == ("met", "ada", None)
    assert [type(effect) for effect in effects] == [ShowDuty, TellDuty]
    assert duties.decide(met, Ticked(), after(600)) == (met, ())


@pytest.mark.requirement("P-099", "P-100")
def test_a_duty_is_late_at_its_time_and_says_so_once() -> None:
    early, nothing = duties.decide(duty(), Ticked(), after(299.9))
    assert (early.state, nothing) == ("open", ())
    late, effects = duties.decide(duty(), Ticked(), after(300))
    assert late.state == "late"
    assert [type(effect) for effect in effects] == [ShowDuty, TellDuty, Page]
    assert late.next_check_at is None


def test_a_late_duty_can_still_be_met_and_says_that_it_was_late() -> None:
    late, _ = duties.decide(duty(), Ticked(), after(300))
    met, effects = duties.decide(late, DutyMet(ADA), after(400))
    assert met.state == "met"
    assert any("(late)" in e.text for e in effects if isinstance(e, TellDuty))


def test_nobody_meets_a_duty_twice() -> None:
    met, _ = duties.decide(duty(), DutyMet(ADA), after(1))
    again, effects = duties.decide(met, DutyMet(GRACE), after(2))
    assert again == met
    assert [type(effect) for effect in effects] == [Whisper]


def test_a_duty_of_a_role_is_refused_to_others_but_not_to_the_bot() -> None:
    asked = duty(by=("operations",))
    same, effects = duties.decide(asked, DutyMet(ADA), after(1))
    assert same == asked
    assert [type(effect) for effect in effects] == [Whisper]
    assert duties.decide(asked, DutyMet(GRACE), after(1))[0].state == "met"
    assert duties.decide(asked, DutyMet(THE_BOT), after(1))[0].state == "met"


def test_what_ended_by_itself_is_not_claimed_as_done() -> None:
    over, _ = duties.decide(duty(), DutyOver("it ended by itself"), after(1))
    assert (over.state, over.met_by) == ("over", "")
    assert duties.decide(over, DutyOver("again"), after(2)) == (over, ())


TIMERS = [
    {"when": "alert.critical", "within": "5m", "due": "ack"},
    {"when": "alert.info", "within": "next_business_day", "due": "ack"},
    {"when": "breach(half)", "within": "10m", "due": "root_cause"},
    {"when": "breach", "within": "1h", "due": "handled"},
]


@pytest.mark.parametrize(
    ("occasion", "wave", "found"),
    [
        ("alert.critical", "", [("ack", 300)]),
        ("alert.warning", "", []),
        ("breach", "half", [("root_cause", 600), ("handled", 3600)]),
        ("breach", "full", [("handled", 3600)]),
    ],
)
def test_a_timer_starts_with_its_own_occasion(
    occasion: str, wave: str, found: list[tuple[str, float]]
) -> None:
    begun = duties.started(plan(timers=TIMERS), occasion, "x", "about", NOW, wave=wave)
    assert [(each.due, each.seconds) for each in begun] == found


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 11, 19, 10, tzinfo=UTC), datetime(2026, 11, 20, 17, tzinfo=UTC)),
        (datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 23, 17, tzinfo=UTC)),
        (datetime(2026, 11, 21, 10, tzinfo=UTC), datetime(2026, 11, 23, 17, tzinfo=UTC)),
    ],
)
@pytest.mark.requirement("P-101", "S4-07c")
def test_the_next_business_day_skips_the_weekend(now: datetime, end: datetime) -> None:
    assert duties.end_of_next_business_day(now, "UTC") == end


def test_a_business_day_ends_where_the_people_are() -> None:
    end = duties.end_of_next_business_day(
        datetime(2026, 11, 19, 10, tzinfo=UTC), "America/Los_Angeles"
    )
    assert end == datetime(2026, 11, 21, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"rollback": {"auto": ["switch_trafic"]}}, "did you mean 'switch_traffic'"),
        ({"rollback": {"waves": {"haf": ["investigate"]}}}, "did you mean 'half'"),
        ({"timers": [{"when": "alert.critcal", "within": "5m", "due": "ack"}]}, "alert.critical"),
        ({"timers": [{"when": "breach(x)", "within": "5m", "due": "ack"}]}, "no wave 'x'"),
        ({"timers": [{"when": "incident", "within": "5m", "due": "postmortem"}]}, "post_mortem"),
        ({"levels": {"eror_rate": {"warning": "> 5%"}}}, "error_rate"),
    ],
)
def test_a_word_that_nobody_knows_is_refused_with_the_nearest(
    section: dict[str, Any], words: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        plan(**section)
    assert words in str(caught.value)


# --- responses ------------------------------------------------------------------------------


def begun() -> Response:
    """A rollback that the bot decided on ten seconds after it began."""
    rules = plan()
    made = Response(
        id="r1-r7",
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v1.2.0",
        previous="v1.1.0",
        action="rollback",
        why="error_rate > 5%",
        steps=response.steps_for(rules, "rollback", "half", by=THE_BOT.person),
        budget=response.budget_of(rules.sections.rollback.budget),
        bad_since=NOW - timedelta(seconds=10),
        asked_at=NOW,
        decided_at=NOW,
        created_at=NOW,
    )
    return response.begin(made)[0]


def back(seconds: float = 2) -> Response:
    event = TrafficBack(quarantined=True, drain=30, at=after(seconds))
    return response.decide(begun(), event, after(seconds))[0]


def words(found: Response) -> list[tuple[str, bool]]:
    return [(step.text, step.done_at is not None) for step in found.steps]


def test_nothing_is_done_before_it_has_been_confirmed() -> None:
    assert words(begun()) == [
        ("All traffic to the previous version", False),
        ("Check: health", False),
        ("Open: ticket", False),
        ("Find out why", False),
    ]
    assert words(back())[:2] == [
        ("All traffic to the previous version", True),
        ("Check: health", False),
    ]


@pytest.mark.requirement("S-056", "B-125")
def test_a_rollback_within_its_time_says_how_long_each_part_took() -> None:
    seen, effects = response.decide(back(), Verified(True, "all is well"), after(8))
    spans = {part: span.total_seconds() for part, span in response.took(seen).items()}
    assert spans == {"detect": 10, "decide": 0, "execute": 2, "verify": 6, "total": 18}
    assert not any(isinstance(effect, Page) for effect in effects)


@pytest.mark.requirement("X-29", "S-054")
def test_a_part_that_took_too_long_is_named_and_people_are_called() -> None:
    seen, effects = response.decide(back(11), Verified(True, "all is well"), after(12))
    assert response.over_budget(seen) == ("execute",)
    assert any("Over the plan's time: execute" in e.text for e in effects if isinstance(e, Page))


@pytest.mark.requirement("W-147", "S-050", "P-117")
def test_a_version_before_that_is_not_well_is_told_and_nothing_is_ticked() -> None:
    seen, effects = response.decide(back(), Verified(False, "health fails"), after(900))
    assert ("Check: health", False) in words(seen)
    assert any(isinstance(effect, Page) for effect in effects)
    assert seen.verified_at is None


def test_people_tick_their_own_steps_and_not_the_ones_of_the_bot() -> None:
    for step, person in ((0, ADA), (2, NOBODY), (9, ADA)):
        same, effects = response.decide(back(), StepDone(person, step), after(9))
        assert same == back()
        assert [type(effect) for effect in effects] == [Whisper]
    done, _ = response.decide(back(), StepDone(ADA, 2, "INC-7"), after(9))
    assert (done.steps[2].by, done.steps[2].evidence) == ("ada", "INC-7")


def test_a_response_ends_when_everything_is_done_and_seen() -> None:
    seen, _ = response.decide(back(), Verified(True, "all is well"), after(8))
    one, _ = response.decide(seen, StepDone(ADA, 2), after(9))
    assert one.state == "open"
    all_, _ = response.decide(one, StepDone(ADA, 3), after(10))
    assert (all_.state, all_.ended_at) == ("done", after(10))


def test_what_was_kept_is_said_once() -> None:
    event = Preserved("3 entries", "Kept for the post-mortem: 3 entries.")
    _, effects = response.decide(back(), event, after(3))
    assert any(getattr(effect, "text", "").startswith("Kept for") for effect in effects)


def test_nobody_having_looked_within_the_time_calls_people_once() -> None:
    waiting = back()
    assert waiting.next_check_at is not None
    late, effects = response.decide(waiting, Ticked(), waiting.next_check_at)
    assert any(isinstance(effect, Page) for effect in effects)
    assert response.decide(late, Ticked(), after(10_000)) == (late, ())


# --- clocks of a whole release ------------------------------------------------------------------


@pytest.mark.requirement("S-004")
def test_a_hotfix_is_said_again_at_half_and_three_quarters_of_its_time_and_then_late() -> None:
    four = timedelta(hours=4)
    made = Duty(
        id="d1",
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v1.2.1",
        due=duties.IN_PRODUCTION,
        about="v1.2.1 is a hotfix",
        created_at=NOW,
        due_at=NOW + four,
    )
    going, said = duties.begin(made)[0], []
    while (at := going.next_check_at) is not None:
        assert duties.decide(going, Ticked(), at - timedelta(seconds=1)) == (going, ())
        going, effects = duties.decide(going, Ticked(), at)
        said += [(at - NOW, e.text) for e in effects if isinstance(e, TellDuty)]
    assert [(at, text[:40]) for at, text in said] == [
        (four / 2, "50 % of the time is over, 2h are left to"),
        (four * 0.75, "75 % of the time is over, 1h are left to"),
        (four, "Nobody has come to have the fix in produ"),
    ]


@pytest.mark.parametrize(
    ("name", "type_", "weeks"),
    [
        pytest.param("proofile-staged", "", 4, marks=pytest.mark.requirement("P-002")),
        pytest.param("sarvanom-feature", "feature", 2, marks=pytest.mark.requirement("S-007")),
        pytest.param("sarvanom-major", "major", 4, marks=pytest.mark.requirement("S-010")),
    ],
)
def test_a_release_that_takes_longer_than_expected_is_said_and_wakes_nobody(
    name: str, type_: str, weeks: int
) -> None:
    asked = msgspec.structs.replace(fresh(plans().get(name)), type=type_)
    (clock,) = [
        each
        for each in aftermath.begun(asked, NOW)
        if isinstance(each, StartDuty) and each.due == duties.FINISHED
    ]
    assert clock.seconds == timedelta(weeks=weeks).total_seconds()
    made = Duty(
        id="d1",
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v1.2.0",
        due=clock.due,
        about=clock.about,
        created_at=NOW,
        due_at=NOW + timedelta(seconds=clock.seconds),
    )
    late, effects = duties.decide(duties.begin(made)[0], Ticked(), made.due_at)
    assert late.state == "late"
    assert [type(effect) for effect in effects] == [ShowDuty, TellDuty]
    done = msgspec.structs.replace(completed(), plan=plans().get(name))
    before = msgspec.structs.replace(done, phase=Phase.WATCHING)
    _, effects = aftermath.follow(before, Ticked(), done, (), NOW)
    assert EndDuties(duties.FINISHED, "", "v1.2.0 is complete", met=True) in effects
