"""The HTTP side of the bot: Slack's requests, health, metrics, and the doors for other programs.

`/hooks/*` and `/admin/*` exist only when a token is configured; without one they answer 404 like
any other unknown path, so that nobody finds out what a wrong token would do.
"""

import hmac
import json
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.domain.signing import sign
from bot.domain.storable import is_storable
from bot.engine.intents import Intent
from bot.telemetry import Telemetry

SIGNATURE, TIMESTAMP = "x-countersign-signature", "x-countersign-timestamp"
TOLERANCE = 300
"""By how many seconds the clock of somebody who signs may differ from ours."""

LARGEST_BODY = 1024 * 1024
"""Bytes of a hook or an admin request that are read."""

LONGEST_REFUSAL = 3000
"""Characters of the answer to a request that was refused, as in Slack."""

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the bot's health: `ok`, `degraded` or `failed`, with what was measured."""

    status: str
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What another program is told: an HTTP status and a JSON body."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class WebParts:
    """What the web side needs of the rest.

    ready: None when everything is up, else what is missing. checks: the parts of `/health`.
    refresh: brings the gauges up to date before they are read. hook: takes what came in at
    `/hooks/…` (path, body). admin: carries an intent out and says what came of it.
    hook_token: the bearer, "" when those doors stay shut. data: the folder of the database.
    more: further routes.
    """

    version: str
    telemetry: Telemetry
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    ready: Callable[[], Awaitable[str | None]]
    checks: Callable[[], Awaitable[Mapping[str, Check]]]
    refresh: Callable[[], Awaitable[None]]
    hook: Callable[[str, Any], Awaitable[Answer]]
    admin: Callable[[Intent], Awaitable[Answer]]
    hook_token: str
    data: Path
    more: Sequence[BaseRoute] = ()


def build(parts: WebParts, slack: BaseRoute | None, lifespan: Lifespan | None) -> Starlette:
    """The ASGI app. slack: the route of Slack's requests, None in Socket Mode."""
    doors = _Doors(parts)
    routes: list[BaseRoute] = [
        Route("/health", doors.health, methods=["GET"]),
        Route("/ready", doors.ready, methods=["GET"]),
        Route("/metrics", doors.metrics, methods=["GET"]),
        Route("/hooks/{name}", doors.hook, methods=["POST"]),
        Route("/admin/{name}", doors.admin, methods=["POST"]),
        *parts.more,
    ]
    if slack is not None:
        routes.append(slack)
    return Starlette(routes=routes, lifespan=lifespan)


class _BadBodyError(Exception):
    """The body can't be read; the message says why, `status` what the answer's is."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class _Doors:
    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def ready(self, _request: Request) -> Response:
        missing = await self._parts.ready()
        if missing is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "starting", "missing": missing}, status_code=503)

    async def health(self, _request: Request) -> Response:
        checks = {
            **await self._parts.checks(),
            "memory": _memory(),
            "disk": _disk(self._parts.data),
        }
        states = {check.status for check in checks.values()}
        status = "healthy"
        if "failed" in states:
            status = "unhealthy"
        elif "degraded" in states:
            status = "degraded"
        body = {
            "status": status,
            "timestamp": self._parts.now().isoformat().replace("+00:00", "Z"),
            "version": self._parts.version,
            "checks": {n: {"status": c.status, **c.detail} for n, c in checks.items()},
        }
        return JSONResponse(body, status_code=503 if status == "unhealthy" else 200)

    async def metrics(self, _request: Request) -> Response:
        await self._parts.refresh()
        return Response(
            self._parts.telemetry.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    async def hook(self, request: Request) -> Response:
        signature = request.headers.get(SIGNATURE, "")
        asked = signature and self._parts.hook_token
        refused = None if asked else self._refused(request)
        if refused is not None:
            return refused
        try:
            raw = await _read(request)
            if signature and not self._signed(request, raw):
                return _unauthorized("the signature is wrong, or older than five minutes")
            body = _json_of(raw)
        except _BadBodyError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        if signature and isinstance(body, dict):
            body = {"id": signature, **body}  # the same request once more is not another report
        answer = await self._parts.hook(request.path_params["name"], body)
        return JSONResponse(answer.body, status_code=answer.status)

    async def admin(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            body = _json_of(await _read(request))
            intent = self._admin_intent(request.path_params["name"], body)
        except _BadBodyError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        answer = await self._parts.admin(intent)
        body = dict(answer.body)
        if answer.status >= 400:  # a refusal quotes what was sent
            body = {k: v[:LONGEST_REFUSAL] if isinstance(v, str) else v for k, v in body.items()}
        return JSONResponse(body, status_code=answer.status)

    def _admin_intent(self, name: str, body: Any) -> Intent:
        if not isinstance(body, dict) or not all(isinstance(v, str) for v in body.values()):
            raise _BadBodyError("send a JSON object whose values are all strings")
        if not body.get("person"):
            raise _BadBodyError("`person` is missing: who asks, by the name in the configuration")
        return Intent(
            id=f"admin:{self._parts.new_id()}",
            kind="admin",
            name=name,
            user_id=body["person"],
            values=body,
            received_at=self._parts.now(),
        )

    def _refused(self, request: Request) -> Response | None:
        token = self._parts.hook_token
        if not token:
            return PlainTextResponse("Not Found", status_code=404)
        given = request.headers.get("authorization", "")
        if hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
            return None
        return _unauthorized("the bearer token is missing or wrong")

    def _signed(self, request: Request, body: bytes) -> bool:
        """Whether somebody who knows the token has just signed this request (see `sign`)."""
        at = request.headers.get(TIMESTAMP, "")
        token = self._parts.hook_token
        if not re.fullmatch("[0-9]{1,12}", at):
            return False
        if abs(self._parts.now().timestamp() - int(at)) > TOLERANCE:
            return False
        query = f"?{request.url.query}" if request.url.query else ""
        wanted = sign(token, at, request.method, request.url.path + query, body)
        given = request.headers[SIGNATURE].encode("utf-8", "replace")
        return hmac.compare_digest(given, wanted.encode())


def _unauthorized(reason: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    return JSONResponse({"error": reason}, status_code=401, headers=headers)


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise _BadBodyError("the body is larger than 1 MiB", 413)
    return body


def _json_of(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _BadBodyError("the body is not JSON; send an object as UTF-8") from error
    if "\\u" in text and not is_storable(found):
        raise _BadBodyError("the body holds half a character or a NUL, which is no text")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _memory() -> Check:
    """Resident memory of this process, as Linux tells it; elsewhere it isn't known."""
    status = Path("/proc/self/status")
    if not status.exists():
        return Check("ok", {"used": "unknown"})
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    used = int(lines["VmRSS"].split()[0]) // 1024
    return Check("ok", {"used": f"{used}MB"})


def _disk(folder: Path) -> Check:
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total
    detail = {"used": f"{usage.used >> 30}GB", "available": f"{usage.free >> 30}GB"}
    return Check("ok" if free > 0.05 or usage.free > 1 << 30 else "degraded", detail)
