"""Changes at a target: each effect that moves traffic, turned into one call of the deployer."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.domain.audience import Routing, routing
from bot.domain.events import (
    Prepare,
    Prepared,
    Promote,
    Promoted,
    Retire,
    Retired,
    Seen,
    SetTraffic,
    SwitchBack,
    SwitchedBack,
    WaveApplied,
)
from bot.domain.rollout import Rollout
from bot.engine.catalogue import Catalogue, ServiceTarget, UnknownTargetError
from bot.engine.clock import Clock
from bot.engine.outbox import Work
from bot.ports import (
    Observation,
    Op,
    PermanentError,
    Release,
    StaleOpError,
    Target,
    TemporaryError,
)
from bot.store.database import Store
from bot.store.queries import ops

log = logging.getLogger(__name__)

ALL_BUT_NOTHING = 99.5
"""Percent of the traffic that counts as all of it."""


def seen_in(observation: Observation) -> Seen:
    """What a decision needs of an observation."""
    candidate = observation.candidate
    sides = [side for side in (observation.current, candidate) if side is not None]
    return Seen(
        current=observation.current.release.version,
        candidate=candidate.release.version if candidate else "",
        weight=candidate.weight if candidate else 0.0,
        ready=all(side.ready for side in sides),
        uniform=observation.uniform,
        detail=observation.detail,
        current_artifact=observation.current.release.artifact,
    )


def place_of(catalogue: Catalogue, rollout: Rollout) -> ServiceTarget:
    """Where a rollout goes. Raises PermanentError when that is no longer configured."""
    try:
        return catalogue.target(rollout.service, rollout.environment)
    except UnknownTargetError as error:
        raise PermanentError(str(error)) from error


class Changes:
    """Performs the effects of `DEPLOYER_EFFECTS`."""

    def __init__(self, store: Store, catalogue: Catalogue, clock: Clock) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock

    def now(self) -> datetime:
        """The present instant."""
        return self._clock.now()

    async def observe(self, place: ServiceTarget) -> Observation:
        """What runs now. Our numbers go on above what the target has seen."""
        observation = await place.deployer.observe(place.target)
        if observation.seq:
            target = place.target
            await self._store.transact(
                lambda conn: _keep_above(conn, target.service, target.environment, observation.seq)
            )
        return observation

    async def perform(self, work: Work) -> Sequence[Any]:
        """Make the change; the event says what was read back."""
        place = place_of(self._catalogue, work.aggregate)
        key, deployer, target = work.row.key, place.deployer, place.target
        op = await self._op(key, work.aggregate.the_plan.drain, routing(work.aggregate))
        effect = work.effect
        release = Release(effect.version, effect.artifact)
        match effect:
            case Prepare():
                return (Prepared(key, seen_in(await deployer.prepare(target, release, op))),)
            case SetTraffic():
                found = await deployer.shift(target, release, effect.weight, op, effect.instances)
                return (WaveApplied(key, seen_in(found)),)
            case Promote():
                return (Promoted(key, seen_in(await deployer.promote(target, release, op))),)
            case Retire():
                await deployer.retire(target, release, op)
                return (Retired(key),)
            case SwitchBack():
                return (SwitchedBack(key, seen_in(await self._switch_back(place, release, op))),)
            case _:
                raise PermanentError(f"{type(effect).__name__} is not a change at a target")

    async def _op(self, key: str, drain: timedelta, by: Routing) -> Op:
        change = await self._store.transact(lambda conn: ops.find(conn, key))
        if change is None:
            raise PermanentError(f"change {key} has no number")
        return Op(key, change.seq, drain, by)

    async def _switch_back(self, place: ServiceTarget, release: Release, op: Op) -> Observation:
        """All traffic to `release`, which is installed again first if it is gone."""
        try:
            if not await self._installed(place, release):
                await self._install_again(place, release, op)
            found = await place.deployer.rollback(place.target, release, op)
        except StaleOpError as error:
            await self._renumber(place, op, error)
            raise TemporaryError(f"it is sent again under a newer number ({error})") from error
        share = _share(found, release.version)
        if share < ALL_BUT_NOTHING:
            raise TemporaryError(f"{release.version} has only {share:g} % of the traffic so far")
        return found

    async def _installed(self, place: ServiceTarget, release: Release) -> bool:
        try:
            found = await self.observe(place)
        except TemporaryError as error:
            # Not knowing is no reason to wait: the traffic is sent back at once.
            log.warning("rollback of %s without a look first: %s", place.target, error)
            return True
        sides = (found.current, found.candidate)
        return any(side is not None and side.release.version == release.version for side in sides)

    async def _install_again(self, place: ServiceTarget, release: Release, op: Op) -> None:
        first, now = f"{op.key}:prepare", self._clock.now()
        change = await self._store.transact(
            lambda conn: ops.plan_first(conn, op.key, first, "prepare", now)
        )
        await place.deployer.prepare(place.target, release, Op(first, change.seq, op.drain))
        await self._store.transact(lambda conn: ops.mark(conn, [first], "done", now))

    async def _renumber(self, place: ServiceTarget, op: Op, error: StaleOpError) -> None:
        """Nothing is newer than a running rollback: the target has merely counted further."""
        seen = await _seq_at(place, place.target)
        log.warning("%s has seen number %s already (%s)", place.target, seen, error)
        await self._store.transact(lambda conn: ops.renumber(conn, op.key, seen))


async def _seq_at(place: ServiceTarget, target: Target) -> int:
    return (await place.deployer.observe(target)).seq


def _share(found: Observation, version: str) -> float:
    sides = [side for side in (found.current, found.candidate) if side is not None]
    return sum(side.weight for side in sides if side.release.version == version)


def _keep_above(conn: Connection, service: str, environment: str, seq: int) -> None:
    ops.raise_to(conn, service, environment, seq)
