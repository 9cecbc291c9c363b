"""The hour before a release, from the source to the row: read once, asked again, never lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.baselines import Bygone
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase
from bot.domain.samples import Counts, Track, Unknown
from bot.domain.totals import Total
from bot.ports import MetricQuery, PermanentError, TemporaryError
from bot.store.database import Store
from tests.engine.world import DOCUMENT, NOON, World
from tests.fakes.metrics import FakeMetrics

HOTFIX: Mapping[str, Any] = {
    **DOCUMENT,
    "plan": "hotfix",
    "waves": [
        {
            "id": "all",
            "traffic": "100%",
            "soak": "10s",
            "go_if": [{"if": "error_rate < 2x baseline"}],
        }
    ],
    "baseline": {"kind": "concurrent", "fallback": "historical"},
}
COUNTS = Counts(50, 10_000)


def hotfix() -> Plan:
    return compile_plan(HOTFIX)


@dataclass
class Remembering(FakeMetrics):
    """Knows what was, as long as `fault` does not stand in the way."""

    known: Total | Unknown = COUNTS
    fault: Exception | None = None
    asked: list[tuple[Track, datetime, datetime]] = field(default_factory=list)

    async def past(self, query: MetricQuery, since: datetime, until: datetime) -> Total | Unknown:
        self.asked.append((query.track, since, until))
        if self.fault is not None:
            raise self.fault
        return self.known


async def begun(store: Store, metrics: FakeMetrics) -> World:
    """A hotfix with all traffic."""
    world = World(store)
    world.metrics = metrics
    world.metrics.errors[Track.CANARY] = 0.005
    world.catalogue = world._catalogue()
    world.engine = world.build()
    await world.start(plan=hotfix())
    await world.sign()
    await world.until(Phase.SOAKING, seconds=5)
    return world


async def bygone(world: World) -> Mapping[str, Bygone]:
    return (await world.rollout()).meter.bygone


async def test_a_hotfix_is_judged_by_the_hour_before_it_also_after_a_crash(
    inline_store: Store,
) -> None:
    metrics = Remembering()
    world = await begun(inline_store, metrics)
    assert await bygone(world) == {"error_rate": Bygone(COUNTS)}
    track, since, until = metrics.asked[0]
    assert (track, until - since) == (Track.BASELINE, timedelta(hours=1))
    assert NOON <= until <= world.clock.now()
    await world.crash()
    await world.until(Phase.COMPLETED)
    assert len(metrics.asked) == 1
    assert await world.dead_letters() == []


@pytest.mark.thorough
async def test_a_source_that_does_not_answer_is_asked_again_for_the_same_hour(
    inline_store: Store,
) -> None:
    metrics = Remembering()
    metrics.fault = TemporaryError("no answer")
    world = await begun(inline_store, metrics)
    await world.pass_time(40)
    assert await bygone(world) == {}
    assert (await world.rollout()).phase is not Phase.COMPLETED
    metrics.fault = None
    metrics.known = Unknown("starting")
    await world.pass_time(20)
    metrics.known = COUNTS
    await world.pass_time(20)
    assert await bygone(world) == {"error_rate": Bygone(COUNTS)}
    assert len({(since, until) for _, since, until in metrics.asked}) == 1


@pytest.mark.parametrize(
    ("metrics", "why"),
    [
        (FakeMetrics(), "its source tells only what is now"),
        pytest.param(Remembering(), "no such track", marks=pytest.mark.thorough),
        pytest.param(Remembering(), "there were no requests", marks=pytest.mark.thorough),
    ],
)
async def test_what_can_never_be_read_is_said_at_once_and_holds_the_release(
    inline_store: Store, metrics: FakeMetrics, why: str
) -> None:
    if isinstance(metrics, Remembering):
        metrics.known = Counts(0, 0)
        metrics.fault = PermanentError(why) if "track" in why else None
    world = await begun(inline_store, metrics)
    assert await bygone(world) == {"error_rate": Bygone(None, why)}
    assert any(f"can't be read (error_rate: {why})" in text for text in world.chat.texts("C0SHOP"))
    await world.pass_time(15)
    found = await world.rollout()
    assert found.phase in {Phase.SOAKING, Phase.JUDGING}
    assert why in found.findings[0].said


@pytest.mark.thorough
async def test_after_ten_minutes_in_vain_people_are_told(inline_store: Store) -> None:
    metrics = Remembering()
    metrics.fault = TemporaryError("no answer")
    world = await begun(inline_store, metrics)
    world.clock.advance(700)
    await world.pass_time(30)
    assert (await bygone(world))["error_rate"].why.startswith("no answer")
    assert any("Limits relative to it stay open" in text for text in world.chat.texts("C0SHOP"))
    assert await world.dead_letters() == []
