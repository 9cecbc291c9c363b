"""What can go wrong between counters and a verdict, as far as Prometheus lets one see it."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.plan import Metric
from bot.domain.samples import Buckets, Counts, Gauge, Reading, Sample, Track, Unknown
from bot.metrics import build
from bot.metrics.prometheus import PrometheusOptions
from bot.metrics.promql import fill, is_selector, label_names, selectors_in, without_track
from bot.ports import MetricQuery, PermanentError, Release
from tests.contract.fake_prometheus import FakePrometheus
from tests.contract.prometheus import Exporter, PrometheusServer
from tests.contract.sources import EPOCH, RELEASES, TARGET, instant, query_of

ERRORS = Metric(kind="ratio", bad='requests{code=~"5.."}', total="requests", name="errors")
FAILED = Metric(kind="ratio", bad="failed", total="requests", name="failed")
EVENTS = Metric(kind="count", query="violations", name="violations")
LATENCY = Metric(kind="quantile", q=0.99, histogram="seconds_bucket", name="latency")


class Stage:
    """An adapter before the fake, read at instants of the test's choosing, in scrapes of 1 s."""

    def __init__(self, **options: object) -> None:
        self.prometheus = FakePrometheus()
        self.http = self.prometheus.client()
        self.options = msgspec.convert(
            {"kind": "prometheus", "url": "http://prometheus", "scrape_interval": "1s", **options},
            PrometheusOptions,
        )
        self.cursor = ""

    def ok(self, at: float, value: float, instance: str = "a") -> None:
        self.prometheus.store("requests", EPOCH + at, value, {"code": "200", "instance": instance})

    def bad(self, at: float, value: float, instance: str = "a") -> None:
        self.prometheus.store("requests", EPOCH + at, value, {"code": "500", "instance": instance})

    async def read(self, metric: Metric, at: float, query: MetricQuery | None = None) -> Reading:
        source = build(self.options, http=self.http, secret="", now=lambda: instant(EPOCH))
        reading = await source.read(query or query_of(metric), self.cursor, instant(EPOCH + at))
        self.cursor = reading.cursor or self.cursor
        return reading

    async def value(self, metric: Metric, at: float) -> Counts:
        reading = await self.read(metric, at)
        assert isinstance(reading, Sample), reading
        assert isinstance(reading.value, Counts)
        return reading.value

    async def reason(self, metric: Metric, at: float) -> str:
        reading = await self.read(metric, at)
        assert isinstance(reading, Unknown), reading
        return reading.reason


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with stage.http:
        yield stage


# --- counting -------------------------------------------------------------------------------


async def test_a_series_that_appears_later_counts_from_zero(stage: Stage) -> None:
    stage.ok(0, 100)
    await stage.read(ERRORS, 0)
    stage.ok(1, 110)
    stage.bad(1, 1)
    assert await stage.value(ERRORS, 1) == Counts(1, 11)


async def test_a_target_that_appears_later_counts_from_zero(stage: Stage) -> None:
    stage.ok(0, 100)
    await stage.read(ERRORS, 0)
    stage.ok(1, 100)
    stage.ok(1, 7, "b")
    assert await stage.value(ERRORS, 1) == Counts(0, 7)


async def test_a_canary_without_series_at_first_loses_nothing_of_its_first_ones(
    stage: Stage,
) -> None:
    assert "no traffic, or a wrong label" in await stage.reason(ERRORS, 0)
    assert "no traffic, or a wrong label" in await stage.reason(ERRORS, 60)
    stage.ok(61, 5)
    stage.bad(61, 1)
    assert await stage.value(ERRORS, 61) == Counts(1, 6)


async def test_a_scrape_that_completes_late_is_counted_when_it_is_seen(stage: Stage) -> None:
    for at in (0.0, 0.1):
        stage.ok(at, 100, "a" if at else "b")
    await stage.read(ERRORS, 0.2)
    stage.ok(1.1, 110)
    stage.prometheus.store(
        "requests", EPOCH + 1, 150, {"code": "200", "instance": "b"}, seen_at=EPOCH + 1.5
    )
    assert await stage.value(ERRORS, 1.2) == Counts(0, 10)
    assert await stage.value(ERRORS, 1.6) == Counts(0, 50)


