"""Backends that move traffic, by the name a configuration calls them.

A new backend is one module with an options struct and a `build`, and one line here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import httpx

from bot.deployers import command, haproxy, http
from bot.domain.plan_terms import Closed
from bot.ports import Deployer

Factory = Callable[..., Deployer]
"""build(options, *, http, secret, now), with the options of its own kind."""


class Kind(NamedTuple):
    """options: what the configuration may say, tagged by `kind`. build: makes the adapter."""

    options: type[Closed]
    build: Factory


KINDS: Mapping[str, Kind] = {
    "haproxy": Kind(haproxy.HaproxyOptions, haproxy.build),
    "http": Kind(http.HttpOptions, http.build),
    "command": Kind(command.CommandDeployerOptions, command.build),
}


def build_deployer(
    options: Closed, *, http: httpx.AsyncClient, secret: str, now: Callable[[], datetime]
) -> Deployer:
    """The adapter for options of any kind. Raises ValueError when the options can't work.

    http: the shared client. secret: signs calls of the HTTP deployer, may be empty otherwise.
    now: the present instant (aware, UTC).
    """
    for kind in KINDS.values():
        if type(options) is kind.options:
            return kind.build(options, http=http, secret=secret, now=now)
    raise ValueError(f"{type(options).__name__} belongs to no deployer")
