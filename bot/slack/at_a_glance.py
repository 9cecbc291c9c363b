"""How a release is, on its card: one word, its day, what is open, and five numbers."""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.at_a_glance import Counted, Figure, Health, against, counted, days, figures, health
from bot.domain.reports import Report, words
from bot.domain.rollout import Phase, Rollout
from bot.slack.blocks import Block, context, fields, section
from bot.slack.text import bold, clock, cut, escape

SIGNS = {
    Health.HEALTHY: "✓",
    Health.STRAINED: "!",
    Health.FAILING: "✗",
    Health.UNKNOWN: "?",
    Health.UNMEASURED: "…",
}
_DECIDING = frozenset({Phase.PAUSED, Phase.HALTED, Phase.JUDGING})
_LONGEST = 120
_LEVELS = ("critical", "warning")
_GRADES = ("critical", "major", "minor")


def glance(rollout: Rollout, now: datetime) -> list[Block]:
    """The lines for somebody who has three seconds; nothing while no traffic is on it."""
    if not rollout.live or not rollout.touched or rollout.phase is Phase.ROLLING_BACK:
        return []
    how, day = health(rollout), days(rollout, now)
    parts = [f"{SIGNS[how]} {bold(how.capitalize())}"]
    if day is not None:
        parts.append(f"day {day[0]} of {day[1]}")
    parts.append(_open(counted(rollout)))
    found = [_field(each) for each in figures(rollout)]
    numbers = [fields(found), *_than(rollout)] if found else []
    return [section(" · ".join(parts)), *numbers, *_chain(rollout)]


def _chain(rollout: Rollout) -> list[Block]:
    """Whom an incident of this release calls while people decide how to go on."""
    plan = rollout.the_plan.sections.incident
    if plan is None or not plan.escalation or rollout.phase not in _DECIDING:
        return []
    names = [escape(words(name)) for name in plan.escalation]
    return [context(f"An incident calls {', then '.join(names)}.")]


def _open(counts: Counted) -> str:
    """How many of each, the critical ones always, and the newest of all."""
    incidents = _listed(counts.incidents, _GRADES)
    alerts = _listed(counts.alerts, _LEVELS)
    return f"incidents: {incidents} · alerts: {alerts} · last issue: {_last(counts.last)}"


def _listed(counts: Mapping[str, int], known: tuple[str, ...]) -> str:
    first, *others = known
    shown = [f"{counts.get(first, 0)} {first}"]
    shown += [f"{counts[each]} {each}" for each in others if counts.get(each)]
    return ", ".join(shown)


def _last(report: Report | None) -> str:
    if report is None:
        return "none"
    what = words(report.kind)
    if report.source == "incident":
        what = f"{what} incident: {report.detail}" if report.detail else f"{what} incident"
    return f"{cut(escape(what), _LONGEST)}, {clock(report.at)}"


def _field(figure: Figure) -> str:
    change = f"  ({figure.change})" if figure.change else ""
    return f"{bold(figure.name)}\n{escape(figure.shown)}{change}"


def _than(rollout: Rollout) -> list[Block]:
    base = against(rollout)
    return [context(f"In brackets: against {escape(base)}")] if base else []
