"""What came in is handled here, after it was stored and acknowledged."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from bot.domain.people import BOT
from bot.engine import intents
from bot.engine.clock import Clock
from bot.engine.intents import Intent
from bot.engine.kinds import NewerRowError
from bot.engine.outbox import DeadLetter, backoff
from bot.ports import PermanentError, TemporaryError
from bot.store.database import Store
from bot.store.queries import audit, inbox, leases
from bot.store.queries.leases import Claimant
from bot.store.tables import inbox as inbox_table

log = logging.getLogger(__name__)

Handler = Callable[[Intent], Awaitable[None]]
"""Handles an intent. It may get the same one again after a crash, so what it does must bear that.
Raises TemporaryError to be called again later, PermanentError when that is pointless."""

ATTEMPTS = 8
_CAP = timedelta(seconds=30)
LEFT_FOR = timedelta(seconds=1)
UPGRADE = timedelta(minutes=15)
"""For how long an intent waits for a replica of a newer version."""


class Inbox:
    """Keeps and hands on what comes in."""

    def __init__(
        self,
        store: Store,
        claimant: Claimant,
        clock: Clock,
        random: Callable[[], float],
        handle: Handler,
        on_dead: Callable[[Intent, str], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._claimant = claimant
        self._clock = clock
        self._random = random
        self._handle = handle
        self._on_dead = on_dead

    async def put(self, intent: Intent) -> bool:
        """Keep an intent; False when it was delivered before."""
        now, payload = self._clock.now(), intents.encode(intent)
        return await self._store.transact(
            lambda conn: inbox.put(conn, intent.id, intent.kind, payload, now)
        )

    async def put_all(self, several: Sequence[Intent]) -> list[bool]:
        """Keep several, or none; for each whether it is new."""
        now = self._clock.now()
        rows = [(intent.id, intent.kind, intents.encode(intent)) for intent in several]
        return await self._store.transact(lambda conn: [inbox.put(conn, *r, now) for r in rows])

    async def claim(self, limit: int = 50) -> list[inbox.Row]:
        """Take what nobody else handles."""
        now = self._clock.now()
        return await self._store.transact(
            lambda conn: inbox.claim(conn, self._claimant, now, limit)
        )

    async def renew(self, ids: list[int]) -> None:
        """Keep the claims on what is being handled."""
        now = self._clock.now()
        await self._store.transact(
            lambda conn: leases.renew(conn, inbox_table, self._claimant, ids, now)
        )

    async def let_go(self) -> None:
        """Give back what was claimed and not handled."""
        owner = self._claimant.owner
        await self._store.transact(lambda conn: leases.let_go(conn, inbox_table, owner))

    async def do(self, row: inbox.Row) -> None:
        """Handle one row and write down how it went."""
        try:
            intent = intents.decode(row.payload)
        except msgspec.MsgspecError as error:
            await self._bury(row, f"it can't be read: {error}")
            return
        try:
            await self._handle(intent)
        except PermanentError as error:
            await self._dead(row, intent, str(error))
        except NewerRowError as error:
            await self._leave(row, intent, str(error))
        except TemporaryError as error:
            await self._again(row, intent, str(error), error.retry_after or timedelta())
        except Exception as error:
            log.exception("intent %s failed in an unforeseen way", row.dedupe)
            await self._again(row, intent, f"{type(error).__name__}: {error}", timedelta())
        else:
            now = self._clock.now()
            await self._store.transact(lambda conn: inbox.finish(conn, row, "done", now))

    async def _again(
        self, row: inbox.Row, intent: Intent, reason: str, at_least: timedelta
    ) -> None:
        if row.attempts >= ATTEMPTS:
            await self._dead(row, intent, reason)
            return
        wait = max(backoff(row.attempts, _CAP, self._random()), at_least)
        until = self._clock.now() + wait
        await self._store.transact(lambda conn: inbox.postpone(conn, row, until, reason))

    async def _leave(self, row: inbox.Row, intent: Intent, reason: str) -> None:
        """Not for this replica: it counts as no attempt, for as long as an upgrade may take."""
        now = self._clock.now()
        if now - row.received_at > UPGRADE:
            await self._dead(row, intent, reason)
            return
        until = now + LEFT_FOR
        await self._store.transact(
            lambda conn: inbox.postpone(conn, row, until, reason, counted=False)
        )

    async def _dead(self, row: inbox.Row, intent: Intent, reason: str) -> None:
        await self._bury(row, reason)
        if self._on_dead is not None:
            await self._on_dead(intent, reason)

    async def _bury(self, row: inbox.Row, reason: str) -> None:
        log.error("intent %s was given up: %s", row.dedupe, reason)
        now = self._clock.now()
        await self._store.transact(lambda conn: _bury(conn, row, reason, now))


def _bury(conn: Connection, row: inbox.Row, reason: str, now: datetime) -> None:
    inbox.finish(conn, row, "dead", now, reason)
    letter = DeadLetter(row.dedupe, row.kind, reason)
    audit.append(
        conn,
        audit.Fact(
            at=now,
            kind="intent",
            aggregate_id=row.dedupe,
            service="",
            environment="",
            revision=row.attempts,
            actor=BOT,
            event=msgspec.json.encode(letter, order="deterministic").decode(),
            phase_before="",
            phase_after="dead",
        ),
    )
