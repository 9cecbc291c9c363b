"""What a campaign takes place in: targets, a chat, a database, and bots that can be killed.

Everything but the bots lives in this process and survives them.
"""

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random

from starlette.applications import Starlette

from bot.ports import Target
from bot.practice.shop import ShopModel
from bot.practice.workspace import Message
from bot.serving import listening, served
from tests.campaign.databases import Database, opened
from tests.campaign.ledger import Ledger
from tests.campaign.life import Life, live
from tests.contract.haproxy import free_port
from tests.scenarios.real_world import HOST, Json, Team, a_team, configuration, environment, swift
from tests.scenarios.real_world import write as write_files

SECRET = "a deployer's secret of the campaign"
LEASE = 2.0
"""Seconds. Half a minute, as it is by default, would make a campaign of pauses last for days."""

SERVICES = {"checkout": "C0CHECKOUT", "basket": "C0RELEASES", "search": "C0WARNING"}
"""Service to channel; a channel takes about one message a second."""

SOAKS = {10.0: 0.6, 50.0: 0.9, 100.0: 0.6}
"""Percent to seconds."""

PLAN = swift(list(SOAKS.items()), poll="200ms", watch={"keep_previous": "1s"})
READY_WITHIN = 300.0

_FORK = get_context("forkserver")
_FORK.set_forkserver_preload(["tests.campaign.warm"])


@dataclass
class Notes:
    """Commit points. passed: all that were seen. taken: those at which a process died.

    deaths: at any of them.
    """

    path: Path
    passed: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    deaths: int = 0

    def read(self) -> None:
        """Take in what the processes have noted so far."""
        if not self.path.exists():
            return
        noted = [line.split(" ", 1) for line in self.path.read_text().splitlines()]
        died = [point for what, point in noted if what == "died"]
        self.passed.update(point for what, point in noted if what == "passed")
        self.taken.update(died)
        self.deaths = len(died)


