"""The chat port over Slack's Web API.

It never retries by itself: what to repeat, and when, is the outbox's business, which knows the key.
Looking a lost post up needs a history scope; without one the answer is "not found", the post is
repeated, and two equal messages are the worst that comes of it (both address one request).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.secret import Secret
from bot.ports import Message, PermanentError, Person, Posted, TemporaryError
from bot.slack.errors import NO_ENTRY, from_answer, from_transport
from bot.slack.hearing import Hearing
from bot.slack.pacing import Pacer
from bot.slack.redaction import library_logger
from bot.slack.response_urls import is_slacks

log = logging.getLogger(__name__)

EVENT_TYPE = "countersign"
SLACK_API = "https://slack.com/api/"
LOOK_BACK = 200
"""How many of the newest messages are searched for a lost one."""

PATIENCE = 5.0
"""Seconds that a post may wait here for its turn; longer waits are the outbox's."""

CONNECT_TIMEOUT = timedelta(seconds=5)
CALL_TIMEOUT = timedelta(seconds=15)

# Not being allowed to look is not an error of the message that is looked for.
CANT_LOOK = frozenset({"missing_scope", "unknown_method", "not_allowed_token_type"}) | NO_ENTRY


class Identity(msgspec.Struct, frozen=True):
    """Who the bot is, as auth.test says. scopes: what its token may do."""

    team_id: str
    team: str
    user_id: str
    bot_id: str
    enterprise_id: str = ""
    url: str = ""
    scopes: frozenset[str] = frozenset()


class Answer(msgspec.Struct, frozen=True):
    """What is said through a response_url.

    url: the response_url ("" when there is none). user_id, channel: where the answer goes when the
    url has expired. replace: in place of the message it belongs to.
    """

    url: str
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    in_channel: bool = False
    replace: bool = False
    thread_ts: str = ""
    user_id: str = ""
    channel: str = ""


def new_session() -> aiohttp.ClientSession:
    """The one session for everything that goes to Slack. Whoever makes it closes it."""
    timeout = aiohttp.ClientTimeout(
        total=CALL_TIMEOUT.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()
    )
    return aiohttp.ClientSession(timeout=timeout, trust_env=True)


def web_client(
    token: Secret, session: aiohttp.ClientSession, base_url: str = SLACK_API
) -> AsyncWebClient:
    """A Web API client without retries of its own.

    base_url: where the API is, for example a stand-in's http://127.0.0.1:8800/api/.
    """
    client = AsyncWebClient(
        token=token.reveal(),
        session=session,
        base_url=base_url,
        retry_handlers=[],
        logger=library_logger("slack_sdk"),
    )
    client.proxy = None  # the session follows the environment, NO_PROXY included; the SDK would not
    return client


