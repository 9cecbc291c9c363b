"""What incidents tell a standup: what happened, why, what was done, and how long it took."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from bot.domain import metrics_dora as dora
from bot.domain.incident import Incident
from bot.domain.standup_state import Issue
from bot.engine.standup_figures import Place, reported_incidents, told_once
from bot.engine.standup_reading import Found, Scope, causes
from bot.store.queries import standups

_INCIDENTS = msgspec.json.Decoder(Incident)


def incidents(conn: Connection, scope: Scope) -> list[Found]:
    """The incidents of a scope: those that were opened since, and those that are open."""
    named, found = causes(conn, scope), []
    for incident in _since(conn, scope.services, scope.since):
        issue = Issue(
            at=incident.began_at,
            what=f"incident `{incident.id}` ({incident.severity}): {incident.title.rstrip('.')}",
            cause=named.get(incident.rollout_id, ""),
            fix=_fix(incident),
            over=not incident.open,
            id=incident.id,
        )
        place = (incident.service, incident.environment)
        if place in scope.places:
            found.append(Found(issue, *place, incident.rollout_id))
    return found


def incident_records(
    conn: Connection, places: Sequence[Place], since: datetime
) -> list[dora.Incident]:
    """The same as records for the figures. What came with a release was caused by it."""
    services = sorted({service for service, _ in places})
    return [
        dora.Incident(
            id=incident.id,
            place=f"{incident.service} {incident.environment}",
            detected_at=incident.began_at,
            restored_at=incident.resolved_at,
            caused_by=incident.rollout_id,
        )
        for incident in _since(conn, services, since)
        if (incident.service, incident.environment) in places
    ]


def recoveries(conn: Connection, place: Place, since: datetime) -> list[float]:
    """How long each incident took that began since then and is over, in seconds.

    The same incidents as in a standup: an incident and the report of it are one.
    """
    heard = [
        *incident_records(conn, [place], since),
        *reported_incidents(conn, [place], since),
    ]
    return [
        max(0.0, (each.restored_at - each.detected_at).total_seconds())
        for each in told_once(heard)
        if each.restored_at is not None and each.detected_at >= since
    ]


def _since(conn: Connection, services: Sequence[str], since: datetime) -> list[Incident]:
    rows = standups.incidents_since(conn, services, since)
    return [_INCIDENTS.decode(row["state"]) for row in rows]


def _fix(incident: Incident) -> str:
    done, all_ = sum(step.done_at is not None for step in incident.steps), len(incident.steps)
    steps = f"{done} of {all_} steps of the runbook are done" if all_ else ""
    said = incident.resolution or incident.said
    return "; ".join(part.rstrip(".") for part in (said, steps) if part)
