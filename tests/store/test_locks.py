"""Locks in their table, on both databases: one writer, an expiry that is found, an audit."""

from datetime import timedelta

from bot.domain.locks import EXPIRED, Lock, LockLifted, LockLooked, begin
from bot.domain.people import Actor
from bot.engine import transitions
from bot.engine.holds import active_locks
from bot.engine.locks import lock_kind
from bot.store.database import Store
from bot.store.queries import aggregates, audit
from bot.store.queries.leases import Claimant
from bot.store.tables import lock as table
from tests.store.toy import NOON

KIND = lock_kind()
GRACE = Actor("grace", "U0GRACE", ("operations",))
HOUR = timedelta(hours=1)


async def set_one(store: Store, id_: str, *, hours: float = 0, line: bool = False) -> Lock:
    lock, effects = begin(
        Lock(
            id=id_,
            reason="the database moves",
            set_by=GRACE,
            created_at=NOON + timedelta(minutes=len(id_)),
            service="" if line else "checkout",
            line=line,
            until=NOON + hours * HOUR if hours else None,
        )
    )
    applied = await store.transact(
        lambda c: transitions.create(
            c, KIND, lock, effects, NOON, actor=GRACE, detail={"reason": lock.reason}
        )
    )
    return applied.after


async def names(store: Store) -> list[str]:
    return [lock.id for lock in await store.transact(active_locks)]


async def test_the_locks_that_are_on_are_listed_a_stopped_line_first(store: Store) -> None:
    first = await set_one(store, "a", hours=2)
    await set_one(store, "bb")
    await set_one(store, "ccc", line=True)
    assert await names(store) == ["ccc", "a", "bb"]
    found = await store.transact(lambda c: transitions.load(c, KIND, "a"))
    assert found == first
    lifted = LockLifted(GRACE, "it has moved")
    await store.transact(lambda c: transitions.apply(c, KIND, "bb", lifted, NOON))
    assert await names(store) == ["ccc", "a"]


async def test_a_lock_is_due_at_its_end_and_its_row_says_so(store: Store) -> None:
    await set_one(store, "a", hours=2)
    await set_one(store, "bb")
    claimant = Claimant("me", HOUR)
    early = await store.transact(lambda c: aggregates.claim_due(c, table, claimant, NOON + HOUR))
    assert early == []
    at = NOON + 2 * HOUR
    (due,) = await store.transact(lambda c: aggregates.claim_due(c, table, claimant, at))
    applied = await store.transact(
        lambda c: transitions.apply(c, KIND, due.id, LockLooked(), at, fence=due.fence)
    )
    assert (applied.after.phase, applied.after.ended_at) == (EXPIRED, at)
    assert await names(store) == ["bb"]


async def test_the_audit_knows_who_locked_what_and_why(store: Store) -> None:
    await set_one(store, "a")
    lifted = LockLifted(GRACE, "it has moved")
    await store.transact(lambda c: transitions.apply(c, KIND, "a", lifted, NOON))
    written = await store.transact(lambda c: audit.of_aggregate(c, "lock", "a"))
    assert [(e.actor, e.phase_after, e.service) for e in written] == [
        ("grace", "locked", "checkout"),
        ("grace", "lifted", "checkout"),
    ]
    assert "the database moves" in written[0].event
    assert "it has moved" in written[1].event
    await store.transact(audit.verify)


async def test_a_sweep_of_the_line_is_no_news_for_the_audit(store: Store) -> None:
    await set_one(store, "a", line=True)
    await store.transact(lambda c: transitions.apply(c, KIND, "a", LockLooked(), NOON + HOUR))
    assert len(await store.transact(lambda c: audit.of_aggregate(c, "lock", "a"))) == 1
