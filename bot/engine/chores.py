"""Chores as a kind of aggregate: where they come from, how they are shown, and who is reminded.

Which ones come round is configuration. Each is a row, so that a restart forgets nothing, and it is
asked by whichever replica looks first: the others find it asked already.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, assert_never

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain.chores import (
    Chore,
    ChoreChanged,
    ChoreDone,
    ChoreDropped,
    ChoreEffect,
    ChoreTried,
    ShowChore,
    TellChore,
    TryChore,
    begin,
    decide,
)
from bot.domain.events import Ticked, Whisper
from bot.domain.people import THE_BOT
from bot.domain.recurring import RecurringDocument, next_after, rule_of
from bot.domain.units import parse_duration
from bot.engine import transitions
from bot.engine.catalogue import UnknownTargetError
from bot.engine.checks import run_check
from bot.engine.engine import Engine, Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.outbox import NotYetError, Patience, Work
from bot.engine.reminding import Reminders
from bot.ports import Message
from bot.store.queries import chores as rows
from bot.store.tables import chore as table

NAME = "chore"
NOT_LISTED = "it is no longer in the configuration"

ChoreKind = Kind[Chore, Any]


class ChorePresenter(Protocol):
    """From a chore to messages: pure functions, no I/O."""

    def chore(self, chore: Chore, round_: int, channel: str) -> Message:
        """One round of it, with the button by which somebody says that it is done."""
        ...

    def line(self, text: str) -> Message:
        """One line under that message."""
        ...


def chore_kind() -> ChoreKind:
    """The kind of chores."""
    return Kind(
        name=NAME,
        table=table,
        decide=decide,
        load=_load,
        dump=lambda chore: msgspec.json.encode(chore).decode(),
        subject=lambda chore: Subject(chore.state, chore.service, chore.environment),
        effects=msgspec.json.Decoder(ChoreEffect),
        route=_route,
        pinned=lambda chore: {"rollout_id": chore.rollout_id},
    )


_DECODER = msgspec.json.Decoder(Chore)


def _load(row: RowMapping) -> Chore:
    found = _DECODER.decode(row["state"])
    return msgspec.structs.replace(found, revision=row["revision"], fence=row["fence"])


def _route(chore: Chore, effect: Any) -> Route:
    match effect:
        case ShowChore():
            return Route("chat", f"show:{NAME}:{chore.id}:{effect.round}", latest=True)
        case TellChore():
            return Route("chat", f"thread:{NAME}:{chore.id}")
        case _:
            return Route("work")


def parts(tools: Tools, presenter: ChorePresenter) -> Sequence[Part]:
    """The part of an engine that carries chores on."""
    kind = chore_kind()
    performer = ChorePerformer(tools, presenter)
    return (Part(kind, performer, _Look(), follow=Reminders(kind).follow),)


class _Look:
    """A chore whose time has come: nothing has to be looked at."""

    async def look(self, _chore: Chore) -> Ticked:
        return Ticked()

    def failed(self, _chore: Chore, _reason: str) -> Ticked:
        return Ticked()

    def looked(self, _chore: Chore) -> None:
        """Nothing is kept between two looks."""


def message_key(chore: Chore, round_: int) -> str:
    """The key of the one message of a round."""
    return f"{NAME}:{chore.id}:{round_}"


class ChorePerformer:
    """Does the effects of chores; implements `bot.engine.outbox.Performer`."""

    def __init__(self, tools: Tools, presenter: ChorePresenter) -> None:
        self._tools = tools
        self._delivery = tools.delivery
        self._presenter = presenter

    async def perform(self, work: Work) -> Sequence[Any]:
        chore: Chore = work.aggregate
        effect: ChoreEffect = work.effect
        match effect:
            case ShowChore():
                channel = chore.channel or self._tools.catalogue.channels.default
                message = self._presenter.chore(chore, effect.round, channel)
                await self._delivery.living(message, message_key(chore, effect.round), NAME, work)
            case TellChore():
                await self._tell(work, chore, effect)
            case TryChore():
                return await self._try(chore, effect.check)
            case Whisper():
                await self._whisper(work, chore, effect)
            case _:
                assert_never(effect)
        return ()

    async def _tell(self, work: Work, chore: Chore, effect: TellChore) -> None:
        there = await self._delivery.sent(message_key(chore, chore.round))
        if there is None:
            raise NotYetError("its message is not posted yet")
        line = self._presenter.line(effect.text)
        await self._delivery.reply(line, there, NAME, work, broadcast=effect.broadcast)

    async def _try(self, chore: Chore, check: str) -> Sequence[Any]:
        try:
            place = self._tools.catalogue.target(chore.service, chore.environment)
        except UnknownTargetError as error:
            return (ChoreTried(str(error)),)
        found = await run_check(place, chore, check)
        if found is None:
            return (ChoreTried(f"no command is set for {check}, so somebody ticks it"),)
        ok, words = found
        return (ChoreDone(THE_BOT, words) if ok else ChoreTried(words),)

    async def _whisper(self, work: Work, chore: Chore, effect: Whisper) -> None:
        """Tell one person; by direct message if they can't be told in the channel."""
        said = self._presenter.line(effect.text)
        message = msgspec.structs.replace(said, channel=chore.channel)
        key = message_key(chore, chore.round)
        await self._delivery.whisper(message, effect.user_id, work, key)

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case Whisper():
                return Patience(limit=timedelta(minutes=10))
            case TryChore():
                return Patience(limit=timedelta(minutes=2), cap=timedelta(seconds=10))
            case _:
                return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        return (ChoreTried(reason),) if isinstance(work.effect, TryChore) else ()

    def alarm(self, _work: Work, _reason: str) -> Any | None:
        return None


