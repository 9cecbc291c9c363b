"""/release start: ask for a release. /release promote: of what is live one environment before."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.decisions import begin
from bot.domain.documents import nearest
from bot.domain.duties import StartDuty
from bot.domain.freezes import parse_moment
from bot.domain.notice_comms import on_its_day
from bot.domain.plan import Plan
from bot.domain.plan_compile import measured_by, paced_for
from bot.domain.planned import asks_at, first_day
from bot.domain.release_types import implied_type, known_types, label_problem, suits
from bot.domain.rollout import Phase, Rollout
from bot.domain.units import parse_duration
from bot.domain.version_rules import released
from bot.domain.version_steps import Before, Change, objection, remarks, withheld
from bot.engine.catalogue import ServiceTarget
from bot.engine.holds import asked_by
from bot.engine.rollouts import UnderWayError
from bot.ports import PermanentError, TemporaryError
from bot.slack.replies import Reply
from commands.context import LATELY, Call, Context, Refuse, Verb, unknown
from commands.holds import outlook_lines
from commands.parser import Argument, Grammar, Option, Parsed

_KIND = (
    Option("type", "hotfix, feature or major: it chooses the plan and who signs"),
    Option(
        "label", "what else is true of it, like sensitive; may be given several times", many=True
    ),
    Option("change", "what it does: breaking, feature or fix; the version has to fit"),
)
_ON = Option("on", "the first day, like 2026-12-08 or 2026-12-08T10:00; nothing moves before")
_SINCE = Option("since", "since when its clocks run, like 90m (ago) or 2026-12-08T10:00")
_NOTE = Option("note", "a line for those who sign", rest=True)

GRAMMAR = Grammar(
    (
        Argument("version", "what to release, like v1.2.0", required=True),
        Argument("service", "which service; needed where a channel has several"),
    ),
    (
        Option("env", "the environment, production unless said otherwise"),
        *_KIND,
        Option("plan", "another plan than the service's own"),
        Option("artifact", "the digest you expect, sha256:…"),
        _ON,
        _SINCE,
        _NOTE,
    ),
)

PROMOTE = Grammar(
    (Argument("service", "which service; needed where a channel has several"),),
    (
        Option("env", "where to, production unless said otherwise"),
        Option("from", "where it is live now, staging unless the plan says otherwise"),
        *_KIND,
        Option("plan", "another plan than the service's own"),
        _ON,
        _NOTE,
    ),
)

STAGING = "staging"


def checked_version(text: str, plan: Plan, environment: str) -> str:
    """The version as it is written everywhere ("v1.2.0"), checked strictly. Raises Refuse."""
    try:
        version = released(text, plan.sections.version, environment, plan.name)
    except ValueError as error:
        raise Refuse(f"{error}") from error
    return f"v{version}"


def checked_plan(context: Context, name: str) -> Plan:
    """A plan by name. Raises Refuse naming the nearest."""
    try:
        return context.plan_named(name)
    except KeyError:
        raise unknown(f"I know no plan {name!r}", name, context.plan_names) from None


def chosen_plan(context: Context, target: ServiceTarget, given: Parsed) -> Plan:
    """The plan for what was asked: the one named, that of the type, or the service's own.

    Raises Refuse.
    """
    named, type_ = given.get("plan"), given.get("type")
    plan = checked_plan(context, named or target.plans.get(type_) or target.plan)
    types = {*known_types(plan), *target.plans}
    if type_ and type_ not in types:
        hint = nearest(type_, types)
        raise Refuse(f"I know no type {type_!r}; {hint}")
    if not named and type_ not in target.plans and not suits(plan, type_):
        raise Refuse(
            f"{plan.name} is not for {type_} releases. Name a plan with --plan, or set "
            f"`plans: {{{type_}: PLAN}}` for {target.service} in the configuration."
        )
    measured = measured_by(plan, target.define)
    return paced_for(measured, target.environment, outside=target.outside)


def labels_of(given: Parsed, plan: Plan) -> tuple[str, ...]:
    """The labels asked for, each once. Raises Refuse for one that the plan does not know."""
    words = (word.strip() for word in given.get("label").split(","))
    labels = tuple(dict.fromkeys(word for word in words if word))
    problem = label_problem(plan, labels)
    if problem is not None:
        raise Refuse(f"{problem}.".replace("?.", "?"))
    return labels


def change_of(given: Parsed) -> Change | None:
    """What the release is said to do. Raises Refuse."""
    word = given.get("change")
    known = [each.value for each in Change]
    if word and word not in known:
        raise unknown(f"I know no change {word!r}", word, known)
    return Change(word) if word else None


def running_for(given: Parsed, plan: Plan, now: datetime) -> float:
    """For how many seconds its clocks have been running. Raises Refuse."""
    text = given.get("since")
    try:
        if not text:
            return 0.0
        if "-" not in text:
            return parse_duration(text).total_seconds()
        ago = (now - parse_moment(text, ZoneInfo(plan.zone))).total_seconds()
    except ValueError as error:
        raise Refuse(f"{error}.") from error
    if ago < 0:
        raise Refuse(f"{text} is yet to come (times are those of {plan.zone}).")
    return ago


def planned_at(given: Parsed, plan: Plan, now: datetime) -> datetime | None:
    """The first day, where one was given. Raises Refuse."""
    text = given.get("on")
    try:
        return first_day(text, plan, now) if text else None
    except ValueError as error:
        raise Refuse(f"{error}.") from error


async def version_words(
    context: Context, target: ServiceTarget, plan: Plan, version: str, given: Parsed
) -> list[str]:
    """What is unusual about a version, for the person who asks. Raises Refuse where it can't be."""
    rules, change = plan.sections.version, change_of(given)
    first = withheld(rules, version, target.environment, plan.waves[0].traffic)
    if first:
        raise Refuse(first)
    history = await _history(context, target)
    problem = objection(history[0].version if history else "", version, change)
    if problem:
        raise Refuse(problem)
    type_ = given.get("type") or implied_type(plan)
    return remarks(rules, history, version, change, type_, context.now())


