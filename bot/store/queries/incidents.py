"""Which incidents there are."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from bot.store.tables import incident

LATELY = 30
"""How many incidents are listed at most."""


def unfinished(conn: Connection, services: Sequence[str]) -> Sequence[RowMapping]:
    """Those of these services about which something is left to do, oldest first."""
    statement = select(incident).where(
        incident.c.service.in_(services), incident.c.ended_at.is_(None)
    )
    return conn.execute(statement.order_by(incident.c.created_at, incident.c.id)).mappings().all()


def recent(conn: Connection, services: Sequence[str], limit: int = LATELY) -> Sequence[RowMapping]:
    """The newest of these services, over or not, newest first."""
    statement = select(incident).where(incident.c.service.in_(services))
    newest = statement.order_by(incident.c.created_at.desc(), incident.c.id).limit(limit)
    return conn.execute(newest).mappings().all()


def of_rollout(conn: Connection, rollout_id: str) -> Sequence[str]:
    """The ids of those that came with a rollout and are not over."""
    statement = select(incident.c.id).where(
        incident.c.rollout_id == rollout_id, incident.c.ended_at.is_(None)
    )
    return conn.execute(statement.order_by(incident.c.id)).scalars().all()


def of_alert(conn: Connection, service: str, environment: str, about: str) -> Sequence[str]:
    """The ids of those that an alert has opened and that are not over."""
    statement = select(incident.c.id).where(
        incident.c.service == service,
        incident.c.environment == environment,
        incident.c.about == about,
        incident.c.ended_at.is_(None),
    )
    return conn.execute(statement.order_by(incident.c.id)).scalars().all()


def exists(conn: Connection, id_: str) -> bool:
    """Whether there is an incident with this id."""
    return conn.execute(select(incident.c.id).where(incident.c.id == id_)).first() is not None
