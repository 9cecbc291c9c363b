"""Standups as an installation writes them down: `standups:` in countersign.yml."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, time
from typing import Annotated, Literal

from msgspec import Meta

from bot.domain.calendar import WEEKDAYS, Weekday, known_zone
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan_sections import Date, TimeOfDay
from bot.domain.plan_terms import Closed
from bot.domain.standup_calendar import Series

ChannelId = Annotated[str, Meta(pattern=r"^[CGD][A-Z0-9]{2,}$")]


class StandupDocument(Closed, frozen=True, kw_only=True):
    """A daily standup about the releases by a plan.

    at: local time as HH:MM; without one it is held when somebody asks for it. zone: an IANA time
    zone. holidays: days without one, unless a release is under way. weekly: the weekday on which
    the report of the week comes with it.
    """

    channel: ChannelId
    plan: str
    at: TimeOfDay | Literal[""] = ""
    zone: str
    holidays: tuple[Date, ...] = ()
    weekly: Weekday | Literal[""] = "monday"


def series_of(standup: StandupDocument) -> Series:
    """What it means, once it has been checked."""
    return Series(
        channel=standup.channel,
        plan=standup.plan,
        zone=standup.zone,
        times=(time.fromisoformat(standup.at),) if standup.at else (),
        holidays=frozenset(date.fromisoformat(day) for day in standup.holidays),
        weekly=WEEKDAYS.index(standup.weekly) if standup.weekly else None,
    )


def mistakes_in(
    standups: Sequence[StandupDocument], plan_names: Collection[str] | None
) -> Iterator[DocumentError]:
    """Plans, zones and days that are not there, and two that are the same.

    plan_names: None when they are not known yet.
    """
    seen: set[tuple[str, str]] = set()
    for index, standup in enumerate(standups):
        place: Path = ("standups", index)
        if plan_names is not None and standup.plan not in plan_names:
            problem = f"there is no plan {standup.plan!r}"
            yield DocumentError((*place, "plan"), problem, nearest(standup.plan, plan_names))
        yield from _days(standup, place)
        if (standup.channel, standup.plan) in seen:
            problem = "this channel has a standup about this plan already"
            yield DocumentError(place, problem, "a wave's `meetings` add further times")
        seen.add((standup.channel, standup.plan))


def _days(standup: StandupDocument, place: Path) -> Iterator[DocumentError]:
    try:
        known_zone(standup.zone)
    except ValueError as error:
        problem, _, hint = str(error).partition("; ")
        yield DocumentError((*place, "zone"), problem, hint)
    for index, day in enumerate(standup.holidays):
        try:
            date.fromisoformat(day)
        except ValueError:
            yield DocumentError((*place, "holidays", index), f"there is no day {day!r}")
