"""What a source knows of the time before a release: exactly, or that it knows nothing."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.domain.plan import Metric
from bot.domain.samples import Buckets, Counts, Track, Unknown
from bot.domain.totals import Total
from bot.metrics import build
from bot.metrics.prometheus import PrometheusOptions
from bot.past import past_of
from bot.ports import PermanentError, Release
from tests.contract.fake_prometheus import FakePrometheus
from tests.contract.prometheus import Exporter, PrometheusServer
from tests.contract.sources import (
    EPOCH,
    ERRORS,
    LATENCY,
    SECRET,
    TRACKS,
    DeployerWorld,
    RealWorld,
    instant,
    query_of,
)

HOUR = timedelta(hours=1)
NOW = instant(EPOCH)
LIFETIME = 1_000_000


@pytest.fixture
def far() -> FakePrometheus:
    return FakePrometheus()


def scraped(
    far: FakePrometheus,
    name: str,
    value: Callable[[int], float],
    minutes: Iterable[int],
    **labels: str,
) -> None:
    """A sample each minute, so many minutes from NOW."""
    for minute in minutes:
        far.store(name, EPOCH + 60 * minute, value(minute), {"version": "v1.0.0", **labels})


async def past(
    far: FakePrometheus, metric: Metric = ERRORS, tracks: dict[Track, str] = TRACKS
) -> Total | Unknown:
    options = PrometheusOptions(url="http://far", tracks=tracks, scrape_interval="60s")
    async with far.client() as http:
        source = build(options, http=http, secret=SECRET, now=lambda: NOW)
        return await past_of(source, query_of(metric, Track.BASELINE), NOW - HOUR, NOW)


AROUND = range(-200, 60)


async def test_the_hour_is_counted_to_the_request_and_nothing_around_it(
    far: FakePrometheus,
) -> None:
    scraped(far, "requests_total", lambda m: LIFETIME + 10 * m, AROUND, code="200")
    scraped(far, "requests_total", lambda m: 500 + m, AROUND, code="503")
    assert await past(far) == Counts(60, 660)


async def test_a_restart_within_the_hour_loses_nothing(far: FakePrometheus) -> None:
    scraped(
        far, "requests_total", lambda m: 10 * (m + 300 if m < -30 else m + 31), AROUND, code="200"
    )
    assert await past(far) == Counts(0, 600)


async def test_latencies_of_the_hour_come_by_their_edges(far: FakePrometheus) -> None:
    for le, slope in (("0.1", 8), ("0.5", 9), ("+Inf", 10)):
        scraped(far, "seconds_bucket", lambda m, s=slope: LIFETIME + s * m, AROUND, le=le)  # type: ignore[misc]
    assert await past(far, LATENCY) == Buckets(600, ((0.1, 480), (0.5, 540)))


async def test_a_few_minutes_are_no_hour(far: FakePrometheus) -> None:
    scraped(far, "requests_total", lambda m: 10 * (m + 300), range(-20, 60), code="200")
    found = await past(far)
    assert isinstance(found, Unknown)
    assert (found.reason, found.mistake) == ("only 20m of the 1h are known", True)


async def test_no_answer_may_come_later_and_no_series_does_not(far: FakePrometheus) -> None:
    nothing = await past(far)
    assert isinstance(nothing, Unknown)
    assert nothing.mistake
    assert "no series" in nothing.reason
    far.answer = httpx.Response(503, text="starting")
    silent = await past(far)
    assert isinstance(silent, Unknown)
    assert not silent.mistake


async def test_errors_that_nobody_ever_counted_are_not_taken_for_none(far: FakePrometheus) -> None:
    scraped(far, "requests_total", lambda m: 10 * (m + 300), AROUND)
    misspelt = Metric(
        kind="ratio",
        bad="failures_total{$track}",
        total="requests_total{$track}",
        name="error_rate",
    )
    found = await past(far, misspelt)
    assert isinstance(found, Unknown)
    assert "misspelt" in found.reason


async def test_a_query_that_can_never_work_is_said_to_be_one(far: FakePrometheus) -> None:
    wrong = Metric(
        kind="quantile", q=0.9, histogram="rate(seconds_bucket{$track}[5m])", name="latency"
    )
    with pytest.raises(PermanentError):
        await past(far, wrong)


async def test_the_version_of_the_old_side_and_its_slot_are_told_apart(
    far: FakePrometheus,
) -> None:
    scraped(far, "requests_total", lambda m: 10 * (m + 300), AROUND, code="200", server="blue")
    tracks = {Track.BASELINE: 'server="{current}",version="{version}"'}
    options = PrometheusOptions(url="http://far", tracks=tracks, scrape_interval="60s")
    async with far.client() as http:
        source = build(options, http=http, secret=SECRET, now=lambda: NOW)
        query = type(query_of(ERRORS))(
            ERRORS,
            Track.BASELINE,
            query_of(ERRORS).target,
            {Track.CANARY: Release("v2.0.0"), Track.BASELINE: Release("v1.0.0")},
            {"candidate": "green", "current": "blue"},
        )
        assert await past_of(source, query, NOW - HOUR, NOW) == Counts(0, 600)


async def test_a_deployer_knows_only_what_is_now() -> None:
    world = DeployerWorld()
    async with world.http:
        found = await past_of(world.source(), query_of(ERRORS, Track.BASELINE), NOW - HOUR, NOW)
    assert isinstance(found, Unknown)
    assert found.mistake


@pytest.mark.real
async def test_the_real_program_tells_what_was_before_an_instant(
    prometheus: tuple[PrometheusServer, list[Exporter]],
) -> None:
    server, exporters = prometheus
    async with httpx.AsyncClient() as http:
        world = RealWorld(server, exporters, http)
        old = world.tallies[Track.BASELINE]
        old.serve(fast=1000, bad=100)
        await world.settle()
        since = datetime.now(UTC)
        old.serve(fast=70, bad=7)
        await world.settle()
        until = datetime.now(UTC)
        old.serve(fast=5000, bad=5000)
        await world.settle()
        query = query_of(ERRORS, Track.BASELINE)
        assert await past_of(world.source(), query, since, until) == Counts(7, 70)
        slow = await past_of(world.source(), query_of(LATENCY, Track.BASELINE), since, until)
        assert slow == Buckets(70, ((0.1, 70), (0.5, 70)))