async def test_a_scrape_that_arrives_between_two_queries_waits_for_the_next_reading(
    stage: Stage,
) -> None:
    def scrape(at: float, requests: float, failed: float) -> None:
        stage.prometheus.store("requests", EPOCH + at, requests)
        stage.prometheus.store("failed", EPOCH + at, failed)

    def arrive(query: str) -> None:
        if query.startswith("failed"):
            stage.prometheus.before_query = lambda _: None
            scrape(1.9, 120, 10)

    scrape(0, 100, 0)
    await stage.read(FAILED, 0)
    scrape(1, 105, 1)
    stage.prometheus.before_query = arrive
    assert await stage.value(FAILED, 2) == Counts(1, 5)
    assert await stage.value(FAILED, 2) == Counts(9, 15)


async def test_a_restart_between_two_scrapes_counts_the_new_value(stage: Stage) -> None:
    stage.ok(0, 100)
    await stage.read(ERRORS, 0)
    for at, value in ((1, 120), (2, 3), (3, 5)):
        stage.ok(at, value)
    assert await stage.value(ERRORS, 3) == Counts(0, 25)


async def test_a_target_that_comes_back_after_long_is_counted_from_where_it_was(
    stage: Stage,
) -> None:
    stage.ok(0, 100)
    stage.ok(0, 1000, "b")
    await stage.read(ERRORS, 0)
    for at in range(1, 400, 3):
        stage.ok(at, 100 + at)
        assert isinstance(await stage.read(ERRORS, at), Sample)
    stage.ok(400, 500)
    stage.ok(400, 1003, "b")
    assert await stage.value(ERRORS, 400) == Counts(0, 3 + 3)


async def test_after_a_night_without_readings_everything_is_counted_once(stage: Stage) -> None:
    stage.ok(0, 100)
    await stage.read(ERRORS, 0)
    for at in range(60, 28800, 60):
        stage.ok(at, 100 + at)
    stage.ok(28800, 7)
    assert await stage.value(ERRORS, 28800) == Counts(0, 28740 + 7)


async def test_a_count_adds_the_series_up(stage: Stage) -> None:
    def violations(at: float, value: float, kind: str) -> None:
        stage.prometheus.store("violations", EPOCH + at, value, {"kind": kind})

    violations(0, 4, "x")
    assert await stage.value(EVENTS, 0) == Counts(0, 0)
    violations(1, 5, "x")
    violations(1, 2, "y")
    assert await stage.value(EVENTS, 1) == Counts(3, 3)


async def test_the_cursor_stays_small_however_many_series_there_are(stage: Stage) -> None:
    for number in range(300):
        labels = {"code": "200", "path": f"/{number}", "instance": str(number % 3)}
        stage.prometheus.store("requests", EPOCH, 1, labels)
    await stage.read(ERRORS, 0)
    assert len(stage.cursor) < 200


scrapes = st.lists(
    st.tuples(
        st.integers(0, 9),  # requests since the last scrape
        st.integers(0, 3),  # errors among them
        st.sampled_from(["goes on", "goes on", "goes on", "restarts"]),
        st.floats(0, 0.8),  # how long the scrape takes
    ),
    min_size=3,
    max_size=8,
)


