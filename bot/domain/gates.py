"""The gates of a wave: what the sums of a whole soak say about the plan's conditions."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from bot.domain.conditions import Condition, LimitKind
from bot.domain.evaluation import Sides, evaluate
from bot.domain.evidence import Verdict
from bot.domain.metering import Entry, Meter, spark
from bot.domain.plan import Metric, Plan
from bot.domain.samples import Track
from bot.domain.totals import Total
from bot.domain.units import format_duration

__all__ = ["Finding", "Verdict", "gate", "needs"]


class Finding(msgspec.Struct, frozen=True):
    """What is known about one gate now.

    value, limit: in base units (shares 0..1, seconds), None when there is no number. shown: both
    in words. why: what stands in the way of a verdict, "" when nothing does. spark: the metric's
    course during the wave, None where there were no data.
    """

    condition_id: str
    text: str
    verdict: Verdict
    value: float | None
    limit: float | None
    shown: str
    why: str
    spark: tuple[float | None, ...] = ()


def gate(condition: Condition, plan: Plan, meter: Meter, now: datetime) -> Finding:
    """Judge a gate over the soak so far.

    PASS and FAIL say whether the condition holds; INCONCLUSIVE that there are too few requests or
    nothing to compare with; UNKNOWN that the metric can't be read now, or never was in this wave.
    """
    comparison = condition.comparison
    metric = plan.metrics.get(comparison.subject) if comparison else None
    if comparison is None or metric is None:
        return _unknown(condition, "the plan has no metric for it")
    entry = meter.canary.get(comparison.subject)
    other = meter.baseline.get(comparison.subject)
    trouble = _trouble(entry, "", now)
    if not trouble and comparison.limit.relative:
        trouble = _trouble(other, "baseline: ", now)
    if trouble or entry is None or entry.total is None:
        return _unknown(condition, trouble)
    earlier: Total | None = None
    if comparison.limit.kind is LimitKind.ABOVE_WAVE:
        earlier = meter.finals.get(comparison.limit.wave, {}).get(comparison.subject)
    sides = Sides(entry.total, other.total if other else None, earlier)
    found = evaluate(comparison, metric, sides, plan.min_requests)
    return Finding(
        condition.id,
        condition.text,
        found.holds,
        found.value,
        found.limit,
        found.shown,
        found.why,
        spark(entry, metric),
    )


def needs(
    conditions: Iterable[Condition], metrics: Mapping[str, Metric]
) -> tuple[tuple[str, Track], ...]:
    """The metrics and tracks that conditions have to be fed with, each once, in a fixed order.

    A condition whose subject is not a metric of the plan needs nothing from here.
    """
    found: dict[tuple[str, Track], None] = {}
    for condition in conditions:
        comparison = condition.comparison
        if comparison is None or comparison.subject not in metrics:
            continue
        found[comparison.subject, Track.CANARY] = None
        if comparison.limit.relative:
            found[comparison.subject, Track.BASELINE] = None
    return tuple(found)


def _trouble(entry: Entry | None, whose: str, now: datetime) -> str:
    if entry is not None and entry.unknown_since is not None:
        since = format_duration(now - entry.unknown_since)
        return f"{whose}{entry.reason} (for {since})"
    if entry is None or entry.total is None:
        return f"{whose}not measured in this wave yet"
    return ""


def _unknown(condition: Condition, why: str) -> Finding:
    shown = f"unknown: {why}"
    return Finding(condition.id, condition.text, Verdict.UNKNOWN, None, None, shown, why)
