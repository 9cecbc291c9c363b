"""Windows on real calendars: jumping clocks, midnight, every other week."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.calendar import (
    HORIZON,
    Period,
    Span,
    Weekly,
    Window,
    closed_until,
    known_zone,
    next_begin,
    next_open,
    parse_clock,
    periods,
    shown,
)

BERLIN = "Europe/Berlin"
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(window: Window, start: str, count: int = 1) -> list[Period]:
    return list(itertools.islice(periods(window, at(start)), count))


def test_a_window_follows_the_clocks_of_its_zone_through_the_seasons() -> None:
    tuesdays = Weekly(weekday=1, start=time(9), end=time(17), zone=BERLIN)
    winter, summer = first(tuesdays, "2026-03-24T00:00", 2)
    assert winter == (at("2026-03-24T08:00"), at("2026-03-24T16:00"))
    assert summer == (at("2026-03-31T07:00"), at("2026-03-31T15:00"))


def test_a_window_whose_beginning_is_left_out_in_spring_begins_at_the_jump() -> None:
    night = Weekly(weekday=6, start=time(2, 30), end=time(4), zone=BERLIN)
    assert first(night, "2026-03-28T12:00") == [(at("2026-03-29T01:00"), at("2026-03-29T02:00"))]


def test_a_window_that_is_left_out_altogether_is_not_there() -> None:
    night = Weekly(weekday=6, start=time(2, 10), end=time(2, 50), zone=BERLIN)
    (only,) = first(night, "2026-03-28T12:00")
    assert only.start == at("2026-04-05T00:10")


def test_the_hour_that_is_there_twice_in_autumn_counts_twice() -> None:
    night = Weekly(weekday=6, start=time(2), end=time(3), zone=BERLIN)
    (long,) = first(night, "2026-10-24T12:00")
    assert long == (at("2026-10-25T00:00"), at("2026-10-25T02:00"))


def test_a_window_that_ends_in_the_double_hour_ends_when_that_is_shown_for_the_last_time() -> None:
    night = Weekly(weekday=6, start=time(1), end=time(2, 30), zone=BERLIN)
    assert first(night, "2026-10-24T12:00") == [(at("2026-10-24T23:00"), at("2026-10-25T01:30"))]


def test_a_day_that_an_island_skipped_is_not_there() -> None:
    """Samoa went from the 29th of December 2011 to the 31st."""
    fridays = Weekly(weekday=4, start=time(0), end=time(0), days=1, zone="Pacific/Apia")
    starts = [
        p.start.astimezone(ZoneInfo("Pacific/Apia")).date()
        for p in first(fridays, "2011-12-20T00:00", 2)
    ]
    assert starts == [date(2011, 12, 23), date(2012, 1, 6)]


def test_a_window_that_ends_before_it_begins_runs_over_midnight() -> None:
    weekend = Weekly(weekday=4, start=time(15), end=time(8), days=3, zone=BERLIN)
    assert closed_until([weekend], at("2026-11-22T23:00")) == at("2026-11-23T07:00")
    assert closed_until([weekend], at("2026-11-23T07:00")) is None
    assert closed_until([weekend], at("2026-11-20T13:59")) is None
    assert closed_until([weekend], at("2026-11-20T14:00")) == at("2026-11-23T07:00")


def test_every_other_week_counts_from_its_anchor_over_the_end_of_a_year() -> None:
    """2026 has 53 ISO weeks: counting odd and even ones would go wrong here."""
    other = Weekly(
        weekday=1, start=time(0), end=time(0), days=1, every=2, anchor=date(2026, 12, 18)
    )
    starts = [p.start.date() for p in first(other, "2026-12-10T00:00", 4)]
    assert starts == [date(2026, 12, 15), date(2026, 12, 29), date(2027, 1, 12), date(2027, 1, 26)]


def test_an_anchor_may_lie_in_the_future() -> None:
    sixth = Weekly(weekday=0, start=time(0), end=time(1), every=6, anchor=date(2030, 1, 7))
    (found,) = first(sixth, "2026-11-21T00:00")
    assert (date(2030, 1, 7) - found.start.date()).days % 42 == 0
    assert timedelta() <= found.start - at("2026-11-21T00:00") <= timedelta(weeks=6)


def test_what_is_closed_for_ever_never_opens() -> None:
    always = Weekly(weekday=0, start=time(0), end=time(0), days=7)
    assert next_open([always], [], at("2026-11-21T00:00")) is None


def test_an_opening_that_is_always_frozen_never_opens() -> None:
    tuesdays = Weekly(weekday=1, start=time(9), end=time(17))
    frozen = Weekly(weekday=1, start=time(0), end=time(0), days=1)
    assert next_open([frozen], [tuesdays], at("2026-11-21T00:00")) is None


def test_an_opening_that_lies_in_the_past_never_comes() -> None:
    past = Span(at("2026-01-01T00:00"), at("2026-01-02T00:00"))
    assert next_open([], [past], at("2026-11-21T00:00")) is None
    assert next_begin([past], at("2026-11-21T00:00")) is None


def test_one_freeze_after_the_other_opens_after_the_last() -> None:
    spans = [
        Span(at("2026-11-20T00:00"), at("2026-11-22T00:00")),
        Span(at("2026-11-22T00:00"), at("2026-11-23T00:00")),
        Span(at("2026-11-22T12:00"), at("2026-11-24T00:00")),
    ]
    assert next_open(spans, [], at("2026-11-21T00:00")) == at("2026-11-24T00:00")


@pytest.mark.parametrize("text", ["9:00", "24:01", "12:60", "noon", "", "\uff11\uff12:00"])
def test_what_is_no_time_of_day_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="14:00"):
        parse_clock(text)


@pytest.mark.parametrize("name", ["Berlin", "", "../UTC", "America", "Mars/Olympus"])
def test_what_is_no_zone_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        known_zone(name)


# --- against a clock that is read minute by minute ------------------------------------------

JUMPS = (
    ("Europe/Berlin", at("2026-03-29T01:00")),
    ("Europe/Berlin", at("2026-10-25T01:00")),
    ("America/New_York", at("2026-03-08T07:00")),
    ("America/New_York", at("2026-11-01T06:00")),
    ("Australia/Lord_Howe", at("2026-10-03T15:30")),  # half an hour
    ("Australia/Lord_Howe", at("2026-04-04T15:00")),
    ("America/Santiago", at("2026-09-06T04:00")),  # at midnight
    ("Africa/Cairo", at("2026-04-23T22:00")),  # at midnight
    ("Asia/Kathmandu", at("2026-06-01T00:00")),  # never
    ("UTC", at("2026-06-01T00:00")),
)
HOURS = st.one_of(st.sampled_from((0, 1, 2, 3, 23)), st.integers(0, 23))
CLOCKS = st.builds(time, HOURS, st.sampled_from((0, 15, 30, 45)))


@st.composite
def weekly(draw: st.DrawFn, zone: str) -> Weekly:
    start, end, days = draw(CLOCKS), draw(CLOCKS), draw(st.integers(0, 3))
    assume(days > 0 or start < end)
    every = draw(st.sampled_from((1, 1, 2, 3)))
    anchor = draw(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
    return Weekly(
        weekday=draw(st.integers(0, 6)), start=start, end=end, days=days, zone=zone,
        every=every, anchor=anchor,
    )  # fmt: skip


@st.composite
def near_a_jump(draw: st.DrawFn) -> tuple[list[Weekly], datetime]:
    zone, jump = draw(st.sampled_from(JUMPS))
    minutes = draw(st.integers(-4 * 24 * 60, 2 * 24 * 60))
    windows = draw(st.lists(weekly(zone), min_size=1, max_size=3))
    return windows, jump + minutes * MINUTE


def days_of(window: Weekly, around: datetime) -> list[date]:
    """The days on which a window begins near an instant, found by looking at every day."""
    zone = ZoneInfo(window.zone)
    today = around.astimezone(zone).date()
    monday = window.anchor - timedelta(days=window.anchor.weekday())
    days = [today + timedelta(days=n) for n in range(-40, 41)]
    return [
        day
        for day in days
        if day.weekday() == window.weekday and (day - monday).days // 7 % window.every == 0
    ]


def shows(window: Weekly, moment: datetime) -> bool:
    """Whether a window is on, by reading the clock: it was `start`, and will yet be `end`."""
    zone = ZoneInfo(window.zone)
    wall = moment.astimezone(zone)
    for day in days_of(window, moment):
        begins = datetime.combine(day, window.start)
        ends = datetime.combine(day + timedelta(days=window.days), window.end)
        if _reached(begins, wall, zone) and not _over(ends, moment, zone):
            return True
    return False


def _reached(begins: datetime, wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock has shown `begins`, or something later, by now."""
    latest = max(
        (wall.astimezone(UTC) - n * MINUTE * 15).astimezone(zone).replace(tzinfo=None)
        for n in range(13)
    )
    return latest >= begins


