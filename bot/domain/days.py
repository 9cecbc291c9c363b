"""On which day a wave may begin.

Day 1 is the day on which the first wave's traffic was confirmed. Day N is N - 1 days later at the
same time of the day, in the zone of the plan: a release that began at ten in the morning opens its
waves at ten in the morning, whatever the clocks were set to meanwhile.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.plan import Plan, Wave
from bot.domain.rollout import Rollout


def opening(plan: Plan, wave: Wave, first_at: datetime) -> datetime:
    """When a wave opens, in a release whose first wave began at `first_at` (aware)."""
    if wave.day <= 1:
        return first_at
    local = first_at.astimezone(ZoneInfo(plan.zone))
    return (local + timedelta(days=wave.day - 1)).astimezone(UTC)


def next_opens_at(rollout: Rollout, now: datetime) -> datetime | None:
    """When the wave after the present one opens; None when it may begin now."""
    plan, index = rollout.the_plan, rollout.wave + 1
    if index >= len(plan.waves) or not rollout.marks:
        return None
    opens = opening(plan, plan.waves[index], rollout.marks[0].applied_at)
    return opens if now < opens else None


def opening_words(rollout: Rollout, now: datetime) -> str:
    """What is waited for when the next wave's day has not come, "" when it has."""
    opens = next_opens_at(rollout, now)
    if opens is None:
        return ""
    wave = rollout.the_plan.waves[rollout.wave + 1]
    zone = rollout.the_plan.zone
    at = int(opens.timestamp())
    return f"{wave.traffic:g} % opens on day {wave.day}, t[{at}] (days of {zone})."


def day_of(rollout: Rollout, now: datetime) -> int:
    """The day of the release: 1 from the first wave's beginning on, 0 before it."""
    if not rollout.marks:
        return 0
    zone = ZoneInfo(rollout.the_plan.zone)
    first = rollout.marks[0].applied_at.astimezone(zone).replace(tzinfo=None)
    return (now.astimezone(zone).replace(tzinfo=None) - first).days + 1
