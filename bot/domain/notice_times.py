"""Times as customers read them: the zone by its name and abbreviation, UTC beside it, and the date
twice when the end lies on another day.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = "%Y-%m-%d"
_TIME = "%H:%M"
_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


def zone_of(name: str) -> ZoneInfo:
    """A time zone. Raises ValueError saying what a name looks like."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is not a time zone; write it like Europe/Berlin or America/Los_Angeles"
        ) from error


def parse_instant(text: str, zone: str) -> datetime:
    """An instant as people type it: `2026-03-01 09:00` in `zone`, or ISO 8601 with its offset.

    Raises ValueError for what can't be read, and for a local time that a change of the clocks
    leaves out or brings twice.
    """
    text = text.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; write it like 2026-03-01 09:00") from error
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    if len(text) <= len("2026-03-01"):
        raise ValueError(f"{text!r} has no time of the day; write it like 2026-03-01 09:00")
    if not zone:
        raise ValueError(f"{text!r} could be anywhere; name the zone, like Europe/Berlin")
    here = zone_of(zone)
    first, second = (found.replace(tzinfo=here, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    if first < second:
        raise ValueError(
            f"{text} comes twice in {zone} that night; write the offset, like {text}"
            f"{_offset(first, here)} or {text}{_offset(second, here)}"
        )
    raise ValueError(f"{text} does not exist in {zone}: the clocks are put forward then")


def _offset(at: datetime, zone: ZoneInfo) -> str:
    text = at.astimezone(zone).strftime("%z")
    return f"{text[:3]}:{text[3:]}"


def date(at: datetime, zone: str) -> str:
    """The day of an instant, there."""
    return at.astimezone(zone_of(zone)).strftime(_DAY)


def time(at: datetime, zone: str) -> str:
    """Its time of the day, there."""
    return at.astimezone(zone_of(zone)).strftime(_TIME)


def abbreviation(at: datetime, zone: str) -> str:
    """What the zone is called at that instant: PST, PDT, CET; its offset where it has no name."""
    here = at.astimezone(zone_of(zone))
    name = here.tzname() or ""
    return f"UTC{here:%z}"[:6] if not name or name[0] in "+-" else name


def moment(at: datetime, zones: Sequence[str]) -> str:
    """An instant in every zone and in UTC: `2026-03-01 09:00 PST (America/Los_Angeles), 17:00 UTC`.

    The date of UTC is told where it is another one.
    """
    return "; ".join((*(_one(at, zone) for zone in _own(zones)), _in_utc(at, zones)))


def _one(at: datetime, zone: str) -> str:
    return f"{date(at, zone)} {time(at, zone)} {abbreviation(at, zone)} ({zone})"


def _in_utc(at: datetime, zones: Sequence[str]) -> str:
    utc = at.astimezone(UTC)
    same = all(date(at, zone) == utc.strftime(_DAY) for zone in _own(zones)) and _own(zones)
    return f"{utc:%H:%M} UTC" if same else f"{utc:%Y-%m-%d %H:%M} UTC"


def _own(zones: Sequence[str]) -> list[str]:
    return [zone for zone in zones if zone != "UTC"]


def span(start: datetime, end: datetime, zones: Sequence[str]) -> str:
    """From one instant to another, in every zone and in UTC. Both dates where they differ, both
    abbreviations where the clocks change in between."""
    lines = [f"{_range(start, end, zone)} ({zone})" for zone in _own(zones)]
    return "; ".join((*lines, _range(start, end, "UTC")))


def _range(start: datetime, end: datetime, zone: str) -> str:
    first, last = abbreviation(start, zone), abbreviation(end, zone)
    begins = f"{date(start, zone)} {time(start, zone)}"
    ends = time(end, zone)
    if date(start, zone) != date(end, zone):
        ends = f"{date(end, zone)} {ends}"
    return f"{begins}{'' if first == last else f' {first}'} - {ends} {last}"


def length(span: timedelta) -> str:
    """How long, in whole minutes: `45 min`, `2 h`, `2 h 30 min`, `3 d 4 h`."""
    minutes = max(0, round(span.total_seconds() / 60))
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2]) or "less than a minute"