@pytest.mark.thorough
@given(
    st.lists(st.tuples(st.floats(0, 0.9), scrapes), min_size=1, max_size=4),
    st.lists(st.floats(0.05, 1.5), min_size=1, max_size=10),
)
async def test_no_increment_is_lost_or_counted_twice(
    targets: list[tuple[float, list[tuple[int, int, str, float]]]], waits: list[float]
) -> None:
    stage, true_bad, true_total = Stage(), 0, 0
    for number, (offset, rounds) in enumerate(targets):
        labels = {"instance": str(number)}
        good, bad = 1000, 50
        for name, value in (("requests", 1000.0), ("failed", 50.0)):
            stage.prometheus.store(name, EPOCH + offset, value, labels)
        for second, (fine, failed, then, takes) in enumerate(rounds, start=1):
            if then == "restarts":
                good, bad = 0, 0
            good, bad = good + fine + failed, bad + failed
            true_total, true_bad = true_total + fine + failed, true_bad + failed
            at = EPOCH + offset + second
            for name, value in (("requests", good), ("failed", bad)):
                stage.prometheus.store(name, at, value, labels, seen_at=at + takes)
    async with stage.http:
        sums, now = Counts(0, 0), 0.95
        for wait in [0.0, *waits, 20.0]:
            now = min(now + wait, 10.0)
            reading = await stage.read(FAILED, now)
            if isinstance(reading, Sample):
                assert isinstance(reading.value, Counts)
                sums = Counts(sums.bad + reading.value.bad, sums.total + reading.value.total)
        # When everything has fallen silent the last reading is unknown: ask for what is left.
        stage.options = msgspec.structs.replace(stage.options, scrape_interval="1h")
        last = await stage.read(FAILED, 10.0)
    if any(rounds_fall_unseen(rounds) for _, rounds in targets):
        return
    assert isinstance(last, Sample), last
    assert isinstance(last.value, Counts)
    assert (sums.bad + last.value.bad, sums.total + last.value.total) == (true_bad, true_total)


def rounds_fall_unseen(rounds: list[tuple[int, int, str, float]]) -> bool:
    """Whether a restart left a counter as high as it was.

    That can't be seen from outside. To take the fall of one series for a restart of all those of
    its target would be worse: where one exporter speaks for many, it would invent whole lifetimes.
    """
    good, bad = 1000, 50
    for fine, failed, then, _ in rounds:
        before = (good, bad)
        if then == "restarts":
            good, bad = 0, 0
        good, bad = good + fine + failed, bad + failed
        if then == "restarts" and (good >= before[0] or bad >= before[1]):
            return True
    return False


# --- what is not known ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (httpx.Response(502, text="<html>"), "502"),
        (httpx.Response(200, text="<html>"), "JSON"),
        (httpx.Response(503, json={"status": "error", "errorType": "timeout"}), "timeout"),
        (httpx.Response(200, json={"status": "error", "error": "broken"}), "broken"),
        (httpx.Response(422, json={"status": "error", "error": "too many samples"}), "samples"),
        (httpx.Response(400, text="bad gateway config"), "400"),
        (httpx.Response(302, headers={"location": "http://elsewhere/"}), "302"),
        (
            httpx.Response(
                200,
                json={
                    "status": "success",
                    "data": {"resultType": "matrix", "result": []},
                    "warnings": ["a store is missing"],
                },
            ),
            "a store is missing",
        ),
        (httpx.Response(200, json={"status": "success"}), "without data"),
        (
            httpx.Response(
                200, json={"status": "success", "data": {"resultType": "matrix", "result": [1]}}
            ),
            "not understood",
        ),
    ],
)
async def test_answers_that_say_nothing_are_unknown(
    stage: Stage, answer: httpx.Response, word: str
) -> None:
    stage.prometheus.answer = answer
    assert word in await stage.reason(ERRORS, 0)


@pytest.mark.parametrize(
    "error", [httpx.ReadTimeout("slow"), httpx.ConnectError("refused"), httpx.PoolTimeout("full")]
)
async def test_no_answer_is_unknown(stage: Stage, error: Exception) -> None:
    stage.prometheus.error = error
    assert "Prometheus" in await stage.reason(ERRORS, 0)


async def test_a_query_that_can_never_work_is_a_mistake_of_the_plan(stage: Stage) -> None:
    stage.prometheus.answer = httpx.Response(
        400, json={"status": "error", "errorType": "bad_data", "error": "parse error"}
    )
    with pytest.raises(PermanentError, match="parse error"):
        await stage.read(ERRORS, 0)


