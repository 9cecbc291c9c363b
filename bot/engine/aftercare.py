"""Releases after 100 %, as a kind of aggregate: how they are begun, looked at, and spoken of.

An aftercare follows its rollout in the same unit of work: it begins when the rollout completes, and
is closed when that is taken back, or when another one completes on the same target.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain.after_state import Aftercare, Looked, Superseded, TakenBack
from bot.domain.after_words import waits_for
from bot.domain.aftercare import begin, decide, quiet
from bot.domain.approvals import Request
from bot.domain.events import AskSigners, PostThread, RefreshHomes, RenderCard
from bot.domain.plan import canonical
from bot.domain.rollout import Phase, Rollout
from bot.engine import transitions
from bot.engine.aftercare_work import (
    NAME,
    AftercareEffect,
    AftercareLook,
    AftercarePerformer,
    AftercarePresenter,
    card_key,
)
from bot.engine.engine import Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.presenting import Errand
from bot.engine.rollouts import CARD_PACE, Compile, PinnedPlans
from bot.ports import Posted
from bot.store.database import Store
from bot.store.queries import aftercares, records
from bot.store.tables import aftercare as table

AftercareKind = Kind[Aftercare, Any]


def parts(tools: Tools, presenter: AftercarePresenter) -> Sequence[Part]:
    """The part of an engine that carries releases on after 100 %."""
    kind = aftercare_kind(tools.compile_plan)
    performer = AftercarePerformer(tools, presenter)
    return (
        Part(
            kind,
            performer,
            AftercareLook(tools),
            follow=Follower(kind).follow,
            errands=Waiting(kind).errands,
        ),
    )


# --- the kind -------------------------------------------------------------------------------


def aftercare_kind(compile_plan: Compile) -> AftercareKind:
    """The kind of aftercares. Plans are compiled once per digest."""
    return Kind(
        name=NAME,
        table=table,
        decide=decide,
        load=_Loader(compile_plan),
        dump=lambda care: msgspec.json.encode(msgspec.structs.replace(care, plan=None)).decode(),
        subject=lambda care: Subject(care.phase.value, care.service, care.environment),
        effects=msgspec.json.Decoder(AftercareEffect),
        route=_route,
        columns=lambda care: {"live": not care.ended},
        pinned=_pinned,
        requests=_requests,
        routine=_routine,
    )


class _Loader:
    """From a row to an aftercare with its plan."""

    def __init__(self, compile_plan: Compile) -> None:
        self._plans = PinnedPlans(compile_plan)
        self._decoder = msgspec.json.Decoder(Aftercare)

    def __call__(self, row: RowMapping) -> Aftercare:
        """Raises what compiling the pinned plan raises."""
        plan = self._plans.of(row)
        care = self._decoder.decode(row["state"])
        revision, fence = row["revision"], row["fence"]
        return msgspec.structs.replace(care, plan=plan, revision=revision, fence=fence)


def _pinned(care: Aftercare) -> Mapping[str, Any]:
    plan = care.the_plan
    return {
        "service": care.service,
        "environment": care.environment,
        "version_name": care.version,
        "plan_digest": plan.digest,
        "plan": canonical(plan.document).decode(),
    }


def _requests(care: Aftercare) -> Mapping[str, Request]:
    return care.requests


def _routine(before: Aftercare, event: Any, after: Aftercare, effects: Sequence[Any]) -> bool:
    """A look that led to nothing but a newer card is no news for the audit."""
    looked = isinstance(event, Looked) and before.phase is after.phase
    return looked and before.done == after.done and quiet(tuple(effects))


def _route(care: Aftercare, effect: Any) -> Route:
    match effect:
        case RenderCard():
            return Route("chat", f"card:{NAME}:{care.id}", latest=True, pace=CARD_PACE)
        case PostThread():
            return Route("chat", f"thread:{NAME}:{care.id}")
        case AskSigners():
            # After an outage people are asked once, not once for every reminder that was due.
            return Route("work", f"ask:{NAME}:{care.id}:{effect.purpose}", latest=True)
        case RefreshHomes():
            return Route("chat", "home", latest=True, pace=CARD_PACE)
        case _:
            return Route("work")


# --- following the rollout ------------------------------------------------------------------


class Follower:
    """Begins and closes aftercares when a rollout was written, in the same unit of work."""

    def __init__(self, kind: AftercareKind) -> None:
        self._kind = kind

    def follow(self, conn: Connection, before: Rollout, after: Rollout, now: datetime) -> None:
        """See `Kind.follow`."""
        if before.phase is after.phase:
            return
        if after.phase is Phase.COMPLETED:
            self._completed(conn, after, now)
        elif before.phase is Phase.COMPLETED:
            text = f"It is being taken back: {after.rollback_reason or after.reason}"
            self._end(conn, after.id, TakenBack(text), now)

    def _completed(self, conn: Connection, rollout: Rollout, now: datetime) -> None:
        older = aftercares.live(conn, rollout.service, rollout.environment)
        if older is not None and older["id"] != rollout.id:
            self._end(conn, older["id"], Superseded(rollout.version), now)
        begun = begin(rollout, now)
        if begun is not None:
            care, effects = begun
            transitions.create(conn, self._kind, care, effects, now)

    def _end(
        self, conn: Connection, id_: str, event: Superseded | TakenBack, now: datetime
    ) -> None:
        if aftercares.exists(conn, id_):
            transitions.apply(conn, self._kind, id_, event, now)


class Waiting:
    """What waits for people, for their Home tabs."""

    def __init__(self, kind: AftercareKind) -> None:
        self._kind = kind

    def errands(self, conn: Connection, roles: Collection[str]) -> Sequence[Errand]:
        """See `Part`."""
        found = []
        for row in aftercares.unfinished(conn):
            care = self._kind.load(row)
            lines = waits_for(care, roles)
            sent = records.sent(conn, card_key(care.id)) if lines else None
            if lines:
                title = f"{care.service} {care.version} after release"
                card = Posted(sent.channel, sent.ts) if sent is not None else None
                found.append(Errand(title, lines, card))
        return found


# --- finding --------------------------------------------------------------------------------


class Aftercares:
    """Finds aftercares, for commands and pages: reads only, one short unit of work each."""

    def __init__(self, store: Store, kind: AftercareKind) -> None:
        self._store = store
        self._kind = kind

    async def find(self, id_: str) -> Aftercare | None:
        """The aftercare of the rollout with this id, None when there is none."""

        def unit(conn: Connection) -> Aftercare | None:
            try:
                return transitions.load(conn, self._kind, id_)
            except transitions.NotFoundError:
                return None

        return await self._store.transact(unit)

    async def open(self, services: Sequence[str]) -> list[Aftercare]:
        """The aftercares of these services that are not over, oldest first."""
        rows = await self._store.transact(lambda conn: aftercares.unfinished(conn, services))
        return [self._kind.load(row) for row in rows]

    async def newest(self, services: Sequence[str]) -> list[Aftercare]:
        """Of each target of these services the newest one, over or not."""
        rows = await self._store.transact(lambda conn: aftercares.recent(conn, services))
        found: dict[tuple[str, str], Aftercare] = {}
        for row in rows:
            found.setdefault((row["service"], row["environment"]), self._kind.load(row))
        return list(found.values())
