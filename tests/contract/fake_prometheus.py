"""Prometheus's query API over samples that a test wrote, with its clock in the test's hand.

It evaluates the few shapes of queries that counters are read with, as Prometheus does: a scrape's
samples have the time at which it began and are seen by queries only once it is complete. Any other
query is a mistake, and is answered like one. For gauges, ask the real program.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

_SELECTOR = r"([a-z_]+)(?:\{([^}]*)\})?"
_RANGE = re.compile(_SELECTOR + r"\[([0-9]+)s\]")
_EVER = re.compile(r"count\(last_over_time\(" + _SELECTOR + r"\[1d\]\)\)")
_DOWN = re.compile(r"up\{(.*)\} == 0")
_MATCHER = re.compile(r'([a-z_]+)(=~|=)"([^"]*)"')


@dataclass
class Stored:
    """A series: its labels and (time, time from which it is seen, value), times in seconds."""

    labels: Mapping[str, str]
    points: list[tuple[float, float, float]] = field(default_factory=list)


class FakePrometheus:
    """Hand `client()` to an adapter. `answer`, when set, is given instead of evaluating.

    before_query: called with each query, to let scrapes arrive between two of them.
    error: raised instead of answering, as a transport would.
    """

    def __init__(self) -> None:
        self._stored: dict[frozenset[tuple[str, str]], Stored] = {}
        self.queries: list[str] = []
        self.answer: httpx.Response | None = None
        self.error: Exception | None = None
        self.before_query: Callable[[str], None] = lambda _: None

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._serve))

    def store(
        self,
        name: str,
        at: float,
        value: float,
        labels: Mapping[str, str] | None = None,
        *,
        seen_at: float | None = None,
    ) -> None:
        """Write a sample of the series with this name and these labels."""
        full = {"__name__": name, "job": "app", "instance": "a", **(labels or {})}
        stored = self._stored.setdefault(frozenset(full.items()), Stored(full))
        stored.points.append((at, at if seen_at is None else seen_at, value))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if self.error is not None:
            raise self.error
        query, at = request.url.params["query"], float(request.url.params["time"])
        self.queries.append(query)
        self.before_query(query)
        if self.answer is not None:
            return self.answer
        if found := _RANGE.fullmatch(query):
            return _matrix(self._select(found[1], found[2], at - float(found[3]), at))
        if found := _EVER.fullmatch(query):
            seen = self._select(found[1], found[2], at - 86400, at)
            return _vector([({}, str(len(seen)))] if seen else [], at)
        if found := _DOWN.fullmatch(query):
            ups = self._select("up", found[1], at - 300, at)
            return _vector([(labels, "0") for labels, pts in ups if pts[-1][1] == 0], at)
        error = {"status": "error", "errorType": "bad_data", "error": f"not understood: {query}"}
        return httpx.Response(400, json=error)

    def _select(
        self, name: str, matchers: str | None, start: float, end: float
    ) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        found = []
        for stored in self._stored.values():
            if stored.labels["__name__"] != name or not _matches(stored.labels, matchers or ""):
                continue
            points = [(t, v) for t, seen, v in stored.points if start <= t <= end and seen <= end]
            if points:
                found.append((stored.labels, points))
        return found


def _matches(labels: Mapping[str, str], matchers: str) -> bool:
    for label, operator, value in _MATCHER.findall(matchers):
        have = labels.get(label, "")
        if not (re.fullmatch(value, have) if operator == "=~" else have == value):
            return False
    return True


def _matrix(found: list[tuple[Mapping[str, str], list[tuple[float, float]]]]) -> httpx.Response:
    result = [
        {"metric": dict(labels), "values": [[t, repr(v)] for t, v in points]}
        for labels, points in found
    ]
    return _success("matrix", result)


def _vector(found: list[tuple[Mapping[str, str], str]], at: float) -> httpx.Response:
    result = [{"metric": dict(labels), "value": [at, value]} for labels, value in found]
    return _success("vector", result)


def _success(kind: str, result: Sequence[Mapping[str, object]]) -> httpx.Response:
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    return httpx.Response(200, json=body)
