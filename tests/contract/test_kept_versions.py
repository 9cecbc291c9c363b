"""The list of versions that a deployer may keep: one active, what is kept is replaced."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bot.domain.release_log import VersionItem
from bot.keeping import VersionKeeper
from bot.ports import PermanentError, TemporaryError
from bot.practice.deployer import Trouble
from tests.contract.worlds import TARGET, HttpWorld, http_world

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ITEM = VersionItem("DEPLOYMENT#prod", "VERSION#1.0.0", "1.0.0", AT, "mary", "", "active")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with http_world(tmp_path) as world:
        yield world


def keeper(world: HttpWorld) -> VersionKeeper:
    found = world.adapter()
    assert isinstance(found, VersionKeeper)
    return found


def kept(world: HttpWorld) -> list[tuple[str, str]]:
    return [(each.version, each.status) for each in world.far.versions(TARGET)]


async def test_a_version_is_kept_once_and_replaced(world: HttpWorld) -> None:
    await keeper(world).keep_version(TARGET, ITEM, "k1")
    await keeper(world).keep_version(TARGET, ITEM, "k1")
    assert kept(world) == [("1.0.0", "active")]
    older = msgspec.structs.replace(ITEM, status="superseded")
    newer = msgspec.structs.replace(ITEM, version="1.1.0", sk="VERSION#1.1.0")
    await keeper(world).keep_version(TARGET, older, "k2")
    await keeper(world).keep_version(TARGET, newer, "k3")
    assert kept(world) == [("1.0.0", "superseded"), ("1.1.0", "active")]


async def test_a_second_active_version_is_refused(world: HttpWorld) -> None:
    await keeper(world).keep_version(TARGET, ITEM, "k1")
    with pytest.raises(PermanentError, match="another version is active"):
        await keeper(world).keep_version(
            TARGET, msgspec.structs.replace(ITEM, version="1.1.0"), "k2"
        )


async def test_a_deployer_that_has_no_time_is_asked_again(world: HttpWorld) -> None:
    world.far.troubles.append(Trouble(503, method="PUT"))
    with pytest.raises(TemporaryError):
        await keeper(world).keep_version(TARGET, ITEM, "k1")


async def test_a_deployer_that_keeps_no_list_is_not_told(world: HttpWorld) -> None:
    world.far.capabilities = ("prepare", "weights", "promote", "retire")
    await keeper(world).keep_version(TARGET, ITEM, "k1")
    assert kept(world) == []
