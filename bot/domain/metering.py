"""What a rollout remembers of its measurements, small enough to live in its row.

The meter holds the sums over the present wave for its gates; a watcher holds the window that a
trigger or an alert is in. Both take every reading exactly once, so that a restart, a second
replica or a late tick changes nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.conditions import Action, Comparison, Condition, LimitKind
from bot.domain.evaluation import Sides, evaluate, value_of
from bot.domain.evidence import Verdict
from bot.domain.plan import Metric, Plan
from bot.domain.samples import Measurement, Sample, Track, Unknown
from bot.domain.totals import Total, add, averaged, flaw, from_vector, total_of, vector, worst
from bot.domain.units import format_duration, parse_duration

SPARK = 20
"""Points of a sparkline. When a wave outgrows them, two become one and the pace doubles."""

MISSING_ROWS = 3
"""So many rows in a row without data make a condition unknown."""

ROW = timedelta(minutes=1)
"""The window of a condition on counts, or with `for`, that names none."""


class Entry(msgspec.Struct, frozen=True):
    """One metric of one track.

    total: since the wave began, None before the first reading in it. trail: the totals of equal
    stretches of the wave as plain numbers, for the sparkline. read_at: when it was last asked for.
    """

    total: Total | None = None
    cursor: str = ""
    measured_at: datetime | None = None
    read_at: datetime | None = None
    unknown_since: datetime | None = None
    reason: str = ""
    trail: tuple[tuple[float, ...], ...] = ()


class Meter(msgspec.Struct, frozen=True):
    """All that was measured. pace: seconds per point of the sparklines of this wave."""

    wave: str = ""
    began_at: datetime | None = None
    pace: float = 1.0
    canary: Mapping[str, Entry] = {}
    baseline: Mapping[str, Entry] = {}
    finals: Mapping[str, Mapping[str, Total]] = {}

    def entries(self, track: Track) -> Mapping[str, Entry]:
        return self.canary if track is Track.CANARY else self.baseline

    def cursor(self, metric: str, track: Track) -> str:
        """What the source gets back at the next reading."""
        entry = self.entries(track).get(metric)
        return entry.cursor if entry else ""


def begin_wave(meter: Meter, wave_id: str, now: datetime) -> Meter:
    """The meter of a new wave: sums and sparklines start anew, cursors stay.

    The canary's totals of the wave that ends are kept for limits such as `wave(w1) + 5pp`.
    """
    done = {name: e.total for name, e in meter.canary.items() if e.total is not None}
    finals = {**meter.finals, meter.wave: done} if meter.wave and done else meter.finals
    return Meter(
        wave=wave_id,
        began_at=now,
        canary={name: Entry(cursor=e.cursor) for name, e in meter.canary.items()},
        baseline={name: Entry(cursor=e.cursor) for name, e in meter.baseline.items()},
        finals=finals,
    )


def due(metric: Metric, meter: Meter, track: Track, now: datetime) -> bool:
    """Whether it is time to read a metric (by its name in the plan) again: see `Metric.every`."""
    entry = meter.entries(track).get(metric.name)
    if entry is None or entry.read_at is None or not metric.every:
        return True
    return now - entry.read_at >= parse_duration(metric.every)


def fold(meter: Meter, measurements: Iterable[Measurement], now: datetime) -> Meter:
    """Add readings to the wave's sums; each reading must be handed in once."""
    began = meter.began_at or now
    paced = _paced(msgspec.structs.replace(meter, began_at=began), now)
    slot = max(0, int((now - began).total_seconds() / paced.pace))
    sides: dict[Track, dict[str, Entry]] = {
        Track.CANARY: dict(paced.canary),
        Track.BASELINE: dict(paced.baseline),
    }
    for measurement in measurements:
        entries = sides[measurement.track]
        old = entries.get(measurement.metric, Entry())
        entries[measurement.metric] = _read(old, measurement.reading, now, slot)
    return msgspec.structs.replace(
        paced, canary=sides[Track.CANARY], baseline=sides[Track.BASELINE]
    )


def _read(entry: Entry, reading: Sample | Unknown, now: datetime, slot: int) -> Entry:
    cursor = reading.cursor or entry.cursor
    reason = reading.reason if isinstance(reading, Unknown) else flaw(reading.value)
    if reason or isinstance(reading, Unknown):
        return msgspec.structs.replace(
            entry,
            cursor=cursor,
            read_at=now,
            unknown_since=entry.unknown_since or now,
            reason=reason,
        )
    new = total_of(reading.value)
    total = add(entry.total, new) if entry.total is not None else new
    return Entry(
        total=total,
        cursor=cursor,
        measured_at=reading.measured_at,
        read_at=now,
        trail=_trail(entry.trail, vector(new), len(vector(total)), slot),
    )


