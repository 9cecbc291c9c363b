"""The practice shop: two versions behind a weighted proxy, as a model without sockets.

The model decides which version serves a request, how that request ends, and counts it. Traffic
over real sockets (shop_traffic.py) and `serve_traffic` under a test's own clock both go through
it, so a person at the page and a test see the same shop.
"""

import hashlib
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bot.ports import PermanentError, Release

VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper edges of the latency buckets, in seconds."""

USERS = 500
"""Visitors of the shop; each comes as often as any other."""

AUDIENCES = 5
"""One visitor in so many belongs to any audience that a share is narrowed to."""

SERIES = 180
PREPARING = 1.0
"""Seconds that installing a version takes."""

_VERSION = re.compile(r"v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_BASE_LATENCY = (0.004, 0.012)


class Refused(PermanentError):
    """The shop can't do what is asked; the message says why."""


@dataclass(frozen=True)
class Fault:
    """How a version misbehaves. error_rate: share of requests, 0..1. latency_ms: added to each."""

    error_rate: float = 0.0
    latency_ms: float = 0.0


@dataclass
class Counter:
    """What one installed version has served since it was installed.

    since: epoch seconds of the installation; a reader who sees it change starts afresh.
    cumulative: requests at or below each of EDGES.
    """

    since: float
    requests: int = 0
    errors: int = 0
    cumulative: list[int] = field(default_factory=lambda: [0] * len(EDGES))

    def add(self, *, error: bool, seconds: float) -> None:
        self.requests += 1
        self.errors += error
        for index, edge in enumerate(EDGES):
            if seconds <= edge:
                self.cumulative[index] += 1


@dataclass
class Installed:
    """A version in one of the two slots. ready_at: epoch seconds from which it serves."""

    release: Release
    slot: int
    ready_at: float
    counter: Counter
    credit: float = 0.0

    def ready(self, now: float) -> bool:
        return now >= self.ready_at


@dataclass
class Tally:
    """One track in one second."""

    errors: int = 0
    seconds: list[float] = field(default_factory=list)

    def p95_ms(self) -> int:
        ordered = sorted(self.seconds)
        return round(1000 * ordered[int(0.95 * (len(ordered) - 1))]) if ordered else 0


@dataclass
class Row:
    """One second of traffic.

    t: epoch seconds, whole. runs: the current version. weight: the candidate's share in percent.
    """

    t: int
    runs: str
    weight: float = 0.0
    current: Tally = field(default_factory=Tally)
    candidate: Tally = field(default_factory=Tally)


def release_of(version: str) -> Release:
    """A version of the shop and the digest it always has.

    Raises Refused(code="unknown_version") for a name that is not vMAJOR.MINOR.PATCH.
    """
    if _VERSION.fullmatch(version) is None or len(version) > 40:
        raise Refused(f"the shop has no version {version!r}", code="unknown_version")
    digest = hashlib.sha256(f"practice shop {version}".encode()).hexdigest()
    return Release(version, f"sha256:{digest}")


