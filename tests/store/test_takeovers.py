"""A takeover between the claim of a change and its beginning: the one who has it carries it out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.engine.outbox import Outbox, Patience, Work
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import aggregates, outbox
from bot.store.queries.leases import Claimant
from tests.store.test_transitions import begin, happen
from tests.store.toy import KIND, NOON, Aborted, Due, Move, Told

ME, HASTY = Claimant("me"), Claimant("hasty", lease=timedelta())


class StandingClock:
    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0


class Mover:
    """Does what is asked for, and remembers it."""

    def __init__(self) -> None:
        self.moved: list[Any] = []

    async def perform(self, work: Work) -> Sequence[Any]:
        self.moved.append(work.effect)
        return ()

    def patience(self, work: Work) -> Patience:
        return Patience()

    def delayed(self, work: Work, reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        return ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        return None


async def claimed(store: Store) -> outbox.Row:
    """A change in our hands, of an aggregate that somebody else has looked at for too long."""
    await begin(store)
    await happen(store, Told((Move(5),)))
    await happen(store, Due(NOON))
    await store.transact(lambda c: aggregates.claim_due(c, tables.rollout, HASTY, NOON))
    (row,) = await store.transact(lambda c: outbox.claim(c, ME, outbox.DEPLOY, NOON))
    return row


async def carried_out(store: Store, row: outbox.Row) -> list[Any]:
    mover = Mover()
    kinds: dict[str, Any] = {"rollout": (KIND, mover)}
    box = Outbox(store, ME, kinds, StandingClock(), lambda: 0.5, lambda: None)
    await box.do(row)
    return mover.moved


async def test_a_takeover_leaves_a_change_to_the_one_who_has_just_claimed_it(store: Store) -> None:
    row = await claimed(store)
    taken = await store.transact(lambda c: aggregates.claim_due(c, tables.rollout, ME, NOON))
    assert [due.fence for due in taken] == [row.fence + 1]
    assert await carried_out(store, row) == [Move(5)]


async def test_an_abort_takes_a_change_from_the_one_who_has_just_claimed_it(store: Store) -> None:
    row = await claimed(store)
    await happen(store, Aborted())
    assert await carried_out(store, row) == []