def _over(ends: datetime, moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock never again shows something earlier than `ends`."""
    coming = [(moment + n * MINUTE * 15).astimezone(zone).replace(tzinfo=None) for n in range(13)]
    return min(coming) >= ends


@pytest.mark.thorough
@given(near_a_jump())
def test_a_window_is_on_when_a_clock_on_the_wall_says_so(
    drawn: tuple[list[Weekly], datetime],
) -> None:
    windows, moment = drawn
    moment = moment.replace(minute=moment.minute // 15 * 15)
    expected = any(shows(window, moment) for window in windows)
    assert (closed_until(windows, moment) is not None) == expected


@pytest.mark.thorough
@given(near_a_jump(), st.booleans())
def test_the_next_opening_is_open_and_nothing_before_it_is(
    drawn: tuple[list[Weekly], datetime], also_openings: bool
) -> None:
    windows, moment = drawn
    closed: Sequence[Window] = windows[:1]
    openings: Sequence[Window] = windows[1:] if also_openings else ()
    opens = next_open(closed, openings, moment)
    if opens is None:
        assert openings
        return
    assert moment <= opens <= moment + HORIZON + timedelta(weeks=3)
    assert is_open(closed, openings, opens)
    if opens > moment:
        step = (opens - moment) / 40
        before = [moment + n * step for n in range(40)] + [opens - timedelta(seconds=1)]
        assert not any(is_open(closed, openings, instant) for instant in before)


def is_open(closed: Sequence[Window], openings: Sequence[Window], moment: datetime) -> bool:
    return closed_until(closed, moment) is None and (
        not openings or next_begin(openings, moment) == moment
    )


@pytest.mark.thorough
@given(near_a_jump())
def test_periods_come_in_order_and_none_is_empty_or_over(
    drawn: tuple[list[Weekly], datetime],
) -> None:
    windows, moment = drawn
    found = list(itertools.islice(periods(windows[0], moment), 4))
    assert all(period.start < period.end and moment < period.end for period in found)
    assert found == sorted(found)


@given(st.sampled_from(JUMPS), st.integers(-300, 300), st.booleans())
def test_a_time_that_the_clock_shows_is_shown_then(
    jump: tuple[str, datetime], minutes: int, last: bool
) -> None:
    zone = ZoneInfo(jump[0])
    wall = (jump[1] + minutes * MINUTE).astimezone(zone).replace(tzinfo=None)
    found = shown(wall.date(), wall.time(), zone, last=last)
    assert found.astimezone(zone).replace(tzinfo=None) == wall
