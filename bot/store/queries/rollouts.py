"""Which rollouts there are: for the queue, for cards and Home tabs, and for the quarantine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from bot.store.tables import rollout


def live(conn: Connection, service: str, environment: str) -> RowMapping | None:
    """The rollout that holds a target (there is at most one)."""
    statement = _of(service, environment).where(rollout.c.live)
    return conn.execute(statement).mappings().one_or_none()


def in_phase(conn: Connection, service: str, environment: str, phase: str) -> Sequence[RowMapping]:
    """Rollouts of a target in a phase, oldest first."""
    statement = _of(service, environment).where(rollout.c.phase == phase)
    statement = statement.where(rollout.c.ended_at.is_(None)).order_by(rollout.c.created_at)
    return conn.execute(statement.order_by(rollout.c.id)).mappings().all()


def unfinished(conn: Connection, service: str = "", environment: str = "") -> Sequence[RowMapping]:
    """Rollouts that have not ended, oldest first; of one service or environment if named."""
    statement = select(rollout).where(rollout.c.ended_at.is_(None))
    if service:
        statement = statement.where(rollout.c.service == service)
    if environment:
        statement = statement.where(rollout.c.environment == environment)
    return conn.execute(statement.order_by(rollout.c.created_at, rollout.c.id)).mappings().all()


def same(
    conn: Connection, service: str, environment: str, version: str, besides: str
) -> RowMapping | None:
    """Another rollout of this version that has not ended. besides: the one that is asking.

    Whoever asks about the same target waits until this unit ends; two could not see each other.
    """
    if conn.dialect.name == "postgresql":
        name = f"rollout of {service} to {environment}"
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    statement = _of(service, environment).where(
        rollout.c.ended_at.is_(None), rollout.c.version_name == version, rollout.c.id != besides
    )
    return conn.execute(statement.limit(1)).mappings().one_or_none()


def recent(
    conn: Connection,
    service: str = "",
    environment: str = "",
    *,
    version: str = "",
    before: datetime | None = None,
    limit: int = 10,
) -> Sequence[RowMapping]:
    """The newest rollouts, ended or not. before: created earlier than that (the next page)."""
    statement = select(rollout)
    if service:
        statement = statement.where(rollout.c.service == service)
    if environment:
        statement = statement.where(rollout.c.environment == environment)
    if version:
        statement = statement.where(rollout.c.version_name == version)
    if before is not None:
        statement = statement.where(rollout.c.created_at < before)
    statement = statement.order_by(rollout.c.created_at.desc()).limit(limit)
    return conn.execute(statement).mappings().all()


def successor(
    conn: Connection, service: str, environment: str, completed: str, since: datetime | None
) -> RowMapping | None:
    """The rollout that holds a target, else the newest one that was completed there after `since`.

    completed: the phase of one that took its place and kept it.
    """
    holds = live(conn, service, environment)
    if holds is not None:
        return holds
    kept = _of(service, environment).where(rollout.c.phase == completed)
    newer = kept.where(rollout.c.ended_at > since).order_by(rollout.c.ended_at.desc()).limit(1)
    return conn.execute(newer).mappings().one_or_none()


def quarantined(conn: Connection, service: str, artifact: str) -> RowMapping | None:
    """The rollout because of which an artifact must not run on a service again, if there is one."""
    statement = select(rollout).where(
        rollout.c.service == service, rollout.c.quarantined_artifact == artifact
    )
    newest = statement.order_by(rollout.c.created_at.desc()).limit(1)
    return conn.execute(newest).mappings().one_or_none()


def in_quarantine(conn: Connection, service: str) -> Sequence[RowMapping]:
    """The rollouts of a service whose artifact must not run there again, oldest first."""
    statement = select(rollout).where(
        rollout.c.service == service, rollout.c.quarantined_artifact.is_not(None)
    )
    return conn.execute(statement.order_by(rollout.c.created_at, rollout.c.id)).mappings().all()


def count_by_phase(conn: Connection) -> dict[tuple[str, str], int]:
    """(service, phase) -> how many that have not ended."""
    statement = select(rollout.c.service, rollout.c.phase, func.count())
    statement = statement.where(rollout.c.ended_at.is_(None))
    rows = conn.execute(statement.group_by(rollout.c.service, rollout.c.phase))
    return {(service, phase): count for service, phase, count in rows}


def oldest_due(conn: Connection) -> datetime | None:
    """The earliest instant at which a rollout is to be looked at, None when none is."""
    column = rollout.c.next_check_at
    earliest = select(func.min(column, type_=column.type)).where(rollout.c.ended_at.is_(None))
    found: datetime | None = conn.execute(earliest).scalar()
    return found


def _of(service: str, environment: str) -> Select[Any]:
    return select(rollout).where(rollout.c.service == service, rollout.c.environment == environment)
