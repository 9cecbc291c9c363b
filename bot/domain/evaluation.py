"""One comparison of a plan against what was counted: METRIC OP LIMIT, taken at its word.

This is how the rules of triggers and alerts are judged, and what numbers a gate shows. How sure one
can be of it is the business of `bot.domain.standard`.

Latency quantiles are never interpolated. "p99 < 500ms" is read as "fewer than 1 % took longer than
500 ms". When 500 ms is not an edge of the histogram there are two readings: the edge below counts
too many as slow, the edge above too few; only what both say is said, otherwise it is inconclusive.
A baseline's quantile is the smallest edge that at most the allowed share exceeds: its upper bound,
so that a comparison with it never fails a release for the coarseness of the buckets.
"""

import math

import msgspec

from bot.domain.conditions import Comparison, Limit, LimitKind, Operator
from bot.domain.evidence import Verdict, judge_share
from bot.domain.plan import Metric
from bot.domain.questions import allowed, relative, slower_than
from bot.domain.samples import Buckets, Counts
from bot.domain.totals import Level, Total
from bot.domain.units import format_share

SLOW_ONES = 10
"""A baseline quantile is trusted by a gate when this many slow requests are to be expected."""


_POINTS = frozenset({LimitKind.ABOVE_BASELINE, LimitKind.ABOVE_WAVE})


class Sides(msgspec.Struct, frozen=True):
    """What a comparison may need: the canary, and what a relative limit is held against.

    whose: what the reference is called. why: why there is none.
    """

    canary: Total
    reference: Total | None = None
    whose: str = "baseline"
    why: str = ""


class Judged(msgspec.Struct, frozen=True):
    """holds: PASS when the comparison holds, FAIL when it does not. value, limit: in base units.

    why: what stands in the way of a verdict. missing: it is the reference that does.
    """

    holds: Verdict
    value: float | None
    limit: float | None
    shown: str
    why: str = ""
    missing: bool = False


def evaluate(comparison: Comparison, metric: Metric, sides: Sides, min_requests: int) -> Judged:
    """Compare the canary's total with the limit.

    min_requests: with fewer requests on a side that counts requests, nothing is concluded.
    """
    value = value_of(metric, sides.canary)
    short = _too_few(metric, sides.canary, min_requests)
    limit, missing = _limit(comparison.limit, metric, sides, min_requests)
    holds = Verdict.INCONCLUSIVE
    if limit is not None and not short:
        holds = _compare(comparison.operator, metric, sides.canary, limit, min_requests)
    between = "the limit lies between two edges of the histogram"
    why = short or missing or (between if holds is Verdict.INCONCLUSIVE else "")
    if holds is Verdict.UNKNOWN:
        why = "the numbers can't be true"
    shown = show(comparison.limit, metric, sides.canary, limit)
    if needs_reference(comparison.limit) and limit is not None and sides.whose != "baseline":
        shown = f"{shown} ({sides.whose})"
    return Judged(holds, value, limit, shown, why, bool(missing))


def needs_reference(limit: Limit) -> bool:
    """Whether a limit is held against something that was measured."""
    return limit.relative or limit.kind is LimitKind.ABOVE_WAVE


def value_of(metric: Metric, total: Total) -> float | None:
    """The number that a total stands for; None when it stands for none.

    A ratio's share (of the good ones, when the metric names the good ones); the upper bound of a
    quantile in seconds; a count; a gauge's newest value; 1.0 for a probe that failed.
    """
    match total:
        case Counts(bad, count):
            if metric.kind == "count":
                return bad
            return _events(metric, total) / count if count > 0 else None
        case Buckets():
            return quantile_edge(total, allowed(metric))
        case Level():
            return total.last if total.n and math.isfinite(total.last) else None


def quantile_edge(buckets: Buckets, allowed: float) -> float | None:
    """The smallest edge, in seconds, that at most the share `allowed` of the requests exceeds.

    None without requests, and when even the highest edge is exceeded by more.
    """
    if buckets.total <= 0:
        return None
    slowest = allowed * buckets.total * (1 + 1e-9)
    return next((e for e, n in buckets.cumulative if buckets.total - n <= slowest), None)


def _events(metric: Metric, counts: Counts) -> float:
    return counts.total - counts.bad if metric.good else counts.bad


