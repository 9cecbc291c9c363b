"""Whether what is to be released has been live where it has to be live first."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_duration
from bot.engine.catalogue import Catalogue, ServiceTarget
from bot.ports import Observation, Release
from bot.store.database import Store
from bot.store.queries import rollouts

LOOKED_THROUGH = 100
"""How many of the newest releases into an environment are looked through."""

SHOWN = 19
"""Characters of an artifact's digest that tell it from any other."""


class Answer(NamedTuple):
    """What was found, and in which words."""

    ok: bool
    words: str


class _Released(msgspec.Struct, frozen=True):
    """What is needed of the state of a release."""

    version: str
    artifact: str = ""


class _Stay(NamedTuple):
    """A release that was live from `since`, to `until` (None: nothing was released after it)."""

    version: str
    since: datetime
    until: datetime | None


class Promotion:
    """Answers the check `staging_live`."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def configured(self, rollout: Rollout) -> bool:
        """Whether the environment that it is promoted from is one that the bot knows."""
        return (rollout.service, self._source(rollout)) in self._catalogue.targets

    async def look(self, rollout: Rollout, live_for: timedelta, now: datetime) -> Answer:
        """Raises TemporaryError, PermanentError when the environment can't be looked at."""
        stay = await self._store.transact(lambda conn: self._stay(conn, rollout))
        if stay is not None:
            return self._stayed(rollout, stay, live_for, now)
        place = self._catalogue.target(rollout.service, self._source(rollout))
        found = await place.deployer.observe(place.target)
        return _observed(rollout, place, found, live_for)

    def _source(self, rollout: Rollout) -> str:
        return rollout.the_plan.sections.preflight.promote_from

    def _stay(self, conn: Connection, rollout: Rollout) -> _Stay | None:
        """The newest completed release of the same artifact there."""
        place = (rollout.service, self._source(rollout))
        until: datetime | None = None
        for row in rollouts.recent(conn, *place, limit=LOOKED_THROUGH):
            if row["phase"] != Phase.COMPLETED.value:
                continue
            there = msgspec.json.decode(row["state"], type=_Released)
            if _same(rollout, Release(there.version, there.artifact)):
                return _Stay(there.version, row["ended_at"], until)
            until = row["ended_at"]
        return None

    def _stayed(self, rollout: Rollout, stay: _Stay, live_for: timedelta, now: datetime) -> Answer:
        where, since = self._source(rollout), f"t[{int(stay.since.timestamp())}]"
        what = named(Release(stay.version, rollout.artifact))
        if stay.until is None:
            words = f"{what} is live in {where} since {since}"
        else:
            words = f"{what} was live in {where} from {since} to t[{int(stay.until.timestamp())}]"
        lasted = (stay.until or now) - stay.since
        if lasted < live_for:
            return Answer(False, f"{words}; it has to be there for {format_duration(live_for)}")
        return Answer(True, words)


def _observed(
    rollout: Rollout, place: ServiceTarget, found: Observation, live_for: timedelta
) -> Answer:
    where, current = place.environment, found.current.release
    if not _same(rollout, current):
        wanted = named(Release(rollout.version, rollout.artifact))
        return Answer(False, f"{where} runs {named(current)}, not {wanted}; release it there first")
    if live_for:
        since = "since when is not known, because it was not released there by me"
        return Answer(False, f"{where} runs {named(current)}; {since}")
    return Answer(True, f"{where} runs {named(current)} now")


def _same(rollout: Rollout, there: Release) -> bool:
    """The same artifact; the same name, where neither has a digest."""
    if rollout.artifact or there.artifact:
        return rollout.artifact == there.artifact
    return rollout.version == there.version


def named(release: Release) -> str:
    """A version with the start of its digest."""
    if not release.artifact:
        return f"{release.version} (no digest)"
    return f"{release.version} ({release.artifact[:SHOWN]}…)"
