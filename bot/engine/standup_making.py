"""From what is in the database to a standup: one unit, no network."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.domain.plan import Plan
from bot.domain.rollout import Rollout
from bot.domain.standup_calendar import Series
from bot.domain.standup_content import topic, yesterdays
from bot.domain.standup_state import SECTIONS, Standup
from bot.engine.engine import Tools
from bot.engine.standup_reading import IssueReader, Scope, issues, of_topic

FIRST_LOOK_BACK = timedelta(days=1)
"""How far the first standup of a series looks back."""

LONGEST_LOOK_BACK = timedelta(days=7)


class Making:
    """Makes standups. plan_named: a plan by its name, raising KeyError."""

    def __init__(
        self, tools: Tools, plan_named: Callable[[str], Plan], readers: Sequence[IssueReader]
    ) -> None:
        self._tools = tools
        self._plan_named = plan_named
        self._readers = tuple(readers)

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
            )
            for rollout in going
        )
        told = {issue for each in topics for issue in each.issues}
        plan = self._plan(series, going)
        section = plan.sections.standup if plan is not None else None
        return Standup(
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
        """Where things are released by the plan of a series, as far as its channel hears of it."""
        targets = self._tools.catalogue.targets
        mine = {
            place: target
            for place, target in targets.items()
            if series.plan in {target.plan, *target.plans.values()}
        }
        here = [place for place, target in mine.items() if target.channel == series.channel]
        owned = any(target.channel == series.channel for target in targets.values())
        return here if owned else list(mine)
