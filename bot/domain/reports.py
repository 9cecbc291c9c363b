"""What is reported on a service from outside: alarms of a monitoring system, named events, reports
that people count (an escalation, an issue of a customer), and incidents.

A report never lets traffic rise. It says by itself what it does (`bot.domain.breaches`), or plans
count it: `alarms == 0`, `alerts(critical) > 0`, `reports(escalation) > 5`,
`open_incidents(critical) == 0`. Whatever the order in which things are heard of, and however often,
the newest beginning counts once.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

Source = Literal["alarm", "event", "report", "incident"]

KEPT = 100
"""How many reports a rollout remembers; those that are over go first."""

STANDING: frozenset[Source] = frozenset({"alarm", "incident"})
"""What concerns a rollout too that begins later: it is about the service, not about a version."""

EVENTS = (
    "data_corruption",
    "data_integrity",
    "data_loss",
    "memory_leak",
    "resource_spike",
    "security_incident",
)
"""Names of events that are understood whether or not a plan speaks of them."""

REPORTS = ("customer_issue", "escalation")
"""The same for reports that are counted."""

INCIDENTS = ("critical", "major", "minor")
"""The same for incidents."""


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that was reported.

    kind: what plans call it: the event, the kind of report or incident, the name of the alert.
    id: of this one; an alarm's fingerprint. at: when it began. open: it still holds: an alarm
    fires, an incident is not closed, a report was not taken back. level: how bad an alarm is.
    """

    kind: str
    id: str
    at: datetime
    detail: str = ""
    open: bool = True
    source: Source = "report"
    level: str = ""


class Reported(Protocol):
    """What reports are kept with: a rollout."""

    @property
    def reports(self) -> tuple[Report, ...]: ...


class Noted(msgspec.Struct, frozen=True):
    """reports: as they are afterwards. news: whether this one had not been heard of before."""

    reports: tuple[Report, ...]
    news: bool


def note(reports: Sequence[Report], new: Report) -> Noted:
    """The reports with one more.

    The same one again, or an older state of it, is no news; that something is over which nobody had
    heard of is remembered, in case the news that it began comes in late, and is no news either.
    """
    old = find(reports, new.source, new.id)
    kept = tuple(r for r in reports if r is not old)
    if old is None:
        return Noted(_bounded((*kept, new)), new.open)
    if not newer(old, new):
        return Noted(tuple(reports), news=False)
    return Noted(_bounded((*kept, new)), new.open or old.open)


def newer(old: Report, new: Report) -> bool:
    """Whether `new` says something later about the same thing: a new beginning, or its end."""
    return new.at > old.at or (new.at == old.at and old.open and not new.open)


def find(reports: Iterable[Report], source: Source, id_: str) -> Report | None:
    """The report with this id."""
    return next((r for r in reports if r.source == source and r.id == id_), None)


def merged(reports: Sequence[Report], others: Iterable[Report]) -> tuple[Report, ...]:
    """The reports, and what others know besides."""
    for other in others:
        reports = note(reports, other).reports
    return tuple(reports)


def _bounded(reports: tuple[Report, ...]) -> tuple[Report, ...]:
    if len(reports) <= KEPT:
        return reports
    oldest = next((r for r in reports if not r.open), reports[0])
    return tuple(r for r in reports if r is not oldest)


def reports_of(rollout: Reported, kind: str) -> int:
    """How many reports and events of a kind hold: `reports(escalation)`."""
    return sum(r.open and r.kind == kind and r.source != "incident" for r in rollout.reports)


def open_of(rollout: Reported, kind: str) -> int:
    """How many incidents of a kind are open: `open_incidents(critical)`."""
    return sum(r.open and r.kind == kind and r.source == "incident" for r in rollout.reports)


def alarms(rollout: Reported, level: str = "") -> int:
    """How many alerts of other systems fire; level: only those: `alarms`, `alerts(critical)`."""
    return sum(r.open and r.source == "alarm" and level in ("", r.level) for r in rollout.reports)


def words(name: str) -> str:
    """The name of an event or a report as people say it."""
    return name.replace("_", " ")


def snake(name: str) -> str:
    """A name as plans can write it: HighErrorRate and `High error rate` are high_error_rate."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def literal(text: str, most: int = 300) -> str:
    """What another system wrote, cut, and without meaning for those who show it: it names nobody
    (`@[person]`) and no instant (`t[seconds]`)."""
    return " ".join(text.split())[:most].replace("[", "(").replace("]", ")")
