"""A practice workspace, its stand-in for Slack and a small real Bolt app, wired without sockets."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.practice.courier import RETRY_DELAYS
from bot.practice.standin import StandIn, slack_app
from bot.practice.workspace import ALL_SCOPES, Workspace
from tests.fakes.asgi_session import AsgiSession

TOKEN = "xoxb-practice"
SECRET = "a-signing-secret"
BASE = "http://127.0.0.1:8800"
BOT = "http://bot.test/slack/events"

Json = dict[str, Any]


@dataclass
class ManualClock:
    """A clock that stands still until it is told otherwise."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """The present instant."""
        return self.at

    def advance(self, **spans: float) -> None:
        """Let time pass (arguments as for timedelta)."""
        self.at += timedelta(**spans)


@dataclass
class Stage:
    """Everything a test of the stand-in needs."""

    clock: ManualClock
    space: Workspace
    standin: StandIn
    server: Starlette
    session: AsgiSession
    client: AsyncWebClient
    bolt: AsyncApp
    page: httpx.AsyncClient
    to_bot: httpx.AsyncClient

    async def act(self, name: str, **body: Any) -> Json:
        """Call one of the controls."""
        answer = await self.page.post(f"/practice/{name}", json=body)
        found: Json = answer.json()
        return found

    async def state(self) -> Json:
        """What the page would see."""
        found: Json = (await self.page.get("/practice/state")).json()
        return found


def bolt_app(client: AsyncWebClient) -> AsyncApp:
    """A real Bolt app without listeners; each test adds those it needs."""

    async def authorize(**_context: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id="T0PRACTICE", bot_user_id="U0BOT", bot_token=TOKEN
        )

    return AsyncApp(
        client=client, signing_secret=SECRET, authorize=authorize, process_before_response=True
    )


def bolt_server(bolt: AsyncApp) -> Starlette:
    """The ASGI app through which a Bolt app takes its deliveries."""
    handler = AsyncSlackRequestHandler(bolt)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", events, methods=["POST"])])


@asynccontextmanager
async def stage(
    *,
    scopes: frozenset[str] = ALL_SCOPES,
    events: tuple[str, ...] = ("app_home_opened",),
    ack_limit: timedelta = timedelta(seconds=3),
    client_timeout: float = 30.0,
    hold_seconds: float = 60.0,
    cut_connections: bool = True,
    bot: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Stage]:
    """Build the stage (arguments as for `slack_app`); client_timeout: seconds the bot waits.

    bot: takes the deliveries in place of Bolt; its events are then retried without delay.
    """
    clock = ManualClock()
    space = Workspace.practice(clock, TOKEN, scopes=scopes, base_url=BASE, events=events)
    server = Starlette()
    session = AsgiSession(server, timeout=client_timeout)
    client = AsyncWebClient(
        TOKEN,
        base_url=f"{BASE}/api/",
        session=session,  # type: ignore[arg-type]  # a look-alike, see asgi_session
        retry_handlers=[],
    )
    bolt = bolt_app(client)
    to_bot = httpx.AsyncClient(transport=bot or httpx.ASGITransport(bolt_server(bolt)))
    page = httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url=BASE)
    standin = slack_app(
        space,
        bot_url=BOT,
        signing_secret=SECRET,
        http=to_bot,
        ack_limit=ack_limit,
        hold_seconds=hold_seconds,
        cut_connections=cut_connections,
        signing_clock=time.time,
        retry_delays=(timedelta(0),) * 3 if bot else RETRY_DELAYS,
    )
    server.router.routes.extend(standin.routes)
    async with to_bot, page:
        yield Stage(clock, space, standin, server, session, client, bolt, page, to_bot)
        await standin.aclose()
