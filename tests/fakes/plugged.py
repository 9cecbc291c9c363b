"""The bot's listeners in Socket Mode: real WebSockets to the stand-in, over a desk that keeps all.

How long a connection has been silent is measured by a clock that the test moves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette

from bot.domain.secret import Secret
from bot.practice.link import Link
from bot.practice.standin import StandIn, slack_app
from bot.practice.workspace import Workspace
from bot.slack.client import SlackChat, web_client
from bot.slack.connection import Pace
from bot.slack.listeners import Listeners, bolt_app
from bot.slack.pacing import Pacer
from bot.slack.sockets import Intake, Sockets
from tests.fakes.asgi_session import AsgiSession
from tests.fakes.slack_desk import FakeDesk
from tests.fakes.slack_stage import BASE, SECRET, TOKEN, Json, ManualClock

APP_TOKEN = "xapp-practice"
SWIFT = Pace(look=0.01, longest_wait=0.01, refused=0.01, drain=10.0)
"""It waits nowhere, and judges silence as always."""


@dataclass
class Steady:
    """A clock that stands still until it is told otherwise. at: seconds."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass
class Plugged:
    """Everything a test of Socket Mode needs."""

    space: Workspace
    link: Link
    standin: StandIn
    web: AsyncWebClient
    desk: FakeDesk
    app: AsyncApp
    chat: SlackChat
    clock: Steady
    sockets: Sockets
    observed: list[tuple[str, int]] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    async def say(self, text: str) -> Json:
        person, channel = self.space.people["U0ADA"], self.space.channels["C0CHECKOUT"]
        return await self.standin.deliveries.say(person, channel, text)

    async def open_home(self) -> Json:
        return await self.standin.deliveries.open_home(self.space.people["U0ADA"])

    def seconds_pass(self, span: float) -> None:
        """Time passes, and the connections are looked at all along."""
        for _ in range(round(span)):
            self.clock.at += 1
            self.sockets.state()

    async def up(self, greeted: int = 2) -> None:
        """Wait until Slack has greeted so many connections, and both are there."""
        await until(lambda: self.link.greeted >= greeted and self.sockets.state().open == 2)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so; the test's own time limit ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def plugged(
    *, ack_limit: timedelta = timedelta(seconds=10), start: bool = True, pace: Pace = SWIFT
) -> AsyncIterator[Plugged]:
    """Two connections, open. start: False leaves that to the test."""
    space = Workspace.practice(ManualClock(), TOKEN, base_url=BASE, events=("app_home_opened",))
    space.app_token = APP_TOKEN
    link, server, desk, clock = Link(space), Starlette(), FakeDesk(), Steady()
    await link.start()
    session: Any = AsgiSession(server)
    web = web_client(Secret(TOKEN), session, f"{BASE}/api/")
    chat = SlackChat(web, pacer=Pacer(interval=0.0), clock=clock)
    async with httpx.AsyncClient() as http:
        standin = slack_app(
            space,
            bot_url="http://unused.test",
            signing_secret=SECRET,
            http=http,
            ack_limit=ack_limit,
            retry_delays=(timedelta(milliseconds=20),) * 250,
            link=link,
        )
        server.router.routes.extend(standin.routes)
        observed: list[tuple[str, int]] = []
        opened: list[int] = []
        over: list[str] = []
        app = bolt_app(web, await chat.identity(), Listeners(desk.desk(), chat))
        sockets = Sockets(
            web,
            Secret(APP_TOKEN),
            Intake(
                app, now=clock, observe=lambda kind, status, _s: observed.append((kind, status))
            ),
            now=clock,
            random=lambda: 0.5,
            changed=opened.append,
            replaced=over.append,
            pace=pace,
        )
        made = Plugged(
            space, link, standin, web, desk, app, chat, clock, sockets, observed, opened, over
        )
        try:
            if start:
                await sockets.start()
                await made.up()
            yield made
        finally:
            await sockets.close()
            await standin.aclose()
            await link.aclose()
