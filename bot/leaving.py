"""`/unsubscribe`: where the link below each mail leads.

Looking at the page changes nothing, since mail scanners follow every link; a button does, and so
does the request that mail programs make for one click (RFC 8058). There is nothing to log in to:
whoever holds the link may end what it names, and nothing else.
"""

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.domain import leaving
from bot.domain.leaving import EVERYTHING, Leaving

LARGEST_BODY = 16 * 1024
"""Bytes; the two forms that are sent here are far smaller."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Notices by e-mail</title>
<style>
body {{ margin: 0 auto; max-width: 32rem; padding: 3rem 1rem; font: 1rem/1.5 sans-serif }}
button {{ font: inherit; padding: .5rem 1rem; margin: 0 .5rem .5rem 0 }}
</style>
</head>
<body>
<h1>Notices by e-mail</h1>
{body}
</body>
</html>
"""

Leave = Callable[[Leaving], Awaitable[None]]


def leaving_route(key: bytes, leave: Leave) -> BaseRoute:
    """The route. key: of the links. leave: keeps it."""
    door = _Door(key, leave)
    return Route(leaving.PATH, door.answer, methods=["GET", "POST"])


class _Door:
    def __init__(self, key: bytes, leave: Leave) -> None:
        self._key = key
        self._leave = leave

    async def answer(self, request: Request) -> Response:
        found = leaving.read(self._key, request.query_params.get("t", ""))
        if found is None:
            text = (
                "This link is not complete, or too old. Please answer the mail that it came with."
            )
            return _page(f"<p>{text}</p>", 404)
        if request.method != "POST":
            return _page(_question(found))
        if await _wants_out_of_everything(request):
            found = found._replace(service=EVERYTHING)
        await self._leave(found)
        said = f"{escape(found.address)} gets no more notices{_about(found)}."
        return _page(f"<p>{said}</p>")


def _question(found: Leaving) -> str:
    """A form for one service, and one for all of them where the link names one."""
    asked = f"<p>Send {escape(found.address)} no more notices{_about(found)}?</p>"
    one = '<button name="List-Unsubscribe" value="One-Click">Unsubscribe</button>'
    every = '<button name="everything" value="yes">Unsubscribe from everything</button>'
    buttons = one if found.service == EVERYTHING else one + every
    return f'{asked}\n<form method="post">{buttons}</form>'


def _about(found: Leaving) -> str:
    return f" about {escape(found.service)}" if found.service else ""


async def _wants_out_of_everything(request: Request) -> bool:
    """What the form says; a body of any other kind is that of a mail program."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return False
    return parse_qs(body.decode("utf-8", "replace")).get("everything") == ["yes"]


def _page(body: str, status: int = 200) -> Response:
    return HTMLResponse(PAGE.format(body=body), status_code=status, headers=HEADERS)
