"""From what is in the database to a standup: one unit, no network."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from bot.domain.duties import Duty
from bot.domain.holds import Asked
from bot.domain.metrics_dora import lines
from bot.domain.plan import Plan
from bot.domain.rollout import Rollout
from bot.domain.standup_calendar import Series, Slot
from bot.domain.standup_content import topic, yesterdays
from bot.domain.standup_quiet import planned, shipped, waits
from bot.domain.standup_state import SECTIONS, Standup
from bot.engine import standup_quality
from bot.engine.aftercare import aftercare_kind
from bot.engine.engine import Tools
from bot.engine.standup_figures import WEEK, Sources, figures
from bot.engine.standup_reading import IssueReader, Scope, issues, of_topic
from bot.store.queries import aftercares, standups
from bot.store.queries import duties as duty_rows

FIRST_LOOK_BACK = timedelta(days=1)
"""How far the first standup of a series looks back."""

LONGEST_LOOK_BACK = timedelta(days=7)

MONTH = 4 * WEEK

_DUTIES = msgspec.json.Decoder(Duty)


class Making:
    """Makes standups.

    plan_named: a plan by its name, raising KeyError. readers: of what went wrong. sources: of the
    figures of delivery.
    """

    def __init__(
        self,
        tools: Tools,
        plan_named: Callable[[str], Plan],
        readers: Sequence[IssueReader],
        sources: Sources,
    ) -> None:
        self._tools = tools
        self._plan_named = plan_named
        self._readers = tuple(readers)
        self._sources = sources
        self._cares = aftercare_kind(tools.compile_plan)

    def standup(
        self,
        conn: Connection,
        series: Series,
        going: Sequence[Rollout],
        earlier: Sequence[Standup],
        now: datetime,
    ) -> Standup:
        """A standup of now. earlier: those of its series before it, newest first."""
        scope = self._scope(series, going, earlier, now)
        found = issues(conn, scope, self._readers)
        yesterday = yesterdays(earlier, now)
        topics = tuple(
            topic(
                rollout,
                now,
                yesterday=yesterday,
                issues=tuple(of_topic(found, rollout.id, rollout.service, rollout.environment)),
                links=self._links(rollout),
            )
            for rollout in going
        )
        told = {issue for each in topics for issue in each.issues}
        plan = self._plan(series, going)
        section = plan.sections.standup if plan is not None else None
        made = Standup(
            id="",
            series=series.key,
            channel=series.channel,
            plan=series.plan,
            zone=series.zone,
            attendees=section.attendees if section is not None else (),
            agenda=section.agenda or SECTIONS if section is not None else SECTIONS,
            topics=topics,
            issues=tuple(each.issue for each in found if each.issue not in told),
            created_at=now,
        )
        return made if going else self._quiet(conn, made, scope, plan)

    def _links(self, rollout: Rollout) -> Mapping[str, str]:
        """Where the dashboards of a service are."""
        target = self._tools.catalogue.targets.get((rollout.service, rollout.environment))
        return target.dashboards if target is not None else {}

    def _quiet(self, conn: Connection, made: Standup, scope: Scope, plan: Plan | None) -> Standup:
        """What is said when nothing is under way."""
        kind, services = self._tools.rollouts, scope.services
        known = [kind.load(r) for r in standups.rollouts_since(conn, services, scope.since)]
        here = [r for r in known if (r.service, r.environment) in scope.places]
        rows = aftercares.unfinished(conn, services)
        duties = [_DUTIES.decode(row["state"]) for row in duty_rows.open_in(conn, services)]
        asked = (
            [Asked(service=s, environment=e, plan=plan) for s, e in scope.places]
            if plan is not None
            else []
        )
        return msgspec.structs.replace(
            made,
            shipped=shipped(here, scope.since),
            waits=waits(here, duties, [self._cares.load(row) for row in rows]),
            planned=planned(here, asked, self._tools.catalogue.freezes, scope.now),
            dora=self._figures(conn, scope, plan, WEEK),
        )

    def weekly(
        self, conn: Connection, series: Series, going: Sequence[Rollout], slot: Slot, now: datetime
    ) -> tuple[str, ...]:
        """The report of the week, if that is due with this slot: the week, and the four to it."""
        first = min(series.times) == datetime.fromisoformat(slot.local).time()
        if slot.day.weekday() != series.weekly or not first:
            return ()
        scope, plan = self._scope(series, going, (), now), self._plan(series, going)
        week = self._figures(conn, scope, plan, WEEK)
        month = self._figures(conn, scope, plan, MONTH)
        return ("*The last seven days*", *week, "*The last four weeks*", *month)

    def report(self, conn: Connection, series: Series, now: datetime, span: timedelta) -> list[str]:
        """The figures of any stretch of time up to now."""
        scope = self._scope(series, (), (), now)
        return list(self._figures(conn, scope, self._plan(series, ()), span))

    def _figures(
        self, conn: Connection, scope: Scope, plan: Plan | None, span: timedelta
    ) -> tuple[str, ...]:
        kind, names = self._tools.rollouts, plan.sections.dora if plan is not None else ()
        found = figures(conn, kind, scope.places, scope.now, self._sources, span)
        more = standup_quality.lines(conn, kind, scope.places, plan, found, scope.now)
        return (*lines(found, names), *more)

    def _plan(self, series: Series, going: Sequence[Rollout]) -> Plan | None:
        """The pinned plan of what is under way, else the plan as it is now."""
        if going:
            return going[0].the_plan
        try:
            return self._plan_named(series.plan)
        except KeyError:
            return None

    def _scope(
        self,
        series: Series,
        going: Sequence[Rollout],
        earlier: Sequence[Standup],
        now: datetime,
    ) -> Scope:
        since = earlier[0].created_at if earlier else now - FIRST_LOOK_BACK
        places = {(r.service, r.environment) for r in going}
        places |= set(self.places(series))
        return Scope(
            places=tuple(sorted(places)),
            rollouts=tuple(rollout.id for rollout in going),
            since=max(since, now - LONGEST_LOOK_BACK),
            now=now,
        )

    def places(self, series: Series) -> list[tuple[str, str]]:
        """Where things are released by the plan of a series, as far as its channel hears of it.

        In the channel of a service that has another plan by default it is about that service.
        """
        targets = self._tools.catalogue.targets
        mine = {
            place: target
            for place, target in targets.items()
            if series.plan in {target.plan, *target.plans.values()}
        }
        owned = [place for place, each in targets.items() if each.channel == series.channel]
        return [place for place in owned if place in mine] or owned or list(mine)
