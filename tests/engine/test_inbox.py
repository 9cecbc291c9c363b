"""What came in is handled once, again after trouble, and never just dropped."""

from datetime import timedelta

import pytest

from bot.engine.intents import Intent
from bot.engine.outbox import backoff
from bot.ports import PermanentError, TemporaryError
from bot.store.queries import inbox
from tests.engine.world import NOON, World


def intent(id_: str = "e1") -> Intent:
    return Intent(id=id_, kind="command", name="release", text="start v2", received_at=NOON)


async def waiting(world: World) -> int:
    return await world.store.transact(inbox.pending)


async def test_a_second_delivery_is_handled_once(world: World) -> None:
    assert await world.engine.submit(intent())
    assert not await world.engine.submit(intent())
    await world.engine.settle()
    assert world.handled == [intent()]


async def test_it_is_not_lost_when_the_process_dies_before_handling(world: World) -> None:
    await world.engine.submit(intent())
    await world.crash()
    await world.engine.settle()
    assert world.handled == [intent()]


async def test_it_is_tried_again_when_that_may_help(world: World) -> None:
    world.handler_faults = [TemporaryError("later"), RuntimeError("a mistake of ours")]
    await world.engine.submit(intent())
    await world.pass_time(10)
    assert world.handled == [intent()]


@pytest.mark.thorough
async def test_it_waits_for_as_long_as_it_is_asked_to(world: World) -> None:
    world.handler_faults = [TemporaryError("later", retry_after=timedelta(seconds=20))]
    await world.engine.submit(intent())
    await world.pass_time(18)
    assert world.handled == []
    await world.pass_time(3)
    assert world.handled == [intent()]


async def test_what_is_given_up_is_audited_and_told(world: World) -> None:
    world.handler_faults = [PermanentError("nobody understands this")]
    await world.engine.submit(intent())
    await world.engine.settle()
    assert world.dead == ["e1: nobody understands this"]
    assert await waiting(world) == 0
    assert await world.verify_audit() == 1


async def test_it_is_not_tried_for_ever(world: World) -> None:
    world.handler_faults = [TemporaryError("no")] * 100
    await world.engine.submit(intent())
    await world.pass_time(600, step=30)
    assert world.dead == ["e1: no"]


def test_pauses_double_up_to_a_cap_and_differ() -> None:
    cap = timedelta(seconds=60)
    assert [backoff(n, cap, 0.5).total_seconds() for n in (1, 2, 3, 7, 1000)] == [1, 2, 4, 60, 60]
    assert backoff(1, cap, 0.0) < backoff(1, cap, 1.0)
