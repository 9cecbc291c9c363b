"""What was reported on a service: kept for the rollouts that begin while it holds."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)

from bot.domain.reports import Report, newer
from bot.store.tables import report

_ONCE = ("event", "report")
"""Sources of what happens and is not over at some time."""

_FIELDS = Report.__struct_fields__


def keep(conn: Connection, service: str, environment: str, new: Report, now: datetime) -> bool:
    """Keep a report unless a later state of it is known; True when it was kept."""
    here = _here(service, environment)
    here = and_(here, report.c.source == new.source, report.c.id == new.id)
    values: dict[str, Any] = {name: getattr(new, name) for name in _FIELDS} | {"noted_at": now}
    row = conn.execute(select(report).where(here).with_for_update()).mappings().one_or_none()
    if row is None:
        place = {"service": service, "environment": environment}
        conn.execute(insert(report).values(**place, **values))
        return True
    if not newer(_report(row), new):
        return False
    conn.execute(update(report).where(here).values(**values))
    return True


def standing(conn: Connection, service: str, environment: str) -> list[Report]:
    """What holds on a service now, oldest first."""
    here = and_(_here(service, environment), report.c.open)
    rows = conn.execute(select(report).where(here).order_by(report.c.at, report.c.id))
    return [_report(row) for row in rows.mappings()]


def heard(conn: Connection, service: str, environment: str, again: Report, now: datetime) -> None:
    """What is known already was told once more: it still holds."""
    same = and_(report.c.source == again.source, report.c.id == again.id, report.c.at == again.at)
    here = and_(_here(service, environment), same, report.c.open)
    conn.execute(update(report).where(here).values(noted_at=now))


def unheard(conn: Connection, before: datetime) -> list[tuple[str, str, Report, datetime]]:
    """Alarms that fire as far as anybody knows, and were told for the last time before an instant.

    Each as (service, environment, the alarm, when it was heard of last).
    """
    silent = and_(report.c.source == "alarm", report.c.open, report.c.noted_at < before)
    rows = conn.execute(select(report).where(silent).order_by(report.c.at, report.c.id)).mappings()
    return [(row["service"], row["environment"], _report(row), row["noted_at"]) for row in rows]


def since(conn: Connection, service: str, environment: str, at: datetime) -> list[Report]:
    """What began on a service since then, whether or not it is over, oldest first."""
    here = and_(_here(service, environment), report.c.at >= at)
    rows = conn.execute(select(report).where(here).order_by(report.c.at, report.c.id))
    return [_report(row) for row in rows.mappings()]


def prune(conn: Connection, before: datetime) -> int:
    """Forget what was over, or had simply happened, before that instant."""
    over = or_(~report.c.open, report.c.source.in_(_ONCE))
    return conn.execute(delete(report).where(over, report.c.noted_at < before)).rowcount


def _here(service: str, environment: str) -> ColumnElement[bool]:
    return and_(report.c.service == service, report.c.environment == environment)


def _report(row: RowMapping) -> Report:
    return Report(**{name: row[name] for name in _FIELDS})
