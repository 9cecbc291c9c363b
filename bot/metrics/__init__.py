"""Metric sources, by the name a configuration calls them.

A new source is one module with an options struct and a `build`, and one line here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import httpx

from bot.domain.plan_terms import Closed
from bot.metrics import deployer, probe, prometheus, prometheus_past
from bot.ports import MetricSource

Factory = Callable[..., MetricSource]
"""build(options, *, http, secret, now), with the options of its own kind."""


class Kind(NamedTuple):
    """options: what the configuration may say, tagged by `kind`. build: makes the adapter."""

    options: type[Closed]
    build: Factory


KINDS: Mapping[str, Kind] = {
    "prometheus": Kind(prometheus.PrometheusOptions, prometheus_past.build),
    "probe": Kind(probe.ProbeOptions, probe.build),
    "deployer": Kind(deployer.DeployerOptions, deployer.build),
}
"""`probe` is also the shape of an environment's `probe:`, where no kind has to be given."""


def build(
    options: Closed, *, http: httpx.AsyncClient, secret: str, now: Callable[[], datetime]
) -> MetricSource:
    """The source for options of any kind. Raises ValueError when the options can't work.

    http: the shared client, never closed here. secret: signs calls of an HTTP deployer, may be
    empty otherwise. now: the present instant (aware, UTC), for signatures.
    """
    for kind in KINDS.values():
        if type(options) is kind.options:
            return kind.build(options, http=http, secret=secret, now=now)
    raise ValueError(f"{type(options).__name__} belongs to no metric source")
