"""Many simulated soaks at once: when each way to read a limit would have spoken.

Every minute brings the same number of requests, of which some fail at random. The sequential test
is not written again here: for every number of requests the product itself is asked from how many
failures on it fails or passes, and the soaks are held against that.
"""

from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from bot.domain.comparing import canary_share
from bot.domain.early import HOUR
from bot.domain.evidence import Verdict
from bot.domain.sequential import ODDS_FAIL, ODDS_PASS, above, judge

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEVER = 10**9
"""The minute of what does not happen."""

DAY = 24 * HOUR


def failures(
    seed: Iterable[int],
    runs: int,
    per_minute: int,
    shares: float | npt.NDArray[np.float64],
    minutes: int,
) -> Counts:
    """Failures in each minute (columns) of each soak (rows). shares: 0..1, one or one a minute."""
    generator = np.random.default_rng([2024, *seed])
    return generator.binomial(per_minute, shares, (runs, minutes))


def first(flags: Flags) -> Counts:
    """The minute, counted from 1, at whose end each soak is flagged for the first time."""
    return np.where(flags.any(axis=1), flags.argmax(axis=1) + 1, NEVER)


# --- where the product speaks ---------------------------------------------------------------


def fails_from(trials: Iterable[float], limit: float, odds: float = ODDS_FAIL) -> Counts:
    """The fewest bad ones that break the limit, for each of an ascending number of trials."""
    return _walk(trials, lambda n, k: not above(n, k, limit, odds))


def passes_up_to(
    trials: Iterable[float], target: float, rule_out: float, odds: float = ODDS_PASS
) -> Counts:
    """The most bad ones that still pass, -1 when not even none would."""

    def good(n: float, k: int) -> bool:
        return judge(n, k, target, rule_out, odds_pass=odds) is Verdict.PASS

    return _walk(trials, good) - 1


def _walk(trials: Iterable[float], goes_on: Callable[[float, int], bool]) -> Counts:
    """For each number of trials the first count at which it does not go on; that never falls."""
    found: list[int] = []
    k = 0
    for n in trials:
        while k <= n and goes_on(n, k):
            k += 1
        found.append(k)
    return np.array(found)


def totals(per_minute: int, minutes: int) -> Counts:
    """Requests since the start at the end of each minute."""
    return per_minute * np.arange(1, minutes + 1)


# --- triggers -------------------------------------------------------------------------------


def moving(values: Flags | Counts, minutes: int) -> Counts:
    """The sum over the last `minutes` (fewer at the start) at the end of each minute."""
    sums = np.cumsum(values, axis=1, dtype=np.int64)
    sums[:, minutes:] -= sums[:, :-minutes].copy()
    return sums


def in_a_row(flags: Flags, need: int) -> Flags:
    """Whether the last `need` minutes are all flagged."""
    return np.asarray(moving(flags, need) == need)


def last_five(bad: Counts, per_minute: int, limit: float) -> Flags:
    """Whether the share over the last five minutes (fewer at the start) is above the limit."""
    requests = per_minute * np.minimum(np.arange(1, bad.shape[1] + 1), 5)
    return np.asarray(moving(bad, 5) > limit * requests)


def overlapping(bad: Counts, per_minute: int, limit: float, ticks: int) -> Counts:
    """A five-minute rate looked at every minute, which has to be over `ticks` times in a row."""
    return first(in_a_row(last_five(bad, per_minute, limit), ticks))


def separate(bad: Counts, per_minute: int, limit: float, hold: int) -> Flags:
    """The rule as the product codes it: so many single minutes in a row are over the limit."""
    return in_a_row(bad > limit * per_minute, hold)


def supported(bad: Counts, per_minute: int, limit: float, hold: int) -> Flags:
    """Whether the last `hold` minutes together are evidence at 20 to 1."""
    needed = fails_from([per_minute * hold], limit, ODDS_PASS)[0]
    return np.asarray(moving(bad, hold) >= needed)


class _Sum:
    """A stretch of minutes of all soaks, as `early.Stretch` for one."""

    def __init__(self, runs: int, hold: int) -> None:
        self.bad = np.zeros(runs, dtype=np.int64)
        self.worst = np.zeros((runs, hold), dtype=np.int64)
        self.minutes = 0

    def add(self, bad: Counts) -> None:
        self.bad = self.bad + bad
        self.minutes += 1
        if (bad > self.worst[:, 0]).any():
            self.worst = np.sort(np.column_stack([self.worst, bad]), axis=1)[:, 1:]

    def sustained(self) -> Counts:
        capped: Counts = self.bad - (self.worst - self.worst[:, :1]).sum(axis=1)
        return capped


