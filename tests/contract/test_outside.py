"""Checks from outside: failures in a row, answers slower than usual, answers of another form."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.domain.conditions import Condition
from bot.domain.evidence import Verdict
from bot.domain.metering import Meter
from bot.domain.plan_compile import paced_for
from bot.domain.samples import Gauge, Measurement, Reading, Sample, Track, Unknown
from bot.domain.watching import Watcher, watch
from bot.metrics.outside import TRUSTED, CheckOptions, Outside
from bot.plans import library

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVERY = timedelta(minutes=5)
PLAN = library().get("whispercache-canary")


@dataclass
class Service:
    """What answers, in each of two regions; `took` is how long, in seconds."""

    status: dict[str, int] = field(default_factory=lambda: {"eu": 200, "us": 200})
    took: dict[str, float] = field(default_factory=lambda: {"eu": 0.1, "us": 0.2})
    body: bytes = json.dumps({"price": 12.5, "at": "12:00"}).encode()
    asked: int = 0
    clock: float = 0.0
    now: datetime = NOON
    cursors: dict[str, str] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        region = request.url.host.partition(".")[0]
        self.asked += 1
        self.clock += self.took[region]
        return httpx.Response(self.status[region], content=self.body)


@dataclass
class Watched:
    """The checks and the plan's alerts on them, looked at every five minutes."""

    service: Service
    outside: Outside
    watchers: dict[str, Watcher] = field(default_factory=dict)

    async def look(self) -> dict[str, Reading]:
        """Five minutes later: what the three figures are."""
        self.service.now += EVERY
        found = {}
        for figure in ("failures", "slowness", "malformed"):
            cursor = self.service.cursors.get(figure, "")
            found[figure] = await self.outside.read(figure, cursor, self.service.now)
            self.service.cursors[figure] = getattr(found[figure], "cursor", "")
        return found

    async def told(self) -> set[str]:
        """The alerts that hold after the next look."""
        readings = await self.look()
        measured = [
            Measurement(f"outside_{name}", Track.CANARY, reading)
            for name, reading in readings.items()
        ]
        return {each.id for each in alerts() if self._fires(each, measured)}

    def _fires(self, alert: Condition, measured: list[Measurement]) -> bool:
        old = self.watchers.get(alert.id, Watcher(window_started_at=NOON))
        now = self.service.now
        self.watchers[alert.id], verdict = watch(alert, PLAN, old, Meter(), measured, now)
        return verdict is Verdict.FAIL


def alerts() -> list[Condition]:
    """The built-in plan's alerts on what is seen from outside."""
    return [each for each in PLAN.alerts["warning"] if each.text.startswith("outside_")]


def value(reading: Reading) -> float:
    assert isinstance(reading, Sample)
    assert isinstance(reading.value, Gauge)
    return reading.value.value


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    service = Service()
    regions = {name: f"http://{name}.test/prices" for name in ("eu", "us")}
    checks = {"prices": CheckOptions(regions=regions, json={"price": "number", "at": "text"})}
    transport = httpx.MockTransport(service.answer)
    async with httpx.AsyncClient(transport=transport) as http:
        yield Watched(service, Outside(checks, http, lambda: service.clock))


@pytest.mark.requirement("S2-09a", "W-188")
async def test_two_failures_in_a_row_of_one_check_are_told_and_one_of_each_region_is_not(
    watched: Watched,
) -> None:
    status = watched.service.status
    status["eu"] = 503
    assert await watched.told() == set()
    status.update(eu=200, us=503)
    assert await watched.told() == set()
    assert await watched.told() == {"outside-failures"}
    status["us"] = 200
    assert await watched.told() == set()


@pytest.mark.requirement("S2-09b", "W-189")
async def test_more_than_twice_as_slow_as_usual_is_told(watched: Watched) -> None:
    watched.service.took["eu"] = 9.0
    assert await watched.told() == set()  # nobody knows yet what is usual
    watched.service.took["eu"] = 0.1
    for _ in range(TRUSTED):
        assert await watched.told() == set()
    watched.service.took["us"] = 0.39
    assert await watched.told() == set()
    watched.service.took["us"] = 0.41
    assert await watched.told() == {"outside-slowness"}


@pytest.mark.requirement("S2-09c", "W-190")
@pytest.mark.parametrize(
    "body", [b"<html>", b"[1]", b'{"price": 12.5}', b'{"price": "12", "at": "x"}']
)
async def test_an_answer_of_another_form_is_told_at_once(watched: Watched, body: bytes) -> None:
    assert await watched.told() == set()
    watched.service.body = body
    assert await watched.told() == {"outside-malformed"}


async def test_one_round_of_requests_serves_all_three_figures(watched: Watched) -> None:
    await watched.look()
    assert watched.service.asked == 2
    await watched.look()
    assert watched.service.asked == 4


async def test_a_row_of_failures_goes_on_after_a_restart(watched: Watched) -> None:
    watched.service.status["eu"] = 500
    await watched.look()
    regions = {"eu": "http://eu.test/prices"}
    transport = httpx.MockTransport(watched.service.answer)
    async with httpx.AsyncClient(transport=transport) as http:
        watched.outside = Outside({"prices": CheckOptions(regions=regions)}, http)
        assert value((await watched.look())["failures"]) == 2


async def test_without_checks_nothing_is_known_and_the_plan_asks_for_nothing() -> None:
    async with httpx.AsyncClient() as http:
        assert isinstance(await Outside({}, http).read("failures", "", NOON), Unknown)
    bare = paced_for(PLAN, "production", outside=False)
    assert not [each for each in bare.all_alerts if each.text.startswith("outside_")]
    assert set(PLAN.metrics) - set(bare.metrics) == {
        "outside_failures",
        "outside_slowness",
        "outside_malformed",
    }
    assert [t.id for t in bare.triggers] == [t.id for t in PLAN.triggers]
