"""What is in the way of a release now, read from everything that can be: one list for everybody.

The check before it begins, the card, the preview and `/release locks` all ask here.
"""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain.holds import (
    HOTFIX,
    Asked,
    Hold,
    HoldKind,
    Outlook,
    opening,
    planned,
    quiet_hours,
    team_hours,
)
from bot.domain.locks import Lock, hold_of
from bot.domain.rollout import Phase, Rollout
from bot.engine.catalogue import Catalogue
from bot.engine.clock import Clock
from bot.store.database import Store
from bot.store.queries import locks, rollouts

_DECODER = msgspec.json.Decoder(Lock)


def load_lock(row: RowMapping) -> Lock:
    """A lock from its row."""
    lock = _DECODER.decode(row["state"])
    return msgspec.structs.replace(lock, revision=row["revision"], fence=row["fence"])


def active_locks(conn: Connection) -> list[Lock]:
    """The locks that are on: a stopped line first, then the oldest."""
    found = [load_lock(row) for row in locks.active(conn)]
    return sorted(found, key=lambda lock: not lock.line)


class Holds:
    """Finds what is in the way. load: a rollout from its row."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        clock: Clock,
        load: Callable[[RowMapping], Rollout],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._load = load

    # --- of a rollout -----------------------------------------------------------------------

    def of(self, conn: Connection, rollout: Rollout, artifact: str) -> Outlook:
        """Everything that is in the way of a rollout. artifact: what its version is now."""
        asked = asked_by(rollout)
        holds = [
            *self._deliberate(conn, asked),
            *_quarantine(conn, rollout, artifact),
            *self._others(conn, rollout),
        ]
        return self._outlook(asked, holds)

    async def of_rollout(self, rollout: Rollout) -> Outlook:
        """The same in a unit of its own, with the artifact that the rollout knows."""
        return await self._store.transact(lambda conn: self.of(conn, rollout, rollout.artifact))

    async def of_asked(self, asked: Asked) -> Outlook:
        """What would be in the way of a release that nobody has asked for yet."""

        def unit(conn: Connection) -> Outlook:
            place = (asked.service, asked.environment)
            live = rollouts.live(conn, *place)
            busy = [] if live is None else [_busy(live)]
            return self._outlook(asked, [*self._deliberate(conn, asked), *busy])

        return await self._store.transact(unit)

    def _outlook(self, asked: Asked, holds: Sequence[Hold]) -> Outlook:
        now = self._clock.now()
        target = self._catalogue.targets.get((asked.service, asked.environment))
        said: list[str] = []
        if target is not None:
            if asked.plan.calendar.low_traffic:
                said.append(quiet_hours(target.low_traffic, now))
            said.append(team_hours(asked.plan.calendar.team, target.team_hours, now))
        advice = "; ".join(filter(None, said))
        asked = self._teamed(asked)
        return Outlook(tuple(holds), opening(asked, self._catalogue.freezes, holds, now), advice)

    def _teamed(self, asked: Asked) -> Asked:
        """With the hours of the service's team."""
        target = self._catalogue.targets.get((asked.service, asked.environment))
        hours = target.team_hours if target is not None else ()
        return msgspec.structs.replace(asked, team=hours)

    def _deliberate(self, conn: Connection, asked: Asked) -> list[Hold]:
        """What people have decided: locks, freezes, the plan's calendar."""
        place = (asked.service, asked.environment)
        now = self._clock.now()
        found = [
            hold_of(lock)
            for lock in active_locks(conn)
            if lock.concerns(*place) and (lock.until is None or now < lock.until)
        ]
        return [*found, *planned(self._teamed(asked), self._catalogue.freezes, now)]

    # --- what other releases cause ----------------------------------------------------------

    def _others(self, conn: Connection, rollout: Rollout) -> list[Hold]:
        place = (rollout.service, rollout.environment)
        live = rollouts.live(conn, *place)
        busy = [_busy(live)] if live is not None and live["id"] != rollout.id else []
        if rollout.phase is not Phase.QUEUED:
            return busy
        before = [each for each in self._queue(conn, rollout) if _before(each, rollout)]
        ready = [each for each in before if not self._held(conn, each)]
        if not ready:
            return busy
        place_in_line = len(ready) + 1
        text = f"waiting behind {ready[-1].version} (number {place_in_line} in the queue)"
        return [*busy, Hold(HoldKind.QUEUE, text, None, ready[-1].id)]

    def _queue(self, conn: Connection, rollout: Rollout) -> list[Rollout]:
        rows = rollouts.in_phase(conn, rollout.service, rollout.environment, Phase.QUEUED.value)
        return [self._load(row) for row in rows if row["id"] != rollout.id]

    def _held(self, conn: Connection, rollout: Rollout) -> bool:
        """One that could not begin anyway keeps nobody behind it waiting."""
        deliberate = self._deliberate(conn, asked_by(rollout))
        return bool(deliberate or _quarantine(conn, rollout, rollout.artifact))

    # --- locks ------------------------------------------------------------------------------

    async def locks(self) -> list[Lock]:
        """The locks that are on."""
        return await self._store.transact(active_locks)

    async def quarantined(self, services: Sequence[str]) -> list[Rollout]:
        """The rollouts of these services whose artifact is in quarantine, oldest first."""

        def unit(conn: Connection) -> list[Rollout]:
            return [
                self._load(row) for each in services for row in rollouts.in_quarantine(conn, each)
            ]

        return await self._store.transact(unit)

    def channels(self, lock: Lock) -> list[str]:
        """Where people are told about a lock: where the cards of its services are.

        A stopped line is said where emergencies are, too.
        """
        targets = self._catalogue.targets.values()
        ours = [t.channel for t in targets if lock.concerns(t.service, t.environment)]
        channels = self._catalogue.channels
        if lock.line:
            ours = [channels.critical, channels.default, *ours]
        return [channel for channel in dict.fromkeys(ours or [channels.default]) if channel]


def asked_by(rollout: Rollout) -> Asked:
    """What a rollout is about."""
    return Asked(
        service=rollout.service,
        environment=rollout.environment,
        plan=rollout.the_plan,
        kind=rollout.type,
        labels=rollout.labels,
        exempt=rollout.type == HOTFIX and bool(rollout.exemption),
        planned_at=rollout.planned_at,
    )


def _before(other: Rollout, rollout: Rollout) -> bool:
    """First in, first out: by when each was signed in full."""
    mine = (rollout.phase_since, rollout.created_at, rollout.id)
    return (other.phase_since, other.created_at, other.id) < mine


def _busy(live: RowMapping) -> Hold:
    text = f"waiting for {live['version_name']} to finish"
    return Hold(HoldKind.TARGET, text, None, live["id"])


def _quarantine(conn: Connection, rollout: Rollout, artifact: str) -> list[Hold]:
    text = quarantine_of(conn, rollout, artifact)
    return [Hold(HoldKind.QUARANTINE, text, None, artifact)] if text else []


def quarantine_of(conn: Connection, rollout: Rollout, artifact: str) -> str:
    """Why an artifact may not be released on a service again, "" when it may."""
    row = rollouts.quarantined(conn, rollout.service, artifact or f"version:{rollout.version}")
    if row is None or row["id"] == rollout.id:
        return ""
    return (
        f"{rollout.version} is in quarantine since it was rolled back "
        f"({row['environment']}); two people have to release it first"
    )
