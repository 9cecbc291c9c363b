"""What the old version did before the release, for a wave that has nothing beside it.

A release that goes straight to 100 % (a hotfix) leaves the old version no traffic to be compared
with. So the time before, as long as the plan's `baseline.window`, is read from the metric source
when the traffic moves, and kept with the release. It ends at the instant at which the traffic was
asked for, however late it is read. Where it can't be read nothing is made up: limits relative to it
stay open, and people are told so.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from bot.domain.baselines import source_of
from bot.domain.bygone_events import PastRead
from bot.domain.conditions import Condition
from bot.domain.events import Effect, PostThread, RenderCard
from bot.domain.plan import Plan
from bot.domain.rollout import Rollout
from bot.domain.units import format_duration


class ReadPast(Effect, frozen=True):
    """Read what the old version did from `since` to `until` (aware, UTC), in each metric."""

    metrics: tuple[str, ...]
    since: datetime
    until: datetime


def asked(plan: Plan, now: datetime) -> tuple[ReadPast, ...]:
    """What to read when the first traffic moves; nothing where nothing is held against it."""
    metrics = tuple(held_against(plan))
    return (ReadPast(metrics, now - plan.baseline.window, now),) if metrics else ()


def held_against(plan: Plan) -> Iterator[str]:
    """The metrics that are compared with a past which the first wave does not have, each once.

    A plan whose first wave has the old version beside it learns its past by itself.
    """
    first = next((wave for wave in plan.waves if wave.traffic > 0), None)
    if first is None or source_of(plan, first.id) != "historical":
        return
    found = dict.fromkeys(
        condition.comparison.subject
        for condition in _conditions(plan)
        if condition.comparison and (condition.comparison.limit.relative or condition.caused)
    )
    yield from (name for name in found if name in plan.metrics)


def _conditions(plan: Plan) -> Iterator[Condition]:
    for wave in plan.waves:
        yield from wave.gates
        yield from plan.triggers_of(wave)
    yield from plan.all_alerts
    yield from plan.aims


def learnt(rollout: Rollout, event: PastRead) -> tuple[Rollout, tuple[Effect, ...]]:
    """Keep what was read; ask again for the rest, and say what will never be known."""
    if rollout.ended or not rollout.touched:
        return rollout, ()
    known = {**rollout.meter.bygone, **event.read}
    kept = msgspec.structs.replace(
        rollout, meter=msgspec.structs.replace(rollout.meter, bygone=known)
    )
    again = (ReadPast(event.left, event.since, event.until),) if event.left else ()
    lost = [f"{name}: {one.why}" for name, one in event.read.items() if one.total is None]
    if not lost:
        return kept, again
    span = format_duration(event.until - event.since)
    text = (
        f"What {rollout.previous} did in the {span} before can't be read ({'; '.join(lost)}). "
        "Limits relative to it stay open."
    )
    return kept, (*again, PostThread(text), RenderCard())
