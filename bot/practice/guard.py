"""Keeps the practice controls to this machine and this page.

Listening on loopback is not enough: any web page that is open in the same browser can send
requests to 127.0.0.1, and a name that its owner points there reaches it too. So the Host header
must be a loopback name, an Origin must be our own, and a POST must be JSON, which a foreign page
can't send without asking first.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class LoopbackOnly:
    """ASGI middleware over the paths that start with `prefix`."""

    def __init__(self, app: ASGIApp, prefix: str = "/practice") -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or 415 to what does not come from our own page or a local program."""
        refusal = None
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            refusal = _refusal(scope["method"], scope["scheme"], Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal(scope, receive, send)


def _refusal(method: str, scheme: str, headers: Headers) -> JSONResponse | None:
    host = headers.get("host", "")
    if _hostname(host) not in LOOPBACK:
        return _no(403, "foreign_host", "the practice workspace answers on loopback only")
    if headers.get("origin", f"{scheme}://{host}") != f"{scheme}://{host}":
        return _no(403, "foreign_origin", "this request comes from another page")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method not in ("GET", "HEAD") and kind != "application/json":
        return _no(415, "not_json", "send JSON with content-type application/json")
    return None


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _no(status: int, error: str, hint: str) -> JSONResponse:
    return JSONResponse({"ok": False, "error": error, "hint": hint}, status)
