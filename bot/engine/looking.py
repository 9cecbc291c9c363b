"""A look at a live rollout: what runs, what the metrics say, and how much time that covers.

Time counts for a soak only as far as this process can vouch for it by a clock that never jumps;
after a restart, a takeover or a long sleep only one poll of the plan counts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from bot.domain.charted import charted
from bot.domain.conditions import Condition
from bot.domain.events import Measured, Ticked
from bot.domain.gates import needs
from bot.domain.metering import due
from bot.domain.rollout import Rollout
from bot.domain.samples import Measurement, Reading, Sample, Track, Unknown
from bot.domain.served import counting
from bot.domain.served_news import counts_only
from bot.engine.catalogue import Catalogue, ServiceTarget, UnknownTargetError
from bot.engine.changes import seen_in
from bot.engine.clock import Clock
from bot.ports import (
    MetricQuery,
    Observation,
    PermanentError,
    Release,
    Side,
    TemporaryError,
)

log = logging.getLogger(__name__)

LONGEST_GAP = timedelta(minutes=2)
"""Two looks further apart than this (the machine slept) don't vouch for the time between them."""


def conditions_of(rollout: Rollout) -> list[Condition]:
    """Everything that is judged by numbers now: gates, triggers, alerts."""
    plan, wave = rollout.the_plan, rollout.current_wave
    return [*wave.gates, *plan.triggers_of(wave), *plan.all_alerts, *plan.aims]


def slots_of(rollout: Rollout, observation: Observation) -> Mapping[str, str]:
    """What the two sides are called in the source's labels: `candidate` is what is released."""
    sides = {side.release.version: side.slot for side in _sides(observation) if side.slot}
    named = {"candidate": rollout.version, "current": rollout.previous}
    return {word: sides[version] for word, version in named.items() if version in sides}


def _sides(observation: Observation) -> list[Side]:
    return [side for side in (observation.current, observation.candidate) if side is not None]


Wanted = tuple[str, Track]
"""A metric by its name in the plan, and a side of the traffic."""


def query_of(
    rollout: Rollout, place: ServiceTarget, metric: str, track: Track, labels: Mapping[str, str]
) -> MetricQuery:
    """What to ask a source about a metric of the plan. labels: see `slots_of`."""
    named = msgspec.structs.replace(rollout.the_plan.metrics[metric], name=metric)
    releases = {
        Track.CANARY: Release(rollout.version, rollout.artifact),
        Track.BASELINE: Release(rollout.previous, rollout.previous_artifact),
    }
    return MetricQuery(named, track, place.target, releases, labels)


class _Last(msgspec.Struct, frozen=True):
    measured_at: datetime | None
    monotonic: float


