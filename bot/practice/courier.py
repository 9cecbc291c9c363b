"""Carries signed requests to the bot and waits for the acknowledgement, three seconds at most.

A bot that is late is not interrupted: Slack stops listening, the bot's work goes on. So a late
request stays under way here, in the background, until it ends or the courier is closed.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from bot.practice.cast import Json
from bot.practice.workspace import Workspace

ACK_LIMIT = timedelta(seconds=3)
RETRY_DELAYS = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5))
FORM = "application/x-www-form-urlencoded"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ack:
    """What came back. `failure` is "" or http_timeout, http_error, connection_failed."""

    status: int
    body: bytes
    content_type: str
    ms: int
    failure: str = ""

    def json(self) -> Json | None:
        """The body, if it is a JSON object."""
        if not self.content_type.startswith("application/json"):
            return None
        try:
            value = json.loads(self.body or b"null")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def shown(self) -> Any:
        """The body for whoever looks at the answer of a control call."""
        parsed = self.json()
        return parsed if parsed is not None else self.body.decode(errors="replace")


@dataclass(frozen=True)
class Delivery:
    """One thing to deliver. retry: number of the attempt (0: the first) and why it is repeated."""

    kind: str
    payload: Mapping[str, Any]
    body: bytes
    content_type: str
    retry: tuple[int, str] = (0, "")


class Carrier(Protocol):
    """A way to the bot other than HTTP."""

    async def carry(self, kind: str, payload: Mapping[str, object], retry: tuple[int, str]) -> Ack:
        """Deliver and wait for the ack, without a limit of its own."""
        ...


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature over a body, for the header X-Slack-Signature."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Courier:
    """Sends to one bot.

    bot_url: the URL that takes all deliveries, or a function that answers it once it is known.
    http: reaches the bot; its own timeout should be well above `ack_limit`.
    signing_clock: Unix seconds for the timestamps of the signatures.
    retry_delays: the wait before each retry of an event.
    link: carries everything instead of HTTP (Socket Mode).
    """

    def __init__(
        self,
        space: Workspace,
        *,
        bot_url: str | Callable[[], str],
        signing_secret: str,
        http: httpx.AsyncClient,
        ack_limit: timedelta = ACK_LIMIT,
        signing_clock: Callable[[], float],
        retry_delays: Sequence[timedelta] = RETRY_DELAYS,
        link: Carrier | None = None,
    ) -> None:
        self._space = space
        self._bot_url = bot_url
        self._secret = signing_secret
        self._http = http
        self._limit = ack_limit.total_seconds()
        self._signing_clock = signing_clock
        self._retry_delays = retry_delays
        self._link = link
        self._under_way: set[asyncio.Task[Any]] = set()

    async def command(self, form: Mapping[str, str]) -> Ack:
        """Deliver a slash command."""
        return await self._deliver(Delivery("commands", form, urlencode(form).encode(), FORM))

    async def interaction(self, payload: Json) -> Ack:
        """Deliver block_actions, message_action, view_submission or view_closed."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return await self._deliver(Delivery(payload["type"], payload, body, FORM))

    async def event(self, payload: Json) -> Ack:
        """Deliver an event; when it fails, three retries follow in the background."""
        body = json.dumps(payload).encode()
        delivery = Delivery("events", payload, body, "application/json")
        ack = await self._deliver(delivery)
        if ack.failure:
            self._keep(asyncio.create_task(self._retry(delivery, ack.failure)))
        return ack

    async def aclose(self) -> None:
        """Give up everything that is still under way."""
        tasks = tuple(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _retry(self, delivery: Delivery, reason: str) -> None:
        for number, delay in enumerate(self._retry_delays, start=1):
            await asyncio.sleep(delay.total_seconds())
            ack = await self._deliver(replace(delivery, retry=(number, reason)))
            if not ack.failure:
                return
            reason = ack.failure
        log.warning("an event was given up after %d retries: %s", len(self._retry_delays), reason)

    async def _deliver(self, delivery: Delivery) -> Ack:
        twice = self._space.take_fault(delivery.kind, delivery=True) is not None
        tasks = [asyncio.create_task(self._send(delivery)) for _ in range(2 if twice else 1)]
        for task in tasks:
            self._keep(task)
        await asyncio.wait(tasks, timeout=self._limit)
        if not tasks[0].done():
            return Ack(0, b"", "", int(self._limit * 1000), "http_timeout")
        return tasks[0].result()

    async def _send(self, delivery: Delivery) -> Ack:
        if self._link is not None:
            return await self._link.carry(delivery.kind, delivery.payload, delivery.retry)
        headers = self._headers(delivery.body, delivery.content_type)
        number, reason = delivery.retry
        if number:
            headers |= {"x-slack-retry-num": str(number), "x-slack-retry-reason": reason}
        return await self._post(delivery.body, headers)

    def _headers(self, body: bytes, content_type: str) -> dict[str, str]:
        timestamp = str(int(self._signing_clock()))
        return {
            "content-type": content_type,
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": signature(self._secret, timestamp, body),
        }

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Ack:
        url = self._bot_url if isinstance(self._bot_url, str) else self._bot_url()
        started = asyncio.get_running_loop().time()
        try:
            answer = await self._http.post(url, content=body, headers=headers)
        except httpx.TransportError as error:
            log.info("the bot could not be reached: %s", error)
            return Ack(0, b"", "", 0, "connection_failed")
        ms = int((asyncio.get_running_loop().time() - started) * 1000)
        kind = answer.headers.get("content-type", "")
        failure = "" if answer.status_code == 200 else "http_error"
        return Ack(answer.status_code, answer.content, kind, ms, failure)

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery ended badly", exc_info=error)
