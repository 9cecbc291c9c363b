"""A release whose first day is set: when that is, what is due before, and its timetable.

Checklists fall due so many days before the first day, and the plan's timetable has times of the day
around it. Both are chores that belong to the release: people are reminded of them, and they end
with it. Times of the day are those of the plan's zone.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bot.domain import checklists
from bot.domain.calendar import shown
from bot.domain.checklists import Checklist
from bot.domain.chores import Chore
from bot.domain.freezes import parse_moment
from bot.domain.plan import Plan
from bot.domain.plan_sections import TimetableDocument
from bot.domain.rollout import Rollout
from bot.domain.units import parse_duration

USUAL = time(9)
"""When a day begins for which nobody said a time."""

LEAD = 0.75
"""Signatures are asked for this part of their life before the first day, so that they last."""

SOON = timedelta(hours=2)
"""How long people are left alone with an entry of the timetable."""


class Entry(msgspec.Struct, frozen=True):
    """Something of the timetable, at an instant."""

    at: datetime
    what: str
    by: tuple[str, ...] = ()


def first_day(text: str, plan: Plan, now: datetime) -> datetime:
    """The moment that was typed, such as "2026-12-08" or "2026-12-08T10:00". Raises ValueError."""
    zone = ZoneInfo(plan.zone)
    found = parse_moment(text, zone)
    if ":" not in text:
        found = shown(found.astimezone(zone).date(), USUAL, zone, last=False)
    if found <= now:
        raise ValueError(f"{text} is over already (times are those of {plan.zone})")
    return found


def asks_at(rollout: Rollout) -> datetime | None:
    """When signatures are asked for; None: as soon as everything is ticked."""
    if rollout.planned_at is None:
        return None
    return rollout.planned_at - rollout.the_plan.approval.expires * LEAD


# --- the timetable --------------------------------------------------------------------------


def timetable(plan: Plan, first: datetime) -> tuple[Entry, ...]:
    """The plan's timetable for a release that begins on that day, in order."""
    zone = ZoneInfo(plan.zone)
    day = first.astimezone(zone).date()
    found = [
        Entry(
            shown(day + timedelta(days=each.day), _clock(each), zone, last=False),
            each.what,
            each.by,
        )
        for each in plan.sections.timetable
    ]
    return tuple(sorted(found, key=lambda entry: entry.at))


def _clock(document: TimetableDocument) -> time:
    return time.fromisoformat(document.at) if document.at else USUAL


# --- what people are reminded of ------------------------------------------------------------


def chores(rollout: Rollout, now: datetime) -> Iterator[Chore]:
    """Everything that people are to be reminded of around a release whose first day is set."""
    first = rollout.planned_at
    if first is None:
        return
    for each in checklists.of(rollout):
        if each.due and each.needed and checklists.required([each]):
            yield _of_list(rollout, each, first, now)
    for index, entry in enumerate(timetable(rollout.the_plan, first)):
        if entry.at > now:
            text = f"{rollout.service} {rollout.version}: {entry.what}"
            made = _chore(rollout, f"day-{index + 1}", text, entry.at, now)
            yield msgspec.structs.replace(made, by=entry.by, remind=SOON)


def _of_list(rollout: Rollout, each: Checklist, first: datetime, now: datetime) -> Chore:
    before = each.due.lstrip("+-")
    sign = -1 if each.due.startswith("-") else 1
    count = len(checklists.required([each]))
    text = (
        f"{rollout.service} {rollout.version}, checklist “{each.title}”: {count} items, due "
        f"{before} before t[{int(first.timestamp())}]"
    )
    made = _chore(rollout, each.id, text, first + sign * parse_duration(before), now)
    roles = dict.fromkeys(role for item in each.items for role in item.by)
    return msgspec.structs.replace(
        made, by=tuple(roles), follows="its items are ticked, on the card of the release"
    )


def _chore(rollout: Rollout, name: str, text: str, due: datetime, now: datetime) -> Chore:
    return Chore(
        id=f"{rollout.id}.{name}",
        text=text,
        channel=rollout.channel,
        service=rollout.service,
        environment=rollout.environment,
        rollout_id=rollout.id,
        version=rollout.version,
        due_at=due,
        created_at=now,
    )


def done_lists(rollout: Rollout) -> set[str]:
    """The chores of a release whose checklists have every required item done."""
    lists = checklists.of(rollout)
    return {
        f"{rollout.id}.{each.id}"
        for each in lists
        if each.due
        and checklists.required([each])
        and (found := checklists.progress(rollout, lists, each)).done == found.of
    }
