"""HTTP on a socket: bound before anything else starts, answered from the first moment on.

uvicorn would take the signals for itself and end the process before the bot has finished what it
is doing; here whoever runs the bot decides when the last request has been answered.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

GRACE = 5
"""Seconds that requests under way get when the server stops; Slack gives up after three."""


class Front:
    """Says that the bot is starting until there is an app to hand everything to.

    version: of the program. now: the present instant (aware, UTC).
    """

    def __init__(self, version: str, now: Callable[[], datetime]) -> None:
        self.app: ASGIApp | None = None
        self._version = version
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.app or self._starting(scope))(scope, receive, send)

    def _starting(self, scope: Scope) -> ASGIApp:
        body = {
            "status": "degraded",
            "timestamp": self._now().isoformat(),
            "version": self._version,
            "checks": {"engine": {"status": "starting"}},
        }
        # Alive, and not ready: whoever asks for /health must not kill what only needs a moment.
        return JSONResponse(body, 200 if scope.get("path") == "/health" else 503)


def listening(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 for any that is free. Raises OSError when it can't be had."""
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def url_of(host: str, bound: socket.socket) -> str:
    """The address of a socket: http://127.0.0.1:3000."""
    port = bound.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Site:
    """An app on a socket. grace: seconds that requests under way get when it closes."""

    def __init__(self, app: ASGIApp, bound: socket.socket, grace: int = GRACE) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=grace,
        )
        self._server = uvicorn.Server(config)
        self._bound = bound
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer from now on. Raises what keeps uvicorn from it."""
        # `serve` would install handlers for signals, which belong to whoever runs this.
        self._task = asyncio.create_task(self._server._serve([self._bound]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the HTTP server ended before it had begun")
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Take no new request and answer those under way; a second time does nothing."""
        self._server.should_exit = True
        task, self._task = self._task, None
        if task is not None:
            await task


@asynccontextmanager
async def served(app: ASGIApp, bound: socket.socket, grace: int = GRACE) -> AsyncIterator[None]:
    """Serve an app on a socket until the block ends."""
    site = Site(app, bound, grace)
    await site.start()
    try:
        yield
    finally:
        await site.close()


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set. The second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    both = (signal.SIGTERM, signal.SIGINT)

    def asked() -> None:
        stop.set()
        for each in both:
            loop.remove_signal_handler(each)

    for each in both:
        # Where a loop takes no signals (Windows), Ctrl-C cancels the task instead.
        with suppress(NotImplementedError):
            loop.add_signal_handler(each, asked)
    try:
        yield stop
    finally:
        for each in both:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(each)
