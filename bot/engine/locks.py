"""Locks as a kind of aggregate: their rows, who does what follows from them, and their expiry."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from bot.domain.events import Ticked
from bot.domain.hold_events import HoldsSeen, LineStarted, LineStopped
from bot.domain.locks import (
    Announce,
    AnyLockEffect,
    Lock,
    LockLooked,
    Spread,
    decide,
    stopped_words,
)
from bot.domain.people import Actor
from bot.domain.rollout import Phase, Rollout
from bot.engine import transitions
from bot.engine.clock import Clock
from bot.engine.delivery import Delivery
from bot.engine.holds import Holds, active_locks, load_lock
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.outbox import Patience, Work
from bot.engine.presenting import Presenter
from bot.engine.rollouts import RolloutKind
from bot.ports import PermanentError
from bot.store.database import Store
from bot.store.queries import rollouts
from bot.store.tables import lock as lock_table

NAME = "lock"

LockKind = Kind[Lock, Any]


def lock_kind() -> LockKind:
    """The kind of locks."""
    return Kind(
        name=NAME,
        table=lock_table,
        decide=decide,
        load=load_lock,
        dump=lambda lock: msgspec.json.encode(lock).decode(),
        subject=lambda lock: Subject(lock.phase, lock.service, lock.environment),
        effects=msgspec.json.Decoder(AnyLockEffect),
        route=lambda _lock, effect: _route(effect),
        routine=_routine,
        columns=lambda lock: {
            "service": lock.service,
            "environment": lock.environment,
            "line": lock.line,
        },
    )


def _routine(before: Lock, event: Any, after: Lock, _effects: Sequence[Any]) -> bool:
    return isinstance(event, LockLooked) and before.phase == after.phase


def _route(effect: AnyLockEffect) -> Route:
    # One stream for all locks: what is said about stopping and starting comes in that order.
    return Route("chat", "locks") if isinstance(effect, Announce) else Route("work", "locks:spread")


class LockLook:
    """Looks at a lock whose end has come; implements `bot.engine.loops.Looker`."""

    async def look(self, _lock: Lock) -> LockLooked:
        return LockLooked()

    def failed(self, _lock: Lock, _reason: str) -> LockLooked:
        return LockLooked()

    def looked(self, _lock: Lock) -> None:
        """Nothing is kept between looks."""


class LockPerformer:
    """Does the effects of locks; implements `bot.engine.outbox.Performer`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        delivery: Delivery,
        presenter: Presenter,
        holds: Holds,
        kind: RolloutKind,
    ) -> None:
        self._store = store
        self._clock = clock
        self._delivery = delivery
        self._presenter = presenter
        self._holds = holds
        self._kind = kind

    async def perform(self, work: Work) -> Sequence[Any]:
        effect: AnyLockEffect = work.effect
        match effect:
            case Spread():
                await self._spread(work.aggregate, effect.actor)
            case Announce():
                await self._announce(work, effect.text)
        return ()

    async def _announce(self, work: Work, text: str) -> None:
        """In every channel that is concerned; one that can't be written to stops no other."""
        lock: Lock = work.aggregate
        refused: PermanentError | None = None
        channels = self._holds.channels(lock)
        for channel in channels:
            try:
                message = self._presenter.notice(text, channel)
                key = f"{work.row.key}:{channel}"
                await self._delivery.post(message, key, NAME, work, look=work.row.look_first)
            except PermanentError as error:
                refused = error
                channels.remove(channel)
        if refused is not None and not channels:
            raise refused

    async def _spread(self, lock: Lock, actor: Actor) -> None:
        """Each release in a unit of its own, on the state of that moment."""
        for id_ in await self._store.transact(lambda conn: self._concerned(conn, lock)):
            await self._store.transact(lambda conn, id_=id_: self._tell(conn, id_, actor))  # type: ignore[misc]

    def _concerned(self, conn: Connection, lock: Lock) -> list[str]:
        rows = rollouts.unfinished(conn, lock.service, lock.environment)
        return [row["id"] for row in rows]

    def _tell(self, conn: Connection, id_: str, actor: Actor) -> None:
        rollout = transitions.load(conn, self._kind, id_, lock=True)
        event = self._event(conn, rollout, actor)
        if event is not None:
            transitions.apply(conn, self._kind, id_, event, self._clock.now())

    def _event(self, conn: Connection, rollout: Rollout, actor: Actor) -> Any | None:
        match rollout.phase:
            case Phase.PREFLIGHT:
                return None  # it looks for itself in a moment
            case Phase.QUEUED:
                return Ticked()
            case Phase.AWAITING_APPROVAL:
                outlook = self._holds.of(conn, rollout, rollout.artifact)
                return HoldsSeen(outlook.holds, outlook.opens_at)
            case _:
                stop = next((lock for lock in active_locks(conn) if lock.line), None)
                if stop is None:
                    return LineStarted(actor)
                return LineStopped(stop.set_by, stopped_words(stop))

    def patience(self, work: Work) -> Patience:
        if isinstance(work.effect, Spread):
            return Patience(limit=None, cap=timedelta(seconds=5))
        return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def alarm(self, _work: Work, _reason: str) -> Any | None:
        return None
