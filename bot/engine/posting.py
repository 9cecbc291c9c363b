"""Saying it in the chat: one living card, its log, and who has to be asked or woken.

A message is posted once: after an attempt with an unknown end it is looked for by its key first.
Where a channel can't be written to, the default channel gets it, and says so.
"""

import msgspec
from sqlalchemy import Connection

from bot.domain.approvals import Request
from bot.domain.events import AskSigners, Page, PostThread, Whisper
from bot.domain.rollout import Rollout
from bot.engine.catalogue import Catalogue
from bot.engine.clock import Clock
from bot.engine.directory import Directory
from bot.engine.outbox import NotYetError, Work
from bot.engine.presenting import Presenter
from bot.engine.rollouts import RolloutKind
from bot.ports import Chat, Message, PermanentError, Posted, TemporaryError
from bot.store.database import Store
from bot.store.queries import records, rollouts

UNREACHABLE = frozenset({"channel_not_found", "is_archived", "is_inactive", "not_in_channel"})
"""Slack's words for a channel that the bot can't write to; an edit says is_inactive."""

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Slack's words for a message that can't be edited any more."""

LOST_PLACE = UNREACHABLE | {"thread_not_found"}
"""Slack's words for a thread that takes nothing more."""

RECENT = 10

Lists = tuple[list[Rollout], list[Rollout], list[Rollout], dict[str, Posted]]
"""What waits, what is live, what was released lately, and where their cards are."""


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
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._chat = chat
        self._presenter = presenter
        self._directory = directory
        self._clock = clock
        self._kind = kind

    # --- the card and its thread ------------------------------------------------------------

    async def card(self, work: Work) -> None:
        """Post the card, or bring it up to date."""
        rollout: Rollout = work.aggregate
        card = self._presenter.card(rollout, self._clock.now())
        key = card_key(rollout.id)
        sent = await self._sent(key) or await self._lost_card(card, key, work)
        if sent is not None:
            try:
                posted = Posted(sent.channel, sent.ts)
                await self._chat.update(posted, msgspec.structs.replace(card, channel=sent.channel))
            except PermanentError as error:
                if error.code not in GONE | UNREACHABLE:
                    raise
                await self._store.transact(lambda conn: records.forget_sent(conn, key))
            else:
                return
        new = await self._post(card, key, "card", work, look=False)
        if new.channel != card.channel:
            await self._explain(rollout, card, new, work)

    async def _lost_card(self, card: Message, key: str, work: Work) -> records.Sent | None:
        """A card whose posting had an unknown end. It says what was so then: it is edited next."""
        found = await self._look(card, key) if work.row.look_first else None
        return None if found is None else await self._remember(found, key, "card", work)

    async def thread(self, work: Work, effect: PostThread) -> None:
        """Say something under the card."""
        rollout: Rollout = work.aggregate
        sent = await self._card_of(rollout)
        message = msgspec.structs.replace(
            self._presenter.thread(rollout, effect.text),
            channel=sent.channel,
            thread_ts=sent.ts,
            broadcast=effect.broadcast,
        )
        try:
            await self._post(message, work.row.key, "thread", work, look=work.row.look_first)
        except PermanentError as error:
            if error.code not in LOST_PLACE:
                raise
            # The card notices at its next edit and moves; what is said moves with it.
            raise TemporaryError(f"the card has to move first ({error})") from error

    async def _explain(
        self, rollout: Rollout, card: Message, new: records.Sent, work: Work
    ) -> None:
        text = (
            f"This is here because nothing can be posted in {card.channel}: invite the bot there."
        )
        note = msgspec.structs.replace(
            self._presenter.thread(rollout, text), channel=new.channel, thread_ts=new.ts
        )
        await self._post(note, f"{new.key}:moved:{new.ts}", "thread", work, look=False)

    async def _card_of(self, rollout: Rollout) -> records.Sent:
        sent = await self._sent(card_key(rollout.id))
        if sent is None:
            raise NotYetError("the card is not posted yet")
        return sent

    # --- people -----------------------------------------------------------------------------

    async def ask(self, work: Work, effect: AskSigners) -> None:
        """Write to those who could fill an open seat; each of them once per question."""
        rollout: Rollout = work.aggregate
        request = _request(rollout, effect.purpose)
        if request is None or request.complete:
            return
        card = await self._card_of(rollout)
        link = await self._chat.permalink(Posted(card.channel, card.ts))
        signed = [signature.person for signature in request.signatures]
        people = await self._directory.signers(
            request.missing, without=(*request.excluded, *signed)
        )
        now = self._clock.now()
        message = self._presenter.ask(rollout, effect.purpose, link, effect.reminder, now)
        later: TemporaryError | None = None
        for user_id in people:
            try:
                await self._ask_one(message, user_id, work)
            except TemporaryError as error:
                later = error
            except PermanentError:
                # One who can't be written to keeps nobody else from being asked; the card shows
                # the open seats to everybody.
                continue
        if later is not None:
            raise later

    async def _ask_one(self, message: Message, user_id: str, work: Work) -> None:
        key = f"{work.row.key}:{user_id}"
        if await self._sent(key) is None:
            direct = msgspec.structs.replace(message, channel=await self._chat.direct(user_id))
            await self._post(direct, key, "ask", work, look=work.row.look_first)

    async def whisper(self, work: Work, effect: Whisper) -> None:
        """Tell one person; by direct message if they can't be told in the channel."""
        if not effect.user_id:
            return
        rollout: Rollout = work.aggregate
        message = self._presenter.thread(rollout, effect.text)
        sent = await self._sent(card_key(rollout.id))
        channel = sent.channel if sent else rollout.channel
        try:
            here = msgspec.structs.replace(message, channel=channel)
            await self._chat.whisper(effect.user_id, here)
        except PermanentError:
            direct = await self._chat.direct(effect.user_id)
            there = msgspec.structs.replace(message, channel=direct)
            await self._post(there, work.row.key, "whisper", work, look=work.row.look_first)

    async def page(self, work: Work, effect: Page) -> None:
        """Say it where somebody looks now."""
        channels = self._catalogue.channels
        channel = channels.critical or channels.default or work.aggregate.channel
        card = await self._sent(card_key(work.aggregate.id))
        link = await self._link(card) if card is not None else ""
        message = self._presenter.page(work.aggregate, effect.text, channel, link)
        await self._post(message, work.row.key, "page", work, look=work.row.look_first)

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
        waiting, live, recent, cards = await self._store.transact(self._lists)
        person = self._catalogue.person_of(user_id)
        view = self._presenter.home(user_id, person, waiting, live, recent, now, cards)
        await self._chat.publish_home(user_id, view)
        await self._store.transact(lambda conn: records.remember_sent(conn, viewer, now))

    def _lists(self, conn: Connection) -> Lists:
        unfinished = rollouts.unfinished(conn)
        waiting = [self._kind.load(row) for row in unfinished if row["awaiting"]]
        live = [self._kind.load(row) for row in unfinished if row["live"]]
        recent = [self._kind.load(row) for row in rollouts.recent(conn, limit=RECENT)]
        shown = {rollout.id for rollout in (*waiting, *live, *recent)}
        sent = {each: records.sent(conn, card_key(each)) for each in shown}
        cards = {each: Posted(card.channel, card.ts) for each, card in sent.items() if card}
        return waiting, live, recent, cards

    async def _link(self, card: records.Sent) -> str:
        """The address of the card; a page goes out without one rather than late."""
        try:
            return await self._chat.permalink(Posted(card.channel, card.ts))
        except (TemporaryError, PermanentError):
            return ""

    # --- posting ----------------------------------------------------------------------------

    async def _sent(self, key: str) -> records.Sent | None:
        return await self._store.transact(lambda conn: records.sent(conn, key))

    async def _post(
        self, message: Message, key: str, purpose: str, work: Work, *, look: bool
    ) -> records.Sent:
        """Post a message unless it is there, and remember where it is."""
        known = await self._sent(key)
        if known is not None:
            return known
        posted = await self._look(message, key) if look else None
        if posted is None:
            posted = await self._place(message, key)
        return await self._remember(posted, key, purpose, work)

    async def _remember(self, posted: Posted, key: str, purpose: str, work: Work) -> records.Sent:
        sent = records.Sent(
            key=key,
            channel=posted.channel,
            ts=posted.ts,
            purpose=purpose,
            kind=work.kind.name,
            aggregate_id=work.row.aggregate_id,
        )
        now = self._clock.now()
        await self._store.transact(lambda conn: records.remember_sent(conn, sent, now))
        return sent

    async def _look(self, message: Message, key: str) -> Posted | None:
        for channel in self._places(message):
            try:
                found = await self._chat.find(channel, key, message.thread_ts)
            except PermanentError:
                # Where reading is not allowed, a second copy is the smaller evil.
                continue
            if found is not None:
                return found
        return None

    async def _place(self, message: Message, key: str) -> Posted:
        *others, last = self._places(message)
        for channel in others:
            try:
                return await self._chat.post(msgspec.structs.replace(message, channel=channel), key)
            except PermanentError as error:
                if error.code not in UNREACHABLE:
                    raise
        return await self._chat.post(msgspec.structs.replace(message, channel=last), key)

    def _places(self, message: Message) -> list[str]:
        """Where to try: a thread has only one place."""
        default = self._catalogue.channels.default
        if message.thread_ts or not default or default == message.channel:
            return [message.channel]
        return [message.channel, default]


def card_key(rollout_id: str) -> str:
    """The key of the one card of a rollout."""
    return f"card:rollout:{rollout_id}"


def _request(rollout: Rollout, purpose: str) -> Request | None:
    return rollout.rollback_request if purpose == "rollback" else rollout.request
