"""The only writer of an aggregate.

One unit of work: lock and load the row, decide, write it if nobody else has, and put down in the
same unit what was signed, what is to be done outside, and the audit entry. Nothing here talks to
the network.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bot.domain.people import THE_BOT, Actor
from bot.engine.kinds import A, AnyKind, E, Kind, Route, understood
from bot.store.queries import aggregates, approvals, audit, ops, outbox


class NotFoundError(LookupError):
    """There is no aggregate with this id."""


class StaleWriteError(Exception):
    """Somebody else has written, or taken over, since this writer looked."""


class TargetBusyError(Exception):
    """Another rollout holds this target; the database does not admit a second one."""


class Created(msgspec.Struct, frozen=True, tag=True):
    """The first audit entry of an aggregate."""

    actor: Actor
    detail: dict[str, Any] = {}


class Applied(msgspec.Struct, Generic[A], frozen=True):
    """What an event led to. changed: anything was written. effects: what is to be done."""

    before: A
    after: A
    changed: bool
    effects: Sequence[Any] = ()


def load(conn: Connection, kind: Kind[A, E], id_: str, *, lock: bool = False) -> A:
    """The aggregate as it stands. lock: nobody changes it until the unit ends.

    Raises NotFoundError, NewerRowError.
    """
    row = aggregates.fetch(conn, kind.table, id_, lock=lock)
    if row is None:
        raise NotFoundError(f"there is no {kind.name} {id_}")
    return kind.load(understood(row, kind.name, kind.newest))


def create(
    conn: Connection,
    kind: Kind[A, E],
    aggregate: A,
    effects: Sequence[Any],
    now: datetime,
    *,
    actor: Actor = THE_BOT,
    detail: Mapping[str, Any] | None = None,
) -> Applied[A]:
    """Begin an aggregate (revision 1). Doing it again with the same id changes nothing.

    detail: for the audit. Raises TargetBusyError, and what `Kind.admit` raises.
    """
    first = _with(aggregate, revision=1, fence=aggregate.fence)
    values = {
        "id": first.id,
        "created_at": first.created_at,
        **kind.pinned(first),
        **_columns(kind, first),
    }
    try:
        added = aggregates.add(conn, kind.table, values)
    except IntegrityError as error:
        raise TargetBusyError(_busy(kind, first)) from error
    if not added:
        there = load(conn, kind, first.id)
        return Applied(there, there, changed=False)
    kind.admit(conn, first)
    owner = approvals.Owner(kind.name, first.id)
    approvals.follow(conn, owner, {}, kind.requests(first), now)
    _send(conn, kind, first, effects, now)
    _record(conn, kind, None, Created(actor, dict(detail or {})), first, now)
    return Applied(first, first, changed=True, effects=effects)


def apply(
    conn: Connection,
    kind: Kind[A, E],
    id_: str,
    event: E,
    now: datetime,
    *,
    fence: int | None = None,
) -> Applied[A]:
    """Let an event happen to an aggregate.

    fence: what the writer knew when it looked; a newer one means that it was overtaken.
    Raises NotFoundError, StaleWriteError, TargetBusyError.
    """
    before = load(conn, kind, id_, lock=True)
    if fence is not None and before.fence != fence:
        raise StaleWriteError(
            f"{kind.name} {id_} was taken over (fence {before.fence}, not {fence})"
        )
    decided, effects = kind.decide(before, event, now)
    if decided == before and not effects:
        return Applied(before, before, changed=False)
    after = _with(decided, revision=before.revision + 1, fence=decided.fence)
    write(conn, kind, before, after)
    owner = approvals.Owner(kind.name, id_)
    approvals.follow(conn, owner, kind.requests(before), kind.requests(after), now)
    if after.fence > before.fence:
        _take_back(conn, kind, after, effects, now)
    _send(conn, kind, after, effects, now)
    kind.follow(conn, before, after, now)
    if not kind.routine(before, event, after, effects):
        _record(conn, kind, before, event, after, now)
    return Applied(before, after, changed=True, effects=effects)


def write(conn: Connection, kind: Kind[A, E], before: A, after: A) -> None:
    """Replace `before` by `after` in the row, if that is what the row still holds.

    Raises StaleWriteError, TargetBusyError.
    """
    guard = {"revision": before.revision, "fence": before.fence}
    try:
        written = aggregates.replace(conn, kind.table, after.id, _columns(kind, after), **guard)
    except IntegrityError as error:
        raise TargetBusyError(_busy(kind, after)) from error
    if not written:
        raise StaleWriteError(f"{kind.name} {after.id} is no longer at revision {before.revision}")


def _with(aggregate: A, **fields: Any) -> A:
    changed: A = msgspec.structs.replace(aggregate, **fields)  # type: ignore[type-var]
    return changed


def _columns(kind: Kind[A, E], aggregate: A) -> dict[str, Any]:
    return {
        "phase": kind.subject(aggregate).phase,
        "revision": aggregate.revision,
        "fence": aggregate.fence,
        "next_check_at": aggregate.next_check_at,
        "ended_at": aggregate.ended_at,
        "schema": kind.schema(aggregate),
        "state": kind.dump(aggregate),
        **kind.columns(aggregate),
    }


def _busy(kind: Kind[A, E], aggregate: A) -> str:
    subject = kind.subject(aggregate)
    return f"another {kind.name} is live on {subject.service} {subject.environment}"


def _take_back(
    conn: Connection, kind: AnyKind, after: Any, effects: Sequence[Any], now: datetime
) -> None:
    """A newer fence: what waits is cancelled, and a newer change does not wait for what is sent."""
    newer = any(kind.route(after, effect).change for effect in effects)
    keys = outbox.cancel_changes(conn, kind.name, after.id, now, sent_too=newer)
    ops.withdraw(conn, keys, now)


def _send(
    conn: Connection, kind: AnyKind, after: Any, effects: Sequence[Any], now: datetime
) -> None:
    """Put effects into the outbox; changes at a target get their number first."""
    for index, effect in enumerate(effects):
        key = f"{kind.name}:{after.id}:{after.revision}:{index}"
        route = kind.route(after, effect)
        if route.change:
            subject = kind.subject(after)
            place = (subject.service, subject.environment)
            ops.plan(conn, key, route.change, place, now)
        outbox.add(conn, entry(kind, after, key, effect, route), now)


def entry(kind: AnyKind, aggregate: Any, key: str, effect: Any, route: Route) -> outbox.Entry:
    """The outbox row of an effect."""
    return outbox.Entry(
        key=key,
        kind=kind.name,
        aggregate_id=aggregate.id,
        fence=aggregate.fence,
        lane=route.lane,
        stream=route.stream or key,
        effect=msgspec.json.encode(effect).decode(),
        schema=kind.schema(aggregate),
        latest=route.latest,
        pace=route.pace,
    )


def _record(
    conn: Connection, kind: AnyKind, before: Any, event: Any, after: Any, now: datetime
) -> None:
    actor = getattr(event, "actor", THE_BOT)
    note(conn, kind, after, event, now, actor=actor.person, before=before)


def note(
    conn: Connection,
    kind: AnyKind,
    aggregate: Any,
    event: msgspec.Struct,
    now: datetime,
    *,
    actor: str = THE_BOT.person,
    before: Any = None,
) -> None:
    """Write something about an aggregate into the audit. The last thing that a unit does."""
    subject = kind.subject(aggregate)
    audit.append(
        conn,
        audit.Fact(
            at=now,
            kind=kind.name,
            aggregate_id=aggregate.id,
            service=subject.service,
            environment=subject.environment,
            revision=aggregate.revision,
            actor=actor,
            event=msgspec.json.encode(event, order="deterministic").decode(),
            phase_before=kind.subject(before).phase if before is not None else "",
            phase_after=subject.phase,
        ),
    )
