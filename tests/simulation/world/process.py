"""One process of the bot, which may die, be stopped for a while, and start again."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from bot.app import Bot
from bot.setup import Outside, load, setup
from bot.slack.client import Identity
from bot.store.database import Store
from tests.simulation.world.clock import PROCESS, SimClock
from tests.simulation.world.database import faulty
from tests.simulation.world.network import ToDeployer, ToSlack
from tests.simulation.world.target import SECRET

if TYPE_CHECKING:
    from tests.simulation.world.chance import Chance
    from tests.simulation.world.world import SimWorld

T = TypeVar("T")

HOUSE = Path(__file__).parent / "house" / "countersign.yml"
SLACK = "http://127.0.0.1:8800"
IDENTITY = Identity("T0PRACTICE", "Practice", "U0BOT", "B0BOT", url="https://practice.slack.test/")


@cache
def house() -> Any:
    """Settings and plans, read once."""
    return load(
        HOUSE,
        {
            "SLACK_BOT_TOKEN": "xoxb-practice",
            "SLACK_SIGNING_SECRET": "a-signing-secret",
            "SLACK_API_URL": f"{SLACK}/api/",
            "COUNTERSIGN_DATABASE_URL": "sqlite+aiosqlite:///given-by-the-test.db",
            "COUNTERSIGN_DEPLOYER_SECRET": SECRET,
        },
    )


class Process:
    """A name for good; what runs under it is born and dies. url: of the database.

    alone: no other process works on the same database.
    """

    def __init__(self, world: "SimWorld", name: str, url: str, *, alone: bool) -> None:
        self.world = world
        self.name = name
        self.alive = False
        self.app: Any = None
        self._url = url
        self._alone = alone
        self._awake = asyncio.Event()
        self._awake.set()
        self._context = copy_context()
        self._context.run(PROCESS.set, self)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._store: Store | None = None
        self._bot: Bot | None = None
        self.clock = SimClock(world.loop)
        self._jitter = Random(f"{world.seed}:{name}")

    @property
    def chance(self) -> "Chance":
        return self.world.chance

    # --- what belongs to it -------------------------------------------------------------------

    def own(self, task: "asyncio.Task[Any]") -> None:
        """A task that ends with this process."""
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Let this process do something."""
        return self.world.loop.create_task(work, context=self._context.copy())

    def tell(self, what: str) -> None:
        """A line in the story."""
        self.world.trace.say(self.name, what)

    # --- where the fates step in --------------------------------------------------------------

    async def step(self, where: str) -> None:
        """Go on, unless this process dies or is stopped here.

        where: statement, commit, committed (after it), call, answered (after it), or begin.
        Raises CancelledError in a process that is dead.
        """
        await self.wake()
        self.meet(where)
        await self.wake()

    def meet(self, where: str) -> bool:
        """Let the fates step in; whether there is anything to wait for now."""
        if not self.running:
            return True
        if self.chance.strikes(f"crash:{where}"):
            self.world.crash(self, where)
        elif self.chance.strikes(f"pause:{where}"):
            inside = where in {"statement", "commit"}
            seconds = self.chance.faults.choice((0.5, 3, 8) if inside else (2, 8, 17, 25, 45))
            self.stop_for(seconds, where)
        return not self.running

    @property
    def running(self) -> bool:
        return self.alive and self._awake.is_set()

    async def wake(self) -> None:
        """Wait while it is stopped. Raises CancelledError when it is dead."""
        while self.alive and not self._awake.is_set():
            await self._awake.wait()
        if not self.alive:
            raise asyncio.CancelledError

    def stop_for(self, seconds: float, where: str) -> None:
        """As by SIGSTOP; a suspended machine, a long collection of garbage."""
        self.tell(f"is stopped for {seconds:g} s ({where})")
        self._awake.clear()
        self.world.stops.append((self.world.seconds() + seconds, seconds))
        self.world.loop.call_later(seconds, self._awake.set)

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work on what is in the database."""
        self.alive = True
        self._awake.set()
        await asyncio.wait([self.spawn(self._start())])

    async def _start(self) -> None:
        try:
            self._bot = await self._made()
            await self._bot.start()
        except Exception as error:  # noqa: BLE001 - a supervisor starts it again
            self.tell(f"can't start: {error}")
            self.world.crash(self, "start")
            return
        self.app = self._bot.web
        self.tell("works")

    async def _made(self) -> Bot:
        settings, plans = house()
        http = httpx.AsyncClient(
            transport=ToDeployer(self, self.world.deployer.app), timeout=10, trust_env=False
        )
        outside = Outside(
            self.clock,
            self._jitter.random,
            self.chance.new_id,
            http,
            ToSlack(self, self.world.slack),  # type: ignore[arg-type]  # a look-alike
        )
        made = replace(setup(settings, plans, outside), database_url=self._url)
        opened = await Store.open(self._url, inline=True)
        self._store = faulty(opened, self, self.world.turns, alone=self._alone)
        return Bot(made, outside, self._store, IDENTITY, self.world.options)

    def die(self) -> None:
        """At once: nothing of it runs any more."""
        self.alive, self.app = False, None
        for task in list(self._tasks):
            task.cancel()

    async def bury(self) -> None:
        """Wait until it is really gone, and with it what it had not committed."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=1)
        assert not self._tasks, f"survived the death of {self.name}: {list(self._tasks)}"
        if self._store is not None:
            self._store._backend.kill()  # type: ignore[attr-defined]
        self._store = self._bot = None

    async def stop(self) -> None:
        """Politely, as on SIGTERM."""
        bot, self.app = self._bot, None
        if bot is None or not self.alive:
            return
        stopping = self.spawn(bot.stop())
        await asyncio.wait([stopping])
        if self.alive:
            if (error := stopping.exception()) is not None:
                self.tell(f"could not stop in peace: {error}")
            self.die()
