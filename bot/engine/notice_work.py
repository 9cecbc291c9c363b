"""What a notice needs of the outside: its cards, the people who are asked, and where it goes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, assert_never

import msgspec

from bot.domain.events import AskSigners, Page, Whisper
from bot.domain.notice import Letter, Notice, Tally, instant
from bot.domain.notice_course import announced
from bot.domain.notice_events import (
    FanOut,
    Found,
    Missed,
    NoticeEffect,
    Publish,
    Reached,
    RemindOwner,
    ShowLetter,
    TellNotice,
)
from bot.domain.notice_sending import EVERYWHERE
from bot.domain.people import Actor
from bot.engine.engine import Tools
from bot.engine.illustrating import Illustrator
from bot.engine.outbox import NotYetError, Patience, Work
from bot.ports import Announcement, Message, PermanentError, Publisher

NAME = "notice"

PUBLISH_FOR = timedelta(minutes=30)
"""How long one destination is tried before a person is told; what comes later waits behind it."""


class NoticePresenter(Protocol):
    """From a notice to messages: pure functions, no I/O."""

    def letter(self, notice: Notice, letter: Letter, now: datetime) -> Message:
        """The living card of one message, in the team's channel."""
        ...

    def line(self, notice: Notice, text: str) -> Message:
        """One line under a card, or to one person."""
        ...

    def ask(self, notice: Notice, letter: Letter, permalink: str, reminder: bool) -> Message:
        """A direct message to somebody who could approve; the channel is filled in later."""
        ...

    def page(self, notice: Notice, text: str, channel: str, permalink: str) -> Message:
        """Something that somebody must look at now."""
        ...

    def published(self, announcement: Announcement, channel: str) -> Message:
        """What customers read in a Slack channel."""
        ...


class Ways(NamedTuple):
    """How notices leave: the publishers by name, those that tell languages apart, and how many
    destinations get their errands in one unit of work."""

    publishers: Mapping[str, Publisher]
    translated: frozenset[str]
    part: int


def card_key(notice_id: str, number: int) -> str:
    """The key of the card of a letter."""
    return f"card:{NAME}:{notice_id}:{number}"


def announcement(notice: Notice, letter: Letter, language: str) -> Announcement:
    """What goes out, in one language. Raises PermanentError when it was not written in it."""
    words = next((each for each in letter.words if each.language == language), None)
    if words is None:
        raise PermanentError(f"this notice was not written in {language!r}")
    facts = {**notice.facts, **letter.facts}
    return Announcement(
        event=notice.id,
        sequence=letter.sequence,
        kind=notice.kind,
        status=letter.told or announced(letter.occasion, notice.status),
        service=notice.service,
        title=notice.title,
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=language,
        starts_at=instant(facts.get("starts_at", "")),
        ends_at=instant(facts.get("ends_at", "")),
        components=_listed(facts.get("components", "")),
        audience=notice.audience,
    )


def _listed(text: str) -> tuple[str, ...]:
    parts = text.replace("\n", ",").replace(";", ",").split(",")
    return tuple(part.strip() for part in parts if part.strip())


