"""What was measured once, kept so that it can be judged again: metrics by track, over time.

A point holds what a source would have read there: counts since the point before, or a level. So
recorded data feed the same decisions as live ones.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

import msgspec

from bot.domain.samples import Buckets, Counts, Gauge, Probe, Track, Unknown, Value
from bot.domain.totals import Level, Total
from bot.domain.units import format_duration

Kind = Literal["ratio", "quantile", "count", "gauge", "probe"]

Key = tuple[str, Track]
"""A metric by its name in the plan, and the side of the traffic."""

USUAL_STEP = timedelta(seconds=15)
"""The distance of points where there are too few to tell."""


HALF = 0.5
"""The share of a stretch that has to be known for it to be a baseline."""


class Point(msgspec.Struct, frozen=True):
    """What was read at an instant (aware, UTC)."""

    at: datetime
    value: Value


class Strand(msgspec.Struct, frozen=True):
    """One metric of one track. points: in order of time, no two at one instant."""

    metric: str
    track: Track
    kind: Kind
    points: tuple[Point, ...]

    @property
    def key(self) -> Key:
        return self.metric, self.track

    @property
    def step(self) -> timedelta:
        """The usual distance of two points."""
        times = [point.at.timestamp() for point in self.points]
        gaps = [late - early for early, late in pairwise(times)]
        return timedelta(seconds=median(gaps)) if gaps else USUAL_STEP

    def taken_by(self, at: datetime) -> int:
        """How many of the points are not later than `at`."""
        return bisect_right(self.points, at, key=lambda point: point.at)

    def between(self, start: datetime, end: datetime) -> tuple[Point, ...]:
        """The points after `start`, up to and with `end`."""
        return self.points[self.taken_by(start) : self.taken_by(end)]


class Recording(msgspec.Struct, frozen=True):
    """All strands, by metric and track."""

    strands: Mapping[Key, Strand] = {}

    def strand(self, metric: str, track: Track) -> Strand | None:
        return self.strands.get((metric, track))

    def metrics(self) -> frozenset[str]:
        """The names of what was recorded on any track."""
        return frozenset(metric for metric, _ in self.strands)

    @property
    def step(self) -> timedelta:
        """The usual distance of two points, of the strand whose points lie closest."""
        return min((strand.step for strand in self.strands.values()), default=USUAL_STEP)

    @property
    def began_at(self) -> datetime | None:
        """The earliest point, None without any."""
        return min((s.points[0].at for s in self.strands.values() if s.points), default=None)

    @property
    def ended_at(self) -> datetime | None:
        """The latest point, None without any."""
        return max((s.points[-1].at for s in self.strands.values() if s.points), default=None)


def recording(strands: tuple[Strand, ...]) -> Recording:
    """The strands that hold anything, by their keys."""
    return Recording({strand.key: strand for strand in strands if strand.points})


def nothing(value: Value) -> Value:
    """A reading of the same kind in which nothing happened."""
    match value:
        case Counts():
            return Counts(0, 0)
        case Buckets(_, cumulative):
            return Buckets(0, tuple((edge, 0.0) for edge, _ in cumulative))
        case Gauge() | Probe():
            return value


def summed(points: tuple[Point, ...], like: Value) -> Value:
    """What the points come to as one reading: counts added, of levels the newest.

    like: a value of the same kind, given back empty when there are no points. Histograms are added
    over the edges that they share.
    """
    values = [point.value for point in points]
    if not values:
        return nothing(like)
    match values[-1]:
        case Counts():
            found = [value for value in values if isinstance(value, Counts)]
            return Counts(sum(v.bad for v in found), sum(v.total for v in found))
        case Buckets():
            return _buckets([value for value in values if isinstance(value, Buckets)])
        case Gauge() | Probe():
            return values[-1]


def _buckets(values: list[Buckets]) -> Buckets:
    sums = dict(values[0].cumulative)
    for value in values[1:]:
        more = dict(value.cumulative)
        sums = {edge: count + more[edge] for edge, count in sums.items() if edge in more}
    return Buckets(sum(value.total for value in values), tuple(sorted(sums.items())))


def past_of(points: Sequence[Point], span: timedelta) -> Total | Unknown:
    """What the points of a stretch of time come to; of a level, the mean is its value.

    Unknown for good when they are of less than half of `span`: a baseline of a few minutes is too
    easily one of their accidents.
    """
    if not points:
        return Unknown("nothing was recorded then", mistake=True)
    known = points[-1].at - points[0].at
    if known < span * HALF:
        told = f"only {format_duration(known)} of the {format_duration(span)} are known"
        return Unknown(told, mistake=True)
    levels = [point.value.value for point in points if isinstance(point.value, Gauge)]
    if levels:
        whole = math.fsum(levels)
        return Level(whole, len(levels), whole / len(levels))
    total = summed(tuple(points), points[-1].value)
    if isinstance(total, Counts | Buckets):
        return total
    return Unknown("an answer of a probe has no past", mistake=True)
