"""Who asked for notices about a service, and who wants none: the last word of each address."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select

from bot.store.tables import subscription


class Word(msgspec.Struct, frozen=True):
    """What somebody wants. service: "" for all of them. by: who said it."""

    address: str
    service: str
    wanted: bool
    by: str


def put(conn: Connection, word: Word, now: datetime) -> None:
    """Keep the last word of an address about a service."""
    _forget(conn, word.address, (word.service,))
    conn.execute(insert(subscription).values(**msgspec.structs.asdict(word), at=now))


def welcome(conn: Connection, address: str, service: str) -> None:
    """Forget that an address wanted nothing about a service, or about anything."""
    here = subscription.c.address == address
    wide = subscription.c.service.in_((service, ""))
    conn.execute(delete(subscription).where(here, wide, ~subscription.c.wanted))


def wanted(conn: Connection, service: str) -> frozenset[str]:
    """The addresses that want to hear about a service; what is about none is for all of them."""
    statement = select(subscription.c.address).where(subscription.c.wanted)
    if service:
        statement = statement.where(subscription.c.service.in_((service, "")))
    return frozenset(conn.execute(statement).scalars())


def unwanted(conn: Connection, service: str) -> frozenset[str]:
    """The addresses that want to hear nothing about a service, or nothing at all."""
    wide = subscription.c.service.in_((service, ""))
    statement = select(subscription.c.address).where(wide, ~subscription.c.wanted)
    return frozenset(conn.execute(statement).scalars())


def listed(conn: Connection, service: str = "") -> Sequence[RowMapping]:
    """All words about a service and about all of them; with no service, all there are."""
    statement = select(subscription).order_by(subscription.c.address, subscription.c.service)
    if service:
        statement = statement.where(subscription.c.service.in_((service, "")))
    return conn.execute(statement).mappings().all()


def _forget(conn: Connection, address: str, services: Sequence[str]) -> None:
    here = subscription.c.address == address
    conn.execute(delete(subscription).where(here, subscription.c.service.in_(services)))
