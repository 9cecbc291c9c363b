"""Live traffic for the practice shop: a load generator, a proxy and two upstreams on loopback.

Every request really crosses two sockets, as in production: load -> proxy -> upstream. What the
proxy sees of status and time is what is counted. HTTP is kept to the little that both ends of it,
which are in this file, need.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from bot.practice.shop import Installed, ShopModel

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds after which an answer counts as an error."""

_IN_FLIGHT = 400
_SETTLING = 5
_REQUEST = b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pool:
    """Idle keep-alive connections to one port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def exchange(self, request: bytes) -> bytes:
        """Send a request, return the whole response. Raises OSError or EOFError."""
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        try:
            writer.write(request)
            response = await _read_response(reader)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return response

    def close(self) -> None:
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def _connect(self) -> Connection:
        return await asyncio.open_connection(HOST, self._port)


class ShopTraffic:
    """Runs the shop's sockets. `start` once, `stop` once; all tasks end with it."""

    def __init__(self, shop: ShopModel, *, now: Callable[[], float]) -> None:
        """now: the present instant in epoch seconds."""
        self._shop = shop
        self._now = now
        self._servers: list[asyncio.Server] = []
        self._upstreams: list[Pool] = []
        self._front: Pool | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._load: asyncio.Task[None] | None = None
        self.proxy_port = 0

    async def start(self) -> None:
        """Open the sockets and let the load begin."""
        for slot in (0, 1):
            port = await self._listen(partial(self._serve, slot))
            self._upstreams.append(Pool(port))
        self.proxy_port = await self._listen(self._forward)
        self._front = Pool(self.proxy_port)
        self._load = asyncio.create_task(self._generate())

    async def stop(self) -> None:
        """End the load, close every socket, wait until nothing is left."""
        if self._load is not None:
            self._load.cancel()
            with suppress(asyncio.CancelledError):
                await self._load
        await self._refuse()
        pools = [*self._upstreams, *([self._front] if self._front else [])]
        # What was accepted a moment ago becomes a task only now, and may have opened one more.
        for _ in range(_SETTLING):
            await _settled()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for pool in pools:
                pool.close()
        for server in self._servers:
            await server.wait_closed()
        await _settled()

    async def _refuse(self) -> None:
        """Accept no one any more, and only then close the sockets that listen.

        A server that is closed between the two halves of asyncio's accept loses the connection
        without closing it.
        """
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for listening in server.sockets:
                loop.remove_reader(listening.fileno())
        await _settled()
        for server in self._servers:
            server.close()

    async def _listen(self, answer: Callable[[], Awaitable[bytes]]) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                while await _read_head(reader):
                    writer.write(await answer())
            except (OSError, EOFError, asyncio.CancelledError):
                return  # the other end has gone, or the shop is closing
            finally:
                self._tasks.discard(task)
                # Not close(): what is still to be sent would keep the socket past the shop's end.
                writer.transport.abort()

        server = await asyncio.start_server(connected, HOST, 0)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, slot: int) -> bytes:
        """The upstream of one slot: whatever is installed there answers in its own way."""
        served = next((each for each in self._shop.installed() if each.slot == slot), None)
        if served is None:
            return _response(503, "nothing installed")
        error, seconds = self._shop.fate(served)
        await asyncio.sleep(seconds)
        return _response(500 if error else 200, served.release.version)

    async def _forward(self) -> bytes:
        """The proxy: choose, pass on, count what came back and when."""
        loop = asyncio.get_running_loop()
        served, began = self._shop.choose(), loop.time()
        response = await self._ask(served)
        status_is_good = response.startswith(b"HTTP/1.1 2")
        self._shop.record(
            served, error=not status_is_good, seconds=loop.time() - began, now=self._now()
        )
        return response

    async def _ask(self, served: Installed) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._upstreams[served.slot].exchange(_REQUEST)
        except (OSError, EOFError, TimeoutError) as error:
            return _response(502, type(error).__name__)

    async def _generate(self) -> None:
        """Requests at an even pace. What a busy machine delays by over a second is left out."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            pace = 1 / max(0.1, self._shop.requests_per_second)
            due = max(due + pace, loop.time() - 1)
            await asyncio.sleep(due - loop.time())
            self._shop.row(self._now())
            if len(self._tasks) < _IN_FLIGHT:
                task = asyncio.create_task(self._visit())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _visit(self) -> None:
        assert self._front is not None
        try:
            await self._front.exchange(_REQUEST)
        except (OSError, EOFError) as error:
            log.warning("a visitor of the practice shop got no answer: %s", error)


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """The head of a message; empty when the other end is done."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return b""


async def _read_response(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def _response(status: int, text: str) -> bytes:
    body = text.encode()
    return f"HTTP/1.1 {status} .\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def _settled() -> None:
    """Let the loop finish what it has begun: connections accepted or given up a moment ago."""
    for _ in range(_SETTLING):
        await asyncio.sleep(0)
