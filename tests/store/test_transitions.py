"""One transition: whole or not at all, by one writer at a time, on both databases."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from bot.domain.approvals import Request, Signature
from bot.engine import transitions
from bot.engine.transitions import StaleWriteError, TargetBusyError
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import approvals, audit, ops
from tests.store.toy import (
    KIND,
    NOON,
    Aborted,
    Added,
    Asked,
    Began,
    Draw,
    Due,
    Effect,
    Event,
    Ignored,
    Move,
    Ring,
    Say,
    Told,
    Toy,
    toy,
)


async def begin(store: Store, id_: str = "a") -> Toy:
    applied = await store.transact(lambda c: transitions.create(c, KIND, toy(id_), (), NOON))
    return applied.after


async def happen(store: Store, event: Event, id_: str = "a", fence: int | None = None) -> Toy:
    applied = await store.transact(
        lambda c: transitions.apply(c, KIND, id_, event, NOON, fence=fence)
    )
    return applied.after


async def load(store: Store, id_: str = "a") -> Toy:
    return await store.transact(lambda c: transitions.load(c, KIND, id_))


async def states(store: Store) -> list[tuple[str, str]]:
    columns = select(tables.outbox.c.key, tables.outbox.c.state).order_by(tables.outbox.c.id)
    rows = await store.transact(lambda c: c.execute(columns).all())
    return [(key.removeprefix("rollout:"), state) for key, state in rows]


async def count(store: Store, table: str) -> int:
    statement = select(func.count()).select_from(tables.metadata.tables[table])
    return await store.transact(lambda c: c.execute(statement).scalar_one())


async def test_two_hundred_writers_at_once_lose_no_update(store: Store) -> None:
    await begin(store)
    await asyncio.gather(*(happen(store, Added()) for _ in range(200)))
    after = await load(store)
    assert (after.count, after.revision) == (200, 201)


async def test_creating_it_again_changes_nothing(store: Store) -> None:
    await begin(store)
    await happen(store, Added())
    again = await store.transact(lambda c: transitions.create(c, KIND, toy(), (Ring(),), NOON))
    assert not again.changed
    assert again.after.count == 1
    assert await states(store) == []


async def test_an_event_without_consequence_writes_nothing(store: Store) -> None:
    before = await begin(store)
    applied = await store.transact(lambda c: transitions.apply(c, KIND, "a", Ignored(), NOON))
    assert not applied.changed
    assert await load(store) == before
    assert await count(store, "audit") == 1


async def test_a_stale_revision_is_refused(store: Store) -> None:
    old = await begin(store)
    await happen(store, Added())
    newer = msgspec.structs.replace(old, count=99, revision=2)
    with pytest.raises(StaleWriteError):
        await store.transact(lambda c: transitions.write(c, KIND, old, newer))
    assert (await load(store)).count == 1


async def test_a_writer_with_an_older_fence_is_refused(store: Store) -> None:
    await begin(store)
    await happen(store, Aborted())
    with pytest.raises(StaleWriteError):
        await happen(store, Added(), fence=0)
    assert (await happen(store, Added(), fence=1)).count == 1


async def test_an_unknown_aggregate_is_not_found(store: Store) -> None:
    with pytest.raises(transitions.NotFoundError):
        await happen(store, Added(), "nobody")


async def test_a_failing_unit_leaves_no_trace(store: Store) -> None:
    await begin(store)

    def unit(conn: Connection) -> None:
        transitions.apply(conn, KIND, "a", Told((Move(5), Say("hello"))), NOON)
        raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        await store.transact(unit)
    assert (await load(store)).revision == 1
    assert await states(store) == []
    assert await count(store, "op") == 0
    assert await count(store, "audit") == 1


async def test_a_second_live_one_on_the_same_target_is_refused(store: Store) -> None:
    await begin(store, "a")
    await begin(store, "b")
    await happen(store, Began(), "a")
    with pytest.raises(TargetBusyError):
        await happen(store, Began(), "b")
    assert not (await load(store, "b")).live


async def test_of_many_that_go_live_at_once_exactly_one_does(store: Store) -> None:
    ids = [f"r{n}" for n in range(10)]
    for id_ in ids:
        await begin(store, id_)
    outcomes = await asyncio.gather(
        *(happen(store, Began(), id_) for id_ in ids), return_exceptions=True
    )
    assert sum(isinstance(outcome, Toy) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, TargetBusyError) for outcome in outcomes) == 9


def request(*people: str, generation: int = 1, id_: str = "q") -> Request:
    return Request(
        id=id_,
        digest="d" * 64,
        generation=generation,
        seats=("*", "*"),
        excluded=(),
        comment_required=False,
        opened_at=NOON,
        expires_at=NOON + timedelta(hours=24),
        remind_every=timedelta(hours=1),
        reminded_at=NOON,
        signatures=tuple(Signature(p, f"U{p}", ("ops",), NOON) for p in people),
    )


async def signers(store: Store, id_: str = "q") -> list[str]:
    owner = approvals.Owner("rollout", "a")
    return await store.transact(lambda c: approvals.signers(c, owner, id_))


async def test_signatures_follow_the_aggregate_into_rows(store: Store) -> None:
    await begin(store)
    await happen(store, Asked(request()))
    await happen(store, Asked(request("ada")))
    await happen(store, Asked(request("ada", "grace")))
    assert await signers(store) == ["ada", "grace"]
    await happen(store, Asked(request("grace")))
    assert await signers(store) == ["grace"]


async def test_a_new_question_has_no_old_signatures(store: Store) -> None:
    await begin(store)
    await happen(store, Asked(request("ada")))
    await happen(store, Asked(request(generation=2, id_="q2")))
    assert await signers(store, "q2") == []
    closed = select(tables.approval_request.c.closed_at).where(tables.approval_request.c.id == "q")
    assert await store.transact(lambda c: c.execute(closed).scalar_one()) == NOON


async def test_the_database_counts_a_person_once(store: Store) -> None:
    await begin(store)
    await happen(store, Asked(request("ada")))
    twice = insert(tables.approval).values(
        kind="rollout", aggregate_id="a", request_id="q", person="ada", user_id="U2",
        roles="[]", at=NOON, comment="",
    )  # fmt: skip
    with pytest.raises(IntegrityError):
        await store.transact(lambda c: c.execute(twice))


async def test_of_cards_that_wait_only_the_latest_is_drawn(store: Store) -> None:
    await begin(store)
    for _ in range(3):
        await happen(store, Told((Draw(),)))
    assert await states(store) == [
        ("a:2:0", "cancelled"),
        ("a:3:0", "cancelled"),
        ("a:4:0", "pending"),
    ]


async def test_a_newer_fence_takes_back_what_waits_and_leaves_the_rest(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Move(5), Say("five"))))
    await happen(store, Aborted((Move(0),)))
    assert await states(store) == [
        ("a:2:0", "cancelled"),
        ("a:2:1", "pending"),
        ("a:3:0", "pending"),
    ]
    taken_back = await store.transact(lambda c: ops.find(c, "rollout:a:2:0"))
    assert taken_back is not None
    assert taken_back.state == "rejected"


async def test_numbers_grow_over_all_rollouts_of_a_target(store: Store) -> None:
    for id_ in ("a", "b", "c"):
        await begin(store, id_)
    moves: tuple[Effect, ...] = (Move(5), Move(25))
    await asyncio.gather(*(happen(store, Told(moves), id_) for id_ in ("a", "b", "c")))
    rows = await store.transact(
        lambda c: c.execute(
            select(tables.op.c.seq, tables.outbox.c.id)
            .join(tables.outbox, tables.outbox.c.key == tables.op.c.key)
            .order_by(tables.outbox.c.id)
        ).all()
    )
    numbers = [row.seq for row in rows]
    assert len(set(numbers)) == 6
    assert numbers == sorted(numbers)


async def test_a_target_that_has_counted_further_is_caught_up_with(store: Store) -> None:
    await begin(store)
    await store.transact(lambda c: ops.raise_to(c, "shop", "production", 1000))
    await store.transact(lambda c: ops.raise_to(c, "shop", "production", 7))
    await happen(store, Told((Move(5),)))
    change = await store.transact(lambda c: ops.find(c, "rollout:a:2:0"))
    assert change is not None
    assert change.seq > 1000


async def test_a_change_that_needs_another_first_gets_it_the_lower_number(store: Store) -> None:
    await begin(store)
    await happen(store, Told((Move(5), Move(0))))
    key = "rollout:a:2:1"
    first = await store.transact(lambda c: ops.plan_first(c, key, f"{key}:prepare", "p", NOON))
    again = await store.transact(lambda c: ops.plan_first(c, key, f"{key}:prepare", "p", NOON))
    change = await store.transact(lambda c: ops.find(c, key))
    assert change is not None
    assert first.seq == again.seq == change.seq - 1


async def test_everything_that_happens_is_in_the_audit(store: Store) -> None:
    await begin(store)
    await happen(store, Began())
    entries = await store.transact(lambda c: audit.of_aggregate(c, "rollout", "a"))
    assert [(e.phase_before, e.phase_after, e.revision) for e in entries] == [
        ("", "idle", 1),
        ("idle", "live", 2),
    ]
    assert (await store.transact(audit.verify)).id == 2


async def test_a_naive_time_never_gets_in(store: Store) -> None:
    await begin(store)
    with pytest.raises(Exception, match="has no time zone"):
        await happen(store, Due(NOON.replace(tzinfo=None)))
