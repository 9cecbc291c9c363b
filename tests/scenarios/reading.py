"""What was sent to Slack, held against Slack's rules, and as a person reads it."""

import copy
import json as jsonlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from bot.practice.workspace import Ephemeral, Message
from tests.blockkit import check_message, check_view
from tests.fakes.asgi_session import AsgiResponse, AsgiSession

MESSAGES = frozenset({"chat.postMessage", "chat.update", "chat.postEphemeral"})
VIEWS = frozenset({"views.open", "views.update", "views.publish"})


@dataclass(frozen=True)
class Shown:
    """A message as it was at one moment."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]

    @property
    def buttons(self) -> list[str]:
        """What can be pressed, by action_id."""
        return [each["action_id"] for each in _elements(self.blocks) if each["type"] == "button"]

    @property
    def whole(self) -> str:
        """Every word on it."""
        return texts(self.text, self.blocks)

    def values(self, action_id: str) -> list[str]:
        """The values of the buttons with this id."""
        found = [each for each in _elements(self.blocks) if each.get("action_id") == action_id]
        return [str(each.get("value")) for each in found]


def shown(message: Message) -> Shown:
    """The message as it is now; it may change, this does not."""
    return Shown(message.channel, message.ts, message.text, copy.deepcopy(message.blocks))


def texts(text: str, blocks: Sequence[Mapping[str, Any]]) -> str:
    """A text and all words in blocks, a line each."""
    return "\n".join(line for line in (text, *_words(blocks)) if line)


def _words(thing: object) -> Iterator[str]:
    if isinstance(thing, Mapping):
        if thing.get("type") in {"plain_text", "mrkdwn"}:
            yield str(thing["text"])
            return
        for value in thing.values():
            yield from _words(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _words(value)


def _elements(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for block in blocks:
        yield from block.get("elements", ())
        if "accessory" in block:
            yield block["accessory"]


class JudgedSession(AsgiSession):
    """Holds everything that is sent against Slack's rules. refused: what broke them."""

    def __init__(self, app: Any, *, timeout: float) -> None:
        super().__init__(app, timeout=timeout)
        self.refused: list[str] = []
        self._judged: set[int] = set()

    async def _perform(
        self, method: str, url: URL, headers: CIMultiDict[str], body: bytes
    ) -> AsgiResponse:
        self._judge(url.name, headers, body)
        return await super()._perform(method, url, headers, body)

    def _judge(self, name: str, headers: CIMultiDict[str], body: bytes) -> None:
        if name not in MESSAGES | VIEWS or "json" not in headers.get("content-type", ""):
            return
        sent = jsonlib.loads(body)
        if (form := hash(_form(sent))) in self._judged:
            return
        self._judged.add(form)
        try:
            if name in MESSAGES:
                check_message(sent)
            else:
                check_view(sent["view"])
        except AssertionError as error:
            self.refused.append(f"{name}: {error}")


def _form(thing: Any) -> Any:
    """What a message is made of, with texts by their length: equal ones need one look."""
    if isinstance(thing, Mapping):
        return tuple((key, _form(value)) for key, value in thing.items())
    if isinstance(thing, list):
        return tuple(map(_form, thing))
    return -(-len(thing) // 16) if isinstance(thing, str) else thing


def judge_ephemeral(ephemeral: Ephemeral) -> None:
    """What one person was shown is fit for Slack, too."""
    check_message({"text": ephemeral.text, "blocks": ephemeral.blocks or None})


def gist(text: str) -> str:
    """The first sentence without its numbers: what it is and where it stands."""
    return re.sub(r"[0-9][0-9.,]*", "#", text).partition(". ")[0]
