"""Who does the effects of standups, and what they ask of whoever writes the messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, assert_never

from bot.domain.events import Whisper
from bot.domain.standup_state import (
    PostWeekly,
    RemindDeciders,
    ShowStandup,
    Standup,
    StandupEffect,
    TellStandup,
)
from bot.engine.engine import Tools
from bot.engine.outbox import NotYetError, Patience, Work
from bot.ports import Message, PermanentError, TemporaryError
from bot.store.queries import records

NAME = "standup"

TRIES = 3
"""After so many tries a standup is posted without knowing who holds the roles."""

Whom = Mapping[str, Sequence[str]]
"""Role -> the accounts of those who hold it."""


class StandupPresenter(Protocol):
    """From a standup to messages: pure functions, no I/O."""

    def standup(self, standup: Standup, whom: Whom, now: datetime) -> Message:
        """The message of a standup, as it is now."""
        ...

    def line(self, standup: Standup, text: str) -> Message:
        """Something said under it, or to one person."""
        ...

    def reminder(self, standup: Standup, whom: Whom) -> Message:
        """What those are told who have not decided."""
        ...

    def weekly(self, standup: Standup) -> Message:
        """The report of the week."""
        ...


def key_of(standup: Standup) -> str:
    """The key of the one message of a standup."""
    return f"{NAME}:{standup.id}"


class StandupPerformer:
    """Does the effects of standups; implements `bot.engine.outbox.Performer`."""

    def __init__(self, tools: Tools, presenter: StandupPresenter) -> None:
        self._tools = tools
        self._delivery = tools.delivery
        self._presenter = presenter

    async def perform(self, work: Work) -> Sequence[Any]:
        standup: Standup = work.aggregate
        effect: StandupEffect = work.effect
        match effect:
            case ShowStandup():
                whom = await self._whom(standup, work)
                message = self._presenter.standup(standup, whom, self._tools.clock.now())
                await self._delivery.living(message, key_of(standup), NAME, work)
            case TellStandup():
                await self._under(work, self._presenter.line(standup, effect.text))
            case RemindDeciders():
                if standup.undecided:
                    whom = await self._whom(standup, work)
                    await self._under(work, self._presenter.reminder(standup, whom))
            case PostWeekly():
                weekly = self._presenter.weekly(standup)
                look = work.row.look_first
                await self._delivery.post(weekly, work.row.key, "weekly", work, look=look)
            case Whisper():
                message = self._presenter.line(work.aggregate, effect.text)
                await self._delivery.whisper(message, effect.user_id, work)
            case _:
                assert_never(effect)
        return ()

    async def _whom(self, standup: Standup, work: Work) -> Whom:
        """Who is asked to come; roles that can't be looked up are named in words."""
        found: dict[str, Sequence[str]] = {}
        for role in standup.attendees:
            try:
                found[role] = await self._tools.directory.signers((role,))
            except (TemporaryError, PermanentError):
                if work.row.attempts < TRIES:
                    raise
                found[role] = ()
        return found

    async def _under(self, work: Work, message: Message) -> None:
        there = await self._sent(work.aggregate)
        await self._delivery.reply(message, there, "thread", work, broadcast=False)

    async def _sent(self, standup: Standup) -> records.Sent:
        there = await self._delivery.sent(key_of(standup))
        if there is None:
            raise NotYetError("the standup is not posted yet")
        return there

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case Whisper():
                return Patience(limit=timedelta(minutes=10))
            case _:
                return Patience()

    def delayed(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def gave_up(self, _work: Work, _reason: str) -> Sequence[Any]:
        return ()

    def alarm(self, _work: Work, _reason: str) -> Any | None:
        return None
