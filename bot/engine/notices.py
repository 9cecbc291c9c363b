"""Notices as a kind of aggregate: how others ask for them, how they go out, how they are found."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain.announcements import DraftNotice
from bot.domain.approvals import Request
from bot.domain.events import AskSigners, Ticked
from bot.domain.notice import Notice, Writing
from bot.domain.notice_decisions import begin, decide
from bot.domain.notice_events import (
    AnyNoticeEvent,
    Drafted,
    NoticeEffect,
    Publish,
    ShowLetter,
    TellNotice,
)
from bot.domain.notice_facts import ONCE
from bot.domain.people import THE_BOT, Actor
from bot.engine import transitions
from bot.engine.engine import Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.notice_channels import ChannelPublisher
from bot.engine.notice_work import NAME, NoticePerformer, NoticePresenter, Ways
from bot.engine.outbox import Work
from bot.engine.rollouts import CARD_PACE
from bot.ports import Publisher
from bot.store.database import Store
from bot.store.queries import notices as rows
from bot.store.tables import notice as table

SLACK = "slack"
ALONE = frozenset({"statuspage"})
"""Those that read before they write: what goes to one of their destinations goes one by one."""

NoticeKind = Kind[Notice, Any]


Preview = Callable[[str, int, datetime], str]
"""The link to the page that shows a message, by notice, number, and the present instant."""


def nowhere(_notice: str, _number: int, _now: datetime) -> str:
    """No page can be looked at."""
    return ""


class Publishing(msgspec.Struct, frozen=True, kw_only=True):
    """How a house publishes.

    writing: its words and rules. publishers: by name, besides Slack. translated: those that tell
    the languages apart; the others get the main one alone. zones, languages: of new notices.
    channels: that customers read, by language; inside: those of audiences. preview: the link to the
    page that shows a message as a mail, "" where there is none. part: how many destinations get
    their errands in one unit of work, so that it is over in a moment.
    """

    writing: Writing
    publishers: Mapping[str, Publisher] = {}
    translated: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    channels: Mapping[str, tuple[str, ...]] = {}
    inside: Mapping[str, tuple[str, ...]] = {}
    preview: Preview = nowhere
    part: int = 400


def parts(tools: Tools, presenter: NoticePresenter, publishing: Publishing) -> Sequence[Part]:
    """The part of an engine that carries notices."""
    kind = notice_kind(publishing.writing)
    slack = ChannelPublisher(tools, presenter.published, publishing.channels, publishing.inside)
    ways = {SLACK: slack, **publishing.publishers}
    told = Ways(ways, publishing.translated | {SLACK}, publishing.part)
    performer = NoticePerformer(tools, presenter, told)
    asked = _Asked(tools, kind, publishing)
    return (Part(kind, performer, _Looker(), {DraftNotice: asked.draft}),)


# --- the kind -------------------------------------------------------------------------------


def notice_kind(writing: Writing) -> NoticeKind:
    """The kind of notices. writing: what its words are made with."""
    return Kind(
        name=NAME,
        table=table,
        decide=lambda notice, event, now: decide(notice, event, now, writing),
        load=_Loader(),
        dump=lambda notice: msgspec.json.encode(notice).decode(),
        subject=lambda notice: Subject(notice.status.value, notice.service, notice.environment),
        effects=msgspec.json.Decoder(NoticeEffect),
        route=_route,
        pinned=lambda notice: {"service": notice.service},
        requests=_requests,
    )


class _Loader:
    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Notice)

    def __call__(self, row: RowMapping) -> Notice:
        return msgspec.structs.replace(
            self._decoder.decode(row["state"]), revision=row["revision"], fence=row["fence"]
        )


def _requests(notice: Notice) -> Mapping[str, Request]:
    return {
        str(letter.number): letter.request
        for letter in notice.letters
        if letter.request is not None
    }


def _route(notice: Notice, effect: Any) -> Route:
    match effect:
        case ShowLetter():
            stream = f"card:{NAME}:{notice.id}:{effect.number}"
            return Route("chat", stream, latest=True, pace=CARD_PACE)
        case TellNotice():
            return Route("chat", f"thread:{NAME}:{notice.id}")
        case AskSigners():
            return Route("work", f"ask:{NAME}:{notice.id}:{effect.purpose}", latest=True)
        case Publish():
            # What is said later must not arrive earlier.
            whose = "" if effect.by.partition(" ")[0] in ALONE else f"{notice.id}:"
            return Route("publish", f"publish:{whose}{effect.by}:{effect.destination}")
        case _:
            return Route("work")


class _Looker:
    """A notice that is due: its time has come, nothing has to be looked at."""

    async def look(self, _notice: Notice) -> Ticked:
        return Ticked()

    def failed(self, _notice: Notice, _reason: str) -> Ticked:
        return Ticked()

    def looked(self, _notice: Notice) -> None:
        """Nothing is kept between two looks."""


# --- how it is asked for --------------------------------------------------------------------


def draft(
    conn: Connection, kind: NoticeKind, blank: Notice, event: Drafted, writing: Writing
) -> transitions.Applied[Notice]:
    """One more message about an event; the first one begins its notice.

    blank: the notice as it is to begin.
    """
    now = blank.created_at
    if rows.exists(conn, blank.id):
        return transitions.apply(conn, kind, blank.id, event, now)
    first, effects = begin(blank, event, now, writing)
    if not first.letters and not first.later:
        return transitions.Applied(blank, blank, changed=False, effects=effects)
    detail = {"occasion": event.occasion, "facts": dict(event.facts)}
    return transitions.create(conn, kind, first, effects, now, actor=event.actor, detail=detail)


class _Asked:
    """What other aggregates ask for."""

    def __init__(self, tools: Tools, kind: NoticeKind, publishing: Publishing) -> None:
        self._tools = tools
        self._kind = kind
        self._publishing = publishing

    async def draft(self, work: Work) -> None:
        """Once per effect, however often it is performed: a letter knows what asked for it."""
        effect: DraftNotice = work.effect
        about = work.aggregate
        facts = _spelled(effect.facts)
        blank = Notice(
            id=effect.event,
            kind=effect.kind,
            service=getattr(about, "service", ""),
            environment=getattr(about, "environment", ""),
            channel=getattr(about, "channel", "") or self._tools.catalogue.channels.default,
            owner=_owner(about),
            facts={name: text for name, text in facts.items() if name not in ONCE},
            zones=self._publishing.zones,
            languages=self._publishing.languages[: 1 if effect.audience else None],
            audience=effect.audience,
            created_at=self._tools.clock.now(),
        )
        source = effect.once or work.row.key
        event = Drafted(THE_BOT, effect.occasion, facts, source, effect.at)
        writing = self._publishing.writing
        await self._tools.store.transact(
            lambda conn: draft(conn, self._kind, blank, event, writing)
        )


_OTHERWISE = {"update": "message", "resolved_at": "restored_at"}
"""What others call a value, and what templates call it."""

_COMPUTED = frozenset({"status", "duration", "service", "environment"})
"""Values that a notice tells by itself, at the time when it is written."""


def _spelled(facts: Mapping[str, str]) -> dict[str, str]:
    return {_OTHERWISE.get(n, n): text for n, text in facts.items() if n not in _COMPUTED}


def _owner(about: Any) -> Actor:
    """Whoever asked for a release looks after what is said about it."""
    for name in ("declared_by", "requested_by"):
        found = getattr(about, name, None)
        if isinstance(found, Actor):
            return found
    return THE_BOT


# --- finding --------------------------------------------------------------------------------


class Notices:
    """Finds and begins notices, for commands: one short unit of work each."""

    def __init__(self, store: Store, kind: NoticeKind, publishing: Publishing) -> None:
        self._store = store
        self._kind = kind
        self.publishing = publishing

    async def find(self, id_: str) -> Notice | None:
        """The notice about an event, None when there is none."""

        def unit(conn: Connection) -> Notice | None:
            try:
                return transitions.load(conn, self._kind, id_)
            except transitions.NotFoundError:
                return None

        return await self._store.transact(unit)

    async def open(self) -> list[Notice]:
        """Those that are not over, oldest first."""
        return [self._kind.load(row) for row in await self._store.transact(rows.open_ones)]

    async def recent(self) -> list[Notice]:
        """The newest, over or not."""
        return [self._kind.load(row) for row in await self._store.transact(rows.recent)]

    async def draft(self, blank: Notice, event: Drafted) -> transitions.Applied[Notice]:
        """See `draft`."""
        writing = self.publishing.writing
        return await self._store.transact(
            lambda conn: draft(conn, self._kind, blank, event, writing)
        )


__all__ = ["NAME", "AnyNoticeEvent", "Notices", "Publishing", "notice_kind", "parts"]