@pytest.mark.parametrize("text", ["rate(requests[1m])", "a / b", "sum(requests)", ""])
async def test_a_counter_has_to_be_a_plain_series(stage: Stage, text: str) -> None:
    with pytest.raises(PermanentError):
        await stage.read(msgspec.structs.replace(ERRORS, total=text), 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_counter_that_is_not_a_number_is_unknown(stage: Stage, value: float) -> None:
    stage.ok(0, value)
    assert "not a number" in await stage.reason(ERRORS, 0)


async def test_samples_older_than_two_scrapes_are_stale(stage: Stage) -> None:
    stage.ok(0, 100)
    assert isinstance(await stage.read(ERRORS, 2), Sample)
    assert await stage.reason(ERRORS, 2.1) == "the newest sample is 2s old"


async def test_missing_errors_of_the_same_metric_are_no_errors(stage: Stage) -> None:
    stage.ok(0, 100)
    await stage.read(ERRORS, 0)
    stage.ok(1, 110)
    assert await stage.value(ERRORS, 1) == Counts(0, 10)


async def test_missing_errors_with_a_label_that_requests_lack_are_unknown(stage: Stage) -> None:
    wrong = msgspec.structs.replace(ERRORS, bad='requests{status=~"5.."}')
    stage.ok(0, 100)
    await stage.read(wrong, 0)
    stage.ok(1, 110)
    assert "is the name right?" in await stage.reason(wrong, 1)


async def test_an_error_metric_nobody_has_seen_is_unknown_until_it_appears(stage: Stage) -> None:
    stage.ok(0, 100)
    await stage.read(FAILED, 0)
    stage.ok(1, 110)
    assert "is the name right?" in await stage.reason(FAILED, 1)
    stage.ok(2, 120)
    stage.prometheus.store("failed", EPOCH + 2, 3)
    assert await stage.value(FAILED, 2) == Counts(3, 20)


async def test_an_error_metric_seen_on_another_track_today_means_no_errors_yet() -> None:
    stage = Stage(tracks={"canary": 'v="{candidate}"', "baseline": 'v="{current}"'})
    metric = Metric(kind="ratio", bad="failed{$track}", total="requests{$track}", name="failed")
    async with stage.http:
        stage.prometheus.store("failed", EPOCH - 9000, 3, {"v": "v1.0.0", "instance": "b"})
        for at, value in ((0, 100), (1, 110)):
            stage.prometheus.store("requests", EPOCH + at, value, {"v": "v2.0.0"})
            reading = await stage.read(metric, at)
    assert isinstance(reading, Sample)
    assert reading.value == Counts(0, 10)


async def test_a_target_of_the_canary_that_is_down_hides_errors(stage: Stage) -> None:
    stage.ok(0, 100)
    stage.ok(0, 100, "b")
    await stage.read(ERRORS, 0)
    for at in (1, 2, 3):
        stage.ok(at, 100)
        stage.prometheus.store("up", EPOCH + at, 0, {"instance": "b"})
    assert await stage.reason(ERRORS, 3) == "b is down"
    stage.ok(4, 104)
    stage.ok(4, 106, "b")
    stage.prometheus.store("up", EPOCH + 4, 1, {"instance": "b"})
    assert await stage.value(ERRORS, 4) == Counts(0, 10)


async def test_a_target_that_is_gone_for_good_is_not_waited_for(stage: Stage) -> None:
    stage.ok(0, 100)
    stage.ok(0, 100, "b")
    await stage.read(ERRORS, 0)
    stage.ok(4, 104)
    assert await stage.value(ERRORS, 4) == Counts(0, 4)


@pytest.mark.parametrize(("bad", "expected"), [(100.9, Counts(100, 100)), (102.0, None)])
async def test_more_errors_than_requests_are_clamped_by_a_percent_at_most(
    stage: Stage, bad: float, expected: Counts | None
) -> None:
    stage.ok(0, 0)
    stage.prometheus.store("failed", EPOCH, 0)
    await stage.read(FAILED, 0)
    stage.ok(1, 100)
    stage.prometheus.store("failed", EPOCH + 1, bad)
    if expected is None:
        assert "not a part of the other" in await stage.reason(FAILED, 1)
    else:
        assert await stage.value(FAILED, 1) == expected


async def test_histograms_with_different_edges_are_added_where_they_agree(stage: Stage) -> None:
    def buckets(at: float, instance: str, **counts: float) -> None:
        for edge, count in counts.items():
            le = edge.replace("le", "").replace("_", ".").replace("inf", "+Inf")
            labels = {"instance": instance, "le": le}
            stage.prometheus.store("seconds_bucket", EPOCH + at, count, labels)

    buckets(0, "a", le0_1=0, le0_5=0, leinf=0)
    buckets(0, "b", le0_25=0, le0_5=0, leinf=0)
    await stage.read(LATENCY, 0)
    buckets(1, "a", le0_1=5, le0_5=9, leinf=10)
    buckets(1, "b", le0_25=3, le0_5=4, leinf=5)
    reading = await stage.read(LATENCY, 1)
    assert isinstance(reading, Sample)
    assert reading.value == Buckets(15, ((0.5, 13),))


async def test_a_histogram_without_edges_is_a_mistake_of_the_plan(stage: Stage) -> None:
    stage.prometheus.store("seconds_bucket", EPOCH, 1)
    with pytest.raises(PermanentError, match="no edge"):
        await stage.read(LATENCY, 0)


# --- tracks ---------------------------------------------------------------------------------


async def test_a_track_is_named_by_its_slot_where_there_are_slots() -> None:
    stage = Stage(tracks={"canary": 'server="{candidate}"', "baseline": 'server="{current}"'})
    metric = Metric(kind="count", query="hits{$track}", name="hits")
    query = MetricQuery(metric, Track.CANARY, TARGET, RELEASES, {"candidate": "green"})
    async with stage.http:
        await stage.read(metric, 0, query)
        await stage.read(metric, 0, msgspec.structs.replace(query, track=Track.BASELINE))
    assert stage.prometheus.queries[0].startswith('hits{server="green"}[')
    assert stage.prometheus.queries[1].startswith('hits{server="v1.0.0"}[')


async def test_a_version_can_not_leave_its_quotes() -> None:
    stage = Stage(tracks={"canary": 'v="{version}"'})
    metric = Metric(kind="count", query="hits{$track}", name="hits")
    releases = {Track.CANARY: Release('1"} or up{x="')}
    async with stage.http:
        with pytest.raises(PermanentError):  # the fake does not know this odd name
            await stage.read(metric, 0, MetricQuery(metric, Track.CANARY, TARGET, releases))
    assert stage.prometheus.queries[0].startswith('hits{v="1\\"} or up{x=\\""}[')


async def test_a_baseline_needs_a_query_with_a_track(stage: Stage) -> None:
    with pytest.raises(PermanentError, match="the same numbers"):
        await stage.read(ERRORS, 0, query_of(ERRORS, Track.BASELINE))
    metric = Metric(kind="count", query="hits{$track}", name="hits")
    with pytest.raises(PermanentError, match="no matcher"):
        await stage.read(metric, 0)


def test_a_placeholder_that_nobody_fills_is_refused_at_the_start() -> None:
    options = PrometheusOptions(url="http://p", tracks={Track.CANARY: 'v="{canary}"'})
    with pytest.raises(ValueError, match="canary"):
        build(options, http=FakePrometheus().client(), secret="", now=lambda: instant(0))


async def test_the_configuration_may_define_a_metric_of_the_plan_anew() -> None:
    stage = Stage(define={"errors": {"kind": "count", "query": "violations"}})
    async with stage.http:
        stage.prometheus.store("violations", EPOCH, 1)
        assert await stage.value(ERRORS, 0) == Counts(0, 0)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("db_pool_used / db_pool_max", ["db_pool_used", "db_pool_max"]),
        ("rate(x_total[1m])", ["x_total"]),
        ('deriv(m{a="}"}[1h])*3600/m', ['m{a="}"}', "m"]),
        ("sum by (job) (up) / 2e3", ["up"]),
        ("max(a) without (b) or vector(1)", ["a"]),
        ('a offset 5m > bool 1 and on(x) {__name__="b"}', ["a", '{__name__="b"}']),
        ("1 + time()", []),
    ],
)
def test_the_series_of_an_expression_are_found(expression: str, expected: list[str]) -> None:
    assert list(selectors_in(expression)) == expected


