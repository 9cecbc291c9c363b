"""One connection of Socket Mode: opened once, listened to, and never mended.

slack-sdk's client reads, pings and parses. What it does about a connection that ends is left out:
it closes the old one before there is a new one, tries a ticket that is used up for ever, answers on
another connection than it was asked on, and can believe that it is connected when it is not. So a
connection here ends for good, and whoever holds it opens another (`bot.slack.sockets`).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.secret import Secret
from bot.ports import PermanentError, TemporaryError
from bot.slack.errors import from_answer, from_transport
from bot.slack.redaction import library_logger

log = logging.getLogger(__name__)

OPEN = "apps.connections.open"

GOODBYE = 2.0
"""Seconds that the closing of a connection may take; a dead one never answers."""

STALLED = "stalled"
"""Nobody has looked at a connection for longer than it may be silent: the process stood still."""

Take = Callable[[SocketModeRequest], Awaitable[SocketModeResponse | None]]
"""Does what arrived; the acknowledgement, None when there is to be none."""

REFUSED: Mapping[str, str] = {
    "invalid_auth": "Slack refuses SLACK_APP_TOKEN. Copy it again",
    "not_authed": "SLACK_APP_TOKEN is empty. Copy it",
    "token_revoked": "SLACK_APP_TOKEN was revoked. Make a new one",
    "token_expired": "SLACK_APP_TOKEN has expired. Make a new one",
    "account_inactive": "The app of SLACK_APP_TOKEN is gone. Make a new token",
    "not_allowed_token_type": "SLACK_APP_TOKEN is no app-level token (xapp-...). Make one",
    "missing_scope": "SLACK_APP_TOKEN lacks the scope connections:write. Make a new one",
    "no_permission": "SLACK_APP_TOKEN lacks the scope connections:write. Make a new one",
}
WHERE = "under Basic Information > App-Level Tokens, with the scope connections:write"
SWITCHED_OFF = (
    "Socket Mode is switched off for this app. Switch it on in the app's settings (Socket Mode), "
    "or unset SLACK_APP_TOKEN and let Slack deliver over HTTP"
)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how long, in seconds.

    ping: between two pings. silence: without a word or an answer to a ping, after which a
    connection is dead. opening: for a new one to be greeted. look: between two looks at it.
    linger: how long one that was asked to go is kept beside its successor, unless Slack closes it,
    which it does after ten; what is under way to a connection that the bot closes is lost.
    drain: for what is being done when it closes. longest_wait: between two attempts. refused:
    until a refused token is tried again, since somebody has to do something first.
    A dead connection is noticed and replaced within `silence + look + opening`, and with one
    attempt that hangs within another `opening` and a second: 34 s.
    """

    ping: float = 5.0
    silence: float = 12.0
    opening: float = 10.0
    look: float = 1.0
    linger: float = 30.0
    drain: float = 3.0
    longest_wait: float = 15.0
    refused: float = 30.0


DEFAULT_PACE = Pace()


def proxy_for(url: str) -> str | None:
    """The proxy by which the environment wants a WebSocket opened, None for none."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get("https" if parts.scheme == "wss" else "http")


async def address_of_socket(web: AsyncWebClient, token: Secret) -> str:
    """Where the next connection is opened; good for one.

    token: the app-level token. Raises TemporaryError, PermanentError with what to do.
    """
    try:
        answer = await web.apps_connections_open(app_token=token.reveal())
    except SlackApiError as error:
        raise _advised(from_answer(error, OPEN)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise from_transport(error, OPEN) from error
    return str(answer["url"])


def _advised(refusal: TemporaryError | PermanentError) -> TemporaryError | PermanentError:
    """What a refusal means for this token; the usual advice is about the bot's."""
    code = refusal.code if isinstance(refusal, PermanentError) else ""
    if code == "socket_mode_not_enabled":
        return PermanentError(f"{SWITCHED_OFF} ({OPEN}: {code})", code=code)
    if code in REFUSED:
        return PermanentError(f"{REFUSED[code]} {WHERE} ({OPEN}: {code})", code=code)
    return refusal


