"""Slack's ways of saying no, turned into the two errors that the engine knows.

An answer that never came (a lost reply, a 5xx) may stand for a post that is there; whoever repeats
it is told so by `unknown`.
"""

from collections.abc import Mapping
from datetime import timedelta

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.ports import PermanentError, TemporaryError

RATE_LIMITED = "ratelimited"
DEFAULT_WAIT = timedelta(seconds=1)

# True: something may have been done before it failed.
_TEMPORARY: Mapping[str, bool] = {
    RATE_LIMITED: False,
    "rate_limited": False,
    "message_limit_exceeded": False,
    "service_unavailable": False,
    "request_timeout": False,
    "team_added_to_org": False,
    "fatal_error": True,
    "internal_error": True,
}

ADVICE: Mapping[str, str] = {
    "not_in_channel": "The bot is not in {channel}. Type /invite @Countersign there.",
    "channel_not_found": (
        "The bot can't see {channel}. If it is private, type /invite @Countersign there; "
        "otherwise correct its id under `channels:` or `services:` in the configuration."
    ),
    "is_archived": "{channel} is archived. Unarchive it, or configure another channel.",
    "is_inactive": "{channel} is archived. Unarchive it, or configure another channel.",
    "restricted_action": "The workspace does not let the bot post in {channel}. Ask an admin.",
    "restricted_action_read_only_channel": "{channel} is read-only. Configure another channel.",
    "missing_scope": (
        "The Slack app lacks the scope {needed}. Add it under OAuth & Permissions, reinstall the "
        "app, and restart the bot with the new token."
    ),
    "invalid_auth": "Slack refuses SLACK_BOT_TOKEN. Copy it again from OAuth & Permissions.",
    "not_authed": "No token was sent. Set SLACK_BOT_TOKEN.",
    "account_inactive": "The app was uninstalled or its account deactivated. Install it again.",
    "token_revoked": "SLACK_BOT_TOKEN was revoked. Install the app again and use the new token.",
    "token_expired": "SLACK_BOT_TOKEN has expired. Install the app again and use the new token.",
    "ekm_access_denied": "The workspace's key management denies access. Ask an admin.",
    "message_not_found": "The message is gone from {channel}; a new one has to be posted.",
    "thread_not_found": "The thread is gone from {channel}; a new one has to be begun.",
    "cant_update_message": "The message in {channel} is not the bot's own and can't be edited.",
    "edit_window_closed": "The workspace does not allow edits of old messages; post a new one.",
    "user_not_found": "Slack does not know this account. Correct `people:` in the configuration.",
    "user_not_in_channel": "This person is not in {channel}.",
    "user_disabled": "This account is deactivated. Correct `people:` in the configuration.",
    "no_such_subteam": "There is no such user group. Correct `groups:` in the configuration.",
    "subteam_disabled": "This user group is disabled. Correct `groups:` in the configuration.",
    "expired_trigger_id": "Slack gives three seconds to open a dialog, and they were over.",
    "not_enabled": "The Home tab is off. Turn it on under App Home in the app's settings.",
}

NO_ENTRY = frozenset(
    {
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "restricted_action",
        "restricted_action_read_only_channel",
        "user_not_in_channel",
    }
)
"""Nothing can be posted in this channel; elsewhere it may work."""


def from_transport(error: aiohttp.ClientError | OSError, method: str) -> TemporaryError:
    """A call that got no answer. A connection that was never made has had no effect."""
    never_sent = isinstance(error, aiohttp.ClientConnectorError)
    detail = str(error) or type(error).__name__
    return TemporaryError(f"Slack did not answer {method}: {detail}", unknown=not never_sent)


def from_answer(
    error: SlackApiError, method: str, channel: str = ""
) -> TemporaryError | PermanentError:
    """An answer that says no.

    channel: where it was to happen, for the advice.
    """
    response = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", 0) or 0)
    code = _code(response)
    if status == 429 or code in {RATE_LIMITED, "rate_limited"}:
        wait = retry_after(getattr(response, "headers", None) or {})
        return TemporaryError(f"Slack limits the rate of {method}", retry_after=wait)
    if status >= 500 or not code:
        return TemporaryError(f"Slack answered {method} with {status or 'nonsense'}", unknown=True)
    if code in _TEMPORARY:
        return TemporaryError(f"Slack answered {method}: {code}", unknown=_TEMPORARY[code])
    return PermanentError(_advice(code, method, channel, response), code=code)


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """What the Retry-After header asks for, at least a second and at most an hour."""
    values = [value for name, value in headers.items() if name.lower() == "retry-after"]
    digits = values[0].strip() if values else ""
    if not (digits.isascii() and digits.isdecimal()):
        return DEFAULT_WAIT
    return timedelta(seconds=min(max(int(digits[:6]), 1), 3600))


def _code(response: object) -> str:
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, Mapping) else None
    return code if isinstance(code, str) else ""


def _advice(code: str, method: str, channel: str, response: object) -> str:
    data = getattr(response, "data", None)
    known = data if isinstance(data, Mapping) else {}
    advice = ADVICE.get(code, "")
    detail = _detail(known)
    if not advice:
        return f"Slack refused {method}: {code}{detail}"
    needed = str(known.get("needed") or "that this needs")
    place = f"<#{channel}>" if channel.startswith(("C", "G")) else "that conversation"
    return f"{advice.format(channel=place, needed=needed)} ({method}: {code}{detail})"


def _detail(data: Mapping[str, object]) -> str:
    """The places Slack names in refused blocks or arguments."""
    metadata = data.get("response_metadata")
    found = metadata.get("messages") if isinstance(metadata, Mapping) else None
    return f" {'; '.join(map(str, found))[:500]}" if isinstance(found, list) and found else ""
