"""The records behind the figures of delivery: deployments from rollouts, incidents from reports.

Only production counts: the environment of that name, or the only one that a service has.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from bot.domain.holds import HOTFIX
from bot.domain.metrics_dora import Change, Deployment, Incident, linked, report
from bot.domain.metrics_dora import Report as Figures
from bot.domain.release_record import Record
from bot.domain.response import Response
from bot.domain.rollout import Phase, Rollout
from bot.engine.kinds import AnyKind
from bot.store.queries import audit, standups

PRODUCTION = "production"
WEEK = timedelta(weeks=1)
BEFORE = timedelta(weeks=2)
"""How much further back it is read, so that what belongs together is found."""

Place = tuple[str, str]
IncidentSource = Callable[[Connection, Sequence[Place], datetime], Sequence[Incident]]
"""Reads the incidents of places that were detected since an instant."""

ChangeSource = Callable[[Connection, Sequence[str]], Sequence[Change]]
"""Reads the commits that came with deployments, by their ids."""

_RESPONSES = msgspec.json.Decoder(Response)
_RECORDS = msgspec.json.Decoder(Record)


def recorded_changes(conn: Connection, ids: Sequence[str]) -> Sequence[Change]:
    """The commits that the records of releases know; nothing where no code host told them."""
    found = [_RECORDS.decode(row["state"]) for row in standups.records_of(conn, ids)]
    return [
        Change(f"{record.id}:{number}", at, record.id)
        for record in found
        for number, at in enumerate(record.committed_at)
    ]


def reported_incidents(
    conn: Connection, places: Sequence[Place], since: datetime
) -> Sequence[Incident]:
    """Incidents that were reported on services."""
    return [
        Incident(
            id=row["id"],
            place=" ".join(place),
            detected_at=row["at"],
            restored_at=None if row["open"] else row["noted_at"],
        )
        for place in places
        for row in standups.incidents_reported(conn, *place, since)
    ]


class Sources(msgspec.Struct, frozen=True):
    """Where the figures come from besides the rollouts."""

    incidents: tuple[IncidentSource, ...] = (reported_incidents,)
    changes: ChangeSource = recorded_changes


def told_already(id_: str, ids: Collection[str]) -> bool:
    """Whether a report is that of an incident which is known itself: it is called INC-1:major."""
    return id_.rpartition(":")[0] in ids


def told_once(heard: Sequence[Incident]) -> list[Incident]:
    """Without the reports of incidents that are known themselves."""
    known = {each.id for each in heard}
    return [each for each in heard if not told_already(each.id, known)]


def production(places: Sequence[Place]) -> list[Place]:
    """Of these places those whose deployments count."""
    found: dict[str, list[str]] = {}
    for service, environment in places:
        found.setdefault(service, []).append(environment)
    return sorted(
        (service, environment)
        for service, environments in found.items()
        for environment in environments
        if environment == PRODUCTION or len(environments) == 1
    )


def figures(
    conn: Connection,
    kind: AnyKind,
    places: Sequence[Place],
    ends: datetime,
    sources: Sources,
    span: timedelta = WEEK,
) -> Figures:
    """The figures of these places in the time up to `ends`. kind: of rollouts."""
    counted, since = production(places), ends - span - BEFORE
    deployments = deployments_of(conn, kind, counted, since)
    heard = [each for read in sources.incidents for each in read(conn, counted, since)]
    incidents = told_once(heard)
    changes = sources.changes(conn, [each.id for each in deployments])
    return report(*linked(deployments, incidents), changes, ends - span, ends)


def deployments_of(
    conn: Connection, kind: AnyKind, places: Sequence[Place], since: datetime
) -> list[Deployment]:
    """Everything that had traffic in these places since then."""
    services = sorted({service for service, _ in places})
    rows = standups.rollouts_since(conn, services, since)
    found = [kind.load(row) for row in rows if (row["service"], row["environment"]) in places]
    back = _taken_back(conn, services, since)
    return [_deployment(conn, kind, rollout, back) for rollout in found if rollout.marks]


def _taken_back(
    conn: Connection, services: Sequence[str], since: datetime
) -> Mapping[str, Response]:
    """What was done about breaches by going back, by release."""
    rows = standups.responses_since(conn, services, since)
    found = [_RESPONSES.decode(row["state"]) for row in rows]
    return {each.rollout_id: each for each in found if each.action == "rollback"}


def _deployment(
    conn: Connection, kind: AnyKind, rollout: Rollout, back: Mapping[str, Response]
) -> Deployment:
    whole = (mark.applied_at for mark in rollout.marks if mark.weight >= 100)
    broke, verified = _setback(conn, kind, rollout, back.get(rollout.id))
    return Deployment(
        id=rollout.id,
        place=f"{rollout.service} {rollout.environment}",
        kind="hotfix" if rollout.type == HOTFIX else "planned",
        version=rollout.version,
        first_traffic_at=rollout.marks[0].applied_at,
        reached_100_at=next(whole, None),
        max_weight=max(mark.weight for mark in rollout.marks),
        broke_at=broke,
        back_at=verified,
    )


def _setback(
    conn: Connection, kind: AnyKind, rollout: Rollout, response: Response | None
) -> tuple[datetime | None, datetime | None]:
    """When it broke and when the version before was well again; None, None: it did not."""
    if rollout.phase not in {Phase.ROLLING_BACK, Phase.ROLLED_BACK}:
        return None, None
    if response is not None:
        return response.bad_since, response.verified_at or response.back_at
    entries = audit.of_aggregate(conn, kind.name, rollout.id)
    began = (entry.at for entry in entries if entry.phase_after == Phase.ROLLING_BACK.value)
    return next(began, rollout.phase_since), rollout.ended_at
