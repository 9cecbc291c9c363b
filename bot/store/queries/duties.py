"""Which duties and responses there are."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, RowMapping, select

from bot.store.tables import duty, response


def open_of(
    conn: Connection, rollout_id: str, due: str = "", subject: str = ""
) -> Sequence[RowMapping]:
    """The duties of a rollout that are not done, oldest first; of one kind or subject if named."""
    statement = select(duty).where(duty.c.rollout_id == rollout_id, duty.c.ended_at.is_(None))
    if due:
        statement = statement.where(duty.c.due == due)
    if subject:
        statement = statement.where(duty.c.subject == subject)
    return conn.execute(statement.order_by(duty.c.created_at, duty.c.id)).mappings().all()


def open_in(conn: Connection, services: Sequence[str]) -> Sequence[RowMapping]:
    """The duties of these services that are not done, oldest first."""
    statement = select(duty).where(duty.c.service.in_(services), duty.c.ended_at.is_(None))
    return conn.execute(statement.order_by(duty.c.created_at, duty.c.id)).mappings().all()


class _Late(msgspec.Struct):
    late_at: str | None = None


def late(conn: Connection, rollout_id: str) -> Mapping[str, int]:
    """How many duties of a rollout were not done in time, by what was due."""
    statement = select(duty.c.due, duty.c.state).where(duty.c.rollout_id == rollout_id)
    found = conn.execute(statement)
    return Counter(due for due, state in found if _late(state))


def _late(state: str) -> bool:
    return msgspec.json.decode(state, type=_Late).late_at is not None


def responses_in(conn: Connection, services: Sequence[str]) -> Sequence[RowMapping]:
    """The responses of these services on which something is left to do, newest first."""
    statement = select(response).where(
        response.c.service.in_(services), response.c.ended_at.is_(None)
    )
    return conn.execute(statement.order_by(response.c.created_at.desc())).mappings().all()
