"""What is kept about recipients is tried on both databases."""

from tests.store.fixtures import databases, inline_store

__all__ = ["databases", "inline_store"]
