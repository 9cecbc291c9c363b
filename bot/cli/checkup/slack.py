"""Whether Slack takes the token, what it lets the bot do, and where the bot can post."""

from collections.abc import Iterator, Mapping, Sequence

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.cli.checkup.finding import Finding
from bot.domain.secret import Secret
from bot.domain.standup_calendar import Series
from bot.engine.catalogue import Catalogue
from bot.ports import PermanentError, TemporaryError
from bot.slack.client import Identity, SlackChat
from bot.slack.connection import address_of_socket
from bot.slack.errors import from_answer, from_transport

NEEDED: Mapping[str, str] = {
    "commands": "nobody can type /release",
    "chat:write": "no card can be posted",
    "users:read": "nobody can sign, since guests and strangers could not be told apart",
}
"""Scope -> what does not work without it."""

OPTIONAL: Mapping[str, str] = {
    "usergroups:read": "roles can't be filled from Slack user groups",
    "files:write": "no pictures of the metrics are shown when a wave is over",
    "im:write": "direct messages go by way of the app's own page",
    "channels:read": "public channels can't be looked at: neither membership nor sharing is known",
    "groups:read": "private channels can't be looked at: neither membership nor sharing is known",
    "channels:history": "a message whose answer got lost is posted a second time",
    "chat:write.public": "public channels need an invitation before the bot can post",
    "users:read.email": "addresses in `people:` can't be compared with Slack's",
}
"""Scope -> what is off without it."""

GRANT = "Add {scope} under OAuth & Permissions, reinstall the app, use the new token."
LOOK = ("channels:read", "groups:read")


async def token(chat: SlackChat) -> tuple[Identity | None, list[Finding]]:
    """Who the bot is, None when Slack does not say."""
    try:
        identity = await chat.identity()
    except PermanentError as error:
        return None, [Finding("slack", "token", "fail", f"refused: {error.code}", str(error))]
    except TemporaryError as error:
        do = "Check the network of this machine, its proxy, and SLACK_API_URL."
        return None, [Finding("slack", "token", "fail", str(error), do)]
    text = f"the bot is {identity.user_id} in {identity.team} ({identity.team_id})"
    return identity, [Finding("slack", "token", "ok", text)]


async def socket(web: AsyncWebClient, app_token: Secret) -> list[Finding]:
    """Whether connections of Socket Mode can be opened; nothing where that is not wanted."""
    if not app_token:
        return []
    try:
        await address_of_socket(web, app_token)
    except PermanentError as error:
        return [Finding("slack", "sockets", "fail", f"refused: {error.code}", str(error))]
    except TemporaryError as error:
        do = "Check the network of this machine, its proxy, and SLACK_API_URL."
        return [Finding("slack", "sockets", "fail", str(error), do)]
    return [Finding("slack", "sockets", "ok", "Slack lets the app open connections")]


def scopes(identity: Identity, catalogue: Catalogue | None) -> Iterator[Finding]:
    """What the token may do, against what is needed and what could be used."""
    granted = identity.scopes
    if not granted:
        yield Finding(
            "slack", "scopes", "warn", "Slack did not say what the token may do",
            "Compare the scopes under OAuth & Permissions with manifest.yml.",
        )  # fmt: skip
        return
    groups = catalogue is not None and any(role.groups for role in catalogue.roles.values())
    for scope, without in NEEDED.items():
        if scope not in granted:
            yield Finding("slack", scope, "fail", f"missing: {without}", GRANT.format(scope=scope))
    for scope, without in OPTIONAL.items():
        if scope in granted:
            continue
        if scope == "usergroups:read" and groups:
            do = f"{GRANT.format(scope=scope)} Or list the people of these roles by name."
            yield Finding("slack", scope, "fail", f"missing: {without}, and `groups:` asks it", do)
        else:
            do = f"To have it: {GRANT.format(scope=scope)}"
            yield Finding("slack", scope, "warn", f"not granted: {without}", do)
    if set(NEEDED) <= granted:
        yield Finding("slack", "scopes", "ok", f"has {', '.join(NEEDED)}")


def configured_channels(catalogue: Catalogue, standups: Sequence[Series] = ()) -> Mapping[str, str]:
    """channel id -> what it is for."""
    found: dict[str, list[str]] = {}
    named = catalogue.channels
    for use, channel in (
        ("default", named.default),
        ("critical", named.critical),
        ("warning", named.warning),
        *((target.service, target.channel) for target in catalogue.targets.values()),
        *(("standup", series.channel) for series in standups),
    ):
        if channel and use not in found.setdefault(channel, []):
            found[channel].append(use)
    return {channel: ", ".join(uses) for channel, uses in found.items()}


async def channels(
    web: AsyncWebClient, identity: Identity, catalogue: Catalogue, standups: Sequence[Series] = ()
) -> list[Finding]:
    """Whether each configured channel exists and the bot can post there."""
    wanted = configured_channels(catalogue, standups)
    if not wanted:
        return []
    if identity.scopes and not identity.scopes.intersection(LOOK):
        do = f"Add {' and '.join(LOOK)}, or see that /invite @Countersign was typed in each."
        shown = ", ".join(wanted)
        return [Finding("channel", shown, "warn", "can't be looked at without a scope", do)]
    return [await _channel(web, identity, *item) for item in wanted.items()]


async def _channel(web: AsyncWebClient, identity: Identity, channel: str, use: str) -> Finding:
    subject = f"{channel} ({use})"
    try:
        answer = await web.conversations_info(channel=channel)
    except SlackApiError as error:
        refusal = from_answer(error, "conversations.info", channel)
        if isinstance(refusal, TemporaryError):
            return _unanswered(subject, refusal)
        return _refused(subject, refusal)
    except (aiohttp.ClientError, OSError) as error:
        return _unanswered(subject, from_transport(error, "conversations.info"))
    return _state(subject, answer.get("channel") or {}, identity)


def _unanswered(subject: str, error: TemporaryError) -> Finding:
    return Finding("channel", subject, "warn", f"not known now: {error}", "Ask again in a minute.")


def _refused(subject: str, error: PermanentError) -> Finding:
    match error.code:
        case "channel_not_found":
            return Finding(
                "channel", subject, "fail", "the bot sees no such channel",
                "If it is private, type /invite @Countersign there; otherwise correct the id "
                "(it is at the end of the channel's details).",
            )  # fmt: skip
        case "missing_scope":
            do = f"Add {' and '.join(LOOK)} to have it checked."
            return Finding("channel", subject, "warn", "can't be looked at without a scope", do)
        case _:
            return Finding("channel", subject, "fail", error.code, str(error))


def _state(subject: str, known: Mapping[str, object], identity: Identity) -> Finding:
    name = f"#{known['name']}" if known.get("name") else "it"
    if known.get("is_archived"):
        do = "Unarchive it, or configure another channel."
        return Finding("channel", subject, "fail", f"{name} is archived", do)
    open_to_all = not known.get("is_private") and "chat:write.public" in identity.scopes
    if not known.get("is_member") and not known.get("is_im") and not open_to_all:
        do = f"Type /invite @Countersign in {name}."
        return Finding("channel", subject, "fail", f"the bot is not in {name}", do)
    if known.get("is_ext_shared"):
        do = "They see every card but can't sign. Use a channel of your own if they should not."
        return Finding("channel", subject, "warn", f"{name} is shared with another company", do)
    return Finding("channel", subject, "ok", f"the bot can post in {name}")
