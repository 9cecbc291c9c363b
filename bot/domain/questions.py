"""What a comparison asks of counted events, turned so that there should be few of them.

`error_rate < 0.1%` and `success_rate > 99.9%` are one question: whether the share of failed
requests stays below 0.1 %. Here each comparison is turned around once, for gates (which say what is
good) and for triggers (which say what is bad), so that the tests have one direction only.
"""

from enum import StrEnum

import msgspec

from bot.domain.comparing import Side, canary_share, difference
from bot.domain.conditions import Comparison, Limit, LimitKind, Operator
from bot.domain.plan import Metric
from bot.domain.samples import Buckets, Counts
from bot.domain.sequential import above, inside
from bot.domain.totals import Total

_BELOW = frozenset({Operator.LESS, Operator.LESS_EQUAL})
_ABOVE = frozenset({Operator.GREATER, Operator.GREATER_EQUAL})
_NUDGE = 1e-9
_LEAST = 1e-12


class Asked(StrEnum):
    """What the share of bad ones is held against: a share, a multiple, or a number of points."""

    SHARE = "share"
    TIMES = "times"
    POINTS = "points"


class Question(msgspec.Struct, frozen=True):
    """Whether there are fewer bad ones than `limit` allows.

    limit: a share 0..1, a factor of the reference's share, or what may be added to it (0.01 for one
    point). rest: the bad ones are those that the metric does not name. good: it names the good
    ones, and what is counted beside them are the failed. edge: requests slower than so many
    seconds are the bad ones; None for a quantile relative to a baseline, whose edge is not known
    beforehand. slow: a quantile.
    """

    asked: Asked
    limit: float
    rest: bool = False
    good: bool = False
    slow: bool = False
    edge: float | None = None


def question_of(comparison: Comparison, metric: Metric, *, gate: bool) -> Question | None:
    """The question of a comparison on counted events; None when it is no such question.

    gate: the comparison says what is good; else (a trigger, an alert) what is bad. Levels, probes,
    mere numbers of events, `==` and `!=` are compared plainly.
    """
    if comparison.operator not in _BELOW | _ABOVE:
        return None
    rest = (comparison.operator in _BELOW) != gate
    match metric.kind:
        case "ratio":
            return _of_ratio(comparison, rest=rest, good=bool(metric.good))
        case "quantile" if not rest:
            limit = comparison.limit
            absolute = limit.kind is LimitKind.ABSOLUTE
            share = _reachable(allowed(metric), comparison.operator)
            return Question(Asked.SHARE, share, slow=True, edge=limit.value if absolute else None)
        case _:
            return None


def _of_ratio(comparison: Comparison, *, rest: bool, good: bool) -> Question | None:
    value = comparison.limit.value
    match comparison.limit.kind:
        case LimitKind.ABSOLUTE:
            share = round(1 - value, 12) if rest else value
            return Question(Asked.SHARE, _reachable(share, comparison.operator), rest, good)
        case LimitKind.TIMES_BASELINE:
            return Question(Asked.TIMES, value, rest, good)
        case LimitKind.OVER_BASELINE:
            return Question(Asked.TIMES, 1 + value, rest, good)
        case LimitKind.ABOVE_BASELINE | LimitKind.ABOVE_WAVE:
            return Question(Asked.POINTS, -value if rest else value, rest, good)
        case LimitKind.OK | LimitKind.STATE:
            return None


def _reachable(share: float, operator: Operator) -> float:
    """A limit that may be reached is a limit a hair further off that may not."""
    if operator in {Operator.LESS_EQUAL, Operator.GREATER_EQUAL}:
        return max(share * (1 + _NUDGE), _LEAST)
    return share


def allowed(metric: Metric) -> float:
    """The share of requests that may be slower than a quantile's limit."""
    # 1 - 0.99 is 0.010000000000000009, which would let an exact 1 % pass a strict limit.
    return round(1 - (metric.q or 0.5), 9)


