"""Fixtures that give a test a database; to be imported into a conftest."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.store.database import Store
from tests.parts import require
from tests.store.databases import (
    POSTGRESQL,
    SQLITE,
    Databases,
    postgresql_databases,
    sqlite_databases,
)


@pytest.fixture(
    scope="session",
    params=[SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.real)],
)
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Each of the two databases in turn."""
    if request.param == POSTGRESQL:
        require("postgres")
        with postgresql_databases() as made:
            yield made
    else:
        folder: Path = tmp_path_factory.mktemp("sqlite")
        with sqlite_databases(folder) as made:
            yield made


@pytest.fixture
async def inline_store(databases: Databases) -> AsyncIterator[Store]:
    """The same without a thread in between, for tests that take many small steps."""
    opened = await Store.open(await databases.migrated(), inline=True)
    yield opened
    await opened.close()


@pytest.fixture
async def store(databases: Databases) -> AsyncIterator[Store]:
    """An open, migrated, empty database."""
    opened = await Store.open(await databases.migrated())
    yield opened
    await opened.close()
