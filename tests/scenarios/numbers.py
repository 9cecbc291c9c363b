"""Prometheus's API over numbers that follow from where the traffic of a practice shop went.

Every counter of requests grows by a fixed rate times the share of a version; what counts failures
stands still; every histogram knows only quick requests. Days go by without a request being served.
"""

import math
import re
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.scenarios.shops import RememberedShop

RATE = 5000.0
"""Requests per second, to both versions together."""

SCRAPE = 15
"""Seconds between two samples."""

EDGES = (0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, math.inf)
SLOWEST = 0.1
"""Seconds that no request exceeds."""

_RANGE = re.compile(r"([a-z_]+)\{([^}]*)\}\[([0-9]+)s\]")
_VERSION = re.compile(r'version="([^"]+)"')
_PLACE = re.compile(r'place="([^"]+)"')
_STAMPS = "label_replace(max(timestamp("

Points = list[tuple[float, float]]


class UnsoldShop(RememberedShop):
    """A shop that remembers where its traffic goes, and counts none of it."""

    def serve(self) -> None:
        """Nothing: hours of requests would take their time."""


class Numbers:
    """The program that is asked.

    levels: what a gauge shows, by a word of its query; the first found counts. failures: the
    share of a version's requests that fail from an instant (epoch seconds) on.
    """

    def __init__(self, shops: Mapping[str, RememberedShop], levels: Mapping[str, float]) -> None:
        """shops: by environment."""
        self._shops = {place: _History(shop) for place, shop in shops.items()}
        self._levels = levels
        self.failures: dict[str, tuple[float, float]] = {}

    async def answer(self, request: Request) -> Response:
        """Evaluate one of the few shapes of queries that the bot asks."""
        query, at = request.query_params["query"], float(request.query_params["time"])
        if found := _RANGE.fullmatch(query):
            return _success("matrix", self._counter(found[1], found[2], int(found[3]), at))
        if query.startswith(("up{", "count(")):
            return _success("vector", [])
        value = at if query.startswith(_STAMPS) else self._gauge(query, at)
        return _success("vector", [{"metric": {}, "value": [at, repr(value)]}])

    def _counter(self, name: str, matchers: str, span: int, at: float) -> Sequence[object]:
        shop, version = self._whose(matchers)
        labels = {"__name__": name, "job": "app", "instance": version, "version": version}
        times = _times(at, span)
        if name.endswith("_bucket"):
            return [
                _series(
                    {**labels, "le": _le(edge)},
                    [(t, shop.served(version, t) if edge >= SLOWEST else 0.0) for t in times],
                )
                for edge in EDGES
            ]
        if "code=" in matchers or "failed" in name or "violations" in name:
            return [_series({**labels, "code": "500"}, self._failed(shop, version, times))]
        return [_series(labels, [(t, shop.served(version, t)) for t in times])]

    def _whose(self, query: str) -> tuple["_History", str]:
        version, place = _VERSION.search(query), _PLACE.search(query)
        assert version is not None, f"{query} says not of which version"
        assert place is not None, f"{query} says not where"
        return self._shops[place[1]], version[1]

    def _failed(self, shop: "_History", version: str, times: Sequence[float]) -> Points:
        share, since = self.failures.get(version, (0.0, 0.0))
        before = shop.served(version, since)
        return [(t, max(0.0, shop.served(version, t) - before) * share) for t in times]

    def _gauge(self, query: str, at: float) -> float:
        if query.startswith("sum(rate("):
            shop, version = self._whose(query)
            return RATE * shop.share(version, at) / 100
        known = [value for word, value in self._levels.items() if word in query]
        assert known, f"nothing is known of {query}"
        return known[0]


class _History:
    """Where the traffic of a shop went."""

    def __init__(self, shop: RememberedShop) -> None:
        self._shop = shop
        self._first = shop.current.release.version

    def served(self, version: str, until: float) -> float:
        """All requests to a version, from the first change to an instant in epoch seconds."""
        ends = [*(at for at, _, _ in self._changes[1:]), math.inf]
        total = 1e6 if version == self._first else 0.0
        for (begin, served, share), end in zip(self._changes, ends, strict=True):
            if begin < until:
                percent = share if version == served else 100 - share
                total += (min(end, until) - begin) * RATE * percent / 100
        return total

    def share(self, version: str, at: float) -> float:
        """Percent of the traffic that a version has at an instant."""
        before = [change for change in self._changes if change[0] <= at]
        _, served, share = before[-1] if before else (0.0, self._first, 100.0)
        return share if served == version else 100 - share

    @property
    def _changes(self) -> list[tuple[float, str, float]]:
        """When which version got which share; the other has the rest."""
        moves = self._shop.moves
        return [
            (move.at, move.version, move.weight if move.what in {"prepare", "shift"} else 100.0)
            for move in moves
            if move.what != "retire"
        ]


def _times(at: float, span: int) -> list[float]:
    """Scrapes of a stretch: the first ones, which tie it to what was read, and the newest."""
    first = math.ceil((at - span) / SCRAPE)
    last = math.floor(at / SCRAPE)
    ticks = sorted({*range(first, min(first + 4, last) + 1), max(first, last - 1), last})
    return [float(tick * SCRAPE) for tick in ticks]


def _series(labels: Mapping[str, str], points: Points) -> object:
    return {"metric": labels, "values": [[t, repr(value)] for t, value in points]}


def _le(edge: float) -> str:
    return "+Inf" if edge == math.inf else f"{edge:g}"


def _success(kind: str, result: Sequence[object]) -> Response:
    return JSONResponse({"status": "success", "data": {"resultType": kind, "result": result}})
