"""The worlds of the scenarios, for those who mean no good."""

from tests.scenarios.conftest import (
    crowd,
    databases,
    files,
    pytest_asyncio_loop_factories,
    world,
)

__all__ = ["crowd", "databases", "files", "pytest_asyncio_loop_factories", "world"]
