"""What lies between the bot and everybody else, and loses things, holds them up, and repeats them.

Before each call the process may die or be stopped, and after each answer. A call may never arrive,
arrive much later, or arrive with its answer lost on the way back.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import aiohttp
import httpx
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.fakes.asgi_session import AsgiResponse, AsgiSession

if TYPE_CHECKING:
    from tests.simulation.world.process import Process
    from tests.simulation.world.world import SimWorld

SLACK_TIMEOUT = 8.0
PATIENCE = 3.0
"""Seconds after which Slack shows a person that the bot did not answer."""


class ToDeployer(httpx.AsyncBaseTransport):
    """From one process to the deployer and its counts."""

    def __init__(self, process: "Process", app: Any) -> None:
        self._process = process
        self._far = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request there, and perhaps its answer back."""
        process = self._process
        what = "counts" if request.url.path.endswith("/counts") else "deployer"
        name = f"{request.method} {request.url.path.rpartition('/')[2]}"
        await process.step("call")
        await asyncio.sleep(process.chance.faults.uniform(0.001, 0.05))
        fault = process.chance.which(what)
        process.tell(f"{name}: {fault}") if fault else process.world.trace.mark(name)
        if fault in {"late", "lost", "slow"} and request.method == "PUT":
            process.world.people.grow_impatient()
        response = await self._carried(request, fault)
        await process.step("answered")
        return response

    async def _carried(self, request: httpx.Request, fault: str) -> httpx.Response:
        chance, timeout = self._process.chance, request.extensions["timeout"]["read"]
        match fault:
            case "refused":
                raise httpx.ConnectError("nobody answers there", request=request)
            case "lost":
                if chance.faults.random() < 0.7:
                    await self._far.handle_async_request(request)
                await asyncio.sleep(timeout)
                raise httpx.ReadTimeout("no answer", request=request)
            case "late":
                held = chance.faults.uniform(timeout, 90)
                self._process.world.spawn(self._late(request, held))
                await asyncio.sleep(timeout)
                raise httpx.ReadTimeout("no answer", request=request)
            case "slow":
                await asyncio.sleep(chance.faults.uniform(0.5, timeout - 1))
            case "500":
                if chance.faults.random() < 0.5:
                    await self._far.handle_async_request(request)
                return httpx.Response(chance.faults.choice((500, 502, 503)), text="broken")
            case "429":
                wait = str(chance.faults.randint(1, 10))
                return httpx.Response(429, headers={"Retry-After": wait})
            case _:
                pass
        return await self._doctored(request, fault)

    async def _doctored(self, request: httpx.Request, fault: str) -> httpx.Response:
        response = await self._far.handle_async_request(request)
        if fault not in {"nan", "empty", "stale"}:
            return response
        said = json.loads(await response.aread())
        for side in ("current", "candidate"):
            if fault == "nan" and said[side]:
                said[side]["errors"] = math.nan
            if fault == "empty":
                said[side] = None
        if fault == "stale":
            said["measured_at"] = "2026-11-21T11:59:00Z"
        return httpx.Response(200, text=json.dumps(said))

    async def _late(self, request: httpx.Request, held: float) -> None:
        await asyncio.sleep(held)
        response = await self._far.handle_async_request(request)
        what = f"{request.method} {request.url.path.rpartition('/')[2]}"
        said = f"{what} of {held:.0f} s ago arrives: {response.status_code}"
        self._process.world.trace.say("network", said)


class ToSlack(AsgiSession):
    """From one process to Slack's Web API."""

    def __init__(self, process: "Process", app: Any) -> None:
        super().__init__(app, timeout=SLACK_TIMEOUT)
        self._process = process

    async def _perform(
        self, method: str, url: URL, headers: CIMultiDict[str], body: bytes
    ) -> AsgiResponse:
        process = self._process
        await process.step("call")
        await asyncio.sleep(process.chance.faults.uniform(0.001, 0.05))
        fault = process.chance.which("slack")
        process.tell(f"{url.name}: {fault}") if fault else process.world.trace.mark(url.name)
        go = super()._perform
        answer = await self._carried(fault, url, lambda: go(method, url, headers, body))
        await process.step("answered")
        return answer

    async def _carried(
        self, fault: str, url: URL, go: Callable[[], Awaitable[AsgiResponse]]
    ) -> AsgiResponse:
        faults = self._process.chance.faults
        match fault:
            case "refused":
                key = ConnectionKey("slack.com", 443, True, True, None, None, None)
                raise aiohttp.ClientConnectorError(key, OSError("unreachable"))
            case "lost":
                if faults.random() < 0.7:
                    await go()
                await asyncio.sleep(SLACK_TIMEOUT)
                raise TimeoutError
            case "slow":
                await asyncio.sleep(faults.uniform(0.5, 6))
            case "429":
                return _answer(url, 429, {"retry-after": str(faults.randint(1, 15))}, "ratelimited")
            case "500":
                if faults.random() < 0.5:
                    await go()
                return _answer(url, 500, {}, "internal_error")
            case _:
                pass
        return await go()


def _answer(url: URL, status: int, headers: dict[str, str], error: str) -> AsgiResponse:
    sent = CIMultiDict({"content-type": "application/json", **headers})
    info = aiohttp.RequestInfo(url, "POST", CIMultiDictProxy(CIMultiDict[str]()), url)
    return AsgiResponse(info, status, sent, json.dumps({"ok": False, "error": error}).encode())


class ToBot(httpx.AsyncBaseTransport):
    """From Slack to whichever process the load balancer picks.

    taken: when which press of whom was acknowledged, by the id that the bot knows it by.
    """

    def __init__(self, world: "SimWorld") -> None:
        self._world = world
        self.taken: list[tuple[float, str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Deliver, and bring the acknowledgement back. Raises httpx.TransportError."""
        world, chance = self._world, self._world.chance
        fault = chance.which("delivery")
        process = world.pick()
        if process is None or process.app is None or fault == "refused":
            raise httpx.ConnectError("nobody answers there", request=request)
        began = world.seconds()
        answer = await self._handled(process, request)
        if fault == "twice":
            again = world.pick() or process
            await self._handled(again, request)
        if fault == "lost":
            world.trace.say("network", "an acknowledgement is lost")
            raise httpx.ReadError("no answer", request=request)
        if answer.status_code == 200 and world.seconds() - began < PATIENCE:
            self.taken += [(began, *press) for press in _presses(await request.aread())]
        return answer

    async def _handled(self, process: "Process", request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(process.app, raise_app_exceptions=False)
        handling = process.spawn(transport.handle_async_request(request))
        try:
            answer = await asyncio.shield(handling)
            await process.wake()
            return answer
        except asyncio.CancelledError:
            if process.alive and not handling.cancelled():
                raise
            raise httpx.ReadError("the bot is gone", request=request) from None


def _presses(body: bytes) -> list[tuple[str, str]]:
    """Of a delivery: the id by which the bot knows each press, and whose it was."""
    form = dict(parse_qsl(body.decode()))
    payload = json.loads(form.get("payload") or "{}")
    trigger, user = payload.get("trigger_id"), payload.get("user") or {}
    return [
        (f"action:{trigger}:{each['action_id']}", user["id"])
        for each in payload.get("actions") or ()
    ]
