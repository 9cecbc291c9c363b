"""Standups as a kind of aggregate: when they begin, what they are made of, and what is decided.

A slot is claimed by a unique row in the unit in which its standup is written, so any number of
processes hold it once, and a process that was away holds it late rather than not at all.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain.events import RolloutEvent, Ticked, Whisper
from bot.domain.people import THE_BOT, Actor
from bot.domain.plan import Plan
from bot.domain.rollout import Rollout
from bot.domain.standup import act_of, begin, decide, over_words, refusal
from bot.domain.standup_calendar import Series, Slot, due, following
from bot.domain.standup_state import (
    AnyStandupEvent,
    Choice,
    ChoiceMade,
    ShowStandup,
    Standup,
    StandupEffect,
    Superseded,
    TellStandup,
    TopicClosed,
)
from bot.engine import transitions
from bot.engine.engine import Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.standup_figures import Sources, reported_incidents
from bot.engine.standup_incidents import incident_records, incidents
from bot.engine.standup_making import Making
from bot.engine.standup_reading import READERS, IssueReader
from bot.engine.standup_times import Held, Timetable
from bot.engine.standup_waiting import Waiting
from bot.engine.standup_work import NAME, StandupPerformer, StandupPresenter
from bot.store.queries import records, rollouts, standups
from bot.store.tables import standup as table

log = logging.getLogger(__name__)

OFTEN = timedelta(minutes=1)
"""How often it is looked whether something has changed about when standups are held."""

SOURCES = Sources((reported_incidents, incident_records))
"""Where the figures of delivery come from besides the releases."""

StandupKind = Kind[Standup, Any]
MakeEvent = Callable[[Rollout, str], RolloutEvent]
"""The event of an act on a release, by the act's name."""


def part(
    tools: Tools,
    presenter: StandupPresenter,
    series: Sequence[Series],
    plan_named: Callable[[str], Plan],
    readers: Sequence[IssueReader] = (*READERS, incidents),
    sources: Sources = SOURCES,
) -> tuple[Part, "Holding"]:
    """The part of an engine that holds standups, and what commands ask of it.

    series: the configured ones. plan_named: a plan by its name, raising KeyError. readers: of what
    went wrong. sources: of the figures of delivery.
    """
    kind = standup_kind()
    timetable = Timetable(series, tools.catalogue)
    holding = Holding(tools, kind, timetable, Making(tools, plan_named, readers, sources))
    performer = StandupPerformer(tools, presenter)
    follow = Follower(kind).follow
    waiting = Waiting(kind).errands
    return Part(kind, performer, _Looker(), {}, follow, waiting, holding.beat), holding


# --- the kind -------------------------------------------------------------------------------


def standup_kind() -> StandupKind:
    """The kind of standups."""
    return Kind(
        name=NAME,
        table=table,
        decide=decide,
        load=_Loader(),
        dump=lambda standup: msgspec.json.encode(standup).decode(),
        subject=_subject,
        effects=msgspec.json.Decoder(StandupEffect),
        route=_route,
        pinned=lambda standup: {"series": standup.series, "channel": standup.channel},
    )


class _Loader:
    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Standup)

    def __call__(self, row: RowMapping) -> Standup:
        return msgspec.structs.replace(
            self._decoder.decode(row["state"]), revision=row["revision"], fence=row["fence"]
        )


def _subject(standup: Standup) -> Subject:
    places = {(topic.service, topic.environment) for topic in standup.topics}
    service, environment = next(iter(places)) if len(places) == 1 else ("", "")
    return Subject(standup.phase, service, environment)


def _route(standup: Standup, effect: Any) -> Route:
    match effect:
        case ShowStandup():
            return Route("chat", f"{NAME}:{standup.id}", latest=True)
        case TellStandup():
            return Route("chat", f"{NAME}-thread:{standup.id}")
        case _:
            return Route("work")


class _Looker:
    """The time has come at which those who are silent are reminded; nothing has to be read."""

    async def look(self, _standup: Standup) -> Ticked:
        return Ticked()

    def failed(self, _standup: Standup, _reason: str) -> Ticked:
        return Ticked()

    def looked(self, _standup: Standup) -> None:
        """Nothing is kept between two looks."""


