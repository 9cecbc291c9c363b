"""What somebody wants, as it is kept in the inbox between the acknowledgement and the work."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, reduced to what handling it needs.

    id: unique per delivery; a second delivery with the same id is ignored. name: the command
    without its slash, the action_id, the callback_id or the type of the event. value: what a button
    carries. values: the state of a modal. Ids are Slack's.
    """

    id: str
    kind: Literal["command", "action", "view", "event", "hook", "admin"]
    name: str
    text: str = ""
    user_id: str = ""
    team_id: str = ""
    enterprise_id: str = ""
    channel: str = ""
    channel_name: str = ""
    response_url: str = ""
    trigger_id: str = ""
    value: str = ""
    message_ts: str = ""
    thread_ts: str = ""
    values: Mapping[str, Any] = {}
    private_metadata: str = ""
    received_at: datetime


def encode(intent: Intent) -> str:
    """As JSON."""
    return msgspec.json.encode(intent).decode()


def decode(payload: str) -> Intent:
    """Back from JSON. Raises msgspec.ValidationError."""
    return msgspec.json.decode(payload, type=Intent)
