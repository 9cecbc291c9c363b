"""A release after 100 % on both databases: begun and closed with its rollout, each clock once."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from bot.domain.after_state import Aftercare, Stage
from bot.domain.events import ItemTicked, RollbackRequested
from bot.domain.people import Actor
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase
from bot.engine import transitions
from bot.engine.aftercare import Aftercares
from bot.engine.aftercare_work import NAME
from bot.store import tables
from bot.store.queries import aggregates, audit
from tests.engine.world import DOCUMENT, World

ADA = Actor("ada", "U0ADA", ("security",))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

FOLLOWED: Mapping[str, Any] = {
    **DOCUMENT,
    "plan": "followed",
    "waves": [{"id": "all", "traffic": "100%", "soak": "1s"}],
    "triggers": [],
    "watch": {"keep_previous": "0s"},
    "verify": [
        {
            "id": "first",
            "from": "0m",
            "until": "15m",
            "items": [
                {"if": "error_rate < 1%"},
                {"check": "good"},
                {"id": "seen", "attest": "Did you see it?"},
            ],
        }
    ],
    "signoffs": [{"id": "day1", "after": "24h", "by": ["security"]}],
    "after": [{"id": "watch", "for": "3d", "every": "1d", "then": "settled"}],
}


async def released(world: World, id_: str = "r1", version: str = "v2") -> Aftercare:
    await world.start(id_, version, plan=compile_plan(FOLLOWED))
    await world.sign(id_)
    await world.until(Phase.COMPLETED, id_=id_)
    return await care(world, id_)


async def care(world: World, id_: str = "r1") -> Aftercare:
    found = await Aftercares(world.store, world.engine.kind(NAME)).find(id_)
    assert found is not None
    return found


async def let(world: World, span: timedelta) -> None:
    """Time passes from one thing that is due to the next."""
    end = world.clock.now() + span
    while (at := (await care(world)).next_check_at) is not None and at <= end:
        turn_to(world, at)
        await world.engine.settle()
    turn_to(world, end)
    await world.engine.settle()


def turn_to(world: World, at: datetime) -> None:
    world.clock.advance(max(0.0, (at - world.clock.now()).total_seconds()))


def said(world: World, words: str) -> int:
    return sum(words in text for text in texts(world))


def texts(world: World) -> list[str]:
    """What is said in threads about what comes after a release."""
    said = [message.text for message in world.chat.messages.values() if message.thread_ts]
    return [text for text in said if text.startswith(("Verification", "Sign-off", "Day", "Still"))]


async def test_it_begins_in_the_unit_in_which_the_rollout_completes(world: World) -> None:
    begun = await released(world)
    assert (begun.phase, begun.version) == (Stage.OPEN, "v2")
    entries = await world.store.transact(lambda conn: list(audit.entries(conn)))
    first = next(e for e in entries if e.kind == NAME)
    completed = next(e for e in entries if e.phase_after == "completed")
    assert abs(entries.index(first) - entries.index(completed)) == 1
    assert first.at == completed.at


@pytest.mark.thorough
async def test_when_the_completion_is_not_written_nothing_is_begun(world: World) -> None:
    await world.start("r1", "v2", plan=compile_plan(FOLLOWED))

    def unit(conn: Connection) -> None:
        rollout = transitions.load(conn, world.engine.rollouts, "r1")
        done = rollout.__class__(**{**_fields(rollout), "phase": Phase.COMPLETED})
        world.engine.rollouts.follow(conn, rollout, done, world.clock.now())
        raise RuntimeError("the machine stops here")

    with pytest.raises(RuntimeError):
        await world.store.transact(unit)
    assert await Aftercares(world.store, world.engine.kind(NAME)).find("r1") is None


def _fields(rollout: Any) -> dict[str, Any]:
    return {name: getattr(rollout, name) for name in rollout.__struct_fields__}


async def test_the_check_runs_the_window_closes_and_the_day_is_signed(world: World) -> None:
    await released(world)
    await let(world, MINUTE)
    answer = (await care(world)).answer("first-good")
    assert answer is not None
    assert answer.ok
    await world.engine.apply("r1", ItemTicked(ADA, "seen", True, "with my eyes"), kind=NAME)
    await let(world, 15 * MINUTE)
    assert (await care(world)).has("close:first")
    await let(world, DAY)
    assert "day1" in (await care(world)).requests
    await world.verify_audit()


@pytest.mark.thorough
@pytest.mark.parametrize("instant", [15 * MINUTE, DAY], ids=["window", "day"])
async def test_two_processes_at_one_instant_do_it_once(world: World, instant: timedelta) -> None:
    begun = await released(world)
    other = world.build()
    await let(world, instant - MINUTE)
    turn_to(world, begun.created_at + instant)
    await asyncio.gather(world.engine.settle(), other.settle())
    await asyncio.gather(other.settle(), world.engine.settle())
    words = "Verification first" if instant < DAY else "Sign-off day1 is due"
    assert said(world, f"{words} (0s to 15m) is over" if instant < DAY else words) == 1
    assert await world.dead_letters() == []


@pytest.mark.thorough
async def test_a_crash_in_the_middle_of_each_clock_loses_and_repeats_nothing(world: World) -> None:
    begun = await released(world)
    for at in (5 * MINUTE, 14 * MINUTE, DAY - MINUTE, 2 * DAY):
        turn_to(world, begun.created_at + at)
        await world.crash()
        await world.engine.settle()
        await let(world, 2 * MINUTE)
    await let(world, DAY)
    assert said(world, "Verification first (0s to 15m) is over") == 1
    assert said(world, "Sign-off day1 is due") == 1
    assert [said(world, f"Day {n} of 3") for n in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.thorough
async def test_a_rollback_after_completion_closes_it_with_the_same_write(world: World) -> None:
    begun = await released(world)
    await world.engine.apply("r1", RollbackRequested(ADA, "slow", "q9", now=True))
    over = await care(world)
    assert over.phase is Stage.TAKEN_BACK
    assert over.next_check_at is None
    await world.engine.settle()
    before = texts(world)
    turn_to(world, begun.created_at + 2 * DAY)
    await world.engine.settle()
    assert texts(world) == before


@pytest.mark.thorough
async def test_the_next_release_closes_the_one_before(world: World) -> None:
    await released(world)
    await released(world, "r2", "v3")
    assert (await care(world)).phase is Stage.SUPERSEDED
    assert (await care(world, "r2")).phase is Stage.OPEN


@pytest.mark.thorough
async def test_the_database_admits_one_open_aftercare_per_target(world: World) -> None:
    await released(world)

    def second(conn: Connection) -> None:
        row = aggregates.fetch(conn, tables.aftercare, "r1", lock=False)
        assert row is not None
        conn.execute(insert(tables.aftercare).values(**{**row, "id": "another"}))

    with pytest.raises(IntegrityError):
        await world.store.transact(second)
