"""What a rollout knows by itself, held against conditions: alerts, reports, levels, trends.

These conditions need no window: at every look they hold, don't hold, or can't be told. What can't
be told never passes a gate and never fires a trigger.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from bot.domain import reports
from bot.domain.conditions import Action, Comparison, Condition, Operator
from bot.domain.gates import Finding, Verdict
from bot.domain.plan import Metric
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Measurement
from bot.domain.steps import TRAFFIC_TOLERANCE, change
from bot.domain.subjects import is_subject
from bot.domain.trends import Trend, falling, followed, rising, slope
from bot.domain.units import format_duration, format_weight
from bot.domain.watching import Watcher

Verdicts = Mapping[str, Verdict]


class Fact(NamedTuple):
    """Whether a condition holds, what it rests on, and what stands in the way of a verdict."""

    verdict: Verdict
    value: float | None
    shown: str
    why: str = ""


def own(condition: Condition, rollout: Rollout) -> bool:
    """Whether a condition is judged here."""
    return is_subject(condition.comparison, rollout.the_plan.metrics)


def fact(comparison: Comparison, rollout: Rollout, verdicts: Verdicts) -> Fact:
    """Whether `comparison` holds now. verdicts: of the metric conditions of this look, by id."""
    argument = comparison.argument
    match comparison.subject:
        case "alerts":
            return _alerts(comparison, rollout, verdicts)
        case "alarms":
            return _counted(comparison, reports.alarms(rollout), "alarm", "firing")
        case "reports":
            found = reports.reports_of(rollout, argument)
            return _counted(comparison, found, f"{_words(argument)} report", "so far")
        case "open_incidents":
            found = reports.open_of(rollout, argument)
            return _counted(comparison, found, f"{_words(argument)} incident", "open")
        case "levels":
            return _levels(comparison, rollout, verdicts)
        case "trend":
            return _trend(comparison, rollout)
        case "traffic":
            return _traffic(comparison, rollout)
        case other:
            return Fact(Verdict.UNKNOWN, None, f"unknown: {other}", f"nothing is known of {other}")


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _holds(holds: bool) -> Verdict:
    return Verdict.PASS if holds else Verdict.FAIL


def _counted(comparison: Comparison, found: int, thing: str, state: str) -> Fact:
    shown = f"{found} {thing}{'' if found == 1 else 's'} {state}"
    limit = comparison.limit
    return Fact(_holds(comparison.operator.holds(found, limit.value)), found, shown)


def _alerts(comparison: Comparison, rollout: Rollout, verdicts: Verdicts) -> Fact:
    rules = rollout.the_plan.alerts.get(comparison.argument, ())
    active = [rule for rule in rules if verdicts.get(rule.id) is Verdict.FAIL]
    firing = len(active) + reports.alarms(rollout, comparison.argument)
    counted = _counted(comparison, firing, f"{comparison.argument} alert", "active")
    names = ", ".join(rule.text for rule in active)
    shown = f"{counted.shown} ({names})" if names else counted.shown
    dark = _dark(rules, rollout, verdicts)
    if dark and counted.verdict is not _surely(comparison, firing):
        return Fact(Verdict.UNKNOWN, None, f"unknown: {dark}", dark)
    return counted._replace(shown=shown)


def _surely(comparison: Comparison, least: int) -> Verdict | None:
    """What is certain when at least so many are active, and perhaps more."""
    limit = comparison.limit.value
    match comparison.operator:
        case Operator.GREATER | Operator.GREATER_EQUAL:
            return Verdict.PASS if comparison.operator.holds(least, limit) else None
        case Operator.LESS | Operator.LESS_EQUAL:
            return None if comparison.operator.holds(least, limit) else Verdict.FAIL
        case Operator.EQUAL:
            return Verdict.FAIL if least > limit else None
        case Operator.NOT_EQUAL:
            return Verdict.PASS if least > limit else None


def _dark(rules: tuple[Condition, ...], rollout: Rollout, verdicts: Verdicts) -> str:
    """Which of them nobody can tell; at 100 % nothing is left that a baseline could be."""
    for rule in rules:
        gone = rule.comparison is not None and rule.comparison.limit.relative
        if verdicts.get(rule.id) is Verdict.UNKNOWN and not (gone and rollout.weight >= 100):
            return f"{rule.text} can't be told"
    return ""


def _levels(comparison: Comparison, rollout: Rollout, verdicts: Verdicts) -> Fact:
    plan = rollout.the_plan
    names = plan.sections.levels
    rules = plan.aims
    if comparison.argument != "target":
        level = comparison.argument
        ids = {f"level-{level}-{name}" for name in names}
        rules = tuple(rule for rule in plan.alerts.get(level, ()) if rule.id in ids)
    broken = [rule for rule in rules if verdicts.get(rule.id) is Verdict.FAIL]
    wanted = comparison.operator is Operator.EQUAL
    if broken:
        shown = f"{comparison.limit.text}: {', '.join(rule.text for rule in broken)}"
        return Fact(_holds(wanted), len(broken), shown)
    dark = _dark(rules, rollout, verdicts)
    if dark:
        return Fact(Verdict.UNKNOWN, None, f"unknown: {dark}", dark)
    return Fact(_holds(not wanted), 0, f"none {comparison.limit.text}")


def _trend(comparison: Comparison, rollout: Rollout) -> Fact:
    name = comparison.argument
    trend = rollout.trends.get(name, Trend())
    found = slope(trend)
    judged = falling if comparison.operator is Operator.LESS else rising
    verdict, why = judged(trend)
    if found is None:
        return Fact(verdict, None, f"{_words(name)}: too early for a trend", why)
    shown = f"{_words(name)}: {_change(found.per_hour, rollout.the_plan.metrics[name])} an hour"
    return Fact(verdict, found.per_hour, shown, why)


def _change(per_hour: float, metric: Metric) -> str:
    match metric.kind:
        case "ratio":
            return f"{per_hour * 100:+.3g} points"
        case "quantile":
            return f"{per_hour * 1000:+.3g}ms"
        case "gauge" | "count" | "probe":
            return f"{per_hour:+.3g}"


def _traffic(comparison: Comparison, rollout: Rollout) -> Fact:
    wanted, found = comparison.limit.value * 100, rollout.weight
    near = abs(found - wanted) <= TRAFFIC_TOLERANCE
    holds = comparison.operator.holds(wanted if near else found, wanted)
    return Fact(_holds(holds), found / 100, format_weight(found))


# --- at every look --------------------------------------------------------------------------


def follow(rollout: Rollout, measurements: tuple[Measurement, ...], now: datetime) -> Rollout:
    """Take the readings into the trends that this wave asks for."""
    plan, wave = rollout.the_plan, rollout.current_wave
    asked = [
        c.comparison.argument
        for c in (*wave.gates, *plan.triggers_of(wave))
        if c.comparison is not None and own(c, rollout) and c.comparison.subject == "trend"
    ]
    if not asked:
        return rollout
    metrics = {name: plan.metrics[name] for name in asked}
    began = rollout.wave_applied_at or now
    return change(rollout, trends=followed(rollout.trends, metrics, measurements, began, now))


def with_own(rollout: Rollout, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of the measured gates, with those that were judged here, in the gates' order."""
    gates = rollout.current_wave.gates
    ours = {gate.id for gate in gates if own(gate, rollout) or gate.kind == "stable"}
    by_id = {f.condition_id: f for f in rollout.findings if f.condition_id in ours}
    by_id |= {finding.condition_id: finding for finding in findings}
    return tuple(by_id[gate.id] for gate in gates if gate.id in by_id)


