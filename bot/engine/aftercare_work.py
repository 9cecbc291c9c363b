"""What an aftercare needs of the outside: a look at what runs, and somebody who says it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, assert_never

import msgspec
from sqlalchemy import Connection

from bot.domain.after_facts import Known, facts
from bot.domain.after_measuring import needed
from bot.domain.after_state import Aftercare, Looked
from bot.domain.events import (
    AskSigners,
    ItemTicked,
    Page,
    PostThread,
    RefreshHomes,
    RenderCard,
    RunCheck,
    Whisper,
)
from bot.domain.people import THE_BOT
from bot.domain.samples import Measurement, Reading, Track, Unknown
from bot.engine.catalogue import ServiceTarget, UnknownTargetError
from bot.engine.changes import seen_in
from bot.engine.checks import run_check
from bot.engine.engine import Tools
from bot.engine.outbox import NotYetError, Patience, Work
from bot.engine.standup_incidents import recoveries
from bot.ports import (
    Message,
    MetricQuery,
    Observation,
    PermanentError,
    Release,
    TemporaryError,
)
from bot.store.queries import aftercares, duties, records, reports

log = logging.getLogger(__name__)

NAME = "aftercare"

AftercareEffect = RenderCard | PostThread | AskSigners | Whisper | Page | RefreshHomes | RunCheck


class AftercarePresenter(Protocol):
    """From an aftercare to messages: pure functions, no I/O."""

    def card(self, care: Aftercare, now: datetime) -> Message:
        """The one living message of an aftercare, in its channel."""
        ...

    def thread(self, care: Aftercare, text: str) -> Message:
        """One line under the card, or to one person."""
        ...

    def ask(
        self, care: Aftercare, signoff: str, permalink: str, reminder: bool, now: datetime
    ) -> Message:
        """A direct message to somebody who could sign; the channel is filled in later."""
        ...

    def page(self, care: Aftercare, text: str, channel: str, permalink: str = "") -> Message:
        """Something that somebody must look at now."""
        ...


# --- looking --------------------------------------------------------------------------------


class AftercareLook:
    """Makes the event of a due aftercare: what runs, what the metrics say, what is known here."""

    def __init__(self, tools: Tools) -> None:
        self._store = tools.store
        self._catalogue = tools.catalogue
        self._clock = tools.clock

    async def look(self, care: Aftercare) -> Looked:
        """Read all that is needed now, at the same time; what can't be read is said, not raised."""
        if care.ended:
            return Looked()
        try:
            place = self._catalogue.target(care.service, care.environment)
            observation = await place.deployer.observe(place.target)
        except (UnknownTargetError, TemporaryError, PermanentError) as error:
            return Looked(blind=str(error))
        facts = await self._facts(care, observation)
        seen = seen_in(observation)
        if seen.current != care.version:
            return Looked(facts=facts, seen=seen, blind=f"{seen.current or 'nothing'} runs there")
        readings = await self._readings(care, place, observation)
        return Looked(tuple(readings), facts, seen)

    def failed(self, _care: Aftercare, reason: str) -> Looked:
        """Nothing was seen, and that is not a pass."""
        return Looked(blind=f"looking fails ({reason[:200]})")

    def looked(self, care: Aftercare) -> None:
        """Nothing is kept from look to look: the row says it all."""

    async def _facts(self, care: Aftercare, observation: Observation) -> Mapping[str, float]:
        sides = [each for each in (observation.current, observation.candidate) if each is not None]
        share = sum(side.weight for side in sides if side.release.version == care.version)

        def unit(conn: Connection) -> Known:
            place = (care.service, care.environment)
            return Known(
                share / 100,
                aftercares.rollbacks(conn, care),
                tuple(reports.standing(conn, *place)),
                tuple(reports.since(conn, *place, care.created_at)),
                tuple(recoveries(conn, place, care.created_at)),
                duties.late(conn, care.id),
            )

        return facts(care, await self._store.transact(unit))

    async def _readings(
        self, care: Aftercare, place: ServiceTarget, observation: Observation
    ) -> list[Measurement]:
        now = self._clock.now()
        labels = {"candidate": observation.current.slot} if observation.current.slot else {}
        releases = {Track.CANARY: Release(care.version, care.artifact)}
        plan, names = care.the_plan, needed(care, now)
        queries = [
            MetricQuery(
                msgspec.structs.replace(plan.metrics[name], name=name),
                Track.CANARY,
                place.target,
                releases,
                labels,
            )
            for name in names
        ]
        found = await asyncio.gather(*(self._read(care, place, query) for query in queries))
        return [Measurement(n, Track.CANARY, r) for n, r in zip(names, found, strict=True)]

    async def _read(self, care: Aftercare, place: ServiceTarget, query: MetricQuery) -> Reading:
        name = query.metric.name
        source = place.source(name)
        if source is None:
            return Unknown(f"nothing is configured to read {name}")
        try:
            return await source.read(query, care.cursors.get(name, ""), self._clock.now())
        except (TemporaryError, PermanentError) as error:
            return Unknown(str(error))
        except Exception as error:
            log.exception("reading %s failed in an unforeseen way", name)
            return Unknown(f"{type(error).__name__}: {error}")


