"""Payloads that Slack would never send, made of those that it does."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from bot.domain.signing import sign

Json = dict[str, Any]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "\x00", "U0ADA", "C0CHECKOUT", "9" * 5000, "0001-01-01T00:00:00+23:59"]),
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Any JSON, and a little more than that."""

CLICK: Json = {
    "type": "block_actions",
    "user": {"id": "U0ADA", "name": "ada", "team_id": "T0PRACTICE"},
    "api_app_id": "A0",
    "token": "x",
    "team": {"id": "T0PRACTICE", "domain": "practice"},
    "enterprise": None,
    "is_enterprise_install": False,
    "trigger_id": "1.2.3",
    "response_url": "http://127.0.0.1:8800/response/none",
    "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0CHECKOUT"},
    "channel": {"id": "C0CHECKOUT", "name": "checkout"},
    "message": {"ts": "1.2", "text": "x", "blocks": []},
    "state": {"values": {"b": {"a": {"type": "plain_text_input", "value": "x"}}}},
    "actions": [
        {"action_id": "approve", "block_id": "b", "type": "button", "value": "id000001:ab:1"}
    ],
}
FORM: Json = {
    **{key: CLICK[key] for key in ("user", "api_app_id", "token", "team", "enterprise")},
    "type": "view_submission",
    "is_enterprise_install": False,
    "trigger_id": "1.2.4",
    "view": {
        "id": "V1",
        "type": "modal",
        "callback_id": "release_start",
        "private_metadata": "id000001:ab",
        "blocks": [{"type": "input", "block_id": "version"}],
        "state": {"values": {"version": {"v": {"type": "plain_text_input", "value": "v1.2.0"}}}},
    },
}
EVENT: Json = {
    "type": "event_callback",
    "token": "x",
    "team_id": "T0PRACTICE",
    "api_app_id": "A0",
    "event": {"type": "app_home_opened", "user": "U0ADA", "channel": "D0ADA", "tab": "home"},
    "event_id": "Ev1",
    "event_time": 1,
    "authorizations": [{"team_id": "T0PRACTICE", "user_id": "U0BOT", "is_bot": True}],
}
COMMAND: Json = {
    "command": "/release",
    "text": "status",
    "team_id": "T0PRACTICE",
    "user_id": "U0ADA",
    "channel_id": "C0CHECKOUT",
    "channel_name": "checkout",
    "response_url": "http://127.0.0.1:8800/response/none",
    "trigger_id": "1.2.5",
    "api_app_id": "A0",
    "is_enterprise_install": "false",
}
REPORT: Json = {
    "event": "data_corruption",
    "service": "checkout",
    "environment": "production",
    "detail": "rows are missing",
    "id": "e1",
    "at": "2026-11-21T10:00:00Z",
}
ALERTS: Json = {
    "version": "4",
    "groupKey": "{}:{}",
    "status": "firing",
    "truncatedAlerts": 2,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "A", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "12 % fail"},
            "startsAt": "2026-11-21T10:00:00.123Z",
            "fingerprint": "f1",
        }
    ],
}
ROLLBACK: Json = {
    "service": "checkout",
    "environment": "production",
    "reason": "slow",
    "person": "grace",
}
ORDER: Json = {"verb": "status", "args": "checkout", "person": "grace"}


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path in a payload."""
    if path:
        yield path
    pairs: Any = data.items() if isinstance(data, Mapping) else ()
    for key, value in enumerate(data) if isinstance(data, list) else pairs:
        yield from places(value, (*path, key))


@st.composite
def altered(draw: st.DrawFn, *examples: Json) -> Json:
    """Draw one of the examples with one to three places replaced, or taken out."""
    data: Json = copy.deepcopy(draw(st.sampled_from(examples)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(data))
        if not found:
            break
        path = draw(st.sampled_from(found))
        target: Any = data
        for key in path[:-1]:
            target = target[key]
        if draw(st.booleans()):
            target[path[-1]] = draw(junk)
        else:
            del target[path[-1]]
    return data


def written(data: Any) -> bytes:
    """As JSON, with what isn't JSON in it (NaN, half a character)."""
    return json.dumps(data).encode()


def slack_headers(secret: str, body: bytes, at: float, kind: str) -> dict[str, str]:
    """As Slack signs."""
    import hashlib
    import hmac

    stamp = str(int(at))
    base = b"v0:" + stamp.encode() + b":" + body
    signature = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {
        "content-type": kind,
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={signature}",
    }


def hook_headers(secret: str, path: str, body: bytes, at: float) -> dict[str, str]:
    """As a program signs that has no bearer token to send."""
    stamp = str(int(at))
    return {
        "content-type": "application/json",
        "x-countersign-timestamp": stamp,
        "x-countersign-signature": sign(secret, stamp, "POST", path, body),
    }