class Follower:
    """What standups learn when a release was written, in the same unit."""

    def __init__(self, kind: StandupKind) -> None:
        self._kind = kind

    def follow(self, conn: Connection, before: Rollout, after: Rollout, now: datetime) -> None:
        """See `Kind.follow`: nothing is left to decide about a release that has ended."""
        if not before.live or after.live:
            return
        kind = self._kind
        ids = [row["id"] for row in standups.unfinished(conn) if kind.load(row).topic(after.id)]
        for id_ in sorted(ids):
            transitions.load(conn, kind, id_, lock=True)
        for id_ in ids:
            transitions.apply(conn, kind, id_, TopicClosed(after.id, over_words(after)), now)


# --- holding them ---------------------------------------------------------------------------


class Holding:
    """Begins standups, and lets people decide."""

    def __init__(
        self, tools: Tools, kind: StandupKind, timetable: Timetable, making: Making
    ) -> None:
        self._tools = tools
        self._kind = kind
        self._timetable = timetable
        self._making = making
        self._again_at: datetime | None = None
        self._known: set[tuple[str, str]] = set()

    async def beat(self) -> int:
        """Hold what is due; how many that were. Between two looks it costs nothing."""
        now = self._tools.clock.now()
        if self._again_at is not None and self._again_at - OFTEN <= now < self._again_at:
            return 0
        store, count, again = self._tools.store, 0, now + OFTEN
        for held in await store.transact(lambda conn: self._timetable.of(self._live(conn))):
            # Each in a unit of its own, so that none waits for the row of another.
            if (slot := self._slot(held, now)) is not None:
                count += await store.transact(partial(self._due, held=held, slot=slot, now=now))
            ahead = following(held.series, now, live=bool(held.rollouts))
            again = min(again, ahead.at) if ahead is not None else again
        self._again_at = again
        return count

    def _due(self, conn: Connection, held: Held, slot: Slot, now: datetime) -> bool:
        if not self._claim(conn, held.series, slot, now):
            return False
        self._hold(conn, held, slot, now, THE_BOT)
        return True

    def _slot(self, held: Held, now: datetime) -> Slot | None:
        """What is due now: while a release is live on any day, else on business days."""
        slot = due(held.series, now, live=True)
        if slot is not None and held.began_by(slot.at):
            return slot
        return due(held.series, now, live=False)

    def _claim(self, conn: Connection, series: Series, slot: Slot, now: datetime) -> bool:
        name = (series.key, slot.local)
        if name in self._known:
            return False
        claimed = records.claim_cron(conn, job_of(series), slot.local, now)
        if not claimed:
            self._known.add(name)
        return claimed

    def _live(self, conn: Connection) -> list[Rollout]:
        kind = self._tools.rollouts
        return [kind.load(row) for row in rollouts.unfinished(conn) if row["live"]]

    def _hold(
        self,
        conn: Connection,
        held: Held,
        slot: Slot | None,
        now: datetime,
        by: Actor,
        tag: str = "",
    ) -> Standup:
        series = held.series
        earlier = [self._kind.load(row) for row in standups.newest(conn, series.key)]
        id_ = _id_of(series, slot.local if slot is not None else tag)
        if earlier and earlier[0].id == id_:
            return earlier[0]  # asked for once, and heard twice
        if earlier and earlier[0].ended_at is None:
            over = transitions.apply(conn, self._kind, earlier[0].id, Superseded(id_), now)
            earlier[0] = over.after  # nothing is added to it any more
        ahead = following(series, now, live=bool(held.rollouts))
        made = self._making.standup(conn, series, held.rollouts, earlier, now)
        weekly: tuple[str, ...] = ()
        if slot is not None:
            weekly = self._making.weekly(conn, series, held.rollouts, slot, now)
        made = msgspec.structs.replace(
            made,
            weekly=weekly,
            id=id_,
            slot=slot.local if slot is not None else "",
            asked_by=by.person if by is not THE_BOT else "",
            next_at=ahead.at if ahead is not None else None,
        )
        first, effects = begin(made, earlier[0] if earlier else None)
        created = transitions.create(conn, self._kind, first, effects, now, actor=by)
        return created.after

    # --- what people ask for ----------------------------------------------------------------

    async def now(self, channel: str, plan: str, actor: Actor, once: str) -> Standup | None:
        """Hold one now; None when there is none of this channel (and plan, if named)."""
        instant = self._tools.clock.now()

        def unit(conn: Connection) -> Standup | None:
            found = self._here(conn, channel, plan)
            if len(found) != 1:
                return None
            return self._hold(conn, found[0], None, instant, actor, once)

        return await self._tools.store.transact(unit)

    async def here(self, channel: str) -> list[Held]:
        """The series that are held in a channel."""
        return await self._tools.store.transact(lambda conn: self._here(conn, channel))

    def _here(self, conn: Connection, channel: str, plan: str = "") -> list[Held]:
        found = self._timetable.of(self._live(conn))
        return [h for h in found if h.series.channel == channel and plan in ("", h.series.plan)]

    def following(self, held: Held) -> Slot | None:
        """When the next of a series is, skipped ones too."""
        return following(held.series, self._tools.clock.now(), live=bool(held.rollouts))

    async def figures(self, held: Held, span: timedelta) -> list[str]:
        """The figures of delivery of a stretch of time up to now, in words."""
        now = self._tools.clock.now()
        return await self._tools.store.transact(
            lambda conn: self._making.report(conn, held.series, now, span)
        )

    async def skip(self, held: Held) -> Slot | None:
        """Leave the next one out; None when that has been done already."""
        slot, now = self.following(held), self._tools.clock.now()
        if slot is None:
            return None
        job = job_of(held.series)
        new = await self._tools.store.transact(
            lambda conn: records.claim_cron(conn, job, slot.local, now)
        )
        return slot if new else None

    async def newest(self, channel: str) -> list[Standup]:
        """The open standups of a channel, newest first."""
        rows = await self._tools.store.transact(lambda c: standups.unfinished(c, channel))
        return [self._kind.load(row) for row in rows]

    async def find(self, id_: str) -> Standup | None:
        """The standup with this id, None when there is none."""

        def unit(conn: Connection) -> Standup | None:
            try:
                return transitions.load(conn, self._kind, id_)
            except transitions.NotFoundError:
                return None

        return await self._tools.store.transact(unit)

    async def apply(self, id_: str, event: AnyStandupEvent, once: str) -> None:
        """Let something happen to a standup, once. Raises NotFoundError."""
        now = self._tools.clock.now()

        def unit(conn: Connection) -> None:
            transitions.load(conn, self._kind, id_, lock=True)
            if records.claim_cron(conn, f"{NAME}:{id_}", once, now):
                transitions.apply(conn, self._kind, id_, event, now)

        await self._tools.store.transact(unit)

    async def choose(self, made: ChoiceMade, standup_id: str, make: MakeEvent, once: str) -> str:
        """Do what somebody decided and keep it, in one unit; why not, "" when it was done.

        make: the event on the release that stands for an act. A refusal by the release itself is
        told by its own effects, and "" is returned. Raises NotFoundError and TargetBusyError.
        """
        now = self._tools.clock.now()
        return await self._tools.store.transact(
            lambda conn: self._choose(conn, made, standup_id, make, once, now)
        )

    def _choose(
        self,
        conn: Connection,
        made: ChoiceMade,
        standup_id: str,
        make: MakeEvent,
        once: str,
        now: datetime,
    ) -> str:
        kind = self._tools.rollouts
        rollout = transitions.load(conn, kind, made.rollout_id, lock=True)
        standup = transitions.load(conn, self._kind, standup_id, lock=True)
        if not records.claim_cron(conn, f"{NAME}:{standup_id}", once, now):
            return ""
        refused = refusal(standup, made.actor, made.rollout_id, made.choice)
        if refused is not None:
            return refused
        act = act_of(made.choice, rollout)
        if act:
            applied = transitions.apply(conn, kind, rollout.id, make(rollout, act), now)
            if all(isinstance(effect, Whisper) for effect in applied.effects):
                return "" if applied.effects else "Nothing came of it: the release has moved on."
        transitions.apply(conn, self._kind, standup_id, made, now)
        return ""


def job_of(series: Series) -> str:
    """Under which name the slots of a series are claimed."""
    return f"{NAME}:{series.key}"


def _id_of(series: Series, what: str) -> str:
    """su-20261123T0900-1a2b3c: the same for the same slot, and short enough to be typed."""
    digest = hashlib.sha256(f"{series.key}|{what}".encode()).hexdigest()
    day = what.replace("-", "").replace(":", "") if what[:2] == "20" else ""
    return "-".join(part for part in ("su", day, digest[:6]) if part)


CHOICE_OF = {f"{NAME}_{choice.value}": choice for choice in Choice}
"""The ids of the buttons, and what each decides."""
