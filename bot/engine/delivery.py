"""Putting messages where they belong, each once.

A message is posted once: after an attempt with an unknown end it is looked for by its key first.
Where a channel can't be written to, the default channel gets it.
"""

from collections.abc import Iterable

import msgspec

from bot.engine.catalogue import Catalogue
from bot.engine.clock import Clock
from bot.engine.outbox import NotYetError, Work
from bot.ports import SHUT_OUT, Chat, Message, PermanentError, Posted, TemporaryError
from bot.store.database import Store
from bot.store.queries import records

UNREACHABLE = frozenset({"channel_not_found", "is_archived", "is_inactive", "not_in_channel"})
"""Slack's words for a channel that the bot can't write to; an edit says is_inactive."""

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Slack's words for a message that can't be edited any more."""

LOST_PLACE = UNREACHABLE | {"thread_not_found"}
"""Slack's words for a thread that takes nothing more."""


class Delivery:
    """Posts and edits messages for the performers of every kind of aggregate."""

    def __init__(self, store: Store, catalogue: Catalogue, chat: Chat, clock: Clock) -> None:
        self._store = store
        self._catalogue = catalogue
        self._chat = chat
        self._clock = clock

    async def living(
        self, message: Message, key: str, purpose: str, work: Work
    ) -> tuple[records.Sent, bool]:
        """Post a message, or bring the one with this key up to date; whether it was posted anew.

        One whose posting had an unknown end says what was so then: it is edited next.
        """
        there = await self.sent(key) or await self._lost(message, key, purpose, work)
        if there is not None and await self.edit(message, there):
            return there, False
        return await self.post(message, key, purpose, work, look=False), True

    async def edit(self, message: Message, there: records.Sent) -> bool:
        """Replace what a message of ours says; False (and forgotten) when it is not there."""
        try:
            posted = Posted(there.channel, there.ts)
            await self._chat.update(posted, msgspec.structs.replace(message, channel=there.channel))
        except PermanentError as error:
            if error.code not in GONE | UNREACHABLE:
                raise
            await self._store.transact(lambda conn: records.forget_sent(conn, there.key))
            return False
        return True

    async def _lost(
        self, message: Message, key: str, purpose: str, work: Work
    ) -> records.Sent | None:
        found = await self.look(message, key) if work.row.look_first else None
        return None if found is None else await self.remember(found, key, purpose, work)

    async def reply(
        self, message: Message, under: records.Sent, purpose: str, work: Work, *, broadcast: bool
    ) -> records.Sent:
        """Post something in the thread of a message of ours, under the key of the work.

        Raises TemporaryError when that message has to move to another channel first.
        """
        placed = msgspec.structs.replace(
            message, channel=under.channel, thread_ts=under.ts, broadcast=broadcast
        )
        try:
            return await self.post(placed, work.row.key, purpose, work, look=work.row.look_first)
        except PermanentError as error:
            if error.code not in LOST_PLACE:
                raise
            # The card notices at its next edit and moves; what is said moves with it.
            raise TemporaryError(f"the card has to move first ({error})") from error

    async def direct(
        self, message: Message, user_id: str, key: str, purpose: str, work: Work
    ) -> None:
        """Write to one person, once per key."""
        if await self.sent(key) is None:
            there = msgspec.structs.replace(message, channel=await self._chat.direct(user_id))
            await self.post(there, key, purpose, work, look=work.row.look_first)

    async def each(self, message: Message, people: Iterable[str], purpose: str, work: Work) -> None:
        """Write to several people, each once; one who can't be written to keeps out nobody else.

        Raises TemporaryError when somebody has to be tried again, and PermanentError when it is the
        bot itself that the chat refuses.
        """
        later: TemporaryError | None = None
        for user_id in people:
            try:
                await self.direct(message, user_id, f"{work.row.key}:{user_id}", purpose, work)
            except TemporaryError as error:
                later = error
            except PermanentError as error:
                if error.code in SHUT_OUT:
                    raise
        if later is not None:
            raise later

    async def whisper(self, message: Message, user_id: str, work: Work, card: str = "") -> None:
        """Tell one person, if there is one; by direct message where the channel can't be used.

        card: the key of the message whose channel is meant; the message's own when it is nowhere.
        """
        if not user_id:
            return
        there = await self.sent(card) if card else None
        here = msgspec.structs.replace(message, channel=there.channel) if there else message
        try:
            await self._chat.whisper(user_id, here)
        except PermanentError:
            await self.direct(message, user_id, work.row.key, "whisper", work)

    async def card_of(self, rollout_id: str) -> records.Sent:
        """Where the card of a rollout is. Raises NotYetError."""
        there = await self.sent(card_key(rollout_id))
        if there is None:
            raise NotYetError("the card is not posted yet")
        return there

    async def link(self, there: records.Sent | None) -> str:
        """The address of a message; "" rather than late."""
        if there is None:
            return ""
        try:
            return await self._chat.permalink(Posted(there.channel, there.ts))
        except (TemporaryError, PermanentError):
            return ""

    async def sent(self, key: str) -> records.Sent | None:
        """Where the message with this key is, None when there is none."""
        return await self._store.transact(lambda conn: records.sent(conn, key))

    async def post(
        self, message: Message, key: str, purpose: str, work: Work, *, look: bool
    ) -> records.Sent:
        """Post a message unless it is there, and remember where it is."""
        known = await self.sent(key)
        if known is not None:
            return known
        posted = await self.look(message, key) if look else None
        if posted is None:
            posted = await self._place(message, key)
        return await self.remember(posted, key, purpose, work)

    async def remember(self, posted: Posted, key: str, purpose: str, work: Work) -> records.Sent:
        """Keep where a message of ours is."""
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

    async def look(self, message: Message, key: str) -> Posted | None:
        """Look for a message that may have been posted; None when it is nowhere."""
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
