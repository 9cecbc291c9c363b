"""Growths of classic histogram series as one histogram of a track."""

import math

from bot.domain.samples import Buckets
from bot.metrics.increments import Labels, Series
from bot.metrics.prometheus_api import NoAnswerError, name_of
from bot.ports import PermanentError

CLAMP = 0.01
"""By which share more bad events than events are put down to counting, not to a wrong query."""


def within(events: float, total: float) -> float:
    """`events`, at most `total`. Raises NoAnswerError when they are too many to be part of it."""
    if events > total * (1 + CLAMP):
        raise NoAnswerError(
            f"{events:g} events of {total:g}: the one query is not a part of the other"
        )
    return min(events, total)


def histogram(grown: list[tuple[Series, float]]) -> Buckets:
    """Sum the buckets edge by edge, over the edges that all histograms share."""
    edges: dict[Labels, set[float]] = {}
    sums: dict[float, float] = {}
    for one, count in grown:
        edge = _edge(one)
        rest = frozenset(item for item in one.key if item[0] != "le")
        edges.setdefault(rest, set()).add(edge)
        sums[edge] = sums.get(edge, 0.0) + count
    shared = set.intersection(*edges.values())
    if math.inf not in shared:
        raise NoAnswerError('a histogram has no bucket le="+Inf"')
    total = sums[math.inf]
    cumulative: list[tuple[float, float]] = []
    least = 0.0
    for edge in sorted(shared - {math.inf}):
        least = max(least, within(sums[edge], total))
        cumulative.append((edge, least))
    return Buckets(total, tuple(cumulative))


def _edge(series: Series) -> float:
    try:
        return float(series.labels["le"])
    except (KeyError, ValueError):
        raise PermanentError(
            f"{name_of(series.labels)} has no edge (le): name the …_bucket series",
            code="bad_query",
        ) from None