def early(bad: Counts, per_minute: int, limit: float, hold: int) -> tuple[Counts, Counts]:
    """When evidence alone acts: over the whole soak, and over its last hours."""
    runs, minutes = bad.shape
    hours = max(1, -(-minutes // HOUR))
    whole = fails_from(totals(per_minute, minutes), limit, 2 * ODDS_FAIL)
    recent = fails_from(totals(per_minute, 2 * HOUR), limit, 2 * ODDS_FAIL * hours)
    since_start, this_hour, last_hour = (_Sum(runs, hold) for _ in range(3))
    start, late = (np.zeros(bad.shape, dtype=np.bool_) for _ in range(2))
    for minute in range(minutes):
        if minute and minute % HOUR == 0:
            last_hour, this_hour = this_hour, _Sum(runs, hold)
        stretches = (since_start,) if minute < HOUR else (since_start, this_hour, last_hour)
        if minute < HOUR:
            this_hour.add(bad[:, minute])
        for stretch in stretches:
            stretch.add(bad[:, minute])
        start[:, minute] = since_start.sustained() >= whole[minute]
        for stretch in stretches[1:]:
            late[:, minute] |= stretch.sustained() >= recent[stretch.minutes - 1]
    return first(start), first(late)


class Fired(msgspec.Struct, frozen=True):
    """The minute in which each coding of "over 1 % for 5 minutes" fires, for each soak."""

    ticks5: Counts
    ticks6: Counts
    rule: Counts
    whole: Counts
    hours: Counts
    required: Counts

    @property
    def evidence(self) -> Counts:
        return np.minimum(self.whole, self.hours)

    @property
    def rule_or_evidence(self) -> Counts:
        """What the product does unless a plan says otherwise."""
        return np.minimum(self.rule, self.evidence)

    @property
    def rule_or_whole(self) -> Counts:
        """What it would do without a look at the last hours."""
        return np.minimum(self.rule, self.whole)

    @property
    def both_or_evidence(self) -> Counts:
        """The same when the rule needs evidence of 20 to 1 to roll back."""
        return np.minimum(self.required, self.evidence)


def fired(bad: Counts, per_minute: int, limit: float = 0.01, hold: int = 5) -> Fired:
    """When each coding of "over `limit` for `hold` minutes" fires."""
    rule = separate(bad, per_minute, limit, hold)
    whole, hours = early(bad, per_minute, limit, hold)
    return Fired(
        overlapping(bad, per_minute, limit, 5),
        overlapping(bad, per_minute, limit, 6),
        first(rule),
        whole,
        hours,
        first(rule & supported(bad, per_minute, limit, hold)),
    )


# --- gates ----------------------------------------------------------------------------------


def plainly_significant(bad: Counts, per_minute: int, limit: float) -> Flags:
    """What a fixed-size binomial test at 5 % says when it is asked at the end of every minute."""
    requests = totals(per_minute, bad.shape[1])
    beyond = binom.isf(0.05, requests, limit)
    return np.asarray(np.cumsum(bad, axis=1) > beyond)


def fails(bad: Counts, per_minute: int, limit: float) -> Counts:
    """The minute in which the product calls the limit broken."""
    edge = fails_from(totals(per_minute, bad.shape[1]), limit)
    return first(np.cumsum(bad, axis=1) >= edge)


def against_baseline(
    seed: Iterable[int],
    runs: int,
    sides: tuple[int, int],
    times: float,
    ratio: float,
    minutes: int,
    usual: float = 0.001,
) -> tuple[Counts, Counts]:
    """When a canary that fails `times` as often as usual fails, and passes, a limit of `ratio`.

    sides: requests a minute of the canary and of the baseline. usual: the baseline's share.
    """
    canary, baseline = sides
    seed = tuple(seed)
    ours = np.cumsum(failures((*seed, 1), runs, canary, times * usual, minutes), axis=1)
    theirs = np.cumsum(failures((*seed, 2), runs, baseline, usual, minutes), axis=1)
    errors = ours + theirs
    share = canary_share(ratio, canary, baseline)
    every = range(int(errors.max()) + 1)
    broken, fine = fails_from(every, share), passes_up_to(every, share, share)
    return first(ours >= broken[errors]), first(ours <= fine[errors])
