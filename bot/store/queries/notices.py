"""Which notices there are."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from bot.store.tables import notice

LATELY = 20


def exists(conn: Connection, id_: str) -> bool:
    """Whether something has been said about this maintenance or incident."""
    return conn.execute(select(notice.c.id).where(notice.c.id == id_)).first() is not None


def state_of(conn: Connection, id_: str) -> str | None:
    """What is kept of a notice, None when there is none."""
    return conn.execute(select(notice.c.state).where(notice.c.id == id_)).scalar()


def open_ones(conn: Connection) -> Sequence[RowMapping]:
    """Those that are not over, oldest first."""
    statement = select(notice).where(notice.c.ended_at.is_(None))
    return conn.execute(statement.order_by(notice.c.created_at, notice.c.id)).mappings().all()


def recent(conn: Connection, limit: int = LATELY) -> Sequence[RowMapping]:
    """The newest, over or not."""
    statement = select(notice).order_by(notice.c.created_at.desc(), notice.c.id).limit(limit)
    return conn.execute(statement).mappings().all()
