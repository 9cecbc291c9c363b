"""A chat that remembers its messages, loses replies, asks for patience and forgets channels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from bot.ports import Message, PermanentError, Person, Posted, TemporaryError


@dataclass
class FakeChat:
    """Messages by (channel, ts). `faults`: by method, what goes wrong at the next calls."""

    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    whispers: list[tuple[str, str]] = field(default_factory=list)
    homes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[tuple[Exception, bool]]] = field(default_factory=dict)
    updates: int = 0
    searches: int = 0
    down: bool = False

    async def post(self, message: Message, key: str) -> Posted:
        self._channel(message.channel)
        lost = self._fault("post")
        posted = Posted(message.channel, f"{1000 + len(self.keys)}.0")
        self.messages[(posted.channel, posted.ts)] = message
        self.keys[(posted.channel, posted.ts)] = key
        if lost is not None:
            raise lost
        return posted

    async def find(self, channel: str, key: str, thread_ts: str = "") -> Posted | None:
        self._fault("find")
        self.searches += 1
        for (place, ts), known in self.keys.items():
            if place == channel and known == key and (place, ts) in self.messages:
                return Posted(place, ts)
        return None

    async def update(self, posted: Posted, message: Message) -> None:
        self._channel(posted.channel)
        lost = self._fault("update")
        if (posted.channel, posted.ts) not in self.messages:
            raise PermanentError("no such message", code="message_not_found")
        self.messages[(posted.channel, posted.ts)] = message
        self.updates += 1
        if lost is not None:
            raise lost

    async def whisper(self, user_id: str, message: Message) -> None:
        self._channel(message.channel)
        self._fault("whisper")
        self.whispers.append((user_id, message.text))

    async def direct(self, user_id: str) -> str:
        self._fault("direct")
        return f"D{user_id}"

    async def permalink(self, posted: Posted) -> str:
        return f"https://chat.example/{posted.channel}/{posted.ts}"

    async def person(self, user_id: str) -> Person:
        self._fault("person")
        if user_id not in self.people:
            raise PermanentError(f"no {user_id}", code="user_not_found")
        return self.people[user_id]

    async def group(self, group_id: str) -> frozenset[str]:
        self._fault("group")
        return self.groups.get(group_id, frozenset())

    async def publish_home(self, user_id: str, view: Mapping[str, Any]) -> None:
        self._fault("publish_home")
        self.homes[user_id] = view

    def silent(self) -> str:
        return "the chat is down" if self.down else ""

    # --- for tests ------------------------------------------------------------------------------

    def member(self, user_id: str, **fields: Any) -> None:
        """Add a member of the workspace."""
        person = Person(user_id, name=user_id, team_id="T1")
        self.people[user_id] = msgspec.structs.replace(person, **fields)

    def fail(self, method: str, *errors: Exception, applied: bool = False) -> None:
        """Let the next calls of a method go wrong; applied: after having had their effect."""
        self.faults.setdefault(method, []).extend((error, applied) for error in errors)

    def texts(self, channel: str, *, threads: bool = True) -> list[str]:
        """What stands in a channel now, in the order of posting."""
        return [
            message.text
            for (place, _), message in self.messages.items()
            if place == channel and (threads or not message.thread_ts)
        ]

    def _channel(self, channel: str) -> None:
        if channel in self.closed:
            raise PermanentError(f"{channel} is closed", code=self.closed[channel])

    def _fault(self, method: str) -> Exception | None:
        """Raise what is to go wrong before the effect; return what is to go wrong after it."""
        if self.down:
            raise TemporaryError("the chat is down")
        waiting = self.faults.get(method)
        if not waiting:
            return None
        error, applied = waiting.pop(0)
        if not applied:
            raise error
        return error


def ratelimited(seconds: float) -> TemporaryError:
    """429 with Retry-After."""
    return TemporaryError("ratelimited", retry_after=timedelta(seconds=seconds))
