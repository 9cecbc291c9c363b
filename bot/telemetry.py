"""What the bot counts about itself, in Prometheus's terms, and the adapters that do the counting.

Adapters are wrapped, not edited: a deployer or a metric source knows nothing of being counted.
"""

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.domain.evidence import Verdict
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Reading, Unknown
from bot.domain.totals import Total
from bot.past import past_of
from bot.ports import (
    Capabilities,
    Deployer,
    MetricQuery,
    MetricSource,
    Observation,
    Op,
    PermanentError,
    Release,
    Target,
    TemporaryError,
)

T = TypeVar("T")

ACK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Seconds; Slack gives up after the last one."""


class Telemetry:
    """All counters of one process. Building one has no effect outside of it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rollouts = Gauge(
            "countersign_rollouts",
            "Rollouts under way",
            ["service", "phase"],
            registry=self.registry,
        )
        self.slack_requests = Counter(
            "countersign_slack_requests",
            "Requests from Slack",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.ack = Histogram(
            "countersign_ack_seconds",
            "Time until a request from Slack was acknowledged",
            buckets=ACK_BUCKETS,
            registry=self.registry,
        )
        self.sockets = Gauge(
            "countersign_socket_connections",
            "Connections to Slack that are open (Socket Mode)",
            registry=self.registry,
        )
        self.sockets_over = Counter(
            "countersign_socket_connections_over",
            "Connections to Slack that came to an end (Socket Mode)",
            ["reason"],
            registry=self.registry,
        )
        self.outbox = Gauge(
            "countersign_outbox_pending", "Effects waiting to be done", registry=self.registry
        )
        self.tick_lag = Gauge(
            "countersign_tick_lag_seconds",
            "By how many seconds the most overdue look at a rollout is late",
            registry=self.registry,
        )
        self.deployer_calls = Counter(
            "countersign_deployer_calls",
            "Calls to deployers",
            ["backend", "operation", "outcome"],
            registry=self.registry,
        )
        self.unknown = Counter(
            "countersign_metric_unknown_seconds",
            "Time during which a metric source could not say",
            ["source"],
            registry=self.registry,
        )
        self.verdicts = Counter(
            "countersign_verdicts", "Verdicts on waves", ["verdict"], registry=self.registry
        )

    def looked(self, before: object, after: object) -> None:
        """Count the verdict on a wave, if a look at a rollout led to one."""
        if not isinstance(before, Rollout) or not isinstance(after, Rollout):
            return
        verdict = verdict_on_wave(before, after)
        if verdict is not None:
            self.verdicts.labels(verdict).inc()

    def text(self) -> bytes:
        """Everything, in the exposition format."""
        return generate_latest(self.registry)


def verdict_on_wave(before: Rollout, after: Rollout) -> Verdict | None:
    """What a look said about a wave: where it went on from there tells. None: nothing yet."""
    if before.phase not in {Phase.SOAKING, Phase.JUDGING}:
        return None
    match after.phase:
        case Phase.SHIFTING | Phase.PROMOTING:
            return Verdict.PASS
        case Phase.ROLLING_BACK | Phase.STEPPING_BACK:
            return Verdict.FAIL
        case Phase.PAUSED:
            return Verdict.UNKNOWN if after.blind_since is not None else Verdict.FAIL
        case Phase.SOAKING if after.soak_extra > before.soak_extra:
            return Verdict.INCONCLUSIVE
        case _:
            return None


class CountedDeployer:
    """A deployer whose calls are counted by operation and outcome."""

    def __init__(self, inner: Deployer, backend: str, telemetry: Telemetry) -> None:
        self._inner = inner
        self._backend = backend
        self._calls = telemetry.deployer_calls

    async def _count(self, operation: str, call: Awaitable[T]) -> T:
        outcome = "error"
        try:
            result = await call
            outcome = "ok"
            return result
        except TemporaryError:
            outcome = "temporary"
            raise
        except PermanentError:
            outcome = "permanent"
            raise
        finally:
            self._calls.labels(self._backend, operation, outcome).inc()

    def capabilities(self) -> Capabilities:
        return self._inner.capabilities()

    async def resolve(self, target: Target, version: str) -> Release:
        return await self._count("resolve", self._inner.resolve(target, version))

    async def observe(self, target: Target) -> Observation:
        return await self._count("observe", self._inner.observe(target))

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:
        return await self._count("prepare", self._inner.prepare(target, release, op))

    async def shift(
        self, target: Target, release: Release, weight: float, op: Op, instances: int | None = None
    ) -> Observation:
        call = self._inner.shift(target, release, weight, op, instances)
        return await self._count("shift", call)

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:
        return await self._count("promote", self._inner.promote(target, release, op))

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:
        return await self._count("retire", self._inner.retire(target, release, op))

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:
        return await self._count("rollback", self._inner.rollback(target, release, op))


class CountedSource:
    """A metric source whose silences are added up in seconds."""

    def __init__(self, inner: MetricSource, name: str, telemetry: Telemetry) -> None:
        self._inner = inner
        self._unknown = telemetry.unknown.labels(name)
        self._silent_since: dict[str, datetime] = {}

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        reading = await self._inner.read(query, cursor, now)
        key = f"{query.target}:{query.metric.name}:{query.track}"
        since = self._silent_since.pop(key, None)
        if isinstance(reading, Unknown):
            if since is not None:
                self._unknown.inc(max(0.0, (now - since).total_seconds()))
            self._silent_since[key] = now
        return reading

    async def past(self, query: MetricQuery, since: datetime, until: datetime) -> Total | Unknown:
        """See `PastSource`."""
        return await past_of(self._inner, query, since, until)
