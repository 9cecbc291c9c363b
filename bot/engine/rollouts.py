"""The rollout as a kind of aggregate: its columns, its pinned plan, and the ways of its effects."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain.aftermath import Following
from bot.domain.announcements import DraftNotice
from bot.domain.approvals import Request
from bot.domain.bygone import ReadPast
from bot.domain.decisions import decide
from bot.domain.duties import EndDuties, StartDuty
from bot.domain.events import (
    AskSigners,
    CheckExecution,
    CheckFailed,
    ExecutionChecked,
    Measured,
    PostThread,
    Prepare,
    Promote,
    RefreshHomes,
    RenderCard,
    Retire,
    RolloutEffect,
    RolloutEvent,
    SetTraffic,
    SwitchBack,
    Ticked,
)
from bot.domain.hold_events import HoldsSeen
from bot.domain.plan import PLAN_SCHEMA, Plan, canonical
from bot.domain.response import BeginResponse, ResponseNews
from bot.domain.rollout import Phase, Rollout
from bot.engine.kinds import Kind, Route, Subject, understood
from bot.store.queries import rollouts
from bot.store.queries.outbox import DEPLOY
from bot.store.tables import rollout as rollout_table

NAME = "rollout"


class UnderWayError(Exception):
    """The same version is on its way to the same place already: its id, and how far it is."""

    def __init__(self, id_: str, phase: str) -> None:
        super().__init__(f"{id_} is {phase}")
        self.id = id_
        self.phase = phase


Compile = Callable[[Mapping[str, Any]], Plan]
"""Makes a plan of its document."""

RolloutKind = Kind[Rollout, Any]

CARD_PACE = timedelta(seconds=1)
"""The shortest time between two edits of a card."""

_OPERATIONS: Mapping[type, str] = {
    Prepare: "prepare",
    SetTraffic: "shift",
    Promote: "promote",
    Retire: "retire",
    SwitchBack: "rollback",
}

_QUIET = (RenderCard, RefreshHomes)

Follow = Callable[[Connection, Rollout, Rollout, datetime], None]
"""What happens to others when a rollout was written: see `Kind.follow`."""


def _alone(*_: Any) -> None:
    return None


def rollout_kind(
    compile_plan: Compile,
    *,
    card_pace: timedelta = CARD_PACE,
    schema: int = PLAN_SCHEMA,
    follow: Follow = _alone,
) -> RolloutKind:
    """The kind of rollouts. Plans are compiled once per digest.

    schema: which version of the plan format the rollouts made here are in. follow: see `Kind`.
    """
    return Kind(
        name=NAME,
        table=rollout_table,
        decide=decide,
        load=Loader(compile_plan, schema),
        dump=_dump,
        subject=_subject,
        effects=msgspec.json.Decoder(RolloutEffect | Following | ReadPast),
        route=lambda rollout, effect: _route(rollout, effect, card_pace),
        columns=_columns,
        pinned=_pinned,
        requests=_requests,
        schema=lambda _rollout: schema,
        newest=schema,
        routine=_routine,
        follow=follow,
        admit=_admit,
    )


def _admit(conn: Connection, rollout: Rollout) -> None:
    """Two who ask for a version in the same moment both saw that nobody had: one of them begins."""
    place = (rollout.service, rollout.environment)
    there = rollouts.same(conn, *place, rollout.version, besides=rollout.id)
    if there is not None:
        raise UnderWayError(there["id"], there["phase"])


class PinnedPlans:
    """The plans that rows were pinned with, each compiled once; many rows share one."""

    def __init__(self, compile_plan: Compile) -> None:
        self._compile = compile_plan
        self._plans: dict[str, Plan] = {}

    def of(self, row: RowMapping) -> Plan:
        """Raises what compiling the pinned plan raises."""
        plan = self._plans.get(row["plan_digest"])
        if plan is None:
            plan = self._compile(msgspec.json.decode(row["plan"]))
            self._plans[row["plan_digest"]] = plan
        return plan


class Loader:
    """From a row to a rollout with its plan."""

    def __init__(self, compile_plan: Compile, newest: int = PLAN_SCHEMA) -> None:
        self._plans = PinnedPlans(compile_plan)
        self._newest = newest
        self._decoder = msgspec.json.Decoder(Rollout)

    def __call__(self, row: RowMapping) -> Rollout:
        """Raises NewerRowError, and what compiling the pinned plan raises."""
        understood(row, NAME, self._newest)
        return msgspec.structs.replace(
            self._decoder.decode(row["state"]),
            plan=self._plans.of(row),
            revision=row["revision"],
            fence=row["fence"],
        )


def place_of(rollout: Rollout) -> str:
    """service:environment."""
    return f"{rollout.service}:{rollout.environment}"


def banned(rollout: Rollout) -> str:
    """What a quarantine is about: the artifact, or the name where there is no digest."""
    return rollout.artifact or f"version:{rollout.version}"


def _dump(rollout: Rollout) -> str:
    return msgspec.json.encode(msgspec.structs.replace(rollout, plan=None)).decode()


def _subject(rollout: Rollout) -> Subject:
    return Subject(rollout.phase.value, rollout.service, rollout.environment)


def _pinned(rollout: Rollout) -> Mapping[str, Any]:
    plan = rollout.the_plan
    return {
        "service": rollout.service,
        "environment": rollout.environment,
        "version_name": rollout.version,
        "plan_digest": plan.digest,
        "plan": canonical(plan.document).decode(),
    }


def _columns(rollout: Rollout) -> Mapping[str, Any]:
    return {
        "live": rollout.live,
        "awaiting": _awaiting(rollout),
        "quarantined_artifact": banned(rollout) if rollout.quarantined else None,
    }


def _awaiting(rollout: Rollout) -> bool:
    return rollout.phase is Phase.AWAITING_APPROVAL or rollout.rollback_request is not None


def _requests(rollout: Rollout) -> Mapping[str, Request]:
    asked = {"release": rollout.request, "rollback": rollout.rollback_request}
    return {purpose: request for purpose, request in asked.items() if request is not None}


def _routine(before: Rollout, event: RolloutEvent, after: Rollout, effects: Sequence[Any]) -> bool:
    """A look that led to nothing but a newer card is no news for the audit."""
    quiet = all(isinstance(effect, (*_QUIET, CheckExecution)) for effect in effects)
    if isinstance(event, ExecutionChecked | CheckFailed) and before.reason != after.reason:
        return False
    looks = isinstance(event, Measured | Ticked | ExecutionChecked | CheckFailed | HoldsSeen)
    return looks and before.phase is after.phase and quiet


def _route(rollout: Rollout, effect: Any, pace: timedelta) -> Route:
    operation = _OPERATIONS.get(type(effect), "")
    if operation:
        return Route(DEPLOY, f"deploy:{place_of(rollout)}", change=operation)
    match effect:
        case RenderCard():
            return Route("chat", f"card:{rollout.id}", latest=True, pace=pace)
        case PostThread():
            return Route("chat", f"thread:{rollout.id}")
        case AskSigners():
            # After an outage people are asked once, not once for every reminder that was due.
            return Route("work", f"ask:{rollout.id}:{effect.purpose}", latest=True)
        case StartDuty() | EndDuties() | BeginResponse() | ResponseNews() | DraftNotice():
            # What ends something comes after what begins it.
            return Route("work", f"following:{rollout.id}")
        case CheckExecution():
            # One that never came to its end leaves nothing behind but the next one.
            return Route("work", f"check:{rollout.id}", latest=True)
        case RefreshHomes():
            return Route("chat", "home", latest=True, pace=pace)
        case _:
            return Route("work")
