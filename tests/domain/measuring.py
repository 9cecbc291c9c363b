"""Small builders for the tests of gates and meters."""

from datetime import UTC, datetime, timedelta

from bot.domain.conditions import Action, Condition, parse_comparison
from bot.domain.plan import Approval, Metric, Plan
from bot.domain.samples import (
    Buckets,
    Counts,
    Gauge,
    Measurement,
    Probe,
    Sample,
    Track,
    Unknown,
    Value,
)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

METRICS = {
    "error_rate": Metric(kind="ratio", bad="bad", total="all", name="error_rate"),
    "success_rate": Metric(kind="ratio", good="good", total="all", name="success_rate"),
    "latency_p99": Metric(kind="quantile", q=0.99, histogram="h_bucket", name="latency_p99"),
    "db_pool": Metric(kind="gauge", query="used / max", name="db_pool"),
    "violations": Metric(kind="count", query="violations_total", name="violations"),
    "health": Metric(kind="probe", url="/health", every="10s", name="health"),
}


def make_plan(min_requests: int = 1) -> Plan:
    return Plan(
        name="test",
        summary="",
        use_for=(),
        prerelease=None,
        metrics=METRICS,
        approval=Approval((), 0, False, timedelta(hours=1), timedelta(hours=1)),
        rollback_approval=None,
        waves=(),
        triggers=(),
        alerts={},
        max_extend=1.0,
        min_requests=min_requests,
        poll=timedelta(seconds=1),
        drain=timedelta(seconds=30),
        keep_previous=timedelta(hours=1),
        document={},
    )


PLAN = make_plan()


def condition(
    text: str,
    *,
    window: float | None = None,
    hold: float | None = None,
    consecutive: int = 1,
    do: Action = Action.ROLLBACK,
) -> Condition:
    """A condition; window and hold in seconds."""
    return Condition(
        id="c",
        kind="if",
        text=text,
        comparison=parse_comparison(text),
        window=timedelta(seconds=window) if window is not None else None,
        hold=timedelta(seconds=hold) if hold is not None else None,
        consecutive=consecutive,
        do=do,
    )


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def measured(
    metric: str,
    value: Value,
    seconds: float = 0,
    track: Track = Track.CANARY,
    cursor: str = "",
) -> Measurement:
    return Measurement(metric, track, Sample(value, at(seconds), cursor))


def errors(
    bad: float, total: float, seconds: float = 0, track: Track = Track.CANARY
) -> Measurement:
    return measured("error_rate", Counts(bad, total), seconds, track)


def latency(
    total: float, *cumulative: tuple[float, float], track: Track = Track.CANARY
) -> Measurement:
    return measured("latency_p99", Buckets(total, cumulative), track=track)


def pool(value: float, seconds: float = 0, track: Track = Track.CANARY) -> Measurement:
    return measured("db_pool", Gauge(value), seconds, track)


def health(ok: bool, seconds: float = 0, detail: str = "") -> Measurement:
    return measured("health", Probe(ok, detail), seconds)


def nothing(metric: str, reason: str = "no answer", track: Track = Track.CANARY) -> Measurement:
    return Measurement(metric, track, Unknown(reason))
