"""Requests and signatures as rows of their own, so that the database counts a person once.

The aggregate says what holds; these rows follow it in the same unit of work.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, Update, and_, delete, insert, select, update

from bot.domain.approvals import Request, Signature
from bot.store.tables import approval, approval_request


class Owner(msgspec.Struct, frozen=True):
    """The aggregate that asks."""

    kind: str
    id: str


def follow(
    conn: Connection,
    owner: Owner,
    before: Mapping[str, Request],
    after: Mapping[str, Request],
    now: datetime,
) -> None:
    """Bring the rows from what was asked and signed `before` to `after` (purpose -> request)."""
    for purpose, request in after.items():
        old = before.get(purpose)
        if old == request:
            continue
        if old is None or old.id != request.id:
            _open(conn, owner, purpose, request)
            old = None
        _amend(conn, owner, request)
        _sign(conn, owner, request, old)
    for purpose, request in before.items():
        replaced = after.get(purpose)
        if replaced is None or replaced.id != request.id:
            conn.execute(_row(owner, request.id).values(closed_at=now))


def signers(conn: Connection, owner: Owner, request_id: str) -> list[str]:
    """The people whose signature stands, in the order of signing."""
    theirs = _theirs(owner, request_id)
    statement = select(approval.c.person).where(theirs).order_by(approval.c.at, approval.c.person)
    return list(conn.execute(statement).scalars())


def _open(conn: Connection, owner: Owner, purpose: str, request: Request) -> None:
    conn.execute(
        insert(approval_request).values(
            kind=owner.kind,
            aggregate_id=owner.id,
            id=request.id,
            purpose=purpose,
            digest=request.digest,
            generation=request.generation,
            opened_at=request.opened_at,
            expires_at=request.expires_at,
        )
    )


def _amend(conn: Connection, owner: Owner, request: Request) -> None:
    conn.execute(
        _row(owner, request.id).values(
            digest=request.digest, generation=request.generation, expires_at=request.expires_at
        )
    )


def _sign(conn: Connection, owner: Owner, request: Request, old: Request | None) -> None:
    stood = {s.person: s for s in old.signatures} if old else {}
    stands = {s.person: s for s in request.signatures}
    gone = [person for person, s in stood.items() if stands.get(person) != s]
    if gone:
        theirs = _theirs(owner, request.id)
        conn.execute(delete(approval).where(theirs, approval.c.person.in_(gone)))
    for signature in request.signatures:
        if stood.get(signature.person) != signature:
            _insert(conn, owner, request.id, signature)


def _insert(conn: Connection, owner: Owner, request_id: str, signature: Signature) -> None:
    conn.execute(
        insert(approval).values(
            kind=owner.kind,
            aggregate_id=owner.id,
            request_id=request_id,
            person=signature.person,
            user_id=signature.user_id,
            roles=msgspec.json.encode(signature.roles).decode(),
            at=signature.at,
            comment=signature.comment,
        )
    )


def _theirs(owner: Owner, request_id: str) -> ColumnElement[bool]:
    return and_(
        approval.c.kind == owner.kind,
        approval.c.aggregate_id == owner.id,
        approval.c.request_id == request_id,
    )


def _row(owner: Owner, request_id: str) -> Update:
    return update(approval_request).where(
        approval_request.c.kind == owner.kind,
        approval_request.c.aggregate_id == owner.id,
        approval_request.c.id == request_id,
    )
