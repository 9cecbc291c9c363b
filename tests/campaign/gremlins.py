"""What is done to the bots: each life ends by SIGKILL, by chance or at a commit point.

Before that it may be stopped for longer than its lease, or find the disk full.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.campaign.world import LEASE, Replica, World

KINDS: Mapping[str, int] = {"point": 50, "chance": 30, "starting": 6, "stop": 8, "full": 6}
"""How a life ends, and how often of a hundred."""

LONGEST = 2.5
"""Seconds that a life lasts at most, for each bot that there is: two bots die as often as one."""

RESTART_EVERY = 40
"""Kills between two crashes of the database's server."""


@dataclass(frozen=True)
class Goal:
    """When it is enough: after so many kills, or at an instant of the monotonic clock."""

    kills: int
    until: float

    def reached(self, world: World) -> bool:
        return world.tally.kills >= self.kills or time.monotonic() >= self.until


async def haunt(world: World, replica: Replica, goal: Goal) -> None:
    """One life after the other, until it is enough."""
    await _kill(world, replica, "the first life")
    while not goal.reached(world):
        kind = world.random.choices(list(KINDS), list(KINDS.values()))[0]
        await _LIVES[kind](world, replica)
        await _kill(world, replica, kind)


def _a_while(world: World) -> float:
    return world.random.uniform(0.02, LONGEST * len(world.replicas))


async def _kill(world: World, replica: Replica, why: str) -> None:
    code = await replica.end()
    if code == -signal.SIGKILL:
        world.tally.kills += 1
        world.note(f"{replica.name} killed ({why})")
        if world.tally.kills % RESTART_EVERY == 0:
            await _restart_database(world)
    else:
        # What supervises it starts it again; that is what happens here as well.
        world.tally.gave_up += 1
        world.note(f"{replica.name} ended by itself with exit code {code}")


async def _restart_database(world: World) -> None:
    if await world.database.restart():
        world.tally.restarts += 1
        world.note("the database crashed and came back")


async def _up(world: World, replica: Replica, taken: frozenset[str] | None = None) -> bool:
    replica.begin(world.notes.path, taken)
    up = await replica.came_up()
    world.note(f"{replica.name} {'is ready' if up else 'died while it started'}")
    return up


async def _by_point(world: World, replica: Replica) -> None:
    world.notes.read()
    if await _up(world, replica, frozenset(world.notes.taken)):
        await replica.died(LONGEST * len(world.replicas))


async def _by_chance(world: World, replica: Replica) -> None:
    if await _up(world, replica):
        await replica.died(_a_while(world))


async def _while_starting(world: World, replica: Replica) -> None:
    replica.begin(world.notes.path, None)
    await replica.died(world.random.uniform(0.02, 0.6))
    world.tally.while_starting += not replica.has_said_so()


async def _after_a_stop(world: World, replica: Replica) -> None:
    if not await _up(world, replica):
        return
    await replica.died(_a_while(world))
    replica.send(signal.SIGSTOP)
    world.note(f"{replica.name} stopped")
    await asyncio.sleep(LEASE * world.random.uniform(1.1, 2.0))
    replica.send(signal.SIGCONT)
    world.tally.stops += 1
    world.note(f"{replica.name} goes on")
    await replica.died(_a_while(world))


async def _with_a_full_disk(world: World, replica: Replica) -> None:
    if not await _up(world, replica):
        return
    await replica.died(_a_while(world))
    world.full.touch()
    world.note("the disk is full")
    await replica.died(world.random.uniform(0.2, 1.5))
    world.full.unlink(missing_ok=True)
    world.tally.full += 1
    world.note("the disk has room again")
    await replica.died(_a_while(world))


_LIVES: Mapping[str, Callable[[World, Replica], Awaitable[None]]] = {
    "point": _by_point,
    "chance": _by_chance,
    "starting": _while_starting,
    "stop": _after_a_stop,
    "full": _with_a_full_disk,
}


async def calm(world: World) -> None:
    """Nothing goes wrong any more: every bot runs."""
    world.full.unlink(missing_ok=True)
    for replica in world.replicas:
        await replica.end()
        assert await _up(world, replica), f"{replica.name} does not start; see {replica.log}"
