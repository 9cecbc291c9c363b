"""The minutes of a wave as evidence: one row each, counted once, and only their sums kept.

Triggers are judged by windows of their own. What evidence says about them, and about levels, is
made of minutes that follow one another without overlap from the wave's start. The first two are
left out: what is cold says little about a release.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bot.domain.conditions import Comparison, LimitKind
from bot.domain.early import Stretch, Trend, observe, proven, sustained
from bot.domain.plan import Metric
from bot.domain.questions import Asked, Question, Sums, broken, question_of, relative, side_of
from bot.domain.samples import Sample, Track, Unknown
from bot.domain.totals import Level, Total, flaw, total_of

MINUTE = timedelta(minutes=1)
WARM_UP = timedelta(minutes=2)
"""How much of a wave is no evidence yet. Windows and health checks are judged from its start."""

LONGEST_HOLD = 60
"""Minutes; a rule that has to hold for longer is not anticipated by evidence."""

_LEVEL = Question(Asked.SHARE, 0.5)


class Minutes(msgspec.Struct, frozen=True):
    """ends_at: of the present minute, None before the first reading. held: what is in it so far;
    of a level the number and the sum of its values. trend: all the minutes before."""

    ends_at: datetime | None = None
    held: Sums = Sums()
    trend: Trend = Trend()


class Tally(msgspec.Struct, frozen=True):
    """How the readings of one condition become minutes.

    question: None for a level, whose minutes are the trials. hold: minutes for which the rule of a
    trigger has to hold. weight: the configured share of the canary, 0..1.
    """

    comparison: Comparison
    metric: Metric
    question: Question | None
    hold: int = 1
    weight: float | None = None
    gate: bool = False

    @property
    def levels(self) -> bool:
        """Whether minutes are counted, which claim more than they know."""
        return self.question is None

    def add(
        self,
        minutes: Minutes,
        fresh: Mapping[Track, Sample | Unknown],
        reference: Total | None,
        began: datetime,
        now: datetime,
    ) -> Minutes:
        """The minutes with new readings; a minute that is over becomes a row.

        reference: what the canary is compared with, unless that is read at the same time.
        """
        ends = present_end(minutes.ends_at, began, now)
        held = minutes.held.plus(self._read(fresh))
        if now < ends:
            return msgspec.structs.replace(minutes, ends_at=ends, held=held)
        trend = minutes.trend
        if ends - began > WARM_UP:
            trend = self._row(trend, held, reference, minute_of(trend, began, now))
        return Minutes(next_end(began, now), Sums(), trend)

    def _read(self, fresh: Mapping[Track, Sample | Unknown]) -> Sums:
        ours = self._amounts(fresh.get(Track.CANARY))
        theirs = self._amounts(fresh.get(Track.BASELINE))
        return Sums(*ours, *theirs)

    def _amounts(self, reading: Sample | Unknown | None) -> tuple[float, float]:
        if not isinstance(reading, Sample) or flaw(reading.value):
            return 0.0, 0.0
        total = total_of(reading.value)
        if self.question is None:
            return (total.n, total.sum) if isinstance(total, Level) else (0.0, 0.0)
        side = side_of(self.question, total)
        return (0.0, 0.0) if side is None else (side.n, side.k)

    def _row(self, trend: Trend, held: Sums, reference: Total | None, minute: int) -> Trend:
        if self.question is None:
            worse = self._worse(held, reference)
            return trend if worse is None else observe(trend, minute, 1, worse, self.hold)
        base = (held.base_n, held.base_k) if reference is None else (0.0, 0.0)
        return observe(trend, minute, held.n, min(held.k, held.n), self.hold, base)

    def _worse(self, held: Sums, reference: Total | None) -> float | None:
        """1 when the canary's mean in a minute broke the limit, 0 when not, None without data."""
        base = held.base_k / held.base_n if held.base_n else None
        if isinstance(reference, Level) and reference.n:
            base = reference.last
        if not held.n or base is None:
            return None
        limit = relative(self.comparison.limit, base)
        holds = self.comparison.operator.holds(held.k / held.n, limit)
        return float(holds != self.gate)

    def proves(
        self, minutes: Minutes, reference: Total | None, hours: int, odds_fail: float
    ) -> bool:
        """Whether the minutes alone show that the limit is broken; see `early.proven`.

        reference: see `add`.
        """
        question = self.question or _LEVEL
        frozen = None if reference is None else side_of(question, reference)
        weight = self.weight if reference is None else None

        def shows(stretch: Stretch, odds: float) -> bool:
            bad = sustained(stretch, self.hold)
            base = stretch.base if frozen is None else (frozen.n, frozen.k)
            return broken(question, Sums(stretch.n, bad, *base), odds, weight)

        return proven(minutes.trend, shows, hours, odds_fail)


def tally_of(
    comparison: Comparison,
    metric: Metric,
    *,
    gate: bool,
    rule: timedelta = MINUTE,
    weight: float | None = None,
) -> Tally | None:
    """How minutes of a condition are counted; None when they are no evidence about it.

    rule: how long a trigger's own rule takes. A gate on counts needs no minutes: it is judged by
    all requests of the wave.
    """
    hold = max(1, math.ceil(rule / MINUTE - 1e-9))
    if hold > LONGEST_HOLD:
        return None
    if metric.kind == "gauge":
        level = comparison.limit.relative or comparison.limit.kind is LimitKind.ABOVE_WAVE
        return Tally(comparison, metric, None, hold, weight, gate) if level else None
    question = None if gate else question_of(comparison, metric, gate=False)
    if question is None or (question.slow and question.edge is None):
        return None
    return Tally(comparison, metric, question, hold, weight)


def present_end(ends_at: datetime | None, began: datetime, now: datetime) -> datetime:
    """When the present minute ends; of a clock that was put back, a minute from now."""
    ends = ends_at or began + MINUTE
    return now + MINUTE if now < began or ends - now > 2 * MINUTE else ends


def minute_of(trend: Trend, began: datetime, now: datetime) -> int:
    """How many full minutes of the wave lie before the one that has just ended."""
    passed = math.floor((now - began) / MINUTE) - 1
    return max(passed, trend.hour * 60)


def next_end(began: datetime, now: datetime) -> datetime:
    """The next end of a minute on the grid from the wave's start; a short rest is left out."""
    end = began + MINUTE * (math.floor((now - began) / MINUTE) + 1)
    return end + MINUTE if (end - now) * 2 < MINUTE else end
