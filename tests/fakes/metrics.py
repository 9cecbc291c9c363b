"""A metric source whose counters go on by themselves, as long as nobody breaks it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from bot.domain.samples import Buckets, Counts, Gauge, Probe, Reading, Sample, Track, Unknown, Value
from bot.ports import MetricQuery


@dataclass
class FakeMetrics:
    """Each reading covers `requests` per track, of which a share fails.

    silent: why nothing can be said, "" when something can. answer: what a source says that breaks
    its contract, None for one that keeps it.
    """

    requests: float = 1000.0
    errors: dict[Track, float] = field(default_factory=dict)
    latency: dict[Track, float] = field(default_factory=dict)
    gauge: float = 0.0
    ok: bool = True
    silent: str = ""
    error: Exception | None = None
    answer: Any = None
    reads: list[tuple[str, Track, str]] = field(default_factory=list)

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        self.reads.append((query.metric.name, query.track, cursor))
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            return cast(Reading, self.answer)
        if self.silent:
            return Unknown(self.silent)
        total = self.requests if cursor else 0.0
        number = int(cursor or "0") + 1
        return Sample(self._value(query, total), now, str(number))

    def _value(self, query: MetricQuery, total: float) -> Value:
        match query.metric.kind:
            case "ratio":
                return Counts(total * self.errors.get(query.track, 0.0), total)
            case "quantile":
                slow = self.latency.get(query.track, 0.05)
                edges = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
                return Buckets(total, tuple((e, total if e >= slow else 0.0) for e in edges))
            case "gauge" | "count":
                return Gauge(self.gauge)
            case "probe":
                return Probe(self.ok)