def _trail(
    trail: tuple[tuple[float, ...], ...], numbers: tuple[float, ...], width: int, slot: int
) -> tuple[tuple[float, ...], ...]:
    if len(numbers) != width or any(len(point) not in (0, width) for point in trail):
        return ()
    points = [*trail, *((),) * (slot + 1 - len(trail))]
    points[slot] = _plus(points[slot], numbers)
    return tuple(points)


def _plus(left: tuple[float, ...], right: tuple[float, ...]) -> tuple[float, ...]:
    if not left or not right:
        return left or right
    return tuple(a + b for a, b in zip(left, right, strict=True))


def _paced(meter: Meter, now: datetime) -> Meter:
    """Double the pace until the present moment has a point among the first `SPARK`."""
    elapsed = (now - (meter.began_at or now)).total_seconds()
    while elapsed >= meter.pace * SPARK:
        meter = msgspec.structs.replace(
            meter,
            pace=meter.pace * 2,
            canary={name: _halved(entry) for name, entry in meter.canary.items()},
            baseline={name: _halved(entry) for name, entry in meter.baseline.items()},
        )
    return meter


def _halved(entry: Entry) -> Entry:
    points = entry.trail if len(entry.trail) % 2 == 0 else (*entry.trail, ())
    pairs = zip(points[::2], points[1::2], strict=True)
    return msgspec.structs.replace(entry, trail=tuple(_plus(a, b) for a, b in pairs))


def spark(entry: Entry, metric: Metric) -> tuple[float | None, ...]:
    """The values of the entry's stretches, None where there were no data."""
    if entry.total is None:
        return ()
    totals = (from_vector(point, entry.total) if point else None for point in entry.trail)
    return tuple(value_of(metric, total) if total is not None else None for total in totals)


# --- triggers and alerts --------------------------------------------------------------------


class Watcher(msgspec.Struct, frozen=True):
    """The state of one trigger or alert during one wave.

    window_started_at: at first, when the wave's traffic was confirmed. anchor: that instant, from
    which all windows are counted. canary, baseline: what the present window holds so far.
    runs: rows over the limit in a row. missing: rows without data in a row. decided: whether any
    row could be judged. shown: the newest judged row, for people.
    """

    window_started_at: datetime
    anchor: datetime | None = None
    window_ends_at: datetime | None = None
    canary: Total | None = None
    baseline: Total | None = None
    blind: bool = False
    counted_at: datetime | None = None
    runs: int = 0
    missing: int = 0
    decided: bool = False
    satisfied_at: datetime | None = None
    shown: str = ""


def watch(
    condition: Condition,
    plan: Plan,
    watcher: Watcher,
    meter: Meter,
    measurements: Sequence[Measurement],
    now: datetime,
) -> tuple[Watcher, Verdict]:
    """Judge a trigger or an alert by new readings.

    Counts, and everything with a window, are judged by windows that follow one another without
    overlap from the wave's start; a late tick closes one longer window, never several. Gauges and
    probes without a window are judged reading by reading, a probe not more often than `every`.
    A row without data neither counts nor resets. A satisfied condition stays so until the wave is
    left, except one that only notifies: that one ends with the first row that is fine again.

    Returns FAIL when it is satisfied, PASS when not, INCONCLUSIVE when no row could be judged yet,
    UNKNOWN after three rows in a row without data or for a metric that the plan does not define.
    """
    comparison = condition.comparison
    metric = plan.metrics.get(comparison.subject) if comparison else None
    if comparison is None or metric is None:
        return watcher, Verdict.UNKNOWN
    ours = _Rows(condition, comparison, metric, plan, meter)
    fresh = {m.track: m.reading for m in measurements if m.metric == comparison.subject}
    window = _window(condition, metric)
    moved = ours.sample(watcher, fresh, now) if window is None else watcher
    if window is not None:
        moved = ours.gather(moved, fresh, window, now)
    return moved, _verdict(moved)


def _window(condition: Condition, metric: Metric) -> timedelta | None:
    if condition.window:
        return condition.window
    counted = metric.kind in {"ratio", "quantile", "count"}
    return ROW if counted or condition.hold is not None else None


def _verdict(watcher: Watcher) -> Verdict:
    if watcher.satisfied_at is not None:
        return Verdict.FAIL
    if watcher.missing >= MISSING_ROWS:
        return Verdict.UNKNOWN
    return Verdict.PASS if watcher.decided else Verdict.INCONCLUSIVE


