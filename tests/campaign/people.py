"""The people of the campaign: they release, sign, pause, go back, and try again when told to.

What somebody does may get lost with the bot that took it; so they look whether it had its effect,
as people do, and repeat it if not.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.practice.deliveries import ActError, Pick
from bot.practice.shop import Fault
from tests.campaign.world import SERVICES, World

COURSES = {"straight": 45, "rollback": 20, "broken": 15, "pause": 10, "step-back": 5, "cancel": 5}
"""What becomes of a release, and how often of a hundred."""

MARY, ADA, GRACE = "U0MARY", "U0ADA", "U0GRACE"
BEFORE_TRAFFIC = frozenset({"preflight", "awaiting_approval"})
PATIENCE = 150.0
"""Seconds without any fault after which a release that has not come to its end is stuck."""

_AGAIN = 2.5
_LOOK = 0.1


@dataclass(frozen=True)
class Seen:
    """A rollout as the database has it."""

    phase: str
    ended: bool


class StuckError(Exception):
    """Something did not come about in all the time that it was given."""


class Shift:
    """The people who look after one service. began: rollout id to its course."""

    def __init__(self, world: World, service: str, number: int) -> None:
        self._world = world
        self._service = service
        self._number = number
        self._count = 0
        self.courses: dict[str, str] = {}

    async def work(self, over: Callable[[], bool]) -> None:
        """One release after the other, until it is over. Raises StuckError."""
        random = self._world.random
        while not over():
            course = random.choices(list(COURSES), list(COURSES.values()))[0]
            self._count += 1
            await self._release(f"v{self._number}.{self._count}.0", course)
            await self._tidy_up()

    async def _release(self, version: str, course: str) -> None:
        if course == "broken":
            self._world.shops[self._service].break_version(version, Fault(error_rate=0.6))
        began = time.monotonic()
        await self._insist(
            lambda: self._say(MARY, f"/release start {version} {self._service}"),
            lambda: self._there(version),
        )
        id_ = (await self._found(version))[0]
        self.courses[id_] = course
        if course == "cancel":
            await self._until(id_, f"/release cancel {self._service}", self._over)
        else:
            await self._sign(id_)
            await self._steer(id_, version, course)
        await self._end(id_, began)

    async def _steer(self, id_: str, version: str, course: str) -> None:
        random = self._world.random
        await self._reached(id_, {"soaking", "judging", "watching"})
        await asyncio.sleep(random.uniform(0, 2))
        if course == "rollback":
            text = f"/rollback {self._service} {version} it is slow"
            await self._until(id_, text, self._going_back)
        elif course in {"pause", "step-back"}:
            # There is nothing to step back to from the first wave, and after the last one.
            await self._until(id_, f"/release {course} {self._service}", self._paused, tries=3)
            await asyncio.sleep(random.uniform(0, 2))

    async def _sign(self, id_: str) -> None:
        for person in (ADA, GRACE):
            await self._insist(
                lambda who=person: self._click(who, id_),  # type: ignore[misc]
                lambda who=person: self._signed(who, id_),  # type: ignore[misc]
            )

    async def _end(self, id_: str, began: float) -> None:
        paused_since = time.monotonic()
        while not (seen := await self._seen(id_)).ended:
            if seen.phase != "paused":
                paused_since = time.monotonic()
            elif time.monotonic() - paused_since > _AGAIN:
                # A pause that came late is found, and ended, as one that was wanted.
                await self._say(MARY, f"/release resume {self._service}")
                paused_since = time.monotonic()
            if self._late(began):
                raise StuckError(f"{self._service}: {id_} is still {seen.phase}")
            await asyncio.sleep(_LOOK)

    async def _tidy_up(self) -> None:
        """A request that came late or twice, and that nobody wants any more."""
        asked = f"SELECT id FROM rollout WHERE service = '{self._service}' AND ended_at IS NULL"
        await self._insist(
            lambda: self._say(MARY, f"/release cancel {self._service}"),
            lambda: self._none(asked),
        )

    def _late(self, began: float) -> bool:
        return time.monotonic() - max(began, self._world.calm_since) > PATIENCE

    # --- doing ------------------------------------------------------------------------------

    async def _until(
        self, id_: str, text: str, done: Callable[[Seen], bool], tries: int = 0
    ) -> None:
        async def so() -> bool:
            seen = await self._seen(id_)
            return seen.ended or done(seen)

        await self._insist(lambda: self._say(MARY, text), so, tries)

    async def _insist(
        self, act: Callable[[], Awaitable[None]], so: Callable[[], Awaitable[bool]], tries: int = 0
    ) -> None:
        """Act until it is so. tries: how often at most, 0: until somebody has to be told."""
        began, count = time.monotonic(), 0
        while not await so() and not (tries and count >= tries):
            await act()
            count += 1
            again = time.monotonic() + _AGAIN
            while time.monotonic() < again:
                if await so():
                    return
                await asyncio.sleep(_LOOK)
            if self._late(began):
                raise StuckError(f"{self._service}: nothing comes of what people do")

    async def _say(self, person: str, text: str) -> None:
        space = self._world.team.space
        channel = space.channel(SERVICES[self._service])
        deliveries = self._world.team.standin.deliveries
        said = await deliveries.say(space.people[person], channel, text)
        self._world.note(f"{person}: {text} ({'taken' if said['ok'] else said['error']})")

    async def _click(self, person: str, id_: str) -> None:
        """Approve, if the card is there and still asks for it."""
        card = self._world.card(id_)
        if card is None:
            return
        space = self._world.team.space
        deliveries = self._world.team.standin.deliveries
        channel = space.channel(card.channel)
        try:
            said = await deliveries.click_message(
                space.people[person], channel, card.ts, Pick("approve")
            )
        except ActError:
            return
        self._world.note(f"{person}: approve {id_} ({said.get('error', 'taken')})")

    # --- looking ----------------------------------------------------------------------------

    async def _rows(self, query: str) -> list[tuple[object, ...]]:
        return await self._world.database.rows(query)

    async def _found(self, version: str) -> list[str]:
        rows = await self._rows(
            f"SELECT id FROM rollout WHERE service = '{self._service}'"
            f" AND version_name = '{version}' ORDER BY created_at"
        )
        return [str(id_) for (id_,) in rows]

    async def _there(self, version: str) -> bool:
        return bool(await self._found(version))

    async def _seen(self, id_: str) -> Seen:
        query = f"SELECT phase, ended_at IS NOT NULL FROM rollout WHERE id = '{id_}'"
        ((phase, ended),) = await self._rows(query)
        return Seen(str(phase), bool(ended))

    async def _none(self, query: str) -> bool:
        return not await self._rows(query)

    async def _signed(self, person: str, id_: str) -> bool:
        if (await self._seen(id_)).phase not in BEFORE_TRAFFIC:
            return True
        return not await self._none(
            f"SELECT 1 FROM approval WHERE aggregate_id = '{id_}' AND user_id = '{person}'"
        )

    async def _reached(self, id_: str, phases: set[str]) -> None:
        began = time.monotonic()
        while not (seen := await self._seen(id_)).ended and seen.phase not in phases:
            if self._late(began):
                raise StuckError(f"{self._service}: {id_} is still {seen.phase}")
            await asyncio.sleep(_LOOK)

    @staticmethod
    def _over(seen: Seen) -> bool:
        return seen.ended

    @staticmethod
    def _paused(seen: Seen) -> bool:
        return seen.phase == "paused"

    @staticmethod
    def _going_back(seen: Seen) -> bool:
        return seen.phase in {"rolling_back", "rolled_back"}
