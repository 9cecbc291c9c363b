"""When a standup is held: a time of the day where its people live, on the days on which they meet.

A slot is named by its local date and time, so that the night on which clocks are set back has each
of them once, and a time which the clocks jump over is held as soon as they have jumped.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

LATE = timedelta(hours=3)
"""A standup that nobody could hold in time is held when that is possible, until it is this late."""

FURTHEST = 400
"""Days that are looked ahead for the next one."""

_SATURDAY = 5


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Standups that come again.

    channel: where. plan: whose releases they are about. zone: IANA. times: of the day, there.
    holidays: days that are no business days besides Saturday and Sunday. daily: it is held on
    business days without a release, too; otherwise only while one is under way. weekly: the
    weekday (0: Monday) on which the report of the week comes with it, None: never.
    """

    channel: str
    plan: str
    zone: str
    times: tuple[time, ...]
    holidays: frozenset[date] = frozenset()
    daily: bool = True
    weekly: int | None = None

    @property
    def key(self) -> str:
        return f"{self.channel}:{self.plan}"


class Slot(msgspec.Struct, frozen=True, order=True):
    """One time at which a standup is held. at: in UTC. local: the date and time it is named by."""

    at: datetime
    local: str

    @property
    def day(self) -> date:
        return date.fromisoformat(self.local[:10])


def instant(day: date, at: time, zone: str) -> datetime:
    """A local time as an instant in UTC.

    A time that is there twice is meant the first time; one that is jumped over is the instant at
    which it would have been, had the clocks not been changed (PEP 495, fold 0).
    """
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def business(series: Series, day: date) -> bool:
    """Whether people work on that day."""
    return day.weekday() < _SATURDAY and day not in series.holidays


def due(series: Series, now: datetime, *, live: bool) -> Slot | None:
    """The newest slot that has come and is not too late, None when there is none.

    live: a release is under way, so that every day counts.
    """
    today = now.astimezone(ZoneInfo(series.zone)).date()
    days = (today, today - timedelta(days=1))
    slots = [slot for day in days for slot in _slots(series, day, live)]
    return max((slot for slot in slots if now - LATE <= slot.at <= now), default=None)


def following(series: Series, now: datetime, *, live: bool) -> Slot | None:
    """The next slot after `now`, None when none comes within a year."""
    if not series.times:
        return None
    today = now.astimezone(ZoneInfo(series.zone)).date()
    for ahead in range(FURTHEST):
        slots = _slots(series, today + timedelta(days=ahead), live)
        found = min((slot for slot in slots if slot.at > now), default=None)
        if found is not None:
            return found
    return None


def _slots(series: Series, day: date, live: bool) -> Iterator[Slot]:
    if not live and not (series.daily and business(series, day)):
        return
    for at in sorted(set(series.times)):
        yield Slot(instant(day, at, series.zone), f"{day.isoformat()}T{at:%H:%M}")
