"""Whose turn it is: the clock that leases are measured by, and how long a claim is good for.

Replicas don't share a clock, so PostgreSQL's own decides there. With SQLite there is one process.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    and_,
    func,
    or_,
    select,
    update,
)


class Claimant(msgspec.Struct, frozen=True):
    """Who claims: a name that no other process, nor this one after a restart, goes by.

    lease: how long a claim is good for unless it is renewed. schema: the newest rows understood.
    """

    owner: str
    lease: timedelta = timedelta(seconds=30)
    schema: int = 1


def lease_clock(conn: Connection, now: datetime) -> datetime:
    """The instant that leases are compared with; `now` where there is a single process."""
    if conn.dialect.name != "postgresql":
        return now
    clock: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
    return clock


def workable(table: Table, clock: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Queue rows that nobody works on: new ones, and those whose worker is gone."""
    lapsed = and_(table.c.state == "claimed", table.c.lease_until <= clock)
    return or_(table.c.state == "pending", lapsed)


def renew(conn: Connection, table: Table, claimant: Claimant, ids: list[Any], now: datetime) -> int:
    """Go on working on rows that are still ours; returns how many still are."""
    until = lease_clock(conn, now) + claimant.lease
    mine = and_(table.c.id.in_(ids), table.c.lease_owner == claimant.owner)
    statement = update(table).where(mine, table.c.state == "claimed").values(lease_until=until)
    return conn.execute(statement).rowcount


def let_go(conn: Connection, table: Table, owner: str | None = None) -> int:
    """Put claimed queue rows back. owner: only theirs; None: everybody's (a lone process starts).

    They stay `uncertain`: whoever had them may have been in the middle of it.
    """
    statement = update(table).where(table.c.state == "claimed")
    if owner is not None:
        statement = statement.where(table.c.lease_owner == owner)
    values: dict[str, Any] = {"state": "pending", "lease_owner": None, "lease_until": None}
    if "uncertain" in table.c:
        values["uncertain"] = True
    return conn.execute(statement.values(**values)).rowcount
