"""Prometheus as a source: counters, histograms, gauges and counts, over its HTTP API.

What is not known is said to be unknown, and never taken for zero:

- no answer, an error, a warning, NaN, samples older than two scrapes, a target of the canary that
  is known and down now;
- no series at all: no traffic, or a wrong label, and only a person can tell which;
- no series of bad events while requests are counted. That is zero errors only when the series is
  known to come into being with the first error: it was there within the last day, on any track, or
  it is the same metric as the requests with matchers on labels that the requests carry
  (`requests{code=~"5.."}` of `requests`). A metric of its own that nobody has ever seen may as well
  be misspelt; whoever owns it should let it start at 0.

A query says with `$track` where the matcher of a track goes. One without it reads both versions
together, which is right for a database's gauge and useless for a comparison: it is refused as soon
as the baseline is asked for.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

import httpx
import msgspec
from msgspec import Meta

from bot.domain.plan import Metric
from bot.domain.plan_terms import Closed, Duration, Name
from bot.domain.samples import Counts, Gauge, Reading, Sample, Track, Unknown, Value
from bot.domain.units import format_duration, parse_duration
from bot.metrics.histogram import histogram, within
from bot.metrics.increments import (
    LOOKBACK_MS,
    Labels,
    Place,
    Series,
    growth,
    newest_by_target,
    target_of,
)
from bot.metrics.prometheus_api import NoAnswerError, PrometheusApi, from_ms, name_of, to_ms
from bot.metrics.promql import (
    TRACK,
    fill,
    is_selector,
    label_names,
    metric_name,
    selectors_in,
    unknown_placeholders,
    without_track,
)
from bot.ports import MetricQuery, PermanentError


class PrometheusOptions(Closed, frozen=True, kw_only=True, tag="prometheus", tag_field="kind"):
    """`metrics:` of an environment.

    tracks: what `$track` stands for on each track; {candidate}, {current} (the slot, or the version
        where there are no slots), {version} (of the track), {service}, {environment} are filled in.
    define: metrics that replace the plan's of the same name. scrape_interval: of the targets.
    timeout: for one query.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
    tracks: Mapping[Track, str] = {}
    define: Mapping[Name, Metric] = {}
    scrape_interval: Duration = "15s"
    timeout: Duration = "5s"


class _Read(NamedTuple):
    """What one reading knows about itself."""

    query: MetricQuery
    place: Place | None
    now_ms: int


