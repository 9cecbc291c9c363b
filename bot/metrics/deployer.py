"""What an HTTP deployer counts by itself: requests, errors and latency buckets of each side.

For teams without Prometheus. The sides are told apart by version, so that the candidate keeps
being the canary when it is promoted; `since` marks when a side's counters began, and a different
one means that they count from zero again.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Meta

from bot.domain.plan_terms import Closed, Duration
from bot.domain.samples import Buckets, Counts, Reading, Sample, Track, Unknown, Value
from bot.domain.signing import sign
from bot.domain.units import format_duration, parse_duration
from bot.metrics.histogram import CLAMP
from bot.ports import MetricQuery, MetricSource, PermanentError

_Count = Annotated[float, Meta(ge=0)]


class DeployerOptions(Closed, frozen=True, kw_only=True, tag="deployer", tag_field="kind"):
    """`metrics: {kind: deployer}` of an environment.

    url: of the deployer, up to before /v1; max_age: counts taken longer ago say nothing.
    """

    url: Annotated[str, Meta(pattern=r"^(https?://[^\s]+)?$")] = ""
    timeout: Duration = "5s"
    max_age: Duration = "30s"


class _Bucket(msgspec.Struct):
    le: float
    count: _Count


class _Side(msgspec.Struct):
    version: str
    since: str
    requests: _Count
    errors: _Count
    buckets: list[_Bucket] = []


class _Answer(msgspec.Struct):
    measured_at: datetime
    current: _Side
    candidate: _Side | None = None


class _Cursor(msgspec.Struct):
    """The counters as they were read: since, requests, errors, and counts by edge."""

    since: str
    requests: float
    errors: float
    buckets: list[tuple[float, float]]


class DeployerCounts:
    """Implements `MetricSource` over the deployer's counts; ratios and quantiles only."""

    def __init__(
        self,
        options: DeployerOptions,
        *,
        http: httpx.AsyncClient,
        secret: str,
        now: Callable[[], datetime],
    ) -> None:
        self._base = options.url.rstrip("/")
        self._http = http
        self._secret = secret
        self._now = now
        self._timeout = parse_duration(options.timeout).total_seconds()
        self._max_age = parse_duration(options.max_age)

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        """See `MetricSource`. What a ratio calls bad are the deployer's errors, whatever its text.

        Raises PermanentError for the kinds that a deployer does not count.
        """
        if query.metric.kind not in {"ratio", "quantile"}:
            raise PermanentError(
                f"a deployer counts requests and latencies, no {query.metric.kind}",
                code="bad_query",
            )
        answer = await self._ask(query)
        if isinstance(answer, Unknown):
            return answer
        if answer.measured_at.tzinfo is None:
            return Unknown("the deployer's counts carry no time zone")
        age = now - answer.measured_at
        if age > self._max_age:
            return Unknown(f"the deployer's counts are {format_duration(age)} old")
        side = _side(answer, query)
        if side is None:
            return Unknown(f"the deployer has no counts of the {query.track}")
        before = _decoded(cursor)
        if _too_many(side, before):
            return Unknown("the deployer counts more errors than requests")
        value = _grown(side, before, quantile=query.metric.kind == "quantile")
        return Sample(value, answer.measured_at, _encoded(side))

    async def _ask(self, query: MetricQuery) -> _Answer | Unknown:
        service, environment = quote(query.target.service, ""), quote(query.target.environment, "")
        url = f"{self._base}/v1/services/{service}/environments/{environment}/counts"
        request = self._http.build_request("GET", url, timeout=self._timeout)
        stamp = str(int(self._now().timestamp()))
        path = request.url.raw_path.decode("ascii")
        request.headers["X-Countersign-Timestamp"] = stamp
        request.headers["X-Countersign-Signature"] = sign(self._secret, stamp, "GET", path, b"")
        try:
            response = await self._http.send(request, follow_redirects=False)
        except httpx.TimeoutException:
            return Unknown(f"the deployer did not answer in {self._timeout:g} s")
        except httpx.HTTPError as error:
            return Unknown(f"the deployer can't be reached: {error}")
        if response.status_code != httpx.codes.OK:
            return Unknown(f"the deployer answered {response.status_code} when asked for counts")
        try:
            return msgspec.json.decode(response.content, type=_Answer)
        except msgspec.DecodeError as error:
            return Unknown(f"the deployer's counts were not understood: {error}")


def build(
    options: DeployerOptions,
    *,
    http: httpx.AsyncClient,
    secret: str,
    now: Callable[[], datetime],
) -> MetricSource:
    """The source for `kind: deployer`. Raises ValueError without a url or a secret."""
    if not options.url:
        raise ValueError("url: the deployer's address is needed")
    if not secret:
        raise ValueError("COUNTERSIGN_DEPLOYER_SECRET is needed to sign requests for counts")
    return DeployerCounts(options, http=http, secret=secret, now=now)


def _side(answer: _Answer, query: MetricQuery) -> _Side | None:
    """The side of a track: by its version when that is known, else by its role."""
    release = query.releases.get(query.track)
    if release is None:
        return answer.candidate if query.track is Track.CANARY else answer.current
    sides = [side for side in (answer.candidate, answer.current) if side is not None]
    return next((side for side in sides if side.version == release.version), None)


def _too_many(side: _Side, before: _Cursor | None) -> bool:
    """Whether errors can't be a part of the requests. One may be counted a moment before."""
    if before is None or before.since != side.since or side.requests < before.requests:
        before = _Cursor(side.since, 0, 0, [])
    requests, errors = side.requests - before.requests, side.errors - before.errors
    return errors > requests * (1 + CLAMP) + 1


def _grown(side: _Side, before: _Cursor | None, *, quantile: bool) -> Value:
    """What was counted since `before`; everything when the counters have begun anew."""
    buckets = {bucket.le: bucket.count for bucket in side.buckets}
    if before is None:
        return Buckets(0, tuple((le, 0) for le in sorted(buckets))) if quantile else Counts(0, 0)
    if before.since != side.since or side.requests < before.requests:
        before = _Cursor(side.since, 0, 0, [])
    total = side.requests - before.requests
    if not quantile:
        return Counts(min(max(0.0, side.errors - before.errors), total), total)
    old = dict(before.buckets)
    # A server may count a request and its bucket a moment apart.
    return Buckets(
        total,
        tuple((le, min(max(0.0, n - old.get(le, 0)), total)) for le, n in sorted(buckets.items())),
    )


def _encoded(side: _Side) -> str:
    buckets = [(bucket.le, bucket.count) for bucket in side.buckets]
    cursor = _Cursor(side.since, side.requests, side.errors, buckets)
    return msgspec.json.encode(cursor).decode()


def _decoded(cursor: str) -> _Cursor | None:
    """The counters in a cursor; None without one, or when another kind of source wrote it."""
    try:
        return msgspec.json.decode(cursor, type=_Cursor) if cursor else None
    except msgspec.DecodeError:
        return None
