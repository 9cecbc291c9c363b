"""What people do again and again whether or not there is a release, and when it comes round.

A rule counts from fixed days (a Monday, the first of a month), never from when it was done last, so
that a review which was late does not move the ones after it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from bot.domain.calendar import ANCHOR, WEEKDAYS, Weekday, known_zone, shown
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan_terms import Closed, Duration, Name, Slug
from bot.domain.units import parse_duration

MONTHS = {"monthly": 1, "quarterly": 3, "half-yearly": 6, "yearly": 12}
"""Words for every so many months, counted from January."""

DAYS = {"daily": 1, "weekly": 7}
EVERY = (*DAYS, *MONTHS)

TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ChannelId = Annotated[str, Meta(pattern=r"^[CG][A-Z0-9]{2,}$")]

REMIND = "1d"


class RecurringDocument(Closed, frozen=True, kw_only=True):
    """Something that comes round.

    every: daily, weekly, monthly, quarterly, half-yearly, yearly, or a number of weeks like 2w. at:
    a time of the day in `zone`. weekday: of what comes every so many weeks. day: of the month, of
    what comes every so many months. by: roles that may tick it; none named means any role. check: a
    command of the service that ticks it when it succeeds; environment: where that looks. remind:
    how long people are left alone with it. channel: in place of the service's, or the default one.
    """

    id: Slug
    text: Annotated[str, Meta(min_length=1)]
    every: str
    at: TimeOfDay = "09:00"
    zone: str = "UTC"
    weekday: Weekday = "monday"
    day: Annotated[int, Meta(ge=1, le=28)] = 1
    by: tuple[Name, ...] = ()
    check: Name | Literal[""] = ""
    environment: str = "production"
    remind: Duration = REMIND
    channel: ChannelId | Literal[""] = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When something comes round: every so many days, or else months.

    days: 1 or a number of weeks; weekday: 0 is Monday. months: day is the one of the month.
    """

    days: int = 0
    months: int = 0
    weekday: int = 0
    day: int = 1
    at: time = time(9)
    zone: str = "UTC"
    words: str = ""


def rule_of(document: RecurringDocument, path: Path = ()) -> Rule:
    """The rule of a document. Raises DocumentError with the place of the mistake."""
    try:
        known_zone(document.zone)
    except ValueError as error:
        raise DocumentError((*path, "zone"), str(error)) from error
    days, months = _days(document, path), MONTHS.get(document.every, 0)
    return Rule(
        days=days,
        months=months,
        weekday=WEEKDAYS.index(document.weekday),
        day=document.day,
        at=time.fromisoformat(document.at),
        zone=document.zone,
        words=_words(document, days),
    )


def _days(document: RecurringDocument, path: Path) -> int:
    if document.every in MONTHS:
        return 0
    if document.every in DAYS:
        return DAYS[document.every]
    try:
        weeks, rest = divmod(parse_duration(document.every), timedelta(weeks=1))
    except ValueError:
        weeks, rest = 0, timedelta(1)
    if rest or not 1 <= weeks <= 520:
        known = ", ".join(EVERY)
        hint = nearest(document.every, EVERY) or f"write one of {known}, or weeks like 2w"
        problem = f"{document.every!r} does not say how often"
        raise DocumentError((*path, "every"), problem, hint)
    return 7 * weeks


def _words(document: RecurringDocument, days: int) -> str:
    when = f"at {document.at} {document.zone}"
    if days == 1:
        return f"daily {when}"
    if days:
        often = "weekly" if days == 7 else f"every {days // 7} weeks"
        return f"{often}, {document.weekday.capitalize()} {when}"
    return f"{document.every}, on day {document.day} of the month {when}"


def mistakes_in(
    documents: Sequence[RecurringDocument], path: Path = ("recurring",)
) -> Iterator[DocumentError]:
    """What is wrong with a list: two of a name, and rules that mean nothing."""
    for index, document in enumerate(documents):
        here: Path = (*path, index)
        if any(other.id == document.id for other in documents[:index]):
            yield DocumentError((*here, "id"), f"{document.id!r} is used twice", "rename one")
        try:
            rule_of(document, here)
        except DocumentError as error:
            yield error


# --- when -----------------------------------------------------------------------------------


def next_after(rule: Rule, instant: datetime) -> datetime:
    """The first time it comes round after an instant (aware), in UTC."""
    zone = ZoneInfo(rule.zone)
    day = instant.astimezone(zone).date()
    for each in _dates(rule, day - timedelta(days=1)):
        at = shown(each, rule.at, zone, last=False)
        if at > instant:
            return at.astimezone(UTC)
    raise AssertionError("dates never end")  # pragma: no cover


def newest_before(rule: Rule, since: datetime, now: datetime) -> datetime:
    """The last time that it came round up to `now`, where `since` was one: an outage costs one."""
    at = since
    while (following := next_after(rule, at)) <= now:
        at = following
    return at


def _dates(rule: Rule, start: date) -> Iterator[date]:
    """Its days from `start` on."""
    if rule.months:
        yield from _monthly(rule, start)
        return
    first = ANCHOR + timedelta(days=rule.weekday if rule.days % 7 == 0 else 0)
    day = first + timedelta(days=-(-(start - first).days // rule.days) * rule.days)
    while True:
        yield day
        day += timedelta(days=rule.days)


def _monthly(rule: Rule, start: date) -> Iterator[date]:
    index = (start.year * 12 + start.month - 1) // rule.months * rule.months
    while True:
        yield date(index // 12, index % 12 + 1, rule.day)
        index += rule.months
