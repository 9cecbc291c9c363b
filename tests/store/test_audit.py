"""The chain shows every change to it, whoever makes it and wherever."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from bot.domain.anchors import Anchor
from bot.store.database import Store
from bot.store.queries import audit
from bot.store.queries.audit import BrokenChainError, Fact
from bot.store.tables import audit as table
from tests.store.toy import NOON


def fact(number: int = 0, **fields: Any) -> Fact:
    values: dict[str, Any] = {
        "at": NOON + timedelta(seconds=number),
        "kind": "rollout",
        "aggregate_id": "a",
        "service": "shop",
        "environment": "production",
        "revision": number,
        "actor": "ada",
        "event": "{}",
        "phase_before": "",
        "phase_after": "soaking",
    }
    return Fact(**{**values, **fields})


async def write(store: Store, count: int = 5) -> None:
    for number in range(count):
        await store.transact(lambda c, n=number: audit.append(c, fact(n)))  # type: ignore[misc]


async def verify(store: Store, *anchors: Anchor) -> Anchor:
    return await store.transact(lambda c: audit.verify(c, *anchors))


async def test_an_untouched_chain_verifies_up_to_its_head(store: Store) -> None:
    assert await verify(store) == Anchor(0, audit.GENESIS)
    await write(store)
    assert await verify(store) == await store.transact(audit.head)


async def test_writers_at_once_make_one_chain(store: Store) -> None:
    await asyncio.gather(
        *(store.transact(lambda c, n=n: audit.append(c, fact(n))) for n in range(40))  # type: ignore[misc]
    )
    assert (await verify(store)).id == 40


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "mallory"},
        {"event": '{"type":"Signed"}'},
        {"phase_after": "completed"},
        {"at": NOON - timedelta(days=1)},
        {"revision": 7},
        {"hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_altered_entry_shows(store: Store, change: dict[str, Any]) -> None:
    await write(store)
    await store.transact(lambda c: c.execute(update(table).where(table.c.id == 3).values(**change)))
    with pytest.raises(BrokenChainError) as broken:
        await verify(store)
    assert broken.value.id == 3


async def test_a_deleted_entry_shows(store: Store) -> None:
    await write(store)
    await store.transact(lambda c: c.execute(delete(table).where(table.c.id == 3)))
    with pytest.raises(BrokenChainError, match="missing"):
        await verify(store)


async def test_entries_that_changed_places_show(store: Store) -> None:
    await write(store)
    for old, new in ((2, 99), (3, 2), (99, 3)):
        move = update(table).where(table.c.id == old).values(id=new)
        await store.transact(lambda c, m=move: c.execute(m))  # type: ignore[misc]
    with pytest.raises(BrokenChainError):
        await verify(store)


async def test_a_chain_cut_at_its_end_shows_against_an_anchor(store: Store) -> None:
    await write(store)
    anchor = await store.transact(audit.head)
    await store.transact(lambda c: c.execute(delete(table).where(table.c.id > 3)))
    assert (await verify(store)).id == 3
    with pytest.raises(BrokenChainError, match="ends at 3"):
        await verify(store, anchor)


async def test_a_chain_built_anew_shows_against_an_anchor(store: Store) -> None:
    await write(store)
    anchor = await store.transact(audit.head)
    await store.transact(lambda c: c.execute(delete(table)))
    for number in range(6):
        await store.transact(lambda c, n=number: audit.append(c, fact(n, actor="m")))  # type: ignore[misc]
    assert (await verify(store)).id == 6
    with pytest.raises(BrokenChainError, match="anchored"):
        await verify(store, anchor)


async def read(store: Store, last: Anchor, *anchors: Anchor, page: int = 2) -> Anchor:
    ended = False
    while not ended:
        last, ended = await store.transact(lambda c, a=last: audit.read_on(c, a, anchors, page))  # type: ignore[misc]
    return last


async def test_reading_on_page_by_page_ends_where_reading_at_once_does(store: Store) -> None:
    begin = Anchor(0, audit.GENESIS)
    assert await read(store, begin) == begin
    await write(store)
    middle = await read(store, begin)
    assert middle == await verify(store)
    await write(store, 4)
    assert await read(store, middle, middle, begin) == await verify(store)


@pytest.mark.parametrize("id_", [5, 7], ids=["where reading ended", "after it"])
async def test_what_was_altered_since_the_last_reading_shows(store: Store, id_: int) -> None:
    await write(store)
    before = await read(store, Anchor(0, audit.GENESIS))
    await write(store, 3)
    await store.transact(
        lambda c: c.execute(update(table).where(table.c.id == id_).values(hash=""))
    )
    with pytest.raises(BrokenChainError) as broken:
        await read(store, before)
    assert broken.value.id == id_


async def test_an_end_that_was_cut_off_since_the_last_reading_shows(store: Store) -> None:
    await write(store)
    before = await read(store, Anchor(0, audit.GENESIS))
    await store.transact(lambda c: c.execute(delete(table).where(table.c.id > 3)))
    with pytest.raises(BrokenChainError, match="is gone"):
        await read(store, before)
    with pytest.raises(BrokenChainError, match="ends at 3"):
        await read(store, Anchor(0, audit.GENESIS), before)


async def test_two_anchors_of_one_place_that_differ_can_not_both_be_right(store: Store) -> None:
    await write(store)
    with pytest.raises(BrokenChainError, match="twice"):
        await verify(store, Anchor(3, "a" * 64), Anchor(3, "b" * 64))


async def test_the_database_admits_no_fork(store: Store) -> None:
    await write(store, 2)
    row = await store.transact(lambda c: dict(c.execute(select(table)).mappings().all()[1]))
    with pytest.raises(IntegrityError):
        await store.transact(lambda c: c.execute(table.insert().values({**row, "id": 3})))


async def test_the_history_of_a_target_comes_in_pages_newest_first(store: Store) -> None:
    await write(store, 5)
    await store.transact(lambda c: audit.append(c, fact(9, service="other")))
    first = await store.transact(lambda c: audit.history(c, "shop", "production", limit=3))
    last = (first[-1].at, first[-1].id)
    second = await store.transact(
        lambda c: audit.history(c, "shop", "production", before=last, limit=3)
    )
    assert [entry.id for entry in (*first, *second)] == [5, 4, 3, 2, 1]
