"""One afternoon in a world where everything goes wrong that can, from one seed."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from bot.domain.rollout import Phase
from bot.engine.engine import Options
from bot.practice.cast import Person
from bot.practice.shop import Fault
from bot.practice.standin import slack_app
from bot.practice.workspace import Message, Workspace
from tests.simulation.world.chance import Chance
from tests.simulation.world.clock import SimClock, SimLoop
from tests.simulation.world.network import ToBot
from tests.simulation.world.people import Crowd
from tests.simulation.world.process import SLACK, Process
from tests.simulation.world.target import Effect, SimDeployer, SimShop
from tests.simulation.world.trace import Trace

VERSIONS = ("v1.1.0", "v1.2.0")
TROUBLE = (60.0, 180.0)
"""Between how many seconds after the beginning everything stops going wrong."""

PATIENCE = 480.0
"""Within how many seconds after that all has to be over."""

STILL = 120.0
LONGEST_PAUSE = 90.0
"""Seconds between two tries of the outbox, at most, and some more."""

BY_ITSELF = frozenset(
    {"queued", "preparing", "shifting", "soaking", "promoting", "watching", "rolling_back"}
)
"""Phases that go on without anybody, each of them within seconds here."""


@dataclass(frozen=True)
class State:
    """Where a rollout stands, as it is written down."""

    id: str
    version: str
    phase: str
    ended_at: str | None

    @property
    def ended(self) -> bool:
        return self.ended_at is not None


class SimWorld:
    """Everything there is. database: a migrated file that is this run's own."""

    def __init__(self, seed: int, database: Path) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        self.loop, self.seed = loop, seed
        self.trace = Trace(loop.time)
        self.chance = Chance(seed, loop.time)
        self.clock = SimClock(loop)
        self._context = copy_context()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.shop = SimShop(self.clock.timestamp)
        self.deployer = SimDeployer(self.shop, self.clock.timestamp, loop.time)
        self.deployer.on_effect = self._noted
        self.turns = asyncio.Lock()
        self.stops: list[tuple[float, float]] = []
        self._draw(database)
        self._build_slack()
        self.people = Crowd(self)
        self.states: dict[str, State] = {}
        self._moved_at: dict[str, float] = {}
        self._database = database
        self.stuck: list[str] = []
        self.set_back = 0.0  # until then a clock that was set back holds things up
        self.to_do = 0

    def _draw(self, database: Path) -> None:
        chance = self.chance.world
        self.agenda = VERSIONS[: chance.choice((1, 1, 2))]
        self.plan = chance.choice(("paired", "paired", "seated"))
        self.calm_at = chance.uniform(*TROUBLE)
        self.options = Options(
            tick=timedelta(seconds=chance.choice((2, 4))),
            idle=5.0,
            lease=timedelta(seconds=15),
            grace=5.0,
        )
        alone = self.alone = chance.random() < 0.5
        self.processes = [
            Process(self, f"bot-{number}", _address(database, number), alone=alone)
            for number in range(1, 2 if alone else 3)
        ]

    def _build_slack(self) -> None:
        self.space = Workspace.practice(self.clock.now, "xoxb-practice", base_url=SLACK)
        for id_, name in (("U0ADA2", "ada2"), ("U0NEW", "new")):
            self.space.people[id_] = Person(id_, name, name, "", "#000000")
        for channel in self.space.channels.values():
            channel.members |= {*self.space.people}
        self.to_bot = ToBot(self)
        self._to_bot = httpx.AsyncClient(transport=self.to_bot, trust_env=False, timeout=60)
        self.standin = slack_app(
            self.space,
            bot_url="http://bot.test/slack/events",
            signing_secret="a-signing-secret",
            http=self._to_bot,
        )
        self.slack = Starlette(routes=self.standin.routes)

    # --- what the parts ask for ---------------------------------------------------------------

    def seconds(self) -> float:
        return self.loop.time()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Something that goes on by itself and belongs to no process."""
        task = self.loop.create_task(work, context=self._context.copy())
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    def pick(self) -> Process | None:
        """A process that the load balancer believes to be well."""
        fit = [process for process in self.processes if process.app is not None]
        return self.chance.people.choice(fit) if fit else None

    def posted(self) -> list[Message]:
        """Every message in every channel."""
        return [message for kept in self.space.messages.values() for message in kept]

    def over(self, version: str) -> bool:
        """Whether the newest card of a version says that it has ended (people read its phase)."""
        return any(r.version == version and r.ended for r in self.states.values())

    def went_back(self, version: str) -> bool:
        return any(
            r.version == version and r.phase is Phase.ROLLED_BACK for r in self.states.values()
        )

    def retag(self) -> None:
        """Somebody pushes another artifact under the name of the version that is being signed."""
        version = self.agenda[0]
        self.shop.artifacts[version] = f"sha256:{self.chance.world.getrandbits(256):064x}"
        self.trace.say("somebody", f"pushes another artifact as {version}")

    def crash(self, process: Process, where: str) -> None:
        """A process dies and is started again after a while."""
        process.tell(f"dies ({where})")
        process.die()
        self.spawn(self._revive(process))

    async def _revive(self, process: Process) -> None:
        await process.bury()
        await asyncio.sleep(self.chance.faults.choice((0.5, 2, 10, 25)))
        await process.start()

    def _noted(self, effect: Effect) -> None:
        self.trace.say("target", effect.text)

    # --- the afternoon ------------------------------------------------------------------------

    async def live(self) -> bool:
        """All of it; whether everything came to an end in time."""
        for process in self.processes:
            await process.start()
        for habit in self.people.habits():
            self.spawn(habit)
        self.spawn(self._weather())
        self.spawn(self._watch())
        await asyncio.sleep(self.calm_at)
        self.chance.on = False
        for process in self.processes:
            self._set_clock(process, timedelta())
        self.trace.say("world", "nothing goes wrong any more")
        return await self._come_to_rest()

    async def _come_to_rest(self) -> bool:
        begin = max(self.seconds(), self.set_back)
        end, tidying = begin + PATIENCE, False
        while self.seconds() < end:
            await asyncio.sleep(5)
            if self.at_rest():
                await self._say_the_rest()
                return True
            if not tidying and self.seconds() > begin + PATIENCE / 4:
                self.stuck = self._stand_still()
                self.spawn(self.people.tidy_up())
                tidying = True
        return False

    async def _say_the_rest(self) -> None:
        """What failed often is tried once a minute; until then its text is an older one."""
        end = max(self.seconds(), self.set_back) + LONGEST_PAUSE
        await asyncio.sleep(10)
        while self.to_do and self.seconds() < end:
            await asyncio.sleep(2)

    def _stand_still(self) -> list[str]:
        """What should have gone on by itself long ago, and nobody was asked."""
        since = self.seconds() - STILL
        return [
            f"{state.version} has been {state.phase} for {STILL:g} s"
            for state in self.states.values()
            if state.phase in BY_ITSELF and self._moved_at[state.id] < since
        ]

    def at_rest(self) -> bool:
        """Whether all that was wanted has ended."""
        wanted = all(self.over(version) for version in self.agenda)
        return wanted and all(rollout.ended for rollout in self.states.values())

    async def _watch(self) -> None:
        """Look into the database beside the bot every other second."""
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as beside:
            while True:
                await asyncio.sleep(2)
                asked = "SELECT id, version_name, phase, ended_at FROM rollout ORDER BY created_at"
                found = [State(*row) for row in beside.execute(asked)]
                for state in found:
                    if self.states.get(state.id) != state:
                        self._moved_at[state.id] = self.seconds()
                        self.trace.say("database", f"{state.version} ({state.id}): {state.phase}")
                self.states = {state.id: state for state in found}
                left = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'claimed')"
                self.to_do = int(beside.execute(left).fetchone()[0])

    async def _weather(self) -> None:
        """Versions that are broken, and processes that are stopped and restarted politely."""
        chance = self.chance.world
        for version in self.agenda:
            if chance.random() < 0.4:
                self.spawn(self._breaks(version, chance.uniform(0, 90), chance.uniform(0.2, 0.9)))
        if chance.random() < 0.3:
            self.spawn(self._redeploys(chance.uniform(10, 90)))

        if self.alone and chance.random() < 0.2:
            self.spawn(self._sets_the_clock(chance.uniform(5, 90)))

    async def _sets_the_clock(self, after: float) -> None:
        """Somebody sets the machine's clock. Replicas have that of their database for leases."""
        await asyncio.sleep(after)
        for process in self.processes:
            seconds = self.chance.world.choice((-200, -20, 20, 200))
            process.tell(f"has its clock set by {seconds:+d} s")
            self._set_clock(process, timedelta(seconds=seconds))
            self.chance.times.append(self.seconds())

    def _set_clock(self, process: Process, ahead: timedelta) -> None:
        """A clock that is set back makes what is due at a time of the day wait so much longer."""
        back = (process.clock.ahead - ahead).total_seconds()
        self.set_back = max(self.set_back, self.seconds() + back if back > 0 else 0.0)
        process.clock.ahead = ahead

    async def _breaks(self, version: str, after: float, rate: float) -> None:
        await asyncio.sleep(after)
        self.shop.serve()
        self.shop.break_version(version, Fault(error_rate=rate))
        self.trace.say("shop", f"{version} answers {rate:.0%} with errors from now on")

    async def _redeploys(self, after: float) -> None:
        await asyncio.sleep(after)
        for process in self.processes:
            if process.app is not None:
                process.tell("is asked to stop")
                self.chance.times.append(self.seconds())
                await process.stop()
                await self._revive(process)

    async def end(self) -> None:
        """Nothing is left running."""
        for process in self.processes:
            process.die()
            await process.bury()
        await self.standin.aclose()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._to_bot.aclose()


def _address(database: Path, number: int) -> str:
    """Each process reaches the one file by a name of its own: the lock is for a lone process."""
    path = database.with_name(f"{database.stem}-{number}.db")
    path.symlink_to(database)
    return f"sqlite+aiosqlite:///{path}"
