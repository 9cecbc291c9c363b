"""Whether the configuration can carry out the plans that its services are released by.

A plan that asks for a role nobody holds, or for a metric nobody reads, would be noticed in the
middle of a release; here it is noticed when the bot starts.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bot.domain.approvals import ANY, Signature, seating
from bot.domain.checklists import roles_asked
from bot.domain.conditions import Condition
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan import Approval, Metric, Plan
from bot.domain.plan_compile import measured_by
from bot.domain.release_types import added_seats, approval_of
from bot.plans import PlanLibrary
from bot.settings import ConfigDocument, ServiceDocument, Settings

COUNTED = {"deployer": ("ratio", "quantile")}
"""kind of metrics -> the kinds of metrics it can read, where these are not all."""


def unfit(settings: Settings, plans: PlanLibrary) -> list[DocumentError]:
    """Everything a service's plan asks for that the configuration does not give."""
    config = settings.config
    errors = list(_definitions(settings, plans))
    for name, service in config.services.items():
        for place, wanted in _plans(name, service):
            if wanted not in plans.names():
                hint = nearest(wanted, plans.names())
                errors.append(DocumentError(place, f"there is no plan {wanted!r}", hint))
                continue
            plan = plans.get(wanted)
            errors += _signers(config, plan, place)
            errors += _tickers(config, plan, place)
            errors += _gates(config, service, plan, ("services", name))
            errors += _readers(settings, name, plan)
            errors += _automatic(service, plan, ("services", name, "environments"))
            if plan.calendar.team == "require" and service.team_hours is None:
                problem = f"{plan.name} begins only while the team is there, and nobody says when"
                hint = 'add `team_hours: {days: [monday], from: "09:00", until: "17:00"}`'
                errors.append(DocumentError(("services", name), problem, hint))
    return list({str(error): error for error in errors}.values())


def _plans(name: str, service: ServiceDocument) -> Iterator[tuple[Path, str]]:
    """Where each plan of a service is named."""
    yield ("services", name, "plan"), service.plan
    for type_, plan in service.plans.items():
        yield ("services", name, "plans", type_), plan


def _signers(config: ConfigDocument, plan: Plan, place: Path) -> Iterator[DocumentError]:
    for what, rule in (*_rules(plan), ("a rollback", plan.rollback_approval)):
        if rule is None:
            continue
        unknown = [role for role in dict.fromkeys(rule.roles) if role not in config.roles]
        for role in unknown:
            hint = nearest(role, config.roles) or f"add {role} under `roles`"
            problem = f"{plan.name} wants {what} signed by the role {role}, which is not configured"
            yield DocumentError(place, problem, hint)
        if not unknown:
            yield from _seats(config, plan, rule, what, place)


def _rules(plan: Plan) -> Iterator[tuple[str, Approval]]:
    """What is signed for a release of each type, and with each label, where that adds a seat."""
    yield "a release", plan.approval
    for type_ in plan.sections.types:
        if added_seats(plan, type_, ()):
            yield f"a {type_} release", approval_of(plan, type_, ())
    for label in plan.sections.labels:
        if added_seats(plan, "", [label]):
            yield f"a {label} release", approval_of(plan, "", [label])


def _tickers(config: ConfigDocument, plan: Plan, place: Path) -> Iterator[DocumentError]:
    """A required item that nobody may tick would hold every release for ever.

    Roles that sign or answer a gate are named elsewhere already.
    """
    named = {*config.roles, *plan.approval.roles, *(r for g in _all_gates(plan) for r in g.by)}
    again = [each.by for each in plan.sections.recurring if each.by]
    asked = dict.fromkeys(by for by in (*roles_asked(plan), *again) if not set(by) & named)
    for by in asked:
        problem = f"{plan.name} has items for {' or '.join(by)} to tick, and no such role is known"
        yield DocumentError(place, problem, f"add {by[0]} under `roles`")


def _seats(
    config: ConfigDocument, plan: Plan, rule: Approval, what: str, place: Path
) -> Iterator[DocumentError]:
    """Seats need different people. Who is in a group only Slack knows, so those seats pass."""
    anybody = [] if any(role.groups for role in config.roles.values()) else [ANY] * rule.any
    seats = [*(role for role in rule.roles if not config.roles[role].groups), *anybody]
    signed = [Signature(person, "", held, _ANY_TIME) for person, held in _held(config).items()]
    filled = seating(seats, signed)
    empty = [seat for index, seat in enumerate(seats) if index not in filled]
    if empty:
        names = ", ".join("anybody with a role" if seat == ANY else seat for seat in empty)
        problem = f"{plan.name} wants {what} signed by {rule.seats} different people"
        yield DocumentError(place, f"{problem}, and nobody is left for: {names}", _MORE)


