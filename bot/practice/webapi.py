"""The far side of the bot's HTTP calls: the Web API, upload URLs and response_urls.

It reads bodies as slack_sdk sends them (JSON, forms, queries), refuses what Slack refuses in
Slack's words, and fails on demand in the ways that networks fail.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bot.practice import responses
from bot.practice.cast import Json
from bot.practice.limits import RateLimits
from bot.practice.methods import METHODS, Method
from bot.practice.uploads import kind_of
from bot.practice.workspace import Fault, SlackError, Workspace

HOLD_SECONDS = 60.0


class CutResponse(Response):
    """Promises a body and breaks off: the server closes the connection, the reply is lost."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head alone."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class WebApi:
    """Serves `/api/*`, `/upload/*` and `/response/*` of one workspace.

    cut: a lost reply breaks the connection; False where the transport can't (httpx's
        ASGITransport): then it is an empty 502.
    hold: seconds for which the fault `timeout` keeps a caller waiting.
    """

    def __init__(self, space: Workspace, *, cut: bool = True, hold: float = HOLD_SECONDS) -> None:
        self._space = space
        self._cut = cut
        self._hold = hold
        self._limits = RateLimits(space.now)
        self._released = asyncio.Event()

    def routes(self) -> list[Route]:
        """The routes to mount at the root."""
        return [
            Route("/api/{method}", self._api, methods=["GET", "POST"]),
            Route("/upload/{file_id}", self._upload, methods=["POST"]),
            Route("/files/{file_id}", self._file, methods=["GET"]),
            Route("/response/{key}", self._respond, methods=["POST"]),
        ]

    def release(self) -> None:
        """Let go of everybody whom the fault `timeout` holds (at shutdown and reset)."""
        self._released.set()
        self._released = asyncio.Event()

    async def _api(self, request: Request) -> Response:
        name = request.path_params["method"]

        async def perform() -> Response:
            return await self._call(name, METHODS.get(name), request)

        return await self._with_faults(name, request, perform)

    async def _call(self, name: str, method: Method | None, request: Request) -> Response:
        scopes = {"x-oauth-scopes": ",".join(sorted(self._space.scopes))}
        try:
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            args = await _arguments(request)
            self._authorise(request, args, method)
            self._check_scope(method)
            accepted = {"x-accepted-oauth-scopes": ",".join(method.scopes)}
            wait = self._wait(name, method, args)
            if wait:
                return self._limited(name, wait)
            usable = args if method.takes_json or not _is_json(request) else {}
            answer = {"ok": True, **method.run(self._space, usable)}
        except SlackError as refused:
            self._space.record_call(name, 200, refused.error)
            return JSONResponse(
                {"ok": False, "error": refused.error, **refused.extra}, headers=scopes
            )
        self._space.record_call(name, 200)
        return JSONResponse(answer, headers=scopes | accepted)

    def _authorise(self, request: Request, args: Json, method: Method) -> None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else str(args.get("token") or "")
        if not given:
            raise SlackError("not_authed")
        known = {self._space.token: False, self._space.app_token: True}
        if given not in known:
            raise SlackError("invalid_auth")
        if known[given] is not method.app_level:
            raise SlackError("not_allowed_token_type")

    def _check_scope(self, method: Method) -> None:
        if method.scopes and not self._space.scopes.intersection(method.scopes):
            provided = ",".join(sorted(self._space.scopes))
            raise SlackError("missing_scope", needed=method.scopes[0], provided=provided)

    def _wait(self, name: str, method: Method, args: Json) -> int:
        if not self._space.rate_limited:
            return 0
        return self._limits.wait(name, method.tier, str(args.get("channel")))

    def _limited(self, name: str, seconds: int) -> Response:
        self._space.record_call(name, 429, "ratelimited")
        headers = {"retry-after": str(seconds)}
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)

    async def _upload(self, request: Request) -> Response:
        async def perform() -> Response:
            upload = self._space.uploads.get(request.path_params["file_id"])
            body = await request.body()
            if upload is None or len(body) != upload["length"]:
                return PlainTextResponse("invalid upload", 400)
            upload["content"] = body
            return PlainTextResponse(f"OK - {len(body)}")

        return await self._with_faults("upload", request, perform)

    async def _file(self, request: Request) -> Response:
        """The bytes of a file that is shown somewhere, for the page."""
        upload = self._space.uploads.get(request.path_params["file_id"])
        if upload is None or not upload.get("complete"):
            return PlainTextResponse("no such file", 404)
        sniff = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
        return Response(upload["content"], media_type=kind_of(upload["name"]), headers=sniff)

    async def _respond(self, request: Request) -> Response:
        async def perform() -> Response:
            try:
                body = await _arguments(request)
                responses.respond(self._space, request.path_params["key"], body)
            except SlackError as refused:
                gone = refused.error in ("expired_url", "used_url", "invalid_url")
                self._space.record_call("response_url", 404 if gone else 400, refused.error)
                if gone:
                    return JSONResponse({"ok": False, "error": refused.error}, 404)
                return PlainTextResponse(refused.error, 400)
            self._space.record_call("response_url", 200)
            return PlainTextResponse("ok")

        return await self._with_faults("response_url", request, perform)

    # -- faults ------------------------------------------------------------------------------

    async def _with_faults(
        self, name: str, request: Request, perform: Callable[[], Awaitable[Response]]
    ) -> Response:
        fault = self._space.take_fault(name)
        if fault is None:
            return await perform()
        match fault.kind:
            case "429":
                return self._limited(name, fault.retry_after)
            case "timeout":
                return await self._held(name, request)
            case "lost_reply":
                await perform()
                return CutResponse() if self._cut else Response(status_code=502)
            case _:
                return self._broken(name, fault)

    def _broken(self, name: str, fault: Fault) -> Response:
        self._space.record_call(name, int(fault.kind), "fault")
        return JSONResponse({"ok": False, "error": "internal_error"}, int(fault.kind))

    async def _held(self, name: str, request: Request) -> Response:
        """Keep the caller waiting until it gives up, or somebody releases it; nothing is done."""
        await request.body()
        self._space.record_call(name, 504, "timeout")
        waits = {
            asyncio.ensure_future(self._released.wait()),
            asyncio.ensure_future(_gone(request)),
        }
        try:
            await asyncio.wait(waits, timeout=self._hold, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return Response(status_code=504)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")


async def _arguments(request: Request) -> Json:
    """The arguments of a call from query and body; raises `invalid_json`."""
    args: Json = dict(request.query_params)
    body = await request.body()
    if not body:
        return args
    if not _is_json(request):
        return args | dict(parse_qsl(body.decode(), keep_blank_values=True))
    try:
        given = json.loads(body)
    except ValueError as problem:
        raise SlackError("invalid_json") from problem
    if not isinstance(given, dict):
        raise SlackError("json_not_object")
    return args | given