ROUNDING = 1e-9
"""Numbers that differ by less than this share of themselves are one number."""


def slower_than(buckets: Buckets, limit: float) -> tuple[float, float]:
    """How many requests took longer than `limit` seconds: at least, and at most.

    A limit made of a baseline (0.4 s x 1.5) may miss the edge that it means by a rounding error.
    """
    noise = ROUNDING * limit
    over = [n for edge, n in buckets.cumulative if edge >= limit - noise]
    under = [n for edge, n in buckets.cumulative if edge <= limit + noise]
    least = buckets.total - over[0] if over else 0.0
    return least, buckets.total - (under[-1] if under else 0.0)


def relative(limit: Limit, base: float) -> float:
    """A relative limit as a number, in the unit of `base`, which it is relative to."""
    match limit.kind:
        case LimitKind.TIMES_BASELINE:
            return base * limit.value
        case LimitKind.OVER_BASELINE:
            return base * (1 + limit.value)
        case LimitKind.ABOVE_BASELINE | LimitKind.ABOVE_WAVE:
            return base + limit.value
        case LimitKind.ABSOLUTE | LimitKind.OK | LimitKind.STATE:
            return limit.value


def side_of(question: Question, total: Total | None) -> Side | None:
    """Trials and bad ones of a total, the fewest that it can be; None when it counts no requests.

    A ratio's bad ones are what its `bad` names, or what its `good` does not, unless the question is
    about the others.
    """
    match total:
        case Counts(bad, n) if not question.slow:
            return Side(n, bad if question.rest == question.good else n - bad)
        case Buckets() if question.slow and question.edge is not None:
            return Side(total.total, slower_than(total, question.edge)[0])
        case _:
            return None


def turned(question: Question, reference: Side) -> Question:
    """A multiple of the events that should be many, as points of those that should be few.

    `success_rate > 0.98x baseline` allows two of a hundred of the baseline's successes to be lost.
    """
    if question.asked is not Asked.TIMES or not question.rest or reference.n <= 0:
        return question
    good = 1 - reference.k / reference.n
    return msgspec.structs.replace(question, asked=Asked.POINTS, limit=(1 - question.limit) * good)


class Sums(msgspec.Struct, frozen=True):
    """Trials `n` and bad ones `k` of the canary, and those of the reference in the same time."""

    n: float = 0.0
    k: float = 0.0
    base_n: float = 0.0
    base_k: float = 0.0

    @property
    def canary(self) -> Side:
        return Side(self.n, min(self.k, self.n))

    @property
    def base(self) -> Side:
        return Side(self.base_n, min(self.base_k, self.base_n))

    def plus(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            self.n + other.n,
            self.k + other.k,
            self.base_n + other.base_n,
            self.base_k + other.base_k,
        )


def broken(question: Question, sums: Sums, odds: float, weight: float | None = None) -> bool:
    """Whether it is `odds` to one that there are more bad ones than the limit allows.

    weight: the configured share of the canary, 0..1, for multiples of a baseline.
    """
    ours, base = sums.canary, sums.base
    if question.asked is not Asked.SHARE:
        question = turned(question, base)
    if ours.n <= 0 or (question.asked is not Asked.SHARE and base.n <= 0):
        return False
    match question.asked:
        case Asked.SHARE:
            return above(ours.n, ours.k, min(question.limit, 1.0), odds)
        case Asked.TIMES:
            limit = canary_share(question.limit, ours.n, base.n)
            centre = centred(question.limit, weight)
            return above(ours.k + base.k, ours.k, limit, odds, centre)
        case Asked.POINTS:
            return difference(ours, base, question.limit, odds_fail=odds).low > question.limit


def centred(ratio: float, weight: float | None) -> float | None:
    """The canary's share of all errors at `ratio`, by the configured weight; None without one."""
    if weight is None or not 0 < weight < 1:
        return None
    return inside(canary_share(ratio, weight, 1 - weight))
