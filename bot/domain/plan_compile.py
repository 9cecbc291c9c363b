"""From the document of a plan to a plan that can be carried out, checked against itself.

Everything that could go wrong later because of a mistake in the file is refused here, with the
place of the mistake.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.domain import checklist_rules, recurring, release_types
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
from bot.domain.plan_gates import WORDS, Sources, aims, gates
from bot.domain.plan_merge import merge
from bot.domain.plan_pace import day, meetings, options, ramp, standby, zone
from bot.domain.plan_places import for_environment, without_outside
from bot.domain.plan_responses import check_responses, level_alerts
from bot.domain.plan_sections import Sections
from bot.domain.shape import converted
from bot.domain.subjects import FROM_OUTSIDE

__all__ = ["compile_plan", "measured_by", "merge", "paced_for"]

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
    for environment, every in shape.intervals.items():
        duration(every, ("intervals", environment))
    production, rollback, advance = _approvals(shape.approvals)
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
        advance_approval=advance,
        waves=waves,
        triggers=conditions(
            shape.triggers,
            metrics,
            ("triggers",),
            Place(("if", "event"), Action.ROLLBACK, "trigger", levels=tuple(shape.levels)),
        ),
        alerts=_alerts(shape, metrics),
        aims=aims(shape.levels, metrics),
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
    zone(plan)
    check_responses(plan)
    for mistake in recurring.mistakes_in(shape.recurring):
        raise mistake
    for environment in shape.environments:
        compile_plan(for_environment(document, environment))
    return plan


def _alerts(
    shape: PlanDocument, metrics: Mapping[str, Metric]
) -> Mapping[str, tuple[Condition, ...]]:
    """The plan's alerts, and those that its table of levels makes."""
    found: dict[str, tuple[Condition, ...]] = {}
    for level, rules in shape.alerts.items():
        place = Place(("if",), Action.NOTIFY, level, subjects=FROM_OUTSIDE)
        found[level] = conditions(rules, metrics, ("alerts", level), place)
    for name, made in level_alerts(shape.levels, metrics).items():
        found[name] = (*found.get(name, ()), *made)
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


def paced_for(plan: Plan, environment: str, *, outside: bool = True) -> Plan:
    """The plan as it is meant in an environment: its limits, and how often probes are asked.

    outside: there are checks from outside; else nothing is asked of them.
    """
    meant = for_environment(plan.document, environment)
    meant = meant if outside else without_outside(meant)
    plan = plan if meant is plan.document else compile_plan(meant)
    every = plan.sections.intervals.get(environment)
    probes = {name: m for name, m in plan.metrics.items() if m.kind == "probe" and m.every != every}
    if every is None or not probes:
        return plan
    paced = {name: msgspec.structs.replace(m, every=every) for name, m in probes.items()}
    return measured_by(plan, paced)


def _written(metric: Metric) -> Mapping[str, Any]:
    """A metric as a plan file has it: without what is not said."""
    said = msgspec.to_builtins(metric)
    return {
        key: value
        for key, value in said.items()
        if key != "name" and value not in ("", None, False)
    }


# --- who signs ------------------------------------------------------------------------------


def _approvals(
    documents: Mapping[str, ApprovalDocument],
) -> tuple[Approval, Approval | None, Approval | None]:
    """Who signs a release, a rollback, and the way from wave to wave."""
    for purpose in documents:
        if purpose not in PURPOSES:
            hint = nearest(purpose, PURPOSES)
            raise DocumentError(("approvals", purpose), "is unknown", hint)
    if "production" not in documents:
        hint = "add `production: {any: 2}`, or the roles that sign as `all_of`"
        raise DocumentError(("approvals",), "nobody signs a release", hint)
    production = _approval(documents["production"], ("approvals", "production"), FEWEST_PEOPLE)
    rollback, advance = (
        _approval(documents[purpose], ("approvals", purpose), 1) if purpose in documents else None
        for purpose in ("rollback", "advance")
    )
    if advance is not None and advance.seats > 1:
        hint = "name one role in `all_of`, or write `any: 1`"
        raise DocumentError(("approvals", "advance"), "one person opens the next wave", hint)
    return production, rollback, advance


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
        wave = _wave(document, shape, metrics, path, waves)
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
    before: Sequence[Wave],
) -> Wave:
    traffic = percent(document.traffic, (*path, "traffic"))
    if traffic > 100:
        raise DocumentError((*path, "traffic"), f"{document.traffic} is more than there is")
    earlier, levels = tuple(wave.id for wave in before), tuple(shape.levels)
    asked = Place(WORDS, None, document.id, traffic, earlier, levels)
    sources = Sources({wave.id: wave.gates for wave in before}, shape.targets)
    triggers = Place(
        ("if", "event"), Action.ROLLBACK, f"{document.id}-trigger", traffic, earlier, levels
    )
    return Wave(
        id=document.id,
        title=document.title,
        traffic=traffic,
        instances=document.instances,
        audience=document.audience,
        day=day(document.start, before, (*path, "start")),
        ramp=ramp(document.ramp, before[-1].traffic if before else 0.0, traffic, path),
        soak=duration(document.soak, (*path, "soak"), zero=True) * shape.soak_factor,
        cadence=tuple(
            _cadence(each, (*path, "cadence", index)) for index, each in enumerate(document.cadence)
        ),
        meetings=meetings(document.meetings, path),
        standby=standby(document.standby, path),
        options=options(document, path),
        gates=gates(document.go_if, metrics, (*path, "go_if"), asked, sources),
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
        found += [((*here, "go_if"), each) for each in wave.gates]  # some are taken over
        found += [((*here, "triggers", at), each) for at, each in enumerate(wave.triggers)]
    found += [(("triggers", at), each) for at, each in enumerate(plan.triggers)]
    for level, rules in plan.alerts.items():
        found += [(("alerts", level, at), each) for at, each in enumerate(rules)]
    return [*found, *((("levels",), each) for each in plan.aims)]
