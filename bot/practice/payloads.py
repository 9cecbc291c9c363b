"""The bodies that Slack delivers to an app, as plain values."""

import html
import re
from typing import Any

from bot.practice.cast import Channel, Json, Person
from bot.practice.forms import KEYS, Values
from bot.practice.workspace import Ephemeral, Message, View, Workspace

DOMAIN = "practice"
MENTION = re.compile(r"(?<![\w&;])([@#])([\w.-]*\w)")


def escaped(space: Workspace, typed: str) -> str:
    """What a person typed, as an app gets it: `& < >` escaped, @names and #channels as ids."""
    people = {person.name: person.id for person in space.people.values()}
    channels = {channel.name: channel.id for channel in space.channels.values()}

    def mention(found: re.Match[str]) -> str:
        sign, name = found.groups()
        target = (people if sign == "@" else channels).get(name)
        return f"<{sign}{target}|{name}>" if target else found.group()

    return MENTION.sub(mention, html.escape(typed, quote=False))


def command_form(
    space: Workspace, person: Person, channel: Channel, command: str, text: str
) -> dict[str, str]:
    """The form of a slash command. text: what came after the command, already escaped."""
    return {
        "token": space.verification,
        "team_id": person.team_id,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": command,
        "text": text,
        "api_app_id": space.app_id,
        "is_enterprise_install": "false",
        "response_url": space.new_response_url(person.id, channel.id),
        "trigger_id": space.new_trigger(person.id),
    }


def channel_name(channel: Channel) -> str:
    """The name of a conversation in payloads."""
    if channel.is_im:
        return "directmessage"
    return "privategroup" if channel.is_private else channel.name


def _envelope(space: Workspace, kind: str, person: Person) -> Json:
    return {
        "type": kind,
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": person.team_id,
        },
        "api_app_id": space.app_id,
        "token": space.verification,
        "team": {"id": space.team_id, "domain": DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def action_of(block: Json, element: Json, entry: Json | None, ts: str) -> Json:
    """One entry of `actions`. entry: the state of an element that holds a choice."""
    action: Json = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": ts,
    }
    if element["type"] == "button":
        shown = ("text", "value", "style", "url", "confirm")
        return action | {name: element[name] for name in shown if name in element}
    chosen = {name: value for name, value in (entry or {}).items() if name != "type"}
    first = KEYS.get(element["type"], ("", ""))[1]
    return action | chosen | {name: element[name] for name in (first,) if name in element}


def message_click(
    space: Workspace,
    person: Person,
    channel: Channel,
    source: Message | Ephemeral,
    shown: Json,
    action: Json,
    values: Values,
) -> Json:
    """block_actions from a message. shown: the message as apps see it ({} for an ephemeral)."""
    ephemeral = isinstance(source, Ephemeral)
    container: Json = {
        "type": "message",
        "message_ts": source.ts,
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if source.thread_ts:
        container["thread_ts"] = source.thread_ts
    origin: dict[str, Any] = (
        {"ephemeral_id": source.id} if isinstance(source, Ephemeral) else {"message_ts": source.ts}
    )
    payload = _envelope(space, "block_actions", person) | {
        "container": container,
        "trigger_id": space.new_trigger(person.id),
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "state": {"values": values},
        "response_url": space.new_response_url(person.id, channel.id, **origin),
        "actions": [action],
    }
    return payload if ephemeral else payload | {"message": shown}


def message_action(
    space: Workspace, person: Person, channel: Channel, shown: Json, callback_id: str
) -> Json:
    """An entry of a message's menu. shown: the message as apps see it."""
    return _envelope(space, "message_action", person) | {
        "action_ts": space.new_ts(),
        "callback_id": callback_id,
        "trigger_id": space.new_trigger(person.id),
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "message_ts": shown["ts"],
        "response_url": space.new_response_url(person.id, channel.id, message_ts=shown["ts"]),
        "message": shown,
    }


def view_click(space: Workspace, person: Person, view: View, seen: Json, action: Json) -> Json:
    """block_actions from a modal or the Home tab. seen: the view as apps see it."""
    return _envelope(space, "block_actions", person) | {
        "container": {"type": "view", "view_id": view.data["id"]},
        "trigger_id": space.new_trigger(person.id),
        "view": seen,
        "actions": [action],
    }


def view_submission(space: Workspace, person: Person, seen: Json) -> Json:
    """A modal that was submitted."""
    return _envelope(space, "view_submission", person) | {
        "trigger_id": space.new_trigger(person.id),
        "view": seen,
        "response_urls": [],
    }


def view_closed(space: Workspace, person: Person, seen: Json) -> Json:
    """A modal that was closed without submitting."""
    return _envelope(space, "view_closed", person) | {"view": seen, "is_cleared": False}


def event_callback(space: Workspace, event: Json, *, ext_shared: bool = False) -> Json:
    """The wrapper of an event."""
    return {
        "token": space.verification,
        "team_id": space.team_id,
        "context_team_id": space.team_id,
        "api_app_id": space.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": space.new_id("Ev"),
        "event_time": int(space.now().timestamp()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": space.team_id,
                "user_id": space.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": ext_shared,
    }
