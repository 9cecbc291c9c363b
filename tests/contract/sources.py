"""The far side of each source that counts: worlds in which all of them keep the same promises."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.domain.plan import Metric
from bot.domain.plan_terms import Closed
from bot.domain.samples import Reading, Sample, Track
from bot.domain.signing import sign
from bot.metrics import build
from bot.metrics.deployer import DeployerOptions
from bot.metrics.prometheus import PrometheusOptions
from bot.ports import MetricQuery, MetricSource, Release, Target
from tests.contract.fake_prometheus import FakePrometheus
from tests.contract.prometheus import HOST, Exporter, PrometheusServer, free_port

TARGET = Target("checkout", "production")
RELEASES = {Track.CANARY: Release("v2.0.0"), Track.BASELINE: Release("v1.0.0")}
SECRET = "a secret of the contract tests"
EPOCH = 1_763_716_800.0

ERRORS = Metric(
    kind="ratio",
    bad='requests_total{code=~"5..",$track}',
    total="requests_total{$track}",
    name="error_rate",
)
SUCCESSES = Metric(
    kind="ratio",
    good='requests_total{code="200",$track}',
    total="requests_total{$track}",
    name="success_rate",
)
LATENCY = Metric(kind="quantile", q=0.9, histogram="seconds_bucket{$track}", name="latency")
TRACKS = {Track.CANARY: 'version="{candidate}"', Track.BASELINE: 'version="{current}"'}


def query_of(metric: Metric, track: Track = Track.CANARY) -> MetricQuery:
    return MetricQuery(metric, track, TARGET, RELEASES)


def instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Tally:
    """What one version has counted since its start. fast: answered within 0.1 s; slow: in 0.5 s."""

    fast: int = 0
    slow: int = 0
    bad: int = 0
    since: int = 0

    @property
    def total(self) -> int:
        return self.fast + self.slow

    def serve(self, fast: int = 0, slow: int = 0, bad: int = 0) -> None:
        self.fast, self.slow, self.bad = self.fast + fast, self.slow + slow, self.bad + bad

    def restart(self) -> None:
        self.fast = self.slow = self.bad = 0
        self.since += 1

    def series(self, version: str) -> Mapping[tuple[str, tuple[tuple[str, str], ...]], float]:
        """As an application exports it: (name, labels) to value."""

        def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
            return name, (*labels.items(), ("version", version))

        return {
            key("requests_total", code="200"): self.total - self.bad,
            key("requests_total", code="503"): self.bad,
            key("seconds_bucket", le="0.1"): self.fast,
            key("seconds_bucket", le="0.5"): self.total,
            key("seconds_bucket", le="+Inf"): self.total,
        }


class World(ABC):
    """A service in two versions whose traffic a test decides, seen through one kind of source."""

    def __init__(self, options: Closed, http: httpx.AsyncClient) -> None:
        self.options = options
        self.http = http
        self.tallies = {Track.CANARY: Tally(), Track.BASELINE: Tally()}

    def source(self) -> MetricSource:
        """A new adapter, as after a restart of the bot."""
        return build(self.options, http=self.http, secret=SECRET, now=self.now)

    @abstractmethod
    def now(self) -> datetime: ...

    @abstractmethod
    async def settle(self) -> None:
        """Until what was counted can be seen by the source."""

    @abstractmethod
    def outage(self) -> AbstractAsyncContextManager[None]:
        """While it lasts, the source gets no answer."""

    async def read(
        self, metric: Metric, cursor: str = "", track: Track = Track.CANARY
    ) -> tuple[Reading, str]:
        """A reading after things have settled, by a new adapter; and the cursor that follows."""
        await self.settle()
        reading = await self.source().read(query_of(metric, track), cursor, self.now())
        return reading, reading.cursor or cursor

    async def sample(
        self, metric: Metric, cursor: str = "", track: Track = Track.CANARY
    ) -> tuple[Sample, str]:
        """Like `read`, for when there has to be a value."""
        reading, after = await self.read(metric, cursor, track)
        assert isinstance(reading, Sample), reading
        return reading, after


class FakeWorld(World):
    """Prometheus as the fake speaks it, with a scrape each second of its own clock."""

    def __init__(self) -> None:
        self.prometheus = FakePrometheus()
        self.clock = EPOCH
        options = PrometheusOptions(url="http://prometheus", tracks=TRACKS, scrape_interval="1s")
        super().__init__(options, self.prometheus.client())

    def now(self) -> datetime:
        return instant(self.clock)

    async def settle(self) -> None:
        self.clock += 1
        for track, tally in self.tallies.items():
            for (name, labels), value in tally.series(RELEASES[track].version).items():
                self.prometheus.store(name, self.clock, value, {"instance": track, **dict(labels)})

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        self.prometheus.answer = httpx.Response(503, text="starting")
        yield
        self.prometheus.answer = None


class RealWorld(World):
    """Prometheus itself, scraping two exporters."""

    _numbers: ClassVar[Iterator[int]] = iter(range(1_000_000))

    def __init__(
        self, server: PrometheusServer, exporters: Sequence[Exporter], http: httpx.AsyncClient
    ) -> None:
        # The session's exporters are shared: each world has labels of its own in them.
        self._suffix = f"-{next(self._numbers)}"
        tracks = {track: f'{text[:-1]}{self._suffix}"' for track, text in TRACKS.items()}
        # A machine that is busy may scrape late; how old is too old is tested with the fake.
        options = PrometheusOptions(url=server.url, tracks=tracks, scrape_interval="3s")
        super().__init__(options, http)
        self.server = server
        self.exporters = dict(zip(self.tallies, exporters, strict=True))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _export(self) -> None:
        for track, tally in self.tallies.items():
            series = tally.series(RELEASES[track].version + self._suffix)
            self.exporters[track].series = {
                name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}": value
                for (name, labels), value in series.items()
            }

    async def settle(self) -> None:
        self._export()
        await self.server.caught_up(*self.exporters.values())

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        options = self.options
        self.options = msgspec.structs.replace(options, url=f"http://{HOST}:{free_port()}")
        yield
        self.options = options


@dataclass
class Counting:
    """A deployer that serves nothing but counts, as the contract describes them."""

    tallies: Mapping[Track, Tally]
    now: Callable[[], datetime]
    status: int = 200
    changes: dict[str, object] = field(default_factory=dict)

    async def serve(self, request: Request) -> Response:
        stamp = request.headers["x-countersign-timestamp"]
        wanted = sign(SECRET, stamp, "GET", request.scope["raw_path"].decode(), b"")
        if request.headers["x-countersign-signature"] != wanted:
            return JSONResponse({"code": "bad_signature", "reason": "wrong"}, 401)
        answer = {
            "measured_at": self.now().isoformat(),
            "current": self._side(Track.BASELINE),
            "candidate": self._side(Track.CANARY),
        }
        return JSONResponse(answer | self.changes, self.status)

    def _side(self, track: Track) -> Mapping[str, object]:
        tally = self.tallies[track]
        return {
            "version": RELEASES[track].version,
            "since": instant(EPOCH + tally.since).isoformat(),
            "requests": tally.total,
            "errors": tally.bad,
            "buckets": [{"le": 0.1, "count": tally.fast}, {"le": 0.5, "count": tally.total}],
        }


class DeployerWorld(World):
    def __init__(self) -> None:
        self.clock = EPOCH
        self.deployer = Counting({}, self.now)
        place = "/v1/services/checkout/environments/production/counts"
        app = Starlette(routes=[Route(place, self.deployer.serve)])
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        super().__init__(DeployerOptions(url="http://deployer"), http)
        self.deployer.tallies = self.tallies

    def now(self) -> datetime:
        return instant(self.clock)

    async def settle(self) -> None:
        self.clock += 1

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        self.deployer.status = 503
        yield
        self.deployer.status = 200
