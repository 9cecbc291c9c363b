"""The bot's own listeners on the practice stage, over a desk that keeps what it is given."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette

from bot.domain.secret import Secret
from bot.engine.intents import Intent
from bot.slack.asgi import slack_route
from bot.slack.client import SlackChat, web_client
from bot.slack.listeners import Desk, Limits, Listeners, bolt_app
from bot.slack.pacing import Pacer
from bot.slack.replies import Reply
from tests.fakes.rollouts import ACCOUNTS
from tests.fakes.slack_stage import BASE, SECRET, TOKEN, Stage, stage


@dataclass
class FakeDesk:
    """Stores intents once per id, like the inbox does; tests say what it answers.

    broken: raised by everything. held: storing waits for it.
    """

    stored: dict[str, Intent] = field(default_factory=dict)
    deliveries: int = 0
    reply: Reply | None = None
    view: Mapping[str, Any] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    broken: Exception | None = None
    held: asyncio.Event | None = None
    answer_held: asyncio.Event | None = None

    async def submit(self, intent: Intent) -> None:
        self.deliveries += 1
        if self.held is not None:
            await self.held.wait()
        if self.broken is not None:
            raise self.broken
        self.stored.setdefault(intent.id, intent)

    async def answer(self, _intent: Intent) -> Reply | None:
        if self.answer_held is not None:
            await self.answer_held.wait()
        return self.reply

    async def modal(self, _intent: Intent) -> Mapping[str, Any] | None:
        return self.view

    async def validate(self, _intent: Intent) -> Mapping[str, str]:
        return self.errors

    @property
    def intents(self) -> list[Intent]:
        return list(self.stored.values())

    def desk(self) -> Desk:
        return Desk(
            submit=self.submit,
            answer=self.answer,
            modal=self.modal,
            validate=self.validate,
            now=lambda: datetime.now(UTC),
            accounts=ACCOUNTS,
        )


@dataclass
class Listening:
    """The stage, the desk, and what the guard observed (kind, status)."""

    slack: Stage
    desk: FakeDesk
    chat: SlackChat
    observed: list[tuple[str, int]] = field(default_factory=list)


@asynccontextmanager
async def listening(limits: Limits | None = None) -> AsyncIterator[Listening]:
    """The whole way from a signed request to the desk, without sockets."""
    server, desk = Starlette(), FakeDesk()
    async with stage(bot=httpx.ASGITransport(server)) as slack:
        session: Any = slack.session
        web = web_client(Secret(TOKEN), session, f"{BASE}/api/")
        chat = SlackChat(web, pacer=Pacer(interval=0.0))
        built = Listening(slack, desk, chat)
        listeners = Listeners(desk.desk(), chat, limits or Limits())
        identity = await chat.identity()
        slack.space.calls.clear()
        bolt = bolt_app(web, identity, listeners)
        server.router.routes.append(
            slack_route(
                bolt,
                secret=Secret(SECRET),
                now=time.time,
                observe=lambda kind, status, _seconds: built.observed.append((kind, status)),
            )
        )
        yield built
