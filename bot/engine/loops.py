"""What makes things happen by themselves: the tick, the loops behind the boxes, the housekeeping.

Every wake-up here is a hint. What is due is read from the database each time, so a lost wake-up
costs a second, never a step.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, timedelta
from typing import Any, Protocol

import msgspec
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Connection

from bot.engine import transitions
from bot.engine.clock import Clock
from bot.engine.kinds import AnyKind
from bot.store.database import Store
from bot.store.queries import aggregates, records
from bot.store.queries.leases import Claimant

log = logging.getLogger(__name__)

BATCH = 100
AT_ONCE = 1000
"""How many aggregates one process looks at at the same time."""

KEEP_EVERY = timedelta(seconds=60)
"""How often what a look found is kept for the records."""


class Looker(Protocol):
    """Turns a due aggregate of one kind into an event."""

    async def look(self, aggregate: Any) -> Any: ...

    def failed(self, aggregate: Any, reason: str) -> Any:
        """The event when a look broke off, or led to something that can't be."""
        ...

    def looked(self, aggregate: Any) -> None:
        """The event has been written; this is the aggregate now."""
        ...


class Ticker:
    """Looks at every aggregate whose `next_check_at` has come."""

    def __init__(
        self,
        store: Store,
        claimant: Claimant,
        lookers: Mapping[str, tuple[AnyKind, Looker]],
        clock: Clock,
        on_change: Callable[[], None],
        on_looked: Callable[[Any, Any], None] | None = None,
    ) -> None:
        self._store = store
        self._claimant = claimant
        self._lookers = lookers
        self._clock = clock
        self._on_change = on_change
        self._on_looked = on_looked
        self._looking: dict[tuple[str, str], asyncio.Task[bool]] = {}

    async def tick(self) -> int:
        """Look at all that is due, one after the other; returns how many have changed."""
        changed = 0
        for kind, looker, due in await self._claim(BATCH):
            changed += await self._look(kind, looker, due)
        return changed

    async def start_some(self) -> int:
        """Begin to look at all that is due, without waiting for slow ones."""
        begun = 0
        while (room := AT_ONCE - len(self._looking)) > 0:
            rows = await self._claim(min(room, BATCH))
            begun += sum(self._start(kind, looker, due) for kind, looker, due in rows)
            if len(rows) < BATCH:
                break
        return begun

    async def finish(self, grace: float) -> None:
        """Wait for the looks that are under way, then give everything back."""
        tasks = list(self._looking.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        owner = self._claimant.owner
        for kind, _looker in self._lookers.values():
            table = kind.table
            await self._store.transact(lambda conn, t=table: aggregates.release(conn, t, owner))  # type: ignore[misc]

    async def _claim(self, limit: int) -> list[tuple[AnyKind, Looker, aggregates.Due]]:
        """Up to `limit` due aggregates of all kinds, claimed in one unit."""
        now = self._clock.now()

        def unit(conn: Connection) -> list[tuple[AnyKind, Looker, aggregates.Due]]:
            found: list[tuple[AnyKind, Looker, aggregates.Due]] = []
            for kind, looker in self._lookers.values():
                room = limit - len(found)
                due = aggregates.claim_due(conn, kind.table, self._claimant, now, room)
                found += [(kind, looker, row) for row in due]
            return found

        return await self._store.transact(unit)

    def _start(self, kind: AnyKind, looker: Looker, due: aggregates.Due) -> bool:
        name = (kind.name, due.id)
        if name in self._looking:
            # Our own look has outlived its lease; its write is refused by the new fence.
            self._looking[name].cancel()
        task = asyncio.ensure_future(self._look(kind, looker, due))
        self._looking[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))
        return True

    def _ended(self, name: tuple[str, str], task: asyncio.Task[bool]) -> None:
        if self._looking.get(name) is task:
            del self._looking[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease runs out, and somebody looks again.
            log.error("the look at %s %s could not be written", *name, exc_info=error)

    async def _look(self, kind: AnyKind, looker: Looker, due: aggregates.Due) -> bool:
        aggregate = await self._store.transact(lambda conn: transitions.load(conn, kind, due.id))
        try:
            return await self._write(kind, looker, due, await looker.look(aggregate))
        except Exception as error:
            # Somebody has to learn that it is not watched; the log alone tells nobody.
            log.exception("the look at %s %s failed in an unforeseen way", kind.name, due.id)
            event = looker.failed(aggregate, f"{type(error).__name__}: {error}")
            return await self._write(kind, looker, due, event)

    async def _write(self, kind: AnyKind, looker: Looker, due: aggregates.Due, event: Any) -> bool:
        now = self._clock.now()

        def unit(conn: Connection) -> transitions.Applied[Any]:
            applied = transitions.apply(conn, kind, due.id, event, now, fence=due.fence)
            aggregates.release(conn, kind.table, self._claimant.owner, due.id)
            seen = msgspec.json.encode(event).decode()
            if getattr(event, "measurements", ()):
                records.observe(conn, kind.name, due.id, now, seen, every=KEEP_EVERY)
            return applied

        try:
            applied = await self._store.transact(unit)
        except transitions.StaleWriteError as overtaken:
            log.info("a look came too late: %s", overtaken)
            owner = self._claimant.owner
            await self._store.transact(
                lambda conn: aggregates.release(conn, kind.table, owner, due.id)
            )
            return False
        looker.looked(applied.after)
        if self._on_looked is not None:
            self._on_looked(applied.before, applied.after)
        if applied.effects:
            self._on_change()
        return applied.changed


class Loops:
    """The background of a running engine. A loop that fails says so and goes on."""

    def __init__(self) -> None:
        self._loops: dict[asyncio.Task[None], asyncio.Event] = {}
        self._turning: set[asyncio.Task[Any]] = set()
        self._scheduler: AsyncIOScheduler | None = None
        self._stopping = False
        self.trouble: dict[str, str] = {}
        """What went wrong at the last turn of a loop, by its name; empty when all is well."""

    def schedule(self, jobs: Mapping[str, tuple[timedelta, Callable[[], Awaitable[Any]]]]) -> None:
        """Call each job at its interval from now on."""
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": AsyncIOExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        for name, (every, job) in jobs.items():
            self._scheduler.add_job(
                self._job, "interval", args=(name, job), seconds=every.total_seconds(), id=name
            )
        self._scheduler.start()

    def run(
        self, name: str, work: Callable[[], Awaitable[int]], wake: asyncio.Event, idle: float
    ) -> None:
        """Call `work` again and again; when it found nothing, wait for `wake` or `idle` seconds."""
        self._loops[asyncio.ensure_future(self._loop(name, work, wake, idle))] = wake

    async def stop(self) -> None:
        """No further turns; those that are under way come to their end first.

        The scheduler would cancel them (its `shutdown` does, whatever `wait` says).
        """
        self._stopping = True
        if self._scheduler is not None:
            self._scheduler.pause()
        for wake in self._loops.values():
            wake.set()
        under_way = {*self._loops, *self._turning}
        if under_way:
            await asyncio.wait(under_way)
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    async def _loop(
        self, name: str, work: Callable[[], Awaitable[int]], wake: asyncio.Event, idle: float
    ) -> None:
        while not self._stopping:
            wake.clear()
            if not await self._turn(name, work) and not self._stopping:
                await _wait(wake, idle)

    async def _job(self, name: str, work: Callable[[], Awaitable[Any]]) -> None:
        task = asyncio.ensure_future(self._turn(name, work))
        self._turning.add(task)
        task.add_done_callback(self._turning.discard)
        await asyncio.shield(task)

    async def _turn(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        try:
            result = await work()
        except Exception as error:
            log.exception("%s failed; it is tried again", name)
            self.trouble[name] = f"{type(error).__name__}: {error}"
            return 0
        self.trouble.pop(name, None)
        return result


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    waiting: Coroutine[Any, Any, Any] = wake.wait()
    try:
        async with asyncio.timeout(seconds):
            await waiting
    except TimeoutError:
        return
