"""On which days releases begin by the calendar of SarvanOM's plans."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bot.domain.holds import Asked, planned
from tests.requirements.acting import plans

FEATURE = "sarvanom-feature"

NEW_YEAR = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
YEAR = 364


def open_days(kind: str = "", labels: tuple[str, ...] = (), hour: int = 12) -> list[datetime]:
    """The days of a year on which a release of SarvanOM's may begin at this hour, in UTC."""
    plan = plans().get("sarvanom-hotfix" if kind == "hotfix" else FEATURE)
    asked = Asked(service="search", environment="production", plan=plan, kind=kind, labels=labels)
    days = (NEW_YEAR.replace(hour=hour) + timedelta(days=n) for n in range(YEAR))
    return [day for day in days if not list(planned(asked, [], day))]


def apart(days: list[datetime]) -> set[int]:
    return {(later - day).days for day, later in pairwise(days)}


@pytest.mark.requirement("S-106", "S4-13a")
def test_ordinary_releases_begin_on_every_second_tuesday() -> None:
    days = open_days()
    assert {day.strftime("%A") for day in days} == {"Tuesday"}
    assert apart(days) == {14}


@pytest.mark.requirement("S-108", "S4-13b")
def test_major_releases_begin_every_six_weeks() -> None:
    assert apart(open_days("major")) == {42}


@pytest.mark.requirement("S-107", "S4-13c")
def test_a_hotfix_begins_on_any_day() -> None:
    assert len(open_days("hotfix")) == YEAR


@pytest.mark.requirement("S-109", "S4-13d")
def test_maintenance_is_on_every_fourth_sunday_from_two_to_four() -> None:
    days = open_days(labels=("maintenance",), hour=2)
    assert {day.strftime("%A") for day in days} == {"Sunday"}
    assert apart(days) == {28}
    assert open_days(labels=("maintenance",), hour=3) == [day.replace(hour=3) for day in days]
    assert not open_days(labels=("maintenance",), hour=1)
    assert not open_days(labels=("maintenance",), hour=4)
