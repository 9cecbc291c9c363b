"""The five figures of delivery (DORA, dora.dev/guides/dora-metrics, 2026-01-05), from the records.

Counted is what reached production and took real traffic: a release in four waves is one deployment,
one that was taken back is one too, and the way back is none. Below `FEWEST` deployments a share
says nothing, and only counts are told; how many values stand behind a figure is always told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from bot.domain.units import format_duration, format_share

FEWEST = 5
CONTAINED = 5.0
"""Percent of the traffic; what failed with no more than that was contained."""

BLAMED = timedelta(days=7)
"""An incident is put down to the newest deployment before it that is no older than this, where
nobody has said what caused it."""

METRICS = (
    "deployment_frequency",
    "change_lead_time",
    "failed_deployment_recovery_time",
    "change_fail_rate",
    "deployment_rework_rate",
)
ALIASES: Mapping[str, str] = {
    "lead_time": "change_lead_time",
    "lead_time_for_changes": "change_lead_time",
    "recovery_time": "failed_deployment_recovery_time",
    "change_failure_rate": "change_fail_rate",
    "rework_rate": "deployment_rework_rate",
    "mean_time_to_recovery": "mttr",
    "time_to_restore": "mttr",
}
"""Other names under which plans and people know them."""

MTTR = "mttr"
"""Not one of the five: the mean time until an incident is over, whatever caused it."""

Kind = Literal["planned", "hotfix"]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One release that took real traffic.

    reached_100_at: when it had all of it, None: it never did. max_weight: the most traffic that it
    had, percent. broke_at: when what took it back began; back_at: when the version before was
    verified; None for one that was not taken back. incident: because of which a hotfix was made.
    """

    id: str
    place: str
    kind: Kind = "planned"
    version: str = ""
    first_traffic_at: datetime
    reached_100_at: datetime | None = None
    max_weight: float = 100.0
    broke_at: datetime | None = None
    back_at: datetime | None = None
    incident: str = ""

    @property
    def taken_back(self) -> bool:
        return self.broke_at is not None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went wrong in production.

    caused_by: the deployment, "" where nobody has said so. restored_at: None while it is open, or
    where its end was not recorded.
    """

    id: str
    place: str
    detected_at: datetime
    restored_at: datetime | None = None
    caused_by: str = ""


class Change(msgspec.Struct, frozen=True):
    """A commit that came with a deployment. sha: a name of it that no other has."""

    sha: str
    committed_at: datetime
    deployment_id: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a stretch of time. span: how long it is. Times are sorted.

    failed: deployments that had to be dealt with at once. contained: how many of them had little
    traffic. recoveries: of failed deployments, as far as they have recovered. rework: hotfixes made
    because of an incident. rollbacks: told apart, they are no deployments. lead_times: of changes.
    incidents: all there were. restored: the times that they took.
    """

    span: timedelta
    deployments: int
    failed: int = 0
    contained: int = 0
    recoveries: tuple[timedelta, ...] = ()
    rework: int = 0
    rollbacks: int = 0
    lead_times: tuple[timedelta, ...] = ()
    incidents: int = 0
    restored: tuple[timedelta, ...] = ()

    @property
    def per_week(self) -> float:
        return self.deployments / (self.span / timedelta(weeks=1))

    @property
    def fail_rate(self) -> float | None:
        """0..1, None with too few deployments to say."""
        return self._share(self.failed)

    @property
    def rework_rate(self) -> float | None:
        """0..1, None with too few deployments to say."""
        return self._share(self.rework)

    @property
    def recovery(self) -> timedelta | None:
        return _median(self.recoveries) if self.recoveries else None

    @property
    def lead_time(self) -> timedelta | None:
        return _median(self.lead_times) if self.lead_times else None

    @property
    def mttr(self) -> timedelta | None:
        """The mean over all incidents that are over."""
        return sum(self.restored, timedelta()) / len(self.restored) if self.restored else None

    def _share(self, part: int) -> float | None:
        return part / self.deployments if self.deployments >= FEWEST else None


def linked(
    deployments: Sequence[Deployment], incidents: Sequence[Incident]
) -> tuple[list[Deployment], list[Incident]]:
    """The same with what belongs together put together.

    An incident without a cause is put down to the newest deployment before it (see `BLAMED`). A
    hotfix that began while an incident was open on its place, or within a week of one whose end is
    not known, was made because of it.
    """
    caused = [_blame(incident, deployments) for incident in incidents]
    return [_reason(each, caused) for each in deployments], caused


def _blame(incident: Incident, deployments: Iterable[Deployment]) -> Incident:
    if incident.caused_by:
        return incident
    before = [
        d
        for d in deployments
        if d.place == incident.place
        and timedelta() <= incident.detected_at - d.first_traffic_at <= BLAMED
    ]
    newest = max(before, key=lambda d: d.first_traffic_at, default=None)
    cause = newest.id if newest is not None else ""
    return msgspec.structs.replace(incident, caused_by=cause)


def _reason(deployment: Deployment, incidents: Iterable[Incident]) -> Deployment:
    if deployment.kind != "hotfix" or deployment.incident:
        return deployment
    at = deployment.first_traffic_at
    for incident in incidents:
        ends = incident.restored_at or incident.detected_at + BLAMED
        here = incident.place == deployment.place and incident.caused_by != deployment.id
        if here and incident.detected_at <= at <= ends:
            return msgspec.structs.replace(deployment, incident=incident.id)
    return deployment