def judged(rollout: Rollout, verdicts: Verdicts, now: datetime) -> Rollout:
    """With the findings of those gates of the wave that are judged here, in the gates' order."""
    found: list[Finding] = []
    for gate in rollout.current_wave.gates:
        if gate.comparison is not None and own(gate, rollout):
            found.append(_finding(gate, fact(gate.comparison, rollout, verdicts)))
        elif gate.kind == "stable":
            found.append(_stable(gate, rollout, now))
    measured = tuple(
        f for f in rollout.findings if f.condition_id not in {x.condition_id for x in found}
    )
    fresh = change(rollout, findings=tuple(found))
    return change(rollout, findings=with_own(fresh, measured))


def _finding(gate: Condition, found: Fact) -> Finding:
    limit = gate.comparison.limit.value if gate.comparison is not None else None
    return Finding(gate.id, gate.text, found.verdict, found.value, limit, found.shown, found.why)


def tell(rollout: Rollout, verdicts: Verdicts, now: datetime) -> tuple[Rollout, Verdicts]:
    """Judge what is judged here, after everything that is measured.

    Alerts come first: triggers and gates may count them. Returns the rollout with its findings, and
    with a watcher for each trigger and alert, and the verdicts together with those of this module:
    FAIL where a trigger or an alert holds, as for measured ones.
    """
    plan = rollout.the_plan
    known = dict(verdicts)
    watchers = dict(rollout.watchers)
    for condition in told_of(rollout):
        if condition.comparison is None:
            continue
        old = watchers.get(condition.id) or Watcher(window_started_at=now)
        told = fact(condition.comparison, rollout, known)
        watchers[condition.id] = _watcher(old, told, now)
        known[condition.id] = _fires(condition, old, told)
    troubled = any(known.get(alert.id) is Verdict.FAIL for alert in plan.all_alerts)
    watched = change(rollout, watchers=watchers)
    if troubled or rollout.phase is Phase.PAUSED:
        watched = change(watched, troubled_at=now)
    return judged(watched, known, now), known


