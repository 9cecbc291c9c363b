"""Small things to remember: where messages went, what roles people held, what fired already."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.tables import cron, known_roles, message, observation


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours. key: what it is (one card per rollout); ts: its name in the channel."""

    key: str
    channel: str
    ts: str
    purpose: str
    kind: str = ""
    aggregate_id: str = ""


class Held(msgspec.Struct, frozen=True):
    """The roles that somebody held when that could be looked up last."""

    person: str
    user_id: str
    roles: tuple[str, ...]
    at: datetime


def sent(conn: Connection, key: str) -> Sent | None:
    """Where the message with this key is."""
    row = conn.execute(select(message).where(message.c.key == key)).mappings().one_or_none()
    return Sent(**{n: row[n] for n in Sent.__struct_fields__}) if row else None


def sent_at(conn: Connection, channel: str, ts: str) -> Sent | None:
    """Which message of ours this is."""
    place = (message.c.channel == channel) & (message.c.ts == ts)
    row = conn.execute(select(message).where(place).limit(1)).mappings().one_or_none()
    return Sent(**{n: row[n] for n in Sent.__struct_fields__}) if row else None


def sent_for(conn: Connection, purpose: str) -> list[Sent]:
    """All messages of one purpose."""
    rows = conn.execute(select(message).where(message.c.purpose == purpose)).mappings()
    return [Sent(**{name: row[name] for name in Sent.__struct_fields__}) for row in rows]


def remember_sent(conn: Connection, item: Sent, now: datetime) -> None:
    """Keep where a message went (the last word counts)."""
    values = {name: getattr(item, name) for name in Sent.__struct_fields__}
    _put(conn, message, ["key"], {**values, "at": now})


def forget_sent(conn: Connection, key: str) -> None:
    """The message is gone."""
    conn.execute(delete(message).where(message.c.key == key))


def remember_roles(conn: Connection, held: Held) -> None:
    """Keep what somebody holds, for the day when it can't be looked up."""
    values = {
        "person": held.person,
        "user_id": held.user_id,
        "roles": msgspec.json.encode(held.roles).decode(),
        "at": held.at,
    }
    _put(conn, known_roles, ["person"], values)


def last_roles(conn: Connection, person: str) -> Held | None:
    """What somebody held when it was looked up last, however long ago."""
    statement = select(known_roles).where(known_roles.c.person == person)
    row = conn.execute(statement).one_or_none()
    if row is None:
        return None
    roles = msgspec.json.decode(row.roles, type=tuple[str, ...])
    return Held(row.person, row.user_id, roles, row.at)


def claim_cron(conn: Connection, job: str, instant: str, now: datetime) -> bool:
    """Whether it is us who fire this job; one of any number of callers gets True.

    instant: the local date or the instant it is for, as text.
    """
    values = {"job": job, "instant": instant, "fired_at": now}
    statement = (
        _insert(conn, cron)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["job", "instant"])
    )
    return bool(conn.execute(statement).rowcount == 1)


def fired(conn: Connection, job: str, instant: str) -> bool:
    """Whether somebody has claimed this already."""
    statement = select(cron.c.job).where(cron.c.job == job, cron.c.instant == instant)
    return conn.execute(statement).first() is not None


def observe(
    conn: Connection, kind: str, id_: str, at: datetime, seen: str, *, every: timedelta
) -> bool:
    """Keep what a look found (JSON), at most once per `every`; True when it was kept."""
    mine = (observation.c.kind == kind) & (observation.c.aggregate_id == id_)
    newest = func.max(observation.c.at, type_=observation.c.at.type)
    last = conn.execute(select(newest).where(mine)).scalar()
    if last is not None and at - last < every:
        return False
    conn.execute(insert(observation).values(kind=kind, aggregate_id=id_, at=at, seen=seen))
    return True


def observations(conn: Connection, kind: str, id_: str) -> list[tuple[datetime, str]]:
    """What was found at an aggregate's target, in order."""
    mine = (observation.c.kind == kind) & (observation.c.aggregate_id == id_)
    statement = select(observation.c.at, observation.c.seen).where(mine)
    rows = conn.execute(statement.order_by(observation.c.at, observation.c.id))
    return [(at, seen) for at, seen in rows]


def looks(conn: Connection, kind: str, id_: str) -> int:
    """How many measurements of an aggregate are kept."""
    about = (observation.c.kind == kind) & (observation.c.aggregate_id == id_)
    statement = select(func.count()).select_from(observation).where(about)
    return int(conn.execute(statement).scalar_one())


def prune(conn: Connection, before: datetime) -> int:
    """Delete observations made, and forget what fired, before that instant."""
    conn.execute(delete(cron).where(cron.c.fired_at < before))
    return conn.execute(delete(observation).where(observation.c.at < before)).rowcount


def _insert(conn: Connection, table: Table) -> Any:
    dialect: Any = postgresql if conn.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _put(conn: Connection, table: Table, keys: list[str], values: dict[str, Any]) -> None:
    others = {name: value for name, value in values.items() if name not in keys}
    statement = _insert(conn, table).values(**values)
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=others))
