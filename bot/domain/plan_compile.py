"""From the document of a plan to a plan that can be carried out, checked against itself.

Everything that could go wrong later because of a mistake in the file is refused here, with the
place of the mistake.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.domain import checklist_rules, release_types
from bot.domain.after_compile import after_plan, keep_previous
from bot.domain.conditions import Action, Condition
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan import (
    Approval,
    ApprovalDocument,
    Baseline,
    Cadence,
    CadenceDocument,
    Metric,
    Plan,
    PlanDocument,
    RuleOut,
    Wave,
    WaveDocument,
)
from bot.domain.plan_calendar import calendar_of
from bot.domain.plan_conditions import Place, checked_metric, conditions, duration, percent
from bot.domain.plan_merge import merge
from bot.domain.plan_responses import check_responses, level_alerts
from bot.domain.plan_sections import Sections
from bot.domain.shape import converted

__all__ = ["compile_plan", "measured_by", "merge"]

FEWEST_PEOPLE = 2
"""Nothing goes to production on one person's word."""

PURPOSES = ("production", "rollback", "advance", "signoff")
"""What signatures are asked for."""

LONGEST_EXTENSION = 1000.0
"""Percent of its soak by which an inconclusive wave may be extended."""

_PRERELEASE = re.compile(r"[0-9A-Za-z-]+")


def compile_plan(document: Mapping[str, Any]) -> Plan:
    """The plan of a document whose `extends` is merged already.

    Raises DocumentError with the path of the first mistake.
    """
    shape = converted(document, PlanDocument)
    if shape.extends:
        raise DocumentError(("extends",), "is not merged yet")
    metrics = {name: checked_metric(name, metric) for name, metric in shape.metrics.items()}
    production, rollback = _approvals(shape.approvals)
    waves = _waves(shape, metrics)
    afterwards = after_plan(shape, metrics, waves[-1])
    plan = Plan(
        name=shape.plan,
        summary=shape.summary,
        use_for=shape.use_for,
        prerelease=_prerelease(shape.version.prerelease),
        metrics=metrics,
        approval=production,
        rollback_approval=rollback,
        waves=waves,
        triggers=conditions(
            shape.triggers,
            metrics,
            ("triggers",),
            Place(("if", "event"), Action.ROLLBACK, "trigger"),
        ),
        alerts=_alerts(shape, metrics),
        baseline=Baseline(
            shape.baseline.kind,
            shape.baseline.fallback,
            duration(shape.baseline.window, ("baseline", "window")),
        ),
        odds_fail=shape.evidence.odds_fail,
        odds_pass=shape.evidence.odds_pass,
        rule_out=_rule_out(shape.evidence.rule_out),
        max_extend=_max_extend(shape.evidence.max_extend),
        min_requests=shape.evidence.min_requests,
        poll=duration(shape.poll, ("poll",)),
        drain=duration(shape.drain, ("drain",), zero=True),
        keep_previous=duration(keep_previous(shape), ("watch", "keep_previous"), zero=True),
        sections=_sections(shape),
        calendar=calendar_of(shape.calendar),
        afterwards=afterwards,
        document=document,
    )
    _consistent(plan)
    check_responses(plan)
    return plan


def _alerts(
    shape: PlanDocument, metrics: Mapping[str, Metric]
) -> Mapping[str, tuple[Condition, ...]]:
    """The plan's alerts, and those that its table of levels makes."""
    found: dict[str, tuple[Condition, ...]] = {
        level: conditions(rules, metrics, ("alerts", level), Place(("if",), Action.NOTIFY, level))
        for level, rules in shape.alerts.items()
    }
    for level, rules in level_alerts(shape.levels, metrics).items():
        found[level] = (*found.get(level, ()), *rules)
    return found


def _sections(shape: PlanDocument) -> Sections:
    names = Sections.__struct_fields__
    return Sections(**{name: getattr(shape, name) for name in names})


