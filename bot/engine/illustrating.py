"""The picture of a release for the mails and pages that report it: drawn once, sent to many."""

import asyncio

from bot.domain.notice import OUT, Letter, Notice
from bot.domain.notice_facts import CHART
from bot.engine.release_records import Charts, record_kind
from bot.engine.rollouts import RolloutKind
from bot.engine.transitions import NotFoundError
from bot.pictures import draw
from bot.ports import Illustration
from bot.store.database import Store

KEPT = 4
"""Pictures of messages that go out, each a hundred kilobytes or so."""


class Illustrator:
    """Draws what a message asks for by its fact `chart`, which is the id of a release."""

    def __init__(self, store: Store, rollouts: RolloutKind) -> None:
        self._charts = Charts(store, rollouts, record_kind())
        self._kept: dict[tuple[str, int], Illustration] = {}
        self._drawing = asyncio.Lock()

    async def of(self, notice: Notice, letter: Letter) -> Illustration | None:
        """The picture of a message; None when it asks for none, or nothing was measured.

        All who get the message get the same picture, as far as this process lives.
        """
        if not letter.facts.get(CHART, ""):
            return None
        name = (notice.id, letter.number)
        async with self._drawing:
            if name in self._kept:
                return self._kept[name]
            drawn = await self.release(letter.facts[CHART])
            if drawn is not None and letter.stage in OUT:
                self._keep(name, drawn)
            return drawn

    async def release(self, rollout_id: str) -> Illustration | None:
        """The picture of a release, None when nothing was measured or there is no such release."""
        try:
            made = await self._charts.of(rollout_id)
        except NotFoundError:
            return None
        if made is None:
            return None
        return Illustration("release.png", f"{made.title}. {made.alt}", await draw(made))

    def _keep(self, name: tuple[str, int], drawn: Illustration) -> None:
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = drawn
