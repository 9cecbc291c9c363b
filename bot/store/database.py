"""The one way to the database: a unit of work runs here, whole or not at all.

A unit is a plain synchronous function of a connection. How it is run is nobody else's business: on
one connection, one unit after the other (SQLite), or from a pool (PostgreSQL), and again if the
database asks.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, StaticPool

from bot.store.files import WriterLock, check_place, warn_old_sqlite

log = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 5
"""How often a unit is tried when the database says that trying again helps."""

_FIRST_PAUSE = 0.05
_AGAIN = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})
"""PostgreSQL: serialization failure, deadlock, lock not available, shutting down, too many."""


class UnknownOutcomeError(Exception):
    """The connection broke during commit: the unit may or may not have taken effect."""


class Backend(Protocol):
    """Runs a unit once."""

    dialect: str

    async def run(self, tx: Callable[[Connection], T]) -> T: ...

    async def close(self) -> None: ...


class Store:
    """An open database. Made by `Store.open`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, url: str, *, read_only: bool = False, inline: bool = False) -> "Store":
        """Open the database at `url` (sqlite+aiosqlite or postgresql+asyncpg).

        read_only: for looking only, beside a process that writes (SQLite).
        inline: run units of SQLite right in the event loop; for simulated time, which threads
            would disturb.
        Raises UnsuitablePlaceError, AlreadyRunningError, ValueError for another kind of database.
        """
        parsed = make_url(url)
        match parsed.get_backend_name():
            case "sqlite":
                return cls(_open_sqlite(parsed, read_only, inline))
            case "postgresql":
                return cls(_open_postgresql(parsed))
            case other:
                raise ValueError(f"{other} is not supported; use SQLite or PostgreSQL")

    @property
    def dialect(self) -> str:
        """sqlite or postgresql."""
        return self._backend.dialect

    async def transact(self, tx: Callable[[Connection], T]) -> T:
        """Run `tx` in one transaction and return what it returns.

        `tx` may run several times, so it must not touch anything but the database. A caller that
        is cancelled does not tear a transaction apart: it goes on to its end.
        Raises UnknownOutcomeError, and whatever `tx` raises (then nothing has been written).
        """
        task = asyncio.ensure_future(self._persist(tx))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for what is running and let go of the database."""
        if self._running:
            await asyncio.wait(self._running)
        await self._backend.close()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("a unit of work failed: %r", task.exception())

    async def _persist(self, tx: Callable[[Connection], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._backend.run(tx)
            except (DBAPIError, OSError) as error:
                if attempt == ATTEMPTS or not worth_repeating(error):
                    raise
                log.info("the database asks to try again: %s", error)
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
        raise AssertionError("unreachable")


class _Driven:
    """Units run by an asynchronous driver: one after the other (SQLite), or from a pool."""

    def __init__(self, engine: AsyncEngine, lock: WriterLock | None = None) -> None:
        self.dialect = engine.dialect.name
        self._engine = engine
        self._lock = lock
        self._turn = asyncio.Lock() if self.dialect == "sqlite" else contextlib.nullcontext()

    async def run(self, tx: Callable[[Connection], T]) -> T:
        async with self._turn, self._engine.connect() as connection:
            transaction = await connection.begin()
            result = await connection.run_sync(tx)
            try:
                await transaction.commit()
            except (DBAPIError, OSError) as error:
                if _sqlstate(error) in _AGAIN and not _broken(error):
                    raise
                raise UnknownOutcomeError(f"commit failed: {error}") from error
            return result

    async def close(self) -> None:
        await self._engine.dispose()
        if self._lock is not None:
            self._lock.release()


class _Inline:
    """Units of SQLite run right in the event loop, so that no thread disturbs simulated time."""

    dialect = "sqlite"

    def __init__(self, engine: Engine, lock: WriterLock | None) -> None:
        self._engine = engine
        self._lock = lock

    async def run(self, tx: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            transaction = connection.begin()
            result = tx(connection)
            try:
                transaction.commit()
            except DBAPIError as error:
                raise UnknownOutcomeError(f"commit failed: {error}") from error
            return result

    async def close(self) -> None:
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()


def _open_sqlite(url: URL, read_only: bool, inline: bool) -> Backend:
    if not url.database or url.database == ":memory:":
        raise ValueError("name a file: a database in memory forgets everything at a restart")
    path = Path(url.database)
    check_place(path)
    warn_old_sqlite()
    lock = None if read_only else WriterLock(path)
    if lock is not None:
        lock.acquire()
    if inline:
        engine = create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=StaticPool)
        _prepare(engine, read_only)
        return _Inline(engine, lock)
    driven = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
    )
    _prepare(driven.sync_engine, read_only)
    return _Driven(driven, lock)


def _open_postgresql(url: URL) -> Backend:
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        isolation_level="READ COMMITTED",
        pool_size=10,
        max_overflow=0,
        pool_pre_ping=True,
    )
    return _Driven(engine)


def _sqlstate(error: BaseException) -> str:
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _broken(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, InterfaceError)
    return isinstance(error, OSError)


def worth_repeating(error: BaseException) -> bool:
    """Whether the same unit may succeed in a moment. Nothing of it has been written."""
    state = _sqlstate(error)
    if state:
        return state in _AGAIN or state.startswith("08")
    if isinstance(error, OperationalError) and "locked" in str(error.orig):
        return True
    return _broken(error)


def _prepare(engine: Engine, read_only: bool) -> None:
    event.listen(engine, "connect", _prepare_reader if read_only else _prepare_writer)
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))


def _prepare_writer(connection: Any, _record: Any) -> None:
    """The driver's own transactions are switched off: its deferred BEGIN loses updates."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "mmap_size=0"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_reader(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("query_only=1", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
