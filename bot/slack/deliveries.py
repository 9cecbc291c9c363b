"""From what Slack delivers to the intent that is stored: reading, nothing else.

An id here is what a second delivery of the same act has too. A second click has another one; that
it counts once is decided by the state of the rollout.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from bot.engine.intents import Intent
from bot.slack.modals import filled_in
from bot.slack.text import typed

Payload = Mapping[str, Any]


def command_intent(form: Payload, now: datetime) -> Intent:
    """A slash command."""
    name = str(form.get("command") or "").removeprefix("/")
    return Intent(
        id=_id("command", form, _text(form, "trigger_id")),
        kind="command",
        name=name,
        text=typed(_text(form, "text")),
        user_id=_text(form, "user_id"),
        team_id=_text(form, "team_id"),
        enterprise_id=_text(form, "enterprise_id"),
        channel=_text(form, "channel_id"),
        channel_name=_text(form, "channel_name"),
        response_url=_text(form, "response_url"),
        trigger_id=_text(form, "trigger_id"),
        received_at=now,
    )


def action_intents(payload: Payload, now: datetime) -> list[Intent]:
    """What was pressed or chosen, in a message or a view; usually one."""
    return [
        _action(payload, action, now)
        for action in payload.get("actions") or ()
        if isinstance(action, Mapping)
    ]


def _action(payload: Payload, action: Payload, now: datetime) -> Intent:
    container = _part(payload, "container")
    message = _part(payload, "message")
    name = _text(action, "action_id")
    return Intent(
        **_who(payload),
        id=_id("action", payload, _text(payload, "trigger_id"), name),
        kind="action",
        name=name,
        channel=_text(_part(payload, "channel"), "id") or _text(container, "channel_id"),
        channel_name=_text(_part(payload, "channel"), "name"),
        response_url=_text(payload, "response_url"),
        trigger_id=_text(payload, "trigger_id"),
        value=_text(action, "value") or _text(_part(action, "selected_option"), "value"),
        message_ts=_text(container, "message_ts") or _text(message, "ts"),
        thread_ts=_text(container, "thread_ts") or _text(message, "thread_ts"),
        values=filled_in(_part(_part(payload, "state"), "values")),
        private_metadata=_text(_part(payload, "view"), "private_metadata"),
        received_at=now,
    )


def shortcut_intent(payload: Payload, now: datetime) -> Intent:
    """An entry of a message's menu; the value is what the message says."""
    message = _part(payload, "message")
    name = _text(payload, "callback_id")
    return Intent(
        **_who(payload),
        id=_id("action", payload, _text(payload, "trigger_id"), name),
        kind="action",
        name=name,
        channel=_text(_part(payload, "channel"), "id"),
        channel_name=_text(_part(payload, "channel"), "name"),
        response_url=_text(payload, "response_url"),
        trigger_id=_text(payload, "trigger_id"),
        value=typed(_text(message, "text")),
        message_ts=_text(payload, "message_ts") or _text(message, "ts"),
        thread_ts=_text(message, "thread_ts"),
        values={},
        received_at=now,
    )


def view_intent(payload: Payload, now: datetime) -> Intent:
    """A submitted form."""
    view = _part(payload, "view")
    return Intent(
        **_who(payload),
        id=_id("view", payload, _text(payload, "trigger_id")),
        kind="view",
        name=_text(view, "callback_id"),
        trigger_id=_text(payload, "trigger_id"),
        values=filled_in(_part(_part(view, "state"), "values")),
        private_metadata=_text(view, "private_metadata"),
        received_at=now,
    )


def event_intent(
    payload: Payload, now: datetime, *, team_id: str = "", enterprise_id: str = ""
) -> Intent:
    """An event. team_id, enterprise_id: of the one who caused it, "" when not known for certain."""
    event = _part(payload, "event")
    return Intent(
        id=_id("event", payload, _text(payload, "event_id")),
        kind="event",
        name=_text(event, "type"),
        text=_text(event, "tab"),
        user_id=_text(event, "user"),
        team_id=team_id,
        enterprise_id=enterprise_id,
        channel=_text(event, "channel"),
        received_at=now,
    )


def input_blocks(payload: Payload) -> list[str]:
    """The names of the fields of a submitted form, in order."""
    blocks = _part(payload, "view").get("blocks") or ()
    return [
        str(block.get("block_id"))
        for block in blocks
        if isinstance(block, Mapping) and block.get("type") == "input"
    ]


def _who(payload: Payload) -> dict[str, str]:
    """The one who acted, with their own team: `team` is the team of the app, not of an outsider."""
    user = _part(payload, "user")
    team = _part(payload, "team")
    return {
        "user_id": _text(user, "id"),
        "team_id": _text(user, "team_id") or _text(team, "id"),
        "enterprise_id": _text(_part(payload, "enterprise"), "id"),
    }


def _id(kind: Literal["command", "action", "view", "event"], payload: Payload, *names: str) -> str:
    """The id of a delivery: Slack's, or a digest of all of it where Slack gave none."""
    if names[0]:
        return ":".join((kind, *names))
    whole = json.dumps(payload, sort_keys=True, default=str).encode()
    return f"{kind}:sha256:{hashlib.sha256(whole).hexdigest()}"


def _part(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(payload: Payload, name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""