class _Client(SocketModeClient):
    """slack-sdk's client without its ways of coming back.

    told: of `hello` and `disconnect` with the message, and of `lost`.
    """

    def __init__(
        self, web: AsyncWebClient, told: Callable[[str, Mapping[str, Any]], None], ping: float
    ) -> None:
        super().__init__(
            app_token="",
            web_client=web,
            ping_interval=ping,
            logger=library_logger("socket_mode"),
        )
        self._told = told

    async def connect(self) -> None:
        """Open the connection at `wss_uri`, once."""
        url = self.wss_uri or ""
        self.current_session = await self.aiohttp_client_session.ws_connect(
            url, autoping=False, proxy=proxy_for(url)
        )
        await self.current_session.ping(f"sdk-ping-pong:{time.time()}".encode())
        self.current_session_monitor = asyncio.ensure_future(self.monitor_current_session())
        self.message_receiver = asyncio.ensure_future(self.receive_messages())

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002
        """Where the library would begin anew, the connection is over."""
        self._told("lost", {})

    async def run_message_listeners(self, message: dict[str, Any], raw_message: str) -> None:
        """Words about the connection itself go to who holds it, all others to the listeners."""
        kind = str(message.get("type"))
        if kind in {"hello", "disconnect"}:
            self._told(kind, message)
        else:
            await super().run_message_listeners(message, raw_message)

    async def end(self) -> None:
        """Close it and wait for everything that belongs to it."""
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(GOODBYE):
                if self.current_session is not None:
                    await self.current_session.close()
        await self.close()  # type: ignore[no-untyped-call]
        tasks = (self.message_processor, self.current_session_monitor, self.message_receiver)
        await asyncio.gather(*(each for each in tasks if each), return_exceptions=True)


class Connection:
    """A connection, from its opening to its end.

    web: calls Slack. take: see `Take`. now: seconds of a monotonic clock.
    """

    def __init__(
        self, web: AsyncWebClient, take: Take, now: Callable[[], float], pace: Pace = DEFAULT_PACE
    ) -> None:
        self._web = web
        self._client = _Client(web, self._told, pace.ping)
        self._client.socket_mode_request_listeners.append(self._deliver)
        self._take = take
        self._now = now
        self._pace = pace
        self._greeted, self._changed = asyncio.Event(), asyncio.Event()
        self._busy = 0
        self._pong: float | None = None
        self._heard_at = self._looked_at = now()
        self._fault = ""
        self.asked = ""
        """Slack's reason for wanting this connection replaced, "" while it does not."""

    async def open(self, token: Secret) -> None:
        """Ask where, connect, and wait to be greeted. token: the app-level token.

        Raises TemporaryError, PermanentError when Slack refuses the token.
        """
        try:
            async with asyncio.timeout(self._pace.opening):
                self._client.wss_uri = await address_of_socket(self._web, token)
                await self._client.connect()
                await self._greeted.wait()
        except (aiohttp.ClientError, OSError) as error:
            raise from_transport(error, "the socket") from error
        if self.asked or self._fault:
            raise TemporaryError(f"Slack closed a new connection: {self.asked or self._fault}")

    def fault(self) -> str:
        """Why nothing arrives here any more, "" while it may."""
        session = self._client.current_session
        if session is None or session.closed:
            return "closed"
        if not self._greeted.is_set():
            return "not greeted yet"
        now, pong = self._now(), self._client.last_ping_pong_time
        if pong is not None and pong != self._pong:
            self._pong, self._heard_at = pong, now
        if not self._fault and now - self._looked_at > self._pace.silence:
            self._fault = STALLED
        elif not self._fault and now - self._heard_at > self._pace.silence:
            self._fault = "silent"
        self._looked_at = now
        return self._fault

    @property
    def alive(self) -> bool:
        """Whether something may arrive here."""
        return not self.fault()

    async def over(self) -> str:
        """Wait until it is dead or was asked to go; why."""
        while not (reason := self.fault() or self.asked):
            await self.pause()
        return reason

    async def pause(self) -> None:
        """Wait until something happens here, or it is time for a look."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.look):
                await self._changed.wait()

    async def close(self, drain: float = 0.0) -> None:
        """Let what is being done here come to its end, for `drain` seconds at most; then close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(drain):
                while self._busy:
                    await self.pause()
        await self._client.end()

    def _told(self, kind: str, message: Mapping[str, Any]) -> None:
        match kind:
            case "hello":
                self._heard_at = self._looked_at = self._now()
                self._greeted.set()
            case "disconnect":
                self.asked = str(message.get("reason") or "disconnect")
                self._greeted.set()
            case _:
                self._fault = kind
                self._greeted.set()
        self._changed.set()

    async def _deliver(self, _client: object, request: SocketModeRequest) -> None:
        """Do what arrived, then acknowledge it on the connection that brought it.

        What waited here while the process stood still is left: whoever did it was told long ago
        that it failed, and what is done now would come as a surprise.
        """
        if why := self.fault():
            log.warning("what came over a connection that is %s is not done", why)
            return
        self._heard_at = self._now()
        self._busy += 1
        try:
            answer = await self._take(request)
            if answer is not None:
                await self._client.send_socket_mode_response(answer)
        except (aiohttp.ClientError, OSError) as error:
            log.warning("what arrived was done, and could not be acknowledged: %s", error)
        finally:
            self._busy -= 1
            self._changed.set()