class Replica:
    """One bot: its port and files stay, its process comes and goes."""

    def __init__(self, number: int, folder: Path, variables: Mapping[str, str]) -> None:
        self.name = f"bot {number}"
        self.port = free_port()
        self._folder = folder
        self._said, self.log = folder / f"bot{number}.out", folder / f"bot{number}.log"
        self._variables = {**variables, "COUNTERSIGN_PORT": str(self.port)}
        self._process: ForkServerProcess | None = None
        self._over = asyncio.Event()
        self._over.set()
        self.ready = self.stopped = False

    def begin(self, notes: Path, taken: frozenset[str] | None) -> None:
        """Fork a process. taken: see `Points`."""
        assert self._over.is_set(), f"{self.name} is running"
        self._said.write_text("")
        life = Life(
            config=self._folder / "countersign.yml",
            variables=self._variables,
            said=self._said,
            log=self.log,
            lease=LEASE,
            notes=notes,
            full=self._folder / "full",
            taken=taken,
        )
        self._process = _FORK.Process(target=live, args=(life,), daemon=True)
        self._process.start()
        self._over = asyncio.Event()
        loop, sentinel = asyncio.get_running_loop(), self._process.sentinel
        loop.add_reader(sentinel, self._ended, sentinel)

    def _ended(self, sentinel: int) -> None:
        asyncio.get_running_loop().remove_reader(sentinel)
        self.ready = self.stopped = False
        self._over.set()

    async def came_up(self) -> bool:
        """Wait until it says that it is ready; False when it ended before."""
        until = time.monotonic() + READY_WITHIN
        while not self._over.is_set():
            if self.has_said_so():
                self.ready = True
                return True
            assert time.monotonic() < until, f"{self.name} does not start; see {self.log}"
            await asyncio.sleep(0.01)
        return False

    def has_said_so(self) -> bool:
        """Whether it has come as far as to say that it is ready."""
        return self._said.read_text().startswith("ready on ")

    async def died(self, seconds: float) -> bool:
        """Whether it ends within so many seconds by itself."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        """A signal, unless it is gone."""
        if self._process is not None and not self._over.is_set():
            assert self._process.pid is not None
            os.kill(self._process.pid, number)
            self.stopped = number == signal.SIGSTOP

    async def end(self, number: signal.Signals = signal.SIGKILL) -> int | None:
        """End it by a signal; how it ended."""
        if self._process is None:
            return None
        self.send(number)
        await self._over.wait()
        self._process.join()
        return self._process.exitcode


@dataclass
class Tally:
    """What was done to the bots."""

    kills: int = 0
    while_starting: int = 0
    stops: int = 0
    full: int = 0
    restarts: int = 0
    gave_up: int = 0


@dataclass
class World:
    """A campaign on one database.

    history: what was done to whom (epoch seconds, words). calm_since: the instant of the monotonic
    clock from which nothing goes wrong any more.
    """

    database: Database
    folder: Path
    random: Random
    team: Team
    ledger: Ledger
    shops: Mapping[str, ShopModel]
    replicas: list[Replica]
    notes: Notes
    tally: Tally = field(default_factory=Tally)
    history: list[tuple[float, str]] = field(default_factory=list)
    calm_since: float = math.inf

    def note(self, words: str) -> None:
        """Put something into the history."""
        self.history.append((time.time(), words))

    @property
    def full(self) -> Path:
        """While this file exists, the disk is full."""
        return self.folder / "full"

    def messages(self) -> list[Message]:
        """What the bot has posted, wherever."""
        space = self.team.space
        every = (message for kept in space.messages.values() for message in kept)
        return [message for message in every if message.user == space.bot_user_id]

    def card(self, rollout_id: str) -> Message | None:
        """The newest card of a rollout."""
        key = f"card:rollout:{rollout_id}"
        found = [message for message in self.messages() if key_of(message) == key]
        return found[-1] if found else None


def key_of(message: Message) -> str:
    """The key that the bot has posted a message under, "" without one."""
    payload = (message.metadata or {}).get("event_payload") or {}
    return str(payload.get("key") or "")


def _configuration(url: str) -> Json:
    parts: tuple[Json, Json] = (
        {"kind": "http", "url": url, "poll": "50ms"},
        {"kind": "deployer", "url": url},
    )
    config = configuration(*parts)
    (environments,) = [each["environments"] for each in config["services"].values()]
    config["services"] = {
        name: {"channel": channel, "plan": "swift", "environments": environments}
        for name, channel in SERVICES.items()
    }
    return config


async def _traffic(shops: Mapping[str, ShopModel]) -> None:
    while True:
        for shop in shops.values():
            shop.serve_traffic(0.05, start=time.time())
        await asyncio.sleep(0.05)


class _Balancer:
    """Where Slack delivers: to a bot that is ready, mostly not to one that stands still."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.replicas: list[Replica] = []

    def __call__(self) -> str:
        healthy = self._random.random() < 0.8
        good = [r for r in self.replicas if r.ready and not (r.stopped and healthy)]
        chosen = self._random.choice(good or self.replicas)
        return f"http://{HOST}:{chosen.port}/slack/events"


@asynccontextmanager
async def world(dialect: str, folder: Path, seed: int) -> AsyncIterator[World]:
    """Everything but running bots, until the block ends."""
    random = Random(f"{dialect} {seed}")
    shops = {
        name: ShopModel(
            now=time.time(),
            randomness=Random(random.random()),
            requests_per_second=60,
            preparing=0.1,
        )
        for name in SERVICES
    }
    ledger = Ledger({Target(name, "production"): shop for name, shop in shops.items()}, SECRET)
    balancer = _Balancer(random)
    async with AsyncExitStack() as stack:
        bound = stack.enter_context(listening(HOST, 0))
        url = f"http://{HOST}:{bound.getsockname()[1]}"
        await stack.enter_async_context(served(Starlette(routes=ledger.routes()), bound, 1))
        team, slack = await stack.enter_async_context(a_team(balancer))
        database = await stack.enter_async_context(opened(dialect, folder))
        write_files(folder, _configuration(url), PLAN)
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            **environment(folder, slack, COUNTERSIGN_DEPLOYER_SECRET=SECRET),
            "COUNTERSIGN_DATABASE_URL": database.url,
        }
        replicas = [Replica(n + 1, folder, variables) for n in range(database.replicas)]
        balancer.replicas = replicas
        traffic = asyncio.create_task(_traffic(shops))
        stack.callback(traffic.cancel)
        for replica in replicas:
            stack.push_async_callback(replica.end)
        notes = Notes(folder / "points.txt")
        yield World(database, folder, random, team, ledger, shops, replicas, notes)
