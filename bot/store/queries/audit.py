"""The chain of what happened: each entry carries the hash of the one before.

Ids have no gaps and no two entries follow the same one (a unique index), so a deleted, inserted,
altered or reordered entry shows. A cut at the end shows against an anchor kept elsewhere.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, or_, select

from bot.domain.anchors import Anchor
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


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; "" and None: all. since: from then on. until: before then."""

    service: str = ""
    environment: str = ""
    aggregate_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


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


def page_of(conn: Connection, after: int, sought: Sought, page: int) -> list[Entry]:
    """Up to `page` of the wanted entries after one of that id, in order."""
    statement = select(audit).where(audit.c.id > after)
    for name in ("service", "environment", "aggregate_id"):
        if wanted := getattr(sought, name):
            statement = statement.where(audit.c[name] == wanted)
    if sought.since is not None:
        statement = statement.where(audit.c.at >= sought.since)
    if sought.until is not None:
        statement = statement.where(audit.c.at < sought.until)
    rows = conn.execute(statement.order_by(audit.c.id).limit(page)).mappings()
    return [_entry(row) for row in rows]


def verify(conn: Connection, *anchors: Anchor) -> Anchor:
    """Recompute the whole chain; returns its head.

    anchors: earlier heads, which must still be part of it. Raises BrokenChainError.
    """
    last, known = Anchor(0, GENESIS), _by_id(anchors)
    for entry in entries(conn):
        last = _next(last, entry, known)
    _all_there(last, known)
    return last


def read_on(
    conn: Connection, last: Anchor, anchors: Iterable[Anchor] = (), page: int = 500
) -> tuple[Anchor, bool]:
    """Recompute one page of the chain after `last`: how far that went, and whether it is the end.

    last: what was read before, which must still be there. anchors: as for `verify`; one that lies
    before `last` has been passed already. Raises BrokenChainError.
    """
    _still_there(conn, last)
    known = _by_id(anchors)
    found = list(islice(entries(conn, last.id, page), page))
    for entry in found:
        last = _next(last, entry, known)
    ended = len(found) < page
    if ended:
        _all_there(last, known)
    return last, ended


def _by_id(anchors: Iterable[Anchor]) -> dict[int, str]:
    """Two of the same place that differ can't both be met. Raises BrokenChainError."""
    known: dict[int, str] = {}
    for anchor in anchors:
        if known.setdefault(anchor.id, anchor.hash) != anchor.hash:
            raise BrokenChainError(anchor.id, "was anchored twice, and not alike")
    return known


def _next(last: Anchor, entry: Entry, known: Mapping[int, str]) -> Anchor:
    if entry.id != last.id + 1:
        raise BrokenChainError(last.id + 1, f"is missing (the next one is {entry.id})")
    if entry.prev_hash != last.hash:
        raise BrokenChainError(entry.id, "does not follow the one before it")
    if entry.hash != hash_of(entry, entry.id, entry.prev_hash):
        raise BrokenChainError(entry.id, "was altered")
    if known.get(entry.id, entry.hash) != entry.hash:
        raise BrokenChainError(entry.id, "is not the one that was anchored")
    return Anchor(entry.id, entry.hash)


def _all_there(last: Anchor, known: Mapping[int, str]) -> None:
    beyond = [id_ for id_ in known if id_ > last.id]
    if beyond:
        raise BrokenChainError(min(beyond), f"was anchored, but the chain ends at {last.id}")


def _still_there(conn: Connection, last: Anchor) -> None:
    if not last.id:
        return
    found = conn.execute(select(audit.c.hash).where(audit.c.id == last.id)).scalar_one_or_none()
    if found is None:
        raise BrokenChainError(last.id, "was there before, and is gone")
    if found != last.hash:
        raise BrokenChainError(last.id, "is not the one that was there before")


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
