"""What there is to see in a workspace, and how much of it a test has looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.practice.workspace import Message, Workspace
from tests.scenarios.reading import Shown, shown, texts

Json = dict[str, Any]


@dataclass
class _Looked:
    """How much of what the bot said the test has looked at."""

    whispers: set[int] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)


class Seeing:
    """A pair of eyes in a workspace; what the bot says to one person has to be looked at."""

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self._looked = _Looked()

    def cards(self, rollout_id: str = "") -> list[Message]:
        """Every message that is a card (of a rollout), oldest first."""
        wanted = f"card:rollout:{rollout_id}"
        found = [
            message
            for kept in self.space.messages.values()
            for message in kept
            if _key(message).startswith(wanted) and ":moved" not in _key(message)
        ]
        return sorted(found, key=lambda message: message.ts)

    def card(self, rollout_id: str = "") -> Shown:
        """The newest card as it is shown now."""
        found = self.cards(rollout_id)
        assert found, "there is no card"
        return shown(found[-1])

    def thread(self) -> list[str]:
        """What is said under the newest card, oldest first."""
        card = self.card()
        kept = self.space.messages[card.channel]
        return [message.text for message in kept if message.thread_ts == card.ts]

    def said(self, words: str) -> bool:
        """Whether these words are in the thread."""
        return any(words in text for text in self.thread())

    def whispers(self, person: str) -> list[str]:
        """What this person alone was shown since the last look."""
        user_id = self.user_id(person)
        new = [e for e in self.space.ephemerals if e.person == user_id]
        new = [e for e in new if e.id not in self._looked.whispers]
        self._looked.whispers |= {e.id for e in new}
        return [texts(e.text, e.blocks) for e in new]

    def whisper(self, person: str) -> str:
        """The one thing that this person alone was shown since the last look."""
        found = self.whispers(person)
        assert len(found) == 1, f"{person} was shown {found}"
        return found[0]

    def directs(self, person: str) -> list[str]:
        """The direct messages of the bot to a person."""
        channel = "D" + self.user_id(person)[1:]
        return [message.text for message in self.space.messages.get(channel, [])]

    def pages(self) -> list[str]:
        """Who was called since the last look."""
        kept = self.space.messages.get("C0CRITICAL", [])
        new = [m for m in kept if m.ts not in self._looked.pages and _page(m)]
        self._looked.pages |= {m.ts for m in new}
        return [m.text for m in new]

    def page_about(self, words: str) -> None:
        """Somebody was called since the last look, and this is what about."""
        found = self.pages()
        assert any(words in text for text in found), found

    def modal(self, person: str) -> Json | None:
        """The form on somebody's screen."""
        stack = self.space.modals.get(self.user_id(person), [])
        return stack[-1].data if stack else None

    def errors(self, person: str) -> Mapping[str, str]:
        """What the form on somebody's screen says is wrong, by field."""
        return self.space.modals[self.user_id(person)][-1].errors

    def home(self, person: str) -> str:
        """The text of somebody's Home tab."""
        view = self.space.homes[self.user_id(person)]
        return texts("", view.data["blocks"])

    def user_id(self, person: str) -> str:
        return next(p.id for p in self.space.people.values() if person in (p.name, p.id))

    def everything_was_looked_at(self) -> None:
        """Nobody was told anything that the test does not know of."""
        missed = {
            person.name: found
            for person in self.space.people.values()
            if (found := self.whispers(person.name))
        }
        assert not missed, f"said to somebody, and no test looked at it: {missed}"
        called = self.pages()
        assert not called, f"somebody was called, and no test looked at it: {called}"


def _key(message: Message) -> str:
    payload = (message.metadata or {}).get("event_payload") or {}
    return str(payload.get("key") or "")


def _page(message: Message) -> bool:
    return bool(_key(message)) and not _key(message).startswith("card:") and not message.thread_ts
