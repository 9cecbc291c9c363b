"""Socket Mode: deliveries over a WebSocket that the bot has opened.

It runs on a small aiohttp server of its own, because the page's server speaks HTTP only. As on
Slack, each payload goes to any one of the open connections, an ack is a message with the same
envelope id, and a connection may be asked to refresh. It can also fall silent, as connections do
when something between here and there forgets them.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping

from aiohttp import WSMsgType, web

from bot.practice.cast import Json
from bot.practice.courier import Ack
from bot.practice.workspace import Workspace

ENVELOPES: Mapping[str, str] = {"commands": "slash_commands", "events": "events_api"}


class Link:
    """The WebSocket side of one workspace; `workspace.socket_url` is set while it is open."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._open: list[web.WebSocketResponse] = []
        self._silent: set[web.WebSocketResponse] = set()
        self._asked: set[web.WebSocketResponse] = set()
        self._waiting: dict[str, tuple[web.WebSocketResponse, asyncio.Future[Json | None]]] = {}
        self._turn = 0
        self.greeted = 0  # connections so far, for those who watch the bot come back
        self.greets = True
        self.choose: Callable[[int], int] | None = None  # which of so many takes the next payload
        app = web.Application()
        app.router.add_get("/link/{ticket}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)

    @property
    def connections(self) -> int:
        """How many connections the bot has open."""
        return len(self._open)

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes any free one."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self._space.socket_url = f"ws://127.0.0.1:{bound}/link"

    async def aclose(self) -> None:
        """Close all connections and stop listening."""
        self._space.socket_url = ""
        for socket in tuple(self._open):
            await socket.close()
        await self._runner.cleanup()

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to come back on a new one. reason: Slack's word."""
        for socket in (each for each in tuple(self._open) if each not in self._silent):
            self._asked.add(socket)
            await socket.send_json({"type": "disconnect", "reason": reason})

    async def part(self) -> None:
        """Close those that were asked to go, as Slack does ten seconds after a warning."""
        for socket in tuple(self._asked):
            self._forget(socket)
            await socket.close()

    async def cut(self) -> None:
        """Break all connections without a word."""
        for socket in tuple(self._open):
            await socket.close()

    def silence(self, *numbers: int) -> None:
        """These connections (all of them when none is named) hear and say nothing from now on.

        numbers: in the order in which they were opened, from 0.
        """
        self._silent |= {self._open[n] for n in numbers} if numbers else {*self._open}

    async def carry(self, kind: str, payload: Mapping[str, object], retry: tuple[int, str]) -> Ack:
        """Send one payload to one connection and wait for its ack, however long that takes.

        kind: commands, events, or the type of an interaction. retry: attempt and reason.
        """
        loop = asyncio.get_running_loop()
        if not self._open:
            return Ack(0, b"", "", 0, "connection_failed")
        self._turn += 1
        chosen = self.choose(len(self._open)) if self.choose else self._turn
        socket = self._open[chosen % len(self._open)]
        envelope = secrets.token_hex(8)
        answer: asyncio.Future[Json | None] = loop.create_future()
        self._waiting[envelope] = (socket, answer)
        started = loop.time()
        try:
            if socket not in self._silent:
                await socket.send_json(_envelope(envelope, kind, payload, retry))
            body = await answer
        except ConnectionResetError:
            body = None
        finally:
            del self._waiting[envelope]
        ms = int((loop.time() - started) * 1000)
        if body is None:
            return Ack(0, b"", "", ms, "connection_failed")
        return Ack(200, json.dumps(body).encode() if body else b"", "application/json", ms)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["ticket"] not in self._space.tickets:
            return web.Response(status=401)
        self._space.tickets.discard(request.match_info["ticket"])
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self._open.append(socket)
        try:
            if self.greets:
                await socket.send_json(self._hello())
                self.greeted += 1
            async for message in socket:
                if socket in self._silent:
                    continue
                if message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self._forget(socket)
            self._give_up(socket)
        return socket

    def _hello(self) -> Json:
        info = {"app_id": self._space.app_id}
        return {"type": "hello", "num_connections": len(self._open), "connection_info": info}

    def _forget(self, socket: web.WebSocketResponse) -> None:
        """Nothing more is sent here."""
        if socket in self._open:
            self._open.remove(socket)
        self._silent.discard(socket)
        self._asked.discard(socket)

    def _give_up(self, socket: web.WebSocketResponse) -> None:
        """What this connection carried and did not acknowledge has failed."""
        for carrier, answer in self._waiting.values():
            if carrier is socket and not answer.done():
                answer.set_result(None)

    def _acknowledge(self, text: str) -> None:
        if not text.startswith("{"):
            return  # the client's own ping frames travel as text
        message = json.loads(text)
        _, waiting = self._waiting.get(str(message.get("envelope_id")), (None, None))
        if waiting is not None and not waiting.done():
            payload = message.get("payload")
            waiting.set_result(payload if isinstance(payload, dict) else {})


def _envelope(
    envelope: str, kind: str, payload: Mapping[str, object], retry: tuple[int, str]
) -> Json:
    sent: Json = {
        "envelope_id": envelope,
        "type": ENVELOPES.get(kind, "interactive"),
        "payload": dict(payload),
        "accepts_response_payload": kind != "events",
    }
    if kind == "events":
        sent |= {"retry_attempt": retry[0], "retry_reason": retry[1]}
    return sent
