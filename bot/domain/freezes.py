"""Freeze windows: times at which nothing new is released, as the configuration gives them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.calendar import (
    WEEKDAYS,
    Span,
    Weekday,
    Weekly,
    Window,
    closed_until,
    known_zone,
    parse_clock,
    shown,
)
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan_terms import Closed, Slug


class WeeklyDocument(Closed, frozen=True, kw_only=True):
    """A time that comes back every week.

    days: on which it begins; without them `from` and `until` name their weekdays themselves, like
    "friday 15:00". from: when it begins. until: when it is over; on the next day, when that is not
    after `from`.
    """

    days: tuple[Weekday, ...] = ()
    from_: str = msgspec.field(default="00:00", name="from")
    until: str = "24:00"


class LowTrafficDocument(Closed, frozen=True, kw_only=True):
    """When few people use a service.

    days: on which it begins; none named means every day. from: when it begins. until: when it is
    over; on the next day, when that is not after `from`. zone: whose clocks are meant.
    """

    days: tuple[Weekday, ...] = ()
    from_: str = msgspec.field(name="from")
    until: str
    zone: str = "UTC"


class TeamHoursDocument(LowTrafficDocument, frozen=True, kw_only=True):
    """When the team of a service is there; like `LowTrafficDocument`."""


class FreezeDocument(Closed, frozen=True, kw_only=True):
    """A time at which nothing new begins.

    name: what it is called. reason: why; people are told. from: its first moment, like
    "2026-12-19" or "2026-12-19 18:00". until: when it is over. weekly: instead of `from` and
    `until`, a time that comes back. zone: whose clocks are meant, an IANA name. services: none
    named means all. environments: none named means all.
    """

    name: Slug
    reason: str
    from_: str = msgspec.field(default="", name="from")
    until: str = ""
    weekly: WeeklyDocument | None = None
    zone: str = "UTC"
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


class Freeze(msgspec.Struct, frozen=True, kw_only=True):
    """A freeze that was read. services, environments: none named means all."""

    name: str
    reason: str
    windows: tuple[Window, ...]
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def concerns(self, service: str, environment: str) -> bool:
        """Whether it is about a target."""
        ours = not self.services or service in self.services
        return ours and (not self.environments or environment in self.environments)

    def until(self, at: datetime) -> datetime | None:
        """When it is over, if it is on at an instant; None when it is not on."""
        return closed_until(self.windows, at)


def freezes(documents: Sequence[FreezeDocument], path: Path = ("freezes",)) -> tuple[Freeze, ...]:
    """Freezes of their documents. Raises DocumentError with the place of the first mistake."""
    found: list[Freeze] = []
    for index, document in enumerate(documents):
        place = (*path, index)
        if any(other.name == document.name for other in found):
            raise DocumentError((*place, "name"), f"{document.name!r} is used twice", "rename one")
        found.append(_freeze(document, place))
    return tuple(found)


def mistakes_in(
    documents: Sequence[FreezeDocument], services: Mapping[str, Iterable[str]]
) -> Iterator[DocumentError]:
    """What is wrong with freezes. services: the environments of each service, by its name."""
    try:
        freezes(documents)
    except DocumentError as error:
        yield error
    environments = {name for names in services.values() for name in names}
    for index, document in enumerate(documents):
        for key, named, known in (
            ("services", document.services, services),
            ("environments", document.environments, environments),
        ):
            for at, word in enumerate(named):
                if word not in known:
                    problem = f"there is no {key[:-1]} {word!r}"
                    place = ("freezes", index, key, at)
                    yield DocumentError(place, problem, nearest(word, known))


def mistakes_of(document: LowTrafficDocument | None, path: Path) -> Iterator[DocumentError]:
    """What is wrong with the hours of low traffic."""
    try:
        if document is not None:
            low_traffic(document, path)
    except DocumentError as error:
        yield error


def low_traffic(document: LowTrafficDocument, path: Path) -> tuple[Window, ...]:
    """When few people use a service. Raises DocumentError with the place of the first mistake."""
    daily = WeeklyDocument(
        days=document.days or WEEKDAYS, from_=document.from_, until=document.until
    )
    return _weekly(daily, _zone(document.zone, path), path)


def _freeze(document: FreezeDocument, place: Path) -> Freeze:
    if not document.reason.strip():
        raise DocumentError((*place, "reason"), "is empty", "people are told it: say why")
    zone = _zone(document.zone, place)
    once = bool(document.from_ or document.until)
    if once == (document.weekly is not None):
        hint = "either `from` and `until`, or `weekly`"
        raise DocumentError(place, f"when {document.name} is on is not clear", hint)
    windows = (
        _weekly(document.weekly, zone, (*place, "weekly"))
        if document.weekly is not None
        else (_span(document, zone, place),)
    )
    return Freeze(
        name=document.name,
        reason=document.reason.strip(),
        windows=windows,
        services=document.services,
        environments=document.environments,
    )


def _zone(name: str, place: Path) -> ZoneInfo:
    try:
        return known_zone(name)
    except ValueError as error:
        raise DocumentError((*place, "zone"), str(error)) from error


# --- once -----------------------------------------------------------------------------------


def _span(document: FreezeDocument, zone: ZoneInfo, place: Path) -> Span:
    start = _moment(document.from_, zone, (*place, "from"), last=False)
    end = _moment(document.until, zone, (*place, "until"), last=True)
    if end <= start:
        raise DocumentError((*place, "until"), f"{document.until} is not after {document.from_}")
    return Span(start, end)


def _moment(text: str, zone: ZoneInfo, place: Path, *, last: bool) -> datetime:
    if not text:
        raise DocumentError(place, "is missing", 'write it like "2026-12-19 18:00"')
    try:
        return parse_moment(text, zone, last=last)
    except ValueError as error:
        raise DocumentError(place, str(error)) from error


def parse_moment(text: str, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """A moment such as "2026-12-19" or "2026-12-19 18:00", on the clocks of `zone`; in UTC.

    An offset of its own ("2026-12-19T18:00Z") counts instead of the zone. last: see `shown`.
    Raises ValueError saying what is expected.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        hint = 'write it like "2026-12-19" or "2026-12-19 18:00"'
        raise ValueError(f"{text[:40]!r} is not a moment; {hint}") from error
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    return shown(found.date(), found.time(), zone, last=last)


