"""Every effect of a rollout and who does it; how long it is tried, and what follows if it fails."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, assert_never

from bot.domain.bygone import ReadPast
from bot.domain.events import (
    AskSigners,
    CheckExecution,
    CheckFailed,
    ItemTicked,
    OpDelayed,
    OpFailed,
    Page,
    PostThread,
    PreflightFailed,
    Prepare,
    Promote,
    RefreshHomes,
    RenderCard,
    Retire,
    RolloutEffect,
    RunCheck,
    RunPreflight,
    SetTraffic,
    SwitchBack,
    Whisper,
)
from bot.domain.people import THE_BOT
from bot.engine.bygone import TRIED_FOR, PastReader, never
from bot.engine.catalogue import Catalogue
from bot.engine.changes import Changes
from bot.engine.checks import Checks
from bot.engine.outbox import Patience, Work
from bot.engine.posting import Posting

_OPERATIONS: dict[type, str] = {
    Prepare: "installing the new version",
    SetTraffic: "moving traffic",
    Promote: "making the new version the current one",
    Retire: "stopping the old version",
    SwitchBack: "the rollback",
}


Start = Callable[[Work], Awaitable[None]]
"""Does something about another kind of aggregate that a rollout asks for."""


class RolloutPerformer:
    """Does the effects of rollouts; implements `bot.engine.outbox.Performer`.

    starts: who does the effects that concern other kinds of aggregates.
    """

    def __init__(
        self,
        changes: Changes,
        checks: Checks,
        posting: Posting,
        starts: Mapping[type, Start],
        catalogue: Catalogue,
    ) -> None:
        self._changes = changes
        self._checks = checks
        self._posting = posting
        self._starts = starts
        self._past = PastReader(catalogue)

    async def perform(self, work: Work) -> Sequence[Any]:
        start = self._starts.get(type(work.effect))
        if start is not None:
            await start(work)
            return ()
        if isinstance(work.effect, ReadPast):
            return await self._past.read(work.aggregate, work.effect)
        effect: RolloutEffect = work.effect
        match effect:
            case Prepare() | SetTraffic() | Promote() | Retire() | SwitchBack():
                return await self._changes.perform(work)
            case RunPreflight():
                return await self._checks.preflight(work.aggregate)
            case CheckExecution():
                return await self._checks.execution(work.aggregate)
            case RunCheck():
                return await self._checks.run(work.aggregate, effect)
            case RenderCard():
                await self._posting.card(work)
            case PostThread():
                await self._posting.thread(work, effect)
            case AskSigners():
                await self._posting.ask(work, effect)
            case Whisper():
                await self._posting.whisper(work, effect)
            case Page():
                await self._posting.page(work, effect)
            case RefreshHomes():
                await self._posting.homes()
            case _:
                assert_never(effect)
        return ()

    def patience(self, work: Work) -> Patience:
        match work.effect:
            case SwitchBack():
                return Patience(limit=None, cap=timedelta(seconds=5))
            case Prepare() | SetTraffic() | Promote() | Retire():
                return Patience(limit=timedelta(minutes=15), cap=timedelta(seconds=15))
            case RunPreflight() | RunCheck():
                return Patience(limit=timedelta(minutes=2), cap=timedelta(seconds=10))
            case ReadPast():
                return Patience(limit=TRIED_FOR, cap=timedelta(seconds=15))
            case RenderCard():
                return Patience(limit=None)
            case Whisper() | RefreshHomes():
                return Patience(limit=timedelta(minutes=10))
            case _:
                return Patience()

    def delayed(self, work: Work, reason: str) -> Sequence[Any]:
        operation = _OPERATIONS.get(type(work.effect))
        if operation is None:
            return ()
        return (OpDelayed(work.row.key, operation, reason, work.row.attempts),)

    def gave_up(self, work: Work, reason: str) -> Sequence[Any]:
        operation = _OPERATIONS.get(type(work.effect))
        if operation is not None:
            return (OpFailed(work.row.key, operation, reason),)
        match work.effect:
            case RunPreflight():
                return (PreflightFailed(reason),)
            case CheckExecution():
                return (CheckFailed(reason),)
            case ReadPast() as asked:
                return (never(asked, reason),)
            case RunCheck() as check:
                generation = work.aggregate.generation
                return (ItemTicked(THE_BOT, check.gate, False, reason, generation),)
            case _:
                return ()

    def alarm(self, work: Work, reason: str) -> Any | None:
        match work.effect:
            case RenderCard():
                return Page(f"The card of this release can't be shown: {reason}")
            case PostThread() as post:
                return Page(f"This could not be posted ({reason}): {post.text}")
            case AskSigners():
                return Page(f"Nobody could be asked to sign: {reason}")
            case _:
                return None
