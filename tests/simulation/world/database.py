"""The production's way to SQLite, with a world around it that may break in at every statement.

A unit runs in a greenlet, as it does with an asynchronous driver, so that it can be interrupted
between two statements and others go on meanwhile. The file is shared by all processes; one that
wants to write waits for its turn as SQLite's busy handler does, only on simulated time.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.util.concurrency import await_only, greenlet_spawn

from bot.store.database import Store, UnknownOutcomeError

if TYPE_CHECKING:
    from tests.simulation.world.process import Process

T = TypeVar("T")

BUSY = 5.0
"""Seconds for which a writer waits for its turn, as the production's busy_timeout."""


class SimBackend:
    """`bot.store.database.Backend` over the production's own for SQLite.

    alone: one process at a time, which takes up at its start what another one left; else replicas,
    which wait for leases to run out as they do on PostgreSQL. turns: the right to write.
    """

    def __init__(self, inner: Any, process: "Process", turns: asyncio.Lock, *, alone: bool) -> None:
        self.dialect = "sqlite" if alone else "postgresql"
        self._inner = inner
        self._process = process
        self._turns = turns
        self._connection = asyncio.Lock()
        self._writes = False
        self._statements = 0
        engine = inner._engine
        event.listen(engine, "before_cursor_execute", self._before_statement)
        event.listen(engine, "connect", _never_block)

    async def run(self, tx: Callable[[Connection], T]) -> T:
        """Run a unit once. Raises what the unit raises, and what the fates have in store."""
        async with self._connection:
            await self._process.step("begin")
            self._fail_to_begin()
            self._statements = 0
            try:
                return await greenlet_spawn(self._run, tx)
            finally:
                self._let_others_write()

    async def close(self) -> None:
        await self._inner.close()

    def kill(self) -> None:
        """The process is gone: what was not committed never was, and its locks are free."""
        self._inner._engine.dispose()
        if self._inner._lock is not None:
            self._inner._lock.release()

    def _run(self, tx: Callable[[Connection], T]) -> T:
        def unit(conn: Connection) -> T:
            result = tx(conn)
            self._meet("commit")
            self._undo()
            return result

        result: T = _finished(self._inner.run(unit))
        self._let_others_write()
        self._process.world.trace.mark(f"{self._process.name} {self._statements}")
        self._meet("committed")
        if self._process.chance.strikes("database:unknown"):
            raise UnknownOutcomeError("commit failed: the connection broke (it was committed)")
        return result

    def _meet(self, where: str) -> None:
        """As `Process.step`, but without a switch to the event loop where nothing happens."""
        if self._process.meet(where):
            await_only(self._process.wake())

    def _let_others_write(self) -> None:
        if self._writes:
            self._writes = False
            self._turns.release()

    def _before_statement(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            await_only(self._wait_for_turn())
            return
        self._statements += 1
        if statement.startswith("SELECT"):
            return  # nothing is different after it
        self._meet("statement")
        if self._process.chance.strikes("database:full"):
            full = sqlite3.OperationalError("database or disk is full")
            raise OperationalError(statement, {}, full)

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(BUSY):
                await self._turns.acquire()
        except TimeoutError:
            return  # SQLite says itself that the database is locked
        self._writes = True

    def _fail_to_begin(self) -> None:
        if self._process.chance.strikes("database:locked"):
            locked = sqlite3.OperationalError("database is locked")
            raise OperationalError("BEGIN IMMEDIATE", {}, locked)

    def _undo(self) -> None:
        if self._process.chance.strikes("database:undone"):
            raise UnknownOutcomeError("commit failed: the connection broke (nothing was committed)")


def faulty(store: Store, process: "Process", turns: asyncio.Lock, *, alone: bool) -> Store:
    """The same store, in a world that breaks in."""
    return Store(SimBackend(store._backend, process, turns, alone=alone))


def _never_block(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=0")
    cursor.close()


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing (all waiting is the greenlet's)."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("the inline backend waited for something")
