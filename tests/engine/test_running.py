"""The engine by itself: its loops, two engines at once, and stopping."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.events import RollbackRequested
from bot.domain.people import Actor
from bot.domain.rollout import Phase
from bot.engine.clock import SystemClock
from bot.engine.engine import Options
from bot.engine.intents import Intent
from bot.ports import Observation
from bot.store.database import Store
from bot.store.queries import outbox
from tests.engine.world import NOON, World

ADA = Actor("ada", "U0ADA", ("security",))
QUICK = Options(tick=timedelta(milliseconds=20), idle=0.02, card_pace=timedelta(), grace=5)


@pytest.fixture
async def running(store: Store) -> AsyncIterator[World]:
    """A world that goes by the real clock, on the threaded store."""
    world = World(store, QUICK)
    world.clock = SystemClock()  # type: ignore[assignment]
    world.engine = world.build()
    yield world
    await world.engine.stop()


async def eventually(condition: Any) -> None:
    """Wait until it holds; the test's own time limit ends a wait in vain."""
    while not await condition():
        await asyncio.sleep(0.01)


async def reached(world: World, phase: Phase) -> None:
    async def there() -> bool:
        return await world.phase() is phase

    await eventually(there)


async def sign(world: World) -> None:
    for user_id in ("U0ADA", "U0GRACE"):
        await world.sign_as(user_id)


@pytest.mark.thorough
async def test_it_carries_a_release_on_by_itself(running: World) -> None:
    await running.engine.start()
    await running.request()
    await reached(running, Phase.AWAITING_APPROVAL)
    await sign(running)
    await reached(running, Phase.SOAKING)
    assert running.engine.trouble == {}


async def test_two_engines_on_one_database_do_everything_once(running: World) -> None:
    other = running.build()
    await running.engine.start()
    other._recovered = True
    await other.start()
    try:
        await running.request()
        await reached(running, Phase.AWAITING_APPROVAL)
        await sign(running)
        await reached(running, Phase.SOAKING)
    finally:
        await other.stop()
    assert [name for name, _, _ in running.deployer.applied] == ["prepare", "shift"]
    keys = list(running.chat.keys.values())
    assert len(keys) == len(set(keys))


@pytest.mark.thorough
async def test_a_rollback_stops_what_is_still_being_sent(running: World) -> None:
    await running.engine.start()
    await running.request()
    await reached(running, Phase.AWAITING_APPROVAL)
    stuck, hangs, ended = running.deployer.shift, asyncio.Event(), asyncio.Event()

    async def hanging(*args: Any, **more: Any) -> Observation:
        hangs.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return await stuck(*args, **more)

    running.deployer.shift = hanging  # type: ignore[method-assign]
    await sign(running)
    await hangs.wait()
    await running.engine.apply("r1", RollbackRequested(ADA, "stuck", "q9", now=True))
    await reached(running, Phase.ROLLED_BACK)
    assert ended.is_set()
    assert running.deployer.current == "v1"


async def test_stopping_finishes_what_is_under_way_and_takes_nothing_new(running: World) -> None:
    gate, entered = asyncio.Event(), asyncio.Event()
    resolve = running.deployer.resolve

    async def slow(*args: Any) -> Any:
        entered.set()
        await gate.wait()
        return await resolve(*args)

    running.deployer.resolve = slow  # type: ignore[method-assign,assignment]
    await running.engine.start()
    await running.request()
    await entered.wait()
    stopping = asyncio.ensure_future(running.engine.stop())
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert await running.phase() is Phase.AWAITING_APPROVAL
    intent = Intent(id="late", kind="command", name="release", received_at=NOON)
    await running.engine.submit(intent)
    await asyncio.sleep(0.05)
    assert running.handled == []


async def test_what_stopping_could_not_wait_for_is_given_back(running: World) -> None:
    running.engine = running.build(Options(tick=QUICK.tick, idle=0.02, grace=0.01))
    entered = asyncio.Event()

    async def never(*args: Any) -> Any:
        entered.set()
        await asyncio.Event().wait()

    resolve = running.deployer.resolve
    running.deployer.resolve = never  # type: ignore[method-assign,assignment]
    await running.engine.start()
    await running.request()
    await entered.wait()
    await running.engine.stop()
    running.deployer.resolve = resolve  # type: ignore[method-assign]
    running.engine = running.build()
    await running.engine.start()
    await reached(running, Phase.AWAITING_APPROVAL)


async def test_an_intent_is_handled_without_waiting_for_a_poll(running: World) -> None:
    running.engine = running.build(Options(idle=3600, tick=timedelta(hours=1)))
    await running.engine.start()
    await asyncio.sleep(0.05)
    intent = Intent(id="e1", kind="command", name="release", received_at=NOON)
    await running.engine.submit(intent)

    async def handled() -> bool:
        return running.handled == [intent]

    await eventually(handled)


async def test_finished_rows_are_cleaned_up(world: World) -> None:
    await world.start()
    world.clock.advance(31 * 86400)
    await world.engine.clean_up()
    assert await world.store.transact(outbox.pending) == 0
    assert await world.store.transact(lambda c: outbox.prune(c, world.clock.now())) == 0
