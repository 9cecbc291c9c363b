"""What standups learn from rows: figures over many releases, and what waits on Home tabs."""

from datetime import timedelta

import pytest

from bot.domain.events import AdvanceRequested, ItemTicked
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.reports import Report
from bot.domain.rollout import Phase
from bot.domain.standup_settings import StandupDocument, series_of
from bot.domain.standup_state import Choice
from bot.engine.standup_waiting import Waiting
from bot.engine.standups import standup_kind
from bot.store.database import Store
from bot.store.queries import reports
from tests.engine.test_standups import ADA, DAILY, Office

ASKED = {
    **DAILY,
    "dora": ["deployment_frequency", "performance_regression", "bug_rate"],
    "report": {"user_satisfaction": "score", "test_coverage": "coverage"},
    "waves": [
        {
            **DAILY["waves"][0],
            "soak": "5s",
            "go_if": [{"id": "score", "attest": "What do they give it?", "by": ["security"]}],
        },
        DAILY["waves"][1],
    ],
}


class Asking(Office):
    def _plan(self, _name: str) -> Plan:
        return compile_plan(ASKED)


async def test_the_report_tells_what_became_slower_bugs_and_what_was_given(
    inline_store: Store,
) -> None:
    office = Asking(inline_store)
    await office.start(plan=compile_plan(ASKED))
    await office.sign()
    await office.until(Phase.SOAKING)
    await office.engine.apply("r1", ItemTicked(ADA, "score", True, "4.7 of 5"))
    now = office.clock.now()
    bug, praise = Report("bug", "1", now, "no cart"), Report("praise", "2", now, "nice")
    for report in (bug, praise):
        await office.store.transact(
            lambda c, r=report: reports.keep(c, "shop", "production", r, now)  # type: ignore[misc]
        )
    office.clock.advance(60)
    (held,) = await office.holding.here("C0SHOP")
    told = await office.holding.figures(held, timedelta(days=7))
    assert told == [
        "Deployments: 1 (in 1w)",
        "What became slower: no release was compared with the one before it",
        "Bugs: 1 (1 report, 0 incidents) in 1 deployment = 1 for each (in 1w)",
        "User satisfaction: 4.7 of 5 (v2)",
        "Test coverage: nobody has said it yet",
    ]


@pytest.mark.thorough
async def test_a_standup_in_which_nobody_has_decided_waits_on_the_home_tabs_of_those_asked(
    inline_store: Store,
) -> None:
    office = Office(inline_store)
    await office.under_way()
    await office.at("13:00")
    waiting = Waiting(standup_kind()).errands

    async def lines(*roles: str) -> list[str]:
        found = await office.store.transact(lambda conn: waiting(conn, roles))
        return [line for errand in found for line in errand.lines if errand.card is not None]

    assert await lines("security") == ["nobody has decided yet how shop v2 goes on"]
    assert await lines("product") == await lines() == []
    assert await office.choose(Choice.CONTINUE) == ""
    assert await lines("security") == []


@pytest.mark.thorough
async def test_a_figure_of_a_wave_that_went_on_is_kept_after_its_end(inline_store: Store) -> None:
    office = Asking(inline_store)
    await office.start(plan=compile_plan(ASKED))
    await office.sign()
    await office.until(Phase.SOAKING)
    await office.engine.apply("r1", ItemTicked(ADA, "score", True, "4.7 of 5"))
    await office.until(Phase.JUDGING)
    await office.engine.apply("r1", AdvanceRequested(ADA, "fine"))
    await office.until(Phase.SOAKING)
    (held,) = await office.holding.here("C0SHOP")
    told = await office.holding.figures(held, timedelta(days=7))
    assert "User satisfaction: 4.7 of 5 (v2)" in told


@pytest.mark.thorough
async def test_a_standup_without_a_time_is_held_when_somebody_asks_and_never_by_itself(
    inline_store: Store,
) -> None:
    office = Office(inline_store)
    office.series = (series_of(StandupDocument(channel="C0ALL", plan="daily", zone="UTC")),)
    office.engine = office.build()
    for _ in range(4):
        office.clock.advance(timedelta(hours=12).total_seconds())
        await office.engine.settle()
    assert office.posted() == []
    (held,) = await office.holding.here("C0ALL")
    assert office.holding.following(held) is None
    made = await office.holding.now("C0ALL", "", ADA, "typed-1")
    await office.engine.settle()
    assert made is not None
    assert made.next_at is None
    assert len(office.posted()) == 1
