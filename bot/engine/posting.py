"""Saying it in the chat: one living card, its log, and who has to be asked or woken.

How a message gets to its place, and only once, is the business of `bot.engine.delivery`.
"""

from collections.abc import Callable, Collection, Sequence

import msgspec
from sqlalchemy import Connection

from bot.domain.approvals import Request
from bot.domain.events import AskSigners, Page, PostThread, Whisper
from bot.domain.rollout import Phase, Rollout
from bot.domain.telling import channel_of
from bot.engine.catalogue import Catalogue
from bot.engine.clock import Clock
from bot.engine.delivery import Delivery, card_key
from bot.engine.directory import Directory
from bot.engine.outbox import Work
from bot.engine.presenting import Errand, Presenter
from bot.engine.rollouts import RolloutKind
from bot.ports import Chat, Message, PermanentError, Posted
from bot.store.database import Store
from bot.store.queries import records, rollouts

RECENT = 10

Lists = tuple[list[Rollout], list[Rollout], list[Rollout], dict[str, Posted]]
"""What waits, what is live, what was released lately, and where their cards are."""


Errands = Callable[[Connection, Collection[str]], Sequence[Errand]]
"""What waits for somebody who holds these roles."""


def _no_errands(_conn: Connection, _roles: Collection[str]) -> Sequence[Errand]:
    return ()


class Posting:
    """Performs what a rollout has to say."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        chat: Chat,
        presenter: Presenter,
        directory: Directory,
        clock: Clock,
        kind: RolloutKind,
        delivery: Delivery,
        errands: Errands = _no_errands,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._chat = chat
        self._presenter = presenter
        self._directory = directory
        self._clock = clock
        self._kind = kind
        self._delivery = delivery
        self._errands = errands

    # --- the card and its thread ------------------------------------------------------------

    async def card(self, work: Work) -> None:
        """Post the card, or bring it up to date."""
        rollout: Rollout = work.aggregate
        card = self._presenter.card(rollout, self._clock.now())
        there, new = await self._delivery.living(card, card_key(rollout.id), "card", work)
        if new and there.channel != card.channel:
            await self._explain(rollout, card, there, work)

    async def thread(self, work: Work, effect: PostThread) -> None:
        """Say something under the card."""
        rollout: Rollout = work.aggregate
        under = await self._delivery.card_of(rollout.id)
        message = self._presenter.thread(rollout, effect.text)
        await self._delivery.reply(message, under, "thread", work, broadcast=effect.broadcast)

    async def _explain(
        self, rollout: Rollout, card: Message, new: records.Sent, work: Work
    ) -> None:
        text = (
            f"This is here because nothing can be posted in {card.channel}: invite the bot there."
        )
        note = msgspec.structs.replace(
            self._presenter.thread(rollout, text), channel=new.channel, thread_ts=new.ts
        )
        await self._delivery.post(note, f"{new.key}:moved:{new.ts}", "thread", work, look=False)

    # --- people -----------------------------------------------------------------------------

    async def ask(self, work: Work, effect: AskSigners) -> None:
        """Write to those who could fill an open seat; each of them once per question."""
        rollout: Rollout = work.aggregate
        request = _request(rollout, effect.purpose)
        if request is None or request.complete:
            return
        card = await self._delivery.card_of(rollout.id)
        link = await self._chat.permalink(Posted(card.channel, card.ts))
        signed = [signature.person for signature in request.signatures]
        # Whoever isn't waited for is asked once, and not reminded.
        seats = request.missing if effect.reminder else (*request.missing, *request.optional)
        people = await self._directory.signers(seats, without=(*request.excluded, *signed))
        now = self._clock.now()
        message = self._presenter.ask(rollout, effect.purpose, link, effect.reminder, now)
        await self._delivery.each(message, people, "ask", work)

    async def whisper(self, work: Work, effect: Whisper) -> None:
        """Tell one person; by direct message if they can't be told in the channel."""
        rollout: Rollout = work.aggregate
        said = self._presenter.thread(rollout, effect.text)
        message = msgspec.structs.replace(said, channel=rollout.channel)
        await self._delivery.whisper(message, effect.user_id, work, card_key(rollout.id))

    async def page(self, work: Work, effect: Page) -> None:
        """Say it where somebody looks now."""
        channels = self._catalogue.channels
        own = channel_of(work.aggregate.plan, "critical")
        channel = own or channels.critical or channels.default or work.aggregate.channel
        card = await self._delivery.sent(card_key(work.aggregate.id))
        link = await self._delivery.link(card)
        message = self._presenter.page(work.aggregate, effect.text, channel, link)
        await self._delivery.post(message, work.row.key, "page", work, look=work.row.look_first)

    # --- Home tabs --------------------------------------------------------------------------

    async def homes(self) -> None:
        """Bring the Home tabs up to date of everybody who has opened theirs."""
        viewers = await self._store.transact(lambda conn: records.sent_for(conn, "home"))
        for viewer in viewers:
            try:
                await self.home(viewer.channel)
            except PermanentError:
                await self._store.transact(
                    lambda conn, key=viewer.key: records.forget_sent(conn, key)  # type: ignore[misc]
                )

    async def home(self, user_id: str) -> None:
        """Publish the Home tab of one person, and keep it up to date from now on."""
        now = self._clock.now()
        viewer = records.Sent(key=f"home:{user_id}", channel=user_id, ts="", purpose="home")
        person = self._catalogue.person_of(user_id)
        waiting, live, recent, cards = await self._store.transact(self._lists)
        errands = await self._store.transact(lambda conn: self._errands_of(conn, person))
        view = self._presenter.home(user_id, person, waiting, live, recent, now, cards, errands)
        await self._chat.publish_home(user_id, view)
        await self._store.transact(lambda conn: records.remember_sent(conn, viewer, now))

    def _errands_of(self, conn: Connection, person: str) -> Sequence[Errand]:
        """What waits for somebody with the roles that they are known to hold."""
        held = records.last_roles(conn, person)
        named = [n for n, role in self._catalogue.roles.items() if person in role.people]
        return self._errands(conn, {*named, *(held.roles if held is not None else ())})

    def _lists(self, conn: Connection) -> Lists:
        unfinished = rollouts.unfinished(conn)
        waiting = [self._kind.load(row) for row in unfinished if row["awaiting"]]
        going = [row for row in unfinished if row["live"] or row["phase"] == Phase.QUEUED]
        live = [self._kind.load(row) for row in going]
        recent = [self._kind.load(row) for row in rollouts.recent(conn, limit=RECENT)]
        shown = {rollout.id for rollout in (*waiting, *live, *recent)}
        sent = {each: records.sent(conn, card_key(each)) for each in shown}
        cards = {each: Posted(card.channel, card.ts) for each, card in sent.items() if card}
        return waiting, live, recent, cards


def _request(rollout: Rollout, purpose: str) -> Request | None:
    return rollout.rollback_request if purpose == "rollback" else rollout.request
