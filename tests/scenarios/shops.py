"""Practice shops that remember what was done to them, and when."""

from dataclasses import dataclass
from random import Random
from typing import Any

from bot.ports import Release
from bot.practice.shop import Fault, ShopModel
from tests.scenarios.clock import TestClock

LONGEST = 6 * 3600.0
"""Of a longer time in which nobody looked only the end is served: each request is thrown for."""


@dataclass(frozen=True)
class Move:
    """One change: weight is the candidate's share in percent after it; at in epoch seconds."""

    what: str
    version: str
    weight: float
    at: float


class RememberedShop(ShopModel):
    """A shop whose traffic is served up to the present whenever somebody asks for that."""

    def __init__(self, clock: TestClock) -> None:
        super().__init__(now=clock.timestamp(), randomness=Random(11))
        self._clock = clock
        self._served_until = clock.timestamp()
        self.moves: list[Move] = []

    def serve(self) -> None:
        """The traffic since the last time; without a candidate there is nothing to compare."""
        now = self._clock.timestamp()
        begin = max(self._served_until, now - LONGEST)
        if self.candidate is not None and now > begin:
            self.serve_traffic(now - begin, start=begin)
        self._served_until = now

    def prepare(self, release: Release, now: float) -> None:
        self.serve()
        super().prepare(release, now)
        self._remember("prepare", release)

    def shift(
        self, release: Release, weight: float, now: float, audience: str = "", sticky: str = ""
    ) -> None:
        self.serve()
        super().shift(release, weight, now, audience, sticky)
        self._remember("shift", release)

    def promote(self, release: Release) -> None:
        self.serve()
        super().promote(release)
        self._remember("promote", release)

    def rollback(self, release: Release) -> None:
        self.serve()
        super().rollback(release)
        self._remember("rollback", release)

    def retire(self, release: Release) -> None:
        self.serve()
        super().retire(release)
        self._remember("retire", release)

    def breaks(self, version: str, error_rate: float) -> None:
        """A share of the requests to a version fails from now on (0: it is healed)."""
        self.serve()
        self.break_version(version, Fault(error_rate=error_rate))

    @property
    def weights(self) -> list[float]:
        """Every share the candidate was given, in order."""
        return [move.weight for move in self.moves if move.what == "shift"]

    def did(self, what: str) -> list[Move]:
        """The changes of one kind."""
        return [move for move in self.moves if move.what == what]

    def _remember(self, what: str, release: Release) -> None:
        self.moves.append(Move(what, release.version, self.weight, self._clock.timestamp()))


class Swallowed:
    """An answer that is not on its way yet."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)
