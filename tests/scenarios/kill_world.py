"""`countersign serve` as a process of its own that can be killed at any instant.

What it talks to (Slack's stand-in, the reference deployer) lives here and survives it. The
deployer can keep a request to itself, so that the bot is killed while it waits for the answer.
"""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.ports import Target
from bot.practice.deployer import Change, Desk, PracticeDeployer
from bot.practice.shop import ShopModel
from bot.serving import listening, served
from tests.contract.haproxy import free_port
from tests.scenarios.real_world import (
    HOST,
    Json,
    Team,
    a_team,
    configuration,
    environment,
    write,
)

Lost = Literal["request", "answer"]

SECRET = "a deployer's secret of these tests"


@dataclass(frozen=True)
class Effect:
    """A change that really took place at the target. at: seconds of a steady clock."""

    operation: str
    version: str
    weight: float | None
    at: float

    @property
    def text(self) -> str:
        share = "" if self.weight is None else f" {self.weight:g}"
        return f"{self.operation} {self.version}{share}"


class Logged(PracticeDeployer):
    """The reference deployer, with a log of what it did rather than answered from memory."""

    def __init__(self, shop: ShopModel) -> None:
        target = Target("checkout", "production")
        super().__init__({target: shop}, secret=SECRET, now=time.time)
        self.effects: list[Effect] = []

    def _apply(self, desk: Desk, change: Change) -> tuple[int, dict[str, object]]:
        answer = super()._apply(desk, change)
        if answer[0] < 300:
            weight = change.weight if change.operation == "shift" else None
            now = time.monotonic()
            self.effects.append(Effect(change.operation, change.version, weight, now))
        return answer


@dataclass
class Catch:
    """A request that is kept. what: its operation, or "resolve". number: 1 for the next such one.

    lost: "request" keeps it from the deployer, "answer" keeps what the deployer said. port: from
    which it came, once it is caught.
    """

    what: str
    number: int = 1
    lost: Lost = "answer"
    caught: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0


class Keeper:
    """ASGI middleware before the deployer that swallows one request or its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.catch: Catch | None = None
        self._over = asyncio.Event()

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._over.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        catch = self.catch
        if catch is None or _operation(scope, body) != catch.what or not self._is_it(catch):
            await self._app(scope, _replayed(body, receive), send)
            return
        if catch.lost == "answer":
            await self._app(scope, _replayed(body, receive), _nowhere)
        catch.port = scope["client"][1]
        catch.caught.set()
        # The connection stays open until the bot is gone; then there is nobody to answer.
        await self._over.wait()

    def _is_it(self, catch: Catch) -> bool:
        catch.number -= 1
        return catch.number == 0


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _nowhere(_message: Message) -> None:
    """Where an answer goes that gets lost."""


def _operation(scope: Scope, body: bytes) -> str:
    if scope["method"] == "PUT":
        return str(msgspec.json.decode(body).get("operation", "other"))
    return "resolve" if "/versions/" in scope["path"] else "look"


@dataclass(frozen=True)
class Row:
    """A rollout as the database has it."""

    id: str
    phase: str
    state: Json


class Child:
    """The bot's process. home: where its program lies, None for the one under test."""

    home: Path | None = None

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self._process: asyncio.subprocess.Process | None = None
        self.down: list[tuple[float, float]] = []

    async def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        with (self._folder / "bot.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "--config", str(self._folder / "countersign.yml"), "serve"),
                env={"PATH": os.environ.get("PATH", os.defpath), **self._variables},
                cwd=self.home,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        said = await self._process.stdout.readline()
        assert said.startswith(b"ready on "), (said, self.log())
        if self.down:
            self.down[-1] = (self.down[-1][0], time.monotonic())

    async def kill(self) -> None:
        """SIGKILL, at once."""
        assert self._process is not None
        self._process.kill()
        self.down.append((time.monotonic(), float("inf")))
        await self._process.wait()
        assert self._process.returncode == -signal.SIGKILL, self.log()

    async def end(self) -> None:
        """Whatever state it is in."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def log(self) -> str:
        return (self._folder / "bot.log").read_text()[-3000:]


@dataclass
class KillWorld:
    """A bot that may be killed, and everything that survives it."""

    team: Team
    child: Child
    deployer: Logged
    keeper: Keeper
    database: Path

    def rollouts(self) -> list[Row]:
        """Every rollout there is, oldest first, read beside the bot."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5) as found:
            rows = found.execute("SELECT id, phase, state FROM rollout ORDER BY created_at")
            read = [Row(id_, phase, msgspec.json.decode(state)) for id_, phase, state in rows]
        found.close()
        return read

    async def reached(self, phase: str, wave: int | None = None) -> Row:
        """Wait until the newest rollout is in a phase (and in a wave)."""
        while True:
            rows = self.rollouts()
            if rows and rows[-1].phase == phase and wave in (None, rows[-1].state.get("wave", 0)):
                return rows[-1]
            ended = rows and rows[-1].state.get("ended_at")
            assert not ended, f"{rows[-1].phase}: {rows[-1].state.get('reason')}"
            await asyncio.sleep(0.02)

    def catch(self, what: str, lost: Lost = "answer") -> Catch:
        """Keep the next such request. Await its `caught` to kill the bot at that instant."""
        self.keeper.catch = Catch(what, lost=lost)
        return self.keeper.catch

    async def restart(self, then: Catch | None = None, *, after: float = 0) -> None:
        """Kill the bot and start it again. then: what is kept from now on. after: seconds."""
        await self.child.kill()
        self.keeper.catch = then
        await asyncio.sleep(after)
        await self.child.start()

    async def ask(self, version: str) -> None:
        await self.team.say("U0MARY", f"/release start {version}")

    async def sign(self, version: str) -> None:
        for person in ("U0ADA", "U0GRACE"):
            await self.team.click(person, "approve", version)

    def alive(self, begin: float, end: float) -> float:
        """For how many of these seconds the bot was running."""
        dead = sum(max(0.0, min(end, b) - max(begin, a)) for a, b in self.child.down)
        return end - begin - dead


async def _traffic(shop: ShopModel) -> None:
    while True:
        shop.serve_traffic(0.05, start=time.time())
        await asyncio.sleep(0.05)


@asynccontextmanager
async def kill_world(folder: Path, plan: Json) -> AsyncIterator[KillWorld]:
    """The bot running as a process, until the block ends."""
    shop = ShopModel(now=time.time(), randomness=Random(1), preparing=0.1)
    deployer = Logged(shop)
    keeper = Keeper(Starlette(routes=deployer.routes()))
    async with AsyncExitStack() as stack:
        port = free_port()
        bound = stack.enter_context(listening(HOST, 0))
        url = f"http://{HOST}:{bound.getsockname()[1]}"
        await stack.enter_async_context(served(keeper, bound, 1))
        stack.callback(keeper.close)
        bot_url = f"http://{HOST}:{port}/slack/events"
        team, slack = await stack.enter_async_context(a_team(lambda: bot_url))
        parts: tuple[Any, Any] = (
            {"kind": "http", "url": url, "poll": "50ms"},
            {"kind": "deployer"},
        )
        config = configuration(parts[0], {**parts[1], "url": url})
        write(folder, config, plan)
        variables = environment(
            folder, slack, COUNTERSIGN_PORT=str(port), COUNTERSIGN_DEPLOYER_SECRET=SECRET
        )
        traffic = asyncio.create_task(_traffic(shop))
        stack.callback(traffic.cancel)
        child = Child(folder, variables)
        stack.push_async_callback(child.end)
        await child.start()
        yield KillWorld(team, child, deployer, keeper, folder / "countersign.db")
