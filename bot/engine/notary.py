"""The notary at work: reads the record page by page, and gives its ends away to be kept.

Which record is right is decided by what lies elsewhere: the anchors in the file, those in Slack
(for people and `countersign audit verify`), and what this process has read itself since it started.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, assert_never

import msgspec
from sqlalchemy import Connection, RowMapping, select

from bot.domain.anchors import Anchor
from bot.domain.notary import (
    WHAT_TO_DO,
    AnchorLost,
    Care,
    CareChanged,
    FileAnchor,
    Notary,
    NotaryEffect,
    PostAnchor,
    RecordBroken,
    RecordRead,
    RecordReading,
    RecordUnread,
    SoundAlarm,
    begin,
    decide,
)
from bot.engine import transitions
from bot.engine.clock import Clock
from bot.engine.engine import Engine, Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.outbox import Patience, Work
from bot.engine.presenting import Errand
from bot.ports import Message, PermanentError
from bot.store.database import Store
from bot.store.queries import audit
from bot.store.tables import notary as table

NAME = "notary"
RECORD = "record"
"""The id of the one notary."""

WHOLE = timedelta(days=1)
"""So often all of the record is read; in between only what is new."""

PAGES = 20
"""So many pages are read in one look."""

_NOTHING = Anchor(0, audit.GENESIS)

Say = Callable[[str, str], Message]
"""From a text and a channel to a message."""


class AnchorBook(Protocol):
    """Anchors in another place than the database."""

    async def kept(self) -> Sequence[Anchor]:
        """All that were kept, the oldest first. Raises TemporaryError, PermanentError."""
        ...

    async def keep(self, anchor: Anchor, at: datetime) -> None:
        """Add one; doing it again does no harm. Raises TemporaryError, PermanentError."""
        ...


def notary_kind() -> Kind[Notary, Any]:
    """The kind of the notary."""
    return Kind(
        name=NAME,
        table=table,
        decide=decide,
        load=_load,
        dump=lambda notary: msgspec.json.encode(notary).decode(),
        subject=lambda notary: Subject(notary.state, "", ""),
        effects=msgspec.json.Decoder(NotaryEffect),
        route=_route,
        routine=_routine,
    )


_DECODER = msgspec.json.Decoder(Notary)


def _load(row: RowMapping) -> Notary:
    found = _DECODER.decode(row["state"])
    return msgspec.structs.replace(found, revision=row["revision"], fence=row["fence"])


def _route(_notary: Notary, effect: NotaryEffect) -> Route:
    match effect:
        case PostAnchor():
            return Route("chat", "notary:anchors", latest=True)
        case FileAnchor():
            return Route("work", "notary:file", latest=True)
        case _:
            return Route("chat", "notary:alarms")


def _routine(before: Notary, event: Any, after: Notary, _effects: Sequence[Any]) -> bool:
    """Otherwise each reading would add to the record that it reads."""
    return (
        isinstance(event, RecordRead | RecordReading | RecordUnread) and before.state == after.state
    )


def part(tools: Tools, say: Say, book: AnchorBook | None) -> Part:
    """The part of an engine that watches over the record. book: the file of anchors, if any."""
    kind = notary_kind()
    return Part(
        kind,
        NotaryPerformer(tools, say, book),
        RecordLook(tools.store, book, tools.clock),
        errands=lambda conn, roles: _errands(conn, kind, roles),
    )


def _errands(conn: Connection, kind: Kind[Notary, Any], roles: Collection[str]) -> Sequence[Errand]:
    problem = broken(conn, kind)
    if not problem or not roles:
        return ()
    return (Errand("The record of what happened was altered", (problem, WHAT_TO_DO)),)


def broken(conn: Connection, kind: Kind[Notary, Any]) -> str:
    """What is wrong with the record; "" when nothing is known to be."""
    row = conn.execute(select(table).where(table.c.id == RECORD)).mappings().one_or_none()
    return kind.load(row).broken if row is not None else ""


async def take_care(engine: Engine, care: Care) -> None:
    """Let the notary work as is configured; doing it again, or in replicas, changes nothing."""
    kind, now = engine.kind(NAME), engine.clock.now()

    def unit(conn: Connection) -> None:
        if not transitions.create(conn, kind, *begin(care, now), now).changed:
            transitions.apply(conn, kind, RECORD, CareChanged(care), now)

    await engine.store.transact(unit)


class RecordLook:
    """Reads the record when it is time; implements `bot.engine.loops.Looker`."""

    def __init__(self, store: Store, book: AnchorBook | None, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._ended = _NOTHING
        self._whole_at: datetime | None = None
        self._reached: Anchor | None = None

    async def look(self, notary: Notary) -> RecordRead | RecordReading | RecordBroken:
        """A long record takes several looks, each much shorter than a lease."""
        try:
            last, ended = await self._follow(self._begin(), await self._known(notary))
        except audit.BrokenChainError as wrong:
            self._reached, self._whole_at = None, None
            return RecordBroken(str(wrong))
        self._reached = None if ended else last
        if not ended:
            return RecordReading(last.id)
        self._ended, self._whole_at = last, self._whole_at or self._clock.now()
        return RecordRead(last)

    def _begin(self) -> Anchor:
        if self._reached is not None:
            return self._reached
        if self._whole_at is None or self._clock.now() >= self._whole_at + WHOLE:
            self._whole_at = None
            return _NOTHING
        return self._ended

    async def _known(self, notary: Notary) -> Sequence[Anchor]:
        elsewhere = await self._book.kept() if self._book is not None else ()
        ours = (self._ended, notary.anchored)
        return (*elsewhere, *(each for each in ours if each is not None and each.id))

    async def _follow(self, last: Anchor, known: Sequence[Anchor]) -> tuple[Anchor, bool]:
        """A page in a transaction, so that nobody waits long for the database."""
        ended, pages = False, 0
        while not ended and pages < PAGES:
            last, ended = await self._store.transact(lambda c, at=last: audit.read_on(c, at, known))  # type: ignore[misc]
            pages += 1
        return last, ended

    def failed(self, _notary: Notary, reason: str) -> RecordUnread:
        return RecordUnread(reason)

    def looked(self, _notary: Notary) -> None:
        """What was read is kept already."""


class NotaryPerformer:
    """Does the effects of the notary; implements `bot.engine.outbox.Performer`."""

    def __init__(self, tools: Tools, say: Say, book: AnchorBook | None) -> None:
        self._delivery = tools.delivery
        self._channels = tools.catalogue.channels
        self._say = say
        self._book = book

    async def perform(self, work: Work) -> Sequence[Any]:
        effect: NotaryEffect = work.effect
        match effect:
            case PostAnchor():
                text = f"Anchor of the record, t[{int(effect.at.timestamp())}]: {effect.anchor}"
                await self._post(work, work.aggregate.care.channel, text)
            case FileAnchor():
                if self._book is not None:
                    await self._book.keep(effect.anchor, effect.at)
            case SoundAlarm():
                await self._post(
                    work, self._channels.critical or self._channels.default, effect.text
                )
            case _:
                assert_never(effect)
        return ()

    async def _post(self, work: Work, channel: str, text: str) -> None:
        if not channel:
            raise PermanentError("no channel is configured for it")
        # A notary whose row was taken away begins anew, and says under new keys what it says.
        key = f"{work.row.key}:{work.aggregate.created_at.timestamp():.0f}"
        message, look = self._say(text, channel), work.row.look_first
        await self._delivery.post(message, key, NAME, work, look=look)

    def patience(self, _work: Work) -> Patience:
        return Patience(cap=timedelta(minutes=5))

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        match work.effect:
            case PostAnchor():
                return (AnchorLost("the channel of anchors", reason),)
            case FileAnchor():
                return (AnchorLost("the file of anchors", reason),)
            case _:
                return ()

    def alarm(self, _work: Work, _reason: str) -> Any | None:
        return None
