"""Which aftercares there are: at most one that is not over per target."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, RowMapping, func, select

from bot.store.tables import aftercare, rollout

LATELY = 30
"""How many rows are looked through for the newest of each target."""


class Released(Protocol):
    """What was released where."""

    @property
    def service(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def version(self) -> str: ...


def live(conn: Connection, service: str, environment: str) -> RowMapping | None:
    """The aftercare of a target that is not over, locked."""
    place = (aftercare.c.service == service) & (aftercare.c.environment == environment)
    statement = select(aftercare).where(place, aftercare.c.live).with_for_update()
    return conn.execute(statement).mappings().one_or_none()


def exists(conn: Connection, id_: str) -> bool:
    """Whether a rollout has an aftercare."""
    return conn.execute(select(aftercare.c.id).where(aftercare.c.id == id_)).first() is not None


def unfinished(conn: Connection, services: Sequence[str] | None = None) -> Sequence[RowMapping]:
    """Those that are not over, oldest first; of these services, or all."""
    statement = select(aftercare).where(aftercare.c.live)
    if services is not None:
        statement = statement.where(aftercare.c.service.in_(services))
    ordered = statement.order_by(aftercare.c.created_at, aftercare.c.id)
    return conn.execute(ordered).mappings().all()


def recent(conn: Connection, services: Sequence[str]) -> Sequence[RowMapping]:
    """The newest of these services, over or not, newest first."""
    statement = select(aftercare).where(aftercare.c.service.in_(services))
    newest = statement.order_by(aftercare.c.created_at.desc()).limit(LATELY)
    return conn.execute(newest).mappings().all()


def rollbacks(conn: Connection, of: Released) -> int:
    """How often this version has been taken back from this target."""
    statement = select(func.count()).where(
        rollout.c.service == of.service,
        rollout.c.environment == of.environment,
        rollout.c.version_name == of.version,
        rollout.c.phase == "rolled_back",
    )
    return int(conn.execute(statement).scalar_one())
