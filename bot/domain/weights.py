"""Gauges that grow with the traffic, made comparable: divided by the share that a side has.

At 5 % the new version serves a nineteenth of what the old one serves. `per_weight: true` turns both
into what they would be with all the traffic. A side without traffic has no such value, and neither
has one whose share is of an audience: nobody knows how much of all traffic that is.
"""

from collections.abc import Iterator, Sequence

import msgspec

from bot.domain.audience import narrowed
from bot.domain.events import Measured
from bot.domain.rollout import Rollout
from bot.domain.samples import Gauge, Measurement, Sample, Track, Unknown

_NARROWED = "the share is one of an audience, and how much of all traffic that is nobody knows"


def weighed(rollout: Rollout, event: Measured) -> Measured:
    """A look with such gauges divided."""
    names = {name for name, metric in rollout.the_plan.metrics.items() if metric.per_weight}
    if not names:
        return event
    share = None if narrowed(rollout) else rollout.weight
    divided = tuple(_divided(event.measurements, names, share))
    return msgspec.structs.replace(event, measurements=divided)


def _divided(
    measurements: Sequence[Measurement], names: set[str], weight: float | None
) -> Iterator[Measurement]:
    ours = None if weight is None else weight / 100
    shares = {Track.CANARY: ours, Track.BASELINE: None if ours is None else 1 - ours}
    for each in measurements:
        reading = each.reading
        gauge = reading.value if isinstance(reading, Sample) else None
        if each.metric not in names or not isinstance(gauge, Gauge):
            yield each
            continue
        share = shares[each.track]
        divided = Gauge(gauge.value / share) if share else None
        why = "this side has no traffic" if share is not None else _NARROWED
        yield msgspec.structs.replace(each, reading=_reading(reading, divided, why))


def _reading(reading: Sample | Unknown, value: Gauge | None, why: str) -> Sample | Unknown:
    if value is None or isinstance(reading, Unknown):
        return Unknown(why, reading.cursor)
    return msgspec.structs.replace(reading, value=value)
