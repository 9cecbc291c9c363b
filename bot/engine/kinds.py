"""What kinds of aggregates there are: everything that `transitions` must know to carry one on.

A rollout is one kind; notices and incidents are others. They share one `apply`, one outbox, one
approval mechanism and one audit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, RowMapping, Table

from bot.domain.approvals import Request
from bot.ports import TemporaryError


class Aggregate(Protocol):
    """What every aggregate has. It is a frozen msgspec.Struct with these fields."""

    @property
    def id(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def fence(self) -> int: ...
    @property
    def next_check_at(self) -> datetime | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


A = TypeVar("A", bound=Aggregate)
E = TypeVar("E", bound=msgspec.Struct)


class Subject(msgspec.Struct, frozen=True):
    """What an aggregate is about, for the audit. Empty strings where it has no such thing."""

    phase: str
    service: str = ""
    environment: str = ""


class Route(msgspec.Struct, frozen=True):
    """How an effect goes through the outbox; see `bot.store.queries.outbox.Entry`.

    change: the name of the operation when it is a change at a target, which gets a number.
    """

    lane: str
    stream: str = ""
    latest: bool = False
    pace: timedelta = timedelta()
    change: str = ""


class NewerRowError(TemporaryError):
    """A row in a form that only a newer version of this program understands.

    While replicas are upgraded one after the other, a newer one is there and takes it. Reading it
    here would lose what this version knows nothing of as soon as it is written again.
    """


def understood(row: RowMapping, kind: str, newest: int) -> RowMapping:
    """The row. newest: the newest form that is understood here. Raises NewerRowError."""
    if row["schema"] > newest:
        raise NewerRowError(
            f"{kind} {row['id']} was written by a newer version of Countersign, and waits for a "
            "replica of that version",
            retry_after=timedelta(seconds=1),
        )
    return row


def _no_columns(_aggregate: Any) -> Mapping[str, Any]:
    return {}


def _no_requests(_aggregate: Any) -> Mapping[str, Request]:
    return {}


def _never(*_: Any) -> bool:
    return False


def _one(_aggregate: Any) -> int:
    return 1


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Kind(Generic[A, E]):
    """A kind of aggregate.

    name: its name and its table's. decide: the pure transition; the same aggregate and no effects
    mean that nothing happened. load: from a row. dump: the `state` column. subject: see Subject.
    effects: reads an effect back from JSON. route: how an effect travels (the aggregate is the one
    after the decision). columns: further columns, written each time. pinned: further columns,
    written once. requests: what is being asked, by purpose. schema: the oldest program that
    understands it. newest: the newest form that this program understands. routine: whether an event
    led to nothing that belongs in the audit. follow: what happens to others in the same unit of
    work, after (connection, before, after, now) was written; it locks the rows of other kinds only,
    and all of them before it writes the first. admit: raises when something that is there keeps a
    new one from beginning, in the unit in which it begins.
    """

    name: str
    table: Table
    decide: Callable[[A, E, datetime], tuple[A, Sequence[msgspec.Struct]]]
    load: Callable[[RowMapping], A]
    dump: Callable[[A], str]
    subject: Callable[[A], Subject]
    effects: msgspec.json.Decoder[Any]
    route: Callable[[A, Any], Route]
    columns: Callable[[A], Mapping[str, Any]] = field(default=_no_columns)
    pinned: Callable[[A], Mapping[str, Any]] = field(default=_no_columns)
    requests: Callable[[A], Mapping[str, Request]] = field(default=_no_requests)
    schema: Callable[[A], int] = field(default=_one)
    newest: int = 1
    routine: Callable[[A, E, A, Sequence[Any]], bool] = field(default=_never)
    follow: Callable[[Connection, A, A, datetime], None] = field(default=_nothing)
    admit: Callable[[Connection, A], None] = field(default=_nothing)


AnyKind = Kind[Any, Any]