def told_of(rollout: Rollout) -> list[Condition]:
    """The alerts and triggers that are judged here, alerts first."""
    plan = rollout.the_plan
    known = (*plan.all_alerts, *plan.triggers_of(rollout.current_wave))
    return [condition for condition in known if own(condition, rollout)]


def _watcher(old: Watcher, told: Fact, now: datetime) -> Watcher:
    holds = told.verdict is Verdict.PASS
    return msgspec.structs.replace(
        old,
        runs=1 if holds else 0,
        decided=told.verdict is not Verdict.UNKNOWN,
        satisfied_at=(old.satisfied_at or now) if holds else None,
        confirmed=holds,
        shown=told.shown,
    )


def _fires(condition: Condition, old: Watcher, told: Fact) -> Verdict:
    """FAIL when it does what it says. What paused or stepped back does so again when it is news."""
    if told.verdict is Verdict.UNKNOWN:
        return Verdict.UNKNOWN
    if told.verdict is not Verdict.PASS:
        return Verdict.PASS
    again = old.satisfied_at is not None and condition.do in {Action.PAUSE, Action.STEP_BACK}
    return Verdict.PASS if again else Verdict.FAIL


# --- stable ---------------------------------------------------------------------------------


def stable_since(rollout: Rollout, now: datetime) -> datetime:
    """Since when this wave's traffic has been there without an alert, a breach or a pause."""
    began = rollout.wave_applied_at or now
    return max(began, rollout.troubled_at or began)


def unstable(rollout: Rollout) -> list[Finding]:
    """The gates that wait for it to have been stable for long enough."""
    waiting = {gate.id for gate in rollout.current_wave.gates if gate.kind == "stable"}
    return [
        finding
        for finding in rollout.findings
        if finding.condition_id in waiting and finding.verdict is not Verdict.PASS
    ]


def _stable(gate: Condition, rollout: Rollout, now: datetime) -> Finding:
    wanted = gate.hold or timedelta()
    been = now - stable_since(rollout, now)
    shown = f"stable for {format_duration(max(been, timedelta()))} of {format_duration(wanted)}"
    verdict = Verdict.PASS if been >= wanted else Verdict.INCONCLUSIVE
    why = "" if been >= wanted else f"{format_duration(wanted - been)} more without an alert"
    return Finding(
        gate.id, gate.text, verdict, been.total_seconds(), wanted.total_seconds(), shown, why
    )
