"""Reads what the old version did before a release, from the sources that read it now."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot.domain.baselines import Bygone
from bot.domain.bygone import ReadPast
from bot.domain.bygone_events import PastRead
from bot.domain.rollout import Rollout
from bot.domain.samples import Track, Unknown
from bot.domain.totals import empty
from bot.engine.catalogue import Catalogue, ServiceTarget
from bot.engine.changes import place_of
from bot.engine.looking import query_of, slots_of
from bot.past import past_of
from bot.ports import MetricQuery, PermanentError, TemporaryError

TRIED_FOR = timedelta(minutes=10)
"""How long a source that does not answer is asked again."""


class PastReader:
    """Performs ReadPast."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def read(self, rollout: Rollout, effect: ReadPast) -> Sequence[PastRead]:
        """Raises TemporaryError when nothing at all was learnt, PermanentError."""
        place = place_of(self._catalogue, rollout)
        labels = slots_of(rollout, await place.deployer.observe(place.target))
        queries = [query_of(rollout, place, n, Track.BASELINE, labels) for n in effect.metrics]
        found = await asyncio.gather(*(self._one(place, query, effect) for query in queries))
        named = list(zip(effect.metrics, found, strict=True))
        read = {name: one for name, one in named if isinstance(one, Bygone)}
        left = {name: why for name, why in named if isinstance(why, str)}
        if not read:
            raise TemporaryError("; ".join(dict.fromkeys(left.values())))
        return (PastRead(read, effect.since, effect.until, tuple(left)),)

    async def _one(
        self, place: ServiceTarget, query: MetricQuery, effect: ReadPast
    ) -> Bygone | str:
        """What was read, or why nothing can be known yet."""
        source = place.source(query.metric.name)
        if source is None:
            return Bygone(None, f"nothing is configured to read {query.metric.name}")
        try:
            found = await past_of(source, query, effect.since, effect.until)
        except TemporaryError as error:
            return str(error)
        except PermanentError as error:
            return Bygone(None, str(error))
        if isinstance(found, Unknown):
            return Bygone(None, found.reason) if found.mistake else found.reason
        return Bygone(None, "there were no requests") if empty(found) else Bygone(found)


def never(effect: ReadPast, reason: str) -> PastRead:
    """What is said of all that was asked when it is asked no longer."""
    lost = dict.fromkeys(effect.metrics, Bygone(None, reason))
    return PastRead(lost, effect.since, effect.until)
