"""Socket Mode: the bot opens connections to Slack, and what people do arrives on any one of them.

There are two, so that one that dies does not make the bot deaf. A watchdog for each opens the next
one when it is dead, and before it ends when Slack says that it will. What arrives goes the way of
HTTP: to the same listeners, which store it before it is acknowledged. What was stored and not
acknowledged may arrive again, here or at another replica; the inbox takes it once.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.secret import Secret
from bot.domain.storable import is_storable
from bot.engine.outbox import backoff
from bot.ports import PermanentError, TemporaryError
from bot.slack.asgi import dispatch
from bot.slack.connection import (
    DEFAULT_PACE,
    SWITCHED_OFF,
    Connection,
    Pace,
    Take,
)
from bot.slack.guard import Observe, Replays, kind_of

log = logging.getLogger(__name__)

CONNECTIONS = 2
"""How many a process keeps open; Slack allows an app ten, and one more is open at each change."""

TOO_MANY = "too_many_websockets"
LINK_DISABLED = "link_disabled"


class Intake:
    """Hands what arrives to Bolt, each thing once per process.

    now: seconds of a monotonic clock. observe: told kind, status and seconds of each.
    """

    def __init__(self, app: AsyncApp, *, now: Callable[[], float], observe: Observe) -> None:
        self._app = app
        self._now = now
        self._observe = observe
        self._replays = Replays(now)

    async def __call__(self, request: SocketModeRequest) -> SocketModeResponse | None:
        """The acknowledgement; None when the listeners failed, so that Slack says or repeats it."""
        began, payload = self._now(), request.payload
        answer = await self._once(payload)
        self._observe(kind_of(payload), answer.status, self._now() - began)
        if answer.status != 200:
            return None
        return SocketModeResponse(request.envelope_id, _body(answer))

    async def _once(self, payload: Mapping[str, Any]) -> BoltResponse:
        text = json.dumps(payload, sort_keys=True)
        if "\\u" in text and not is_storable(payload):
            log.warning("a delivery with half a character, or a NUL, was refused")
            return BoltResponse(status=400, body="unreadable")
        name = hashlib.sha256(text.encode()).hexdigest()
        if not self._replays.first(name):
            return BoltResponse(status=await self._replays.outcome(name), body="")
        status = 500
        try:
            answer = await dispatch(self._app, payload)
            status = answer.status
        finally:
            self._replays.done(name, status)
        return answer


def _body(answer: BoltResponse) -> dict[str, Any] | None:
    """What an acknowledgement carries: fields, or the text of an answer."""
    if not answer.body:
        return None
    if answer.headers.get("content-type", [""])[0].startswith("application/json"):
        fields: dict[str, Any] = json.loads(answer.body)
        return fields
    return {"text": answer.body}


class State(msgspec.Struct, frozen=True):
    """How it stands. trouble: what kept the last attempt from succeeding."""

    open: int
    wanted: int
    trouble: str = ""


class Sockets:
    """The connections of one process. `start`, and `close` at the end.

    web: calls Slack. token: the app-level token. take: does what arrives. now: seconds of a
    monotonic clock. random: gives 0..1. changed: told of how many are open whenever that may have
    changed. replaced: told why a connection is over.
    """

    def __init__(
        self,
        web: AsyncWebClient,
        token: Secret,
        take: Take,
        *,
        now: Callable[[], float],
        random: Callable[[], float],
        changed: Callable[[int], None] = lambda _open: None,
        replaced: Callable[[str], None] = lambda _reason: None,
        pace: Pace = DEFAULT_PACE,
        connections: int = CONNECTIONS,
    ) -> None:
        self._web = web
        self._token = token
        self._take = take
        self._now = now
        self._random = random
        self._changed = changed
        self._replaced = replaced
        self._pace = pace
        self._wanted = connections
        self._lines: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trouble = ""
        self._refusal: PermanentError | None = None
        self._settled = asyncio.Event()
        self._greeted = False

    @property
    def connected_once(self) -> bool:
        """Whether there has been a connection at all."""
        return self._greeted

    def state(self) -> State:
        """How it stands now."""
        alive = sum(line.alive for line in self._lines)
        return State(min(alive, self._wanted), self._wanted, self._trouble)

    async def start(self) -> None:
        """Begin to open connections, and keep them from now on."""
        for number in range(1, self._wanted + 1):
            self._run(self._keep(), f"socket {number}")

    async def first(self) -> None:
        """Wait for the first connection. Raises PermanentError when Slack refuses the token."""
        await self._settled.wait()
        if self._refusal is not None and not self._greeted:
            raise self._refusal

    async def close(self) -> None:
        """Open no more, let what is being done come to its end, and close what is open."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(line.close(self._pace.drain) for line in tuple(self._lines)))
        self._lines.clear()
        self._update()

    # -- the watchdog ------------------------------------------------------------------------

    async def _keep(self) -> None:
        """One connection after the other, for ever; the next is open before one is seen off."""
        replaced_at: list[float] = []
        while True:
            line = await self._next()
            replaced_at.append(self._now())
            reason = await line.over()
            replaced_at = []
            self._ended(line, reason)
            self._run(self._see_off(line, replaced_at), f"the end of a socket ({reason})")

    async def _next(self) -> Connection:
        """A connection that is open and was greeted, after as many attempts as it takes."""
        attempt = 0
        while True:
            attempt += 1
            line = Connection(self._web, self._take, self._now, self._pace)
            self._lines.add(line)
            try:
                await line.open(self._token)
            except (TemporaryError, PermanentError) as error:
                wait = self._failed(error, attempt)
            except Exception as error:
                log.exception("a connection to Slack failed in an unforeseen way")
                wait = self._failed(TemporaryError(f"{type(error).__name__}: {error}"), attempt)
            else:
                self._opened()
                return line
            await self._close(line)
            await asyncio.sleep(wait)

    async def _see_off(self, line: Connection, replaced_at: list[float]) -> None:
        """Close it: one that is dead at once, one that was asked to go when nothing needs it.

        replaced_at: when its successor was open; empty until then.
        """

        def needed() -> bool:
            return not replaced_at or self._now() < replaced_at[0] + self._pace.linger

        while line.alive and line.asked != TOO_MANY and needed():
            await line.pause()
        await self._close(line)

    async def _close(self, line: Connection) -> None:
        await line.close(self._pace.drain)
        self._lines.discard(line)
        self._update()

    # -- what is said about it ---------------------------------------------------------------

    def _opened(self) -> None:
        self._trouble, self._refusal, self._greeted = "", None, True
        self._update()
        self._settled.set()
        log.info("connected to Slack (%d of %d)", self.state().open, self._wanted)

    def _ended(self, line: Connection, reason: str) -> None:
        self._update()
        self._replaced(reason)
        if reason == LINK_DISABLED:
            log.error("%s", SWITCHED_OFF)
        elif reason == line.asked:
            log.info("Slack wants a connection replaced (%s)", reason)
        else:
            log.warning("a connection to Slack is %s; opening another", reason)

    def _failed(self, error: TemporaryError | PermanentError, attempt: int) -> float:
        """Seconds until the next attempt."""
        self._trouble = str(error)
        if isinstance(error, PermanentError):
            log.error("no connection to Slack: %s", error)
            self._refusal = error
            self._settled.set()
            return self._pace.refused
        log.warning("no connection to Slack (%s); trying again", error)
        cap = timedelta(seconds=self._pace.longest_wait)
        wait = max(backoff(attempt, cap, self._random()), error.retry_after or timedelta())
        return wait.total_seconds()

    def _update(self) -> None:
        self._changed(self.state().open)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed in an unforeseen way", task.get_name(), exc_info=error)
