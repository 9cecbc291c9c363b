"""What is taken from the past of a Prometheus: every event once, gaps as gaps, nothing guessed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import pytest

from bot.domain.plan import Metric
from bot.domain.recording import Recording, Strand
from bot.domain.samples import Buckets, Counts, Track
from bot.metrics.prometheus import PrometheusOptions
from bot.metrics.recorder import Recorder, Stretch
from bot.ports import PermanentError
from tests.contract.fake_prometheus import FakePrometheus
from tests.contract.sources import EPOCH, ERRORS, LATENCY, TRACKS, instant

STEP = 15
LIFETIME = 1_000_000
"""What a counter has counted before: none of it belongs to the recording."""

OPTIONS = PrometheusOptions(url="http://far", tracks=TRACKS)
NAMES = {"candidate": "v2", "current": "v1"}
BOTH = [("error_rate", Track.CANARY), ("error_rate", Track.BASELINE)]

Count = Callable[[int], float | None]
"""The value of a counter at the scrape of that number; None when it was not scraped."""


@pytest.fixture
def far() -> FakePrometheus:
    return FakePrometheus()


def scraped(
    far: FakePrometheus, name: str, count: Count, scrapes: Iterable[int], **labels: str
) -> None:
    for number in scrapes:
        value = count(number)
        if value is not None:
            far.store(name, EPOCH + number * STEP, value, {"version": "v2", **labels})


async def recorded(
    far: FakePrometheus,
    metric: Metric,
    minutes: float,
    tracks: Iterable[Track] = (Track.CANARY,),
    begin: float = 0,
) -> tuple[Recording, Mapping[tuple[str, Track], str]]:
    """begin: minutes after EPOCH."""
    start = instant(EPOCH + begin * 60)
    stretch = Stretch(start, start + timedelta(minutes=minutes), timedelta(seconds=STEP))
    async with far.client() as http:
        recorder = Recorder(OPTIONS, http, NAMES)
        wanted = [(metric.name, track) for track in tracks]
        return await recorder.record({metric.name: metric}, wanted, stretch)


async def strand(far: FakePrometheus, metric: Metric, minutes: float, begin: float = 0) -> Strand:
    found, missing = await recorded(far, metric, minutes, begin=begin)
    assert not missing
    return found.strands[metric.name, Track.CANARY]


def sums(found: Strand) -> tuple[float, float]:
    counts = [point.value for point in found.points if isinstance(point.value, Counts)]
    return sum(c.bad for c in counts), sum(c.total for c in counts)


async def test_every_request_of_hours_is_taken_once_and_none_from_before(
    far: FakePrometheus,
) -> None:
    scraped(far, "requests_total", lambda n: LIFETIME + 10 * n, range(-40, 1000), code="200")
    found = await strand(far, ERRORS, 240)
    assert sums(found) == (0, 10 * 960)
    # A point for each scrape, also where one query ends and the next begins; the first is the mark.
    assert [point.at for point in found.points] == [instant(EPOCH + n * STEP) for n in range(961)]
    assert found.points[0].value == Counts(0, 0)


async def test_the_first_error_counts_and_a_restart_takes_nothing_away(far: FakePrometheus) -> None:
    restarted = 100
    scraped(
        far,
        "requests_total",
        lambda n: LIFETIME + 10 * n if n < restarted else 10 * (n - restarted + 1),
        range(-4, 241),
        code="200",
    )
    scraped(far, "requests_total", lambda _: 3, range(50, restarted), code="503")
    found = await strand(far, ERRORS, 60)
    assert sums(found) == (3, 10 * 240 + 3)
    assert found.points[50].value == Counts(3, 13)


async def test_a_target_that_is_found_after_the_beginning_has_not_done_all_of_it_since(
    far: FakePrometheus,
) -> None:
    scraped(far, "requests_total", lambda n: LIFETIME + 10 * n, range(20, 81), code="200")
    found = await strand(far, ERRORS, 20)
    assert sums(found) == (0, 10 * 60)


async def test_what_was_not_scraped_is_a_gap(far: FakePrometheus) -> None:
    scraped(
        far,
        "requests_total",
        lambda n: None if 20 <= n < 40 else 10.0 * n,
        range(-4, 81),
        code="200",
    )
    found = await strand(far, ERRORS, 20)
    late = [point.at for point in found.points]
    assert instant(EPOCH + 19 * STEP) in late
    assert instant(EPOCH + 30 * STEP) not in late
    assert sums(found) == (0, 800)


async def test_several_targets_are_added_up(far: FakePrometheus) -> None:
    for name in ("a", "b", "c"):
        scraped(far, "requests_total", lambda n: 10.0 * n, range(-4, 41), code="200", instance=name)
    assert sums(await strand(far, ERRORS, 10)) == (0, 3 * 400)


async def test_good_ones_are_told_from_bad_ones(far: FakePrometheus) -> None:
    good = Metric(kind="ratio", good="hits{$track}", total="asked{$track}", name="cache_hit")
    scraped(far, "asked", lambda n: 10.0 * n, range(-4, 41))
    scraped(far, "hits", lambda n: 9.0 * n, range(-4, 41))
    assert sums(await strand(far, good, 10)) == (40, 400)


async def test_a_histogram_keeps_its_edges(far: FakePrometheus) -> None:
    for edge, each in (("0.1", 5.0), ("0.5", 9.0), ("+Inf", 10.0)):
        scraped(far, "seconds_bucket", each.__mul__, range(-4, 41), le=edge)
    found = await strand(far, LATENCY, 10)
    assert found.points[1].value == Buckets(10, ((0.1, 5), (0.5, 9)))


async def test_events_alone_are_counted(far: FakePrometheus) -> None:
    many = Metric(kind="count", query="throttles{$track}", name="throttles")
    scraped(far, "throttles", lambda n: LIFETIME + 2 * n, range(-4, 41))
    assert sums(await strand(far, many, 10)) == (80, 80)


OTHER = Metric(
    kind="ratio", bad="failures{$track}", total="requests_total{$track}", name="error_rate"
)


async def test_errors_that_nobody_has_ever_seen_may_be_misspelt(far: FakePrometheus) -> None:
    scraped(far, "requests_total", lambda n: 10.0 * n, range(-4, 41))
    found, missing = await recorded(far, OTHER, 10)
    assert not found.strands
    assert "is it misspelt?" in missing["error_rate", Track.CANARY]
    far.store("failures", EPOCH, 5, {"version": "v1"})  # the other side has had some
    assert sums(await strand(far, OTHER, 10)) == (0, 400)


async def test_what_can_not_be_had_is_told_by_track(far: FakePrometheus) -> None:
    scraped(far, "requests_total", lambda n: 10.0 * n, range(-4, 41), code="200")
    _, missing = await recorded(far, ERRORS, 10, Track)
    assert list(missing) == [("error_rate", Track.BASELINE)]
    assert 'version="v1"' in missing["error_rate", Track.BASELINE]
    alike = Metric(kind="count", query="requests_total", name="all")
    _, missing = await recorded(far, alike, 10, Track)
    assert "the same numbers" in missing["all", Track.BASELINE]
    probe = Metric(kind="probe", name="health")
    _, missing = await recorded(far, probe, 10)
    assert "leaves nothing behind" in missing["health", Track.CANARY]


async def test_a_rate_is_no_counter(far: FakePrometheus) -> None:
    rate = Metric(kind="count", query="rate(requests_total{$track}[5m])", name="rate")
    with pytest.raises(PermanentError, match="has to be a plain series"):
        await recorded(far, rate, 10)
