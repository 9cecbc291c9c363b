"""Evidence that lets a trigger act before its own rule is satisfied.

"Over 1 % for 5 minutes" never comes true on little traffic, where most minutes have no error at
all. The sum of many minutes still tells. Two kinds of stretches are kept, from the wave's start
and from the last full hours, the latter for what breaks late; their odds together are wrong as
rarely as those of a gate. Only a few numbers are kept, however long the wave lasts.
"""

import math
from collections.abc import Callable

import msgspec

from bot.domain.sequential import ODDS_FAIL, ODDS_PASS, odds_above

HOUR = 60
"""Minutes after which a new stretch begins."""

Row = tuple[float, float]
"""Trials of one minute, and the bad ones among them."""


class Stretch(msgspec.Struct, frozen=True):
    """The sum of some minutes, and the worst of them, worst first.

    base: the same minutes of a baseline, for what is compared with one.
    """

    n: float = 0.0
    k: float = 0.0
    worst: tuple[Row, ...] = ()
    base: Row = (0.0, 0.0)


class Trend(msgspec.Struct, frozen=True):
    """What is remembered of one trigger during one wave.

    since_start: the whole wave. this_hour: since the newest full hour of the wave. last_hour: since
    the full hour before it. hour: which hour of the wave it is, 0 for the first.
    """

    hour: int = 0
    since_start: Stretch = Stretch()
    this_hour: Stretch = Stretch()
    last_hour: Stretch = Stretch()


class Odds(msgspec.Struct, frozen=True):
    """The odds that the limit is broken: over the whole wave, and over the last hours alone."""

    since_start: float
    hours: float


def extend(stretch: Stretch, n: float, k: float, hold: int, base: Row = (0.0, 0.0)) -> Stretch:
    """The stretch with one more minute of `n` trials and `k` bad ones, 0 <= k <= n.

    hold: minutes for which the trigger's rule must hold, at least 1. base: of the baseline.
    """
    if n <= 0:
        return stretch
    worst = sorted([*stretch.worst, (n, k)], key=_badness, reverse=True)[: max(1, hold)]
    both = (stretch.base[0] + base[0], stretch.base[1] + base[1])
    return Stretch(stretch.n + n, stretch.k + k, tuple(worst), both)


def _badness(row: Row) -> tuple[float, float]:
    return row[1] / row[0], row[0]


def sustained(stretch: Stretch, hold: int) -> float:
    """The bad trials when the (hold - 1) worst minutes count no worse than the one after them.

    So what lasted for less than `hold` minutes can't decide alone. It only ever takes away, and
    therefore never makes a false alarm likelier. 0 before there are `hold` minutes.
    """
    if len(stretch.worst) < max(1, hold):
        return 0.0
    n, k = stretch.worst[-1]
    taken = sum(bad - total * (k / n) for total, bad in stretch.worst[:-1])
    return min(max(stretch.k - taken, 0.0), stretch.n)


def observe(
    trend: Trend, minute: int, n: float, k: float, hold: int, base: Row = (0.0, 0.0)
) -> Trend:
    """The trend with the row of a finished minute.

    minute: full minutes of the wave before this row, never falling. n, k: its trials and the bad
    ones. hold, base: see `extend`. Leave out the warm-up, and minutes without data.
    """
    hour = minute // HOUR
    this_hour, last_hour = trend.this_hour, trend.last_hour
    if hour > trend.hour:
        last_hour = this_hour if hour == trend.hour + 1 else Stretch()
        this_hour = Stretch()
    return Trend(
        max(hour, trend.hour),
        extend(trend.since_start, n, k, hold, base),
        extend(this_hour, n, k, hold, base),
        extend(last_hour, n, k, hold, base),
    )


def odds_of(trend: Trend, limit: float, hold: int) -> Odds:
    """The odds that the share is above `limit` (0..1), bursts shorter than `hold` taken out.

    In the first hour of a wave its hours are nothing besides the wave, and their odds 1.
    """
    hours = [1.0]
    if trend.hour >= 1:
        hours.append(_odds(trend.this_hour, limit, hold))
    if trend.hour >= 2:
        hours.append(_odds(trend.last_hour, limit, hold))
    return Odds(_odds(trend.since_start, limit, hold), max(hours))


def _odds(stretch: Stretch, limit: float, hold: int) -> float:
    return odds_above(stretch.n, sustained(stretch, hold), limit)


def convinced(
    trend: Trend, limit: float, hold: int, hours: int, odds_fail: float = ODDS_FAIL
) -> bool:
    """Whether the trigger may act by evidence alone.

    hours: see `proven`.
    """

    def broken(stretch: Stretch, odds: float) -> bool:
        return _odds(stretch, limit, hold) >= odds

    return proven(trend, broken, hours, odds_fail)


def proven(
    trend: Trend,
    broken: Callable[[Stretch, float], bool],
    hours: int,
    odds_fail: float = ODDS_FAIL,
) -> bool:
    """Like `convinced`, for any question.

    broken: whether a stretch shows at so much to one that the limit is broken. hours: how many the
    wave may last at most, extensions included and rounded up; each hour begins a stretch, and they
    share half of the allowed error. The whole wave has the other half.
    """
    if broken(trend.since_start, 2 * odds_fail):
        return True
    recent = [trend.this_hour] if trend.hour >= 1 else []
    recent += [trend.last_hour] if trend.hour >= 2 else []
    return any(broken(stretch, 2 * odds_fail * max(1, hours)) for stretch in recent)


def confirmed(rows: tuple[Row, ...], limit: float, odds: float = ODDS_PASS) -> bool:
    """Whether the minutes that satisfied a trigger's own rule are evidence as well.

    For plans in which the rule alone only pauses, so that a handful of requests can't roll back.
    """
    n = math.fsum(n for n, _ in rows)
    return odds_above(n, math.fsum(k for _, k in rows), limit) >= odds