# --- what is configured -----------------------------------------------------------------------


class Listed(msgspec.Struct, frozen=True):
    """Something recurring and where it belongs: service "" for the whole installation."""

    document: RecurringDocument
    service: str = ""
    channel: str = ""


def made(listed: Listed, now: datetime) -> Chore:
    """The chore of an entry, that waits for its next time."""
    document = listed.document
    rule = rule_of(document)
    return Chore(
        id=f"{listed.service}.{document.id}" if listed.service else document.id,
        text=document.text,
        channel=document.channel or listed.channel,
        service=listed.service,
        environment=document.environment if listed.service else "",
        by=document.by,
        rule=rule,
        remind=parse_duration(document.remind),
        check=document.check if listed.service else "",
        due_at=next_after(rule, now),
        created_at=now,
    )


async def settle_on(engine: Engine, listed: Iterable[Listed]) -> None:
    """Bring the rows to what is configured: new ones begin, changed ones go on differently, and
    those that are no longer listed end. Doing it again, or in several replicas, changes nothing.
    """
    now = engine.clock.now()
    kind = engine.kind(NAME)
    wanted = {chore.id: chore for chore in (made(each, now) for each in listed)}

    def unit(conn: Connection) -> None:
        known: Mapping[str, Chore] = {row["id"]: kind.load(row) for row in rows.coming_round(conn)}
        for id_, chore in wanted.items():
            if id_ in known:
                transitions.apply(conn, kind, id_, ChoreChanged(chore), now)
            else:
                transitions.create(conn, kind, *begin(chore), now)
        for id_ in known.keys() - wanted.keys():
            transitions.apply(conn, kind, id_, ChoreDropped(NOT_LISTED), now)

    await engine.store.transact(unit)


async def open_and_coming(engine: Engine, channel: str = "") -> list[Chore]:
    """The chores that are not over, the next first; of one channel, or all."""
    load: Callable[[RowMapping], Chore] = engine.kind(NAME).load
    found = await engine.store.transact(lambda conn: [load(row) for row in rows.unfinished(conn)])
    ours = [chore for chore in found if not channel or chore.channel == channel]
    return sorted(ours, key=lambda chore: (chore.asked_at is None, chore.due_at, chore.id))