def _too_few(metric: Metric, total: Total, min_requests: int) -> str:
    if isinstance(total, Level):
        return "" if total.n else "no value yet"
    if metric.kind == "count":
        return ""
    if total.total <= 0:
        return "no requests yet"
    need = max(1, min_requests)
    return f"{total.total:,.0f} of at least {need:,} requests" if total.total < need else ""


def _compare(
    operator: Operator, metric: Metric, total: Total, limit: float, min_requests: int
) -> Verdict:
    match total:
        case Counts() if metric.kind == "count":
            return _plainly(operator, total.bad, limit)
        case Counts():
            events = _events(metric, total)
            return judge_share(events, total.total, limit, operator, min_requests)
        case Buckets():
            least, most = (
                judge_share(slow, total.total, allowed(metric), operator, min_requests)
                for slow in slower_than(total, limit)
            )
            return least if least is most else Verdict.INCONCLUSIVE
        case Level():
            return _plainly(operator, total.last, limit)


def _plainly(operator: Operator, value: float, limit: float) -> Verdict:
    if not math.isfinite(value) or not math.isfinite(limit):
        return Verdict.UNKNOWN
    return Verdict.PASS if operator.holds(value, limit) else Verdict.FAIL


def _limit(
    limit: Limit, metric: Metric, sides: Sides, min_requests: int
) -> tuple[float | None, str]:
    """The limit in the metric's base unit, or why there is none."""
    if limit.kind is LimitKind.ABSOLUTE:
        return limit.value, ""
    if limit.kind is LimitKind.OK:
        return 0.0, ""
    if metric.kind == "quantile" and limit.kind in _POINTS:
        return None, "percentage points say nothing about a latency"
    if sides.reference is None:
        return None, sides.why or f"nothing is known of the {sides.whose}"
    short = _too_few(metric, sides.reference, _needed(metric, min_requests))
    base = value_of(metric, sides.reference)
    if short or base is None:
        return None, f"{sides.whose}: {short or 'slower than the highest edge of the histogram'}"
    return relative(limit, base), ""


def _needed(metric: Metric, min_requests: int) -> int:
    """Requests that a reference needs. Windows (`min_requests` 0) take the plan at its word."""
    if metric.kind != "quantile" or min_requests <= 0:
        return min_requests
    return max(min_requests, math.ceil(SLOW_ONES / allowed(metric)))


def show(limit: Limit, metric: Metric, total: Total, value: float | None) -> str:
    """The measured value beside its limit, for people: "0.04% of 2,310 requests, limit 0.1%"."""
    measured = _measured(limit, metric, total)
    if limit.kind is LimitKind.OK:
        return measured
    if limit.kind is LimitKind.ABSOLUTE or value is None:
        return f"{measured}, limit {limit.text}"
    return f"{measured}, limit {limit.text} = {_number(limit, metric, value)}"


def _measured(limit: Limit, metric: Metric, total: Total) -> str:
    value = value_of(metric, total)
    match total:
        case Counts() if metric.kind == "count":
            return f"{total.bad:,.0f} times"
        case Counts():
            share = "no requests" if value is None else format_share(value)
            return share if value is None else f"{share} of {total.total:,.0f} requests"
        case Buckets():
            if total.total <= 0:
                return "no requests"
            edge = "" if value is None else f"at most {_number(limit, metric, value)}"
            name = f"p{(metric.q or 0.5) * 100:g}"
            return f"{name} {edge or 'over the highest edge'}, {total.total:,.0f} requests"
        case Level():
            if metric.kind == "probe":
                return total.detail or ("not ok" if total.last else "ok")
            return "no value" if value is None else _number(limit, metric, value)


def _number(limit: Limit, metric: Metric, value: float) -> str:
    """A value in the unit of the limit as the plan writes it."""
    timed = limit.kind is LimitKind.ABSOLUTE and limit.text[-1:].isalpha()
    if metric.kind == "quantile" or timed:
        return f"{value * 1000:,.4g}ms" if abs(value) < 1 else f"{value:,.4g}s"
    plain_share = limit.text.endswith("%") and not limit.relative
    if metric.kind == "ratio" or limit.kind in _POINTS or plain_share:
        return format_share(value)
    return f"{value:,.6g}"
