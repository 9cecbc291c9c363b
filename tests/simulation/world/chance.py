"""What goes wrong, and how often: drawn anew for every seed.

With one set of odds for all seeds some faults hide others: where everything fails a little, no two
rare things meet. So each seed switches about half of the faults off and turns some of the others
far up (A. Groce et al., Swarm Testing, ISSTA 2012).
"""

from collections.abc import Callable, Mapping
from random import Random

OFTEN: Mapping[str, tuple[float, float]] = {
    # kind: how many times in a whole run it happens at most, among about how many chances
    "crash:statement": (5, 1200),
    "crash:commit": (4, 700),
    "crash:committed": (6, 700),
    "crash:call": (4, 120),
    "crash:answered": (6, 120),
    "pause:statement": (3, 1200),
    "pause:commit": (3, 700),
    "pause:committed": (5, 700),
    "pause:call": (5, 120),
    "pause:answered": (5, 120),
    "database:locked": (20, 700),
    "database:full": (4, 700),
    "database:undone": (5, 700),
    "database:unknown": (5, 700),
    "deployer:refused": (8, 60),
    "deployer:lost": (12, 60),
    "deployer:late": (8, 60),
    "deployer:slow": (20, 60),
    "deployer:500": (8, 60),
    "deployer:429": (8, 60),
    "counts:refused": (8, 30),
    "counts:500": (8, 30),
    "counts:nan": (8, 30),
    "counts:empty": (8, 30),
    "counts:stale": (8, 30),
    "counts:slow": (8, 30),
    "slack:refused": (15, 60),
    "slack:lost": (20, 60),
    "slack:429": (15, 60),
    "slack:500": (15, 60),
    "slack:slow": (20, 60),
    "delivery:refused": (6, 20),
    "delivery:lost": (6, 20),
    "delivery:twice": (8, 20),
}
"""Chances that things go wrong where they can."""


class Chance:
    """All that is left to chance in one run. now: seconds since its beginning.

    happened: how often each fault struck. times: when something did.
    """

    def __init__(self, seed: int, now: Callable[[], float]) -> None:
        self._now = now
        self.times: list[float] = []
        self.faults = Random(f"{seed}:faults")
        self.people = Random(f"{seed}:people")
        self.world = Random(f"{seed}:world")
        self._ids = Random(f"{seed}:ids")
        self.on = True
        self.happened: dict[str, int] = {}
        self._odds = {kind: self._drawn(*often) for kind, often in OFTEN.items()}

    def _drawn(self, most: float, among: float) -> float:
        if self.world.random() < 0.55:
            return 0.0
        return most / among * self.world.choice((0.1, 0.3, 1.0))

    def strikes(self, kind: str) -> bool:
        """Whether this goes wrong now."""
        odds = self._odds.get(kind, 0.0)
        if not odds or not self.on or self.faults.random() >= odds:
            return False
        self.happened[kind] = self.happened.get(kind, 0) + 1
        self.times.append(self._now())
        return True

    def which(self, what: str) -> str:
        """Which of the faults of something strikes now, "" for none."""
        for kind in OFTEN:
            if kind.startswith(f"{what}:") and self.strikes(kind):
                return kind.partition(":")[2]
        return ""

    def new_id(self) -> str:
        """An id that nobody else has."""
        return f"{self._ids.getrandbits(48):012x}"
