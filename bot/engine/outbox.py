"""Doing outside what was decided: claim a row, perform it with its key, feed the outcome back.

Whatever happens to this process, a row is performed again until its outcome has been written, in
one unit of work with what the outcome leads to. Nothing ends as a line in a log only.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from bot.engine import transitions
from bot.engine.clock import Clock
from bot.engine.kinds import AnyKind
from bot.ports import SHUT_OUT, PermanentError, TemporaryError
from bot.store.database import Store
from bot.store.queries import leases, ops, outbox
from bot.store.queries.leases import Claimant
from bot.store.tables import outbox as outbox_table

log = logging.getLogger(__name__)

LANES = {outbox.DEPLOY: 32, "chat": 16, "work": 32, "publish": 16}
"""How many rows of a lane one process performs at a time; a slow chat holds up no rollback, and a
notice to thousands nothing else."""

_TOLD_AT = (3, 10, 30, 100)
_BUSY_AGAIN = timedelta(seconds=2)
_CANCEL_WAIT = 2.0
_SHUT_OUT_WAIT = timedelta(seconds=30)


class NotYetError(Exception):
    """Something else has to happen first; it is tried again after `wait` and counts as no try."""

    def __init__(self, reason: str, wait: timedelta = timedelta(milliseconds=200)) -> None:
        super().__init__(reason)
        self.wait = wait


class DeadLetter(msgspec.Struct, frozen=True, tag=True):
    """Audit entry: something was given up."""

    key: str
    effect: str
    reason: str


class Work(msgspec.Struct, frozen=True):
    """A claimed row with what it means. aggregate: the newest state."""

    row: outbox.Row
    kind: AnyKind
    aggregate: Any
    effect: Any


class Patience(msgspec.Struct, frozen=True):
    """How long something is tried. limit: None for ever. cap: the longest pause between tries."""

    limit: timedelta | None = timedelta(hours=24)
    cap: timedelta = timedelta(seconds=60)


class Performer(Protocol):
    """Does the effects of one kind of aggregate."""

    async def perform(self, work: Work) -> Sequence[Any]:
        """Do it; the events that come of it. Raises TemporaryError, PermanentError, NotYetError."""
        ...

    def patience(self, work: Work) -> Patience: ...

    def delayed(self, work: Work, reason: str) -> Sequence[Any]:
        """The events that tell people that it keeps failing."""
        ...

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        """The events when it can't be done; none: the row is dead."""
        ...

    def alarm(self, work: Work, reason: str) -> Any | None:
        """The effect that tells people about a dead row, None when it is not worth a page."""
        ...


