"""The calendars of the plans that come with the program."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from bot.domain.holds import Asked, forecast
from bot.domain.release_types import implied_type, known_labels
from bot.plans import PlanLibrary, library

TUESDAY = datetime(2026, 12, 1, tzinfo=UTC)
"""One on which the weeks that are counted from January 2024 let releases begin."""

DAY = timedelta(days=1)


@cache
def plans() -> PlanLibrary:
    return library()


def opens(name: str, at: datetime, *labels: str) -> datetime | None:
    """When a release by a built-in plan may begin that is ready at an instant."""
    plan = plans().get(name)
    kind = implied_type(plan)
    asked = Asked(service="api", environment="production", plan=plan, kind=kind, labels=labels)
    return forecast(asked, (), at).opens_at


def test_the_first_of_these_days_is_one() -> None:
    assert opens("sarvanom-feature", TUESDAY - DAY) == TUESDAY


@pytest.mark.requirement("S4-13a", "S-106")
@pytest.mark.parametrize("weeks", [0, 2, 4, 52])
def test_features_begin_on_every_second_tuesday_and_on_no_other_day(weeks: int) -> None:
    day = TUESDAY + timedelta(weeks=weeks)
    assert day.strftime("%A") == "Tuesday"
    for at in (day, day + timedelta(hours=23, minutes=59)):
        assert opens("sarvanom-feature", at) == at
    for later in range(1, 14):
        assert opens("sarvanom-feature", day + later * DAY) == day + 14 * DAY


@pytest.mark.requirement("S4-13b", "S-108")
def test_major_releases_begin_on_every_third_of_these_days() -> None:
    first = opens("sarvanom-major", TUESDAY)
    assert first is not None
    assert opens("sarvanom-feature", first) == first
    assert opens("sarvanom-major", first + DAY) == first + timedelta(weeks=6)


@pytest.mark.requirement("S4-13c", "S-107")
@pytest.mark.parametrize("day", range(7))
def test_hotfixes_begin_on_any_day(day: int) -> None:
    at = TUESDAY + day * DAY + timedelta(hours=3)
    assert opens("sarvanom-hotfix", at) == at


@pytest.mark.requirement("S4-13d", "S-109")
@pytest.mark.parametrize("name", ["sarvanom-feature", "sarvanom-hotfix", "sarvanom-major"])
def test_maintenance_is_on_every_fourth_sunday_from_two_to_four(name: str) -> None:
    assert "maintenance" in known_labels(plans().get(name))
    first = opens(name, TUESDAY, "maintenance")
    assert first is not None
    assert (first.strftime("%A"), first.hour) == ("Sunday", 2)
    inside = first + timedelta(hours=1, minutes=59)
    assert opens(name, inside, "maintenance") == inside
    after = first + timedelta(hours=2)
    assert opens(name, after, "maintenance") == first + timedelta(weeks=4)
