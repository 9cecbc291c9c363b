"""Every store test runs on both databases."""

from tests.store.fixtures import databases, store

__all__ = ["databases", "store"]
