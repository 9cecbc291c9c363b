"""A tiny aggregate: a counter that can be signed, moved and aborted. It shows that nothing in the
store or in `apply` is about rollouts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bot.domain.approvals import Request
from bot.domain.people import THE_BOT, Actor
from bot.engine.kinds import Kind, Route, Subject
from bot.store import tables

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Toy(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    count: int = 0
    live: bool = False
    request: Request | None = None
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
    fence: int = 0


class Added(msgspec.Struct, frozen=True, tag=True):
    actor: Actor = THE_BOT


class Told(msgspec.Struct, frozen=True, tag=True):
    """Nothing changes, but something is to be done."""

    effects: tuple["Effect", ...]


class Asked(msgspec.Struct, frozen=True, tag=True):
    request: Request | None


class Began(msgspec.Struct, frozen=True, tag=True):
    pass


class Aborted(msgspec.Struct, frozen=True, tag=True):
    effects: tuple["Effect", ...] = ()


class Due(msgspec.Struct, frozen=True, tag=True):
    at: datetime | None


class Failed(msgspec.Struct, frozen=True, tag=True):
    reason: str


class Ignored(msgspec.Struct, frozen=True, tag=True):
    pass


class Move(msgspec.Struct, frozen=True, tag=True):
    """A change at the target."""

    to: int


class Draw(msgspec.Struct, frozen=True, tag=True):
    """The latest wins."""


class Say(msgspec.Struct, frozen=True, tag=True):
    """One after the other."""

    text: str


class Ring(msgspec.Struct, frozen=True, tag=True):
    """On its own."""

    text: str = ""


Effect = Move | Draw | Say | Ring
Event = Added | Told | Asked | Began | Aborted | Due | Failed | Ignored


def decide(toy: Toy, event: Event, now: datetime) -> tuple[Toy, Sequence[Effect]]:
    change = msgspec.structs.replace
    match event:
        case Added() | Failed():
            return change(toy, count=toy.count + 1), ()
        case Told():
            return toy, event.effects
        case Asked():
            return change(toy, request=event.request), ()
        case Began():
            return change(toy, live=True), ()
        case Aborted():
            return change(toy, fence=toy.fence + 1), event.effects
        case Due():
            return change(toy, next_check_at=event.at), ()
        case Ignored():
            return toy, ()


def route(toy: Toy, effect: Effect) -> Route:
    match effect:
        case Move():
            return Route("deploy", "deploy:shop:production", change="move")
        case Draw():
            return Route("chat", f"card:{toy.id}", latest=True, pace=timedelta(seconds=1))
        case Say():
            return Route("chat", f"thread:{toy.id}")
        case Ring():
            return Route("work")


def columns(toy: Toy) -> dict[str, Any]:
    return {
        "live": toy.live,
        "service": "shop",
        "environment": "production",
        "version_name": "v1",
        "plan_digest": "",
        "plan": "{}",
    }


KIND: Kind[Toy, Any] = Kind(
    name="rollout",
    table=tables.rollout,
    decide=decide,
    load=lambda row: msgspec.structs.replace(
        msgspec.json.decode(row["state"], type=Toy), revision=row["revision"], fence=row["fence"]
    ),
    dump=lambda toy: msgspec.json.encode(toy).decode(),
    subject=lambda toy: Subject("live" if toy.live else "idle", "shop", "production"),
    effects=msgspec.json.Decoder(Effect),
    route=route,
    columns=columns,
    requests=lambda toy: {"release": toy.request} if toy.request else {},
)
"""It borrows the table of rollouts, which has all a kind may need."""


def toy(id_: str = "a", **fields: Any) -> Toy:
    return Toy(id=id_, created_at=NOON, **fields)
