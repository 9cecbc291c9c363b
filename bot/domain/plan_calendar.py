"""The calendar of a plan: on which days releases of which type begin."""

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta

import msgspec

from bot.domain.calendar import ANCHOR, WEEKDAYS, Weekly, Window, known_zone, parse_clock
from bot.domain.documents import DocumentError, Path
from bot.domain.plan_sections import CalendarDocument, OpeningDocument
from bot.domain.units import parse_duration

REGULAR = "regular"
MAINTENANCE = "maintenance"
"""The label of a release that waits for the maintenance window and begins in no other."""

_TYPES = ("hotfix", "major")
"""Types of releases that can have openings of their own; the others follow the regular ones."""

_WEEK = timedelta(weeks=1)


class Opening(msgspec.Struct, frozen=True):
    """When releases of one type begin. words: the same for people. windows: none means always."""

    words: str
    windows: tuple[Window, ...] = ()


ALWAYS = Opening("any day")


class Calendar(msgspec.Struct, frozen=True):
    """A plan's calendar. openings: by type. low_traffic: quiet hours are preferred. team: whether
    the team has to be there (require), should be (prefer), or need not ("")."""

    openings: Mapping[str, Opening] = {}
    low_traffic: bool = False
    team: str = ""

    def opening(self, kind: str, labels: tuple[str, ...] = ()) -> Opening:
        """When a release may begin. kind: its type, "" for an ordinary one."""
        if MAINTENANCE in labels and MAINTENANCE in self.openings:
            return self.openings[MAINTENANCE]
        name = kind if kind in _TYPES and kind in self.openings else REGULAR
        return self.openings.get(name, ALWAYS)


def calendar_of(document: CalendarDocument, path: Path = ("calendar",)) -> Calendar:
    """A calendar of its document. Raises DocumentError with the place of the first mistake."""
    regular = document.regular
    written = {
        REGULAR: regular,
        "hotfix": document.hotfix,
        "major": _like(document.major, regular),
        MAINTENANCE: document.maintenance,
    }
    return Calendar(
        {name: _opening(each, (*path, name)) for name, each in written.items() if each is not None},
        document.prefer == "low_traffic",
        document.team,
    )


def _like(major: OpeningDocument | None, regular: OpeningDocument | None) -> OpeningDocument | None:
    """A major release that says only how often begins on one of the regular days."""
    if major is None or regular is None or major.any_day or regular.any_day:
        return major
    if major.weekday or major.from_ or major.until or major.anchor:
        return major
    return msgspec.structs.replace(regular, every=major.every)


def _opening(document: OpeningDocument, path: Path) -> Opening:
    said = document.every or document.weekday or document.from_ or document.until
    if document.any_day:
        if said:
            raise DocumentError(path, "says any day, and which days", "keep one of them")
        return ALWAYS
    if not said:
        hint = "add `weekday: tuesday`, or `any_day: true`"
        raise DocumentError(path, "does not say when", hint)
    try:
        known_zone(document.tz)
    except ValueError as error:
        raise DocumentError((*path, "tz"), str(error)) from error
    every = _weeks(document.every, (*path, "every"))
    return Opening(_words(document, every), tuple(_windows(document, every, path)))


def _weeks(text: str, path: Path) -> int:
    span = parse_duration(text) if text else _WEEK
    weeks, rest = divmod(span, _WEEK)
    if rest or weeks < 1:
        raise DocumentError(path, f"{text!r} is not a number of weeks", "write it like 2w")
    return weeks


def _windows(document: OpeningDocument, every: int, path: Path) -> Iterator[Weekly]:
    start = parse_clock(document.from_)[0] if document.from_ else time(0)
    end, days = parse_clock(document.until) if document.until else (time(0), 1)
    if days == 0 and end <= start:
        days = 1
    named = (document.weekday,) if document.weekday else WEEKDAYS
    for day in named:
        yield Weekly(
            weekday=WEEKDAYS.index(day),
            start=start,
            end=end,
            days=days,
            zone=document.tz,
            every=every,
            anchor=_anchor(document.anchor, (*path, "anchor")),
        )


def _anchor(text: str, path: Path) -> date:
    try:
        return date.fromisoformat(text) if text else ANCHOR
    except ValueError as error:
        raise DocumentError(
            path, f"there is no day {text!r}", "write it like 2026-01-06"
        ) from error


def _words(document: OpeningDocument, every: int) -> str:
    weeks = "every week" if every == 1 else f"every {every} weeks"
    day = f" on {document.weekday.capitalize()}" if document.weekday else ""
    hours = ""
    if document.from_ or document.until:
        hours = f" from {document.from_ or '00:00'} to {document.until or '24:00'} {document.tz}"
    return f"{weeks}{day}{hours}"
