"""Evidence that a canary is slower than its baseline, for limits like `latency_p99 > 2x baseline`.

What is slow is told by the baseline, so it can't be known before that has been counted. Minutes
wait until the baseline has enough requests; then, in each of them, those of the canary's requests
are counted that were surely slower than the limit. The limit is made of the baseline's quantile in
the whole wave, or in those minutes where that is higher: what slows both sides down tells nothing.

With too little traffic for that a minute is one trial, as it is of a level: whether more requests
were slow than half of all minutes at the limit would have. Minutes resemble each other; what they
say alone pauses.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from bot.domain.conditions import Comparison
from bot.domain.early import Stretch, Trend, observe, proven, sustained
from bot.domain.evaluation import SLOW_ONES, quantile_edge
from bot.domain.minutes import (
    LONGEST_HOLD,
    MINUTE,
    WARM_UP,
    minute_of,
    next_end,
    present_end,
)
from bot.domain.plan import Metric
from bot.domain.questions import allowed, question_of, relative, slower_than
from bot.domain.samples import Buckets, Sample, Track, Unknown
from bot.domain.sequential import above
from bot.domain.totals import Total, add, flaw

ENOUGH = 1000
"""So many requests tell a baseline's quantile; more, where fewer than ten of them would be slow."""

PATIENCE = 10
"""Minutes that wait at most until the baseline has enough requests."""

HALF = 0.5


class Waiting(msgspec.Struct, frozen=True):
    """A minute of the canary that is not counted yet. worse: what it is as a trial, if any."""

    minute: int
    canary: Buckets
    worse: bool | None = None


class Slowness(msgspec.Struct, frozen=True):
    """ends_at, canary, baseline: the present minute. waiting, beside: minutes that are not counted
    yet, and what the baseline had in them. counts: of requests; minutes: of minutes."""

    ends_at: datetime | None = None
    canary: Buckets | None = None
    baseline: Buckets | None = None
    waiting: tuple[Waiting, ...] = ()
    beside: Buckets | None = None
    counts: Trend = Trend()
    minutes: Trend = Trend()


