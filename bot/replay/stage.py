"""What a replayed release stands on: hands of a clock, a target that obeys, recorded numbers."""

from bisect import bisect_right
from datetime import datetime

from bot.domain.recording import Recording, Strand, past_of, summed
from bot.domain.samples import Reading, Sample, Unknown
from bot.domain.totals import Total
from bot.domain.units import format_duration
from bot.ports import Capabilities, MetricQuery, Observation, Op, Release, Side, Target

STALE_STEPS = 2
"""After how many missing points a strand is silent, as two missed scrapes are for a live source."""


class Hands:
    """A clock that stands still until somebody moves it; implements `Clock`."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._began = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return (self._at - self._began).total_seconds()

    def move(self, at: datetime) -> None:
        self._at = max(at, self._at)


class Stage:
    """A target that does at once what it is asked, and says so; implements `Deployer`."""

    def __init__(self, current: Release) -> None:
        self._current = Side(current, 100.0, ready=True)
        self._candidate: Side | None = None

    def capabilities(self) -> Capabilities:
        return Capabilities(instances=True)

    async def resolve(self, target: Target, version: str) -> Release:  # noqa: ARG002
        return Release(version, f"recorded:{version}")

    async def observe(self, target: Target) -> Observation:  # noqa: ARG002
        return Observation(self._current, self._candidate)

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:  # noqa: ARG002
        self._candidate = Side(release, 0.0, ready=True)
        return await self.observe(target)

    async def shift(
        self,
        target: Target,
        release: Release,
        weight: float,
        op: Op,  # noqa: ARG002
        instances: int | None = None,  # noqa: ARG002
    ) -> Observation:
        self._candidate = Side(release, weight, ready=True)
        self._current = Side(self._current.release, 100.0 - weight, ready=True)
        return await self.observe(target)

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:  # noqa: ARG002
        old = self._current.release
        self._current = Side(release, 100.0, ready=True)
        self._candidate = Side(old, 0.0, ready=True)
        return await self.observe(target)

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:  # noqa: ARG002
        self._candidate = None
        return await self.observe(target)

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:  # noqa: ARG002
        self._current = Side(release, 100.0, ready=True)
        self._candidate = None
        return await self.observe(target)


class Recorded:
    """Recorded numbers, read as live ones are; implements `MetricSource` and `PastSource`.

    The cursor is how many points have been taken; what lies before the first reading is history.
    """

    def __init__(self, recording: Recording) -> None:
        self._strands = {key: _Kept(strand) for key, strand in recording.strands.items()}

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        """See `MetricSource`."""
        kept = self._strands.get((query.metric.name, query.track))
        if kept is None:
            return Unknown(f"{query.metric.name} of the {query.track} was not recorded")
        taken = bisect_right(kept.times, now)
        if not taken:
            return Unknown("nothing was recorded until now")
        newest = kept.strand.points[taken - 1]
        age = now - newest.at
        if age > kept.stale:
            return Unknown(f"the newest recorded point is {format_duration(age)} old", cursor)
        fresh = kept.strand.points[int(cursor) if cursor else taken : taken]
        return Sample(summed(fresh, newest.value), newest.at, str(taken))

    async def past(self, query: MetricQuery, since: datetime, until: datetime) -> Total | Unknown:
        """See `PastSource`: what the recording has of that time."""
        kept = self._strands.get((query.metric.name, query.track))
        points = kept.strand.between(since, until) if kept is not None else ()
        return past_of(points, until - since)


class _Kept:
    """A strand, with what every reading of it needs."""

    def __init__(self, strand: Strand) -> None:
        self.strand = strand
        self.times = [point.at for point in strand.points]
        self.stale = strand.step * STALE_STEPS
