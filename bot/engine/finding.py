"""Looking rollouts up, for commands and pages: reads only, one short unit of work each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from bot.domain.rollout import Phase, Rollout
from bot.engine import transitions
from bot.engine.rollouts import NAME, RolloutKind
from bot.store.database import Store
from bot.store.queries import outbox, records, rollouts


class Counts(NamedTuple):
    """phases: (service, phase) -> rollouts. pending: rows of the outbox. due: the next look."""

    phases: Mapping[tuple[str, str], int]
    pending: int
    due: datetime | None


class Finder:
    """Finds rollouts by id, by service, and counts them."""

    def __init__(self, store: Store, kind: RolloutKind) -> None:
        self._store = store
        self._kind = kind

    async def find(self, rollout_id: str) -> Rollout | None:
        """The rollout with this id, None when there is none."""

        def unit(conn: Connection) -> Rollout | None:
            try:
                return transitions.load(conn, self._kind, rollout_id)
            except transitions.NotFoundError:
                return None

        return await self._store.transact(unit)

    async def carried_out(self, rollout_id: str, once: str) -> bool:
        """Whether what was asked under this name has been done to a rollout: see `Engine.apply`."""
        return await self._store.transact(
            lambda conn: records.fired(conn, f"{NAME}:{rollout_id}", once)
        )

    async def active(self, services: Sequence[str]) -> list[Rollout]:
        """The rollouts of these services that are not over, oldest first."""

        def unit(conn: Connection) -> list[Rollout]:
            rows = [row for service in services for row in rollouts.unfinished(conn, service)]
            return sorted(map(self._kind.load, rows), key=lambda r: r.created_at)

        return await self._store.transact(unit)

    async def recent(self, services: Sequence[str], limit: int = 10) -> list[Rollout]:
        """The newest rollouts of these services, ended ones too, newest first."""

        def unit(conn: Connection) -> list[Rollout]:
            rows = [row for each in services for row in rollouts.recent(conn, each, limit=limit)]
            found = sorted(map(self._kind.load, rows), key=lambda r: r.created_at, reverse=True)
            return found[:limit]

        return await self._store.transact(unit)

    async def successor(self, rollout: Rollout) -> Rollout | None:
        """What was released on its target after a completed rollout, or is being released now."""

        def unit(conn: Connection) -> Rollout | None:
            row = rollouts.successor(
                conn, rollout.service, rollout.environment, Phase.COMPLETED.value, rollout.ended_at
            )
            return None if row is None or row["id"] == rollout.id else self._kind.load(row)

        return await self._store.transact(unit)

    async def counts(self) -> Counts:
        """How much there is to do, at this moment."""
        return await self._store.transact(
            lambda conn: Counts(
                rollouts.count_by_phase(conn), outbox.pending(conn), rollouts.oldest_due(conn)
            )
        )
