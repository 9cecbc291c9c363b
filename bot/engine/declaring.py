"""Finding incidents and opening them: what commands and hooks ask for."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from bot.domain.events import HookFired
from bot.domain.incident import Captured, Incident
from bot.domain.incident_terms import Severity
from bot.domain.rollout import Rollout
from bot.engine import transitions
from bot.engine.engine import Engine
from bot.engine.incident_means import Means
from bot.engine.incident_work import NAME
from bot.engine.incidents import IncidentKind, Opened, Opening
from bot.store.queries import incidents as rows
from bot.store.queries import rollouts

LONGEST_TITLE = 150
_LEVELS = {"critical": Severity.CRITICAL, "warning": Severity.MAJOR}


class Incidents:
    """Finds incidents and opens them, for commands and hooks."""

    def __init__(self, engine: Engine, kind: IncidentKind, means: Means) -> None:
        self._engine = engine
        self._kind = kind
        self._opening = Opening(kind, engine.catalogue, means.rules, means.runbooks)
        self.rules = means.rules
        self.runbooks = means.runbooks

    async def declare(self, opened: Opened) -> Incident:
        """Open one; with an id that is there already nothing happens.

        The live release belongs to it, else the one that is named, unless another version is meant.
        """
        now = self._engine.clock.now()

        def unit(conn: Connection) -> Incident:
            return self._opening.create(conn, opened, now, self._release_of(conn, opened))

        made = await self._engine.store.transact(unit)
        self._engine.changed()
        return made

    def _release_of(self, conn: Connection, opened: Opened) -> Rollout | None:
        place = (opened.service, opened.environment)
        live = rollouts.live(conn, *place)
        found = [self._engine.rollouts.load(live)] if live is not None else []
        if opened.rollout_id:
            found.append(transitions.load(conn, self._engine.rollouts, opened.rollout_id))
        for each in found:
            here = (each.service, each.environment) == place
            if here and opened.version in {"", each.version}:
                return each
        return None

    async def alarmed(self, service: str, environment: str, fired: HookFired) -> None:
        """An alert began or is over: it may open an incident, and is told in the one it opened."""
        if fired.level not in self.rules.alerts or fired.at is None:
            return
        found = await self._engine.store.transact(
            lambda conn: rows.of_alert(conn, service, environment, fired.id)
        )
        word = "fires" if fired.open else "is over"
        text = f"The alert {fired.name} {word}" + (f": {fired.detail}" if fired.detail else "")
        now = self._engine.clock.now()
        for id_ in found:
            once = f"alert:{fired.at.isoformat()}:{fired.open}"
            await self._engine.apply(id_, Captured(text, now), kind=NAME, once=once)
        if fired.open and not found:
            await self.declare(_of_alert(service, environment, fired, fired.at))

    async def find(self, id_: str) -> Incident | None:
        """The incident with this id, None when there is none."""

        def unit(conn: Connection) -> Incident | None:
            try:
                return transitions.load(conn, self._kind, id_)
            except transitions.NotFoundError:
                return None

        return await self._engine.store.transact(unit)

    async def unfinished(self, services: Sequence[str]) -> list[Incident]:
        """Those of these services about which something is left to do, oldest first."""
        found = await self._engine.store.transact(lambda conn: rows.unfinished(conn, services))
        return [self._kind.load(row) for row in found]

    async def recent(self, services: Sequence[str], limit: int = rows.LATELY) -> list[Incident]:
        """The newest of these services, over or not, newest first."""
        found = await self._engine.store.transact(lambda conn: rows.recent(conn, services, limit))
        return [self._kind.load(row) for row in found]


def _of_alert(service: str, environment: str, fired: HookFired, at: datetime) -> Opened:
    """The incident that an alert opens; the same alert has the same id however often it comes."""
    name = f"{service}\n{environment}\n{fired.id}\n{at.isoformat()}"
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest())
    title = f"{fired.name}: {fired.detail}" if fired.detail else fired.name
    return Opened(
        id=f"a{digest[:7].decode().lower()}",
        service=service,
        environment=environment,
        title=title[:LONGEST_TITLE],
        severity=_LEVELS.get(fired.level, Severity.MINOR),
        began_at=at,
        origin="alert",
        about=fired.id,
    )
