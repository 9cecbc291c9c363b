"""Layers between a client and its far side: one that listens, one that loses answers."""

from typing import Any

import httpx

from tests.contract.worlds import HttpWorld


class Recorder(httpx.AsyncBaseTransport):
    """Keeps every exchange that passes, so that it can be held against the document."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.seen: list[tuple[httpx.Request, httpx.Response]] = []
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        await response.aread()
        self.seen.append((request, response))
        return response


class Lossy(httpx.AsyncBaseTransport):
    """Delivers requests, then fails in the way it was told."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.failures: list[httpx.TransportError] = []
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if self.failures:
            raise self.failures.pop(0)
        return response


def through(world: HttpWorld, wrap: type[Recorder] | type[Lossy]) -> Any:
    """Put a transport between the client of this world and its deployer."""
    layer = wrap(world.http._transport)
    world.http = httpx.AsyncClient(transport=layer)
    return layer
