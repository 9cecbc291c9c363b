"""Standups on both databases: each slot once, through restarts, and decisions in one unit."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from bot.domain.events import AdvanceRequested, PauseRequested, RollbackRequested, RolloutEvent
from bot.domain.incident import Incident, Resolved
from bot.domain.incident_terms import Severity
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.release_record import Record
from bot.domain.reports import Report
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Track
from bot.domain.standup_calendar import Series
from bot.domain.standup_state import ActionAdded, Choice, ChoiceMade, Standup
from bot.engine import standups, transitions
from bot.engine.catalogue import Catalogue
from bot.engine.engine import Part, Tools
from bot.engine.incidents import incident_kind
from bot.engine.release_records import record_kind
from bot.slack.standups import StandupCards
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import aggregates, audit, reports
from tests.engine.world import DOCUMENT, World

ADA = Actor("ada", "U0ADA", ("security",))
NORA = Actor("nora", "U0NORA")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

DAILY: Mapping[str, Any] = {
    **DOCUMENT,
    "plan": "daily",
    "waves": [
        {"id": "w1", "traffic": "5%", "soak": "10h", "advance": "approve"},
        {"id": "w2", "traffic": "100%", "soak": "30h", "meetings": [{"at": "17:00"}]},
    ],
    "triggers": [],
    "standup": {"time": "13:00", "tz": "UTC", "attendees": ["security", "operations"]},
}


class Office(World):
    """The small world with standups; it begins at noon on a Saturday."""

    series: tuple[Series, ...] = ()
    holding: standups.Holding

    def more(self, tools: Tools) -> Sequence[Part]:
        part, self.holding = standups.part(tools, StandupCards({}), self.series, self._plan)
        return (*super().more(tools), part)

    def _catalogue(self) -> Catalogue:
        made = super()._catalogue()
        targets = {
            place: msgspec.structs.replace(target, plan="daily")
            for place, target in made.targets.items()
        }
        return msgspec.structs.replace(made, targets=targets)

    def _plan(self, _name: str) -> Plan:
        return compile_plan(DAILY)

    async def under_way(self, soak: str = "10h") -> None:
        """A release by the plan `daily`, in its first wave."""
        first = {**DAILY["waves"][0], "soak": soak}
        await self.start(plan=compile_plan({**DAILY, "waves": [first, DAILY["waves"][1]]}))
        await self.sign()
        await self.until(Phase.SOAKING)

    async def at(self, clock: str) -> None:
        """Until the next time that clocks show this; then what is due is done."""
        hour, minute = map(int, clock.split(":"))
        now = self.clock.now()
        then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        self.clock.advance((((then - now) % DAY) or DAY).total_seconds())
        await self.engine.settle()

    def posted(self, words: str = "Standup of daily") -> list[str]:
        """What was posted in the channel and in threads, with these words."""
        return [m.text for m in self.chat.messages.values() if words in m.text]

    async def newest(self) -> Standup:
        return (await self.holding.newest("C0SHOP"))[0]

    async def choose(
        self, choice: Choice, actor: Actor = ADA, once: str = "click-1", why: str = "slow"
    ) -> str:
        """Somebody decides about the release; why not, "" when it was done."""
        made = ChoiceMade(actor, "r1", choice, why)
        standup = await self.newest()

        def event(_rollout: Rollout, act: str) -> RolloutEvent:
            match act:
                case "pause":
                    return PauseRequested(actor, why)
                case "advance":
                    return AdvanceRequested(actor, why)
                case _:
                    return RollbackRequested(actor, why, once)

        told = await self.holding.choose(made, standup.id, event, once)
        await self.engine.settle()
        return told


@pytest.fixture
async def office(inline_store: Store) -> Office:
    return Office(inline_store)


async def test_two_processes_hold_a_standup_once(office: Office) -> None:
    await office.under_way()
    other = office.build()
    await office.engine.settle()
    office.clock.advance(3600)
    await asyncio.gather(office.engine.settle(), other.settle())
    await asyncio.gather(other.settle(), office.engine.settle())
    assert len(office.posted()) == 1
    assert await office.dead_letters() == []
    await office.verify_audit()


async def test_a_restart_in_the_middle_of_each_clock_neither_loses_nor_repeats(
    office: Office,
) -> None:
    await office.under_way()
    await office.at("12:59")
    await office.crash()
    await office.at("13:00")
    assert len(office.posted()) == 1
    await office.crash()
    await office.at("13:30")
    assert len(office.posted()) == 1
    await office.at("13:59")
    await office.crash()
    await office.at("14:01")
    await office.crash()
    await office.at("14:30")
    assert len(office.posted("Nobody has decided yet")) == 1
    office.clock.advance(23 * 3600)  # nobody was there at one o'clock
    await office.crash()
    await office.engine.settle()
    assert len(office.posted()) == 2
    assert len(office.posted("Nobody has decided yet")) == 1


@pytest.mark.thorough
async def test_one_that_is_too_late_is_left_out(office: Office) -> None:
    await office.under_way()
    office.clock.advance(5 * 3600)
    await office.crash()
    await office.engine.settle()
    assert office.posted() == []
    await office.at("13:00")
    assert len(office.posted()) == 1


@pytest.mark.thorough
@pytest.mark.requirement("S4-09")
async def test_a_wave_that_meets_in_the_evening_has_a_standup_then_too(office: Office) -> None:
    await office.under_way("5s")
    await office.until(Phase.JUDGING)
    await office.at("13:00")
    await office.at("17:00")
    assert len(office.posted()) == 1, "the first wave meets once a day"
    assert await office.choose(Choice.NEXT_WAVE) == ""
    await office.until(Phase.SOAKING)
    await office.at("13:00")
    await office.at("17:00")
    assert len(office.posted()) == 3


async def test_what_is_decided_happens_to_the_release_in_the_same_unit(office: Office) -> None:
    await office.under_way()
    await office.at("13:00")
    assert await office.choose(Choice.PAUSE) == ""
    assert await office.phase() is Phase.PAUSED
    decision = (await office.newest()).topics[0].decision
    assert decision is not None
    assert (decision.person, decision.reason) == ("ada", "slow")
    entries = await office.store.transact(lambda conn: list(audit.entries(conn)))
    ours = [e for e in entries if e.actor == "ada" and "slow" in e.event]
    assert [e.kind for e in ours] == ["rollout", "standup"]
    assert ours[1].id - ours[0].id == 1
    assert ours[0].at == ours[1].at
    assert await office.choose(Choice.PAUSE) == "", "the same click again"
    assert "has decided already" in await office.choose(Choice.ROLLBACK, once="click-2")


@pytest.mark.thorough
async def test_what_the_release_refuses_is_not_kept_as_decided(office: Office) -> None:
    await office.under_way()
    await office.at("13:00")
    assert await office.choose(Choice.NEXT_WAVE) == ""
    assert await office.phase() is Phase.SOAKING
    assert (await office.newest()).topics[0].open
    assert any("The soak is not over" in text for _, text in office.chat.whispers)
    assert await office.choose(Choice.ROLLBACK, NORA, "click-2") == ""
    assert (await office.newest()).topics[0].open


@pytest.mark.thorough
async def test_a_release_that_ends_closes_its_question_with_the_same_write(office: Office) -> None:
    await office.under_way()
    await office.at("13:00")
    await office.engine.apply("r1", RollbackRequested(ADA, "slow", "q1", now=True))
    await office.until(Phase.ROLLED_BACK)
    topic = (await office.newest()).topics[0]
    assert topic.closed == "it was rolled back."
    await office.at("18:30")
    assert office.posted("Nobody has decided yet") == []


@pytest.mark.thorough
async def test_actions_go_on_to_the_next_standup(office: Office) -> None:
    await office.under_way()
    await office.at("13:00")
    first = await office.newest()
    await office.holding.apply(first.id, ActionAdded(ADA, "look", "mary"), "a1")
    await office.holding.apply(first.id, ActionAdded(ADA, "look", "mary"), "a1")
    await office.at("13:00")
    second = await office.newest()
    assert second.id != first.id
    assert [a.text for a in second.open_actions] == ["look"]
    assert len(await office.holding.newest("C0SHOP")) == 1


@pytest.mark.thorough
async def test_the_value_of_yesterday_is_the_one_that_was_shown(office: Office) -> None:
    plan = {**DAILY, "waves": [{"id": "w1", "traffic": "100%", "soak": "99h",
            "go_if": [{"if": "error_rate < 50%"}]}]}  # fmt: skip
    await office.start(plan=compile_plan(plan))
    await office.sign()
    await office.until(Phase.SOAKING)
    office.metrics.errors[Track.CANARY] = 0.01
    await office.at("13:00")
    first = (await office.newest()).topics[0].values[0]
    assert first.trend == ""
    office.metrics.errors[Track.CANARY] = 0.4
    await office.at("13:00")
    second = (await office.newest()).topics[0].values[0]
    assert second.yesterday == first.shown.partition(", limit")[0]
    assert second.trend == "up"


@pytest.mark.thorough
async def test_a_configured_one_is_held_on_business_days_and_tells_the_week_on_mondays(
    inline_store: Store,
) -> None:
    Office.series = (
        Series(
            channel="C0ALL", plan="daily", zone="UTC", times=(time(9),),
            holidays=frozenset({datetime(2026, 11, 25, tzinfo=UTC).date()}), weekly=0,
        ),
    )  # fmt: skip
    office = Office(inline_store)
    Office.series = ()
    days = []
    for _ in range(6):
        await office.at("09:00")
        days.append(len(office.posted()))
    assert days == [0, 1, 2, 2, 3, 4], "Sunday, then Monday to Friday with a holiday"
    (weekly,) = office.posted("The week: daily")
    assert "The last four weeks" in weekly


@pytest.mark.thorough
async def test_the_database_admits_one_open_standup_of_a_series(office: Office) -> None:
    await office.under_way()
    await office.at("13:00")
    id_ = (await office.newest()).id

    def second(conn: Connection) -> None:
        row = aggregates.fetch(conn, tables.standup, id_, lock=False)
        assert row is not None
        conn.execute(insert(tables.standup).values(**{**row, "id": "another"}))

    with pytest.raises(IntegrityError):
        await office.store.transact(second)


async def test_the_figures_come_from_the_releases(office: Office) -> None:
    await office.under_way()
    (held,) = await office.holding.here("C0SHOP")
    office.clock.advance(60)
    told = await office.holding.figures(held, 7 * DAY)
    assert "Failed deployments: 0 of 1" in told
    await office.engine.apply("r1", RollbackRequested(ADA, "slow", "q1", now=True))
    await office.until(Phase.ROLLED_BACK)
    told = await office.holding.figures(held, 7 * DAY)
    assert told == [
        "Deployments: 1 (in 1w)",
        "Lead time of changes: no commits are known",
        "Recovery of failed deployments: median 1s of 1 recovery",
        "Failed deployments: 1 of 1, 1 of them contained at 5 % of the traffic",
        "Rework because of incidents: 0 of 1",
        "Rollbacks, which are no deployments: 1",
    ]


@pytest.mark.thorough
async def test_an_incident_is_told_with_what_was_done_and_counts_among_the_figures(
    office: Office,
) -> None:
    await office.under_way()
    office.clock.advance(60)
    now = office.clock.now()
    incident = Incident(
        id="INC-1",
        service="shop",
        environment="production",
        title="carts are empty",
        severity=Severity.MAJOR,
        rollout_id="r1",
        declared_by=ADA,
        began_at=now,
        created_at=now,
    )
    kind = incident_kind()
    await office.store.transact(lambda c: transitions.create(c, kind, incident, (), now))
    heard = Report("major", "INC-1:major", now, "carts are empty", source="incident")
    await office.store.transact(lambda c: reports.keep(c, "shop", "production", heard, now))
    office.clock.advance(600)
    done = Resolved(ADA, "the cache was filled")
    await office.store.transact(
        lambda c: transitions.apply(c, kind, "INC-1", done, office.clock.now())
    )
    await office.at("13:00")
    (issue,) = (await office.newest()).topics[0].issues
    assert issue.what == "incident `INC-1` (major): carts are empty"
    assert (issue.fix, issue.over) == ("the cache was filled", True)
    (held,) = await office.holding.here("C0SHOP")
    told = await office.holding.figures(held, 7 * DAY)
    assert "Failed deployments: 1 of 1" in told[3]
    assert "Recovery of failed deployments: median 10m of 1 recovery" in told


@pytest.mark.thorough
@pytest.mark.requirement("X-33", "B-117")
async def test_instants_are_kept_in_utc_and_shown_in_the_zone_of_the_standup(
    inline_store: Store,
) -> None:
    Office.series = (
        Series(channel="C0ALL", plan="daily", zone="America/Los_Angeles", times=(time(9),)),
    )
    office = Office(inline_store)
    Office.series = ()
    await office.at("12:00")
    await office.at("17:00")  # a Sunday in Los Angeles
    await office.at("17:00")
    (said,) = office.posted()
    assert "Mon 23 Nov, 09:00 America/Los_Angeles" in said
    (standup,) = await office.holding.newest("C0ALL")
    assert standup.created_at.isoformat() == "2026-11-23T17:00:00+00:00"
    assert standup.next_at is not None
    assert standup.next_at.isoformat() == "2026-11-24T17:00:00+00:00"


@pytest.mark.thorough
@pytest.mark.requirement("S-094")
async def test_the_lead_time_is_that_of_the_commits_which_the_record_of_a_release_knows(
    office: Office,
) -> None:
    await office.under_way("5s")
    await office.until(Phase.JUDGING)
    await office.engine.apply("r1", AdvanceRequested(ADA, "fine"))
    await office.until(Phase.SOAKING)
    live = (await office.rollout()).marks[-1].applied_at
    record = Record(
        id="r1",
        service="shop",
        environment="production",
        version="v2",
        created_at=live,
        committed_at=(live - 3 * HOUR, live - HOUR),
    )
    await office.store.transact(
        lambda c: transitions.create(c, record_kind(), record, (), office.clock.now())
    )
    office.clock.advance(60)
    (held,) = await office.holding.here("C0SHOP")
    told = await office.holding.figures(held, 7 * DAY)
    assert told[1] == "Lead time of changes: median 2h of 2 changes"
