"""What a standup says about a release, out of what was measured: values, alerts, focus.

Every number comes from the row of the release, so that the standup shows what the card shows. The
value of yesterday is the one that the standup of yesterday showed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.conditions import Comparison, Condition
from bot.domain.days import day_of, opening_words
from bot.domain.evaluation import value_of
from bot.domain.evidence import Verdict
from bot.domain.gates import Finding
from bot.domain.plan import Metric, Plan
from bot.domain.requests import open_items
from bot.domain.rollout import Phase, Rollout
from bot.domain.standup import offered
from bot.domain.standup_state import Issue, Standup, Topic, Value
from bot.domain.totals import Total
from bot.domain.units import format_duration, format_share, format_weight

A_DAY_AGO = (timedelta(hours=18), timedelta(hours=40))
"""How old a standup is whose values are those of yesterday; the one of the morning is not."""

SAME = 0.05
"""A value that differs by less than this share of itself is as it was."""

MOST_FOCUS = 5


def topic(
    rollout: Rollout,
    now: datetime,
    *,
    yesterday: Standup | None,
    issues: Sequence[Issue] = (),
    links: Mapping[str, str] = {},
) -> Topic:
    """What a standup says about a release under way.

    yesterday: a standup of about a day ago. issues: what went wrong since the last one. links: of
    the dashboards that the plan names.
    """
    standup = rollout.the_plan.sections.standup
    old = yesterday.topic(rollout.id) if yesterday is not None else None
    return Topic(
        rollout_id=rollout.id,
        service=rollout.service,
        environment=rollout.environment,
        version=rollout.version,
        where=where(rollout, now),
        weight=rollout.weight,
        values=tuple(values(rollout, old.values if old is not None else ())),
        alerts=tuple(alerts(rollout)),
        people_say=tuple(people_say(rollout)),
        issues=tuple(issues),
        focus=tuple(focus(rollout, now))[:MOST_FOCUS],
        duties=tuple(duties(rollout.the_plan)),
        dashboards=tuple(dashboards(rollout.the_plan, links)),
        offered=offered(standup.decisions if standup is not None else ()),
    )


def duties(plan: Plan) -> Iterator[str]:
    """What each team of the plan looks at while it is released."""
    for team, tasks in plan.sections.teams.items():
        yield f"{team.replace('_', ' ')}: {', '.join(tasks)}"


def dashboards(plan: Plan, links: Mapping[str, str]) -> Iterator[str]:
    """The dashboards that the plan names: what each shows, and where it is."""
    for name, parts in plan.sections.dashboards.items():
        link = f" {links[name]}" if links.get(name) else ""
        yield f"{name.replace('_', ' ')} ({', '.join(parts)}){link}"


def yesterdays(standups: Sequence[Standup], now: datetime) -> Standup | None:
    """Of earlier standups, newest first, the one of about a day ago."""
    youngest, oldest = A_DAY_AGO
    return next((s for s in standups if youngest <= now - s.created_at <= oldest), None)


def where(rollout: Rollout, now: datetime) -> str:
    """How far a release has got, in a sentence without its full stop."""
    waves = rollout.the_plan.waves
    wave = rollout.current_wave
    title = f" ({wave.title})" if wave.title else ""
    place = f"wave {rollout.wave + 1} of {len(waves)}{title}, {format_weight(rollout.weight)}"
    phase = rollout.phase.value.replace("_", " ")
    days = f", day {day_of(rollout, now)}" if any(w.day > 1 for w in waves) else ""
    left = ""
    if rollout.phase is Phase.SOAKING:
        left = f", {format_duration(rollout.soak_left)} of the soak to go"
    why = f": {rollout.reason.rstrip('.')}" if rollout.reason else ""
    return f"{place}{days}, {phase}{left}{why}"


# --- health ---------------------------------------------------------------------------------


def values(rollout: Rollout, old: Sequence[Value]) -> Iterator[Value]:
    """Every gate of the wave with its value, and every other metric that has been measured.

    old: the values of yesterday.
    """
    found = {finding.condition_id: finding for finding in rollout.findings}
    asked: set[str] = set()
    for gate in rollout.current_wave.gates:
        if gate.kind != "if" or gate.comparison is None:
            continue
        asked.add(gate.comparison.subject)
        yield _compared(_gate(rollout, gate, found.get(gate.id)), old)
    for name, entry in sorted(rollout.meter.canary.items()):
        metric = rollout.the_plan.metrics.get(name)
        if name not in asked and metric is not None and entry.total is not None:
            yield _compared(_measured(rollout, name, metric, entry.total), old)


def _gate(rollout: Rollout, gate: Condition, finding: Finding | None) -> Value:
    comparison = gate.comparison
    shown = finding.shown if finding is not None else "not measured yet"
    return Value(
        id=gate.id,
        text=gate.text,
        shown=shown,
        value=finding.value if finding is not None else None,
        verdict=finding.verdict if finding is not None else Verdict.UNKNOWN,
        baseline=_baseline(rollout, comparison.subject) if comparison else "",
        before=_before(rollout, comparison) if comparison else "",
        course=finding.spark if finding is not None else (),
        limit=finding.limit if finding is not None else None,
    )


def _measured(rollout: Rollout, name: str, metric: Metric, total: Total) -> Value:
    value = value_of(metric, total)
    return Value(
        id=name,
        text=name.replace("_", " "),
        shown=number(metric, value),
        value=value,
        baseline=_baseline(rollout, name),
    )


def _baseline(rollout: Rollout, name: str) -> str:
    """The same of the old version, where the plan has it measured."""
    metric = rollout.the_plan.metrics.get(name)
    entry = rollout.meter.baseline.get(name)
    if metric is None or entry is None or entry.total is None:
        return ""
    return number(metric, value_of(metric, entry.total))


def _before(rollout: Rollout, comparison: Comparison) -> str:
    """The same at the end of the wave before."""
    metric = rollout.the_plan.metrics.get(comparison.subject)
    if rollout.wave == 0 or metric is None:
        return ""
    ended = rollout.meter.finals.get(rollout.the_plan.waves[rollout.wave - 1].id, {})
    total = ended.get(comparison.subject)
    return number(metric, value_of(metric, total)) if total is not None else ""


def _compared(new: Value, old: Sequence[Value]) -> Value:
    """The value beside that of yesterday."""
    was = next((value for value in old if value.id == new.id), None)
    if was is None or was.value is None or new.value is None:
        return new
    fields = {name: getattr(new, name) for name in Value.__struct_fields__}
    shown = was.shown.partition(", limit")[0]
    return Value(**{**fields, "yesterday": shown, "trend": trend(was.value, new.value)})


def trend(old: float, new: float) -> str:
    """up, down or same."""
    if abs(new - old) <= SAME * max(abs(old), abs(new)):
        return "same"
    return "up" if new > old else "down"


def number(metric: Metric, value: float | None) -> str:
    """A value of a metric in its unit."""
    if value is None:
        return "no value"
    match metric.kind:
        case "ratio":
            return format_share(value)
        case "quantile":
            return f"{value * 1000:,.4g}ms" if abs(value) < 1 else f"{value:,.4g}s"
        case "probe":
            return "not ok" if value else "ok"
        case _:
            return f"{value:,.6g}"


def alerts(rollout: Rollout) -> Iterator[str]:
    """The alerts that are on: of the plan, and of other systems."""
    plan = rollout.the_plan
    for alert in (*plan.triggers_of(rollout.current_wave), *_leveled(plan)):
        if alert.id in rollout.alerts:
            watcher = rollout.watchers.get(alert.id)
            shown = f": {watcher.shown}" if watcher is not None and watcher.shown else ""
            yield f"{alert.say or alert.text}{shown}"
    for report in rollout.reports:
        if report.open and report.source == "alarm":
            yield f"{report.kind}{f' ({report.level})' if report.level else ''}: {report.detail}"


def _leveled(plan: Plan) -> Iterator[Condition]:
    for level in plan.alerts.values():
        yield from level


def people_say(rollout: Rollout) -> Iterator[str]:
    """What customers and others have reported, and how the questions about them were answered."""
    kinds = [r.kind for r in rollout.reports if r.open and r.source == "report"]
    for kind in sorted(set(kinds)):
        count = kinds.count(kind)
        yield f"{count} {kind.replace('_', ' ')}{'' if count == 1 else 's'}"
    texts = {gate.id: gate.text for gate in rollout.current_wave.gates if gate.kind == "attest"}
    for tick in rollout.ticks:
        if tick.gate in texts:
            word = "yes" if tick.ok else "no"
            yield f"{texts[tick.gate]} @[{tick.person}]: {word}"


# --- what comes next ------------------------------------------------------------------------


def focus(rollout: Rollout, now: datetime) -> Iterator[str]:
    """What to look at until the next standup: what is bad, what is open, what comes."""
    for finding in rollout.findings:
        if finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}:
            yield f"{finding.text} {finding.shown}"
    for gate in open_items(rollout):
        if gate.kind == "attest":
            whom = " or ".join(role.replace("_", " ") for role in gate.by) or "anybody"
            yield f"an answer from {whom}: {gate.text}"
    if rollout.phase is Phase.PAUSED:
        yield "why it is paused, and what has to be so before it goes on"
    opens = opening_words(rollout, now)
    if opens:
        yield opens.rstrip(".")


# --- when -----------------------------------------------------------------------------------


def in_zone(at: datetime, zone: str) -> str:
    """An instant as people in that zone write it, and in UTC."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a %d %b, %H:%M} {zone}"