# --- every week -----------------------------------------------------------------------------


def _weekly(document: WeeklyDocument, zone: ZoneInfo, place: Path) -> tuple[Window, ...]:
    if document.days:
        return tuple(_daily(day, document, zone, place) for day in document.days)
    start, from_ = _day_and_clock(document.from_, (*place, "from"))
    end, until = _day_and_clock(document.until, (*place, "until"))
    clock, _ = _clock(from_, (*place, "from"))
    over, more = _clock(until, (*place, "until"))
    days = (end - start) % 7 + more
    if days == 0 and over <= clock:
        days = 7
    return (Weekly(weekday=start, start=clock, end=over, days=days, zone=zone.key),)


def _daily(day: str, document: WeeklyDocument, zone: ZoneInfo, place: Path) -> Weekly:
    start, _ = _clock(document.from_, (*place, "from"))
    end, days = _clock(document.until, (*place, "until"))
    if days == 0 and end <= start:
        days = 1
    return Weekly(weekday=WEEKDAYS.index(day), start=start, end=end, days=days, zone=zone.key)


def _day_and_clock(text: str, place: Path) -> tuple[int, str]:
    day, _, clock = text.partition(" ")
    if day not in WEEKDAYS:
        if clock:
            raise DocumentError(place, f"{day!r} is not a weekday", nearest(day, WEEKDAYS))
        hint = 'add `days: [friday]`, or write the day too, like "friday 15:00"'
        raise DocumentError(place, f"{text!r} does not say on which day", hint)
    return WEEKDAYS.index(day), clock.strip() or "00:00"


def _clock(text: str, place: Path) -> tuple[time, int]:
    try:
        return parse_clock(text)
    except ValueError as error:
        raise DocumentError(place, str(error)) from error
