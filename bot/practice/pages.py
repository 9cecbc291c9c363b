"""Serves the page of the practice workspace, so that trying the bot out needs only a browser.

The page is plain files inside the package; they are read through importlib.resources, which
also finds them in an installed wheel. The policy sent with them lets the browser run nothing
and fetch nothing but these files and this server's own answers, whatever text a message holds.
"""

from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["page_routes"]

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _serve(file: Traversable, media_type: str) -> Callable[[Request], Response]:
    # Not a coroutine: Starlette runs it in a thread, where reading a file holds nothing up.
    def endpoint(_request: Request) -> Response:
        return Response(file.read_bytes(), media_type=media_type, headers=HEADERS)

    return endpoint


def page_routes() -> list[Route]:
    """Make one route per file of the page; `index.html` answers at `/`.

    Only the names found in the package are routed, so no path can lead anywhere else.

    Returns:
        Routes for GET and HEAD, to be put beside those of the workspace's control.

    Raises:
        KeyError: a file of the page has a type that is not listed in `MEDIA_TYPES`.
    """
    routes = []
    for file in files("bot.practice").joinpath("page").iterdir():
        media_type = MEDIA_TYPES[PurePosixPath(file.name).suffix]
        path = "/" if file.name == "index.html" else f"/{file.name}"
        routes.append(Route(path, _serve(file, media_type), methods=["GET"]))
    return routes
