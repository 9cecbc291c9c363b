"""Which records of releases there are: at most one per target is active."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from bot.store.tables import record

LATELY = 200
"""So many records of a target are read at most; the older ones stay where they are."""


def exists(conn: Connection, id_: str) -> bool:
    """Whether a rollout has a record."""
    return conn.execute(select(record.c.id).where(record.c.id == id_)).first() is not None


def active(conn: Connection, service: str, environment: str) -> str | None:
    """The id of the record of what runs there, None when nothing is known to."""
    place = (record.c.service == service) & (record.c.environment == environment)
    found = conn.execute(select(record.c.id).where(place, record.c.active)).one_or_none()
    return found.id if found else None


def newest_of(conn: Connection, service: str, environment: str, version: str) -> str | None:
    """The id of the newest record of a version that was replaced there."""
    place = (record.c.service == service) & (record.c.environment == environment)
    wanted = (record.c.version_name == version) & (record.c.phase == "superseded")
    ordered = select(record.c.id).where(place, wanted).order_by(record.c.created_at.desc())
    found = conn.execute(ordered.limit(1)).one_or_none()
    return found.id if found else None


def recent(
    conn: Connection, service: str, environment: str, limit: int = LATELY
) -> Sequence[RowMapping]:
    """The records of a target, newest first."""
    place = (record.c.service == service) & (record.c.environment == environment)
    ordered = select(record).where(place).order_by(record.c.created_at.desc(), record.c.id)
    return conn.execute(ordered.limit(limit)).mappings().all()


def of_service(conn: Connection, service: str, limit: int = LATELY) -> Sequence[RowMapping]:
    """The records of a service in all of its environments, newest first."""
    mine = select(record).where(record.c.service == service)
    ordered = mine.order_by(record.c.created_at.desc(), record.c.id)
    return conn.execute(ordered.limit(limit)).mappings().all()
