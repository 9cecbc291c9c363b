"""Every engine test runs on both databases, against fakes that remember."""

import pytest

from bot.store.database import Store
from tests.engine.world import World
from tests.store.fixtures import databases, inline_store, store

__all__ = ["databases", "inline_store", "store"]


@pytest.fixture
async def world(inline_store: Store) -> World:
    """An engine on an empty database, with a target at v1 and three people."""
    return World(inline_store)
