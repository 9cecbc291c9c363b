"""Bringing a database to the shape that this program expects.

Alembic runs without its ini file: the scripts lie in this package, the connection is the store's.
Replicas that start together wait for each other.
"""

import asyncio
from pathlib import Path
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from bot.store.database import Store

_LOCK = 0x6D696772617465
_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = WeakKeyDictionary()


def _turn() -> asyncio.Lock:
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class NewerDatabaseError(ValueError):
    """The database has a shape that only a newer version of this program knows."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database is at revision {found}, and this version of Countersign knows none "
            f"after {newest()}: a newer version has upgraded it. Run that version again, or "
            "restore a copy of the database from before the upgrade. Replicas that were started "
            "before it may go on until they are replaced."
        )


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url`. Raises NewerDatabaseError and what `Store.open` raises."""
    store = await Store.open(url)
    try:
        await upgrade_store(store, revision)
    finally:
        await store.close()


async def upgrade_store(store: Store, revision: str = "head") -> None:
    """Migrate an open database, in one transaction. Raises NewerDatabaseError."""

    def work(conn: Connection) -> None:
        if conn.dialect.name == "postgresql":
            conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        found = revision_of(conn)
        if found is not None and found not in _known():
            raise NewerDatabaseError(found)
        command.upgrade(_config(conn), revision)

    # Alembic keeps what it works on in global variables: one database at a time per process.
    async with _turn():
        await store.transact(work)


async def current(url: str) -> str | None:
    """The revision that the database at `url` is at, None for an empty one."""
    store = await Store.open(url, read_only=True)
    try:
        return await store.transact(revision_of)
    finally:
        await store.close()


def revision_of(conn: Connection) -> str | None:
    """The revision of an open database."""
    return MigrationContext.configure(conn).get_current_revision()


def newest() -> str | None:
    """The revision that this program expects."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def _known() -> set[str]:
    scripts = ScriptDirectory.from_config(_config(None))
    return {script.revision for script in scripts.walk_revisions()}


def _config(conn: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = conn
    return config