class SlackChat:
    """`bot.ports.Chat`. Raises TemporaryError, PermanentError(code=Slack's word) everywhere.

    clock: seconds of a monotonic clock (the event loop's when None).
    """

    def __init__(
        self,
        web: AsyncWebClient,
        *,
        pacer: Pacer | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._web = web
        self._pacer = pacer or Pacer()
        self._hearing = Hearing()
        self._clock = clock or (lambda: asyncio.get_running_loop().time())

    # -- messages ----------------------------------------------------------------------------

    async def post(self, message: Message, key: str) -> Posted:
        """Post once, with `key` in the metadata."""
        await self._turn(message.channel)
        answer = await self._call(
            "chat.postMessage",
            self._web.chat_postMessage(
                **_content(message),
                **_thread(message),
                metadata={"event_type": EVENT_TYPE, "event_payload": {"key": key}},
                unfurl_links=False,
                unfurl_media=False,
            ),
            message.channel,
        )
        return Posted(str(answer["channel"]), str(answer["ts"]))

    async def update(self, posted: Posted, message: Message) -> None:
        """Replace text and blocks. Safe to repeat, so a lost reply is nothing unknown."""
        await self._turn(posted.channel)
        try:
            await self._call(
                "chat.update",
                self._web.chat_update(
                    **{**_content(message), "channel": posted.channel}, ts=posted.ts
                ),
                posted.channel,
            )
        except TemporaryError as error:
            raise TemporaryError(str(error), retry_after=error.retry_after) from error

    async def whisper(self, user_id: str, message: Message) -> None:
        """Show it to one person, in the channel, or by direct message where that can't be."""
        try:
            await self._call(
                "chat.postEphemeral",
                self._web.chat_postEphemeral(**_content(message), **_thread(message), user=user_id),
                message.channel,
            )
        except PermanentError as error:
            if error.code not in NO_ENTRY:
                raise
            alone = msgspec.structs.replace(message, channel=user_id, thread_ts="", broadcast=False)
            await self._call(
                "chat.postMessage",
                self._web.chat_postMessage(
                    **_content(alone), unfurl_links=False, unfurl_media=False
                ),
            )

    async def find(self, channel: str, key: str, thread_ts: str = "") -> Posted | None:
        """The message with `key` among the newest ones: conversations.history, and for a reply
        conversations.replies, since the history of a channel leaves replies out.

        None also when the bot may not look (no history scope).
        """
        try:
            messages = await self._recent(channel, thread_ts)
        except PermanentError as error:
            if error.code not in CANT_LOOK:
                raise
            log.warning("a lost message can't be looked up: %s", error)
            return None
        for each in messages:
            if _key(each) == key:
                return Posted(channel, str(each["ts"]))
        return None

    async def _recent(self, channel: str, thread_ts: str) -> Sequence[Mapping[str, Any]]:
        asked: dict[str, Any] = {"limit": LOOK_BACK, "include_all_metadata": True}
        if thread_ts:
            method = "conversations.replies"
            call = self._web.conversations_replies(channel=channel, ts=thread_ts, **asked)
        else:
            method = "conversations.history"
            call = self._web.conversations_history(channel=channel, **asked)
        answer = await self._call(method, call, channel)
        found: Sequence[Mapping[str, Any]] = answer.get("messages") or ()
        return found

    async def direct(self, user_id: str) -> str:
        """The direct message with a person; their own id, which posts go to as well, without the
        scope im:write."""
        try:
            answer = await self._call(
                "conversations.open", self._web.conversations_open(users=user_id)
            )
        except PermanentError as error:
            if error.code != "missing_scope":
                raise
            return user_id
        return str((answer.get("channel") or {})["id"])

    async def permalink(self, posted: Posted) -> str:
        """The address of a message."""
        answer = await self._call(
            "chat.getPermalink",
            self._web.chat_getPermalink(channel=posted.channel, message_ts=posted.ts),
            posted.channel,
        )
        return str(answer["permalink"])

    async def respond(self, answer: Answer) -> None:
        """Answer a command or a click; where its response_url is used up, ephemerally.

        An expired response_url is no exception in Slack's client: the status tells.
        """
        if is_slacks(answer.url, self._web.base_url) and await self._respond(answer):
            return
        if answer.user_id and answer.channel:
            message = Message(answer.channel, answer.text, answer.blocks, answer.thread_ts)
            await self.whisper(answer.user_id, message)
            return
        raise PermanentError("There is no way left to answer.", code="expired_url")

    async def _respond(self, answer: Answer) -> bool:
        body: dict[str, Any] = {
            "text": answer.text,
            "blocks": list(answer.blocks),
            "response_type": "in_channel" if answer.in_channel else "ephemeral",
            "replace_original": answer.replace,
        }
        if answer.thread_ts:
            body["thread_ts"] = answer.thread_ts
        hook = AsyncWebhookClient(
            answer.url,
            session=self._web.session,
            retry_handlers=[],
            logger=library_logger("slack_sdk"),
        )
        hook.proxy = None
        try:
            given = await hook.send_dict(body)
        except (aiohttp.ClientError, OSError) as error:
            raise from_transport(error, "response_url") from error
        if given.status_code == 429 or given.status_code >= 500:
            raise TemporaryError(f"response_url answered {given.status_code}", unknown=True)
        if given.status_code != 200:
            log.info("a response_url was refused with %d", given.status_code)
        return given.status_code == 200

    # -- people ------------------------------------------------------------------------------

    async def person(self, user_id: str) -> Person:
        """What users.info says about an account."""
        answer = await self._call("users.info", self._web.users_info(user=user_id))
        return _person(answer.get("user") or {})

    async def group(self, group_id: str) -> frozenset[str]:
        """The members of a user group."""
        answer = await self._call(
            "usergroups.users.list", self._web.usergroups_users_list(usergroup=group_id)
        )
        return frozenset(map(str, answer.get("users") or ()))

    async def identity(self) -> Identity:
        """Who the bot is (auth.test)."""
        answer = await self._call("auth.test", self._web.auth_test())
        headers = {str(k).lower(): str(v) for k, v in dict(answer.headers).items()}
        scopes = headers.get("x-oauth-scopes", "")
        return Identity(
            team_id=str(answer.get("team_id") or ""),
            team=str(answer.get("team") or ""),
            user_id=str(answer.get("user_id") or ""),
            bot_id=str(answer.get("bot_id") or ""),
            enterprise_id=str(answer.get("enterprise_id") or ""),
            url=str(answer.get("url") or ""),
            scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
        )

    # -- views -------------------------------------------------------------------------------

    async def publish_home(self, user_id: str, view: Mapping[str, Any]) -> None:
        """Replace a person's Home tab."""
        await self._call("views.publish", self._web.views_publish(user_id=user_id, view=dict(view)))

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a modal; the trigger lives three seconds and works once."""
        await self._call("views.open", self._web.views_open(trigger_id=trigger_id, view=dict(view)))

    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Replace an open modal."""
        await self._call("views.update", self._web.views_update(view_id=view_id, view=dict(view)))

    # -- calling -----------------------------------------------------------------------------

    async def _turn(self, channel: str) -> None:
        """Wait for this channel's next second; raises TemporaryError when that is far off."""
        now = self._clock()
        wait = self._pacer.wait(channel, now)
        if wait > PATIENCE:
            raise TemporaryError(
                f"{channel} is written to as fast as Slack allows",
                retry_after=timedelta(seconds=wait),
            )
        await asyncio.sleep(self._pacer.reserve(channel, now))

    async def _call(
        self, method: str, call: Awaitable[AsyncSlackResponse], channel: str = ""
    ) -> AsyncSlackResponse:
        try:
            answer = await call
        except SlackApiError as error:
            refusal = from_answer(error, method, channel)
            self._note(refusal)
            if isinstance(refusal, TemporaryError) and refusal.retry_after is not None:
                self._pacer.hold(channel, self._clock(), refusal.retry_after.total_seconds())
            raise refusal from error
        except (aiohttp.ClientError, OSError) as error:
            self._hearing.lost(self._clock())
            raise from_transport(error, method) from error
        self._hearing.answered()
        return answer

    def _note(self, refusal: TemporaryError | PermanentError) -> None:
        if isinstance(refusal, PermanentError):
            self._hearing.answered(refusal.code, str(refusal))
        elif refusal.retry_after is None:
            self._hearing.lost(self._clock())
        else:
            self._hearing.answered()

    def connected(self, there: bool) -> None:
        """Whether what people do can arrive just now (Socket Mode)."""
        self._hearing.connected(self._clock(), there=there)

    def silent(self) -> str:
        """See `bot.ports.Chat`."""
        return self._hearing.silent(self._clock())


def _content(message: Message) -> dict[str, Any]:
    """Text and blocks always go together: an edit with text alone would leave the old blocks."""
    content: dict[str, Any] = {"channel": message.channel, "text": message.text}
    return content | ({"blocks": [dict(b) for b in message.blocks]} if message.blocks else {})


def _thread(message: Message) -> dict[str, Any]:
    if not message.thread_ts:
        return {}
    return {"thread_ts": message.thread_ts} | (
        {"reply_broadcast": True} if message.broadcast else {}
    )


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("key") or "")


def _person(user: Mapping[str, Any]) -> Person:
    profile = user.get("profile") or {}
    names = (profile.get("display_name"), user.get("real_name"), user.get("name"), user.get("id"))
    return Person(
        user_id=str(user.get("id") or ""),
        name=next((str(name) for name in names if name), ""),
        team_id=str(user.get("team_id") or ""),
        enterprise_id=str((user.get("enterprise_user") or {}).get("enterprise_id") or ""),
        email=str(profile.get("email") or ""),
        is_bot=bool(user.get("is_bot")),
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_stranger=bool(user.get("is_stranger")),
        is_deleted=bool(user.get("deleted")),
    )
