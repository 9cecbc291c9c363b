"""The buttons and forms of notices."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bot.domain.notice import INCIDENT, MAINTENANCE, Letter, Notice
from bot.domain.notice_events import AnyNoticeEvent, Discarded, Edited, Pressed, Retried, SentBack
from bot.domain.notice_facts import facts_of
from bot.domain.policy import decode
from bot.engine.intents import Intent
from bot.slack.notice_forms import (
    NOTICE_BACK,
    NOTICE_EDIT,
    NOTICE_NEW,
    back_form,
    edit_form,
    fields_of,
    new_form,
    shown,
)
from bot.slack.notices import DISCARD, EDIT, PUBLISH, RETRY, SEND_BACK
from bot.slack.replies import Reply
from commands.context import Call, Context, Refuse
from commands.notice_begun import incident, instant_of, maintenance
from commands.notices import apply
from commands.parser import Parsed

BUTTONS = frozenset({PUBLISH, DISCARD, RETRY})
"""The buttons of a notice that act at once; the others open a form."""

FORMS = frozenset({NOTICE_NEW, NOTICE_EDIT, NOTICE_BACK})


async def pressed(context: Context, intent: Intent) -> None:
    """A button of a card. Raises Refuse."""
    value = decode(intent.value)
    actor, number = await context.actor(intent), int(value.argument or 0)
    event: AnyNoticeEvent = Pressed(actor, number, value.digest)
    if intent.name == DISCARD:
        event = Discarded(actor, number)
    if intent.name == RETRY:
        event = Retried(actor, number)
    await apply(context, value.rollout_id, event, intent.id)


def opens(context: Context, intent: Intent) -> bool:
    """Whether a command or a click opens a form here."""
    if intent.kind == "command":
        return bool(_wanted(context, intent))
    return intent.kind == "action" and intent.name in {EDIT, SEND_BACK}


async def form(context: Context, intent: Intent) -> Mapping[str, Any] | None:
    """The form of a new notice, or behind Edit and Send back; None: nothing can be filled in."""
    if intent.kind == "command":
        return _blank(context, intent, _wanted(context, intent))
    value = decode(intent.value)
    notice = await context.notices.find(value.rollout_id)
    letter = notice.letter(int(value.argument or 0)) if notice is not None else None
    if notice is None or letter is None or not letter.open:
        return None
    metadata = f"{notice.id}:{letter.number}"
    if intent.name == EDIT:
        facts = facts_of(notice, letter, context.notices.publishing.writing)
        return edit_form(notice, letter, facts, metadata)
    return back_form(notice, metadata)


def _wanted(context: Context, intent: Intent) -> str:
    """The kind of notice whose form a command opens, "" for none."""
    if f"/{intent.name}" != context.names.notice:
        return ""
    kinds = {"": MAINTENANCE, MAINTENANCE: MAINTENANCE, INCIDENT: INCIDENT}
    return kinds.get(intent.text.strip().lower(), "")


def _blank(context: Context, intent: Intent, kind: str) -> Mapping[str, Any]:
    here = context.catalogue.services_in(intent.channel)
    service = here[0] if len(here) == 1 else ""
    zones = context.notices.publishing.zones
    metadata = f"{kind}:{intent.channel}"
    return new_form(kind, context.catalogue.services(), zones, metadata, service)


# --- what was filled in ---------------------------------------------------------------------


async def filled(context: Context, intent: Intent, fields: Mapping[str, str]) -> Reply | None:
    """What was filled into one of FORMS."""
    if intent.name == NOTICE_NEW:
        kind, _, channel = intent.private_metadata.partition(":")
        given = Parsed({name: text for name, text in fields.items() if text})
        there = msgspec.structs.replace(intent, channel=intent.channel or channel)
        call = Call(context, there, given)
        return await (incident(call) if kind == INCIDENT else maintenance(call))
    if intent.name == NOTICE_EDIT:
        await _edited(context, intent, fields)
    else:
        await _sent_back(context, intent, fields.get("reason", ""))
    return None


async def _edited(context: Context, intent: Intent, fields: Mapping[str, str]) -> None:
    """What was filled in: only what is new is changed."""
    notice, letter = await _of_form(context, intent)
    facts = changes(context, notice, letter, fields)
    actor = await context.actor(intent)
    await apply(context, notice.id, Edited(actor, letter.number, facts), intent.id)


def changes(
    context: Context, notice: Notice, letter: Letter, fields: Mapping[str, str]
) -> dict[str, str]:
    """The facts that a filled-in form changes. Raises Refuse for a time that can't be read."""
    known = facts_of(notice, letter, context.notices.publishing.writing)
    zone = (*notice.zones, "UTC")[0]
    found = {}
    for name in fields_of(letter):
        text = fields.get(name, "").strip()
        if name not in fields or text == shown(name, known.get(name, ""), zone).strip():
            continue
        found[name] = instant_of(text, (zone,)) if name.endswith("_at") and text else text
    return found


async def problems(context: Context, intent: Intent, fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a filled-in form, by field."""
    found: dict[str, str] = {}
    if intent.name == NOTICE_BACK:
        return found
    if intent.private_metadata.partition(":")[0] in {MAINTENANCE, INCIDENT}:
        zones, names = context.notices.publishing.zones, ["start", "end"]
    else:
        notice, letter = await _of_form(context, intent)
        zones, names = notice.zones, [n for n in fields_of(letter) if n.endswith("_at")]
    for name in names:
        text = fields.get(name, "").strip()
        try:
            instant_of(text, (*zones, "UTC")[:1]) if text else ""
        except Refuse as refused:
            found[name] = str(refused)
    return found


async def _sent_back(context: Context, intent: Intent, reason: str) -> None:
    """The form behind Send back."""
    notice, letter = await _of_form(context, intent)
    actor = await context.actor(intent)
    await apply(context, notice.id, SentBack(actor, letter.number, reason), intent.id)


async def _of_form(context: Context, intent: Intent) -> tuple[Notice, Letter]:
    id_, _, number = intent.private_metadata.rpartition(":")
    notice = await context.notices.find(id_)
    letter = notice.letter(int(number)) if notice is not None else None
    if notice is None or letter is None:
        raise Refuse(f"I know no notice `{id_}`.")
    return notice, letter