class ShopModel:
    """Which versions are installed, who gets which request, and what came of it.

    Every change is absolute: asked for twice, it has its effect once. Times are epoch seconds and
    passed in. Not thread-safe; one event loop owns it.
    """

    def __init__(
        self,
        *,
        now: float,
        randomness: Random,
        requests_per_second: float = 150.0,
        preparing: float = PREPARING,
        runs: str = VERSIONS[0],
    ) -> None:
        """requests_per_second: load. preparing: seconds an installation takes. runs: at first."""
        self.requests_per_second = requests_per_second
        self.preparing = preparing
        self.current = Installed(release_of(runs), 0, now, Counter(now))
        self.candidate: Installed | None = None
        self.weight = 0.0
        self.audience = ""
        self.sticky = ""
        self.flag = ""
        self.faults: dict[str, Fault] = {}
        self.series: deque[Row] = deque(maxlen=SERIES)
        self._randomness = randomness
        self._owed = 0.0
        self._visits = 0

    def prepare(self, release: Release, now: float) -> None:
        """Install beside the current version, without traffic. Raises Refused."""
        if self._is(self.current, release):
            raise Refused(f"{release.version} runs already", code="is_current")
        expected = release_of(release.version).artifact
        if release.artifact and release.artifact != expected:
            raise Refused(f"{release.version} is another artifact: {expected}", code="artifact")
        self.weight = 0.0
        if not self._is(self.candidate, release):
            slot, ready_at = 1 - self.current.slot, now + self.preparing
            fresh = Release(release.version, expected)
            self.candidate = Installed(fresh, slot, ready_at, Counter(now))

    def shift(
        self, release: Release, weight: float, now: float, audience: str = "", sticky: str = ""
    ) -> None:
        """Give the candidate `weight` percent, of an audience or of everybody. Raises Refused.

        sticky: not "": whoever was on the candidate's side stays there when the weight rises.
        """
        if self.candidate is None or not self._is(self.candidate, release):
            raise Refused(f"{release.version} is not prepared", code="not_prepared")
        if weight > self.weight and not self.candidate.ready(now):
            raise Refused(f"{release.version} is still being installed", code="not_ready")
        self.weight, self.audience, self.sticky = weight, audience, sticky

    def promote(self, release: Release) -> None:
        """The candidate, at 100 %, becomes the current one. Raises Refused."""
        if self._is(self.current, release):
            return
        if not self._is(self.candidate, release) or self.weight < 100:
            raise Refused(f"{release.version} does not have all traffic", code="not_at_100")
        self._swap()

    def rollback(self, release: Release) -> None:
        """All traffic to a version still installed; it is current from then on. Raises Refused."""
        if self._is(self.candidate, release):
            self._swap()
        elif not self._is(self.current, release):
            raise Refused(f"{release.version} is not installed any more", code="not_installed")
        self.weight, self.audience = 0.0, ""

    def retire(self, release: Release) -> None:
        """Stop the side that is not current. Raises Refused."""
        if self._is(self.current, release):
            raise Refused(f"{release.version} is the current version", code="is_current")
        if self._is(self.candidate, release):
            self.candidate, self.weight = None, 0.0

    def break_version(self, version: str, fault: Fault) -> None:
        """Set how a version misbehaves; a Fault of zeros heals it. Raises Refused."""
        name = release_of(version).version
        if fault == Fault():
            self.faults.pop(name, None)
        else:
            self.faults[name] = fault

    def choose(self) -> Installed:
        """Who serves the next request: smooth weighted round robin, exact over any hundred.

        By visitors instead, where it is narrowed to an audience or they are to stay on one side.
        """
        candidate = self.candidate
        if candidate is None or self.weight <= 0:
            return self.current
        if self.audience or self.sticky:
            return candidate if self.takes(self._visitor()) else self.current
        if self.weight >= 100:
            return candidate
        candidate.credit += self.weight
        self.current.credit += 100 - self.weight
        chosen = candidate if candidate.credit > self.current.credit else self.current
        chosen.credit -= 100
        return chosen

    def takes(self, visitor: int) -> bool:
        """Whether a visitor (0..USERS-1) is on the candidate's side; once in, always in."""
        bucket, group = divmod(visitor, AUDIENCES)
        return bucket < self.weight and (not self.audience or group == 0)

    def _visitor(self) -> int:
        self._visits += 1
        return self._visits * 37 % USERS  # 37 and 500 have no common divisor: everybody comes

    def fate(self, served: Installed) -> tuple[bool, float]:
        """How a request to this version ends: whether with an error, and after how many seconds."""
        fault = self.faults.get(served.release.version, Fault())
        error = self._randomness.random() < fault.error_rate
        return error, self._randomness.uniform(*_BASE_LATENCY) + fault.latency_ms / 1000

    def record(self, served: Installed, *, error: bool, seconds: float, now: float) -> None:
        """Count a request that was answered. seconds: how long the answer took."""
        served.counter.add(error=error, seconds=seconds)
        row = self.row(now)
        tally = row.candidate if served is self.candidate else row.current
        tally.errors += error
        tally.seconds.append(seconds)

    def row(self, now: float) -> Row:
        """The row of this second; made when the second begins."""
        second = int(now)
        if not self.series or self.series[-1].t < second:
            self.series.append(Row(second, self.current.release.version))
        row = self.series[-1]
        row.runs, row.weight = self.current.release.version, self.weight
        return row

    def serve_traffic(self, seconds: float, *, start: float) -> None:
        """What happens in `seconds` of traffic from `start` on, counted at once without sockets."""
        self._owed += seconds * self.requests_per_second
        count = int(self._owed)
        self._owed -= count
        for index in range(count):
            served = self.choose()
            error, took = self.fate(served)
            at = start + seconds * index / count
            self.record(served, error=error, seconds=took, now=at)

    def installed(self) -> Sequence[Installed]:
        """The current version and the candidate, if there is one."""
        return (self.current,) if self.candidate is None else (self.current, self.candidate)

    def _swap(self) -> None:
        assert self.candidate is not None
        self.current, self.candidate = self.candidate, self.current
        self.current.credit = self.candidate.credit = 0.0
        self.weight, self.audience = 0.0, ""

    @staticmethod
    def _is(side: Installed | None, release: Release) -> bool:
        return side is not None and side.release.version == release.version
