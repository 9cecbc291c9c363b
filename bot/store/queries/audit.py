"""The chain of what happened: each entry carries the hash of the one before.

Ids have no gaps and no two entries follow the same one (a unique index), so a deleted, inserted,
altered or reordered entry shows. A cut at the end shows against an anchor kept elsewhere.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, or_, select

from bot.domain.plan import canonical
from bot.store.tables import audit

GENESIS = "0" * 64

_LOCK = 0x636F756E746572
"""Key of the advisory lock that lets one transaction at a time add to the chain."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down. event: JSON. actor: a person."""

    at: datetime
    kind: str
    aggregate_id: str
    service: str
    environment: str
    revision: int
    actor: str
    event: str
    phase_before: str
    phase_after: str


class Entry(Fact, frozen=True, kw_only=True):
    """A fact with its place in the chain."""

    id: int
    prev_hash: str
    hash: str


class Anchor(msgspec.Struct, frozen=True):
    """The head of the chain at some time, to be kept where nobody who can write here can."""

    id: int
    hash: str


class BrokenChainError(Exception):
    """The chain is not what it was. id: the first entry that shows it."""

    def __init__(self, id_: int, problem: str) -> None:
        super().__init__(f"audit entry {id_}: {problem}")
        self.id = id_


def hash_of(fact: Fact, id_: int, prev_hash: str) -> str:
    """sha256 over the canonical JSON of an entry without its own hash."""
    body = {name: getattr(fact, name) for name in Fact.__struct_fields__}
    body["at"] = fact.at.isoformat(timespec="microseconds")
    return hashlib.sha256(canonical({**body, "id": id_, "prev_hash": prev_hash})).hexdigest()


def append(conn: Connection, fact: Fact) -> Anchor:
    """Add to the chain. On PostgreSQL others wait from here until the unit ends: do this last."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    last = head(conn)
    id_ = last.id + 1
    entry = hash_of(fact, id_, last.hash)
    conn.execute(
        insert(audit).values(
            id=id_,
            prev_hash=last.hash,
            hash=entry,
            **{name: getattr(fact, name) for name in Fact.__struct_fields__},
        )
    )
    return Anchor(id_, entry)


def head(conn: Connection) -> Anchor:
    """The newest entry; id 0 when there is none."""
    newest = select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)
    row = conn.execute(newest).one_or_none()
    return Anchor(row.id, row.hash) if row else Anchor(0, GENESIS)


def entries(conn: Connection, after: int = 0, page: int = 1000) -> Iterator[Entry]:
    """All entries in order, from the one after `after`, read page by page."""
    while True:
        statement = select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(page)
        rows = conn.execute(statement).mappings().all()
        yield from (_entry(row) for row in rows)
        if len(rows) < page:
            return
        after = rows[-1]["id"]


def verify(conn: Connection, anchor: Anchor | None = None) -> Anchor:
    """Recompute the chain; returns its head.

    anchor: an earlier head, which must still be part of it. Raises BrokenChainError.
    """
    last = Anchor(0, GENESIS)
    for entry in entries(conn):
        if entry.id != last.id + 1:
            raise BrokenChainError(last.id + 1, f"is missing (the next one is {entry.id})")
        if entry.prev_hash != last.hash:
            raise BrokenChainError(entry.id, "does not follow the one before it")
        if entry.hash != hash_of(entry, entry.id, entry.prev_hash):
            raise BrokenChainError(entry.id, "was altered")
        last = Anchor(entry.id, entry.hash)
        if anchor and anchor.id == last.id and anchor.hash != last.hash:
            raise BrokenChainError(entry.id, "is not the one that was anchored")
    if anchor and last.id < anchor.id:
        raise BrokenChainError(anchor.id, f"was anchored, but the chain ends at {last.id}")
    return last


def history(
    conn: Connection,
    service: str,
    environment: str,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int = 20,
) -> list[Entry]:
    """The newest entries of a target. before: (at, id) of the last one of the page before."""
    statement = select(audit).where(audit.c.service == service, audit.c.environment == environment)
    if before is not None:
        at, id_ = before
        earlier = or_(audit.c.at < at, audit.c.id < id_)
        # The first half is implied; it is what the index is entered by.
        statement = statement.where(audit.c.at <= at, earlier)
    statement = statement.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    return [_entry(row) for row in conn.execute(statement).mappings()]


def of_aggregate(conn: Connection, kind: str, aggregate_id: str) -> list[Entry]:
    """Everything that happened to one aggregate, in order."""
    statement = select(audit).where(audit.c.kind == kind, audit.c.aggregate_id == aggregate_id)
    return [_entry(row) for row in conn.execute(statement.order_by(audit.c.id)).mappings()]


def count(conn: Connection, kind: str, aggregate_id: str) -> int:
    """How many entries there are about an aggregate."""
    about = (audit.c.kind == kind) & (audit.c.aggregate_id == aggregate_id)
    statement = select(func.count()).select_from(audit).where(about)
    return int(conn.execute(statement).scalar_one())


def _entry(row: RowMapping) -> Entry:
    values: dict[str, Any] = {name: row[name] for name in Entry.__struct_fields__}
    return Entry(**values)
