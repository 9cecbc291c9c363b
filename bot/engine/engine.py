"""The engine: everything that carries rollouts on, wired together.

`start` lets it run by itself; `settle` does all that is due now and returns, for tests that turn
the clock by hand. Both take the same path.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from bot.domain.people import THE_BOT, Actor
from bot.domain.plan import PLAN_SCHEMA
from bot.domain.rollout import Rollout
from bot.engine import transitions
from bot.engine.catalogue import Catalogue
from bot.engine.changes import Changes
from bot.engine.checks import Checks
from bot.engine.clock import Clock
from bot.engine.delivery import Delivery
from bot.engine.directory import Directory, Home
from bot.engine.holds import Holds
from bot.engine.inbox import Handler, Inbox
from bot.engine.intents import Intent
from bot.engine.kinds import AnyKind
from bot.engine.locks import LockLook, LockPerformer, lock_kind
from bot.engine.looking import LONGEST_GAP, RolloutLook
from bot.engine.loops import Looker, Loops, Ticker
from bot.engine.outbox import Outbox, Performer
from bot.engine.perform import RolloutPerformer, Start
from bot.engine.posting import Errands, Posting
from bot.engine.presenting import Errand, Presenter
from bot.engine.rollouts import CARD_PACE, NAME, Compile, Follow, RolloutKind, rollout_kind
from bot.ports import Chat
from bot.store.database import Store
from bot.store.queries import aggregates, inbox, leases, outbox, records, reports
from bot.store.queries.leases import Claimant
from bot.store.tables import inbox as inbox_table
from bot.store.tables import outbox as outbox_table

TURNS = 10_000
"""After so many turns `settle` says that the engine never becomes quiet."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that a test or an operator may want otherwise.

    tick: how often due rows are looked for. lease: how long a claim is good for. idle: how long a
    loop sleeps without a wake-up, in seconds. grace: how long `stop` waits for what is under way,
    in seconds. keep: how long finished rows of the boxes stay. longest_gap: see `looking`.
    card_pace: the shortest time between two edits of a card. drawn: see `looking`.
    """

    tick: timedelta = timedelta(milliseconds=200)
    lease: timedelta = timedelta(seconds=30)
    idle: float = 1.0
    grace: float = 20.0
    keep: timedelta = timedelta(days=30)
    longest_gap: timedelta = LONGEST_GAP
    card_pace: timedelta = CARD_PACE
    schema: int = PLAN_SCHEMA
    drawn: bool = False


DEFAULTS = Options()


class Part(msgspec.Struct, frozen=True):
    """One more kind of aggregate: who does its effects, who looks at it when it is due.

    starts: what is done about the effects by which a rollout asks for something of this kind.
    follow: what happens to it when a rollout was written, in the same unit: see `Kind.follow`.
    errands: what waits for people, for their Home tabs. beat: called every second or so, for what
    is due by the calendar and has no row yet; it claims that by a unique row. How much was done.
    """

    kind: Any
    performer: Any
    looker: Any = None
    starts: Mapping[type, Start] = {}
    follow: Follow | None = None
    errands: Errands | None = None
    beat: Callable[[], Awaitable[int]] | None = None


class Tools(msgspec.Struct, frozen=True):
    """What the parts of further kinds are made with.

    starts: what is done about effects that ask for something of another kind; filled once all
    parts are made.
    """

    store: Store
    catalogue: Catalogue
    chat: Chat
    clock: Clock
    directory: Directory
    delivery: Delivery
    rollouts: RolloutKind
    new_id: Callable[[], str]
    compile_plan: Compile
    refresh_homes: Callable[[], Awaitable[None]]
    starts: Mapping[type, Start]


Parts = Callable[[Tools], Sequence[Part]]


def _no_more(_tools: Tools) -> Sequence[Part]:
    return ()


class Engine:
    """Carries aggregates on. The only thing outside `bot.engine` that changes one is `apply`.

    compile_plan: a plan from its document. new_id: gives a new unique id. random: gives 0..1.
    on_looked: is told of each look that was written, before and after.
    handle: what is done with an intent. home: the bot's workspace. more: makes the parts of
    further kinds.
    """

    def __init__(
        self,
        *,
        store: Store,
        catalogue: Catalogue,
        chat: Chat,
        presenter: Presenter,
        compile_plan: Compile,
        clock: Clock,
        new_id: Callable[[], str],
        random: Callable[[], float],
        handle: Handler,
        home: Home,
        on_dead_intent: Any = None,
        on_looked: Callable[[Any, Any], None] | None = None,
        more: Parts = _no_more,
        options: Options = DEFAULTS,
    ) -> None:
        self.store = store
        self.catalogue = catalogue
        self.clock = clock
        self.options = options
        self.directory = Directory(catalogue, chat, store, clock, home)
        self.rollouts = rollout_kind(
            compile_plan,
            card_pace=options.card_pace,
            schema=options.schema,
            follow=self._follow,
        )
        self.claimant = Claimant(f"engine-{new_id()}", options.lease, options.schema)
        changes = Changes(store, catalogue, clock)
        self.holds = Holds(store, catalogue, clock, self.rollouts.load)
        checks = Checks(store, catalogue, self.directory, changes, self.holds, new_id)
        self.delivery = Delivery(store, catalogue, chat, clock)
        self.posting = Posting(
            store,
            catalogue,
            chat,
            presenter,
            self.directory,
            clock,
            self.rollouts,
            self.delivery,
            self._errands,
        )
        starts: dict[type, Start] = {}
        tools = Tools(
            store,
            catalogue,
            chat,
            clock,
            self.directory,
            self.delivery,
            self.rollouts,
            new_id,
            compile_plan,
            self.posting.homes,
            starts,
        )
        look = RolloutLook(catalogue, clock, options.longest_gap, chat.silent, drawn=options.drawn)
        parts = more(tools)
        starts.update({effect: do for part in parts for effect, do in part.starts.items()})
        performer = RolloutPerformer(changes, checks, self.posting, starts, catalogue)
        locking = LockPerformer(store, clock, self.delivery, presenter, self.holds, self.rollouts)
        ours = (Part(self.rollouts, performer, look), Part(lock_kind(), locking, LockLook()))
        self._parts = {p.kind.name: p for p in (*ours, *parts)}
        self._outbox_wake, self._inbox_wake = asyncio.Event(), asyncio.Event()
        self._tick_wake = asyncio.Event()
        self._outbox = Outbox(store, self.claimant, self._performers(), clock, random, self.changed)
        self._inbox = Inbox(store, self.claimant, clock, random, handle, on_dead_intent)
        self._ticker = Ticker(
            store,
            self.claimant,
            self._lookers(),
            clock,
            self._outbox_wake.set,
            on_looked,
        )
        self._handling: dict[asyncio.Task[None], int] = {}
        self._loops = Loops()
        self._recovered = False

    # --- what others ask for ----------------------------------------------------------------

    async def apply(
        self, id_: str, event: Any, *, kind: str = NAME, once: str = ""
    ) -> transitions.Applied[Any]:
        """Let something happen to an aggregate.

        once: a name of what happened, under which it happens a single time however often this is
        called, also after a crash.
        Raises NotFoundError, TargetBusyError, UnknownOutcomeError (then look before repeating).
        """
        of, now = self.kind(kind), self.clock.now()

        def unit(conn: Connection) -> transitions.Applied[Any]:
            if once:
                there = transitions.load(conn, of, id_, lock=True)
                if not records.claim_cron(conn, f"{of.name}:{id_}", once, now):
                    return transitions.Applied(there, there, changed=False)
            return transitions.apply(conn, of, id_, event, now)

        applied = await self.store.transact(unit)
        self.changed()
        return applied

    async def create(
        self,
        aggregate: Any,
        effects: Sequence[Any],
        *,
        actor: Actor = THE_BOT,
        kind: str = NAME,
        detail: Mapping[str, Any] | None = None,
    ) -> transitions.Applied[Any]:
        """Begin an aggregate; with an id that exists already nothing happens (`changed` is False).

        detail: what the audit says of its beginning. Raises TargetBusyError, UnknownOutcomeError.
        """
        of, now = self.kind(kind), self.clock.now()
        applied = await self.store.transact(
            lambda conn: transitions.create(
                conn, of, aggregate, effects, now, actor=actor, detail=detail
            )
        )
        self._outbox_wake.set()
        return applied

    async def submit(self, intent: Intent) -> bool:
        """Keep what came in, durably, before it is acknowledged; False: it was here already."""
        new = await self._inbox.put(intent)
        self._inbox_wake.set()
        return new

    async def submit_all(self, several: Sequence[Intent]) -> list[bool]:
        """The same for several at once; for each whether it is new."""
        new = await self._inbox.put_all(several)
        self._inbox_wake.set()
        return new

    async def rollout(self, id_: str) -> Rollout:
        """A rollout as it stands. Raises NotFoundError."""
        return await self.store.transact(lambda conn: transitions.load(conn, self.rollouts, id_))

    def kind(self, name: str) -> AnyKind:
        """Raises KeyError for a kind that is not there."""
        of: AnyKind = self._parts[name].kind
        return of

    @property
    def trouble(self) -> Mapping[str, str]:
        """What fails in the background, by name; empty when all is well."""
        return self._loops.trouble

    # --- running by itself ------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work in the background."""
        await self._recover()
        options = self.options
        self._loops.run("outbox", self._outbox.start_some, self._outbox_wake, options.idle)
        self._loops.run("inbox", self._start_intents, self._inbox_wake, options.idle)
        self._loops.run("tick", self._tick, self._tick_wake, options.tick.total_seconds())
        self._loops.run("calendar", self._beat, asyncio.Event(), options.idle)
        self._loops.schedule(
            {
                "leases": (options.lease / 3, self._renew),
                "housekeeping": (timedelta(hours=1), self.clean_up),
            }
        )

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, give the rest back."""
        await self._loops.stop()
        await self._ticker.finish(self.options.grace)
        await self._finish_intents()
        await self._outbox.finish(self.options.grace)

    async def settle(self) -> None:
        """Do all that is due at this instant, and what follows. Raises RuntimeError if endless."""
        await self._recover()
        for _ in range(TURNS):
            done = await self._beat() + await self._ticker.tick()
            for row in await self._inbox.claim():
                await self._inbox.do(row)
                done += 1
            done += await self._outbox.drain()
            if not done:
                return
        raise RuntimeError(f"the engine is still busy after {TURNS} turns at one instant")

    async def clean_up(self) -> None:
        """Delete what nobody needs any more."""
        before = self.clock.now() - self.options.keep

        def unit(conn: Connection) -> None:
            outbox.prune(conn, before)
            inbox.prune(conn, before)
            records.prune(conn, before)
            reports.prune(conn, before)

        await self.store.transact(unit)

    # --- inside -----------------------------------------------------------------------------

    def _follow(self, conn: Connection, before: Rollout, after: Rollout, now: datetime) -> None:
        for part in self._parts.values():
            if part.follow is not None:
                part.follow(conn, before, after, now)

    def _errands(self, conn: Connection, roles: Collection[str]) -> list[Errand]:
        asked = [part.errands for part in self._parts.values() if part.errands is not None]
        return [errand for ask in asked for errand in ask(conn, roles)]

    def _performers(self) -> dict[str, tuple[AnyKind, Performer]]:
        return {name: (part.kind, part.performer) for name, part in self._parts.items()}

    def _lookers(self) -> dict[str, tuple[AnyKind, Looker]]:
        return {name: (part.kind, part.looker) for name, part in self._parts.items() if part.looker}

    async def _recover(self) -> None:
        """With SQLite nobody else is there, so every lease is one of a process that is gone."""
        if self._recovered:
            return
        self._recovered = True
        if self.store.dialect == "sqlite":
            await self.store.transact(self._free_all)

    def _free_all(self, conn: Connection) -> None:
        for table in (outbox_table, inbox_table):
            leases.let_go(conn, table)
        for part in self._parts.values():
            aggregates.release_all(conn, part.kind.table)

    def changed(self) -> None:
        """What has been done may make something else due: a wave that is applied is looked at."""
        self._outbox_wake.set()
        self._tick_wake.set()

    async def _tick(self) -> int:
        """At most one turn per `tick` or wake-up, whatever is due for ever."""
        await self._ticker.start_some()
        return 0

    async def _beat(self) -> int:
        return sum([await part.beat() for part in self._parts.values() if part.beat is not None])

    async def _start_intents(self) -> int:
        rows = await self._inbox.claim()
        for row in rows:
            task = asyncio.ensure_future(self._inbox.do(row))
            self._handling[task] = row.id
            task.add_done_callback(self._handled)
        return len(rows)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._handling.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loops.trouble["intent"] = f"{type(error).__name__}: {error}"
        else:
            self._loops.trouble.pop("intent", None)

    async def _finish_intents(self) -> None:
        if self._handling:
            _, late = await asyncio.wait(list(self._handling), timeout=self.options.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._inbox.let_go()

    async def _renew(self) -> None:
        await self._outbox.renew()
        if self._handling:
            await self._inbox.renew(list(self._handling.values()))
