"""Those outside the team who asked for notices, and those who want no more of them.

Somebody who left stays away, whatever the file of recipients says, until a person who knows that
they want to hear again adds them by hand.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from bot.domain.addresses import is_address, same
from bot.domain.leaving import Leaving
from bot.engine.clock import Clock
from bot.store.database import Store
from bot.store.queries import subscriptions
from bot.store.queries.subscriptions import Word

THEMSELVES = "themselves"
"""Who ends a subscription by its link."""


class Subscribed(msgspec.Struct, frozen=True):
    """A line of the list. service: "" for all. by: who said so, `themselves` by the link."""

    address: str
    service: str
    wanted: bool
    by: str
    at: datetime


class Subscribers:
    """Implements `AddressBook` on the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def joined(self, service: str) -> frozenset[str]:
        """Who was added, for this service or for all."""
        return await self._store.transact(lambda c: subscriptions.wanted(c, service))

    async def left(self, service: str) -> frozenset[str]:
        """Who wants to hear nothing about this service, or nothing at all."""
        return await self._store.transact(lambda c: subscriptions.unwanted(c, service))

    async def leave(self, leaving: Leaving, by: str = THEMSELVES) -> None:
        """Write no more to somebody about a service ("" for anything)."""
        word = Word(same(leaving.address), leaving.service, False, by)
        now = self._clock.now()
        await self._store.transact(lambda conn: subscriptions.put(conn, word, now))

    async def join(self, address: str, service: str, by: str) -> None:
        """Write to somebody about a service ("" for all). Raises ValueError for no address."""
        if not is_address(address):
            raise ValueError(f"{address!r} is not an address")
        word = Word(same(address), service, True, by)
        now = self._clock.now()

        def tx(conn: Connection) -> None:
            subscriptions.welcome(conn, word.address, service)
            subscriptions.put(conn, word, now)

        await self._store.transact(tx)

    async def listed(self, service: str = "") -> Sequence[Subscribed]:
        """Everybody the database knows of: of a service, or all."""
        rows: Any = await self._store.transact(lambda c: subscriptions.listed(c, service))
        return [Subscribed(**{n: row[n] for n in Subscribed.__struct_fields__}) for row in rows]
