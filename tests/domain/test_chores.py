"""What comes round: when, who is reminded, and that it is asked until somebody does it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain import chores
from bot.domain.chores import (
    Chore,
    ChoreChanged,
    ChoreDone,
    ChoreDropped,
    ChoreTried,
    ShowChore,
    TellChore,
    TryChore,
)
from bot.domain.documents import DocumentError
from bot.domain.events import Ticked, Whisper
from bot.domain.people import THE_BOT
from bot.domain.plan_compile import compile_plan
from bot.domain.recurring import RecurringDocument, next_after, rule_of
from tests.domain.builders import ADA, GRACE, NOBODY
from tests.domain.test_duties import DOCUMENT
from tests.requirements.acting import plans

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEEK, DAY = timedelta(weeks=1), timedelta(days=1)


def document(**fields: Any) -> RecurringDocument:
    return RecurringDocument(**{"id": "limits", "text": "Are the limits right?", **fields})


def times(n: int, start: datetime = SATURDAY, **fields: Any) -> list[str]:
    """The next times that something comes round, in UTC."""
    rule, found, at = rule_of(document(**fields)), [], start
    for _ in range(n):
        at = next_after(rule, at)
        found.append(f"{at:%a %Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"every": "daily", "at": "02:00"}, ["Sun 2026-11-22 02:00", "Mon 2026-11-23 02:00"]),
        ({"every": "weekly"}, ["Mon 2026-11-23 09:00", "Mon 2026-11-30 09:00"]),
        (
            {"every": "weekly", "weekday": "saturday", "at": "13:00"},
            ["Sat 2026-11-21 13:00", "Sat 2026-11-28 13:00"],
        ),
        ({"every": "2w"}, ["Mon 2026-11-30 09:00", "Mon 2026-12-14 09:00"]),
        ({"every": "monthly"}, ["Tue 2026-12-01 09:00", "Fri 2027-01-01 09:00"]),
        ({"every": "monthly", "day": 21, "at": "12:30"}, ["Sat 2026-11-21 12:30"]),
        ({"every": "quarterly", "day": 15}, ["Fri 2027-01-15 09:00", "Thu 2027-04-15 09:00"]),
        ({"every": "half-yearly"}, ["Fri 2027-01-01 09:00", "Thu 2027-07-01 09:00"]),
        ({"every": "yearly"}, ["Fri 2027-01-01 09:00", "Sat 2028-01-01 09:00"]),
        ({"every": "weekly", "zone": "America/Los_Angeles"}, ["Mon 2026-11-23 17:00"]),
        # The clocks skip that hour: the moment of the jump counts.
        (
            {"every": "yearly", "day": 28, "at": "02:30", "zone": "Europe/Berlin"},
            ["Thu 2027-01-28 01:30"],
        ),
    ],
)
def test_it_comes_round_on_days_that_nothing_shifts(
    fields: dict[str, Any], expected: list[str]
) -> None:
    assert times(len(expected), **fields) == expected


def test_an_hour_that_the_clocks_skip_is_the_moment_of_the_jump() -> None:
    start = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    assert times(1, start, every="daily", at="02:30", zone="Europe/Berlin") == [
        "Sun 2027-03-28 01:00"
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"every": "wekly"}, "did you mean 'weekly'?"),
        ({"every": "10d"}, "does not say how often"),
        ({"every": "0w"}, "does not say how often"),
        ({"every": "weekly", "zone": "Mars/Olympus"}, "is not a time zone"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_with_its_place(
    fields: dict[str, Any], words: str
) -> None:
    written = {"id": "limits", "text": "Look", **fields}
    with pytest.raises(DocumentError) as caught:
        compile_plan({**DOCUMENT, "recurring": [written]})
    assert words in str(caught.value)
    assert caught.value.path[:2] == ("recurring", 0)


def test_two_of_a_name_are_refused() -> None:
    twice = [{"id": "limits", "text": "Look", "every": "daily"}] * 2
    with pytest.raises(DocumentError, match="used twice"):
        compile_plan({**DOCUMENT, "recurring": twice})


# --- what becomes of one ------------------------------------------------------------------------


def chore(**fields: Any) -> Chore:
    """Weekly on Mondays at nine, for security."""
    given = {
        "rule": rule_of(document(every="weekly")),
        "due_at": MONDAY,
        "by": ("security",),
        **fields,
    }
    made = Chore(
        id="limits",
        text="Are the limits right?",
        channel="C0RELEASES",
        created_at=SATURDAY,
        **given,
    )
    return chores.begin(made)[0]


def after(made: Chore, *happened: tuple[Any, datetime]) -> Chore:
    for event, at in happened:
        made, _ = chores.decide(made, event, at)
    return made


def told(made: Chore, event: Any, at: datetime) -> list[Any]:
    return list(chores.decide(made, event, at)[1])


TICK = Ticked()


def test_it_is_asked_at_its_time_and_once() -> None:
    waiting = chore()
    assert (waiting.state, waiting.next_check_at) == ("waiting", MONDAY)
    assert told(waiting, TICK, MONDAY - timedelta(seconds=1)) == []
    assert told(waiting, TICK, MONDAY) == [ShowChore(1)]
    asked = after(waiting, (TICK, MONDAY))
    assert (asked.state, asked.next_check_at) == ("open", MONDAY + DAY)
    assert told(asked, TICK, MONDAY + timedelta(hours=1)) == []


def test_people_are_reminded_less_and_less_often_until_it_is_done() -> None:
    made, said = after(chore(), (TICK, MONDAY)), []
    for hours in range(1, 24 * 6):
        at = MONDAY + timedelta(hours=hours)
        effects = told(made, TICK, at)
        said += [(hours // 24, e) for e in effects if isinstance(e, TellChore)]
        made = after(made, (TICK, at))
    assert [day for day, _ in said] == [1, 3]
    assert said[0][1].text == "Still to be done, for 1d: Are the limits right? (security)"
    assert said[0][1].broadcast


def test_somebody_of_the_role_does_it_and_the_next_one_comes() -> None:
    asked = after(chore(), (TICK, MONDAY))
    for stranger in (GRACE, NOBODY):
        (refusal,) = told(asked, ChoreDone(stranger), MONDAY)
        assert isinstance(refusal, Whisper)
        assert "for security to do" in refusal.text
    done = after(asked, (ChoreDone(ADA, "all fine", 1), MONDAY + timedelta(hours=3)))
    assert (done.state, done.done_by, done.note) == ("waiting", "ada", "all fine")
    assert done.due_at == done.next_check_at == MONDAY + WEEK
    (late,) = told(done, ChoreDone(ADA), MONDAY + DAY)
    assert isinstance(late, Whisper)


def test_what_nobody_did_is_over_when_the_next_one_comes() -> None:
    asked = after(chore(remind=timedelta(weeks=3)), (TICK, MONDAY))
    assert told(asked, TICK, MONDAY + WEEK) == [ShowChore(1), ShowChore(2)]
    again = after(asked, (TICK, MONDAY + WEEK))
    assert (again.round, again.missed, again.due_at) == (2, 1, MONDAY + WEEK)
    (refusal,) = told(again, ChoreDone(ADA, round=1), MONDAY + WEEK)
    assert isinstance(refusal, Whisper)
    assert "earlier round" in refusal.text


def test_after_an_outage_one_round_is_asked_and_not_all() -> None:
    late = after(chore(), (TICK, MONDAY + 3 * WEEK + DAY))
    assert (late.round, late.due_at) == (1, MONDAY + 3 * WEEK)


def test_a_check_ticks_it_quietly_and_people_hear_when_it_says_no() -> None:
    checked = chore(check="fresh")
    assert told(checked, TICK, MONDAY) == [TryChore("fresh")]
    asked = after(checked, (TICK, MONDAY))
    assert told(asked, ChoreDone(THE_BOT, "made at 02:10"), MONDAY) == []
    assert after(asked, (ChoreDone(THE_BOT), MONDAY)).state == "waiting"
    assert told(asked, ChoreTried("3 days old"), MONDAY) == [ShowChore(1)]
    failed = after(asked, (ChoreTried("3 days old"), MONDAY))
    assert TryChore("fresh") in told(failed, TICK, MONDAY + DAY)
    assert told(failed, ChoreDone(THE_BOT), MONDAY + DAY) == [ShowChore(1)]


def test_what_is_asked_once_ends_when_it_is_done() -> None:
    once = chore(rule=None)
    asked = after(once, (TICK, MONDAY), (TICK, MONDAY + DAY))
    assert asked.reminders == 1
    done = after(asked, (ChoreDone(ADA), MONDAY + DAY))
    assert (done.state, done.next_check_at) == ("done", None)
    assert told(done, TICK, MONDAY + WEEK) == []


def test_a_change_of_the_configuration_moves_what_waits_and_keeps_what_is_open() -> None:
    new = chore(rule=rule_of(document(every="weekly", weekday="friday")))
    moved = after(chore(), (ChoreChanged(new), SATURDAY))
    assert moved.next_check_at == datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    asked = after(chore(), (TICK, MONDAY))
    words = msgspec.structs.replace(chore(), text="Look at the limits")
    changed = after(asked, (ChoreChanged(words), MONDAY))
    assert (changed.state, changed.text) == ("open", "Look at the limits")
    assert told(asked, ChoreChanged(chore()), MONDAY) == []


def test_what_is_no_longer_listed_ends_and_begins_again_when_it_is() -> None:
    asked = after(chore(), (TICK, MONDAY))
    assert told(asked, ChoreDropped("not listed"), MONDAY) == [ShowChore(1)]
    gone = after(asked, (ChoreDropped("not listed"), MONDAY))
    assert (gone.state, gone.next_check_at) == ("over", None)
    back = after(gone, (ChoreChanged(chore()), MONDAY + DAY))
    assert (back.state, back.next_check_at) == ("waiting", MONDAY + WEEK)


# --- what the documents want to come round ------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "id_", "expected", "by"),
    [
        pytest.param(
            "batch-patches-waves",
            "alert-limits",
            ["Mon 2026-11-23 09:00", "Mon 2026-11-30 09:00"],
            "operations",
            marks=pytest.mark.requirement("B-140", "S4-14"),
        ),
        pytest.param(
            "batch-patches-waves",
            "costs",
            ["Tue 2026-12-01 09:00", "Fri 2027-01-01 09:00"],
            "product_manager",
            marks=pytest.mark.requirement("B-141", "S4-14"),
        ),
        pytest.param(
            "batch-patches-waves",
            "security-audit",
            ["Fri 2027-01-01 09:00", "Thu 2027-04-01 09:00"],
            "ciso",
            marks=pytest.mark.requirement("B-142", "S4-14"),
        ),
        pytest.param(
            "batch-patches-waves",
            "disaster-drill",
            ["Fri 2027-01-01 09:00", "Thu 2027-07-01 09:00"],
            "operations",
            marks=pytest.mark.requirement("B-143", "S4-14"),
        ),
        pytest.param(
            "whispercache-canary",
            "staging-data",
            ["Sun 2026-11-22 02:00", "Mon 2026-11-23 02:00"],
            "operations",
            marks=pytest.mark.requirement("S4-14"),
        ),
        pytest.param(
            "crypto-watch-linear",
            "rollback-test",
            ["Tue 2026-12-01 09:00", "Fri 2027-01-01 09:00"],
            "ops_lead",
            marks=pytest.mark.requirement("C-123"),
        ),
    ],
)
def test_the_plans_remind_of_what_their_documents_want_done_again_and_again(
    plan: str, id_: str, expected: list[str], by: str
) -> None:
    found = {each.id: each for each in plans().get(plan).sections.recurring}[id_]
    rule = rule_of(found)
    first = next_after(rule, SATURDAY)
    made = chore(rule=rule, due_at=first, by=found.by)
    asked = after(made, (TICK, first))
    assert (asked.state, asked.by) == ("open", (by,))
    assert told(asked, TICK, first + DAY)
    following = after(asked, (ChoreDone(THE_BOT), first))
    shown = [f"{at:%a %Y-%m-%d %H:%M}" for at in (first, following.due_at)]
    assert shown == expected
