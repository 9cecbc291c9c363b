"""What Prometheus has kept of a stretch of time, as a recording that can be judged again.

Counters are taken from raw samples, as `bot.metrics.prometheus` takes them from live ones: each
series is followed by itself, a fall is a restart, and a series that appears later counts from zero.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import httpx
import msgspec

from bot.domain.plan import Metric
from bot.domain.recording import Key, Point, Recording, Strand, recording
from bot.domain.samples import Counts, Gauge, Track
from bot.domain.units import parse_duration
from bot.metrics.histogram import histogram, within
from bot.metrics.increments import LOOKBACK_MS, Series
from bot.metrics.prometheus import PrometheusOptions
from bot.metrics.prometheus_api import PrometheusApi, from_ms, name_of, to_ms
from bot.metrics.promql import (
    TRACK,
    fill,
    is_selector,
    label_names,
    metric_name,
    selectors_in,
    without_track,
)
from bot.ports import PermanentError

CHUNK_MS = 2 * 3600 * 1000
"""How much time one query for raw samples covers."""

MOST_POINTS = 10_000
"""Points of one query for a gauge; Prometheus gives at most 11,000."""

TIMEOUT = 60.0
"""Seconds for one query; history takes longer than the present."""


class Stretch(msgspec.Struct, frozen=True):
    """From when to when, and how far apart the points are."""

    start: datetime
    end: datetime
    step: timedelta

    @property
    def step_ms(self) -> int:
        return round(self.step.total_seconds() * 1000)

    def slot(self, at_ms: int) -> int:
        """Which point a sample belongs to: the first one that is not before it."""
        return max(0, math.ceil((at_ms - to_ms(self.start)) / self.step_ms))

    def at(self, slot: int) -> datetime:
        return from_ms(to_ms(self.start) + slot * self.step_ms)


class Recorder:
    """Reads the past of one environment."""

    def __init__(
        self,
        options: PrometheusOptions,
        http: httpx.AsyncClient,
        names: Mapping[str, str],
        timeout: float = TIMEOUT,
    ) -> None:
        """names: what {candidate}, {current}, {service} and {environment} stand for, and {version}
        when that is the same on both tracks. timeout: seconds for one query."""
        self._options = options
        self._api = PrometheusApi(options.url, http, timeout)
        self._names = names
        self._fresh_ms = round(2000 * parse_duration(options.scrape_interval).total_seconds())

    async def record(
        self, metrics: Mapping[str, Metric], wanted: Iterable[Key], stretch: Stretch
    ) -> tuple[Recording, Mapping[Key, str]]:
        """The strands that there are, and why there are no others.

        metrics: as the plan defines them; those of the source's own `define` go first.
        Raises NoAnswerError when Prometheus does not answer, PermanentError for a query that can
        never work.
        """
        strands: list[Strand] = []
        missing: dict[Key, str] = {}
        for name, track in wanted:
            metric = self._options.define.get(name, metrics[name])
            named = msgspec.structs.replace(metric, name=name)
            try:
                strands.append(await self._strand(named, track, stretch))
            except _EmptyError as error:
                missing[name, track] = str(error)
        return recording(tuple(strands)), missing

    async def _strand(self, metric: Metric, track: Track, stretch: Stretch) -> Strand:
        match metric.kind:
            case "ratio":
                points = await self._ratio(metric, track, stretch)
            case "quantile":
                points = await self._quantile(metric, track, stretch)
            case "count":
                points = await self._count(metric, track, stretch)
            case "gauge":
                points = await self._gauge(metric, track, stretch)
            case "probe":
                raise _EmptyError("a probe is asked at the moment, and leaves nothing behind")
        return Strand(metric.name, track, metric.kind, tuple(points))

    # --- counters -----------------------------------------------------------------------

    async def _ratio(self, metric: Metric, track: Track, stretch: Stretch) -> list[Point]:
        total = await self._counter(metric.total, track, stretch)
        text = metric.good or metric.bad
        try:
            part = await self._counter(text, track, stretch, total.known_by)
        except _EmptyError:
            await self._zero_or_misspelt(text, metric.total, track, total, stretch)
            part = _Grown()
        sums, parts = total.sums(), part.sums()
        within(math.fsum(parts.values()), math.fsum(sums.values()))
        points: list[Point] = []
        early = 0.0  # events that were scraped a moment before the requests they belong to
        for slot in sorted(sums):
            events = early + parts.get(slot, 0.0)
            early = max(0.0, events - sums[slot])
            events -= early
            bad = sums[slot] - events if metric.good else events
            points.append(Point(stretch.at(slot), Counts(bad, sums[slot])))
        return points

    async def _count(self, metric: Metric, track: Track, stretch: Stretch) -> list[Point]:
        sums = (await self._counter(metric.query, track, stretch)).sums()
        return [Point(stretch.at(slot), Counts(n, n)) for slot, n in sorted(sums.items())]

    async def _quantile(self, metric: Metric, track: Track, stretch: Stretch) -> list[Point]:
        grown = await self._counter(metric.histogram, track, stretch)
        return [
            Point(stretch.at(slot), histogram([(s, g.get(slot, 0.0)) for s, g in grown.parts]))
            for slot in grown.slots()
        ]

    async def _counter(
        self, text: str, track: Track, stretch: Stretch, known_by: int | None = None
    ) -> "_Grown":
        """By how much each series of a counter grew before each point.

        known_by: see `_Grown`, where that is known by a counter of the same targets.
        """
        selector = self._text(text, track)
        if not is_selector(selector):
            raise PermanentError(
                f"{text}: a counter has to be a plain series like requests_total{{…}}",
                code="bad_query",
            )
        samples = await self._raw(selector, stretch)
        if not samples:
            raise _EmptyError(f"Prometheus has no series {selector} then")
        return _grown(samples, stretch, self._fresh_ms, known_by)

    async def _raw(self, selector: str, stretch: Stretch) -> list[Series]:
        """All samples of a selector, a little from before the stretch included."""
        found: dict[frozenset[tuple[str, str]], tuple[Series, dict[int, float]]] = {}
        end = to_ms(stretch.end)
        at = to_ms(stretch.start) - LOOKBACK_MS
        while at < end:
            until = min(at + CHUNK_MS, end)
            seconds = math.ceil((until - at) / 1000)
            for one in await self._api.query(f"{selector}[{seconds}s]", until):
                _, points = found.setdefault(one.key, (one, {}))
                points.update((t, v) for t, v in one.points if math.isfinite(v))
            at = until
        return [Series(one.labels, sorted(points.items())) for one, points in found.values()]

    async def _zero_or_misspelt(
        self, text: str, whole: str, track: Track, total: "_Grown", stretch: Stretch
    ) -> None:
        """Raises _EmptyError when a missing series of events may as well be a wrong name."""
        selector, of = self._text(text, track), self._text(whole, track)
        carried = {label for one, _ in total.parts for label in one.labels}
        if metric_name(selector) == metric_name(of) and label_names(selector) <= carried:
            return
        anywhere = fill(without_track(text), self._filled(track))
        days = max(1, math.ceil((stretch.end - stretch.start) / timedelta(days=1)))
        query = f"count(last_over_time({anywhere}[{days}d]))"
        if not await self._api.query(query, to_ms(stretch.end)):
            raise _EmptyError(f"Prometheus has no series {selector} on any track: is it misspelt?")

    # --- gauges -------------------------------------------------------------------------

    async def _gauge(self, metric: Metric, track: Track, stretch: Stretch) -> list[Point]:
        expression = self._text(metric.query, track)
        series = await self._course(expression, stretch)
        if len(series) > 1:
            names = ", ".join(name_of(one.labels) for one in series[:3])
            raise PermanentError(
                f"{expression}: one value is needed, but there are {len(series)} series: {names}",
                code="many_series",
            )
        ages = await self._ages(expression, stretch)
        points = [
            Point(from_ms(at), Gauge(value / (metric.full or 1)))
            for at, value in (series[0].points if series else ())
            if math.isfinite(value) and ages(at) <= self._fresh_ms
        ]
        if not points:
            raise _EmptyError(f"Prometheus has no value of {expression} then")
        return points

    async def _ages(self, expression: str, stretch: Stretch) -> Callable[[int], float]:
        """How old the oldest series behind a gauge was at an instant, in milliseconds."""
        selectors = selectors_in(expression)
        if not selectors:
            return lambda _: 0.0
        asked = " or ".join(
            f'label_replace(max(timestamp({text})), "selector", "{number}", "", "")'
            for number, text in enumerate(selectors)
        )
        oldest: dict[int, float] = {}
        for one in await self._course(asked, stretch):
            for at, seconds in one.points:
                oldest[at] = min(oldest.get(at, math.inf), seconds * 1000)
        return lambda at: at - oldest.get(at, -math.inf)

    async def _course(self, expression: str, stretch: Stretch) -> list[Series]:
        found: dict[frozenset[tuple[str, str]], tuple[Series, list[tuple[int, float]]]] = {}
        at, end = to_ms(stretch.start), to_ms(stretch.end)
        while at <= end:
            until = min(at + MOST_POINTS * stretch.step_ms, end)
            for one in await self._api.course(expression, at, until, stretch.step_ms):
                found.setdefault(one.key, (one, []))[1].extend(one.points)
            at = until + stretch.step_ms
        return [Series(one.labels, points) for one, points in found.values()]

    # --- what all have in common --------------------------------------------------------

    def _text(self, text: str, track: Track) -> str:
        matcher = self._options.tracks.get(track, "")
        if TRACK in text and not matcher:
            raise _EmptyError(f"the source has no matcher for the {track} (tracks:)")
        if TRACK not in text and track is Track.BASELINE:
            raise _EmptyError(f"without {TRACK} canary and baseline are the same numbers")
        return fill(text.replace(TRACK, matcher), self._filled(track))

    def _filled(self, track: Track) -> Mapping[str, str]:
        mine = "candidate" if track is Track.CANARY else "current"
        return {"version": self._names.get(mine, ""), **self._names}


class _EmptyError(Exception):
    """There is nothing to record; the text says why."""


class _Grown(msgspec.Struct, frozen=True):
    """By how much each series grew before each point, by the number of the point.

    known_by: what is first seen up to then (milliseconds) was there before and has counted before;
    what comes later counts from zero, which is how a canary's first error comes.
    """

    known_by: int = 0
    parts: tuple[tuple[Series, Mapping[int, float]], ...] = ()

    def slots(self) -> list[int]:
        """The points before which anything was scraped at all; the others are gaps."""
        return sorted({slot for _, grown in self.parts for slot in grown})

    def sums(self) -> dict[int, float]:
        sums: dict[int, float] = {}
        for _, grown in self.parts:
            for slot, count in grown.items():
                sums[slot] = sums.get(slot, 0.0) + count
        return sums


def _grown(
    samples: Sequence[Series], stretch: Stretch, fresh_ms: int, known_by: int | None
) -> _Grown:
    start = to_ms(stretch.start)
    if known_by is None:
        first = min(one.points[0][0] for one in samples)
        known_by = start if first <= start else first + fresh_ms
    parts = []
    for one in samples:
        grown: dict[int, float] = {}
        last: float | None = None
        for at, value in one.points:
            known = at <= start or (last is None and at <= known_by)
            before = last if last is not None and value >= last else 0.0
            if at > start - fresh_ms:
                slot = stretch.slot(at)
                grown[slot] = grown.get(slot, 0.0) + (0.0 if known else value - before)
            last = value
        parts.append((one, grown))
    return _Grown(known_by, tuple(parts))
