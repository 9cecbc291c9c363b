"""Socket Mode: the stand-in's WebSocket, with the real client and handler of Bolt behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette

from bot.practice.link import Link
from bot.practice.standin import StandIn, slack_app
from bot.practice.workspace import Workspace
from tests.fakes.asgi_session import AsgiSession
from tests.fakes.slack_stage import BASE, SECRET, TOKEN, ManualClock, bolt_app

APP_TOKEN = "xapp-practice"


@dataclass
class Sockets:
    space: Workspace
    link: Link
    standin: StandIn
    client: AsyncWebClient
    bolt: AsyncApp
    handler: AsyncSocketModeHandler

    async def say(self, text: str) -> Any:
        person, channel = self.space.people["U0ADA"], self.space.channels["C0CHECKOUT"]
        return await self.standin.deliveries.say(person, channel, text)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so; fails after ten seconds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


@asynccontextmanager
async def sockets(ack_limit: timedelta = timedelta(seconds=3)) -> AsyncIterator[Sockets]:
    space = Workspace.practice(ManualClock(), TOKEN, base_url=BASE)
    space.app_token = APP_TOKEN
    link = Link(space)
    await link.start()
    server = Starlette()
    session = AsgiSession(server)
    client = AsyncWebClient(
        TOKEN,
        base_url=f"{BASE}/api/",
        session=session,  # type: ignore[arg-type]  # a look-alike
        retry_handlers=[],
    )
    bolt = bolt_app(client)
    handler = AsyncSocketModeHandler(bolt, APP_TOKEN, web_client=client)
    async with httpx.AsyncClient() as http:
        standin = slack_app(
            space,
            bot_url="http://unused.test",
            signing_secret=SECRET,
            http=http,
            ack_limit=ack_limit,
            link=link,
        )
        server.router.routes.extend(standin.routes)
        try:
            await handler.client.connect_to_new_endpoint()
            await until(lambda: link.greeted == 1)
            yield Sockets(space, link, standin, client, bolt, handler)
        finally:
            await handler.client.close()  # type: ignore[no-untyped-call]
            await standin.aclose()
            await link.aclose()


async def test_a_command_travels_over_the_socket_and_its_ack_comes_back() -> None:
    async with sockets() as slack:

        @slack.bolt.command("/release")
        async def release(ack: Any, body: dict[str, Any]) -> None:
            await ack(f"got {body['text']}")

        answer = await slack.say("/release start v1.2.0")
        assert answer["ok"], answer
        assert slack.space.ephemerals[0].text == "got start v1.2.0"


async def test_a_listener_that_is_missing_sends_no_ack() -> None:
    async with sockets(timedelta(milliseconds=50)) as slack:
        answer = await slack.say("/rollback")
        assert answer["error"] == "operation_timeout"


async def test_the_client_comes_back_after_a_refresh() -> None:
    async with sockets() as slack:
        await slack.link.refresh()
        await until(lambda: slack.link.greeted == 2 and slack.link.connections == 1)

        @slack.bolt.command("/release")
        async def release(ack: Any) -> None:
            await ack("still here")

        assert (await slack.say("/release"))["ok"]


async def test_nobody_connected_is_a_failed_delivery() -> None:
    async with sockets() as slack:
        await slack.handler.client.close()  # type: ignore[no-untyped-call]
        await until(lambda: slack.link.connections == 0)
        answer = await slack.say("/release")
        assert (answer["error"], answer["hint"]) == ("dispatch_failed", "nobody answers there")


async def test_a_ticket_opens_one_socket() -> None:
    async with sockets() as slack:
        opening = await slack.client.apps_connections_open(app_token=APP_TOKEN)
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(opening["url"])
            assert (await socket.receive_json())["type"] == "hello"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(opening["url"])
            await socket.close()


async def test_each_token_is_for_its_own_methods() -> None:
    async with sockets() as slack:
        for call in (
            slack.client.apps_connections_open(app_token=TOKEN),
            slack.client.auth_test(token=APP_TOKEN),
        ):
            with pytest.raises(SlackApiError) as caught:
                await call
            assert caught.value.response["error"] == "not_allowed_token_type"
