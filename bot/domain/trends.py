"""Whether a metric rises or falls during a wave.

Every minute of the wave is one point: the value that the metric had in that minute. Through the
points goes the least-squares line. Its slope is told apart from none when it is at least three of
its standard errors away from zero (Student's t, see `slope`); noise alone does that about three
times in a thousand. Only five sums are kept, so a wave of any length takes no more room.
"""

import math
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.evaluation import value_of
from bot.domain.evidence import Verdict
from bot.domain.plan import Metric
from bot.domain.samples import Measurement, Track, Unknown
from bot.domain.totals import Total, add, flaw, total_of

CLEAR = 3.0
"""Standard errors between a slope and none."""

FEWEST = 10
"""Minutes with a value, before anything is said."""


class Trend(msgspec.Struct, frozen=True):
    """The course of one metric. x: minutes of the wave; y: the values; minute: the one `total`
    belongs to, which is not over yet."""

    minute: int = 0
    total: Total | None = None
    n: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0


class Slope(msgspec.Struct, frozen=True):
    """per_hour: in the metric's unit. error: its standard error, 0 with all points on a line."""

    per_hour: float
    error: float


def followed(
    trends: Mapping[str, Trend],
    metrics: Mapping[str, Metric],
    measurements: tuple[Measurement, ...],
    began: datetime,
    now: datetime,
) -> dict[str, Trend]:
    """The trends of `metrics` with new readings of the canary; each has to be handed in once.

    began: when the wave's traffic was confirmed. A minute without a value is no point.
    """
    minute = max(0, int((now - began).total_seconds() // 60))
    fresh = {m.metric: m.reading for m in measurements if m.track is Track.CANARY}
    found: dict[str, Trend] = {}
    for name, metric in metrics.items():
        trend = _closed(trends.get(name, Trend(minute=minute)), metric, minute)
        reading = fresh.get(name)
        if reading is not None and not isinstance(reading, Unknown) and not flaw(reading.value):
            total = add(trend.total, total_of(reading.value))
            trend = msgspec.structs.replace(trend, total=total)
        found[name] = trend
    return found


def _closed(trend: Trend, metric: Metric, minute: int) -> Trend:
    """With the minute that is over as a point."""
    if minute <= trend.minute:
        return trend
    value = None if trend.total is None else value_of(metric, trend.total)
    begun = msgspec.structs.replace(trend, minute=minute, total=None)
    if value is None or not math.isfinite(value):
        return begun
    x = float(trend.minute)
    return msgspec.structs.replace(
        begun,
        n=trend.n + 1,
        x=trend.x + x,
        y=trend.y + value,
        xx=trend.xx + x * x,
        xy=trend.xy + x * value,
        yy=trend.yy + value * value,
    )


def slope(trend: Trend) -> Slope | None:
    """The least-squares slope; None with fewer than `FEWEST` points.

    b = Sxy / Sxx and its error sqrt((Syy - b Sxy) / (n - 2) / Sxx), where S are sums of products of
    differences from the means.
    """
    n = trend.n
    if n < FEWEST:
        return None
    sxx = trend.xx - trend.x * trend.x / n
    sxy = trend.xy - trend.x * trend.y / n
    syy = trend.yy - trend.y * trend.y / n
    if sxx <= 0:
        return None
    b = sxy / sxx
    rest = max(0.0, syy - b * sxy)
    return Slope(b * 60, math.sqrt(rest / (n - 2) / sxx) * 60)


def falling(trend: Trend) -> tuple[Verdict, str]:
    """Whether it falls, and why that can't be said; a metric that was always 0 can't fall lower.

    PASS: it falls. FAIL: it rises. INCONCLUSIVE: neither can be told from standing still.
    """
    found = slope(trend)
    if found is None:
        return Verdict.INCONCLUSIVE, f"{trend.n} of at least {FEWEST} minutes"
    if trend.yy == 0:
        return Verdict.PASS, ""
    if abs(found.per_hour) <= max(CLEAR * found.error, 1e-12):
        return Verdict.INCONCLUSIVE, "neither rising nor falling clearly"
    return (Verdict.PASS if found.per_hour < 0 else Verdict.FAIL), ""


def rising(trend: Trend) -> tuple[Verdict, str]:
    """Whether it rises: the opposite of `falling`, and 0 all the time is no rise."""
    found, why = falling(trend)
    opposite = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS}
    return opposite.get(found, found), why
