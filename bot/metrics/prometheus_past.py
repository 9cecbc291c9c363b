"""Prometheus as a source that also knows what was: the time before a release, as one total."""

from collections.abc import Callable
from datetime import datetime

import httpx

from bot.domain.recording import past_of
from bot.domain.samples import Unknown
from bot.domain.totals import Total
from bot.metrics.prometheus import Prometheus, PrometheusOptions, names_of
from bot.metrics.prometheus_api import NoAnswerError
from bot.metrics.recorder import Recorder, Stretch
from bot.ports import MetricQuery, MetricSource

TIMEOUT = 20.0
"""Seconds for one query. A release does not wait for it."""

POINTS = 60
"""In how many points the time is taken; of a level, the mean of their values counts."""


class PrometheusWithPast(Prometheus):
    """Implements `MetricSource` and `PastSource`."""

    def __init__(self, options: PrometheusOptions, http: httpx.AsyncClient) -> None:
        """Raises ValueError for a placeholder that nobody fills."""
        super().__init__(options, http)
        self._of_past = options, http

    async def past(self, query: MetricQuery, since: datetime, until: datetime) -> Total | Unknown:
        """See `PastSource`. What Prometheus has no series of now, it will not have later either.

        Raises PermanentError for a query that can never work.
        """
        name = query.metric.name
        recorder = Recorder(*self._of_past, names_of(query), TIMEOUT)
        stretch = Stretch(since, until, (until - since) / POINTS)
        try:
            found, missing = await recorder.record(
                {name: query.metric}, [(name, query.track)], stretch
            )
        except NoAnswerError as error:
            return Unknown(str(error))
        if (name, query.track) in missing:
            return Unknown(missing[name, query.track], mistake=True)
        strand = found.strand(name, query.track)
        return past_of(strand.points if strand is not None else (), until - since)


def build(
    options: PrometheusOptions,
    *,
    http: httpx.AsyncClient,
    secret: str,  # noqa: ARG001 - all sources are built alike
    now: Callable[[], datetime],  # noqa: ARG001
) -> MetricSource:
    """The source for `kind: prometheus`. Raises ValueError for options that can't work."""
    return PrometheusWithPast(options, http)
