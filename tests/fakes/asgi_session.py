"""An aiohttp session that calls an ASGI app directly, so that slack_sdk needs no sockets.

It has what `AsyncWebClient(session=…)` and `AsyncWebhookClient(session=…)` use and no more, and
fails like aiohttp does: a server that breaks off is a `ServerDisconnectedError`, a slow one a
`TimeoutError` after `timeout` seconds of the event loop's clock.
"""

import asyncio
import json as jsonlib
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from starlette.types import ASGIApp, Message, Scope
from yarl import URL


class AsgiResponse:
    """A complete answer."""

    def __init__(
        self, request: aiohttp.RequestInfo, status: int, headers: CIMultiDict[str], body: bytes
    ) -> None:
        self.request_info = request
        self.status = status
        self.headers = CIMultiDictProxy(headers)
        self._body = body

    @property
    def content_type(self) -> str:
        """The media type without parameters, as aiohttp names it."""
        kind = self.headers.get("content-type", "application/octet-stream")
        return kind.partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """The body."""
        return self._body

    async def text(self) -> str:
        """The body as text."""
        return self._body.decode()

    async def json(self) -> Any:
        """The body as JSON; raises ContentTypeError when it claims to be something else."""
        if self.content_type != "application/json":
            message = f"unexpected mimetype: {self.content_type}"
            raise aiohttp.ContentTypeError(
                self.request_info, (), status=self.status, message=message, headers=self.headers
            )
        return jsonlib.loads(self._body)


class _Pending:
    """What `session.request` gives back: to be entered, or awaited."""

    def __init__(self, perform: Any) -> None:
        self._perform = perform

    async def __aenter__(self) -> AsgiResponse:
        response: AsgiResponse = await self._perform()
        return response

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def __await__(self) -> Generator[Any, None, AsgiResponse]:
        return self.__aenter__().__await__()


class AsgiSession:
    """Requests go to `app`, whatever their host is.

    timeout: seconds after which a request is given up, as a session's total timeout.
    """

    def __init__(self, app: ASGIApp, *, timeout: float = 30.0) -> None:
        self._app = app
        self._timeout = timeout
        self.closed = False

    async def close(self) -> None:
        """Refuse further requests."""
        self.closed = True

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        json: Any = None,
        **_unused: Any,
    ) -> _Pending:
        """As `aiohttp.ClientSession.request`; proxy, ssl and auth mean nothing here."""
        target = URL(url).update_query({k: str(v) for k, v in (params or {}).items()})
        body, kind = _encoded(data, json)
        sent = CIMultiDict(headers or {})
        if kind:
            sent.setdefault("content-type", kind)
        return _Pending(lambda: self._perform(method, target, sent, body))

    async def _perform(
        self, method: str, url: URL, headers: CIMultiDict[str], body: bytes
    ) -> AsgiResponse:
        if self.closed:
            raise RuntimeError("Session is closed")
        async with asyncio.timeout(self._timeout):
            exchange = _Exchange(body)
            await self._app(_scope(method, url, headers), exchange.receive, exchange.send)
        exchange.done.set()
        info = aiohttp.RequestInfo(url, method, CIMultiDictProxy(headers), url)
        return exchange.response(info)


class _Exchange:
    """One request and its answer, as the two callables of ASGI."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 0
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._parts: list[bytes] = []
        self.done = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is None:
            await self.done.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            for name, value in message.get("headers", ()):
                self._headers.add(name.decode("latin-1"), value.decode("latin-1"))
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.done.set()

    def response(self, info: aiohttp.RequestInfo) -> AsgiResponse:
        if not self._parts:
            raise aiohttp.ServerDisconnectedError
        return AsgiResponse(info, self._status, self._headers, b"".join(self._parts))


def _encoded(data: Any, json: Any) -> tuple[bytes, str]:
    if json is not None:
        return jsonlib.dumps(json).encode(), "application/json"
    if isinstance(data, Mapping):
        return urlencode(data).encode(), "application/x-www-form-urlencoded"
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    return data or b"", ""


def _scope(method: str, url: URL, headers: CIMultiDict[str]) -> Scope:
    named = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.encode(),
        "query_string": url.raw_query_string.encode(),
        "root_path": "",
        "headers": [(b"host", (url.host or "").encode()), *named],
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 1),
    }
