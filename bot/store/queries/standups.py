"""Which standups there are: at most one of a series is open."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, or_, select

from bot.store.tables import aftercare, duty, incident, record, report, response, rollout, standup


def newest(conn: Connection, series: str, limit: int = 5) -> Sequence[RowMapping]:
    """The newest of a series, newest first."""
    statement = select(standup).where(standup.c.series == series)
    ordered = statement.order_by(standup.c.created_at.desc(), standup.c.id.desc())
    return conn.execute(ordered.limit(limit)).mappings().all()


def unfinished(conn: Connection, channel: str = "") -> Sequence[RowMapping]:
    """Those that are open, newest first; of one channel, or all."""
    statement = select(standup).where(standup.c.ended_at.is_(None))
    if channel:
        statement = statement.where(standup.c.channel == channel)
    ordered = statement.order_by(standup.c.created_at.desc(), standup.c.id.desc())
    return conn.execute(ordered).mappings().all()


def responses_since(
    conn: Connection, services: Sequence[str], since: datetime
) -> Sequence[RowMapping]:
    """The responses of these services that began since then or are not done, oldest first."""
    fresh = or_(response.c.created_at >= since, response.c.ended_at.is_(None))
    statement = select(response).where(response.c.service.in_(services), fresh)
    ordered = statement.order_by(response.c.created_at, response.c.id)
    return conn.execute(ordered).mappings().all()


def duties_since(
    conn: Connection, services: Sequence[str], since: datetime
) -> Sequence[RowMapping]:
    """The duties of these services that began since then or are not done, oldest first."""
    fresh = or_(duty.c.created_at >= since, duty.c.ended_at.is_(None))
    statement = select(duty).where(duty.c.service.in_(services), fresh)
    return conn.execute(statement.order_by(duty.c.created_at, duty.c.id)).mappings().all()


def rollouts_since(
    conn: Connection, services: Sequence[str], since: datetime
) -> Sequence[RowMapping]:
    """The rollouts of these services that were under way since then, oldest first."""
    fresh = or_(rollout.c.ended_at >= since, rollout.c.ended_at.is_(None))
    statement = select(rollout).where(rollout.c.service.in_(services), fresh)
    return conn.execute(statement.order_by(rollout.c.created_at, rollout.c.id)).mappings().all()


def incidents_since(
    conn: Connection, services: Sequence[str], since: datetime
) -> Sequence[RowMapping]:
    """The incidents of these services that were opened since then or are not over, oldest first."""
    fresh = or_(incident.c.created_at >= since, incident.c.ended_at.is_(None))
    statement = select(incident).where(incident.c.service.in_(services), fresh)
    ordered = statement.order_by(incident.c.created_at, incident.c.id)
    return conn.execute(ordered).mappings().all()


def records_of(conn: Connection, ids: Sequence[str]) -> Sequence[RowMapping]:
    """The records of these rollouts."""
    return conn.execute(select(record).where(record.c.id.in_(ids))).mappings().all()


def aftercares_of(conn: Connection, ids: Sequence[str]) -> Sequence[RowMapping]:
    """What follows these rollouts."""
    return conn.execute(select(aftercare).where(aftercare.c.id.in_(ids))).mappings().all()


def count_reported(
    conn: Connection, service: str, environment: str, kinds: Sequence[str], since: datetime
) -> int:
    """How many reports of these kinds there were in a place since then, open or not."""
    here = (report.c.service == service) & (report.c.environment == environment)
    those = (report.c.source == "report") & report.c.kind.in_(kinds) & (report.c.at >= since)
    return conn.execute(select(func.count()).where(here, those)).scalar_one()


def incidents_reported(
    conn: Connection, service: str, environment: str, since: datetime
) -> Sequence[RowMapping]:
    """The incidents that were reported there since then; of one that is over, noted_at is when."""
    here = (report.c.service == service) & (report.c.environment == environment)
    statement = select(report).where(here, report.c.source == "incident", report.c.at >= since)
    return conn.execute(statement.order_by(report.c.at, report.c.id)).mappings().all()
