"""Whether a canary does worse than the baseline beside it: by a factor, or by points.

Both questions are put to the test of `sequential`, so they may be asked at every look as well.
"""

import math

import msgspec

from bot.domain.evidence import Verdict
from bot.domain.sequential import (
    ODDS_FAIL,
    ODDS_PASS,
    Interval,
    above,
    excluded,
    highest,
    inside,
    interval,
    lowest,
    plausible,
)


class Side(msgspec.Struct, frozen=True):
    """Requests `n` of one track and the bad ones `k` among them."""

    n: float
    k: float


def canary_share(ratio: float, canary_n: float, baseline_n: float) -> float:
    """Of all errors of both sides, the share of a canary that fails `ratio` times as often.

    ratio: > 0. canary_n, baseline_n: requests, or the configured weights of the two sides.
    """
    expected = ratio * canary_n
    return expected / (expected + baseline_n) if expected + baseline_n > 0 else 0.0


def judge_ratio(
    canary: Side,
    baseline: Side,
    ratio: float,
    rule_out: float,
    *,
    weight: float | None = None,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    soak_over: bool = True,
) -> Verdict:
    """Whether the canary fails less than `ratio` times as often as the baseline.

    The trials are the errors of both sides, the bad ones those of the canary: given how many there
    were, their split does not depend on how common errors are, so that an outage that hits both
    says nothing against the canary. rule_out: the ratio to exclude before passing.
    weight: the configured share of the canary, 0..1; not given, it is taken from the requests.
    INCONCLUSIVE as long as neither side has errors.
    """
    if not plausible(canary.n, canary.k) or not plausible(baseline.n, baseline.k):
        return Verdict.UNKNOWN
    errors = canary.k + baseline.k
    if not canary.n or not baseline.n or not errors:
        return Verdict.INCONCLUSIVE
    found = canary.k / errors
    limit, centre = _split(canary, baseline, ratio, weight)
    if above(errors, canary.k, limit, odds_fail, centre):
        return Verdict.FAIL
    out, centre = _split(canary, baseline, rule_out, weight)
    well = found < limit and excluded(errors, canary.k, out, odds_pass, centre)
    return Verdict.PASS if soak_over and well else Verdict.INCONCLUSIVE


def _split(canary: Side, baseline: Side, ratio: float, weight: float | None) -> tuple[float, float]:
    share = canary_share(ratio, canary.n, baseline.n)
    return share, share if weight is None else inside(canary_share(ratio, weight, 1 - weight))


def ratio_interval(
    canary: Side,
    baseline: Side,
    ratio: float,
    rule_out: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
) -> Interval:
    """The ratios that the errors of both sides leave open; `inf` where there is no upper one."""
    errors = canary.k + baseline.k
    if not canary.n or not baseline.n or not errors:
        return Interval(0.0, math.inf)
    shares = interval(
        errors,
        canary.k,
        canary_share(ratio, canary.n, baseline.n),
        canary_share(rule_out, canary.n, baseline.n),
        odds_fail=odds_fail,
        odds_pass=odds_pass,
    )
    return Interval(*(_ratio_of(s, canary, baseline) for s in (shares.low, shares.high)))


def _ratio_of(share: float, canary: Side, baseline: Side) -> float:
    return share / (1 - share) * baseline.n / canary.n if share < 1 else math.inf


def difference(
    canary: Side,
    baseline: Side,
    points: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
) -> Interval:
    """By how much the canary's share may exceed the baseline's, both ends at the odds of a verdict.

    points: the limit that is asked about, as a share (0.01 for "+ 1pp"). Each side gets half of the
    allowed error. The centre of the canary follows the baseline, so that unlike the other tests
    this one is exact only as far as the baseline is known.
    """
    usual = max(baseline.k, 0.5) / max(baseline.n, 1.0)
    fail, well = 2 * odds_fail, 2 * odds_pass
    return Interval(
        lowest(canary.n, canary.k, fail, usual + points)
        - highest(baseline.n, baseline.k, fail, usual),
        highest(canary.n, canary.k, well, usual + points)
        - lowest(baseline.n, baseline.k, well, usual),
    )


def judge_points(
    canary: Side,
    baseline: Side,
    points: float,
    rule_out: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    soak_over: bool = True,
) -> Verdict:
    """Whether the canary's share stays below the baseline's plus `points`.

    points, rule_out: as shares. Verdicts as those of `judge`.
    """
    if not plausible(canary.n, canary.k) or not plausible(baseline.n, baseline.k):
        return Verdict.UNKNOWN
    if not canary.n or not baseline.n:
        return Verdict.INCONCLUSIVE
    odds = {"odds_fail": odds_fail, "odds_pass": odds_pass}
    if difference(canary, baseline, points, **odds).low > points:
        return Verdict.FAIL
    found = canary.k / canary.n - baseline.k / baseline.n
    well = found < points and difference(canary, baseline, rule_out, **odds).high < rule_out
    return Verdict.PASS if soak_over and well else Verdict.INCONCLUSIVE
