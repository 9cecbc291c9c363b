"""Rows of aggregates: read under a lock, written if nobody else has, claimed when they are due."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Integer,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.queries.leases import Claimant, lease_clock
from bot.store.tables import outbox


class Due(msgspec.Struct, frozen=True):
    """A row that this process may look at now. fence: what its write has to name."""

    id: str
    revision: int
    fence: int


def fetch(conn: Connection, table: Table, id_: str, *, lock: bool) -> RowMapping | None:
    """The row of an aggregate. lock: nobody else may change it until the unit ends."""
    return conn.execute(_by_id(table, lock), {"wanted": id_}).mappings().one_or_none()


@cache
def _by_id(table: Table, lock: bool) -> Select[Any]:
    """Built once, as `_due` is: building takes longer than asking."""
    statement = select(table).where(table.c.id == bindparam("wanted"))
    return statement.with_for_update() if lock else statement


def add(conn: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row; False when its id is there already. Raises IntegrityError for other rules."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing(index_elements=["id"])
    return conn.execute(statement).rowcount == 1


def replace(
    conn: Connection,
    table: Table,
    id_: str,
    values: Mapping[str, Any],
    *,
    revision: int,
    fence: int,
) -> bool:
    """Write a row that still has this revision and fence; False when it has others by now."""
    guarded = and_(table.c.id == id_, table.c.revision == revision, table.c.fence == fence)
    return conn.execute(update(table).where(guarded).values(**values)).rowcount == 1


def claim_due(
    conn: Connection, table: Table, claimant: Claimant, now: datetime, limit: int = 100
) -> list[Due]:
    """Take rows whose `next_check_at` has come and which nobody else is looking at.

    A row whose lease ran out in somebody else's hands gets a new fence, so that what they still
    write is refused; effects that wait go on under the new fence.
    """
    clock = lease_clock(conn, now)
    asked = {"clock": clock, "now": now, "newest_schema": claimant.schema, "most": limit}
    rows = conn.execute(_due(table), asked).all()
    orphans = [row.id for row in rows if row.lease_owner is not None]
    if rows:
        lease = {"lease_owner": claimant.owner, "lease_until": clock + claimant.lease}
        ids = [row.id for row in rows]
        conn.execute(update(table).where(table.c.id.in_(ids)).values(**lease))
    for id_ in orphans:
        _new_fence(conn, table, id_)
    return [Due(row.id, row.revision, row.fence + (row.id in orphans)) for row in rows]


@cache
def _due(table: Table) -> Select[Any]:
    clock = bindparam("clock", type_=table.c.lease_until.type)
    now = bindparam("now", type_=table.c.next_check_at.type)
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= clock)
    return (
        select(table.c.id, table.c.revision, table.c.fence, table.c.lease_owner)
        .where(table.c.next_check_at <= now, free, table.c.schema <= bindparam("newest_schema"))
        .order_by(table.c.next_check_at)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )


def _new_fence(conn: Connection, table: Table, id_: str) -> None:
    conn.execute(update(table).where(table.c.id == id_).values(fence=table.c.fence + 1))
    waiting = and_(
        outbox.c.kind == table.name,
        outbox.c.aggregate_id == id_,
        outbox.c.state.in_(("pending", "claimed")),
    )
    conn.execute(update(outbox).where(waiting).values(fence=outbox.c.fence + 1))


def release(conn: Connection, table: Table, owner: str, id_: str | None = None) -> None:
    """Give back what `owner` looks at: one row, or all of them."""
    mine = update(table).where(table.c.lease_owner == owner)
    if id_ is not None:
        mine = mine.where(table.c.id == id_)
    conn.execute(mine.values(lease_owner=None, lease_until=None))


def release_all(conn: Connection, table: Table) -> None:
    """Give back every lease: a process that is alone starts, so nobody else can hold one."""
    held = update(table).where(table.c.lease_owner.is_not(None))
    conn.execute(held.values(lease_owner=None, lease_until=None))
