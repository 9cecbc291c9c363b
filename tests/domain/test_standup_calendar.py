"""When standups are held: zones, clocks that are changed, weekends, holidays, outages."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from bot.domain.documents import DocumentError
from bot.domain.standup_calendar import LATE, Series, due, following, instant
from bot.domain.standup_settings import StandupDocument, mistakes_in, series_of

LA, BERLIN = "America/Los_Angeles", "Europe/Berlin"
HOUR = timedelta(hours=1)


def series(**fields: Any) -> Series:
    usual: dict[str, Any] = {"channel": "C0", "plan": "p", "zone": LA, "times": (time(9),)}
    return Series(**(usual | fields))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(one: Series, begins: str, days: int, *, live: bool = False) -> list[str]:
    """The slots of some days as UTC, without the year."""
    now, found = utc(begins), []
    end = now + timedelta(days=days)
    while (slot := following(one, now, live=live)) is not None and slot.at < end:
        found.append(f"{slot.at:%m-%d %H:%M}")
        now = slot.at
    return found


@pytest.mark.requirement("B-117")
@pytest.mark.parametrize(
    ("day", "at"),
    [
        (date(2026, 1, 15), "2026-01-15T17:00"),
        (date(2026, 7, 15), "2026-07-15T16:00"),
        (date(2026, 3, 9), "2026-03-09T16:00"),
        (date(2026, 11, 2), "2026-11-02T17:00"),
    ],
    ids=["winter", "summer", "after spring forward", "after fall back"],
)
def test_nine_in_los_angeles_is_nine_there_in_winter_and_in_summer(day: date, at: str) -> None:
    assert instant(day, time(9), LA) == utc(at)


def test_each_local_day_has_one_standup_when_the_clocks_are_changed() -> None:
    daily = series(zone=BERLIN, times=(time(2, 30),))
    assert slots(daily, "2026-03-27T12:00", 4, live=True) == [
        "03-28 01:30",
        "03-29 01:30",  # 02:30 is jumped over; the clocks show 03:30
        "03-30 00:30",
        "03-31 00:30",
    ]
    assert slots(daily, "2026-10-23T12:00", 4, live=True) == [
        "10-24 00:30",
        "10-25 00:30",  # 02:30 is there twice; the first is meant
        "10-26 01:30",
        "10-27 01:30",
    ]


def test_twenty_four_hours_later_means_the_next_local_nine() -> None:
    held = due(series(), utc("2026-10-31T16:00"), live=True)
    assert held is not None
    ahead = following(series(), held.at, live=True)
    assert ahead is not None
    assert ahead.at - held.at == 25 * HOUR


@pytest.mark.requirement("X-20", "S4-09")
def test_a_second_time_of_the_day_is_in_the_zone_of_the_standup() -> None:
    both = series(times=(time(9), time(17)))
    assert slots(both, "2026-07-15T07:00", 1) == ["07-15 16:00", "07-16 00:00"]


def test_weekends_and_holidays_count_only_while_a_release_is_live() -> None:
    one = series(zone="UTC", holidays=frozenset({date(2026, 12, 25)}))
    assert slots(one, "2026-12-24T10:00", 5) == ["12-28 09:00", "12-29 09:00"]
    assert len(slots(one, "2026-12-24T10:00", 5, live=True)) == 5
    assert due(one, utc("2026-12-25T09:00"), live=False) is None
    assert due(one, utc("2026-12-26T09:00"), live=True) is not None


def test_one_that_only_a_release_asks_for_is_not_held_without_one() -> None:
    one = series(daily=False)
    assert following(one, utc("2026-07-15T07:00"), live=False) is None
    assert due(one, utc("2026-07-15T16:00"), live=False) is None


def test_after_an_outage_it_is_held_late_but_not_too_late() -> None:
    at = utc("2026-07-15T16:00")
    assert due(series(), at - timedelta(seconds=1), live=False) is None
    for late in (timedelta(), HOUR, LATE):
        slot = due(series(), at + late, live=False)
        assert slot is not None
        assert (slot.at, slot.local) == (at, "2026-07-15T09:00")
    assert due(series(), at + LATE + timedelta(seconds=1), live=False) is None


def test_of_two_that_were_missed_the_newer_one_is_held() -> None:
    both = series(zone="UTC", times=(time(9), time(10)))
    slot = due(both, utc("2026-07-15T10:30"), live=False)
    assert slot is not None
    assert slot.local == "2026-07-15T10:00"


def test_a_slot_after_midnight_is_held_late_on_the_day_before_elsewhere() -> None:
    late = series(zone="Pacific/Kiritimati", times=(time(23, 30),))
    slot = due(late, utc("2026-07-15T10:00"), live=True)
    assert slot is not None
    assert (slot.local, slot.at) == ("2026-07-15T23:30", utc("2026-07-15T09:30"))


def test_without_a_business_day_in_a_year_there_is_no_next_one() -> None:
    days = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(900))
    assert following(series(holidays=days), utc("2026-07-15T10:00"), live=False) is None


# --- as it is configured --------------------------------------------------------------------


def document(**fields: Any) -> StandupDocument:
    usual = {"channel": "C0RELEASES", "plan": "p", "at": "09:00", "zone": LA}
    return StandupDocument(**(usual | fields))


def test_the_settings_become_a_series() -> None:
    made = series_of(document(holidays=("2026-12-25",), weekly="friday"))
    assert (made.times, made.weekly) == ((time(9),), 4)
    assert made.holidays == {date(2026, 12, 25)}
    assert series_of(document(weekly="")).weekly is None


def wrong(*standups: StandupDocument) -> list[str]:
    found: list[DocumentError] = list(mistakes_in(standups, ["p", "q"]))
    return [str(each) for each in found]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"zone": "America/Los_Angles"}, "standups[0].zone: 'America/Los_Angles' is not a time"),
        ({"plan": "pp"}, "standups[0].plan: there is no plan 'pp' (did you mean 'p'?)"),
        ({"holidays": ("2026-02-30",)}, "standups[0].holidays[0]: there is no day '2026-02-30'"),
    ],
)
def test_what_is_not_there_is_told_with_its_place(fields: dict[str, Any], told: str) -> None:
    (found,) = wrong(document(**fields))
    assert found.startswith(told)


def test_one_channel_has_one_standup_about_a_plan() -> None:
    assert wrong(document(), document(plan="q"), document(channel="C0OTHER")) == []
    (found,) = wrong(document(), document(at="10:00"))
    assert "has a standup about this plan already" in found
