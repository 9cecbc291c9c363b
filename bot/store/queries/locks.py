"""Which locks are on."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from bot.store.tables import lock


def active(conn: Connection) -> Sequence[RowMapping]:
    """The locks that have not ended, oldest first."""
    statement = select(lock).where(lock.c.ended_at.is_(None))
    return conn.execute(statement.order_by(lock.c.created_at, lock.c.id)).mappings().all()
