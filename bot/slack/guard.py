"""What stands in front of Bolt: who really sent this, is it readable, and has it been here before.

Bolt answers unsigned garbage with 500 and accepts an exact replay for five minutes. Here a request
is verified over its bytes first, then read strictly, and only then handed on, as a value.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.domain.secret import Secret
from bot.domain.storable import is_storable

log = logging.getLogger(__name__)

BODY_LIMIT = 1024 * 1024
"""Bytes of a request; Slack's own are far smaller."""

SKEW = 300
"""By how many seconds a request's timestamp may differ from our clock, either way."""

REMEMBERED = 600
"""For how many seconds a signature is remembered: as long as it could be valid."""

PAYLOAD = "countersign.slack.payload"
"""Under this name the scope holds what was read."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_FIELDS = 100

Clock = Callable[[], float]
Observe = Callable[[str, int, float], None]


class Unreadable(Exception):
    """The body of a request makes no sense."""


def is_genuine(secret: Secret, timestamp: str, signature: str, body: bytes, now: float) -> bool:
    """Whether Slack signed this body, within five minutes of now.

    now: seconds since 1970. https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    if not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > SKEW:
        return False
    base = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(secret.reveal().encode(), base, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def read_body(content_type: str, body: bytes) -> dict[str, Any]:
    """The payload of a delivery: an event, an interaction, or the form of a command.

    Raises Unreadable.
    """
    try:
        text = body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() == "application/json":
            return _object(text)
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise Unreadable(str(error)) from error
    # Slack's interactions are a form of one field; a command has many and may speak of payloads.
    if "payload" in form and "command" not in form:
        return _object(form["payload"])
    if not form:
        raise Unreadable("an empty request")
    return dict(form)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    if "\\u" in text and not is_storable(value):
        raise Unreadable("half a character, or a NUL")
    return value


def kind_of(payload: Mapping[str, Any]) -> str:
    """What was delivered, for counting: command, action, view, event, other."""
    if "command" in payload:
        return "command"
    kinds = {
        "block_actions": "action",
        "message_action": "action",
        "view_submission": "view",
        "event_callback": "event",
    }
    return kinds.get(str(payload.get("type")), "other")


class Replays:
    """Signatures of the last minutes with what became of them.

    A request that failed is forgotten, so that Slack's retry of it counts.
    """

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._known: dict[str, tuple[float, asyncio.Future[int]]] = {}

    def first(self, signature: str) -> bool:
        """Whether this is the first time; if so, `done` has to follow."""
        self._forget()
        if signature in self._known:
            return False
        outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._known[signature] = (self._now(), outcome)
        return True

    def done(self, signature: str, status: int) -> None:
        """The first one was answered with this HTTP status."""
        _, outcome = self._known[signature]
        outcome.set_result(status)
        if status >= 500:
            del self._known[signature]

    async def outcome(self, signature: str) -> int:
        """The status of the first one, once there is one."""
        return await asyncio.shield(self._known[signature][1])

    def _forget(self) -> None:
        oldest = self._now() - REMEMBERED
        for signature, (at, outcome) in list(self._known.items()):
            if at > oldest:
                return
            if outcome.done():
                del self._known[signature]


class SlackGuard:
    """ASGI middleware: hands on what Slack really sent, once, with its payload in the scope.

    secret: the signing secret. now: seconds since 1970. observe: told kind, status and seconds of
    every request. Raises ValueError for an empty secret: nothing could be verified with it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        secret: Secret,
        now: Clock,
        observe: Observe | None = None,
        limit: int = BODY_LIMIT,
    ) -> None:
        if not secret:
            raise ValueError("the signing secret is empty; set SLACK_SIGNING_SECRET")
        self._app = app
        self._secret = secret
        self._now = now
        self._observe = observe or (lambda _kind, _status, _seconds: None)
        self._limit = limit
        self._replays = Replays(now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served here")
        started = self._now()
        kind, status = await self._serve(scope, receive, send)
        self._observe(kind, status, self._now() - started)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        headers = Headers(scope=scope)
        refusal = _unwanted(scope, headers, self._limit)
        body = b"" if refusal is not None else await _read(receive, self._limit)
        if body is None:
            refusal = PlainTextResponse("too large", 413)
        if refusal is not None or body is None:
            return await _refuse(refusal or PlainTextResponse("", 400), scope, receive, send)
        signature = headers.get("x-slack-signature", "")
        stamp = headers.get("x-slack-request-timestamp", "")
        if not is_genuine(self._secret, stamp, signature, body, self._now()):
            log.warning("a request without a valid signature was refused")
            return await _refuse(PlainTextResponse("not signed", 401), scope, receive, send)
        try:
            payload = read_body(headers.get("content-type", ""), body)
        except Unreadable as error:
            log.warning("a signed request could not be read: %s", error)
            return await _refuse(PlainTextResponse("unreadable", 400), scope, receive, send)
        return kind_of(payload), await self._once(signature, payload, scope, receive, send)

    async def _once(
        self, signature: str, payload: dict[str, Any], scope: Scope, receive: Receive, send: Send
    ) -> int:
        if not self._replays.first(signature):
            status = await self._replays.outcome(signature)
            await Response(status_code=status)(scope, receive, send)
            return status
        watched = _Watched(send)
        try:
            await self._app({**scope, PAYLOAD: payload}, receive, watched)
        finally:
            self._replays.done(signature, watched.status)
        return watched.status


class _Watched:
    """Passes messages on and remembers the status; 500 until there is one."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _unwanted(scope: Scope, headers: Headers, limit: int) -> Response | None:
    if scope["method"] != "POST":
        return PlainTextResponse("POST only", 405, {"allow": "POST"})
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        return PlainTextResponse("unreadable", 400)
    return PlainTextResponse("too large", 413) if int(length) > limit else None


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body, None when it is longer than `limit` or the sender went away."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _refuse(
    response: Response, scope: Scope, receive: Receive, send: Send
) -> tuple[str, int]:
    await response(scope, receive, send)
    return "refused", response.status_code
