"""Incidents as a kind of aggregate: how they are opened, and what is captured of their release."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain import incidents
from bot.domain.aftermath import detection
from bot.domain.duties import POST_MORTEM, DutyMet
from bot.domain.incident import (
    COMMANDER,
    Captured,
    Incident,
    IncidentEffect,
    PostMortem,
    PostMortemDone,
)
from bot.domain.incident_rules import IncidentsDocument, commander_of, rules_of
from bot.domain.incident_terms import IncidentDocument, Severity
from bot.domain.people import BOT, THE_BOT, Actor
from bot.domain.rollout import Phase, Rollout
from bot.domain.runbooks import Runbooks, chosen, steps_of
from bot.engine import duties, transitions
from bot.engine.catalogue import Catalogue
from bot.engine.engine import Part, Tools
from bot.engine.incident_looking import IncidentLooker
from bot.engine.incident_means import IncidentPresenter, Means
from bot.engine.incident_work import NAME, IncidentPerformer, route
from bot.engine.kinds import Kind, Subject
from bot.engine.outbox import Work
from bot.engine.silent_alerts import SilentAlerts
from bot.keeping import Gallery
from bot.store.queries import duties as duty_rows
from bot.store.queries import incidents as rows
from bot.store.tables import incident as table

IncidentKind = Kind[Incident, Any]

_CAPTURED = frozenset(Phase) - {Phase.JUDGING, Phase.SOAKING}
"""Phases of a release whose beginning is a line in the timeline."""


def parts(
    tools: Tools, presenter: IncidentPresenter, means: Means, gallery: Gallery | None = None
) -> Sequence[Part]:
    """The part of an engine that carries incidents on. gallery: where pictures can be shown."""
    kind = incident_kind()
    silent = SilentAlerts(tools, kind, presenter, means.silent_after, means.release)
    opening = Opening(kind, tools.catalogue, means.rules, means.runbooks)
    return (
        Part(
            kind,
            IncidentPerformer(tools, presenter, means, gallery),
            IncidentLooker(tools.store),
            {PostMortemDone: _Held(tools).done},
            follow=Follower(kind, opening).follow,
            beat=silent.beat,
        ),
    )


def incident_kind() -> IncidentKind:
    """The kind of incidents."""
    return Kind(
        name=NAME,
        table=table,
        decide=incidents.decide,
        load=_Loader(),
        dump=lambda incident: msgspec.json.encode(incident).decode(),
        subject=lambda each: Subject(each.state.value, each.service, each.environment),
        effects=msgspec.json.Decoder(IncidentEffect),
        route=route,
        pinned=lambda incident: {
            "service": incident.service,
            "environment": incident.environment,
            "rollout_id": incident.rollout_id,
            "about": incident.about,
        },
    )


class _Loader:
    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Incident)

    def __call__(self, row: RowMapping) -> Incident:
        found = self._decoder.decode(row["state"])
        return msgspec.structs.replace(found, revision=row["revision"], fence=row["fence"])


class _Held:
    """The post-mortem was held: the clock that the plan of the release has for it stops."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._duty = duties.duty_kind()

    async def done(self, work: Work) -> None:
        incident: Incident = work.aggregate
        event = DutyMet(msgspec.structs.replace(work.effect.actor, via="bot"))
        now = self._tools.clock.now()

        def unit(conn: Connection) -> None:
            open_ = duty_rows.open_of(conn, incident.rollout_id, POST_MORTEM, incident.about)
            for row in open_:
                transitions.apply(conn, self._duty, row["id"], event, now)

        if incident.rollout_id and incident.about:
            await self._tools.store.transact(unit)


