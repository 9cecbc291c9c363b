"""The records behind the figures over many releases: read only, in one unit."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from bot.domain import quality
from bot.domain.metrics_dora import Report as Figures
from bot.domain.plan import Plan
from bot.domain.release_record import Record
from bot.domain.rollout import Rollout, Tick
from bot.engine.kinds import AnyKind
from bot.engine.standup_figures import Place, production
from bot.store.queries import standups

BUGS = ("bug", "customer_issue", "escalation", "critical_feedback")
"""Kinds of reports that are counted as bugs."""

_RECORD = msgspec.json.Decoder(Record)


class _Answers(msgspec.Struct, frozen=True):
    """As much of what follows a release as is needed here."""

    ticks: tuple[Tick, ...] = ()


_ANSWERS = msgspec.json.Decoder(_Answers)


def lines(
    conn: Connection,
    kind: AnyKind,
    places: Sequence[Place],
    plan: Plan | None,
    found: Figures,
    ends: datetime,
) -> tuple[str, ...]:
    """The figures that a plan asks for, in words. kind: of rollouts; found: those of delivery."""
    if plan is None:
        return ()
    asked, wanted = plan.sections.dora, plan.sections.report
    counted, since = production(places), ends - found.span
    told: list[str] = []
    if quality.REGRESSION in asked or wanted:
        released = _released(conn, kind, counted, since)
    if quality.REGRESSION in asked:
        told.append(quality.regressions(_compared(conn, released)))
    if quality.BUGS in asked:
        told.append(_bugs(conn, counted, found, since))
    if wanted:
        told += quality.given(wanted, _given(conn, released, wanted))
    return tuple(told)


def _released(
    conn: Connection, kind: AnyKind, places: Sequence[Place], since: datetime
) -> list[Rollout]:
    """Everything that had traffic since then, newest first."""
    services = sorted({service for service, _ in places})
    rows = standups.rollouts_since(conn, services, since)
    found = [kind.load(row) for row in rows if (row["service"], row["environment"]) in places]
    return [rollout for rollout in reversed(found) if rollout.marks]


def _compared(conn: Connection, released: Sequence[Rollout]) -> list[quality.Compared]:
    plans = {rollout.id: rollout.the_plan for rollout in released}
    records = [_RECORD.decode(r["state"]) for r in standups.records_of(conn, list(plans))]
    return [each for record in records for each in quality.compared(record, plans[record.id])]


def _bugs(conn: Connection, places: Sequence[Place], found: Figures, since: datetime) -> str:
    reported = sum(standups.count_reported(conn, *place, BUGS, since) for place in places)
    return quality.bugs(reported, found.incidents, found.deployments, found.span)


def _given(
    conn: Connection, released: Sequence[Rollout], wanted: Mapping[str, str]
) -> list[quality.Given]:
    """What was given to the items of each release, before it and after it."""
    after = {
        row["id"]: _ANSWERS.decode(row["state"]).ticks
        for row in standups.aftercares_of(conn, [rollout.id for rollout in released])
    }
    items = set(wanted.values())
    return [
        quality.Given(
            rollout.version,
            rollout.created_at,
            _answers((*rollout.ticks, *after.get(rollout.id, ())), items),
        )
        for rollout in released
    ]


def _answers(ticks: Sequence[Tick], items: set[str]) -> dict[str, str]:
    """By the id of the item; one of a checklist stands behind the name of its list."""
    named = ((tick.gate.rpartition("/")[2], tick.evidence) for tick in ticks)
    return {item: said for item, said in named if item in items and said}
