"""A plan as it is played: the parts of it that a replay can't give, taken out or put aside."""

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from bot.domain.conditions import Condition
from bot.domain.plan import Plan, Wave
from bot.domain.plan_sections import PreflightDocument


def paced(plan: Plan, step: timedelta) -> Plan:
    """The plan, looked at when there is a new point: between two points nothing is different.

    The plan's own looks come late enough that each point and each end of a window is one by itself.
    """
    return msgspec.structs.replace(plan, poll=max(plan.poll, step * 2))


def holding(plan: Plan) -> Plan:
    """The plan with waves that wait at their end, and hold where they would go back."""
    waves = tuple(msgspec.structs.replace(w, asks=True, on_breach="pause") for w in plan.waves)
    return msgspec.structs.replace(plan, waves=waves)


def prepared(plan: Plan) -> Plan:
    """The plan with its checklists as good as ticked: nothing of them was recorded."""
    sections = msgspec.structs.replace(plan.sections, preflight=PreflightDocument())
    return msgspec.structs.replace(plan, sections=sections)


def without(plan: Plan, metrics: Iterable[str]) -> Plan:
    """The plan without the conditions on some metrics."""
    left_out = frozenset(metrics)

    def kept(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(
            c for c in conditions if c.comparison is None or c.comparison.subject not in left_out
        )

    def wave(each: Wave) -> Wave:
        gates, triggers = kept(each.gates), kept(each.triggers)
        return msgspec.structs.replace(each, gates=gates, triggers=triggers)

    return msgspec.structs.replace(
        plan,
        waves=tuple(wave(each) for each in plan.waves),
        triggers=kept(plan.triggers),
        alerts={level: kept(conditions) for level, conditions in plan.alerts.items()},
    )
