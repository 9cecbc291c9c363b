"""Health endpoints: a failed probe is an observation, and only an old report is missing data."""

from collections.abc import AsyncIterator, Mapping

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.domain.plan import Metric
from bot.domain.samples import Probe, Reading, Sample, Track, Unknown
from bot.metrics import build
from bot.metrics.probe import ProbeOptions
from bot.ports import MetricQuery, PermanentError
from tests.contract.sources import EPOCH, RELEASES, TARGET, instant, query_of

HEALTH = Metric(kind="probe", url="/health", every="10s", name="health")


class Service:
    """A service with a health endpoint that says what a test wants."""

    def __init__(self) -> None:
        self.body: Mapping[str, object] = {"status": "healthy", "version": "2.0.0"}
        self.response: Response | None = None
        self.ready = 200
        self.asked: list[str] = []
        self.error: Exception | None = None

    def client(self) -> httpx.AsyncClient:
        routes = [
            Route("/health", self._health),
            Route("/ready", self._ready),
            Route("/deep/health", self._health),
        ]
        service, app = self, httpx.ASGITransport(Starlette(routes=routes))

        class Wire(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                service.asked.append(str(request.url))
                if service.error is not None:
                    raise service.error
                return await app.handle_async_request(request)

        return httpx.AsyncClient(transport=Wire())

    async def _health(self, _: Request) -> Response:
        return self.response or JSONResponse(dict(self.body))

    async def _ready(self, _: Request) -> Response:
        return Response(status_code=self.ready)


class Stage:
    def __init__(self) -> None:
        self.service = Service()
        self.http = self.service.client()
        self.options = ProbeOptions(health="http://shop/health", ready="http://shop/ready")

    async def read(self, metric: Metric = HEALTH, query: MetricQuery | None = None) -> Reading:
        source = build(self.options, http=self.http, secret="", now=lambda: instant(EPOCH))
        return await source.read(query or query_of(metric), "", instant(EPOCH))

    async def probe(self, metric: Metric = HEALTH) -> Probe:
        reading = await self.read(metric)
        assert isinstance(reading, Sample), reading
        assert isinstance(reading.value, Probe)
        return reading.value


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with stage.http:
        yield stage


@pytest.mark.requirement("W-091")
async def test_a_healthy_service_is_ok(stage: Stage) -> None:
    assert await stage.probe() == Probe(True)


@pytest.mark.requirement("W-091")
async def test_a_degraded_service_still_serves_and_says_so(stage: Stage) -> None:
    stage.service.body = {
        "status": "degraded",
        "checks": {"cache": {"status": "degraded"}, "database": {"status": "healthy"}},
    }
    assert await stage.probe() == Probe(True, "degraded: cache degraded")


@pytest.mark.requirement("W-091")
async def test_an_unhealthy_service_is_not_ok_and_says_what_is_wrong(stage: Stage) -> None:
    body = {"status": "unhealthy", "checks": {"database": {"status": "unhealthy"}}}
    stage.service.response = JSONResponse(body, 503)
    assert await stage.probe() == Probe(False, "unhealthy: database unhealthy (HTTP 503)")


@pytest.mark.parametrize(
    "response",
    [
        Response("down", 500),
        Response("not found", 404),
        Response("fine"),
        Response("", 204),
        JSONResponse({"status": "great"}),
        JSONResponse(["healthy"]),
        JSONResponse({"status": "healthy"}, 503),
        Response(status_code=302, headers={"location": "/deep/health"}),
    ],
)
async def test_anything_but_a_good_report_is_not_ok(stage: Stage, response: Response) -> None:
    stage.service.response = response
    probe = await stage.probe()
    assert not probe.ok
    assert probe.detail


@pytest.mark.parametrize(
    "error", [httpx.ConnectTimeout("slow"), httpx.ReadTimeout(""), httpx.ConnectError("refused")]
)
async def test_no_answer_is_a_failure_and_not_missing_data(stage: Stage, error: Exception) -> None:
    stage.service.error = error
    probe = await stage.probe()
    assert not probe.ok
    assert probe.detail


async def test_having_no_free_connection_here_says_nothing_about_the_service(stage: Stage) -> None:
    stage.service.error = httpx.PoolTimeout("full")
    assert isinstance(await stage.read(), Unknown)


@pytest.mark.parametrize(
    ("age", "known"), [(0, True), (60, True), (61, False), (-30, True), (100_000, False)]
)
@pytest.mark.requirement("W-092")
async def test_a_report_that_was_written_long_ago_is_missing_data(
    stage: Stage, age: float, known: bool
) -> None:
    written = instant(EPOCH - age).isoformat().replace("+00:00", "Z")
    stage.service.body = {"status": "healthy", "timestamp": written}
    assert isinstance(await stage.read(), Sample) is known


@pytest.mark.requirement("W-103")
async def test_readiness_is_only_a_status(stage: Stage) -> None:
    ready = msgspec.structs.replace(HEALTH, url="/ready")
    assert await stage.probe(ready) == Probe(True)
    stage.service.ready = 503
    assert await stage.probe(ready) == Probe(False, "not ready: HTTP 503")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("", "http://shop/health"),
        ("/health", "http://shop/health"),
        ("/deep/health", "http://shop/deep/health"),
        ("http://other/health", "http://other/health"),
    ],
)
async def test_a_metric_may_name_another_endpoint(stage: Stage, url: str, asked: str) -> None:
    await stage.probe(msgspec.structs.replace(HEALTH, url=url))
    assert stage.service.asked == [asked]


async def test_each_side_can_be_asked_by_itself(stage: Stage) -> None:
    stage.options = ProbeOptions(health="http://{candidate}.shop/health")
    query = MetricQuery(HEALTH, Track.CANARY, TARGET, RELEASES, {"candidate": "green"})
    await stage.read(HEALTH, query)
    assert stage.service.asked == ["http://green.shop/health"]


async def test_only_probes_are_read_this_way(stage: Stage) -> None:
    with pytest.raises(PermanentError):
        await stage.read(Metric(kind="gauge", query="up", name="up"))


def test_the_options_need_no_kind_in_their_own_place_of_the_file() -> None:
    options = msgspec.convert({"health": "http://shop/health"}, ProbeOptions)
    assert options.timeout == "2s"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"health": "http://shop/health", "helth": ""}, ProbeOptions)