def test_queries_are_taken_apart_and_put_together() -> None:
    assert is_selector('a:b{c="{}",d=~"x|y"}')
    assert not is_selector("a[5m]")
    assert not is_selector("a offset 5m")
    assert label_names('a{b="c=d",e!~"f"}') == {"b", "e"}
    assert without_track('a{$track,b="c"}') == 'a{b="c"}'
    assert without_track("a{$track}") == "a{}"
    assert fill('a{b="{version}"}', {"version": "x"}) == 'a{b="x"}'


# --- gauges, by the real program ------------------------------------------------------------


@pytest.fixture
async def scraped(
    prometheus: tuple[PrometheusServer, Sequence[Exporter]],
) -> tuple[PrometheusServer, Exporter]:
    server, (exporter, _) = prometheus
    exporter.series = {"used": 15, "most": 20, "zero": 0, "nan": "NaN"}
    exporter.series |= {'many{x="1"}': 1, 'many{x="2"}': 2}
    await server.caught_up(exporter)
    return server, exporter


async def gauge(server: PrometheusServer, query: str, scrape_interval: str = "10s") -> Reading:
    options = PrometheusOptions(url=server.url, scrape_interval=scrape_interval)
    metric = Metric(kind="gauge", query=query, name="g")
    async with httpx.AsyncClient() as http:
        source = build(options, http=http, secret="", now=lambda: instant(0))
        return await source.read(query_of(metric), "", instant_now())


