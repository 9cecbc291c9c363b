"""/release start: ask for a release."""

import base64
import hashlib

from bot.domain.decisions import begin
from bot.domain.plan import Plan
from bot.domain.plan_compile import measured_by
from bot.domain.rollout import Rollout
from bot.domain.versions import Version, parse_version
from bot.slack.replies import Reply
from commands.context import Call, Context, Refuse, Verb, unknown
from commands.parser import Argument, Grammar, Option

GRAMMAR = Grammar(
    (
        Argument("version", "what to release, like v1.2.0", required=True),
        Argument("service", "which service; needed where a channel has several"),
    ),
    (
        Option("env", "the environment, production unless said otherwise"),
        Option("plan", "another plan than the service's own"),
        Option("artifact", "the digest you expect, sha256:…"),
        Option("note", "a line for those who sign", rest=True),
    ),
)


def checked_version(text: str, plan: Plan) -> str:
    """The version as it is written everywhere ("v1.2.0"), checked strictly. Raises Refuse."""
    try:
        version = parse_version(text)
    except ValueError as error:
        raise Refuse(f"{error}") from error
    _allowed_prerelease(version, plan)
    return f"v{version}"


def _allowed_prerelease(version: Version, plan: Plan) -> None:
    kind = version.prerelease[0] if version.prerelease else ""
    if kind and plan.prerelease is not None and kind not in plan.prerelease:
        allowed = ", ".join(plan.prerelease) or "none"
        raise Refuse(f"{plan.name} doesn't release {kind!r} versions (prereleases: {allowed}).")


def checked_plan(context: Context, name: str) -> Plan:
    """A plan by name. Raises Refuse naming the nearest."""
    try:
        return context.plan_named(name)
    except KeyError:
        raise unknown(f"I know no plan {name!r}", name, context.plan_names) from None


async def run(call: Call) -> Reply | None:
    """Start a release; the card says the rest."""
    context, given = call.context, call.parsed
    target = context.target(given.get("service"), given.get("env"), call.intent.channel)
    plan = checked_plan(context, given.get("plan") or target.plan)
    plan = measured_by(plan, target.define)
    version = checked_version(given.get("version"), plan)
    artifact = given.get("artifact")
    if artifact and not artifact.startswith("sha256:"):
        raise Refuse("--artifact takes a digest: sha256: and 64 hexadecimal digits.")
    same = await _same(context, target.service, target.environment, version)
    if same is not None:
        return Reply(
            f"{same.service} {version} is under way already (`{same.id}`, "
            f"{same.phase.replace('_', ' ')}); nothing was started.",
        )
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
    )
    await context.engine.create(rollout, effects)
    return Reply(f"Asked for {target.service} {version} (`{rollout.id}`). The card shows the rest.")


def rollout_id(intent_id: str) -> str:
    """A short id that is the same however often the same request is carried out."""
    return base64.b32encode(hashlib.sha256(intent_id.encode()).digest())[:7].decode().lower()


async def _same(context: Context, service: str, environment: str, version: str) -> Rollout | None:
    active = await context.finder.active([service])
    return next((r for r in active if r.environment == environment and r.version == version), None)


VERB = Verb("start", "Ask for a release; two people sign, then traffic moves.", run, GRAMMAR)
