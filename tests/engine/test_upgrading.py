"""Replicas of two versions on one database, as during a rolling upgrade."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Connection, select

from bot.domain.events import RollbackRequested
from bot.domain.people import Actor
from bot.domain.rollout import Phase
from bot.engine.engine import Engine
from bot.engine.inbox import UPGRADE
from bot.engine.intents import Intent
from bot.engine.kinds import NewerRowError
from bot.store import tables
from bot.store.queries import rollouts
from tests.engine.world import NOON, World

ADA = Actor("ada", "U0ADA", ("security",))
INTENT = Intent(id="e1", kind="command", name="release", text="start v2", received_at=NOON)


def newer(world: World) -> Engine:
    """A replica that understands one form of rows more."""
    return world.build(msgspec.structs.replace(world.options, schema=world.options.schema + 1))


async def form(world: World) -> int:
    def unit(conn: Connection) -> int:
        found: int = conn.execute(select(tables.rollout.c.schema)).scalar_one()
        return found

    return await world.store.transact(unit)


async def test_an_older_replica_leaves_alone_what_a_newer_one_has_written(world: World) -> None:
    older, world.engine = world.engine, newer(world)
    await world.request()
    await older.settle()
    with pytest.raises(NewerRowError, match="a newer version of Countersign"):
        await older.apply("r1", RollbackRequested(ADA, "why", "q1", now=True))
    (row,) = await world.store.transact(rollouts.recent)
    with pytest.raises(NewerRowError):
        older.rollouts.load(row)
    assert await world.phase() is Phase.PREFLIGHT
    await world.engine.settle()
    assert await world.phase() is Phase.AWAITING_APPROVAL


async def test_a_release_is_carried_on_by_the_newer_replica_alone(world: World) -> None:
    older = world.engine
    await world.start()
    await world.sign()
    assert await world.phase() is Phase.SOAKING
    world.engine = newer(world)
    await world.pass_time(1)
    assert await form(world) == 2
    while not (await world.rollout()).ended:
        await older.settle()
        await world.pass_time(1)
    assert await world.phase() is Phase.COMPLETED
    names = [name for name, _, _ in world.deployer.applied]
    assert names == ["prepare", "shift", "shift", "promote", "retire"]
    assert await world.dead_letters() == []


async def test_what_an_older_replica_can_not_do_waits_for_a_newer_one(world: World) -> None:
    world.handler_faults = [NewerRowError("written by a newer version")] * 30
    await world.engine.submit(INTENT)
    await world.pass_time(29)
    assert (world.handled, world.dead) == ([], [])
    await world.pass_time(3)
    assert world.handled == [INTENT]


@pytest.mark.thorough
async def test_when_no_newer_replica_comes_the_person_is_told(world: World) -> None:
    world.handler_faults = [NewerRowError("written by a newer version")] * 1000
    await world.engine.submit(INTENT)
    await world.pass_time((UPGRADE + timedelta(minutes=1)).total_seconds(), step=20)
    assert world.dead == ["e1: written by a newer version"]
