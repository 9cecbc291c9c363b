"""Changes at a target: each has a number that grows over all rollouts, and a state.

The target refuses a number lower than one it has seen, so a request that was held up somewhere
can't undo a newer one.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.tables import op, sequence


class Change(msgspec.Struct, frozen=True):
    """One change. state: planned, sent, done, rejected or unknown."""

    key: str
    service: str
    environment: str
    seq: int
    operation: str
    state: str


def draw(conn: Connection, service: str, environment: str, count: int = 1) -> int:
    """Take the next `count` numbers of a target; returns the highest of them."""
    dialect: Any = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(sequence).values(
        service=service, environment=environment, last=count
    )
    statement = statement.on_conflict_do_update(
        index_elements=["service", "environment"], set_={"last": sequence.c.last + count}
    ).returning(sequence.c.last)
    last: int = conn.execute(statement).scalar_one()
    return last


def raise_to(conn: Connection, service: str, environment: str, seq: int) -> None:
    """Make the next number higher than `seq`, which the target has seen already."""
    here = and_(sequence.c.service == service, sequence.c.environment == environment)
    last = conn.execute(select(sequence.c.last).where(here).with_for_update()).scalar()
    if last is None:
        draw(conn, service, environment, seq)
    elif last < seq:
        conn.execute(update(sequence).where(here).values(last=seq))


def plan(conn: Connection, key: str, operation: str, place: tuple[str, str], at: datetime) -> None:
    """Give a change its number. The one before it stays free, for what it may need first."""
    seq = draw(conn, *place, count=2)
    _insert(conn, key, operation, place, seq, at)


def plan_first(conn: Connection, key: str, first: str, operation: str, at: datetime) -> Change:
    """Another change that has to come before `key`: it gets the number below. Idempotent."""
    known = find(conn, first)
    if known is not None:
        return known
    after = find(conn, key)
    if after is None:
        raise LookupError(f"no change {key}")
    place = (after.service, after.environment)
    _insert(conn, first, operation, place, after.seq - 1, at)
    return Change(first, *place, after.seq - 1, operation, "planned")


def renumber(conn: Connection, key: str, above: int) -> int:
    """Give a change that must not be refused numbers above what the target has seen."""
    change = find(conn, key)
    if change is None:
        raise LookupError(f"no change {key}")
    raise_to(conn, change.service, change.environment, above)
    seq = draw(conn, change.service, change.environment, count=2)
    conn.execute(update(op).where(op.c.key == key).values(seq=seq))
    first = op.c.key == f"{key}:prepare"
    conn.execute(update(op).where(first).values(seq=seq - 1))
    return seq


def find(conn: Connection, key: str) -> Change | None:
    """The change with this key."""
    row = conn.execute(select(op).where(op.c.key == key)).mappings().one_or_none()
    return Change(**{n: row[n] for n in Change.__struct_fields__}) if row else None


def mark(conn: Connection, keys: list[str], state: str, at: datetime) -> None:
    """What became of changes."""
    conn.execute(update(op).where(op.c.key.in_(keys)).values(state=state, at=at))


def withdraw(conn: Connection, keys: list[str], at: datetime) -> None:
    """Changes that were taken back: those that may have left the house are unknown."""
    mine = op.c.key.in_(keys)
    for was, becomes in (("planned", "rejected"), ("sent", "unknown")):
        conn.execute(update(op).where(mine, op.c.state == was).values(state=becomes, at=at))


def _insert(
    conn: Connection, key: str, operation: str, place: tuple[str, str], seq: int, at: datetime
) -> None:
    service, environment = place
    conn.execute(
        insert(op).values(
            key=key,
            service=service,
            environment=environment,
            seq=seq,
            operation=operation,
            state="planned",
            at=at,
        )
    )