class Outbox:
    """The worker. One per process; any number of processes may share a database.

    random: gives 0..1, for jitter. on_change: called after a unit that may have made new rows.
    """

    def __init__(
        self,
        store: Store,
        claimant: Claimant,
        kinds: dict[str, tuple[AnyKind, Performer]],
        clock: Clock,
        random: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self._store = store
        self._claimant = claimant
        self._kinds = kinds
        self._clock = clock
        self._random = random
        self._on_change = on_change
        self._tasks: dict[str, dict[asyncio.Task[None], outbox.Row]] = {lane: {} for lane in LANES}

    # --- claiming ---------------------------------------------------------------------------

    async def drain(self) -> int:
        """Do everything that can be done now, one after the other; returns how much it was."""
        rows = await self._claim(dict.fromkeys(LANES, 50))
        for row in rows:
            await self.do(row)
        return len(rows)

    async def start_some(self) -> int:
        """Begin what can be done now, within the limits of the lanes; returns how much it was."""
        room = {lane: limit - len(self._tasks[lane]) for lane, limit in LANES.items()}
        rows = await self._claim(room)
        for row in rows:
            self._start(row.lane, row)
        return len(rows)

    async def renew(self) -> None:
        """Keep the claims on what is being done."""
        ids = [row.id for rows in self._tasks.values() for row in rows.values()]
        if ids:
            now = self._clock.now()
            await self._store.transact(
                lambda conn: leases.renew(conn, outbox_table, self._claimant, ids, now)
            )

    async def finish(self, grace: float) -> None:
        """Wait for what is being done, at most `grace` seconds, then give the rest back."""
        tasks = [task for rows in self._tasks.values() for task in rows]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        owner = self._claimant.owner
        await self._store.transact(lambda conn: leases.let_go(conn, outbox_table, owner))

    async def _claim(self, room: Mapping[str, int]) -> list[outbox.Row]:
        """Claim in all lanes at once. room: by lane, how many rows."""
        now = self._clock.now()

        def unit(conn: Connection) -> list[outbox.Row]:
            return [
                row
                for lane, limit in room.items()
                if limit > 0
                for row in outbox.claim(conn, self._claimant, lane, now, limit)
            ]

        return await self._store.transact(unit)

    def _start(self, lane: str, row: outbox.Row) -> None:
        older = [task for task, r in self._tasks[lane].items() if r.stream == row.stream]
        task = asyncio.ensure_future(self._after(older, row))
        self._tasks[lane][task] = row
        task.add_done_callback(lambda done: self._ended(lane, done))

    async def _after(self, older: Sequence[asyncio.Task[None]], row: outbox.Row) -> None:
        """A row whose stream is still being worked on here has overtaken it: stop the older one.

        The wait is bounded: the target refuses what comes too late by its number.
        """
        for task in older:
            task.cancel()
        if older:
            await asyncio.wait(older, timeout=_CANCEL_WAIT)
        await self.do(row)

    def _ended(self, lane: str, task: asyncio.Task[None]) -> None:
        row = self._tasks[lane].pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The claim runs out and the row is taken up again.
            log.error("outbox %s: its outcome could not be written", row.key, exc_info=error)
        self._on_change()

    # --- performing -------------------------------------------------------------------------

    async def do(self, row: outbox.Row) -> None:
        """Perform one claimed row and write down how it went."""
        now = self._clock.now()
        work = await self._store.transact(lambda conn: self._begin(conn, row, now))
        if work is None:
            self._on_change()
            return
        performer = self._kinds[row.kind][1]
        try:
            events = await performer.perform(work)
        except NotYetError as error:
            await self._postpone(work, error.wait, str(error), counts=False)
        except TemporaryError as error:
            await self._try_again(work, performer, error)
        except PermanentError as error:
            if error.code in SHUT_OUT:
                # Somebody has to give the bot a new token; what it has to say is said then.
                later = TemporaryError(str(error), retry_after=_SHUT_OUT_WAIT)
                await self._try_again(work, performer, later)
            else:
                await self._give_up(work, performer, str(error))
        except Exception as error:
            log.exception("outbox %s failed in an unforeseen way", row.key)
            unforeseen = TemporaryError(f"{type(error).__name__}: {error}", unknown=True)
            await self._try_again(work, performer, unforeseen)
        else:
            await self._done(work, events)
        self._on_change()

    def _begin(self, conn: Connection, row: outbox.Row, now: datetime) -> Work | None:
        """Load what the row is about; None when it is no longer wanted."""
        kind = self._kinds[row.kind][0]
        aggregate = transitions.load(conn, kind, row.aggregate_id, lock=True)
        if not outbox.held(conn, row, self._claimant.owner):
            return None
        if row.lane == outbox.DEPLOY:
            if outbox.fence_of(conn, row) < aggregate.fence:
                outbox.finish(conn, row, "cancelled", now, "a newer fence")
                ops.withdraw(conn, [row.key], now)
                return None
            ops.mark(conn, [row.key], "sent", now)
        return Work(row, kind, aggregate, kind.effects.decode(row.effect))

    async def _done(self, work: Work, events: Sequence[Any]) -> None:
        await self._close(work, events, "done", "done", "")

    async def _try_again(self, work: Work, performer: Performer, error: TemporaryError) -> None:
        patience = performer.patience(work)
        age = self._clock.now() - work.row.created_at
        if patience.limit is not None and age >= patience.limit:
            await self._give_up(work, performer, f"{error} (given up after {age})", error.unknown)
            return
        wait = max(
            backoff(work.row.attempts, patience.cap, self._random()),
            error.retry_after or timedelta(),
        )
        told = work.row.attempts in _TOLD_AT or work.row.attempts % _TOLD_AT[-1] == 0
        events = performer.delayed(work, str(error)) if told else ()
        await self._postpone(work, wait, str(error), uncertain=error.unknown, events=events)

    async def _postpone(
        self,
        work: Work,
        wait: timedelta,
        reason: str,
        *,
        uncertain: bool = False,
        counts: bool = True,
        events: Sequence[Any] = (),
    ) -> None:
        now = self._clock.now()
        row = work.row

        def unit(conn: Connection) -> None:
            if self._still_ours(conn, work):
                # Once in doubt, always look: this try may have failed before it could look.
                unsure = uncertain or row.look_first
                outbox.postpone(conn, row, now + wait, reason, uncertain=unsure, counts=counts)
                ops.mark(conn, [row.key], "unknown" if unsure else "planned", now)
                self._apply_all(conn, work, events, now)

        await self._store.transact(unit)

    async def _give_up(
        self, work: Work, performer: Performer, reason: str, unknown: bool = False
    ) -> None:
        events = performer.gave_up(work, reason)
        if events:
            unsure = unknown or work.row.look_first
            await self._close(work, events, "done", "unknown" if unsure else "rejected", reason)
            return
        log.error("outbox %s is dead: %s", work.row.key, reason)
        alarm = performer.alarm(work, reason)
        await self._store.transact(lambda conn: self._bury(conn, work, reason, alarm))

    def _bury(self, conn: Connection, work: Work, reason: str, alarm: Any | None) -> None:
        now, row = self._clock.now(), work.row
        if not self._still_ours(conn, work):
            return
        outbox.finish(conn, row, "dead", now, reason)
        aggregate = transitions.load(conn, work.kind, row.aggregate_id)
        if alarm is not None:
            route = work.kind.route(aggregate, alarm)
            key = f"{row.key}:dead"
            outbox.add(conn, transitions.entry(work.kind, aggregate, key, alarm, route), now)
        letter = DeadLetter(row.key, type(work.effect).__name__, reason)
        transitions.note(conn, work.kind, aggregate, letter, now, before=aggregate)

    async def _close(
        self, work: Work, events: Sequence[Any], state: str, op_state: str, error: str
    ) -> None:
        now = self._clock.now()

        def unit(conn: Connection) -> None:
            if self._still_ours(conn, work):
                outbox.finish(conn, work.row, state, now, error)
                ops.mark(conn, [work.row.key], op_state, now)
                self._apply_all(conn, work, events, now)

        try:
            await self._store.transact(unit)
        except transitions.TargetBusyError as busy:
            await self._postpone(work, _BUSY_AGAIN, str(busy))

    def _still_ours(self, conn: Connection, work: Work) -> bool:
        """Lock the aggregate, then the row (always in this order), and see whether it is ours."""
        transitions.load(conn, work.kind, work.row.aggregate_id, lock=True)
        return outbox.held(conn, work.row, self._claimant.owner)

    def _apply_all(
        self, conn: Connection, work: Work, events: Sequence[Any], now: datetime
    ) -> None:
        for event in events:
            transitions.apply(conn, work.kind, work.row.aggregate_id, event, now)


def backoff(attempts: int, cap: timedelta, chance: float) -> timedelta:
    """How long to wait after so many attempts: 1 s, doubled up to `cap`, give or take a quarter.

    chance: 0..1, drawn by the caller.
    """
    longest = cap.total_seconds()
    seconds = min(2.0 ** min(attempts - 1, 20), longest)
    return timedelta(seconds=seconds * (0.75 + chance / 2))
