"""The dialog that declares an incident: filled in from where it was asked for, and read again.

It is opened by the bare command, by a button of a release's card, and from the menu of any message.
What it is about travels in the form's metadata: the release, the link to the message, the channel.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bot.domain.incident_rules import severity_of
from bot.domain.incident_terms import Severity
from bot.domain.people import Actor
from bot.domain.policy import decode
from bot.domain.rollout import Rollout
from bot.engine.incidents import Opened
from bot.engine.intents import Intent
from bot.ports import Posted
from bot.slack import incident_forms as forms
from bot.slack.buttons import DECLARE_FROM_CARD
from bot.slack.modals import filled_in
from commands.context import Context, Refuse
from commands.incident_parts import new_id, title_of

DECLARE_FROM_MESSAGE = "incident_from_message"
"""The entry in the menu of every message, as the manifest calls it."""

OPENS = frozenset({DECLARE_FROM_CARD, DECLARE_FROM_MESSAGE})

_PERSON = re.compile(r"@\[([^\]\s]{1,80})\]")
_LONGEST_VERSION = 100


class _About(msgspec.Struct, frozen=True):
    """What the form is about. link: to the message. channel: where answers go."""

    rollout_id: str = ""
    link: str = ""
    channel: str = ""

    def encode(self) -> str:
        return f"{self.rollout_id} {self.link}:{self.channel}"


def _decoded(metadata: str) -> _About:
    what, _, channel = metadata.rpartition(":")
    rollout_id, _, link = what.partition(" ")
    return _About(rollout_id, link, channel)


async def declare_form(context: Context, intent: Intent) -> Mapping[str, Any] | None:
    """The form, as far as it can be filled in already; None where there is no service."""
    catalogue = context.catalogue
    here = catalogue.services_in(intent.channel) or catalogue.services()
    if not here:
        return None
    rollout = await _meant(context, intent)
    if rollout is not None and rollout.service not in here:
        here = (*here, rollout.service)
    environments = sorted({e for service in here for e in catalogue.environments(service)})
    usual = "production" if "production" in environments else ""
    link = _link(context, intent)
    about = _About(rollout.id if rollout is not None else "", link, intent.channel)
    said = _said(context, intent)
    return forms.declare(
        forms.DeclareForm(
            services=[(name, name) for name in here],
            environments=[(name, name) for name in environments],
            service=rollout.service if rollout is not None else "",
            environment=rollout.environment if rollout is not None else usual,
            version=rollout.version if rollout is not None else "",
            title=title_of(said.strip().partition("\n")[0]),
            text=said,
            link=link,
            metadata=about.encode(),
        )
    )


async def _meant(context: Context, intent: Intent) -> Rollout | None:
    """The release of the card, or the only one that is live where the message stands."""
    if intent.name == DECLARE_FROM_CARD:
        return await context.finder.find(decode(intent.value).rollout_id)
    here = context.catalogue.services_in(intent.channel)
    live = [each for each in await context.finder.active(here) if each.live and each.touched]
    return live[0] if len(live) == 1 else None


def _link(context: Context, intent: Intent) -> str:
    if intent.name not in OPENS or not intent.message_ts:
        return ""
    link = context.address(Posted(intent.channel, intent.message_ts))
    if not link or intent.thread_ts in {"", intent.message_ts}:
        return link
    return f"{link}?thread_ts={intent.thread_ts}&cid={intent.channel}"


def _said(context: Context, intent: Intent) -> str:
    """What the message says, with people by their names."""
    if intent.name != DECLARE_FROM_MESSAGE:
        return ""
    return _PERSON.sub(lambda found: f"@{context.catalogue.person_of(found[1])}", intent.value)


async def opened(context: Context, intent: Intent, actor: Actor) -> Opened:
    """What the form says. Raises Refuse."""
    fields = filled_in(intent.values)
    target = context.target(fields.get("service", ""), fields.get("environment", ""), "")
    about = _decoded(intent.private_metadata)
    version = "".join(fields.get("version", "").split())[:_LONGEST_VERSION]
    rollout = await context.finder.find(about.rollout_id) if about.rollout_id else None
    place = (target.service, target.environment)
    if rollout is not None and (rollout.service, rollout.environment) != place:
        # Somebody chose another place: what was filled in for the first one is not about it.
        about = msgspec.structs.replace(about, rollout_id="")
        version = "" if version == rollout.version else version
    return Opened(
        id=new_id(intent.id),
        service=target.service,
        environment=target.environment,
        title=title_of(fields.get("title", "")),
        severity=severity_of(fields.get("severity", "")) or Severity.MAJOR,
        began_at=intent.received_at,
        actor=actor,
        text=fields.get("text", "").strip(),
        affected=" ".join(fields.get("affected", "").split()),
        version=version,
        rollout_id=about.rollout_id,
        links=(about.link,) if about.link else (),
    )


async def pressed(_context: Context, _intent: Intent) -> None:
    """The form could not be opened. Raises Refuse, always."""
    raise Refuse("No service is configured yet. Add one under `services:` in countersign.yml.")
