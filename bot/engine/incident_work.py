"""Who does the effects of incidents: the card and its thread, who is called, pager and tickets."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from bot.domain.announcements import DraftNotice
from bot.domain.calling import Call, Ticket, TicketOrder
from bot.domain.charts import Chart
from bot.domain.events import HookFired, Page, Whisper
from bot.domain.incident import (
    CallOut,
    CloseTicket,
    Drafted,
    DraftPostMortem,
    Incident,
    IncidentEffect,
    OpenTicket,
    PageOut,
    PostMortemDone,
    ReportIncident,
    ShowIncident,
    ShowPicture,
    ShowPostMortem,
    ShowRunbook,
    TellIncident,
    TellRelease,
    TicketOpened,
)
from bot.domain.incident_words import called, in_order, line, logs, named
from bot.domain.plain import plain
from bot.domain.reports import Report
from bot.domain.response import clocks
from bot.engine import transitions
from bot.engine.duties import response_kind
from bot.engine.engine import Tools
from bot.engine.incident_means import IncidentPresenter, Kept, Means
from bot.engine.kinds import AnyKind, Route
from bot.engine.outbox import NotYetError, Patience, Work
from bot.engine.release_records import Charts, Showing, record_kind
from bot.engine.rollouts import CARD_PACE
from bot.engine.wellbeing import kept_words
from bot.keeping import Gallery
from bot.ports import Message
from bot.store.queries import records, reports, rollouts

NAME = "incident"


def card_key(incident_id: str) -> str:
    """The key of the one card of an incident."""
    return f"card:{NAME}:{incident_id}"


def route(incident: Incident, effect: Any) -> Route:
    """How the effects of an incident travel; what concerns one far side goes in its order."""
    match effect:
        case ShowIncident():
            return Route("chat", card_key(incident.id), latest=True, pace=CARD_PACE)
        case ShowRunbook():
            return Route("chat", f"runbook:{incident.id}", latest=True, pace=CARD_PACE)
        case TellIncident() | ShowPostMortem():
            return Route("chat", f"thread:{NAME}:{incident.id}")
        case PageOut():
            return Route("work", f"pager:{incident.id}")
        case OpenTicket() | CloseTicket():
            return Route("work", f"ticket:{incident.id}")
        case ReportIncident():
            return Route("work", f"report:{incident.id}")
        case _:
            return Route("work")


class IncidentPerformer:
    """Implements `bot.engine.outbox.Performer`."""

    def __init__(
        self,
        tools: Tools,
        presenter: IncidentPresenter,
        means: Means,
        gallery: Gallery | None = None,
    ) -> None:
        self._tools = tools
        self._gallery = gallery
        self._charts = Charts(tools.store, tools.rollouts, record_kind())
        self._presenter = presenter
        self._means = means
        self._delivery = tools.delivery
        self._responses = response_kind()

    async def perform(self, work: Work) -> Sequence[Any]:
        effect: IncidentEffect = work.effect
        match effect:
            case ShowIncident():
                card = self._presenter.card(work.aggregate, self._tools.clock.now())
                await self._delivery.living(card, card_key(work.aggregate.id), "card", work)
            case ShowRunbook():
                await self._show_runbook(work)
            case TellIncident():
                await self._reply(work, self._presenter.line(effect.text), effect.broadcast)
            case TellRelease():
                under = await self._delivery.card_of(work.aggregate.rollout_id)
                message = self._presenter.line(effect.text)
                await self._delivery.reply(message, under, "thread", work, broadcast=False)
            case ShowPostMortem():
                await self._reply(work, self._presenter.post_mortem(work.aggregate), False)
            case ShowPicture():
                await self._show_picture(work)
            case Page():
                await self._page(work, effect.text)
            case CallOut():
                await self._call_out(work, effect)
            case Whisper():
                await self._whisper(work, effect)
            case PageOut():
                await self._pager(work, effect)
            case OpenTicket():
                return await self._open_ticket(work)
            case CloseTicket():
                await self._close_ticket(work, effect.text)
            case ReportIncident():
                await self._report(work, effect)
            case DraftPostMortem():
                return await self._draft(work)
            case PostMortemDone() | DraftNotice():
                start = self._tools.starts.get(type(effect))
                if start is not None:
                    await start(work)
            case _:
                assert_never(effect)
        return ()

    # --- the card and its thread ------------------------------------------------------------

    async def _card(self, work: Work) -> records.Sent:
        there = await self._delivery.sent(card_key(work.aggregate.id))
        if there is None:
            raise NotYetError("the card of the incident is not posted yet")
        return there

    async def _reply(self, work: Work, message: Message, broadcast: bool) -> None:
        under = await self._card(work)
        await self._delivery.reply(message, under, "thread", work, broadcast=broadcast)

    async def _show_runbook(self, work: Work) -> None:
        if not work.aggregate.steps:
            return
        card = await self._card(work)
        message = self._presenter.runbook(work.aggregate)
        placed = msgspec.structs.replace(message, channel=card.channel, thread_ts=card.ts)
        await self._delivery.living(placed, f"runbook:{work.aggregate.id}", NAME, work)

    # --- people -----------------------------------------------------------------------------

    async def _link(self, work: Work) -> str:
        return await self._delivery.link(await self._delivery.sent(card_key(work.aggregate.id)))

    async def _page(self, work: Work, text: str) -> None:
        channels = self._tools.catalogue.channels
        channel = channels.critical or channels.default or work.aggregate.channel
        message = self._presenter.call(work.aggregate, text, channel, await self._link(work))
        await self._delivery.post(message, work.row.key, "page", work, look=work.row.look_first)

    async def _call_out(self, work: Work, effect: CallOut) -> None:
        """Each of those meant is written to once; one who can't be keeps nobody else from it."""
        link = await self._link(work)
        message = self._presenter.call(work.aggregate, effect.text, "", link)
        people = await self._accounts(effect.whom)
        await self._delivery.each(message, people, "ask", work)

    async def _accounts(self, whom: str) -> Sequence[str]:
        """The accounts of a person, or of everybody who holds a role."""
        catalogue = self._tools.catalogue
        if whom in catalogue.roles:
            return await self._tools.directory.signers([whom])
        account = catalogue.account_of(whom)
        if account:
            return [account]
        return [whom] if whom not in catalogue.people and whom.isupper() else []

    async def _whisper(self, work: Work, effect: Whisper) -> None:
        incident = work.aggregate
        said = self._presenter.line(effect.text)
        message = msgspec.structs.replace(said, channel=incident.channel)
        await self._delivery.whisper(message, effect.user_id, work, card_key(incident.id))

    # --- pager and tickets ------------------------------------------------------------------

    async def _pager(self, work: Work, effect: PageOut) -> None:
        pager, incident = self._means.pager, work.aggregate
        if pager is None:
            return
        call = Call(
            key=f"{NAME}:{incident.id}",
            summary=effect.text,
            severity=str(incident.severity),
            service=incident.service,
            environment=incident.environment,
            at=incident.began_at,
            link=await self._link(work),
            details={"version": incident.version} if incident.version else {},
        )
        match effect.do:
            case "trigger":
                await pager.trigger(call)
            case "acknowledge":
                await pager.acknowledge(call)
            case "resolve":
                await pager.resolve(call)

    async def _open_ticket(self, work: Work) -> Sequence[Any]:
        tickets = self._means.tickets
        if tickets is None:
            return ()
        link = await self._link(work)
        ticket = await tickets.open(ticket_of(work.aggregate, link))
        return (TicketOpened(ticket.reference, ticket.link),)

    async def _close_ticket(self, work: Work, text: str) -> None:
        tickets, incident = self._means.tickets, work.aggregate
        if tickets is not None and incident.ticket:
            ticket = Ticket(incident.ticket, incident.ticket_link)
            await tickets.close(ticket, plain(text), work.row.key)

    # --- releases and the post-mortem -------------------------------------------------------

    async def _report(self, work: Work, effect: ReportIncident) -> None:
        """Kept for releases that begin later, and told to those under way, each in its own unit."""
        incident: Incident = work.aggregate
        at = work.row.created_at
        report = Report(
            kind=str(effect.severity),
            id=f"{incident.id}:{effect.severity}",
            at=at if effect.open else max(at, incident.created_at),
            detail=incident.title[:300],
            open=effect.open,
            source="incident",
        )
        place = (incident.service, incident.environment)
        now = self._tools.clock.now()
        store = self._tools.store
        await store.transact(lambda conn: reports.keep(conn, *place, report, now))
        for id_ in await store.transact(lambda conn: _concerned(conn, place)):
            await store.transact(lambda conn, id_=id_: self._tell(conn, id_, incident, report))  # type: ignore[misc]

    def _tell(self, conn: Connection, id_: str, incident: Incident, report: Report) -> None:
        """What people declare holds a live release when it is critical; the rest is only noted."""
        grave = report.kind == "critical" and incident.origin == "person"
        fired = HookFired(
            report.kind,
            report.detail,
            "pause" if grave else "notify",
            source=report.source,
            id=report.id,
            at=report.at,
            open=report.open,
            actor=incident.declared_by,
        )
        now = self._tools.clock.now()
        transitions.apply(conn, self._tools.rollouts, id_, fired, now)

    async def _draft(self, work: Work) -> Sequence[Any]:
        draft, incident = self._means.draft, work.aggregate
        if draft is None:
            return ()
        kept = await self._tools.store.transact(lambda conn: self._kept(conn, incident))
        made = await self._chart(incident)
        if made is not None:
            link = await self._link(work)
            kept = msgspec.structs.replace(kept, picture=made.said, picture_link=link)
        return (Drafted(draft(incident, kept, self._tools.clock.now())),)

    async def _chart(self, incident: Incident) -> Chart | None:
        """The picture of its release, None where none can be shown or nothing was measured."""
        if self._gallery is None or not incident.rollout_id:
            return None
        try:
            return await self._charts.of(incident.rollout_id)
        except transitions.NotFoundError:
            return None

    async def _show_picture(self, work: Work) -> None:
        made = await self._chart(work.aggregate)
        if made is None or self._gallery is None:
            return
        under = await self._card(work)
        message = Message(under.channel, made.said, thread_ts=under.ts)
        await Showing(self._tools, self._gallery, work).show(made, work.aggregate.id, message)

    def _kept(self, conn: Connection, incident: Incident) -> Kept:
        """The clocks of its rollback, and what its release measured last."""
        took = ""
        if incident.origin == "rollback":
            response = _one(conn, self._responses, incident.about)
            took = clocks(response) if response is not None else ""
        rollout = _one(conn, self._tools.rollouts, incident.rollout_id)
        lines = kept_words(rollout, 0, 0)[1].splitlines()[1:] if rollout is not None else ()
        return Kept(took, tuple(lines))

    # --- when it goes wrong -----------------------------------------------------------------

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case ShowIncident() | ShowRunbook() | ReportIncident():
                return Patience(limit=None)
            case ShowPicture():
                return Patience(limit=timedelta(hours=1), cap=timedelta(minutes=5))
            case PageOut():
                return Patience(limit=timedelta(hours=1), cap=timedelta(seconds=15))
            case Whisper():
                return Patience(limit=timedelta(minutes=10))
            case _:
                return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        match work.effect:
            case ShowIncident() | ShowRunbook():
                return Page(f"An incident can't be shown: {reason}")
            case TellIncident() as told:
                return Page(f"This could not be posted ({reason}): {told.text}")
            case PageOut() as paged:
                return Page(f"The pager could not be told ({paged.do}): {reason}")
            case OpenTicket():
                return Page(f"There is no ticket, somebody has to open one: {reason}")
            case CallOut() as called:
                return Page(f"{called.whom} could not be written to: {reason}")
            case _:
                return None


def _one(conn: Connection, kind: AnyKind, id_: str) -> Any | None:
    try:
        return transitions.load(conn, kind, id_)
    except transitions.NotFoundError:
        return None


def _concerned(conn: Connection, place: tuple[str, str]) -> list[str]:
    return [row["id"] for row in rollouts.unfinished(conn, *place)]


def ticket_of(incident: Incident, link: str) -> TicketOrder:
    """What the ticket of an incident says when it is opened."""
    lines = [
        f"{named(incident)}: {called(incident)}.",
        f"Work on it goes on here: {link}" if link else "",
        f"Logs: {found}" if (found := logs(incident, incident.created_at)) else "",
        "",
        *(f"* {line(entry)}" for entry in in_order(incident)),
    ]
    return TicketOrder(
        key=f"{NAME}:{incident.id}",
        title=f"[{incident.severity}] {incident.service}: {incident.title}"[:200],
        body=plain("\n".join(lines)),
        labels=("incident", str(incident.severity)),
    )
