"""Rows of the outbox: what is to be done outside, in which order, by whom, and how it went.

Rows of one stream are done one at a time in the order of their ids. In a stream where the latest
wins, a new row takes the place of one that waits.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from bot.store.queries.leases import Claimant, lease_clock, workable
from bot.store.tables import outbox

DEPLOY = "deploy"
"""The lane of changes at a target."""

ACTIVE = ("pending", "claimed")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be inserted.

    lane: rows of one lane share their workers. latest: it takes the place of what waits in its
    stream. pace: the shortest time between two rows of a stream where the latest wins.
    """

    key: str
    kind: str
    aggregate_id: str
    fence: int
    lane: str
    stream: str
    effect: str
    schema: int = 1
    latest: bool = False
    pace: timedelta = timedelta()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row.

    attempts: how many there have been, this one included. look_first: an earlier one may have had
    its effect.
    """

    id: int
    key: str
    kind: str
    aggregate_id: str
    fence: int
    lane: str
    stream: str
    effect: str
    attempts: int
    look_first: bool
    created_at: datetime


_COPIED = [name for name in Row.__struct_fields__ if name not in {"attempts", "look_first"}]


def add(conn: Connection, entry: Entry, now: datetime) -> None:
    """Insert a row; in a stream where the latest wins, instead of the one that waits."""
    begin, attempts, uncertain = now, 0, False
    if entry.latest:
        begin, attempts, uncertain = _take_place(conn, entry, now)
    values = {
        name: getattr(entry, name)
        for name in ("key", "kind", "aggregate_id", "fence", "schema", "lane", "stream", "effect")
    }
    conn.execute(
        insert(outbox).values(
            **values,
            state="pending",
            attempts=attempts,
            uncertain=uncertain,
            created_at=now,
            next_attempt_at=begin,
        )
    )


def _take_place(conn: Connection, entry: Entry, now: datetime) -> tuple[datetime, int, bool]:
    """What the new row inherits: a wait that Slack asked for is not forgotten with the old one."""
    here = {"here": entry.stream}
    old = conn.execute(_waiting(), here).one()
    last = conn.execute(_last_done(), here).scalar()
    if old[1] is not None:
        waiting = and_(outbox.c.stream == entry.stream, outbox.c.state == "pending")
        values = {"state": "cancelled", "finished_at": now, "error": f"superseded by {entry.key}"}
        conn.execute(update(outbox).where(waiting).values(**values))
    begin = max(moment for moment in (now, old[0], last and last + entry.pace) if moment)
    return begin, old[1] or 0, bool(old[2])


@cache
def _waiting() -> Select[Any, Any, int]:
    return select(
        func.max(outbox.c.next_attempt_at, type_=outbox.c.next_attempt_at.type),
        func.max(outbox.c.attempts),
        func.count().filter(outbox.c.uncertain),
    ).where(outbox.c.stream == bindparam("here"), outbox.c.state == "pending")


@cache
def _last_done() -> Select[Any]:
    done = select(outbox.c.finished_at).where(
        outbox.c.stream == bindparam("here"), outbox.c.state == "done"
    )
    return done.order_by(outbox.c.id.desc()).limit(1)


@cache
def _claimable() -> Select[Any]:
    """Built once: it is asked several times a second, and building takes longer than asking."""
    earlier = outbox.alias("earlier")
    blocked = (
        select(earlier.c.id)
        .where(
            earlier.c.stream == outbox.c.stream,
            earlier.c.id < outbox.c.id,
            earlier.c.state.in_(ACTIVE),
        )
        .exists()
    )
    return (
        select(outbox)
        .where(
            outbox.c.state.in_(ACTIVE),
            workable(outbox, bindparam("clock", type_=outbox.c.lease_until.type)),
            outbox.c.lane == bindparam("lane"),
            outbox.c.next_attempt_at <= bindparam("now", type_=outbox.c.next_attempt_at.type),
            outbox.c.schema <= bindparam("newest_schema"),
            not_(blocked),
        )
        .order_by(outbox.c.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(of=outbox, skip_locked=True)
    )


def claim(
    conn: Connection, claimant: Claimant, lane: str, now: datetime, limit: int = 50
) -> list[Row]:
    """Take rows of a lane that may be done now and that nobody else is doing."""
    clock = lease_clock(conn, now)
    asked = {
        "clock": clock,
        "now": now,
        "lane": lane,
        "newest_schema": claimant.schema,
        "most": limit,
    }
    rows = conn.execute(_claimable(), asked).mappings().all()
    if rows:
        _mark(conn, [row["id"] for row in rows], claimant, clock)
    return [
        Row(
            **{name: row[name] for name in _COPIED},
            attempts=row["attempts"] + 1,
            look_first=row["uncertain"] or row["state"] == "claimed",
        )
        for row in rows
    ]


def _mark(conn: Connection, ids: list[int], claimant: Claimant, clock: datetime) -> None:
    statement = update(outbox).where(outbox.c.id.in_(ids))
    conn.execute(
        statement.values(
            state="claimed",
            attempts=outbox.c.attempts + 1,
            lease_owner=claimant.owner,
            lease_until=clock + claimant.lease,
        )
    )


def _held(row: Row, owner: str) -> ColumnElement[bool]:
    """The row as it was claimed: not cancelled and not taken over meanwhile."""
    return and_(
        outbox.c.id == row.id,
        outbox.c.state == "claimed",
        outbox.c.lease_owner == owner,
        outbox.c.attempts == row.attempts,
    )


def held(conn: Connection, row: Row, owner: str) -> bool:
    """Whether the claim on `row` still stands; it is locked until the unit ends."""
    statement = select(outbox.c.id).where(_held(row, owner)).with_for_update()
    return conn.execute(statement).one_or_none() is not None


def fence_of(conn: Connection, row: Row) -> int:
    """The fence of a row as it is now: a takeover since the claim has given it a newer one."""
    fence: int = conn.execute(select(outbox.c.fence).where(outbox.c.id == row.id)).scalar_one()
    return fence


def finish(conn: Connection, row: Row, state: str, now: datetime, error: str = "") -> None:
    """The row is `done`, `dead` or `cancelled`. Call `held` first, in the same unit."""
    values = {"state": state, "finished_at": now, "error": error or None, "uncertain": False}
    conn.execute(update(outbox).where(outbox.c.id == row.id).values(**values))


def postpone(
    conn: Connection, row: Row, until: datetime, error: str, *, uncertain: bool, counts: bool = True
) -> None:
    """Try again at `until`. uncertain: it may have had its effect. counts: it was an attempt."""
    conn.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(
            state="pending",
            next_attempt_at=until,
            error=error,
            uncertain=uncertain,
            attempts=outbox.c.attempts - (0 if counts else 1),
            lease_owner=None,
            lease_until=None,
        )
    )


def cancel_changes(
    conn: Connection, kind: str, aggregate_id: str, now: datetime, *, sent_too: bool
) -> list[str]:
    """Take back the changes of an aggregate that wait; returns their keys.

    sent_too: also forget those that somebody is just sending, so that a newer one need not wait.
    """
    states = ACTIVE if sent_too else ("pending",)
    theirs = and_(
        outbox.c.kind == kind,
        outbox.c.aggregate_id == aggregate_id,
        outbox.c.lane == DEPLOY,
        outbox.c.state.in_(states),
    )
    keys = list(conn.execute(select(outbox.c.key).where(theirs)).scalars())
    if keys:
        values = {"state": "cancelled", "finished_at": now, "error": "a newer fence"}
        conn.execute(update(outbox).where(theirs).values(**values))
    return keys


def next_instant(conn: Connection) -> datetime | None:
    """When the earliest waiting row may be tried."""
    earliest = func.min(outbox.c.next_attempt_at, type_=outbox.c.next_attempt_at.type)
    return conn.execute(select(earliest).where(outbox.c.state == "pending")).scalar()


def pending(conn: Connection) -> int:
    """How many rows wait or are being worked on."""
    counted = select(func.count()).select_from(outbox).where(outbox.c.state.in_(ACTIVE))
    return conn.execute(counted).scalar_one()


def dead(conn: Connection, limit: int = 100) -> list[tuple[str, str]]:
    """Key and error of the rows that were given up, newest first."""
    statement = select(outbox.c.key, outbox.c.error).where(outbox.c.state == "dead")
    rows = conn.execute(statement.order_by(outbox.c.id.desc()).limit(limit))
    return [(key, error or "") for key, error in rows]


def prune(conn: Connection, before: datetime) -> int:
    """Delete what was finished before that instant; dead rows stay until somebody has looked."""
    old = or_(outbox.c.state == "done", outbox.c.state == "cancelled")
    return conn.execute(delete(outbox).where(old, outbox.c.finished_at < before)).rowcount