class SlowTally(msgspec.Struct, frozen=True):
    """How the readings of one condition become evidence.

    share: of the requests that may be slower than the limit. hold: minutes for which the rule of
    the trigger has to hold.
    """

    comparison: Comparison
    share: float
    hold: int = 1

    @property
    def enough(self) -> int:
        """Requests of a baseline whose quantile is trusted."""
        return max(ENOUGH, math.ceil(SLOW_ONES / self.share))

    @property
    def telling(self) -> int:
        """Requests in which what slows both sides down shows."""
        return math.ceil(1 / self.share)

    def add(
        self,
        old: Slowness,
        fresh: Mapping[Track, Sample | Unknown],
        whole: Total | None,
        began: datetime,
        now: datetime,
        *,
        live: bool,
    ) -> Slowness:
        """With new readings; a minute that is over is counted, or waits.

        whole: all that is known of the baseline, of this wave when it is `live`, else of the past.
        """
        ends = present_end(old.ends_at, began, now)
        held = msgspec.structs.replace(
            old,
            ends_at=ends,
            canary=_plus(old.canary, fresh.get(Track.CANARY)),
            baseline=_plus(old.baseline, fresh.get(Track.BASELINE)),
        )
        if now < ends:
            return held
        done = held
        if ends - began > WARM_UP and isinstance(whole, Buckets):
            finish = self._beside if live else self._frozen
            done = finish(held, whole, minute_of(held.counts, began, now))
        return msgspec.structs.replace(
            done, ends_at=next_end(began, now), canary=None, baseline=None
        )

    def _frozen(self, held: Slowness, past: Buckets, minute: int) -> Slowness:
        limit, canary = self._limit(past), held.canary
        if canary is None or canary.total <= 0 or past.total < self.enough or limit is None:
            return held
        known = past.total / (held.counts.since_start.n + canary.total)
        counts = self._count(held.counts, minute, canary, limit, known)
        return msgspec.structs.replace(held, counts=counts)

    def _beside(self, held: Slowness, whole: Buckets, minute: int) -> Slowness:
        if held.canary is None or held.baseline is None:
            return held
        if held.canary.total <= 0 or held.baseline.total <= 0:
            return held
        new = Waiting(minute, held.canary, self._worse(held.canary, held.baseline, whole))
        waiting = (*held.waiting, new)
        beside = _both(held.beside, held.baseline)
        emptied = msgspec.structs.replace(held, waiting=(), beside=None)
        if whole.total >= self.enough and beside.total >= self.telling:
            limit = self._limit(beside, whole)
            counts, known = emptied.counts, beside.total / sum(w.canary.total for w in waiting)
            for each in waiting if limit is not None else ():
                counts = self._count(counts, each.minute, each.canary, limit or 0.0, known)
            return msgspec.structs.replace(emptied, counts=counts)
        if self._soon(len(waiting), beside, whole):
            return msgspec.structs.replace(held, waiting=waiting, beside=beside)
        minutes = emptied.minutes
        for each in waiting:
            if each.worse is not None:
                minutes = observe(minutes, each.minute, 1, float(each.worse), self.hold)
        return msgspec.structs.replace(emptied, minutes=minutes)

    def _soon(self, waiting: int, beside: Buckets, whole: Buckets) -> bool:
        """Whether the baseline will have enough before patience is at its end."""
        more = beside.total / waiting * (PATIENCE - waiting)
        enough = whole.total + more >= self.enough and beside.total + more >= self.telling
        return waiting < PATIENCE and enough

    def _limit(self, *known: Buckets) -> float | None:
        """In seconds; None when a baseline is slower than its highest edge."""
        quantiles = [quantile_edge(each, self.share) for each in known]
        found = [quantile for quantile in quantiles if quantile is not None]
        if len(found) < len(known):
            return None
        return relative(self.comparison.limit, max(found))

    def _count(
        self, trend: Trend, minute: int, canary: Buckets, limit: float, known: float
    ) -> Trend:
        """known: requests of the baseline for each of the canary's. The limit is no better known
        than that many tell, so more of the canary's don't count as more."""
        weight = min(1.0, known)
        slow = min(slower_than(canary, limit)[0], canary.total)
        return observe(trend, minute, canary.total * weight, slow * weight, self.hold)

    def _worse(self, canary: Buckets, baseline: Buckets, whole: Buckets) -> bool | None:
        limit = self._limit(baseline, whole)
        if whole.total * self.share < 1 or limit is None:
            return None
        return slower_than(canary, limit)[0] > typical(canary.total, self.share)

    def proves(
        self, found: Slowness, hours: int, odds_fail: float
    ) -> Literal["", "counts", "levels"]:
        """What shows that the limit is broken, if anything does; see `early.proven`."""

        def shows(share: float, stretch: Stretch, odds: float) -> bool:
            return above(stretch.n, sustained(stretch, self.hold), share, odds)

        if proven(found.counts, lambda s, odds: shows(self.share, s, odds), hours, odds_fail):
            return "counts"
        if proven(found.minutes, lambda s, odds: shows(HALF, s, odds), hours, odds_fail):
            return "levels"
        return ""


def slow_tally_of(comparison: Comparison, metric: Metric, rule: timedelta) -> SlowTally | None:
    """How evidence of a trigger is counted; None for what is no latency beside a baseline.

    rule: how long the trigger's own rule takes.
    """
    hold = max(1, math.ceil(rule / MINUTE - 1e-9))
    question = question_of(comparison, metric, gate=False)
    if question is None or not question.slow or question.edge is not None or hold > LONGEST_HOLD:
        return None
    return SlowTally(comparison, allowed(metric), hold)


def typical(n: float, share: float) -> int:
    """How many of `n` requests are slow in half of all minutes in which each is so by `share`.

    The median of a binomial distribution, which lies next to its mean (R. Kaas and J. M. Buhrman,
    "Mean, median and mode in binomial distributions", 1980).
    """
    trials = round(n)
    low = math.floor(trials * share)
    if low > ENOUGH or not 0 < share < 1:
        return low + 1
    odds, rest = math.log(share), math.log1p(-share)
    whole = math.lgamma(trials + 1)
    below = math.fsum(
        math.exp(
            whole
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * odds
            + (trials - k) * rest
        )
        for k in range(low + 1)
    )
    return low if below >= HALF else low + 1


def _plus(held: Buckets | None, reading: Sample | Unknown | None) -> Buckets | None:
    if not isinstance(reading, Sample) or not isinstance(reading.value, Buckets):
        return held
    return held if flaw(reading.value) else _both(held, reading.value)


def _both(held: Buckets | None, new: Buckets) -> Buckets:
    both = add(held, new)
    return both if isinstance(both, Buckets) else new