def report(
    deployments: Sequence[Deployment],
    incidents: Sequence[Incident],
    changes: Sequence[Change],
    begins: datetime,
    ends: datetime,
) -> Report:
    """The figures of the time from `begins` to before `ends`.

    A deployment counts where its traffic began, an incident where it was detected. All must be
    linked (see `linked`); what is older or newer is left out. Raises ValueError for no time at all.
    """
    if ends <= begins:
        raise ValueError("a report needs some time to be about")
    ours = [d for d in deployments if begins <= d.first_traffic_at < ends]
    theirs = [i for i in incidents if begins <= i.detected_at < ends]
    failed = {d.id: d for d in ours if d.taken_back or _causes(d, incidents)}
    reached = {d.id: d.reached_100_at for d in ours}
    lead = [
        at - change.committed_at
        for change in changes
        if (at := reached.get(change.deployment_id)) is not None
    ]
    restored = [i.restored_at - i.detected_at for i in theirs if i.restored_at is not None]
    return Report(
        span=ends - begins,
        deployments=len(ours),
        failed=len(failed),
        contained=sum(d.max_weight <= CONTAINED for d in failed.values()),
        recoveries=tuple(sorted(_recoveries(failed.values(), deployments, incidents))),
        rework=sum(bool(d.incident) and d.kind == "hotfix" for d in ours),
        rollbacks=sum(d.taken_back for d in ours),
        lead_times=tuple(sorted(lead)),
        incidents=len(theirs),
        restored=tuple(sorted(restored)),
    )


def _causes(deployment: Deployment, incidents: Iterable[Incident]) -> list[Incident]:
    """The incidents that a deployment caused."""
    return [each for each in incidents if each.caused_by == deployment.id]


def _recoveries(
    failed: Iterable[Deployment], deployments: Sequence[Deployment], incidents: Sequence[Incident]
) -> Iterator[timedelta]:
    """How long each took to recover; those that have not yet are left out."""
    for each in failed:
        if each.broke_at is not None:
            if each.back_at is not None:
                yield each.back_at - each.broke_at
            continue
        for incident in _causes(each, incidents):
            fixed = _fixed_at(incident, deployments)
            if fixed is not None:
                yield fixed - incident.detected_at
                break


def _fixed_at(incident: Incident, deployments: Sequence[Deployment]) -> datetime | None:
    """When the hotfix for an incident had all the traffic, else when the incident was over."""
    fixes = [d.reached_100_at for d in deployments if d.incident == incident.id]
    return min((at for at in fixes if at is not None), default=incident.restored_at)


# --- in words -------------------------------------------------------------------------------


def name_of(word: str) -> str:
    """The name of a figure by any of its names; the word itself when it is none."""
    return ALIASES.get(word, word)


def lines(found: Report, names: Sequence[str] = ()) -> tuple[str, ...]:
    """The figures in words, those that are asked for; none named means the five."""
    wanted = tuple(dict.fromkeys(name_of(name) for name in names)) or METRICS
    told = [text for name in wanted if (text := _line(found, name))]
    apart = f"Rollbacks, which are no deployments: {found.rollbacks}"
    return (*told, apart) if found.rollbacks else tuple(told)


def _line(found: Report, name: str) -> str:
    n = found.deployments
    match name:
        case "deployment_frequency":
            week = f", {found.per_week:.3g} a week" if n >= FEWEST else ""
            return f"Deployments: {n}{week} (in {format_duration(found.span)})"
        case "change_lead_time":
            none = "no commits are known"
            return _times("Lead time of changes", found.lead_times, "change", none)
        case "failed_deployment_recovery_time":
            none = "nothing had to recover" if not found.failed else "none has recovered yet"
            what = "Recovery of failed deployments"
            return _times(what, found.recoveries, "recovery", none, "recoveries")
        case "change_fail_rate":
            few = f", {found.contained} of them contained at {CONTAINED:g} % of the traffic"
            contained = few if found.failed else ""
            return f"Failed deployments: {_of(found.failed, n, found.fail_rate)}{contained}"
        case "deployment_rework_rate":
            return f"Rework because of incidents: {_of(found.rework, n, found.rework_rate)}"
        case "mttr":
            mean = found.mttr
            over = f"{len(found.restored)} of {found.incidents} incidents are over"
            time = f"{format_duration(mean)}, " if mean is not None else ""
            return f"Mean time to recovery: {time}{over}"
        case _:
            return ""


def _of(part: int, whole: int, share: float | None) -> str:
    percent = f" = {format_share(share)}" if share is not None else ""
    return f"{part} of {whole}{percent}"


def _times(what: str, times: Sequence[timedelta], one: str, none: str, many: str = "") -> str:
    if not times:
        return f"{what}: {none}"
    n = len(times)
    words = one if n == 1 else many or f"{one}s"
    most = f", 9 of 10 within {format_duration(_p90(times))}" if n >= FEWEST else ""
    return f"{what}: median {format_duration(_median(times))} of {n} {words}{most}"


def _median(times: Sequence[timedelta]) -> timedelta:
    """The middle one of sorted times, or the mean of the two in the middle."""
    half = len(times) // 2
    return times[half] if len(times) % 2 else (times[half - 1] + times[half]) / 2


def _p90(times: Sequence[timedelta]) -> timedelta:
    """The smallest of the sorted times that nine of ten don't exceed (nearest rank)."""
    return times[-(-9 * len(times) // 10) - 1]
