"""What is merged to the branch of an automatic environment is released there by itself.

It goes the way of every release: looked at, signed where its plan asks for that, judged. An older
one of these that still waits is given up for a newer one. Nothing else is ever begun like this, and
nothing that has begun is carried on.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from bot.domain import branches
from bot.domain.decisions import begin
from bot.domain.events import CancelRequested
from bot.domain.people import BOT, THE_BOT
from bot.domain.plan import Plan
from bot.domain.plan_compile import measured_by, paced_for
from bot.domain.rollout import BEFORE_TRAFFIC, Rollout
from bot.engine.catalogue import ServiceTarget
from commands.context import Context
from commands.parser import Parsed
from commands.start import checked_plan, checked_version, rollout_id, version_words

MERGED = "merged"
"""The event of `POST /hooks/events` that tells of a merge."""


class Merge(msgspec.Struct, frozen=True):
    """What was merged where. version: that was built from it."""

    service: str
    branch: str
    version: str


def followers(context: Context, service: str, branch: str) -> list[ServiceTarget]:
    """The environments of a service that release by themselves what comes to a branch."""
    places = [context.catalogue.target(service, e) for e in context.catalogue.environments(service)]
    return [place for place in places if place.automatic and _follows(context, place, branch)]


def _follows(context: Context, place: ServiceTarget, branch: str) -> bool:
    wanted = context.plan_named(place.plan).sections.branches
    patterns = branches.patterns(wanted, place.environment, "")
    return any(fnmatchcase(branch, pattern) for pattern in patterns)


async def release(context: Context, place: ServiceTarget, merge: Merge, key: str) -> Rollout | None:
    """Begin the release of what was merged; None when it is under way already.

    key: of what told of it; with the same one nothing is begun twice. Raises Refuse.
    """
    plan = _plan(context, place)
    version = checked_version(merge.version, plan, place.environment)
    await version_words(context, place, plan, version, Parsed({}))
    there = [r for r in await context.finder.active([place.service]) if _on(r, place)]
    if any(rollout.version == version for rollout in there):
        return None
    rollout, effects = begin(
        rollout_id=rollout_id(f"{key}:{place.environment}"),
        service=place.service,
        environment=place.environment,
        version=version,
        plan=plan,
        channel=place.channel,
        requested_by=THE_BOT,
        now=context.now(),
        note=f"merged to {merge.branch}",
    )
    await context.engine.create(rollout, effects)
    await _give_up(context, there, version, key)
    return rollout


def _plan(context: Context, place: ServiceTarget) -> Plan:
    measured = measured_by(checked_plan(context, place.plan), place.define)
    return paced_for(measured, place.environment, outside=place.outside)


def _on(rollout: Rollout, place: ServiceTarget) -> bool:
    return rollout.environment == place.environment


async def _give_up(context: Context, there: Sequence[Rollout], version: str, key: str) -> None:
    """Older ones that were begun like this and have moved nothing yet."""
    for older in there:
        if older.requested_by.person == BOT and older.phase in BEFORE_TRAFFIC:
            event = CancelRequested(THE_BOT, f"{version} was merged after it")
            await context.engine.apply(older.id, event, once=f"{key}:newer")