def measured_by(plan: Plan, define: Mapping[str, Metric]) -> Plan:
    """The plan with those of its metrics replaced that an environment measures in its own way.

    What is judged is then part of the document that is pinned and signed.
    Raises DocumentError when a condition does not fit the other definition.
    """
    ours = {name: _written(metric) for name, metric in define.items() if name in plan.metrics}
    if not ours:
        return plan
    return compile_plan({**plan.document, "metrics": {**plan.document["metrics"], **ours}})


def _written(metric: Metric) -> Mapping[str, Any]:
    """A metric as a plan file has it: without what is not said."""
    said = msgspec.to_builtins(metric)
    return {key: value for key, value in said.items() if key != "name" and value not in ("", None)}


# --- who signs ------------------------------------------------------------------------------


def _approvals(documents: Mapping[str, ApprovalDocument]) -> tuple[Approval, Approval | None]:
    for purpose in documents:
        if purpose not in PURPOSES:
            hint = nearest(purpose, PURPOSES)
            raise DocumentError(("approvals", purpose), "is unknown", hint)
    if "production" not in documents:
        hint = "add `production: {any: 2}`, or the roles that sign as `all_of`"
        raise DocumentError(("approvals",), "nobody signs a release", hint)
    production = _approval(documents["production"], ("approvals", "production"), FEWEST_PEOPLE)
    if "rollback" not in documents:
        return production, None
    return production, _approval(documents["rollback"], ("approvals", "rollback"), 1)


def _approval(document: ApprovalDocument, path: Path, fewest: int) -> Approval:
    rule = Approval(
        document.all_of,
        document.any,
        document.comment == "required",
        duration(document.expires, (*path, "expires")),
        duration(document.remind, (*path, "remind")),
        document.optional,
    )
    if rule.seats < fewest:
        people = "1 person" if rule.seats == 1 else f"{rule.seats or 'no'} people"
        hint = f"list the roles in `all_of`, or write `any: {fewest}`"
        raise DocumentError(path, f"asks {people}, but at least {fewest} have to sign", hint)
    if rule.seats > 20:
        raise DocumentError(path, f"asks {rule.seats} people, which nobody can want")
    return rule


# --- waves ----------------------------------------------------------------------------------


def _waves(shape: PlanDocument, metrics: Mapping[str, Metric]) -> tuple[Wave, ...]:
    if not shape.waves:
        raise DocumentError(
            ("waves",), "there are no waves", "add at least one, the last with traffic 100%"
        )
    waves: list[Wave] = []
    for index, document in enumerate(shape.waves):
        path: Path = ("waves", index)
        if any(other.id == document.id for other in waves):
            raise DocumentError((*path, "id"), f"{document.id!r} is used twice")
        wave = _wave(document, shape, metrics, path, tuple(other.id for other in waves))
        if waves and wave.traffic < waves[-1].traffic:
            hint = f"{waves[-1].id} has {waves[-1].traffic:g}%; waves never go down by themselves"
            problem = f"{document.traffic} is less than in the wave before"
            raise DocumentError((*path, "traffic"), problem, hint)
        waves.append(wave)
    if waves[-1].traffic != 100:
        at = ("waves", len(waves) - 1, "traffic")
        raise DocumentError(at, "the last wave has to reach 100%")
    return tuple(waves)


def _wave(
    document: WaveDocument,
    shape: PlanDocument,
    metrics: Mapping[str, Metric],
    path: Path,
    earlier: tuple[str, ...],
) -> Wave:
    traffic = percent(document.traffic, (*path, "traffic"))
    if traffic > 100:
        raise DocumentError((*path, "traffic"), f"{document.traffic} is more than there is")
    gates = Place(("if", "attest", "check"), None, document.id, traffic, earlier)
    triggers = Place(("if", "event"), Action.ROLLBACK, f"{document.id}-trigger", traffic, earlier)
    return Wave(
        id=document.id,
        title=document.title,
        traffic=traffic,
        instances=document.instances,
        soak=duration(document.soak, (*path, "soak"), zero=True),
        cadence=tuple(
            _cadence(each, (*path, "cadence", index)) for index, each in enumerate(document.cadence)
        ),
        gates=conditions(document.go_if, metrics, (*path, "go_if"), gates),
        triggers=conditions(document.triggers, metrics, (*path, "triggers"), triggers),
        on_breach=document.on_breach,
        step_back_to=_step_back(document, traffic, path),
        on_breach_steps=document.on_breach_steps,
        on_inconclusive=document.on_inconclusive or shape.evidence.on_inconclusive,
        asks=document.advance == "approve",
    )


