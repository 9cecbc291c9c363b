"""What a metric source can say: a measured value, or that nothing is known.

Numerators and denominators travel separately and as counts, so that a verdict can tell
"no errors" from "no requests". Absence is a value of its own (`Unknown`), never a number.
"""

from datetime import datetime
from enum import StrEnum

import msgspec


class Track(StrEnum):
    """Which side of the traffic a reading is about."""

    CANARY = "canary"
    BASELINE = "baseline"


class Counts(msgspec.Struct, frozen=True, tag="counts"):
    """Events since the previous reading: `bad` of `total`, counter resets already undone."""

    bad: float
    total: float


class Buckets(msgspec.Struct, frozen=True, tag="buckets"):
    """A latency histogram since the previous reading.

    `cumulative` holds (upper edge in seconds, observations at or below it), edges ascending;
    `total` is the count of all observations (the +Inf bucket).
    """

    total: float
    cumulative: tuple[tuple[float, float], ...]


class Gauge(msgspec.Struct, frozen=True, tag="gauge"):
    """A level at one instant, in the metric's own unit (shares are 0..1)."""

    value: float


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """The answer of a health endpoint. A time-out is `ok=False`: a failure, not missing data."""

    ok: bool
    detail: str = ""


Value = Counts | Buckets | Gauge | Probe


class Sample(msgspec.Struct, frozen=True, tag="sample"):
    """One reading.

    value: what was measured. Counts and Buckets cover exactly the time since the reading that
        returned the `cursor` passed in; the first reading of a track (no cursor) carries zeros
        and only marks the place.
    measured_at: when the newest data in it was taken at the source (aware, UTC).
    cursor: opaque to everybody but the source; the next read hands it back.
    """

    value: Value
    measured_at: datetime
    cursor: str = ""


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Nothing can be said now; `reason` is shown to people. The cursor of the last sample stays.

    mistake: time won't heal it, as the query can't work; somebody has to correct the plan.
    """

    reason: str
    cursor: str = ""
    mistake: bool = False


Reading = Sample | Unknown


class Measurement(msgspec.Struct, frozen=True):
    """One metric of one track, as it was read."""

    metric: str
    track: Track
    reading: Reading
