"""A release whose first day is set: nothing moves before, and what is due before is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain import checklists, planned
from bot.domain.decisions import decide
from bot.domain.events import AskSigners, ItemTicked, PreflightPassed, Ticked
from bot.domain.holds import Asked, HoldKind
from bot.domain.holds import opening as opens
from bot.domain.holds import planned as planned_holds
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.preview import preview
from bot.domain.rollout import Phase, Rollout
from tests.domain.builders import ARTIFACT, NOW, OLD, fresh, plan
from tests.requirements.acting import plans

FIRST = datetime(2026, 12, 15, 17, 0, tzinfo=UTC)
"""09:00 in Los Angeles, some three weeks later."""

DAY = timedelta(days=1)


def asked(the_plan: Plan | None = None, first: datetime | None = FIRST) -> Rollout:
    return msgspec.structs.replace(fresh(the_plan), planned_at=first)


def looked_at(rollout: Rollout, now: datetime = NOW) -> tuple[Rollout, tuple[Any, ...]]:
    return decide(rollout, PreflightPassed(ARTIFACT, OLD, "q1"), now)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-15", FIRST),
        ("2026-12-15T10:30", FIRST + timedelta(minutes=90)),
        ("2026-12-15T17:00Z", FIRST),
    ],
)
def test_a_day_is_meant_in_the_zone_of_the_plan_and_begins_at_nine(text: str, at: datetime) -> None:
    assert planned.first_day(text, plans().get("batch-patches-waves"), NOW) == at


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-20"])
def test_a_day_that_is_none_or_is_over_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a moment|over already"):
        planned.first_day(text, plan(), NOW)


def test_nothing_moves_before_the_day_not_even_a_hotfix_with_one_more_signature() -> None:
    for exempt in (False, True):
        held = Asked(
            service="checkout",
            environment="production",
            plan=plan(),
            kind="hotfix",
            planned_at=FIRST,
            exempt=exempt,
        )
        (hold,) = planned_holds(held, [], NOW)
        assert (hold.kind, hold.until) == (HoldKind.PLANNED, FIRST)
        assert opens(held, [], [hold], NOW) == FIRST
        assert not list(planned_holds(held, [], FIRST))


def test_signatures_are_asked_for_when_they_will_last_until_the_day() -> None:
    waiting, effects = looked_at(asked())
    assert (waiting.phase, waiting.next_check_at) == (Phase.PREFLIGHT, FIRST - timedelta(hours=18))
    assert AskSigners("release") not in effects
    again, effects = looked_at(waiting, FIRST - 2 * DAY)
    assert (again, effects) == (waiting, ())
    late = FIRST - timedelta(hours=18)
    _, effects = decide(waiting, Ticked(), late)
    assert effects, "it is looked at once more, and then asked"
    waiting, effects = looked_at(waiting, late)
    assert waiting.phase is Phase.AWAITING_APPROVAL
    assert waiting.request is not None
    assert waiting.request.expires_at > FIRST
    assert AskSigners("release") in effects
    assert looked_at(asked(first=None))[0].phase is Phase.AWAITING_APPROVAL


@pytest.mark.requirement("B-025", "S4-12a")
def test_batch_patches_checklists_are_due_two_weeks_and_one_week_before_the_first_day() -> None:
    rollout = looked_at(asked(plans().get("batch-patches-waves")))[0]
    found = {chore.id: chore for chore in planned.chores(rollout, NOW)}
    assert {id_: FIRST - chore.due_at for id_, chore in found.items()} == {
        "r1.code-quality": 14 * DAY,
        "r1.infrastructure": 7 * DAY,
        "r1.team": 7 * DAY,
    }
    code = found["r1.code-quality"]
    assert "checklist “The code”: 5 items, due 14d before" in code.text
    assert code.by == ("ciso", "development_lead")
    # Those who agree do so by signing, which is asked for in that week.
    at = planned.asks_at(rollout)
    assert at is not None
    assert 7 * DAY <= FIRST - at < 8 * DAY


@pytest.mark.requirement("B-025", "S4-12a")
def test_a_checklist_whose_items_are_ticked_is_no_longer_reminded_of() -> None:
    rollout = looked_at(asked(plans().get("batch-patches-waves")))[0]
    everybody = Actor("olga", "U0OLGA", ("ciso", "development_lead", "operations"))
    items = next(each for each in checklists.of(rollout) if each.id == "code-quality").items
    for item in items:
        assert planned.done_lists(rollout) == set()
        said = "4ms" if item.value else "done"
        rollout, _ = decide(rollout, ItemTicked(everybody, item.key, True, said), NOW)
    assert planned.done_lists(rollout) == {"r1.code-quality"}


# --- the timetable ------------------------------------------------------------------------------


def table(name: str, first: datetime) -> list[str]:
    found = planned.timetable(plans().get(name), first)
    return [f"{entry.at:%a %d %H:%M} {entry.what}" for entry in found]


TUESDAY = datetime(2026, 12, 15, 9, 0, tzinfo=UTC)


@pytest.mark.requirement("W-191")
def test_whispercaches_day_in_staging_is_the_day_before() -> None:
    assert table("whispercache-canary", TUESDAY)[:6] == [
        "Mon 14 09:00 it is deployed to staging",
        "Mon 14 09:30 the smoke tests run there",
        "Mon 14 10:00 all tests run there",
        "Mon 14 11:00 the performance tests run there",
        "Mon 14 14:00 the team looks at staging",
        "Mon 14 15:00 staging is signed off",
    ]


@pytest.mark.requirement("W-192")
def test_whispercaches_day_in_production_is_around_its_waves() -> None:
    assert table("whispercache-canary", TUESDAY)[6:] == [
        "Tue 15 08:00 the last checks",
        "Tue 15 12:00 somebody validates it in production",
        "Tue 15 12:30 customers are told",
        "Tue 15 13:00 the old side is taken down",
    ]
    waves = preview(plans().get("whispercache-canary"), TUESDAY).waves
    assert [f"{w.starts_at:%H:%M} {w.traffic:g} % {w.instances}" for w in waves] == [
        "09:00 5 % 1",
        "09:30 25 % 5",
        "10:00 50 % 10",
        "11:00 100 % all",
    ]
    assert f"{waves[-1].ends_at:%H:%M}" == "13:00"


@pytest.mark.requirement("P-074")
def test_proofiles_days_have_names_and_two_weeks_of_follow_up() -> None:
    assert table("proofile-staged", TUESDAY) == [
        "Mon 14 09:00 staging is signed off for the last time",
        "Tue 15 09:00 the canary: 5 %, and it is looked over",
        "Wed 16 09:00 the canary is watched",
        "Thu 17 09:00 graduated: 25 %, and it is looked over",
        "Fri 18 09:00 the quarter is watched",
        "Sun 20 09:00 full production: 100 %",
        "Mon 21 09:00 it is watched after the release",
    ]
    after = plans().get("proofile-staged").afterwards
    assert [(w.starts, w.ends) for w in after.windows if w.id == "weeks_2_to_4"] == [
        (14 * DAY, 28 * DAY)
    ]


def test_what_is_over_on_the_timetable_is_not_asked_for_any_more() -> None:
    rollout = asked(plans().get("whispercache-canary"), TUESDAY)
    found = [chore.id for chore in planned.chores(rollout, TUESDAY - timedelta(hours=2))]
    assert found == ["r1.day-7", "r1.day-8", "r1.day-9", "r1.day-10"]
