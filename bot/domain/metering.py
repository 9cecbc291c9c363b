"""What a rollout remembers of its measurements, small enough to live in its row.

The meter holds the sums over the present wave for its gates; what triggers and alerts remember is
in `bot.domain.watching`. Both take every reading exactly once, so that a restart, a second replica
or a late tick changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeGuard

import msgspec

from bot.domain.baselines import Bygone, Past, Reference, reference, remember
from bot.domain.conditions import Limit
from bot.domain.evaluation import value_of
from bot.domain.plan import Metric, Plan
from bot.domain.samples import Measurement, Sample, Track, Unknown
from bot.domain.totals import Level, Total, add, flaw, from_vector, total_of, vector
from bot.domain.units import parse_duration

SPARK = 20
"""Points of a sparkline. When a wave outgrows them, two become one and the pace doubles."""


class Entry(msgspec.Struct, frozen=True):
    """One metric of one track.

    total: since the wave began, None before the first reading in it. trail: the totals of equal
    stretches of the wave as plain numbers, for the sparkline. read_at: when it was last asked for.
    grown_at: when there was something to count for the last time.
    """

    total: Total | None = None
    cursor: str = ""
    measured_at: datetime | None = None
    read_at: datetime | None = None
    unknown_since: datetime | None = None
    reason: str = ""
    trail: tuple[tuple[float, ...], ...] = ()
    grown_at: datetime | None = None


class Meter(msgspec.Struct, frozen=True):
    """All that was measured. pace: seconds per point of the sparklines of this wave.

    finals: the canary's totals of the waves that are over. past, bygone: see
    `bot.domain.baselines`.
    narrowed: the wave's share is one of its audience; what it is of all traffic is not known.
    """

    wave: str = ""
    began_at: datetime | None = None
    pace: float = 1.0
    canary: Mapping[str, Entry] = {}
    baseline: Mapping[str, Entry] = {}
    finals: Mapping[str, Mapping[str, Total]] = {}
    past: Mapping[str, Past] = {}
    bygone: Mapping[str, Bygone] = {}
    narrowed: bool = False

    def entries(self, track: Track) -> Mapping[str, Entry]:
        return self.canary if track is Track.CANARY else self.baseline

    def cursor(self, metric: str, track: Track) -> str:
        """What the source gets back at the next reading."""
        entry = self.entries(track).get(metric)
        return entry.cursor if entry else ""


def begin_wave(meter: Meter, wave_id: str, now: datetime, *, narrowed: bool = False) -> Meter:
    """The meter of a new wave: sums and sparklines start anew, cursors stay.

    narrowed: see `Meter`. The canary's totals of the wave that ends are kept for limits such as
    `wave(w1) + 5pp`.
    """
    done = {name: e.total for name, e in meter.canary.items() if e.total is not None}
    finals = {**meter.finals, meter.wave: done} if meter.wave and done else meter.finals
    return Meter(
        wave=wave_id,
        began_at=now,
        canary={name: Entry(cursor=e.cursor) for name, e in meter.canary.items()},
        baseline={name: Entry(cursor=e.cursor) for name, e in meter.baseline.items()},
        finals=finals,
        past=meter.past,
        bygone=meter.bygone,
        narrowed=narrowed,
    )


def due(metric: Metric, meter: Meter, track: Track, now: datetime) -> bool:
    """Whether it is time to read a metric (by its name in the plan) again: see `Metric.every`."""
    entry = meter.entries(track).get(metric.name)
    if entry is None or entry.read_at is None or not metric.every:
        return True
    return now - entry.read_at >= parse_duration(metric.every)


def fold(
    meter: Meter,
    measurements: Iterable[Measurement],
    now: datetime,
    window: timedelta | None = None,
) -> Meter:
    """Add readings to the wave's sums; each reading must be handed in once.

    window: how much of the baseline's past is kept, None while there is nothing to keep of it.
    """
    began = meter.began_at or now
    paced = _paced(msgspec.structs.replace(meter, began_at=began), now)
    slot = max(0, int((now - began).total_seconds() / paced.pace))
    sides: dict[Track, dict[str, Entry]] = {
        Track.CANARY: dict(paced.canary),
        Track.BASELINE: dict(paced.baseline),
    }
    past = dict(meter.past)
    for measurement in measurements:
        entries = sides[measurement.track]
        name, reading = measurement.metric, measurement.reading
        entries[name] = _read(entries.get(name, Entry()), reading, now, slot)
        if window is not None and measurement.track is Track.BASELINE and _sound(reading):
            past[name] = remember(past.get(name), total_of(reading.value), now, window)
    return msgspec.structs.replace(
        paced, canary=sides[Track.CANARY], baseline=sides[Track.BASELINE], past=past
    )


def _sound(reading: Sample | Unknown) -> TypeGuard[Sample]:
    return isinstance(reading, Sample) and not flaw(reading.value)


def reference_of(limit: Limit, subject: str, plan: Plan, meter: Meter) -> Reference:
    """What a relative limit on a metric is held against in the present wave."""
    entry = meter.baseline.get(subject)
    return reference(
        limit,
        subject,
        plan,
        meter.wave,
        concurrent=entry.total if entry else None,
        past=meter.past,
        finals=meter.finals,
        bygone=meter.bygone,
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
    grown = isinstance(new, Level) or new.total > 0
    return Entry(
        total=total,
        grown_at=now if grown else entry.grown_at or now,
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
