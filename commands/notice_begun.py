"""How a notice begins: /notice maintenance and /notice incident, typed or from their form."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

from bot.domain.notice import INCIDENT, MAINTENANCE, Notice
from bot.domain.notice_clock import SEVERITIES, severity_of
from bot.domain.notice_events import Drafted
from bot.domain.notice_times import parse_instant, zone_of
from bot.slack.replies import Reply
from commands.context import Call, Refuse, unknown


async def maintenance(call: Call) -> Reply:
    facts = {
        "impact": call.parsed.get("impact"),
        "features": call.parsed.get("features"),
        **typed_times(call, _zones(call), {"start": "starts_at", "end": "ends_at"}),
    }
    return await _begun(call, MAINTENANCE, "scheduled", facts)


async def incident(call: Call) -> Reply:
    severity = call.parsed.get("severity") or SEVERITIES[0]
    if severity not in SEVERITIES and severity_of(severity) == SEVERITIES[0]:
        raise unknown(f"There is no severity {severity!r}", severity, SEVERITIES)
    facts = {
        "impact": call.parsed.get("impact"),
        "scope": call.parsed.get("scope"),
        "severity": severity_of(severity),
        "detected_at": call.context.now().isoformat(),
        **typed_times(call, _zones(call), {"detected": "detected_at"}),
    }
    return await _begun(call, INCIDENT, "investigating", facts)


async def _begun(call: Call, kind: str, occasion: str, facts: Mapping[str, str]) -> Reply:
    context, title = call.context, call.parsed.get("title")
    if not title:
        raise Refuse(f"What is it about? `{context.names.notice} {kind} TITLE`, in a few words.")
    actor = await context.actor(call.intent)
    service = _service(call)
    blank = Notice(
        id=call.parsed.get("id") or new_id(kind, call.intent.id),
        kind=kind,
        service=service,
        channel=_channel(call, service),
        owner=actor,
        facts={k: v for k, v in {"title": title, **facts}.items() if v},
        zones=_zones(call),
        languages=context.notices.publishing.languages,
        created_at=context.now(),
    )
    there = await context.notices.find(blank.id)
    if there is not None and there.letters and there.letters[0].source != call.intent.id:
        raise Refuse(f"There is a notice `{blank.id}` already: {there.title}. Choose another id.")
    await context.notices.draft(blank, Drafted(actor, occasion, source=call.intent.id))
    return Reply(
        f"Drafted `{blank.id}`. Read the card, then press Publish: somebody else approves."
    )


def new_id(kind: str, intent_id: str) -> str:
    """A short id that is the same however often the same request is carried out."""
    digest = hashlib.sha256(f"notice:{intent_id}".encode()).digest()
    return f"{kind[0]}{base64.b32encode(digest)[:6].decode().lower()}"


def _service(call: Call) -> str:
    context, name = call.context, call.parsed.get("service")
    if name and name not in context.catalogue.services():
        raise unknown(f"I know no service {name!r}", name, context.catalogue.services())
    here = context.catalogue.services_in(call.intent.channel)
    return name or (here[0] if len(here) == 1 else "")


def _channel(call: Call, service: str) -> str:
    """Where the team works on it: where it was asked for, unless that is nobody's channel."""
    if call.intent.channel.startswith(("C", "G")):
        return call.intent.channel
    targets = call.context.catalogue.targets.values()
    own = next((t.channel for t in targets if t.service == service and t.channel), "")
    return own or call.context.catalogue.channels.default


def _zones(call: Call) -> tuple[str, ...]:
    """The zone that was typed goes first."""
    zones = call.context.notices.publishing.zones
    typed = call.parsed.get("zone")
    if not typed:
        return zones
    try:
        zone_of(typed)
    except ValueError as error:
        raise Refuse(f"{error}.") from error
    return tuple(dict.fromkeys((typed, *zones)))


def typed_times(call: Call, zones: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """What was typed as a time, as facts. Raises Refuse."""
    found = {}
    for word, name in names.items():
        text = call.parsed.get(word)
        if text:
            found[name] = instant_of(text, zones)
    return found


def instant_of(text: str, zones: Sequence[str]) -> str:
    """A typed time as a fact. Raises Refuse."""
    try:
        return parse_instant(text, zones[0] if zones else "").isoformat()
    except ValueError as error:
        raise Refuse(f"{error}.") from error
