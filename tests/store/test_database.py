"""Opening a database, and what happens around a unit of work when things break."""

import asyncio
import logging
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.store.database import ATTEMPTS, Store
from bot.store.files import (
    AlreadyRunningError,
    UnsuitablePlaceError,
    WriterLock,
    file_system_of,
    refuse_network,
    warn_old_sqlite,
)
from bot.store.migrations import upgrade
from bot.store.queries import records
from tests.store.databases import Databases
from tests.store.test_transitions import begin, count, happen, load
from tests.store.toy import NOON, Added

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
//nas/data /mnt/my\\040share cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/countersign.db", "ext4"),
        ("/home/ada/countersign.db", "nfs4"),
        ("/home/local/countersign.db", "xfs"),
        ("/homes/countersign.db", "ext4"),
        ("/mnt/my share/countersign.db", "cifs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_a_file_on_the_network_is_refused_with_a_way_out() -> None:
    with pytest.raises(UnsuitablePlaceError, match=r"nfs4.*local disk.*PostgreSQL"):
        refuse_network(Path("/home/ada/countersign.db"), MOUNTS)
    refuse_network(Path("/var/lib/countersign.db"), MOUNTS)


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsuitablePlaceError, match="nowhere"):
        await Store.open(f"sqlite+aiosqlite:///{tmp_path}/nowhere/x.db")


async def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="name a file"):
        await Store.open("sqlite+aiosqlite://")


async def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="use SQLite or PostgreSQL"):
        await Store.open("mysql+aiomysql://host/name")


@pytest.mark.parametrize(("version", "warnings"), [((3, 51, 2), 1), ((3, 51, 3), 0)])
def test_an_old_sqlite_is_warned_about(
    caplog: pytest.LogCaptureFixture, version: tuple[int, ...], warnings: int
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_old_sqlite(version)
    assert len(caplog.records) == warnings


def test_a_second_writer_learns_who_the_first_is(tmp_path: Path) -> None:
    first, second = (WriterLock(tmp_path / "x.db") for _ in range(2))
    first.acquire()
    with pytest.raises(AlreadyRunningError, match=r"pid [0-9]+.*PostgreSQL"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


async def test_a_reader_may_look_beside_the_writer_and_can_not_write(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/x.db"
    await upgrade(url)
    writer = await Store.open(url)
    reader = await Store.open(url, read_only=True)
    await begin(writer)
    assert await count(reader, "rollout") == 1
    with pytest.raises(OperationalError, match="readonly"):
        await happen(reader, Added())
    await reader.close()
    await writer.close()


async def test_what_was_committed_is_there_after_reopening(databases: Databases) -> None:
    url = await databases.migrated()
    first = await Store.open(url)
    await begin(first)
    await happen(first, Added())
    await first.close()
    second = await Store.open(url)
    assert (await load(second)).count == 1
    await second.close()


@pytest.mark.on_postgresql(at=())
async def test_sqlite_is_as_careful_as_it_can_be(databases: Databases) -> None:
    store = await Store.open(await databases.migrated())

    def settings(conn: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "mmap_size")
        return [conn.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert await store.transact(settings) == ["wal", 2, 0]
    await store.close()


class Serialization(Exception):
    sqlstate = "40001"


class Syntax(Exception):
    sqlstate = "42601"


async def test_a_unit_is_repeated_when_the_database_asks_for_it(store: Store) -> None:
    calls: list[int] = []

    def unit(conn: Connection) -> str:
        calls.append(1)
        if len(calls) < 3:
            raise DBAPIError("commit", {}, Serialization())
        return "done"

    assert await store.transact(unit) == "done"
    assert len(calls) == 3


@pytest.mark.thorough
async def test_a_unit_is_not_repeated_for_ever_nor_for_a_mistake(store: Store) -> None:
    calls: list[type] = []

    def unit(conn: Connection, error: type[Exception]) -> None:
        calls.append(error)
        raise DBAPIError("commit", {}, error())

    for error in (Serialization, Syntax):
        with pytest.raises(DBAPIError):
            await store.transact(lambda c, e=error: unit(c, e))  # type: ignore[misc]
    assert (calls.count(Serialization), calls.count(Syntax)) == (ATTEMPTS, 1)


async def test_a_caller_who_is_cancelled_does_not_tear_a_unit_apart(databases: Databases) -> None:
    url = await databases.migrated()
    store = await Store.open(url)
    await begin(store)
    task = asyncio.ensure_future(happen(store, Added()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.close()
    again = await Store.open(url)
    assert (await load(again)).count == 1
    await again.close()


async def test_a_job_of_the_calendar_fires_once_whoever_asks(store: Store) -> None:
    fired = await asyncio.gather(
        *(
            store.transact(lambda c: records.claim_cron(c, "standup", "2026-11-21", NOON))
            for _ in range(8)
        )
    )
    assert sorted(fired) == [False] * 7 + [True]
    assert await store.transact(lambda c: records.claim_cron(c, "standup", "2026-11-22", NOON))
