"""A health endpoint as a source: asked directly, so that it also tells what monitoring can't.

A probe that times out, is refused or answers nonsense has failed: that is an observation about the
service, not missing data. Missing are only an answer that the service itself dates long ago (a
cache or a frozen process in between) and one that could not be asked for here.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urljoin

import httpx
import msgspec
from msgspec import Meta

from bot.domain.plan_terms import Closed, Duration, Name
from bot.domain.samples import Probe, Reading, Sample, Track, Unknown
from bot.domain.units import format_duration, parse_duration
from bot.metrics.outside import CheckOptions, Outside
from bot.ports import MetricQuery, MetricSource, PermanentError

Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]


class ProbeOptions(Closed, frozen=True, kw_only=True, tag="probe", tag_field="kind"):
    """`probe:` of an environment.

    health, ready: the two endpoints; {candidate}, {current}, {version} are filled in as for
        Prometheus, so that each side can be asked by itself. timeout: a slower answer is a failure.
    max_age: an answer whose own timestamp is older says nothing. outside: checks from outside, by
    name (see `bot.metrics.outside`).
    """

    health: Url
    ready: Url | Literal[""] = ""
    timeout: Duration = "2s"
    max_age: Duration = "1m"
    outside: Mapping[Name, CheckOptions] = {}


class _Check(msgspec.Struct):
    status: str = ""


class _Health(msgspec.Struct):
    """The part of a health answer that is looked at; other keys are nobody's business here."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str = ""
    version: str = ""
    checks: dict[str, _Check] = {}


class HealthProbe:
    """Implements `MetricSource` for metrics of kind probe and for those from outside."""

    def __init__(self, options: ProbeOptions, http: httpx.AsyncClient) -> None:
        self._options = options
        self._http = http
        self._timeout = parse_duration(options.timeout).total_seconds()
        self._max_age = parse_duration(options.max_age)
        self._outside = Outside(options.outside, http)

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        """Ask once. `degraded` counts as ok, with the word as detail: it still serves.

        A metric's url names the endpoint: `/ready` the one configured as such, `/health` or ""
        the health endpoint, another path its neighbour, and a whole URL itself.
        """
        if query.metric.outside:
            return await self._outside.read(query.metric.outside, cursor, now)
        if query.metric.kind != "probe":
            raise PermanentError("only probes are read from a health endpoint", code="bad_query")
        url = _filled(self._url(query.metric.url), query)
        try:
            response = await self._http.get(url, timeout=self._timeout, follow_redirects=False)
        except httpx.PoolTimeout:
            return Unknown("no free connection to ask with")
        except httpx.TimeoutException:
            return Sample(Probe(False, f"no answer in {self._timeout:g} s"), now)
        except httpx.HTTPError as error:
            return Sample(Probe(False, str(error) or type(error).__name__), now)
        if query.metric.url == "/ready" or url == _filled(self._options.ready, query):
            return Sample(_ready(response), now)
        return self._health(response, now)

    def _url(self, wanted: str) -> str:
        if wanted in ("", "/health"):
            return self._options.health
        if wanted == "/ready" and self._options.ready:
            return self._options.ready
        return urljoin(self._options.health, wanted)

    def _health(self, response: httpx.Response, now: datetime) -> Reading:
        try:
            health = msgspec.json.decode(response.content, type=_Health)
        except msgspec.DecodeError:
            if response.status_code == httpx.codes.OK:
                return Sample(Probe(False, "the answer is not a health report"), now)
            return Sample(Probe(False, f"HTTP {response.status_code}"), now)
        said = _written_at(health.timestamp)
        if said is not None and now - said > self._max_age:
            return Unknown(f"the health report is {format_duration(now - said)} old")
        detail = _detail(health, response.status_code)
        ok = response.status_code == httpx.codes.OK and health.status != "unhealthy"
        return Sample(Probe(ok, detail), now)


def build(
    options: ProbeOptions,
    *,
    http: httpx.AsyncClient,
    secret: str,  # noqa: ARG001 - all sources are built alike
    now: Callable[[], datetime],  # noqa: ARG001
) -> MetricSource:
    """The source for `probe:`. Raises ValueError for options that can't work."""
    if parse_duration(options.max_age) <= timedelta():
        raise ValueError("max_age: longer than nothing is needed")
    return HealthProbe(options, http)


def _ready(response: httpx.Response) -> Probe:
    ok = response.status_code == httpx.codes.OK
    return Probe(ok, "" if ok else f"not ready: HTTP {response.status_code}")


def _detail(health: _Health, status: int) -> str:
    """What is not healthy, for people: "degraded: cache degraded"; "" when all is well."""
    code = "" if status == httpx.codes.OK else f" (HTTP {status})"
    if health.status == "healthy":
        return f"healthy, but{code}" if code else ""
    bad = [f"{name} {check.status}" for name, check in health.checks.items() if _bad(check)]
    return f"{health.status}{': ' if bad else ''}{', '.join(bad)}{code}"


def _bad(check: _Check) -> bool:
    return check.status not in ("", "healthy", "ok")


def _written_at(timestamp: str) -> datetime | None:
    try:
        written = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return written if written.tzinfo else written.replace(tzinfo=UTC)


def _filled(url: str, query: MetricQuery) -> str:
    versions = {track: release.version for track, release in query.releases.items()}
    names: Mapping[str, str] = {
        "candidate": query.labels.get("candidate") or versions.get(Track.CANARY, ""),
        "current": query.labels.get("current") or versions.get(Track.BASELINE, ""),
        "version": versions.get(query.track, ""),
    }
    for name, value in names.items():
        url = url.replace(f"{{{name}}}", value)
    return url