class Prometheus:
    """Implements `MetricSource`. The cursor is a `Place` as JSON."""

    def __init__(self, options: PrometheusOptions, http: httpx.AsyncClient) -> None:
        """Raises ValueError for a placeholder that nobody fills."""
        for track, matcher in options.tracks.items():
            strange = sorted(unknown_placeholders(matcher))
            if strange:
                raise ValueError(f"tracks.{track}: nothing fills {{{strange[0]}}}")
        self._options = options
        self._api = PrometheusApi(options.url, http, _seconds(options.timeout))
        self._fresh_ms = round(2000 * _seconds(options.scrape_interval))

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        """See `MetricSource`. Counters are read since `cursor`; gauges need none."""
        metric = self._options.define.get(query.metric.name, query.metric)
        defined = msgspec.structs.replace(query, metric=metric)
        reading = _Read(defined, _decoded(cursor), to_ms(now))
        try:
            match metric.kind:
                case "ratio":
                    return await self._ratio(reading)
                case "quantile":
                    return await self._quantile(reading)
                case "count":
                    return await self._count(reading)
                case "gauge":
                    return await self._gauge(reading)
                case "probe":
                    raise PermanentError("a probe is not read from Prometheus", code="bad_query")
        except NoAnswerError as error:
            return Unknown(str(error))

    # --- counters -----------------------------------------------------------------------

    async def _ratio(self, reading: _Read) -> Reading:
        metric = reading.query.metric
        total = await self._counter(reading, metric.total)
        if not total:
            return self._nothing_yet(reading, metric.total)
        newest = await self._newest(reading, total)
        text = metric.good or metric.bad
        part = await self._counter(reading, text)
        place = self._place(reading)
        seen = place.bad_seen or bool(part)
        if reading.place is not None and not seen:
            seen = await self._comes_with_the_first(reading, text, total)
        # The place ends where the requests do, also for bad events that another target counts.
        moved = place.moved({**newest_by_target(part), **newest}, bad_seen=seen)
        if reading.place is None:
            return self._sample(Counts(0, 0), newest, moved)
        whole = await self._grown(reading, metric.total, total, newest)
        events = within(await self._grown(reading, text, part, newest), whole)
        counts = Counts(whole - events if metric.good else events, whole)
        return self._sample(counts, newest, moved)

    async def _count(self, reading: _Read) -> Reading:
        text = reading.query.metric.query
        series = await self._counter(reading, text)
        if not series:
            return self._nothing_yet(reading, text)
        newest = await self._newest(reading, series)
        events = 0.0
        if reading.place is not None:
            events = await self._grown(reading, text, series, newest)
        place = self._place(reading).moved(newest, bad_seen=False)
        return self._sample(Counts(events, events), newest, place)

    async def _quantile(self, reading: _Read) -> Reading:
        text = reading.query.metric.histogram
        series = await self._counter(reading, text)
        if not series:
            return self._nothing_yet(reading, text)
        newest = await self._newest(reading, series)
        before = await self._before(reading, text, series)
        place = self._place(reading)
        grown = [
            (one, growth(one, place, newest, before) if reading.place is not None else 0.0)
            for one in series
        ]
        return self._sample(histogram(grown), newest, place.moved(newest, bad_seen=False))

    async def _counter(self, reading: _Read, text: str) -> list[Series]:
        """Raw samples of a counter from the place (or the look-back) to now."""
        selector = self._text(reading, text)
        if not is_selector(selector):
            raise PermanentError(
                f"{text}: a counter has to be a plain series like requests_total{{…}}; rates and"
                " sums are taken here, from the raw samples",
                code="bad_query",
            )
        start = reading.now_ms - LOOKBACK_MS
        if reading.place is not None:
            start = reading.place.start - self._fresh_ms - 1000
        seconds = max(1, math.ceil((reading.now_ms - start) / 1000))
        series = await self._api.query(f"{selector}[{seconds}s]", reading.now_ms)
        for one in series:
            if not all(math.isfinite(value) for _, value in one.points):
                raise NoAnswerError(f"{name_of(one.labels)} is not a number")
        return [one for one in series if one.points]

    async def _newest(self, reading: _Read, series: list[Series]) -> dict[str, int]:
        """The newest sample of each target. Raises NoAnswerError when that is not fresh."""
        newest = newest_by_target(series)
        self._check_age(reading, max(newest.values()))
        if reading.query.track is Track.CANARY and reading.place is not None:
            late = reading.now_ms - self._fresh_ms
            known = {**reading.place.read, **newest}
            silent = {target for target, at in known.items() if at < late}
            if silent:
                await self._check_down(reading, silent, series)
        return newest

    async def _check_down(self, reading: _Read, silent: set[str], series: list[Series]) -> None:
        """A silent target that is still to be scraped, and is down, may hide errors."""
        jobs = sorted({job for one in series if (job := one.labels.get("job"))})
        if not jobs:
            return
        text = "|".join(_escaped(job) for job in jobs)
        for one in await self._api.query(f'up{{job=~"{text}"}} == 0', reading.now_ms):
            if target_of(one.labels) in silent:
                raise NoAnswerError(f"{one.labels.get('instance', 'a target')} is down")

    async def _grown(
        self, reading: _Read, text: str, series: list[Series], until: Mapping[str, int]
    ) -> float:
        place = self._place(reading)
        before = await self._before(reading, text, series)
        return math.fsum(growth(one, place, until, before) for one in series)

    async def _before(
        self, reading: _Read, text: str, series: list[Series]
    ) -> Mapping[Labels, float]:
        """Values at the place, for targets that come back after a long silence.

        Where Prometheus no longer has them, a series starts from its first sample seen now: rather
        too few events than a whole lifetime's at once.
        """
        place = reading.place
        if place is None:
            return {}
        back = [one for one in series if place.read.get(one.target, place.start) < place.start]
        before: dict[Labels, float] = {}
        remembered: set[str] = set()
        seconds = math.ceil(self._fresh_ms / 1000) + 1
        for at in sorted({place.read[one.target] for one in back}):
            selector = self._text(reading, text)
            for one in await self._api.query(f"{selector}[{seconds}s]", at):
                if one.points and place.taken(one.target) == at:
                    before[one.key] = one.points[-1][1]
                    remembered.add(one.target)
        forgotten = {o.key: o.points[0][1] for o in back if o.target not in remembered}
        return {**forgotten, **before}

    async def _comes_with_the_first(self, reading: _Read, text: str, total: list[Series]) -> bool:
        """True when a missing series of events means none yet, by what was there before.

        Raises NoAnswerError when it may as well be a wrong name or label.
        """
        selector = self._text(reading, text)
        carried = {label for one in total for label in one.labels}
        whole = self._text(reading, reading.query.metric.total)
        same = metric_name(selector) == metric_name(whole)
        if same and label_names(selector) <= carried:
            return False
        anywhere = fill(without_track(text), names_of(reading.query))
        query = f"count(last_over_time({anywhere}[1d]))"
        if await self._api.query(query, reading.now_ms):
            return True
        raise NoAnswerError(f"no series {selector}, today or on any track: is the name right?")

    # --- gauges -------------------------------------------------------------------------

    async def _gauge(self, reading: _Read) -> Reading:
        """One value, with the age of the oldest series it was made of."""
        expression = self._text(reading, reading.query.metric.query)
        series = await self._api.query(expression, reading.now_ms)
        if len(series) > 1:
            names = ", ".join(name_of(one.labels) for one in series[:3])
            more = f" and {len(series) - 3} more" if len(series) > 3 else ""
            raise PermanentError(
                f"{expression}: one value is needed, but there are {len(series)} series:"
                f" {names}{more}",
                code="many_series",
            )
        if not series:
            return Unknown(f"no series {expression}")
        value = series[0].points[-1][1]
        if not math.isfinite(value):
            return Unknown(f"{expression} is {value}")
        measured = await self._measured(reading, expression)
        return Sample(Gauge(value / (reading.query.metric.full or 1)), from_ms(measured))

    async def _measured(self, reading: _Read, expression: str) -> int:
        selectors = selectors_in(expression)
        if not selectors:
            return reading.now_ms
        asked = " or ".join(
            f'label_replace(max(timestamp({text})), "selector", "{number}", "", "")'
            for number, text in enumerate(selectors)
        )
        times = [
            round(one.points[-1][1] * 1000) for one in await self._api.query(asked, reading.now_ms)
        ]
        if not times:
            raise NoAnswerError(f"none of the series of {expression} exists")
        self._check_age(reading, min(times))
        return min(times)

    # --- what all have in common --------------------------------------------------------

    def _text(self, reading: _Read, text: str) -> str:
        """A query of the plan with its track and its placeholders filled in."""
        query = reading.query
        if not text:
            raise PermanentError(f"{query.metric.name}: the query is empty", code="bad_query")
        matcher = self._options.tracks.get(query.track, "")
        if TRACK in text and not matcher:
            raise PermanentError(
                f"{text}: the source has no matcher for the {query.track} (tracks:)",
                code="no_track",
            )
        if TRACK not in text and query.track is Track.BASELINE:
            raise PermanentError(
                f"{text}: without {TRACK} canary and baseline are the same numbers", code="no_track"
            )
        return fill(text.replace(TRACK, matcher), names_of(query))

    def _sample(self, value: Value, newest: Mapping[str, int], place: Place) -> Sample:
        cursor = msgspec.json.encode(place).decode()
        return Sample(value, from_ms(max(newest.values())), cursor)

    def _place(self, reading: _Read) -> Place:
        return reading.place or Place(reading.now_ms - self._fresh_ms)

    def _nothing_yet(self, reading: _Read, text: str) -> Unknown:
        """Marks the place, so that what appears from now on counts from zero."""
        place = reading.place
        if place is None or not place.read:
            place = Place(reading.now_ms - self._fresh_ms)
        selector = self._text(reading, text)
        reason = f"no series {selector} yet: no traffic, or a wrong label"
        return Unknown(reason, msgspec.json.encode(place).decode())

    def _check_age(self, reading: _Read, newest_ms: int) -> None:
        if reading.now_ms - newest_ms > self._fresh_ms:
            age = format_duration(from_ms(reading.now_ms) - from_ms(newest_ms))
            raise NoAnswerError(f"the newest sample is {age} old")


def _decoded(cursor: str) -> Place | None:
    """The place in a cursor; None when there is none, or when another kind of source wrote it."""
    try:
        return msgspec.json.decode(cursor, type=Place) if cursor else None
    except msgspec.DecodeError:
        return None


def names_of(query: MetricQuery) -> dict[str, str]:
    """What the placeholders of a query stand for."""
    versions = {track: release.version for track, release in query.releases.items()}
    return {
        "candidate": query.labels.get("candidate") or versions.get(Track.CANARY, ""),
        "current": query.labels.get("current") or versions.get(Track.BASELINE, ""),
        "version": versions.get(query.track, ""),
        "service": query.target.service,
        "environment": query.target.environment,
    }


def _escaped(text: str) -> str:
    """A label's value inside a regular expression inside a quoted string."""
    escaped = "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in text)
    return escaped.replace("\\", "\\\\").replace('"', '\\"')


def _seconds(duration: str) -> float:
    return parse_duration(duration).total_seconds()
