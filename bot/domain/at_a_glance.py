"""A release under way at a glance: one word of how it is, five numbers, what was reported.

Everything comes from the row of the release, as for gates and standups; nothing is judged here.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

import msgspec

from bot.domain.days import day_of
from bot.domain.evaluation import value_of
from bot.domain.gates import Verdict
from bot.domain.plan import Metric, Plan
from bot.domain.reports import Report, words
from bot.domain.rollout import Rollout
from bot.domain.samples import Counts
from bot.domain.totals import Total
from bot.domain.units import format_share

FIGURES = 5
"""How many numbers are shown."""

DAY = timedelta(days=1)
_ERRORS = ("error", "5xx", "fail")
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class Health(StrEnum):
    """How a release is, in one word."""

    HEALTHY = "healthy"
    STRAINED = "strained"
    FAILING = "failing"
    UNKNOWN = "unknown"
    UNMEASURED = "unmeasured"


class Figure(msgspec.Struct, frozen=True):
    """One number. change: against what `against` names, "" where there is nothing to compare."""

    name: str
    shown: str
    change: str = ""


class Counted(msgspec.Struct, frozen=True):
    """What is open on the release now. last: the newest of all, None where nothing ever was."""

    incidents: Mapping[str, int]
    alerts: Mapping[str, int]
    last: Report | None


# --- how it is ------------------------------------------------------------------------------


def health(rollout: Rollout) -> Health:
    """Failing: a gate fails, or something critical is on. Unknown: what is asked for can't be read.
    Strained: a warning is on, a trigger has begun to count, or an incident is open. Unmeasured:
    the wave has just begun. Else healthy."""
    counts = counted(rollout)
    verdicts = {finding.verdict for finding in rollout.findings}
    critical = counts.alerts.get("critical") or counts.incidents.get("critical")
    if Verdict.FAIL in verdicts or critical:
        return Health.FAILING
    if rollout.blind_since is not None or Verdict.UNKNOWN in verdicts:
        return Health.UNKNOWN
    if any(counts.alerts.values()) or any(counts.incidents.values()) or _close(rollout):
        return Health.STRAINED
    measured = any(entry.total is not None for entry in rollout.meter.canary.values())
    return Health.HEALTHY if measured or not rollout.the_plan.metrics else Health.UNMEASURED


def _close(rollout: Rollout) -> bool:
    """Whether a trigger has seen the first of the bad windows that it takes."""
    triggers = rollout.the_plan.triggers_of(rollout.current_wave)
    counting = {each.id for each in triggers if each.do != "notify"}
    return any(w.runs for name, w in rollout.watchers.items() if name in counting)


def days(rollout: Rollout, now: datetime) -> tuple[int, int] | None:
    """On which day of how many it is; None for a release that is planned for one day."""
    planned = planned_days(rollout.the_plan)
    day = day_of(rollout, now)
    return (day, max(day, planned)) if planned > 1 and day else None


def planned_days(plan: Plan) -> int:
    """How many days the waves of a plan take, when each begins on its day and none is extended."""
    ends = timedelta()
    for wave in plan.waves:
        ends = max(ends, (wave.day - 1) * DAY) + wave.lasts
    return max(1, ceil(ends / DAY))


# --- five numbers ---------------------------------------------------------------------------


def figures(rollout: Rollout) -> tuple[Figure, ...]:
    """The numbers of the present wave: errors, successes, latency, memory, requests per second;
    others of the plan in place of those that it does not measure."""
    plan = rollout.the_plan
    found = []
    for name in _chosen(plan):
        entry = rollout.meter.canary.get(name)
        if entry is None or entry.total is None:
            continue
        metric, base = plan.metrics[name], _base(rollout, name)
        value, was = value_of(metric, entry.total), value_of(metric, base) if base else None
        if value is not None:
            change = _change(name, metric, was, value)
            found.append(Figure(words(name), _shown(name, metric, value), change))
    pace = _pace(rollout)
    kept = found[: FIGURES - 1] if pace is not None else found[:FIGURES]
    return (*kept, *((pace,) if pace is not None else ()))


def against(rollout: Rollout) -> str:
    """What the numbers are compared with, "" while there is nothing."""
    if rollout.wave and rollout.the_plan.waves[rollout.wave - 1].id in rollout.meter.finals:
        return f"wave {rollout.wave}"
    measured = any(entry.total is not None for entry in rollout.meter.baseline.values())
    return f"{rollout.previous} at the same time" if measured else ""


def _chosen(plan: Plan) -> list[str]:
    """The metrics by how much people ask for them."""
    metrics = plan.metrics
    ranked = [name for name in metrics if metrics[name].kind != "probe"]
    slowest = max((metrics[n].q or 0.0 for n in ranked), default=0.0)

    def rank(name: str) -> int:
        metric = metrics[name]
        if metric.kind == "ratio":
            return 1 if metric.good else 0
        if metric.kind == "quantile":
            return 2 if metric.q == slowest else 5
        if any(word in name for word in _ERRORS):
            return 0
        return 3 if _is_bytes(name, metric) else 4

    return sorted(ranked, key=rank)


def _base(rollout: Rollout, name: str) -> Total | None:
    """The same in the wave before; in the first wave that of the old version."""
    if rollout.wave:
        before = rollout.meter.finals.get(rollout.the_plan.waves[rollout.wave - 1].id, {})
        if name in before:
            return before[name]
    entry = rollout.meter.baseline.get(name)
    return entry.total if entry is not None and not rollout.wave else None


def _pace(rollout: Rollout) -> Figure | None:
    """How many requests a second the new version served in this wave, and whether that is more."""
    meter, plan = rollout.meter, rollout.the_plan
    for name in _chosen(plan):
        entry = meter.canary.get(name)
        if entry is None or not isinstance(entry.total, Counts) or meter.began_at is None:
            continue
        seconds = ((entry.measured_at or meter.began_at) - meter.began_at).total_seconds()
        if seconds <= 0:
            return None
        now = entry.total.total / seconds
        was = _pace_before(rollout, name)
        return Figure("requests per second", f"{now:,.3g}", _difference(was, now, _plain))
    return None


def _pace_before(rollout: Rollout, name: str) -> float | None:
    if not rollout.wave:
        return None
    before = rollout.wave - 1
    total = rollout.meter.finals.get(rollout.the_plan.waves[before].id, {}).get(name)
    marks = [mark for mark in rollout.marks if mark.wave == before and mark.left_at is not None]
    if not isinstance(total, Counts) or not marks or marks[-1].left_at is None:
        return None
    seconds = (marks[-1].left_at - marks[-1].applied_at).total_seconds()
    return total.total / seconds if seconds > 0 else None


def _shown(name: str, metric: Metric, value: float) -> str:
    if metric.kind == "ratio":
        return format_share(value)
    if metric.kind == "quantile":
        return _time(value)
    return _size(value) if _is_bytes(name, metric) else _plain(value)


def _change(name: str, metric: Metric, was: float | None, value: float) -> str:
    if metric.kind == "ratio":
        return _difference(was, value, lambda by: f"{by * 100:.3g} pp")
    if metric.kind == "quantile":
        return _difference(was, value, _time)
    return _difference(was, value, _size if _is_bytes(name, metric) else _plain)


def _difference(was: float | None, value: float, shown: Callable[[float], str]) -> str:
    """↑ 0.5 pp, ↓ 15ms or =; "" where nothing is known of before."""
    if was is None:
        return ""
    by = value - was
    if abs(by) <= 0.001 * max(abs(was), abs(value)):
        return "="
    return f"{'↑' if by > 0 else '↓'} {shown(abs(by))}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.4g}ms" if abs(seconds) < 1 else f"{seconds:,.4g}s"


def _plain(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _size(value: float) -> str:
    size, unit = next(((s, u) for s, u in _BYTES if abs(value) >= s), (1.0, "B"))
    return f"{value / size:,.4g} {unit}"


def _is_bytes(name: str, metric: Metric) -> bool:
    """Whether a gauge counts bytes; one that is told as a share of something does not."""
    return metric.kind == "gauge" and metric.full is None and "bytes" in f"{name} {metric.query}"


# --- what was reported ----------------------------------------------------------------------


def counted(rollout: Rollout) -> Counted:
    """How many incidents are open and how many alerts are on, by how bad they are."""
    incidents: dict[str, int] = {}
    alerts: dict[str, int] = {}
    for level in _levels(rollout):
        alerts[level] = alerts.get(level, 0) + 1
    for report in rollout.reports:
        if report.open and report.source == "incident":
            incidents[report.kind] = incidents.get(report.kind, 0) + 1
        elif report.open and report.source == "alarm":
            level = report.level or "warning"
            alerts[level] = alerts.get(level, 0) + 1
    return Counted(incidents, alerts, max(rollout.reports, key=lambda r: r.at, default=None))


def _levels(rollout: Rollout) -> Iterator[str]:
    """The levels of the plan's own alerts that are on."""
    for level, conditions in rollout.the_plan.alerts.items():
        for condition in conditions:
            if condition.id in rollout.alerts:
                yield level
