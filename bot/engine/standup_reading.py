"""What a standup has to know besides the releases under way: read from the database, in one unit.

What went wrong comes from readers, one for each kind of record; `READERS` are those that are always
there, and `parts` of `bot.engine.standups` takes more.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from bot.domain.duties import ROOT_CAUSE, Duty
from bot.domain.reports import words
from bot.domain.response import Response
from bot.domain.standup_state import Issue
from bot.engine.standup_figures import told_already
from bot.store.queries import reports, standups


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a standup is about.

    places: service and environment of everything that is released by its plan. rollouts: the ids of
    the releases under way. since: when the standup before it began.
    """

    places: tuple[tuple[str, str], ...]
    rollouts: tuple[str, ...]
    since: datetime
    now: datetime

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({service for service, _ in self.places}))


class Found(msgspec.Struct, frozen=True):
    """An issue and where it belongs. rollout_id: "" when it belongs to no release."""

    issue: Issue
    service: str
    environment: str
    rollout_id: str = ""


IssueReader = Callable[[Connection, Scope], Sequence[Found]]
"""Reads what went wrong within a scope: what began since, and what is not over."""

_RESPONSES = msgspec.json.Decoder(Response)
_DUTIES = msgspec.json.Decoder(Duty)
_ACTIONS = {
    "rollback": "all traffic was taken back",
    "step_back": "a step was taken back",
    "pause": "it was paused",
}


def responses(conn: Connection, scope: Scope) -> list[Found]:
    """Breaches: what broke, what people named as the cause, and what was done about it."""
    named = causes(conn, scope)
    found = []
    for row in standups.responses_since(conn, scope.services, scope.since):
        response = _RESPONSES.decode(row["state"])
        issue = Issue(
            at=response.asked_at,
            what=response.why.rstrip("."),
            cause=named.get(response.rollout_id, ""),
            fix=_fix(response),
            over=response.state == "done",
            id=response.id,
        )
        found.append(Found(issue, response.service, response.environment, response.rollout_id))
    return found


def causes(conn: Connection, scope: Scope) -> dict[str, str]:
    """What was named as the cause, by release."""
    rows = standups.duties_since(conn, scope.services, scope.since)
    met = [duty for row in rows if (duty := _DUTIES.decode(row["state"])).due == ROOT_CAUSE]
    return {duty.rollout_id: f"{duty.note} (@[{duty.met_by}])" for duty in met if duty.note}


def _fix(response: Response) -> str:
    done = _ACTIONS[response.action]
    seen = f", {response.verified}" if response.verified else ""
    left = len(response.open_steps)
    rest = f"; {left} steps are still open" if left else ""
    return f"{done}{seen}{rest}"


def reported(conn: Connection, scope: Scope) -> list[Found]:
    """What others reported on the services: incidents, events, alarms."""
    found = []
    for service, environment in scope.places:
        known = {report.id: report for report in reports.standing(conn, service, environment)}
        for report in reports.since(conn, service, environment, scope.since):
            known[report.id] = report
        for report in known.values():
            if report.source == "report":
                continue
            detail = f": {report.detail}" if report.detail else ""
            what = f"{words(report.source)} {words(report.kind)}{detail}"
            over = not report.open
            fix = "it is over" if over else ""
            issue = Issue(report.at, what, fix=fix, over=over, id=report.id)
            found.append(Found(issue, service, environment))
    return found


READERS: tuple[IssueReader, ...] = (responses, reported)


def issues(conn: Connection, scope: Scope, readers: Sequence[IssueReader]) -> list[Found]:
    """All that went wrong, oldest first."""
    heard = [each for reader in readers for each in reader(conn, scope)]
    known = {each.issue.id for each in heard}
    found = [each for each in heard if not told_already(each.issue.id, known)]
    return sorted(found, key=lambda each: each.issue.at)


def of_topic(found: Sequence[Found], id_: str, service: str, environment: str) -> Iterator[Issue]:
    """The issues of one release: its own, and those of the place on which it is."""
    for each in found:
        here = (each.service, each.environment) == (service, environment)
        if each.rollout_id == id_ or (here and not each.rollout_id):
            yield each.issue
