"""Every scenario has a world of its own, and is held to what must always be so."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bot.store.queries import audit
from tests.scenarios.clock import PatientLoop
from tests.scenarios.world import World
from tests.store.databases import Databases, sqlite_databases
from tests.store.fixtures import databases

__all__ = ["databases"]

FIXTURES = frozenset({"world", "crowd", "team"})
"""Who asks for one of these gets a loop whose clock jumps."""


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Nobody waits for a clock here, but tests beside us that have a world of their own do."""
    if FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return {"usual": asyncio.new_event_loop}
    return {"patient": PatientLoop}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """SQLite files, migrated once; in memory where there is such a place, for the disk is slow."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("scenarios")
        if os.access("/dev/shm", os.W_OK):
            folder = Path(stack.enter_context(TemporaryDirectory(dir="/dev/shm")))
        yield stack.enter_context(sqlite_databases(folder))


@pytest.fixture
async def world(files: Databases) -> AsyncIterator[World]:
    """People, shops, and a bot on an empty database."""
    made = World(await files.migrated())
    await made.begin()
    try:
        yield made
        await made.verify()
    finally:
        await made.end()


@pytest.fixture
async def crowd(databases: Databases) -> AsyncIterator[World]:
    """The same on both databases, with a bot that works by itself in real time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PatientLoop)
    loop.real = True
    made = World(await databases.migrated(), inline=False)
    await made.begin()
    await made.bot.start()
    try:
        yield made
        await made.bot.store.transact(audit.verify)
    finally:
        await made.end()