def _step_back(document: WaveDocument, traffic: float, path: Path) -> float | None:
    at: Path = (*path, "step_back_to")
    if not document.step_back_to:
        if document.on_breach == "step_back":
            raise DocumentError(path, "`step_back_to` is missing", "how far to go back, like 5%")
        return None
    back = percent(document.step_back_to, at)
    if back >= traffic:
        raise DocumentError(at, f"has to be below the wave's traffic, {document.traffic}")
    return back


def _cadence(document: CadenceDocument, path: Path) -> Cadence:
    until = duration(document.until, (*path, "until")) if document.until else None
    return Cadence(duration(document.every, (*path, "every")), until, document.what)


# --- the rest -------------------------------------------------------------------------------


def _prerelease(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for index, name in enumerate(names or ()):
        if not _PRERELEASE.fullmatch(name):
            path: Path = ("version", "prerelease", index)
            raise DocumentError(path, f"{name[:40]!r} is not the first word of a prerelease", "rc")
    return names


def _max_extend(text: str) -> float:
    path: Path = ("evidence", "max_extend")
    found = percent(text, path)
    if found > LONGEST_EXTENSION:
        raise DocumentError(path, f"has to be at most {LONGEST_EXTENSION:g}%")
    return found / 100


def _rule_out(text: str) -> float | RuleOut:
    path: Path = ("evidence", "rule_out")
    words: tuple[RuleOut, ...] = ("strict", "rollback")
    for word in words:
        if text == word:
            return word
    found = percent(text, path)
    if not 0 < found <= 100:
        raise DocumentError(path, f"{text} is not a share that could be excluded", "write 1%")
    return found / 100


def _consistent(plan: Plan) -> None:
    """What can only be seen when everything is there."""
    checklist_rules.check(plan)
    release_types.check(plan)
    seen: set[str] = set()
    for path, condition in _everywhere(plan):
        if condition.id in seen:
            hint = "give each an `id` of its own"
            raise DocumentError(path, f"there are two conditions {condition.id!r}", hint)
        seen.add(condition.id)
        if condition.window is not None and condition.window < plan.poll:
            hint = "make it longer, or `poll` shorter"
            raise DocumentError((*path, "window"), "is shorter than one look at the metrics", hint)
        if condition.do is Action.STEP_BACK and path[0] != "alerts":
            _can_step_back(plan, path)


def _can_step_back(plan: Plan, path: Path) -> None:
    waves: Sequence[Wave] = plan.waves
    if path[0] == "waves" and isinstance(path[1], int):
        waves = (plan.waves[path[1]],)
    lacking = [wave.id for wave in waves if wave.step_back_to is None]
    if lacking:
        problem = f"steps back, but wave {lacking[0]} has no `step_back_to`"
        raise DocumentError((*path, "do"), problem, "say there how far to go back")


def _everywhere(plan: Plan) -> list[tuple[Path, Condition]]:
    found: list[tuple[Path, Condition]] = []
    for index, wave in enumerate(plan.waves):
        here: Path = ("waves", index)
        found += [((*here, "go_if", at), each) for at, each in enumerate(wave.gates)]
        found += [((*here, "triggers", at), each) for at, each in enumerate(wave.triggers)]
    found += [(("triggers", at), each) for at, each in enumerate(plan.triggers)]
    for level, rules in plan.alerts.items():
        found += [(("alerts", level, at), each) for at, each in enumerate(rules)]
    return found