class _Rows(msgspec.Struct, frozen=True):
    """One condition with all it takes to turn readings into rows."""

    condition: Condition
    comparison: Comparison
    metric: Metric
    plan: Plan
    meter: Meter

    def sample(
        self, watcher: Watcher, fresh: Mapping[Track, Sample | Unknown], now: datetime
    ) -> Watcher:
        """Every reading that is due and new is a row of its own."""
        reading = fresh.get(Track.CANARY)
        if reading is None or not self._counts(watcher, reading, now):
            return watcher
        at = reading.measured_at if isinstance(reading, Sample) else now
        filled = msgspec.structs.replace(
            _take(watcher, fresh), counted_at=now if self.metric.every else at
        )
        return _emptied(self._row(filled, now, None))

    def _counts(self, watcher: Watcher, reading: Sample | Unknown, now: datetime) -> bool:
        last = watcher.counted_at
        if last is None or now < last:  # the clock was put back
            return True
        if self.metric.every:
            return now - last >= parse_duration(self.metric.every)
        return isinstance(reading, Unknown) or reading.measured_at > last

    def gather(
        self,
        watcher: Watcher,
        fresh: Mapping[Track, Sample | Unknown],
        window: timedelta,
        now: datetime,
    ) -> Watcher:
        """Add readings to the present window, and judge it when it is over."""
        anchor = watcher.anchor or watcher.window_started_at
        ends = watcher.window_ends_at or anchor + window
        if now < watcher.window_started_at:  # the clock was put back: don't wait for it
            anchor, ends = now, now + window
        filled = msgspec.structs.replace(
            _take(watcher, fresh),
            anchor=anchor,
            window_started_at=min(watcher.window_started_at, now),
            window_ends_at=ends,
        )
        if now < ends:
            return filled
        judged = self._row(_smoothed(filled, self.metric), now, window)
        return msgspec.structs.replace(
            _emptied(judged), window_started_at=now, window_ends_at=_next_end(anchor, window, now)
        )

    def _row(self, watcher: Watcher, now: datetime, window: timedelta | None) -> Watcher:
        """Judge what the watcher holds as one row."""
        if watcher.canary is None or (self.comparison.limit.relative and watcher.baseline is None):
            missing = watcher.missing + (1 if watcher.blind else 0)
            return msgspec.structs.replace(watcher, missing=missing)
        sides = Sides(watcher.canary, watcher.baseline, self._earlier())
        judged = evaluate(self.comparison, self.metric, sides, 0)
        if judged.holds is Verdict.UNKNOWN:
            return msgspec.structs.replace(watcher, missing=watcher.missing + 1)
        if judged.holds is Verdict.INCONCLUSIVE:
            return msgspec.structs.replace(watcher, missing=0)
        over = f" over {format_duration(window)}" if window else ""
        runs = watcher.runs + 1 if judged.holds is Verdict.PASS else 0
        enough = runs >= self._needed(window)
        return self._counted(watcher, runs, enough, judged.shown + over, now)

    def _needed(self, window: timedelta | None) -> int:
        """How many rows in a row satisfy the condition; `for` is served in full, rounded up."""
        hold = self.condition.hold
        if hold is None or not window:
            return self.condition.consecutive
        return max(1, math.ceil(hold / window - 1e-9))

    def _counted(
        self, watcher: Watcher, runs: int, enough: bool, shown: str, now: datetime
    ) -> Watcher:
        since = watcher.satisfied_at
        if since is None and enough:
            since = now
        if runs == 0 and self.condition.do is Action.NOTIFY:
            since = None
        latched = watcher.satisfied_at is not None and since is not None
        return msgspec.structs.replace(
            watcher,
            runs=runs,
            missing=0,
            decided=True,
            satisfied_at=since,
            shown=watcher.shown if latched else shown,
        )

    def _earlier(self) -> Total | None:
        limit = self.comparison.limit
        if limit.kind is not LimitKind.ABOVE_WAVE:
            return None
        return self.meter.finals.get(limit.wave, {}).get(self.comparison.subject)


def _take(watcher: Watcher, fresh: Mapping[Track, Sample | Unknown]) -> Watcher:
    totals = {Track.CANARY: watcher.canary, Track.BASELINE: watcher.baseline}
    blind = watcher.blind
    for track, reading in fresh.items():
        if isinstance(reading, Unknown) or flaw(reading.value):
            blind = True
        else:
            totals[track] = add(totals[track], total_of(reading.value))
    return msgspec.structs.replace(
        watcher, canary=totals[Track.CANARY], baseline=totals[Track.BASELINE], blind=blind
    )


def _smoothed(watcher: Watcher, metric: Metric) -> Watcher:
    smooth = worst if metric.kind == "probe" else averaged
    return msgspec.structs.replace(
        watcher,
        canary=None if watcher.canary is None else smooth(watcher.canary),
        baseline=None if watcher.baseline is None else smooth(watcher.baseline),
    )


def _emptied(watcher: Watcher) -> Watcher:
    return msgspec.structs.replace(watcher, canary=None, baseline=None, blind=False)


def _next_end(anchor: datetime, window: timedelta, now: datetime) -> datetime:
    """The next end of a window on the grid from `anchor`; less than half a window is skipped."""
    end = anchor + window * (math.floor((now - anchor) / window) + 1)
    return end + window if (end - now) * 2 < window else end