# --- what it has to say ---------------------------------------------------------------------


def card_key(care_id: str) -> str:
    """The key of the one card of an aftercare."""
    return f"card:{NAME}:{care_id}"


class AftercarePerformer:
    """Does the effects of aftercares; implements `bot.engine.outbox.Performer`."""

    def __init__(self, tools: Tools, presenter: AftercarePresenter) -> None:
        self._tools = tools
        self._delivery = tools.delivery
        self._presenter = presenter

    async def perform(self, work: Work) -> Sequence[Any]:
        care: Aftercare = work.aggregate
        effect: AftercareEffect = work.effect
        match effect:
            case RenderCard():
                card = self._presenter.card(care, self._tools.clock.now())
                await self._delivery.living(card, card_key(care.id), "card", work)
            case PostThread():
                message = self._presenter.thread(care, effect.text)
                under = await self._card_of(care)
                await self._delivery.reply(
                    message, under, "thread", work, broadcast=effect.broadcast
                )
            case AskSigners():
                await self._ask(work, effect)
            case Whisper():
                await self._whisper(work, effect)
            case Page():
                await self._page(work, effect)
            case RefreshHomes():
                await self._tools.refresh_homes()
            case RunCheck():
                return await self._check(care, effect)
            case _:
                assert_never(effect)
        return ()

    async def _card_of(self, care: Aftercare) -> records.Sent:
        there = await self._delivery.sent(card_key(care.id))
        if there is None:
            raise NotYetError("the card is not posted yet")
        return there

    async def _check(self, care: Aftercare, effect: RunCheck) -> Sequence[Any]:
        try:
            place = self._tools.catalogue.target(care.service, care.environment)
        except UnknownTargetError as error:
            raise PermanentError(str(error)) from error
        found = await run_check(place, care, effect.check)
        return (ItemTicked(THE_BOT, effect.gate, *found),) if found is not None else ()

    async def _ask(self, work: Work, effect: AskSigners) -> None:
        """Write to those who could fill an open seat; each of them once per question."""
        care: Aftercare = work.aggregate
        request = care.requests.get(effect.purpose)
        if request is None or request.complete:
            return
        link = await self._delivery.link(await self._card_of(care))
        now = self._tools.clock.now()
        message = self._presenter.ask(care, effect.purpose, link, effect.reminder, now)
        signed = [signature.person for signature in request.signatures]
        people = await self._tools.directory.signers(request.missing, without=signed)
        await self._delivery.each(message, people, "ask", work)

    async def _whisper(self, work: Work, effect: Whisper) -> None:
        """Tell one person; by direct message if they can't be told in the channel."""
        care: Aftercare = work.aggregate
        said = self._presenter.thread(care, effect.text)
        message = msgspec.structs.replace(said, channel=care.channel)
        await self._delivery.whisper(message, effect.user_id, work, card_key(care.id))

    async def _page(self, work: Work, effect: Page) -> None:
        """Say it where somebody looks now."""
        care: Aftercare = work.aggregate
        channels = self._tools.catalogue.channels
        channel = channels.critical or channels.default or care.channel
        link = await self._delivery.link(await self._delivery.sent(card_key(care.id)))
        message = self._presenter.page(care, effect.text, channel, link)
        await self._delivery.post(message, work.row.key, "page", work, look=work.row.look_first)

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case RunCheck():
                return Patience(limit=timedelta(minutes=2), cap=timedelta(seconds=10))
            case RenderCard():
                return Patience(limit=None)
            case Whisper() | RefreshHomes():
                return Patience(limit=timedelta(minutes=10))
            case _:
                return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        match work.effect:
            case RunCheck() as check:
                return (ItemTicked(THE_BOT, check.gate, False, reason),)
            case _:
                return ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        match work.effect:
            case RenderCard():
                return Page(f"The card after this release can't be shown: {reason}")
            case PostThread() as post:
                return Page(f"This could not be posted ({reason}): {post.text}")
            case AskSigners():
                return Page(f"Nobody could be asked to sign: {reason}")
            case _:
                return None
