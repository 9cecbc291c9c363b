"""Times on a calendar: when something is closed, when it is open, and when it opens next.

People say "Fridays from 14:00" and mean what a clock on the wall shows. Such clocks jump: an hour
is missing in spring and there twice in autumn. A time that is missing means the moment of the jump.
A window begins when its first minute is shown for the first time and ends when its end is shown for
the last time, so that it is never cut short.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

ANCHOR = date(2024, 1, 1)
"""A Monday. "Every two weeks" counts from the week of this day unless something else is said."""

HORIZON = timedelta(days=3 * 366)
"""How far ahead an opening is looked for; nobody waits longer for one."""

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)

_WEEK = timedelta(weeks=1)


class Period(NamedTuple):
    """From `start` on, up to but without `end`; both in UTC."""

    start: datetime
    end: datetime


class Span(msgspec.Struct, frozen=True, tag=True):
    """One period. start, end: aware."""

    start: datetime
    end: datetime


class Weekly(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A period that comes back.

    weekday: of its start, 0 is Monday. start, end: on the clocks of `zone` (an IANA name). days:
    how many days after the start the end is, 0..7; 24:00 is the next day's 00:00. every: weeks from
    one to the next. anchor: any day in a week in which one starts.
    """

    weekday: int
    start: time
    end: time
    days: int = 0
    zone: str = "UTC"
    every: int = 1
    anchor: date = ANCHOR


Window = Span | Weekly


def periods(window: Window, at: datetime) -> Iterator[Period]:
    """The periods of a window that are not over at `at` (aware), in order.

    Without end for a weekly window. Raises OverflowError when they come to the year 9999.
    """
    match window:
        case Span():
            found = Period(window.start.astimezone(UTC), window.end.astimezone(UTC))
            if at < found.end and found.start < found.end:
                yield found
        case Weekly():
            yield from (p for p in _weekly(window, at) if at < p.end and p.start < p.end)


def _weekly(window: Weekly, at: datetime) -> Iterator[Period]:
    zone = ZoneInfo(window.zone)
    first = _monday(window.anchor)
    # One that began in an earlier week can still be on.
    week = (_monday(at.astimezone(zone).date()) - first) // _WEEK - 2
    week -= week % window.every
    while True:
        day = first + timedelta(weeks=week, days=window.weekday)
        yield Period(
            shown(day, window.start, zone, last=False),
            shown(day + timedelta(days=window.days), window.end, zone, last=True),
        )
        week += window.every


def shown(day: date, clock: time, zone: ZoneInfo, *, last: bool) -> datetime:
    """When the clocks of a zone show a time, in UTC.

    last: of two moments that show it, the later one. A time that is left out is the moment of the
    jump over it.
    """
    wall = datetime.combine(day, clock)
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if before > after:  # PEP 495: only in a gap
        return _jump(after, before, zone)
    return after if last else before


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two instants at which a zone changes its offset, to the second."""
    new = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == new:
            high = middle
        else:
            low = middle
    return high


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def closed_until(windows: Sequence[Window], at: datetime) -> datetime | None:
    """When the last of the periods ends that are on at `at`, None when none is on."""
    ends = [period.end for window in windows for period in _on(window, at)]
    return max(ends, default=None)


def _on(window: Window, at: datetime) -> Iterator[Period]:
    for period in periods(window, at):
        if period.start > at:
            return
        yield period


def next_begin(windows: Sequence[Window], at: datetime) -> datetime | None:
    """The first instant from `at` on that lies in one of the windows, None when there is none."""
    firsts = [next(periods(window, at), None) for window in windows]
    return min((max(first.start, at) for first in firsts if first is not None), default=None)


def next_open(
    closed: Sequence[Window], openings: Sequence[Window], at: datetime
) -> datetime | None:
    """The first instant from `at` on that is in no closed window and in an opening.

    openings: none means that it is always open. Returns None when there is no such instant within
    HORIZON.
    """
    last = at + HORIZON
    while at <= last:
        until = closed_until(closed, at)
        begins = next_begin(openings, at) if openings else at
        if until is None and begins == at:
            return at
        if begins is None:
            return None
        at = max(until or at, begins)
    return None


def parse_clock(text: str) -> tuple[time, int]:
    """A time of day such as "14:00", and 1 for "24:00", which is the next day's 00:00.

    Raises ValueError saying what is expected.
    """
    hours, colon, minutes = text.partition(":")
    if colon and len(hours) == len(minutes) == 2 and text.isascii() and (hours + minutes).isdigit():
        if text == "24:00":
            return time(0), 1
        if int(hours) < 24 and int(minutes) < 60:
            return time(int(hours), int(minutes)), 0
    raise ValueError(f"{text!r} is not a time of day; write it like 14:00")


def known_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError for one that nobody knows."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; write it like Europe/Berlin") from error
