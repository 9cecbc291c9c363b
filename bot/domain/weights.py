"""Gauges that grow with the traffic, made comparable: divided by the share that a side has.

At 5 % the new version serves a nineteenth of what the old one serves. `per_weight: true` turns both
into what they would be with all the traffic. A side without traffic has no such value.
"""

from collections.abc import Iterator, Sequence

import msgspec

from bot.domain.events import Measured
from bot.domain.rollout import Rollout
from bot.domain.samples import Gauge, Measurement, Sample, Track, Unknown


def weighed(rollout: Rollout, event: Measured) -> Measured:
    """A look with such gauges divided."""
    names = {name for name, metric in rollout.the_plan.metrics.items() if metric.per_weight}
    if not names:
        return event
    divided = tuple(_divided(event.measurements, names, rollout.weight))
    return msgspec.structs.replace(event, measurements=divided)


def _divided(
    measurements: Sequence[Measurement], names: set[str], weight: float
) -> Iterator[Measurement]:
    shares = {Track.CANARY: weight / 100, Track.BASELINE: 1 - weight / 100}
    for each in measurements:
        reading = each.reading
        gauge = reading.value if isinstance(reading, Sample) else None
        if each.metric not in names or not isinstance(gauge, Gauge):
            yield each
            continue
        share = shares[each.track]
        divided = Gauge(gauge.value / share) if share > 0 else None
        yield msgspec.structs.replace(each, reading=_reading(reading, divided))


def _reading(reading: Sample | Unknown, value: Gauge | None) -> Sample | Unknown:
    if value is None or isinstance(reading, Unknown):
        return Unknown("this side has no traffic", reading.cursor)
    return msgspec.structs.replace(reading, value=value)