async def _history(context: Context, target: ServiceTarget) -> list[Before]:
    """What was released on a target, the newest first; what was taken back does not count."""
    found = await context.finder.recent([target.service], LATELY)
    return [
        Before(rollout.version, rollout.ended_at)
        for rollout in found
        if rollout.environment == target.environment and rollout.phase is Phase.COMPLETED
        if rollout.ended_at is not None
    ]


async def run(call: Call) -> Reply | None:
    """Start a release; the card says the rest."""
    context, given = call.context, call.parsed
    target = context.target(given.get("service"), given.get("env"), call.intent.channel)
    artifact = given.get("artifact")
    if artifact and not artifact.startswith("sha256:"):
        raise Refuse("--artifact takes a digest: sha256: and 64 hexadecimal digits.")
    return await _begin(call, target, given.get("version"), artifact)


async def _begin(call: Call, target: ServiceTarget, text: str, artifact: str) -> Reply:
    context, given = call.context, call.parsed
    plan = chosen_plan(context, target, given)
    version = checked_version(text, plan, target.environment)
    labels = labels_of(given, plan)
    unusual = await version_words(context, target, plan, version, given)
    first = planned_at(given, plan, context.now())
    same = await _same(context, target.service, target.environment, version)
    if same is not None:
        return _nothing_started(same.service, version, same.id, same.phase)
    rollout, effects = begin(
        rollout_id=rollout_id(call.intent.id),
        service=target.service,
        environment=target.environment,
        version=version,
        plan=plan,
        channel=target.channel,
        requested_by=await context.actor(call.intent),
        now=context.now(),
        artifact=artifact,
        note=given.get("note"),
        type_=given.get("type") or implied_type(plan),
        labels=labels,
    )
    rollout = msgspec.structs.replace(rollout, change=given.get("change"), planned_at=first)
    ago = running_for(given, plan, context.now())
    effects = tuple(
        msgspec.structs.replace(each, ago=ago) if isinstance(each, StartDuty) else each
        for each in effects
    )
    try:
        await context.engine.create(rollout, on_its_day(rollout, effects))
    except UnderWayError as there:
        return _nothing_started(target.service, version, there.id, there.phase)
    said = f"Asked for {target.service} {version} (`{rollout.id}`). The card shows the rest."
    outlook = await context.engine.holds.of_asked(asked_by(rollout))
    expires = (asks_at(rollout) or context.now()) + plan.approval.expires
    return Reply("\n".join([said, *unusual, *outlook_lines(outlook, expires, rollout.type)]))


def _nothing_started(service: str, version: str, id_: str, phase: str) -> Reply:
    return Reply(
        f"{service} {version} is under way already (`{id_}`, {phase.replace('_', ' ')}); "
        "nothing was started."
    )


async def promote(call: Call) -> Reply:
    """Start the release of what is live one environment before: the same version and artifact."""
    context, given = call.context, call.parsed
    target = context.target(given.get("service"), given.get("env"), call.intent.channel)
    plan = chosen_plan(context, target, given)
    source = given.get("from") or plan.sections.preflight.promote_from or STAGING
    place = context.target(target.service, source, call.intent.channel)
    if place.environment == target.environment:
        raise Refuse(f"{source} is where it is live already; say with --env where it should go.")
    try:
        found = await place.deployer.observe(place.target)
    except (TemporaryError, PermanentError) as error:
        raise Refuse(f"What runs in {source} can't be seen now ({error}); try again.") from error
    live = found.current.release
    if not live.version:
        raise Refuse(f"Nothing runs in {target.service} {source} yet.")
    return await _begin(call, target, live.version, live.artifact)


def rollout_id(intent_id: str) -> str:
    """A short id that is the same however often the same request is carried out."""
    return base64.b32encode(hashlib.sha256(intent_id.encode()).digest())[:7].decode().lower()


async def _same(context: Context, service: str, environment: str, version: str) -> Rollout | None:
    active = await context.finder.active([service])
    return next((r for r in active if r.environment == environment and r.version == version), None)


VERB = Verb("start", "Ask for a release; two people sign, then traffic moves.", run, GRAMMAR)
VERBS: Sequence[Verb] = (
    VERB,
    Verb("promote", "Ask to release what is live in staging: the same artifact.", promote, PROMOTE),
)
