"""The edges of the histograms that a Prometheus holds, for advice on the limits of a plan."""

import math
from collections.abc import Mapping

import httpx

from bot.domain.plan import Metric
from bot.metrics.prometheus_api import PrometheusApi
from bot.metrics.promql import fill, without_track
from bot.ports import PermanentError

TIMEOUT = 10.0


async def edges_of(
    url: str, http: httpx.AsyncClient, metric: Metric, names: Mapping[str, str], now_ms: int
) -> tuple[float, ...]:
    """The upper edges of a quantile's histogram over the last day, in seconds, ascending.

    names: what {service} and the like stand for. now_ms: the present instant, milliseconds.
    Nothing when there is no such histogram. Raises NoAnswerError, PermanentError.
    """
    selector = fill(without_track(metric.histogram), names)
    found = await PrometheusApi(url, http, TIMEOUT).query(
        f"count by (le) (last_over_time({selector}[1d]))", now_ms
    )
    try:
        edges = {float(one.labels["le"]) for one in found}
    except (KeyError, ValueError):
        problem = f"{selector} has no edges (le): name the …_bucket series"
        raise PermanentError(problem, code="bad_query") from None
    return tuple(sorted(edge for edge in edges if math.isfinite(edge)))