# --- opening --------------------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when an incident is opened. began_at: when it began to be bad.

    version: the one that people suspect, rollout_id: the release that they looked at. affected:
    who notices it.
    """

    id: str
    service: str
    environment: str
    title: str
    severity: Severity
    began_at: datetime
    origin: Any = "person"
    about: str = ""
    actor: Actor = THE_BOT
    text: str = ""
    links: tuple[str, ...] = ()
    version: str = ""
    rollout_id: str = ""
    affected: str = ""


class Opening:
    """Makes incidents: with the rules that hold, their release, who leads them and a runbook."""

    def __init__(
        self,
        kind: IncidentKind,
        catalogue: Catalogue,
        rules: IncidentsDocument,
        runbooks: Runbooks,
    ) -> None:
        self._kind = kind
        self._catalogue = catalogue
        self._rules = rules
        self._runbooks = runbooks

    def create(
        self,
        conn: Connection,
        opened: Opened,
        now: datetime,
        rollout: Rollout | None = None,
        *,
        measured: Rollout | None = None,
        loud: bool = True,
    ) -> Incident:
        """Open one, in this unit of work; the one with this id stays as it is.

        rollout: the release that it came with; measured: the same as it was when it was judged.
        """
        made = self._made(opened, now, rollout)
        first, effects = incidents.begin(made, now, loud=loud)
        created = transitions.create(conn, self._kind, first, effects, now, actor=opened.actor)
        judged = measured or rollout
        if judged is None or not created.changed:
            return created.after
        return self._keep_readings(conn, created.after, judged, now)

    def _keep_readings(
        self, conn: Connection, made: Incident, rollout: Rollout, now: datetime
    ) -> Incident:
        """What its release measured last stands in the timeline, whatever the source forgets."""
        for text in _readings(rollout):
            made = transitions.apply(conn, self._kind, made.id, Captured(text, now), now).after
        return made

    def _made(self, opened: Opened, now: datetime, rollout: Rollout | None) -> Incident:
        plan = rollout.the_plan.sections.incident if rollout is not None else None
        place = self._catalogue.targets.get((opened.service, opened.environment))
        runbook = self._runbook(plan, opened)
        return Incident(
            id=opened.id,
            service=opened.service,
            environment=opened.environment,
            title=opened.title,
            severity=opened.severity,
            origin=opened.origin,
            about=opened.about,
            version=rollout.version if rollout is not None else opened.version,
            previous=rollout.previous if rollout is not None else "",
            rollout_id=rollout.id if rollout is not None else "",
            channel=place.channel if place is not None else self._catalogue.channels.default,
            declared_by=opened.actor,
            began_at=min(opened.began_at, now),
            created_at=now,
            rules=rules_of(self._rules, plan),
            roles=self._roles(plan, rollout),
            said=opened.text,
            runbook=runbook,
            steps=steps_of(self._runbooks[runbook].steps) if runbook else (),
            links=opened.links,
            affected=opened.affected,
            logs=place.logs if place is not None else "",
            dashboards=place.dashboards if place is not None else {},
            post_mortem=PostMortem(elsewhere=_clocked(rollout, opened)),
        )

    def _runbook(self, plan: IncidentDocument | None, opened: Opened) -> str:
        named = plan.runbook if plan is not None else ""
        if named in self._runbooks:
            return named
        return chosen(self._runbooks, opened.title, opened.text)

    def _roles(self, plan: IncidentDocument | None, rollout: Rollout | None) -> dict[str, str]:
        """Who leads it, where the plan says so and only one person can be meant."""
        wave = rollout.current_wave.id if rollout is not None else ""
        name = commander_of(plan, wave)
        if name in self._catalogue.people:
            return {COMMANDER: name}
        role = self._catalogue.roles.get(name)
        if role is None or len(role.people) != 1 or role.groups:
            return {}
        return {COMMANDER: next(iter(role.people))}

    def after_rollback(
        self, conn: Connection, before: Rollout, after: Rollout, now: datetime
    ) -> None:
        """The bot takes a release back by itself, which opens an incident unless nobody wants it.

        It has the id of what is done about the breach, so that both mean the same thing.
        """
        plan = after.the_plan.sections.incident or IncidentDocument()
        wanted = self._rules.on_rollback if plan.open is None else plan.open
        if not wanted:
            return
        opened = Opened(
            id=after.response,
            service=after.service,
            environment=after.environment,
            title=f"{after.version} was taken back: {after.rollback_reason.rstrip('.')}",
            severity=plan.severity,
            began_at=now - detection(before, after),
            origin="rollback",
            about=after.response,
        )
        self.create(conn, opened, now, after, measured=before, loud=False)


def _clocked(rollout: Rollout | None, opened: Opened) -> bool:
    """Whether the plan has a clock of its own for the post-mortem, which pages when it is late."""
    if rollout is None or opened.origin != "rollback":
        return False
    timers = rollout.the_plan.sections.timers
    return any(each.due == POST_MORTEM and each.when == "incident" for each in timers)


class Follower:
    """Opens incidents, and writes down what becomes of the release, when that was written."""

    def __init__(self, kind: IncidentKind, opening: Opening) -> None:
        self._kind = kind
        self._opening = opening

    def follow(self, conn: Connection, before: Rollout, after: Rollout, now: datetime) -> None:
        """See `Kind.follow`."""
        if before.phase is after.phase:
            return
        if after.phase in _CAPTURED:
            for id_ in rows.of_rollout(conn, after.id):
                captured = Captured(_captured(after), now, after.phase is Phase.ROLLED_BACK)
                transitions.apply(conn, self._kind, id_, captured, now)
        began = after.phase is Phase.ROLLING_BACK and after.response != before.response
        if began and after.rollback_by == BOT:
            self._opening.after_rollback(conn, before, after, now)


def _readings(rollout: Rollout) -> list[str]:
    """What was measured when it was decided: kept here, wherever the source forgets it."""
    found = [f"{each.text}: {each.shown}" for each in rollout.findings if each.shown]
    texts = {c.id: c.text for c in rollout.the_plan.triggers_of(rollout.current_wave)}
    for name, watcher in rollout.watchers.items():
        if name in texts and watcher.shown:
            found.append(f"{texts[name]}: {watcher.shown}")
    return [f"Measured: {'; '.join(found)}"] if found else []


def _captured(rollout: Rollout) -> str:
    reason = f": {rollout.reason}" if rollout.reason else ""
    return f"{rollout.version} is {rollout.phase.replace('_', ' ')}{reason}"
