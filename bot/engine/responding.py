"""Who does the effects of duties and responses."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from bot.domain.announcements import DraftNotice
from bot.domain.calling import TicketOrder
from bot.domain.duties import ACKNOWLEDGE, Duty, DutyEffect, ShowDuty, TellDuty
from bot.domain.events import Page, Whisper
from bot.domain.plain import plain
from bot.domain.response import (
    Arrange,
    Arranged,
    Preserve,
    Preserved,
    Response,
    ResponseEffect,
    ShowResponse,
    TellResponse,
    Verified,
    VerifyPrevious,
)
from bot.engine import transitions
from bot.engine.catalogue import UnknownTargetError
from bot.engine.delivery import card_key
from bot.engine.engine import Tools
from bot.engine.outbox import Patience, Work
from bot.engine.presenting import DutyPresenter
from bot.engine.wellbeing import kept_words, unresolved, unwell
from bot.ports import PermanentError, TemporaryError, Tickets
from bot.store.queries import audit, records


class _Teller:
    """What both kinds of aggregates have to say."""

    def __init__(self, tools: Tools, presenter: DutyPresenter) -> None:
        self._tools = tools
        self._presenter = presenter
        self._delivery = tools.delivery

    async def tell(self, work: Work, text: str, *, broadcast: bool) -> None:
        under = await self._delivery.card_of(work.aggregate.rollout_id)
        message = self._presenter.line(text)
        await self._delivery.reply(message, under, "thread", work, broadcast=broadcast)

    async def page(self, work: Work, text: str) -> None:
        channels = self._tools.catalogue.channels
        duty = work.aggregate
        own = duty.calls if isinstance(duty, Duty) and duty.level == "critical" else ""
        channel = own or channels.critical or channels.default or duty.channel
        link = await self._link(work)
        message = self._presenter.call(work.aggregate, text, channel, link)
        await self._delivery.post(message, work.row.key, "page", work, look=work.row.look_first)

    async def whisper(self, work: Work, effect: Whisper) -> None:
        said = self._presenter.line(effect.text)
        message = msgspec.structs.replace(said, channel=work.aggregate.channel)
        key = card_key(work.aggregate.rollout_id)
        await self._delivery.whisper(message, effect.user_id, work, key)

    async def _link(self, work: Work) -> str:
        card = await self._delivery.sent(card_key(work.aggregate.rollout_id))
        return await self._delivery.link(card)

    def patience(self, work: Work) -> Patience:
        if isinstance(work.effect, Whisper):
            return Patience(limit=timedelta(minutes=10))
        return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()


class DutyPerformer(_Teller):
    """Does the effects of duties; implements `bot.engine.outbox.Performer`."""

    async def perform(self, work: Work) -> Sequence[Any]:
        effect: DutyEffect = work.effect
        match effect:
            case ShowDuty():
                await self._show(work)
            case TellDuty():
                await self.tell(work, effect.text, broadcast=effect.broadcast)
            case Page():
                await self.page(work, effect.text)
            case Whisper():
                await self.whisper(work, effect)
            case _:
                assert_never(effect)
        return ()

    async def _show(self, work: Work) -> None:
        duty: Duty = work.aggregate
        channel, key = self._channel(duty), f"duty:{duty.id}"
        message = self._presenter.duty(duty, channel, await self._link(work))
        if duty.due != ACKNOWLEDGE:
            # One message calls people; what else they owe stands under the card until it is late.
            card = await self._delivery.card_of(duty.rollout_id)
            message = msgspec.structs.replace(message, channel=card.channel, thread_ts=card.ts)
        await self._delivery.living(message, key, "duty", work)

    def _channel(self, duty: Duty) -> str:
        channels = self._tools.catalogue.channels
        wanted = {"critical": channels.critical, "warning": channels.warning}.get(duty.level, "")
        return duty.calls or wanted or duty.channel or channels.default

    def alarm(self, work: Work, reason: str) -> Any | None:
        match work.effect:
            case ShowDuty():
                return Page(f"This can't be shown ({reason}): {work.aggregate.about}")
            case TellDuty() as told:
                return Page(f"This could not be posted ({reason}): {told.text}")
            case _:
                return None


class ResponsePerformer(_Teller):
    """Does the effects of responses; implements `bot.engine.outbox.Performer`.

    tickets: where tickets are kept, None: people open them.
    """

    def __init__(
        self, tools: Tools, presenter: DutyPresenter, tickets: Tickets | None = None
    ) -> None:
        super().__init__(tools, presenter)
        self._tickets = tickets

    async def perform(self, work: Work) -> Sequence[Any]:
        effect: ResponseEffect = work.effect
        match effect:
            case ShowResponse():
                await self._show(work)
            case TellResponse():
                await self.tell(work, effect.text, broadcast=effect.broadcast)
            case Page():
                await self.page(work, effect.text)
            case Whisper():
                await self.whisper(work, effect)
            case VerifyPrevious():
                return await self._verify(work.aggregate)
            case Preserve():
                return await self._preserve(work.aggregate)
            case Arrange():
                return await self._arrange(work, effect.step)
            case _:
                assert_never(effect)
        return ()

    async def _show(self, work: Work) -> None:
        response: Response = work.aggregate
        if not response.steps:
            return
        card = await self._delivery.card_of(response.rollout_id)
        message = self._presenter.response(response)
        placed = msgspec.structs.replace(message, channel=card.channel, thread_ts=card.ts)
        await self._delivery.living(placed, f"response:{response.id}", "response", work)

    async def _verify(self, response: Response) -> Sequence[Any]:
        """Look until the version before is well; what is wrong meanwhile is a reason to wait."""
        try:
            place = self._tools.catalogue.target(response.service, response.environment)
        except UnknownTargetError as error:
            raise PermanentError(str(error)) from error
        looked = unwell if response.action == "rollback" else unresolved
        wrong, seen = await looked(self._tools, place, response)
        if wrong:
            raise TemporaryError(wrong)
        return (Verified(True, seen),)

    async def _preserve(self, response: Response) -> Sequence[Any]:
        rollouts = self._tools.rollouts

        def unit(conn: Connection) -> Preserved:
            rollout = transitions.load(conn, rollouts, response.rollout_id)
            entries = audit.count(conn, rollouts.name, rollout.id)
            looks = records.looks(conn, rollouts.name, rollout.id)
            return Preserved(*kept_words(rollout, entries, looks))

        return (await self._tools.store.transact(unit),)

    async def _arrange(self, work: Work, index: int) -> Sequence[Any]:
        """What can't be prepared here waits for a person, as it always did."""
        response: Response = work.aggregate
        step = response.steps[index]
        if step.asks == "ticket":
            if self._tickets is None:
                return ()
            ticket = await self._tickets.open(ticket_for(response, index, await self._link(work)))
            evidence = f"{ticket.reference} {ticket.link}".rstrip()
            return (Arranged(index, evidence, done=True),)
        start = self._tools.starts.get(DraftNotice)
        if start is None:
            return ()
        await start(msgspec.structs.replace(work, effect=notice_for(response)))
        return (Arranged(index, "a draft waits for somebody to approve it", done=False),)

    def patience(self, work: Work) -> Patience:
        if isinstance(work.effect, VerifyPrevious):
            limit = timedelta(seconds=work.aggregate.budget.get("verify", 900.0))
            return Patience(limit=limit, cap=timedelta(seconds=5))
        return super().patience(work)

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        return (Verified(False, reason),) if isinstance(work.effect, VerifyPrevious) else ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        match work.effect:
            case ShowResponse():
                return Page(f"The steps of this rollback can't be shown: {reason}")
            case Arrange() as asked:
                step = work.aggregate.steps[asked.step]
                return Page(f"Somebody has to do this by hand ({reason}): {step.text}")
            case TellResponse() as told:
                return Page(f"This could not be posted ({reason}): {told.text}")
            case _:
                return None


def ticket_for(response: Response, index: int, link: str) -> TicketOrder:
    """The ticket that a step wants; it is the same one as that of an incident of this breach."""
    step = response.steps[index]
    shared = response.action == "rollback" and "incident" in step.text
    what = f"{response.service} {response.version} in {response.environment}"
    lines = [f"{response.why}", "", f"* {what}", f"* {link}" if link else ""]
    return TicketOrder(
        key=f"incident:{response.id}" if shared else f"response:{response.id}:{index}",
        title=plain(f"{what}: {response.why}")[:200],
        body=plain("\n".join(lines)),
        labels=("incident",) if "incident" in step.text else ("change",),
    )


def notice_for(response: Response) -> DraftNotice:
    """What customers may be told of a breach, as a draft."""
    facts = {
        "title": f"Problems with {response.service}",
        "version": response.version,
        "detected_at": response.asked_at.isoformat(),
        "investigating_at": response.decided_at.isoformat(),
    }
    return DraftNotice(kind="incident", event=response.id, occasion="investigating", facts=facts)