_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_MORE = "give these roles to more people; one person fills one seat"


def _held(config: ConfigDocument) -> Mapping[str, tuple[str, ...]]:
    """person -> roles, of everybody who has one."""
    people = dict.fromkeys(person for role in config.roles.values() for person in role.people)
    return {
        person: tuple(name for name, role in config.roles.items() if person in role.people)
        for person in people
    }


def _gates(
    config: ConfigDocument, service: ServiceDocument, plan: Plan, place: Path
) -> Iterator[DocumentError]:
    for gate in _all_gates(plan):
        if gate.kind == "check" and gate.text not in service.checks:
            hint = f"add `checks: {{{gate.text}: [program, argument]}}`"
            problem = f"{plan.name} runs the check {gate.text}, which is not configured"
            yield DocumentError(place, problem, hint)
        if gate.kind == "attest" and gate.by and not set(gate.by) & set(config.roles):
            problem = f"{plan.name} asks {' or '.join(gate.by)}, and no such role is configured"
            hint = f"add {gate.by[0]} under `roles`"
            yield DocumentError((*place, "plan"), problem, hint)


def _all_gates(plan: Plan) -> Iterator[Condition]:
    return (gate for wave in plan.waves for gate in wave.gates)


def _readers(settings: Settings, service: str, plan: Plan) -> Iterator[DocumentError]:
    for name in settings.config.services[service].environments:
        environment = settings.environments[service, name]
        at: Path = ("services", service, "environments", name)
        probes = [metric.name for metric in plan.metrics.values() if metric.kind == "probe"]
        others = [m for m in plan.metrics.values() if m.kind != "probe" and not m.outside]
        if probes and environment.probe is None:
            hint = "add `probe: {health: http://...}`"
            problem = f"{plan.name} asks a health endpoint for {', '.join(probes)}"
            yield DocumentError(at, f"{problem}, and none is configured", hint)
        if others and environment.metrics is None:
            names = ", ".join(metric.name for metric in others)
            problem = f"{plan.name} reads {names}, and nothing is configured to"
            yield DocumentError(at, problem, "add `metrics:` with a kind")
            continue
        kind = environment.metrics.__struct_config__.tag if environment.metrics else ""
        beyond = [m.name for m in others if m.kind not in COUNTED.get(kind, (m.kind,))]
        if beyond:
            problem = f"{plan.name} reads {', '.join(beyond)}, which metrics of kind {kind} lack"
            hint = "use Prometheus, or a plan without them"
            yield DocumentError((*at, "metrics"), problem, hint)


def _automatic(service: ServiceDocument, plan: Plan, at: Path) -> Iterator[DocumentError]:
    """What is released by itself needs a branch, and production is never among it."""
    for name, environment in service.environments.items():
        if not environment.automatic:
            continue
        place = (*at, name, "automatic")
        if name == plan.sections.preflight.promote_from or name == "production":
            problem = f"{name} is released by people alone"
            yield DocumentError(place, problem, "leave it out")
        elif not plan.sections.branches.get(name):
            hint = f"add `branches: {{{name}: develop}}` to the plan"
            problem = f"{plan.name} does not say which branch {name} follows"
            yield DocumentError(place, problem, hint)


def _definitions(settings: Settings, plans: PlanLibrary) -> Iterator[DocumentError]:
    """A definition stands for a plan's metric: one that no plan has is a misspelt one."""
    known = {name for plan in plans.names() for name in plans.get(plan).metrics}
    for (service, name), environment in settings.environments.items():
        at: Path = ("services", service, "environments", name, "metrics", "define")
        define = getattr(environment.metrics, "define", {})
        for metric in define:
            if metric not in known:
                hint = nearest(metric, known)
                yield DocumentError((*at, metric), f"no plan has a metric {metric!r}", hint)
        plan = settings.config.services[service].plan
        if plan in plans.names():
            yield from _defined(plans.get(plan), define, at)


def _defined(plan: Plan, define: Mapping[str, Metric], at: Path) -> Iterator[DocumentError]:
    try:
        measured_by(plan, define)
    except DocumentError as error:
        yield DocumentError(at, f"{plan.name} does not go with it: {error}")
