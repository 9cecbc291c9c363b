"""Publishing notices in Slack channels: one thread per event, each message in the channel too."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bot.engine.engine import Tools
from bot.ports import Announcement, Delivered, Message, PermanentError, Posted, TemporaryError
from bot.store.queries import records

Present = Callable[[Announcement, str], Message]
"""What customers read in a channel."""


class ChannelPublisher:
    """Implements `bot.ports.Publisher`. channels: by language; inside: by audience."""

    def __init__(
        self,
        tools: Tools,
        present: Present,
        channels: Mapping[str, Sequence[str]],
        inside: Mapping[str, Sequence[str]],
    ) -> None:
        self._store = tools.store
        self._chat = tools.chat
        self._clock = tools.clock
        self._present = present
        self._channels = channels
        self._inside = inside

    async def destinations(self, announcement: Announcement) -> Sequence[str]:
        """The channels of its language, or of the audience that alone gets it."""
        if announcement.audience:
            return tuple(self._inside.get(announcement.audience, ()))
        return tuple(self._channels.get(announcement.language, ()))

    async def publish(self, announcement: Announcement, destination: str, key: str) -> Delivered:
        """Post once; what may have been posted before is looked for by its key."""
        posted = await self._posted(key) or await self._post(announcement, destination, key)
        try:
            link = await self._chat.permalink(posted)
        except (TemporaryError, PermanentError):
            link = ""
        return Delivered(f"{posted.channel}:{posted.ts}", link)

    async def _post(self, announcement: Announcement, channel: str, key: str) -> Posted:
        head = f"published:{announcement.event}:{announcement.language}:{channel}"
        first = await self._posted(head)
        thread = first.ts if first is not None else ""
        posted = await self._found(channel, key, thread)
        if posted is None:
            message = msgspec.structs.replace(
                self._present(announcement, channel), thread_ts=thread, broadcast=bool(thread)
            )
            posted = await self._chat.post(message, key)
        await self._remember(key, posted)
        if first is None:
            await self._remember(head, posted)
        return posted

    async def _found(self, channel: str, key: str, thread: str) -> Posted | None:
        try:
            return await self._chat.find(channel, key, thread)
        except PermanentError:
            # Where reading is not allowed, a second copy is the smaller evil.
            return None

    async def _posted(self, key: str) -> Posted | None:
        sent = await self._store.transact(lambda conn: records.sent(conn, key))
        return Posted(sent.channel, sent.ts) if sent is not None else None

    async def _remember(self, key: str, posted: Posted) -> None:
        sent = records.Sent(key=key, channel=posted.channel, ts=posted.ts, purpose="published")
        now = self._clock.now()
        await self._store.transact(lambda conn: records.remember_sent(conn, sent, now))
