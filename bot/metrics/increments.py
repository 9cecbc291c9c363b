"""How much counters have grown since a remembered place, exactly, from raw samples.

`increase()` estimates: it extrapolates, and it drops what a series counted before its first sample,
which is just where a canary's first error is. Here each series is followed by itself: a fall is a
restart (the new value counts in full), and a series that appears later counts from zero.

A place remembers for each scraped target up to which scrape it has been read. All series of a
target are scraped at one instant and become visible together, so this is enough to take every
increment once, however the targets' scrapes are offset, and it stays small however many series
there are.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

LOOKBACK_MS = 300_000
"""A target that was silent for longer is no longer looked for in every query."""

_MOST_TARGETS = 1000

Labels = frozenset[tuple[str, str]]


class Series(msgspec.Struct, frozen=True):
    """Raw samples of one series: (milliseconds since 1970, value), in order."""

    labels: Mapping[str, str]
    points: Sequence[tuple[int, float]]

    @property
    def target(self) -> str:
        return target_of(self.labels)

    @property
    def key(self) -> Labels:
        return frozenset(self.labels.items())


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Up to where counters have been read.

    at: milliseconds; a target that is not in `read` and has samples after this one is new.
    read: the newest sample taken, by target. bad_seen: whether the series of bad events exist.
    """

    at: int
    read: Mapping[str, int] = {}
    bad_seen: bool = False

    def taken(self, target: str) -> int:
        return self.read.get(target, self.at)

    @property
    def start(self) -> int:
        """From where samples are needed; targets silent for long are asked for by themselves."""
        newest = max(self.read.values(), default=self.at)
        return min((t for t in self.read.values() if t >= newest - LOOKBACK_MS), default=self.at)

    def moved(self, newest: Mapping[str, int], *, bad_seen: bool) -> "Place":
        """The place after the samples up to `newest` (by target) have been taken."""
        read = {**self.read, **newest}
        if len(read) > _MOST_TARGETS:
            read = dict(sorted(read.items(), key=lambda item: item[1])[-_MOST_TARGETS:])
        return Place(self.at, read, bad_seen)


def target_of(labels: Mapping[str, str]) -> str:
    """A short name for what was scraped."""
    text = f"{labels.get('job', '')}\0{labels.get('instance', '')}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def newest_by_target(series: Iterable[Series]) -> dict[str, int]:
    """The time of the newest sample of each target, in milliseconds."""
    newest: dict[str, int] = {}
    for one in series:
        if one.points:
            newest[one.target] = max(newest.get(one.target, 0), one.points[-1][0])
    return newest


def growth(
    series: Series, place: Place, until: Mapping[str, int], before: Mapping[Labels, float]
) -> float:
    """By how much a counter has grown after `place`.

    until: the newest sample to take, by target; later ones are left for the next reading.
    before: values at the place of series whose samples there are not in `series`.
    """
    target = series.target
    taken = place.taken(target)
    last = before.get(series.key, 0.0)
    grown = 0.0
    for at, value in series.points:
        if at <= taken:
            last = value
        elif at <= until.get(target, at):
            grown += value - last if value >= last else value
            last = value
    return grown
