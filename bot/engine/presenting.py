"""What the engine asks of whoever writes the messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from bot.domain.duties import Duty
from bot.domain.response import Response
from bot.domain.rollout import Rollout
from bot.ports import Message, Posted


class Errand(msgspec.Struct, frozen=True):
    """Something that waits for a person besides signatures on releases.

    title: of what it belongs to. lines: what is to be done, in the domain's plain text. card: where
    it can be done.
    """

    title: str
    lines: tuple[str, ...]
    card: Posted | None = None


class Presenter(Protocol):
    """From state to messages: pure functions, no I/O."""

    def card(self, rollout: Rollout, now: datetime) -> Message:
        """The one living message of a rollout, in its channel."""
        ...

    def thread(self, rollout: Rollout, text: str) -> Message:
        """One line of its log; the engine puts it under the card."""
        ...

    def ask(
        self, rollout: Rollout, purpose: str, permalink: str, reminder: bool, now: datetime
    ) -> Message:
        """A direct message to somebody who could sign; the engine fills in the channel."""
        ...

    def page(self, rollout: Rollout, text: str, channel: str, permalink: str = "") -> Message:
        """Something that somebody must look at now. permalink: of the card, if there is one."""
        ...

    def notice(self, text: str, channel: str) -> Message:
        """Something said in a channel that belongs to no card."""
        ...

    def home(
        self,
        user_id: str,
        person: str,
        waiting: Sequence[Rollout],
        live: Sequence[Rollout],
        recent: Sequence[Rollout],
        now: datetime,
        cards: Mapping[str, Posted] = {},
        errands: Sequence[Errand] = (),
    ) -> Mapping[str, Any]:
        """The Home tab of one person. cards: rollout id -> where its card is."""
        ...


class DutyPresenter(Protocol):
    """The same for what is done about alerts and breaches."""

    def duty(self, duty: Duty, channel: str, permalink: str) -> Message:
        """What somebody has to do, with the button by which they say that it is done."""
        ...

    def response(self, response: Response) -> Message:
        """The steps of a response; the engine puts it under the card."""
        ...

    def line(self, text: str) -> Message:
        """One line under the card."""
        ...

    def call(self, about: Duty | Response, text: str, channel: str, permalink: str) -> Message:
        """Something that somebody must look at now."""
        ...

    def warning(self, rollout: Rollout, text: str, channel: str, permalink: str) -> Message:
        """A warning that wakes nobody."""
        ...
