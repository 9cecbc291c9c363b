"""Rows of the inbox: what came in and was acknowledged; each is handled until done or dead."""

from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, Select, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.queries.leases import Claimant, lease_clock, workable
from bot.store.tables import inbox


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row. attempts: how many there have been, this one included."""

    id: int
    dedupe: str
    kind: str
    payload: str
    attempts: int
    received_at: datetime


_COPIED = [name for name in Row.__struct_fields__ if name != "attempts"]


def put(conn: Connection, dedupe: str, kind: str, payload: str, now: datetime) -> bool:
    """Keep what came in; False when it is here already (delivered twice)."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(inbox).values(
        dedupe=dedupe,
        kind=kind,
        payload=payload,
        state="pending",
        attempts=0,
        received_at=now,
        next_attempt_at=now,
    )
    return conn.execute(statement.on_conflict_do_nothing(index_elements=["dedupe"])).rowcount == 1


def claim(conn: Connection, claimant: Claimant, now: datetime, limit: int = 50) -> list[Row]:
    """Take rows that nobody else handles, oldest first."""
    clock = lease_clock(conn, now)
    asked = {"clock": clock, "now": now, "most": limit}
    rows = conn.execute(_claimable(), asked).mappings().all()
    if rows:
        claimed = update(inbox).where(inbox.c.id.in_([row["id"] for row in rows]))
        conn.execute(
            claimed.values(
                state="claimed",
                attempts=inbox.c.attempts + 1,
                lease_owner=claimant.owner,
                lease_until=clock + claimant.lease,
            )
        )
    return [
        Row(**{name: row[name] for name in _COPIED}, attempts=row["attempts"] + 1) for row in rows
    ]


@cache
def _claimable() -> Select[Any]:
    """Built once: it is asked several times a second, and building takes longer than asking."""
    return (
        select(inbox)
        .where(
            inbox.c.state.in_(("pending", "claimed")),
            workable(inbox, bindparam("clock", type_=inbox.c.lease_until.type)),
            inbox.c.next_attempt_at <= bindparam("now", type_=inbox.c.next_attempt_at.type),
        )
        .order_by(inbox.c.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )


def finish(conn: Connection, row: Row, state: str, now: datetime, error: str = "") -> None:
    """The row is `done` or `dead`."""
    values = {"state": state, "finished_at": now, "error": error or None}
    conn.execute(update(inbox).where(inbox.c.id == row.id).values(**values))


def postpone(
    conn: Connection, row: Row, until: datetime, error: str, *, counted: bool = True
) -> None:
    """Try again at `until`. counted: this attempt was one."""
    attempts = row.attempts if counted else row.attempts - 1
    values = {"state": "pending", "next_attempt_at": until, "error": error, "attempts": attempts}
    conn.execute(update(inbox).where(inbox.c.id == row.id).values(**values))


def pending(conn: Connection) -> int:
    """How many rows wait or are being handled."""
    waiting = inbox.c.state.in_(("pending", "claimed"))
    return conn.execute(select(func.count()).select_from(inbox).where(waiting)).scalar_one()


def prune(conn: Connection, before: datetime) -> int:
    """Delete what was handled before that instant."""
    old = delete(inbox).where(inbox.c.state == "done", inbox.c.finished_at < before)
    return conn.execute(old).rowcount