class NoticePerformer:
    """Does the effects of notices; implements `bot.engine.outbox.Performer`."""

    def __init__(self, tools: Tools, presenter: NoticePresenter, ways: Ways) -> None:
        self._tools = tools
        self._pictures = Illustrator(tools.store, tools.rollouts)
        self._delivery = tools.delivery
        self._presenter = presenter
        self._publishers = ways.publishers
        self._translated = ways.translated
        self._part = ways.part

    async def perform(self, work: Work) -> Sequence[Any]:
        notice: Notice = work.aggregate
        effect: NoticeEffect = work.effect
        match effect:
            case ShowLetter():
                await self._show(work, effect.number)
            case TellNotice():
                await self._tell(work, effect)
            case AskSigners():
                await self._ask(work, effect)
            case RemindOwner():
                await self._remind(work, effect.text)
            case Whisper():
                message = self._presenter.line(work.aggregate, effect.text)
                await self._delivery.whisper(message, effect.user_id, work)
            case Page():
                await self._page(work, effect.text)
            case FanOut():
                return (await self._fan_out(notice, effect.number),)
            case Publish():
                return (await self._publish(notice, effect),)
            case _:
                assert_never(effect)
        return ()

    # --- in the channel ---------------------------------------------------------------------

    async def _show(self, work: Work, number: int) -> None:
        notice: Notice = work.aggregate
        card = self._presenter.letter(notice, _letter(notice, number), self._tools.clock.now())
        await self._delivery.living(card, card_key(notice.id, number), "card", work)

    async def _tell(self, work: Work, effect: TellNotice) -> None:
        notice: Notice = work.aggregate
        message = self._presenter.line(notice, effect.text)
        if effect.number < 0:
            look = work.row.look_first
            await self._delivery.post(message, work.row.key, "notice", work, look=look)
            return
        under = await self._delivery.sent(card_key(notice.id, effect.number))
        if under is None:
            raise NotYetError("the card is not posted yet")
        await self._delivery.reply(message, under, "thread", work, broadcast=effect.broadcast)

    async def _page(self, work: Work, text: str) -> None:
        notice: Notice = work.aggregate
        channels = self._tools.catalogue.channels
        channel = channels.critical or channels.default or notice.channel
        link = await self._link(notice)
        message = self._presenter.page(notice, text, channel, link)
        await self._delivery.post(message, work.row.key, "page", work, look=work.row.look_first)

    async def _link(self, notice: Notice, number: int = -1) -> str:
        which = number if number >= 0 else len(notice.letters) - 1
        return await self._delivery.link(await self._delivery.sent(card_key(notice.id, which)))

    # --- to people --------------------------------------------------------------------------

    async def _ask(self, work: Work, effect: AskSigners) -> None:
        """Write to those who could approve; each of them once per question."""
        notice: Notice = work.aggregate
        letter = _letter(notice, int(effect.purpose))
        request = letter.request
        if request is None or request.complete or not letter.open:
            return
        link = await self._link(notice, letter.number)
        message = self._presenter.ask(notice, letter, link, effect.reminder)
        signed = [signature.person for signature in request.signatures]
        without = (*request.excluded, *signed)
        people = await self._tools.directory.signers(request.missing, without=without)
        await self._delivery.each(message, people, "ask", work)

    async def _remind(self, work: Work, text: str) -> None:
        """Nobody in person looks after what the bot began: then the channel hears of it."""
        notice: Notice = work.aggregate
        account = _account(notice.owner) or self._tools.catalogue.account_of(notice.owner.person)
        message = self._presenter.line(notice, text)
        if account:
            await self._delivery.direct(message, account, work.row.key, "reminder", work)
            return
        look = work.row.look_first
        await self._delivery.post(message, work.row.key, "reminder", work, look=look)

    # --- to customers -----------------------------------------------------------------------

    async def _fan_out(self, notice: Notice, number: int) -> Found:
        """Where it goes, a part at a time: the places after the last one that is known.

        A publisher that can't say so keeps no other from publishing.
        """
        letter = _letter(notice, number)
        places: dict[str, tuple[str, ...]] = {}
        lost: dict[str, str] = {}
        more: list[str] = []
        room = self._part
        for by, publisher, language in self._ways(letter):
            try:
                said = announcement(notice, letter, language)
                left = await _left(publisher, said, letter.tallies.get(by, Tally()).upto, room)
            except PermanentError as error:
                lost[by] = str(error)
                continue
            places[by] = tuple(left[:room])
            more += [by] if len(left) > room else []
            room -= len(places[by])
        return Found(number, places, lost, tuple(more))

    def _ways(self, letter: Letter) -> Iterator[tuple[str, Publisher, str]]:
        """By which it goes out in which language, as far as it is not known yet where to."""
        for index, words in enumerate(letter.words):
            for name, publisher in self._publishers.items():
                by = f"{name} {words.language}"
                tally = letter.tallies.get(by)
                if (tally is None or tally.more) and (not index or name in self._translated):
                    yield by, publisher, words.language

    async def _publish(self, notice: Notice, effect: Publish) -> Reached:
        name, _, language = effect.by.partition(" ")
        publisher = self._publishers.get(name)
        if publisher is None:
            raise PermanentError(f"nothing publishes to {name} any more")
        letter = _letter(notice, effect.number)
        said = msgspec.structs.replace(
            announcement(notice, letter, language), picture=await self._pictures.of(notice, letter)
        )
        # Not the key of the row: a person who tries again must not repeat what has arrived.
        key = f"{NAME}:{notice.id}:{effect.number}:{effect.by}:{effect.destination}"
        delivered = await publisher.publish(said, effect.destination, key)
        return Reached(effect.number, effect.by, effect.destination, delivered.link)

    # --- when it fails ----------------------------------------------------------------------

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case FanOut() | Publish():
                return Patience(limit=PUBLISH_FOR)
            case ShowLetter():
                return Patience(limit=None)
            case Whisper():
                return Patience(limit=timedelta(minutes=10))
            case _:
                return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        match work.effect:
            case FanOut() as out:
                return (Found(out.number, {}, {EVERYWHERE: reason}),)
            case Publish() as errand:
                return (Missed(errand.number, errand.by, errand.destination, reason),)
            case _:
                return ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        match work.effect:
            case ShowLetter():
                return Page(f"A notice can't be shown: {reason}")
            case TellNotice() as told:
                return Page(f"This could not be posted ({reason}): {told.text}")
            case AskSigners():
                return Page(f"Nobody could be asked to approve a notice: {reason}")
            case RemindOwner() as said:
                return Page(f"This reached nobody ({reason}): {said.text}")
            case _:
                return None


async def _left(publisher: Publisher, said: Announcement, after: str, room: int) -> list[str]:
    """The destinations after one, in an order that stays. Without room it is enough that there may
    be some."""
    if not room:
        return [after]
    return sorted(place for place in {*await publisher.destinations(said)} if place > after)


def _letter(notice: Notice, number: int) -> Letter:
    letter = notice.letter(number)
    if letter is None:
        raise PermanentError(f"{notice.id} has no message {number}")
    return letter


def _account(owner: Actor) -> str:
    return owner.user_id
