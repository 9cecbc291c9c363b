"""Records of releases, as a kind of aggregate that follows its rollout in the same unit of work.

What is done about a record (pictures, files) goes through the outbox like everything else, holds
nothing up, and is given up after a while: the record itself is in the database.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain import record_news, release_log
from bot.domain.charts import Chart, Looks, chart
from bot.domain.events import Measured
from bot.domain.plan import Plan
from bot.domain.release_record import (
    DrawChart,
    KeepRecord,
    Record,
    RecordEffect,
    RecordEvent,
    ReportCode,
    Restored,
    Say,
    Standing,
    Superseded,
    TakenBack,
    TellCode,
    WentLive,
    decide,
)
from bot.domain.rollout import Rollout
from bot.engine import transitions
from bot.engine.engine import Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.outbox import Patience, Work
from bot.engine.rollouts import NAME as ROLLOUT
from bot.engine.rollouts import RolloutKind
from bot.engine.source_code import SourceCode
from bot.keeping import Gallery, Picture, RecordBook
from bot.pictures import draw
from bot.ports import Message, PermanentError, Posted
from bot.store.database import Store
from bot.store.queries import records as kept
from bot.store.queries import release_records
from bot.store.tables import record as table

NAME = "record"

RecordKind = Kind[Record, Any]


class Ways(msgspec.Struct, frozen=True):
    """Where records go.

    gallery: None where no picture can be posted. book: None where no files are wanted.
    """

    code: SourceCode
    gallery: Gallery | None = None
    book: RecordBook | None = None


def parts(tools: Tools, gallery: Gallery | None, book: RecordBook | None) -> Sequence[Part]:
    """The part of an engine that keeps records; see `Ways`."""
    ways = Ways(SourceCode(tools.store, tools.catalogue.code), gallery, book)
    kind = record_kind()
    follower = Follower(kind, ways)
    return (Part(kind, RecordPerformer(tools, ways), follow=follower.follow),)


def record_kind() -> RecordKind:
    """The kind of records."""
    return Kind(
        name=NAME,
        table=table,
        decide=decide,
        load=_Loader(),
        dump=lambda record: msgspec.json.encode(record).decode(),
        subject=lambda record: Subject(record.standing, record.service, record.environment),
        effects=msgspec.json.Decoder(RecordEffect),
        route=_route,
        columns=lambda record: {"active": record.standing is Standing.ACTIVE},
        pinned=_pinned,
        # Its rollout's entries say it all already; and a unit that writes several aggregates must
        # not hold the chain while it locks the next one.
        routine=lambda *_: True,
    )


class _Loader:
    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Record)

    def __call__(self, row: RowMapping) -> Record:
        found = self._decoder.decode(row["state"])
        return msgspec.structs.replace(found, revision=row["revision"], fence=row["fence"])


def _pinned(record: Record) -> Mapping[str, Any]:
    return {
        "service": record.service,
        "environment": record.environment,
        "version_name": record.version,
    }


def _route(record: Record, effect: Any) -> Route:
    match effect:
        case DrawChart():
            return Route("work", f"chart:{record.id}")
        case KeepRecord():
            # What is no longer active is written before what is.
            return Route("work", f"record:{record.service}:{record.environment}")
        case TellCode() | ReportCode():
            return Route("work", f"code:{record.id}")
        case Say():
            return Route("chat", f"thread:{record.id}")
        case _:
            return Route("work")


# --- following the rollout ------------------------------------------------------------------


class Follower:
    """Begins records, and tells them what happened."""

    def __init__(self, kind: RecordKind, ways: Ways) -> None:
        self._kind = kind
        self._drawn = ways.gallery is not None
        self._code = ways.code

    def follow(self, conn: Connection, before: Rollout, after: Rollout, now: datetime) -> None:
        """See `Kind.follow`."""
        if record_news.signed(before, after):
            coded = self._code.knows(after.service)
            made = record_news.begin(after, now, coded=coded)
            effects = (TellCode(),) if coded else ()
            transitions.create(conn, self._kind, made, effects, now)
        events = record_news.news(before, after, now, drawn=self._drawn)
        if not events or not release_records.exists(conn, after.id):
            return
        others = self._others(conn, after, events)
        for id_ in sorted({after.id, *(id_ for id_, _ in others)}):
            transitions.load(conn, self._kind, id_, lock=True)
        first = [each for each in others if isinstance(each[1], Superseded)]
        for id_, event in first:
            transitions.apply(conn, self._kind, id_, event, now)
        for each in events:
            transitions.apply(conn, self._kind, after.id, each, now)
        for id_, event in others:
            if (id_, event) not in first:
                transitions.apply(conn, self._kind, id_, event, now)

    def _others(
        self, conn: Connection, after: Rollout, events: Sequence[RecordEvent]
    ) -> list[tuple[str, RecordEvent]]:
        """What this means for the records of other versions on the same target."""
        place = (after.service, after.environment)
        active = release_records.active(conn, *place)
        if any(isinstance(event, WentLive) for event in events):
            return [(active, Superseded())] if active and active != after.id else []
        if any(isinstance(event, TakenBack) for event in events) and active in (None, after.id):
            older = release_records.newest_of(conn, *place, after.previous)
            return [(older, Restored())] if older else []
        return []


# --- what is done about it ------------------------------------------------------------------


class RecordPerformer:
    """Does the effects of records; implements `bot.engine.outbox.Performer`."""

    def __init__(self, tools: Tools, ways: Ways) -> None:
        self._tools = tools
        self._gallery = ways.gallery
        self._book = ways.book
        self._code = ways.code
        self._kind = record_kind()
        self._charts = Charts(tools.store, tools.rollouts, record_kind())

    async def perform(self, work: Work) -> Sequence[Any]:
        effect: RecordEffect = work.effect
        match effect:
            case DrawChart(stretch):
                await self._post_chart(work, stretch)
            case KeepRecord():
                await self._keep(work)
            case Say(text):
                await self._say(work, text)
            case TellCode():
                return (await self._code.tell(work.aggregate, await self._rollout(work)),)
            case ReportCode(state):
                said = await self._code.report(work.aggregate, await self._rollout(work), state)
                if said:
                    await self._say(work, said)
            case _:
                assert_never(effect)
        return ()

    async def _rollout(self, work: Work) -> Rollout:
        of, id_ = self._tools.rollouts, work.aggregate.id
        return await self._tools.store.transact(lambda conn: transitions.load(conn, of, id_))

    async def _say(self, work: Work, text: str) -> None:
        under = await self._tools.delivery.card_of(work.aggregate.id)
        said = Message(under.channel, escaped(text))
        await self._tools.delivery.reply(said, under, "thread", work, broadcast=False)

    async def _keep(self, work: Work) -> None:
        """Write the files whole, and tell the deployer of this one version."""
        record: Record = work.aggregate
        keys, here, everywhere = await self._tools.store.transact(lambda c: self._all(c, record))
        if self._book is not None:
            logged = release_log.entries(everywhere) if keys.changelog != release_log.NONE else ()
            place = (record.service, record.environment)
            await self._book.write(*place, release_log.items(here, keys), logged)
        made = release_log.item(record, keys)
        place_of = self._tools.catalogue.targets.get((record.service, record.environment))
        if made is not None and place_of is not None and place_of.keeper is not None:
            await place_of.keeper.keep_version(place_of.target, made, work.row.key)

    def _all(
        self, conn: Connection, record: Record
    ) -> tuple[release_log.Keys, list[Record], list[Record]]:
        plan = transitions.load(conn, self._tools.rollouts, record.id).the_plan
        rows = release_records.of_service(conn, record.service)
        every = [self._kind.load(row) for row in rows]
        here = [each for each in every if each.environment == record.environment]
        return release_log.keys_of(plan.sections.records), here, every

    async def _post_chart(self, work: Work, upto: int) -> None:
        record: Record = work.aggregate
        if self._gallery is None or (made := await self._charts.of(record.id, upto)) is None:
            return
        under = await self._tools.delivery.card_of(record.id)
        message = Message(under.channel, made.said, thread_ts=under.ts)
        await Showing(self._tools, self._gallery, work).show(made, f"{upto + 1}", message)

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case DrawChart():
                return Patience(limit=timedelta(hours=1), cap=timedelta(minutes=5))
            case _:
                return Patience(cap=timedelta(minutes=5))

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        """Wakes nobody: the numbers are in the thread, and the record is in the database."""
        match work.effect:
            case KeepRecord():
                return Say(f"The record of this release could not be written: {reason}")
            case TellCode() | ReportCode():
                return Say(f"The code host could not be told of this release: {reason}")
            case _:
                return None


class Showing:
    """Shows the picture of one piece of work once.

    What was uploaded is remembered, so that a try after one with an unknown end looks for it in the
    thread. Where reading is not allowed, Slack's refusal to share it again tells the same.
    """

    def __init__(self, tools: Tools, gallery: Gallery, work: Work) -> None:
        self._delivery = tools.delivery
        self._gallery = gallery
        self._work = work
        self._key = f"picture:{work.row.key}"

    async def show(self, made: Chart, name: str, message: Message) -> None:
        """Draw, upload and share it, as far as that has not been done yet."""
        title = f"{made.title}, {made.subtitle}"
        file_id = await self._uploaded(made, name, title)
        if self._work.row.look_first and await self._gallery.shared(
            file_id, message.channel, message.thread_ts
        ):
            return
        try:
            await self._gallery.share(file_id, title, message)
        except PermanentError as error:
            if error.code != "file_not_found" or not self._work.row.look_first:
                raise

    async def _uploaded(self, made: Chart, name: str, title: str) -> str:
        there = await self._delivery.sent(self._key)
        if there is None:
            record: Record = self._work.aggregate
            called = f"{record.service}-{record.version}-{name}.png"
            picture = Picture(called, title, made.alt, await draw(made))
            posted = Posted(await self._gallery.upload(picture), "")
            there = await self._delivery.remember(posted, self._key, "picture", self._work)
        return there.channel


class Charts:
    """Makes the picture of a release, for threads, mails and reports: reads only."""

    def __init__(self, store: Store, rollouts: RolloutKind, kind: RecordKind) -> None:
        self._store = store
        self._rollouts = rollouts
        self._kind = kind

    async def of(self, rollout_id: str, upto: int | None = None) -> Chart | None:
        """The chart of a rollout up to the stretch with that index, None: all of them.

        None when nothing was measured yet. Raises NotFoundError.
        """

        def unit(conn: Connection) -> tuple[Record, Plan, Looks]:
            record = transitions.load(conn, self._kind, rollout_id)
            rollout = transitions.load(conn, self._rollouts, rollout_id)
            return record, rollout.the_plan, _looks(conn, rollout_id)

        record, plan, looks = await self._store.transact(unit)
        return chart(record, plan, looks, upto)


def _looks(conn: Connection, rollout_id: str) -> Looks:
    found = []
    for at, seen in kept.observations(conn, ROLLOUT, rollout_id):
        found.append((at, _MEASURED.decode(seen).measurements))
    return found


_MEASURED = msgspec.json.Decoder(Measured)


def escaped(text: str) -> str:
    """Plain text as the chat shows it literally."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class LeadTime(msgspec.Struct, frozen=True):
    """What one deployment brought: when it was live, and when each of its commits was made."""

    version: str
    deployed_at: datetime
    committed_at: tuple[datetime, ...]


def lead_times(
    conn: Connection, service: str, environment: str, since: datetime, until: datetime
) -> list[LeadTime]:
    """The deployments of a target in a stretch of time whose commits are known, oldest first."""
    rows = release_records.recent(conn, service, environment)
    found = [record_kind().load(row) for row in rows]
    return [
        LeadTime(each.version, each.deployed_at, each.committed_at)
        for each in reversed(found)
        if each.deployed_at is not None and since <= each.deployed_at < until and each.committed_at
    ]