class RolloutLook:
    """Makes the event of a due rollout.

    longest_gap: see LONGEST_GAP; a test that lets hours pass between two looks has to raise it.
    silent: why people can't be told anything just now, "" when they can.
    drawn: what pictures show of the old version is read too, where no condition asks for it.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        clock: Clock,
        longest_gap: timedelta = LONGEST_GAP,
        silent: Callable[[], str] = str,
        *,
        drawn: bool = False,
    ) -> None:
        self._silent = silent
        self._catalogue = catalogue
        self._clock = clock
        self._gap = longest_gap
        self._drawn = drawn
        self._last: dict[str, _Last] = {}

    async def look(self, rollout: Rollout) -> Measured | Ticked:
        """Read all that is due, at the same time; what can't be read is said, not raised."""
        only = counts_only(rollout)
        if not (rollout.watched or only):
            return Ticked()
        try:
            place = self._catalogue.target(rollout.service, rollout.environment)
        except UnknownTargetError as error:
            return Measured((), self._covered(rollout), None, str(error))
        observation, blind = await self._see(place)
        labels = slots_of(rollout, observation) if observation is not None else {}
        extra = self._only_shown(rollout)
        judged = () if only else self._judged(rollout)
        wanted = dict.fromkeys((*judged, *extra))
        readings = await asyncio.gather(*self._reads(rollout, place, labels, wanted))
        seen = seen_in(observation) if observation is not None else None
        # Nobody decides by what is only shown: where it can't be read, nothing is missing.
        told = [
            m for m in readings if isinstance(m.reading, Sample) or (m.metric, m.track) in judged
        ]
        covered = self._covered(rollout)
        return Measured(tuple(told), covered, seen, blind, self._silent())

    def failed(self, rollout: Rollout, reason: str) -> Measured | Ticked:
        """Nothing was seen; when that goes on, people are called."""
        if not (rollout.watched or counts_only(rollout)):
            return Ticked()
        return Measured((), timedelta(), None, f"looking fails ({reason[:200]})")

    def looked(self, rollout: Rollout) -> None:
        """The look has been written: the next one continues from it."""
        if rollout.ended:
            self._last.pop(rollout.id, None)
        else:
            self._last[rollout.id] = _Last(rollout.measured_at, self._clock.monotonic())

    def _covered(self, rollout: Rollout) -> timedelta:
        """How much time counts since the last look."""
        last = self._last.get(rollout.id)
        if last is not None and last.measured_at and last.measured_at == rollout.measured_at:
            span = timedelta(seconds=self._clock.monotonic() - last.monotonic)
            if span <= self._gap:
                return span
        # What went by before a pause ended counts for nothing.
        looked = rollout.measured_at or rollout.wave_applied_at or rollout.phase_since
        since = max(looked, rollout.phase_since)
        span = self._clock.now() - since
        return max(timedelta(), min(span, rollout.the_plan.poll))

    async def _see(self, place: ServiceTarget) -> tuple[Observation | None, str]:
        try:
            return await place.deployer.observe(place.target), ""
        except (TemporaryError, PermanentError) as error:
            return None, str(error)
        except Exception as error:
            log.exception("looking at %s failed in an unforeseen way", place.target)
            return None, f"{type(error).__name__}: {error}"

    def _reads(
        self,
        rollout: Rollout,
        place: ServiceTarget,
        labels: Mapping[str, str],
        wanted: Collection[Wanted],
    ) -> Iterator[Awaitable[Measurement]]:
        now = self._clock.now()
        for name, track in wanted:
            query = query_of(rollout, place, name, track, labels)
            if due(query.metric, rollout.meter, track, now):
                cursor = rollout.meter.cursor(name, track)
                yield self._read(place, name, query, cursor)

    def _judged(self, rollout: Rollout) -> Collection[Wanted]:
        """What conditions ask for."""
        plan = rollout.the_plan
        beside = plan.baseline.kind != "previous_wave"
        return needs(conditions_of(rollout), plan.metrics, baseline=beside)

    def _only_shown(self, rollout: Rollout) -> Collection[Wanted]:
        """What pictures show of the old version, and the requests of both sides."""
        plan = rollout.the_plan
        found = [(counting(plan), track) for track in Track if counting(plan)]
        if rollout.weight >= 100:
            # The old version has no traffic, unless it gets it back just now.
            return found if counts_only(rollout) else found[:1]
        if self._drawn and plan.baseline.kind != "previous_wave":
            found += [(name, Track.BASELINE) for name in charted(plan)]
        return found

    async def _read(
        self, place: ServiceTarget, name: str, query: MetricQuery, cursor: str
    ) -> Measurement:
        return Measurement(name, query.track, await self._reading(place, name, query, cursor))

    async def _reading(
        self, place: ServiceTarget, name: str, query: MetricQuery, cursor: str
    ) -> Reading:
        source = place.source(name)
        if source is None:
            return Unknown(f"nothing is configured to read {name}")
        try:
            return await source.read(query, cursor, self._clock.now())
        except TemporaryError as error:
            return Unknown(str(error))
        except PermanentError as error:
            return Unknown(str(error), mistake=True)
        except Exception as error:
            log.exception("reading %s failed in an unforeseen way", name)
            return Unknown(f"{type(error).__name__}: {error}")
