"""Duties and responses as kinds of aggregates: how they begin, show themselves and are kept."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from bot.domain import duties, response
from bot.domain.aftermath import Warn
from bot.domain.duties import Duty, DutyEffect, EndDuties, ShowDuty, StartDuty, TellDuty
from bot.domain.events import Ticked
from bot.domain.people import THE_BOT
from bot.domain.response import (
    Arrange,
    BeginResponse,
    Response,
    ResponseEffect,
    ResponseNews,
    ShowResponse,
    TellResponse,
    TrafficBack,
)
from bot.domain.rollout import Rollout
from bot.domain.telling import channel_of
from bot.engine import transitions
from bot.engine.delivery import card_key
from bot.engine.engine import Part, Tools
from bot.engine.kinds import Kind, Route, Subject
from bot.engine.outbox import NotYetError, Work
from bot.engine.presenting import DutyPresenter
from bot.engine.responding import DutyPerformer, ResponsePerformer
from bot.ports import Tickets
from bot.store.queries import duties as rows
from bot.store.tables import duty as duty_table
from bot.store.tables import response as response_table

DUTY = "duty"
RESPONSE = "response"


def duty_kind() -> Kind[Duty, Any]:
    """The kind of duties."""
    return Kind(
        name=DUTY,
        table=duty_table,
        decide=duties.decide,
        load=_Loader(Duty),
        dump=_dump,
        subject=_subject,
        effects=msgspec.json.Decoder(DutyEffect),
        route=_route,
        pinned=lambda duty: {
            "rollout_id": duty.rollout_id,
            "service": duty.service,
            "due": duty.due,
            "subject": duty.subject,
        },
    )


def response_kind() -> Kind[Response, Any]:
    """The kind of responses."""
    return Kind(
        name=RESPONSE,
        table=response_table,
        decide=response.decide,
        load=_Loader(Response),
        dump=_dump,
        subject=_subject,
        effects=msgspec.json.Decoder(ResponseEffect),
        route=_route,
        pinned=lambda each: {"rollout_id": each.rollout_id, "service": each.service},
    )


class _Loader:
    def __init__(self, type_: type[Any]) -> None:
        self._decoder = msgspec.json.Decoder(type_)

    def __call__(self, row: RowMapping) -> Any:
        return msgspec.structs.replace(
            self._decoder.decode(row["state"]), revision=row["revision"], fence=row["fence"]
        )


def _dump(aggregate: Any) -> str:
    return msgspec.json.encode(aggregate).decode()


def _subject(aggregate: Duty | Response) -> Subject:
    return Subject(aggregate.state, aggregate.service, aggregate.environment)


def _route(aggregate: Duty | Response, effect: Any) -> Route:
    match effect:
        case ShowDuty() | ShowResponse():
            return Route("chat", f"show:{aggregate.id}", latest=True)
        case TellDuty() | TellResponse():
            return Route("chat", f"thread:{aggregate.rollout_id}")
        case Arrange():
            # The incident of this breach goes the same way: one looks after the other has made one.
            return Route("work", f"ticket:{aggregate.id}")
        case _:
            return Route("work")


class _Looker:
    """A duty or a response that is due: its time has come, nothing has to be looked at."""

    async def look(self, _aggregate: Any) -> Ticked:
        return Ticked()

    def failed(self, _aggregate: Any, _reason: str) -> Ticked:
        return Ticked()

    def looked(self, _aggregate: Any) -> None:
        """Nothing is kept between two looks."""


def parts(tools: Tools, presenter: DutyPresenter, tickets: Tickets | None = None) -> Sequence[Part]:
    """Both kinds, ready for the engine. tickets: where they are kept, None: people open them."""
    duty, answer = duty_kind(), response_kind()
    begin = _Beginnings(tools, presenter, duty, answer)
    return (
        Part(
            duty,
            DutyPerformer(tools, presenter),
            _Looker(),
            {StartDuty: begin.duty, EndDuties: begin.end, Warn: begin.warn},
        ),
        Part(
            answer,
            ResponsePerformer(tools, presenter, tickets),
            _Looker(),
            {BeginResponse: begin.response, ResponseNews: begin.news},
        ),
    )


class _Beginnings:
    """What a rollout asks for that concerns duties and responses."""

    def __init__(
        self,
        tools: Tools,
        presenter: DutyPresenter,
        duty: Kind[Duty, Any],
        answer: Kind[Response, Any],
    ) -> None:
        self._tools = tools
        self._presenter = presenter
        self._duty = duty
        self._response = answer

    async def duty(self, work: Work) -> None:
        """Once per effect, however often it is performed: the id is made of its key."""
        effect: StartDuty = work.effect
        rollout: Rollout = work.aggregate
        begun = work.row.created_at - timedelta(seconds=effect.ago)
        made = Duty(
            id=_id_of(work.row.key),
            rollout_id=rollout.id,
            service=rollout.service,
            environment=rollout.environment,
            version=rollout.version,
            channel=rollout.channel,
            calls=channel_of(rollout.plan, effect.level),
            due=effect.due,
            about=effect.about,
            subject=effect.subject,
            level=effect.level,
            by=effect.by,
            created_at=begun,
            due_at=begun + timedelta(seconds=effect.seconds),
        )
        await self._create(self._duty, *duties.begin(made))

    async def end(self, work: Work) -> None:
        effect: EndDuties = work.effect
        event: duties.DutyEvent = duties.DutyOver(effect.why)
        if effect.met:
            event = duties.DutyMet(THE_BOT, effect.why)
        now = self._tools.clock.now()

        def unit(conn: Connection) -> None:
            for row in rows.open_of(conn, work.row.aggregate_id, effect.due, effect.subject):
                transitions.apply(conn, self._duty, row["id"], event, now)

        await self._tools.store.transact(unit)

    async def response(self, work: Work) -> None:
        effect: BeginResponse = work.effect
        rollout: Rollout = work.aggregate
        decided = work.row.created_at
        asked = decided - timedelta(seconds=effect.decide)
        made = Response(
            id=effect.response_id,
            rollout_id=rollout.id,
            service=rollout.service,
            environment=rollout.environment,
            version=rollout.version,
            previous=rollout.previous,
            channel=rollout.channel,
            action=effect.action,
            why=effect.why,
            steps=effect.steps,
            budget=effect.budget,
            bad_since=asked - timedelta(seconds=effect.detect),
            asked_at=asked,
            decided_at=decided,
            created_at=decided,
        )
        await self._create(self._response, *response.begin(made))

    async def news(self, work: Work) -> None:
        effect: ResponseNews = work.effect
        event = TrafficBack(effect.quarantined, effect.drain, work.row.created_at)
        now = self._tools.clock.now()
        try:
            await self._tools.store.transact(
                lambda conn: transitions.apply(conn, self._response, effect.response_id, event, now)
            )
        except transitions.NotFoundError as error:
            raise NotYetError("the response has not begun yet") from error

    async def warn(self, work: Work) -> None:
        """Where warnings go; the thread has it already, so nowhere else when there is no place."""
        effect: Warn = work.effect
        rollout: Rollout = work.aggregate
        own = channel_of(rollout.plan, "warning")
        channel = own or self._tools.catalogue.channels.warning
        if not channel:
            return
        link = await self._tools.delivery.link(
            await self._tools.delivery.sent(card_key(rollout.id))
        )
        message = self._presenter.warning(rollout, effect.text, channel, link)
        row = work.row
        await self._tools.delivery.post(message, row.key, "warning", work, look=row.look_first)

    async def _create(self, kind: Kind[Any, Any], made: Any, effects: Sequence[Any]) -> None:
        now = self._tools.clock.now()
        await self._tools.store.transact(
            lambda conn: transitions.create(conn, kind, made, effects, now)
        )


def _id_of(key: str) -> str:
    """rollout:s6ce7gx:12:3 -> s6ce7gx-12-3, which can be typed."""
    return "-".join(key.split(":")[1:])