def instant_now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.real
async def test_gauges_are_read_from_the_real_program(
    scraped: tuple[PrometheusServer, Exporter],
) -> None:
    server, _ = scraped
    plain, share = await asyncio.gather(gauge(server, "used"), gauge(server, "used / most"))
    assert isinstance(plain, Sample)
    assert plain.value == Gauge(15)
    assert isinstance(share, Sample)
    assert share.value == Gauge(0.75)
    assert share.measured_at <= instant_now()
    scalar = await gauge(server, "scalar(used) * 2")
    assert isinstance(scalar, Sample)
    assert scalar.value == Gauge(30)


@pytest.mark.real
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("nobody", "no series"),
        ("zero / zero", "nan"),
        ("used / zero", "inf"),
        ("nan", "nan"),
        ("nobody or vector(0)", "none of the series"),
    ],
)
async def test_gauges_without_a_number_are_unknown(
    scraped: tuple[PrometheusServer, Exporter], query: str, word: str
) -> None:
    server, _ = scraped
    reading = await gauge(server, query)
    assert isinstance(reading, Unknown), reading
    assert word in reading.reason


@pytest.mark.real
async def test_more_than_one_series_of_a_gauge_is_a_mistake_and_they_are_named(
    scraped: tuple[PrometheusServer, Exporter],
) -> None:
    server, _ = scraped
    with pytest.raises(PermanentError, match=r'x="1".*x="2"'):
        await gauge(server, "many")
    with pytest.raises(PermanentError, match="parse error"):
        await gauge(server, "used /")


@pytest.mark.real
async def test_a_gauge_that_is_no_longer_scraped_is_stale_or_gone(
    scraped: tuple[PrometheusServer, Exporter],
) -> None:
    server, exporter = scraped
    # An interval so short that any sample is older than two of them.
    reading = await gauge(server, "used / most", "1ms")
    assert isinstance(reading, Unknown)
    assert "old" in reading.reason
    exporter.down = True
    await server.caught_up(exporter)
    gone = await gauge(server, "used / most")
    exporter.down = False
    assert isinstance(gone, Unknown)
