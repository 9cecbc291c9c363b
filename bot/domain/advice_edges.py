"""What a histogram's edges can't tell of the latency limits of a plan.

Quantiles are never interpolated: a limit that is no edge is judged by the edges around it, and a
comparison with a baseline moves from edge to edge.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from bot.domain.conditions import Condition, Limit, LimitKind, Operator
from bot.domain.plan import Metric

BLURRED = 2.0
"""From so many times the allowed excess on, a relative limit is another one than the plan says."""

_KEEPS = (Operator.LESS, Operator.LESS_EQUAL)


def coarse(condition: Condition, metric: Metric, edges: Sequence[float]) -> tuple[str, str] | None:
    """What can't be told, and what to do; None when all is well or it is not about a latency.

    edges: of the metric's histogram, in seconds, ascending, without infinity.
    """
    if condition.comparison is None or metric.kind != "quantile" or not edges:
        return None
    limit = condition.comparison.limit
    keeps = condition.comparison.operator in _KEEPS
    match limit.kind:
        case LimitKind.ABSOLUTE:
            return _absolute(limit, edges, keeps=keeps)
        case LimitKind.TIMES_BASELINE:
            return _relative(limit.value, metric, edges)
        case LimitKind.OVER_BASELINE:
            return _relative(1 + limit.value, metric, edges)
        case _:
            return None


def _absolute(limit: Limit, edges: Sequence[float], *, keeps: bool) -> tuple[str, str] | None:
    """keeps: the limit has to be kept (a gate); else it is what must not be passed."""
    if any(abs(edge - limit.value) <= 1e-9 * limit.value for edge in edges):
        return None
    below = [edge for edge in edges if edge < limit.value]
    above = [edge for edge in edges if edge > limit.value]
    hint = f"add an edge at {shown(limit.value)}, or move the limit to {_near(below, above)}"
    if not above:
        what = "it can never fail" if keeps else "it can never come true"
        return f"{limit.text} is above the highest edge, {shown(edges[-1])}: {what}", hint
    if not below:
        what = "it can never pass" if keeps else "it always looks possible, and is never certain"
        return f"{limit.text} is below the lowest edge, {shown(edges[0])}: {what}", hint
    low, high = shown(below[-1]), shown(above[0])
    if keeps:
        what = f"it passes only below {low}, fails only above {high}, and is open in between"
    else:
        what = f"it comes true only above {high}"
    return f"{limit.text} is no edge of the histogram: {what}", hint


def _near(below: Sequence[float], above: Sequence[float]) -> str:
    return " or ".join(shown(edge) for edge in (*below[-1:], *above[:1]))


def _relative(factor: float, metric: Metric, edges: Sequence[float]) -> tuple[str, str] | None:
    """Edges that lie further apart than what is asked for read it as something else."""
    if factor <= 1 or len(edges) < 2:
        return None
    read = [
        next((edge for edge in edges if edge >= usual * factor * (1 - 1e-9)), None)
        for usual in edges[:-1]
    ]
    times = [high / usual for usual, high in zip(edges, read, strict=False) if high is not None]
    if not times or median((each - 1) / (factor - 1) for each in times) < BLURRED:
        return None
    steps = [high / low for low, high in pairwise(edges)]
    name = f"p{(metric.q or 0.5) * 100:g}"
    return (
        f"the edges of the histogram are {_span(steps)} times apart, so only a {name} of "
        f"{_span(times)} times the baseline's is seen to be over it",
        f"add edges {factor:.3g} times apart around the usual {name}, ask for what the edges can "
        f"tell ({_most(steps):g}x baseline), or measure the {name} itself as a gauge, which is "
        "compared minute by minute",
    )


def _most(steps: Sequence[float]) -> float:
    return round(max(steps), 1)


def _span(times: Sequence[float]) -> str:
    low, high = f"{min(times):.3g}", f"{max(times):.3g}"
    return low if low == high else f"{low} to {high}"


def shown(seconds: float) -> str:
    """A time as plans write it."""
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"
