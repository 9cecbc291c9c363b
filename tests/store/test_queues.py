"""The boxes: order, claims, leases and takeovers, on both databases."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update

from bot.engine import transitions
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import aggregates, inbox, leases, outbox
from bot.store.queries.leases import Claimant
from tests.store.test_transitions import begin, happen, load, states
from tests.store.toy import NOON, Added, Draw, Due, Move, Ring, Say, Told

ME, OTHER = Claimant("me"), Claimant("other")
HASTY = Claimant("hasty", lease=timedelta())
"""Whoever claims as this one has lost the claim at once."""


async def claim(
    store: Store, who: Claimant = ME, lane: str = "chat", now: datetime = NOON
) -> list[outbox.Row]:
    return await store.transact(lambda c: outbox.claim(c, who, lane, now))


async def finish(store: Store, row: outbox.Row, now: datetime = NOON) -> None:
    await store.transact(lambda c: outbox.finish(c, row, "done", now))


def keys(rows: list[outbox.Row]) -> list[str]:
    return [row.key.removeprefix("rollout:") for row in rows]


async def test_rows_of_one_stream_come_one_at_a_time_in_order(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"), Say("two"))))
    (first,) = await claim(store)
    assert await claim(store) == []
    await finish(store, first)
    (second,) = await claim(store)
    assert keys([first, second]) == ["a:2:0", "a:2:1"]


async def test_a_row_that_waits_for_its_time_holds_up_its_stream(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"), Say("two"))))
    (first,) = await claim(store)
    later = NOON + timedelta(seconds=30)
    await store.transact(lambda c: outbox.postpone(c, first, later, "429", uncertain=False))
    assert await claim(store) == []
    assert keys(await claim(store, now=later)) == ["a:2:0"]


async def test_rows_without_a_stream_come_together(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Ring("x"), Ring("y"))))
    assert keys(await claim(store, lane="work")) == ["a:2:0", "a:2:1"]


async def test_many_workers_never_claim_a_row_twice(store: Store) -> None:
    await begin(store)
    await happen(store, Told(tuple(Ring(str(n)) for n in range(60))))

    async def work(name: str) -> list[str]:
        mine: list[str] = []
        while rows := await store.transact(
            lambda c: outbox.claim(c, Claimant(name), "work", NOON, 7)
        ):
            mine += keys(rows)
        return mine

    shares = await asyncio.gather(*(work(f"w{n}") for n in range(4)))
    claimed = [key for share in shares for key in share]
    assert len(claimed) == len(set(claimed)) == 60


async def test_a_lost_claim_is_taken_over_and_looked_at_first(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"),)))
    (lost,) = await claim(store, HASTY)
    (mine,) = await claim(store, ME)
    assert not lost.look_first
    assert mine.look_first
    assert mine.attempts == 2
    assert not await store.transact(lambda c: outbox.held(c, lost, HASTY.owner))
    assert await store.transact(lambda c: outbox.held(c, mine, ME.owner))


async def test_a_claim_taken_up_again_by_the_same_worker_is_another_claim(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"),)))
    (lost,) = await claim(store, HASTY)
    await claim(store, HASTY)
    assert not await store.transact(lambda c: outbox.held(c, lost, HASTY.owner))


@pytest.mark.thorough
async def test_a_renewed_claim_is_not_taken_over(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"),)))
    (row,) = await claim(store, HASTY)
    longer = Claimant(HASTY.owner)
    renewed = await store.transact(lambda c: leases.renew(c, tables.outbox, longer, [row.id], NOON))
    assert renewed == 1
    assert await claim(store, ME) == []


async def test_what_is_given_back_at_the_end_can_be_claimed_at_once(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"),)))
    await claim(store, ME)
    await store.transact(lambda c: leases.let_go(c, tables.outbox, OTHER.owner))
    assert await claim(store, OTHER) == []
    await store.transact(lambda c: leases.let_go(c, tables.outbox, ME.owner))
    (row,) = await claim(store, OTHER)
    assert row.look_first


async def test_a_new_card_does_not_forget_how_long_slack_asked_to_wait(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Draw(),)))
    (row,) = await claim(store)
    later = NOON + timedelta(seconds=30)
    await store.transact(lambda c: outbox.postpone(c, row, later, "429", uncertain=True))
    await happen(store, Told((Draw(),)))
    assert await claim(store) == []
    (newer,) = await claim(store, now=later)
    assert newer.look_first
    assert keys([newer]) == ["a:3:0"]


async def test_cards_keep_their_pace(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Draw(),)))
    (row,) = await claim(store)
    await finish(store, row)
    await happen(store, Told((Draw(),)))
    assert await claim(store) == []
    assert len(await claim(store, now=NOON + timedelta(seconds=1))) == 1


async def test_a_row_from_a_newer_program_is_left_to_it(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Say("one"),)))
    newer = update(tables.outbox).values(schema=2)
    await store.transact(lambda c: c.execute(newer))
    assert await claim(store, ME) == []
    assert len(await claim(store, Claimant("new", schema=2))) == 1


async def test_finished_rows_go_and_dead_ones_stay(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Ring("x"), Ring("y"), Ring("z"))))
    done, dead, _ = await claim(store, lane="work")
    await finish(store, done)
    await store.transact(lambda c: outbox.finish(c, dead, "dead", NOON, "no such channel"))
    removed = await store.transact(lambda c: outbox.prune(c, NOON + timedelta(days=1)))
    assert removed == 1
    assert [state for _, state in await states(store)] == ["dead", "claimed"]
    assert await store.transact(outbox.dead) == [(dead.key, "no such channel")]


# --- aggregates that are due -------------------------------------------------------------------


async def due(store: Store, who: Claimant, now: datetime = NOON) -> list[aggregates.Due]:
    return await store.transact(lambda c: aggregates.claim_due(c, tables.rollout, who, now))


async def test_only_what_is_due_is_claimed_and_only_once(store: Store) -> None:
    for id_, at in (("a", NOON), ("b", NOON + timedelta(hours=1)), ("c", None)):
        await begin(store, id_)
        await happen(store, Due(at), id_)
    assert [row.id for row in await due(store, ME)] == ["a"]
    assert await due(store, OTHER) == []


async def test_many_ticks_at_once_never_share_a_row(store: Store) -> None:
    for n in range(30):
        await begin(store, f"r{n}")
        await happen(store, Due(NOON), f"r{n}")
    shares = await asyncio.gather(*(due(store, Claimant(f"w{n}")) for n in range(4)))
    claimed = [row.id for share in shares for row in share]
    assert len(claimed) == len(set(claimed)) == 30


async def test_a_takeover_bumps_the_fence_and_refuses_the_one_who_slept(store: Store) -> None:
    await begin(store)
    await happen(store, Due(NOON))
    (slept,) = await due(store, HASTY)
    (mine,) = await due(store, ME)
    assert mine.fence == slept.fence + 1
    with pytest.raises(transitions.StaleWriteError):
        await happen(store, Added(), fence=slept.fence)
    assert (await happen(store, Added(), fence=mine.fence)).count == 1


async def test_a_takeover_does_not_cancel_what_was_asked_of_the_deployer(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Move(5),)))
    await happen(store, Due(NOON))
    await due(store, HASTY)
    await due(store, ME)
    (row,) = await claim(store, lane="deploy")
    assert row.fence == (await load(store)).fence == 1


async def test_a_released_row_is_claimed_again_under_the_same_fence(store: Store) -> None:
    await begin(store)
    await happen(store, Due(NOON))
    await due(store, ME)
    await store.transact(lambda c: aggregates.release(c, tables.rollout, ME.owner))
    (again,) = await due(store, OTHER)
    assert again.fence == 0


async def test_an_empty_tick_uses_the_index(store: Store) -> None:
    statement = select(tables.rollout.c.id).where(tables.rollout.c.next_check_at <= NOON)

    def unit(conn: Connection) -> str:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        word = "EXPLAIN" if conn.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        query = statement.compile(dialect=conn.dialect, compile_kwargs={"literal_binds": True})
        return str(conn.exec_driver_sql(f"{word} {query}").all())

    assert "rollout_due" in await store.transact(unit)


# --- the inbox ---------------------------------------------------------------------------------


async def test_a_second_delivery_is_kept_once(store: Store) -> None:
    new = [
        await store.transact(lambda c: inbox.put(c, "e1", "event", "{}", NOON)) for _ in range(2)
    ]
    assert new == [True, False]
    assert await store.transact(inbox.pending) == 1


async def test_what_came_in_is_handled_by_one_and_survives_a_crash(store: Store) -> None:
    await store.transact(lambda c: inbox.put(c, "e1", "event", "{}", NOON))
    (lost,) = await store.transact(lambda c: inbox.claim(c, HASTY, NOON))
    (row,) = await store.transact(lambda c: inbox.claim(c, ME, NOON))
    assert (lost.attempts, row.attempts) == (1, 2)
    assert await store.transact(lambda c: inbox.claim(c, OTHER, NOON)) == []
    await store.transact(lambda c: inbox.finish(c, row, "done", NOON))
    assert await store.transact(inbox.pending) == 0
