"""What is asked of a source that also knows what was: the time before a release."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from bot.domain.samples import Unknown
from bot.domain.totals import Total
from bot.ports import MetricQuery, MetricSource


@runtime_checkable
class PastSource(Protocol):
    """Told apart from other sources by having `past`."""

    async def past(self, query: MetricQuery, since: datetime, until: datetime) -> Total | Unknown:
        """What the metric came to on the query's track from `since` to `until` (aware).

        Unknown with `mistake` when asking again is of no use. Raises as `MetricSource.read` does.
        """
        ...


async def past_of(
    source: MetricSource, query: MetricQuery, since: datetime, until: datetime
) -> Total | Unknown:
    """What a source says of the past; nothing when it is none that knows it. Raises as it does."""
    if isinstance(source, PastSource):
        return await source.past(query, since, until)
    return Unknown("its source tells only what is now", mistake=True)
