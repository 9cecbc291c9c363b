"""Locks: a person says that nothing begins on a service, or anywhere, until it is taken back.

A stopped line is a lock on everything that also holds what is under way. Who holds a role may set
one alone: stopping needs nobody's leave. Lifting one lets traffic rise, so it takes the one who set
it, or a role that is known for certain now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.holds import Hold, HoldKind, moment
from bot.domain.people import Actor

ALL = "everything"

AGAIN = timedelta(seconds=10)
"""How often a stopped line is swept: what was let through at the last moment stands still too."""

LOCKED = "locked"
LIFTED = "lifted"
EXPIRED = "expired"


class Lock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing begins on its target.

    service, environment: "" for all of them. line: what is under way stands still as well. until:
    when it ends by itself, None: never. next_check_at: when the tick looks at it.
    """

    id: str
    reason: str
    set_by: Actor
    created_at: datetime
    service: str = ""
    environment: str = ""
    line: bool = False
    until: datetime | None = None
    phase: str = LOCKED
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
    fence: int = 0

    @property
    def on(self) -> bool:
        return self.phase == LOCKED

    def concerns(self, service: str, environment: str) -> bool:
        """Whether it is about a target."""
        return self.service in {"", service} and self.environment in {"", environment}

    @property
    def place(self) -> str:
        """What is locked, in words."""
        return " ".join(part for part in (self.service or ALL, self.environment) if part)


# --- events ---------------------------------------------------------------------------------


class LockEvent(msgspec.Struct, frozen=True, tag=True):
    """Something that happened to a lock."""


class LockLifted(LockEvent, frozen=True):
    """Somebody takes it off again."""

    actor: Actor
    reason: str = ""


class LockLooked(LockEvent, frozen=True):
    """`next_check_at` has come."""


AnyLockEvent = LockLifted | LockLooked


# --- effects --------------------------------------------------------------------------------


class LockEffect(msgspec.Struct, frozen=True, tag=True):
    """Something to be done because of a lock."""


class Announce(LockEffect, frozen=True):
    """Say it in the channels of everything that is concerned."""

    text: str


class Spread(LockEffect, frozen=True):
    """Let the releases know that are concerned: what waits looks again, a stopped line stands."""

    actor: Actor


AnyLockEffect = Announce | Spread

Decision = tuple[Lock, Sequence[AnyLockEffect]]


# --- decisions ------------------------------------------------------------------------------


def refusal_to_set(actor: Actor) -> str | None:
    """Why somebody may not set a lock, None: they may. The last known roles are enough."""
    if actor.roles:
        return None
    return (
        "You hold no role that may stop releases. Pausing one is open to everybody: "
        "`/release pause`. Roles are listed under `roles:` in the bot's configuration."
    )


def refusal_to_lift(lock: Lock, actor: Actor) -> str | None:
    """Why somebody may not lift a lock, None: they may."""
    if actor.roles_stale:
        return (
            "Nobody can lift a lock right now: Slack doesn't say who holds which role. "
            "Try again in a minute."
        )
    if actor.roles or actor.person == lock.set_by.person:
        return None
    return f"You hold no role, and this was set by @[{lock.set_by.person}]. Ask them, or a role."


def begin(lock: Lock) -> Decision:
    """A lock that was just set, and what follows."""
    if lock.line:
        text = f"The line is stopped by @[{lock.set_by.person}]: {lock.reason}."
        rest = "Nothing begins and nothing rises; what is under way is paused. Rollbacks work."
        said = f"{text} {rest}"
    else:
        text = f"@[{lock.set_by.person}] locked {lock.place}{_end(lock)}: {lock.reason}."
        said = f"{text} Nothing new begins there; what is under way goes on."
    check = lock.created_at + AGAIN if lock.line else lock.until
    first = msgspec.structs.replace(lock, next_check_at=check)
    return first, (Spread(lock.set_by), Announce(said))


def decide(lock: Lock, event: AnyLockEvent, now: datetime) -> Decision:
    """The lock after an event. What has ended stays as it is."""
    if not lock.on:
        return lock, ()
    match event:
        case LockLifted():
            if refusal_to_lift(lock, event.actor) is not None:
                return lock, ()
            why = f": {event.reason}." if event.reason else "."
            who = f"@[{event.actor.person}]"
            said = f"{who} started the line again{why}" if lock.line else None
            said = said or f"{who} unlocked {lock.place}{why}"
            return _over(lock, LIFTED, now, event.actor, said)
        case LockLooked() if lock.line:
            swept = msgspec.structs.replace(lock, next_check_at=now + AGAIN)
            return swept, (Spread(lock.set_by),)
        case LockLooked():
            if lock.until is None or now < lock.until:
                return lock, ()
            said = f"The lock on {lock.place} has expired ({lock.reason})."
            return _over(lock, EXPIRED, now, lock.set_by, said)


def _over(lock: Lock, phase: str, now: datetime, by: Actor, said: str) -> Decision:
    ended = msgspec.structs.replace(lock, phase=phase, ended_at=now, next_check_at=None)
    return ended, (Spread(by), Announce(f"{said} {_rest(lock)}"))


def _rest(lock: Lock) -> str:
    if lock.line:
        return "What waits begins when it may; what was paused waits for somebody to resume it."
    return "What waits begins when it may."


def _end(lock: Lock) -> str:
    return f" until {moment(lock.until)}" if lock.until is not None else ""


# --- in words -------------------------------------------------------------------------------


def stopped_words(lock: Lock) -> str:
    """Why the line stands, without a full stop."""
    return f"The line is stopped by @[{lock.set_by.person}]: {lock.reason}"


def hold_of(lock: Lock) -> Hold:
    """A lock as something that is in the way."""
    if lock.line:
        since = f", since {moment(lock.created_at)}"
        text = f"the line is stopped by @[{lock.set_by.person}]{since}: {lock.reason}"
        return Hold(HoldKind.STOP, text, None, lock.id)
    text = f"{lock.place} is locked by @[{lock.set_by.person}]{_end(lock)}: {lock.reason}"
    return Hold(HoldKind.LOCK, text, lock.until, lock.id)
