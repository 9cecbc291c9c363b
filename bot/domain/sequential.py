"""How sure one can be that a share is above or below its limit, however often one looks.

A share that is compared with its limit every minute crosses it by chance sooner or later. The test
here does not: its odds may be computed after every request, and may be acted on the first time
they are high enough, without the errors adding up.

Everything is put as `n` trials of which `k` were bad, against a limit `p0`: requests and failed
ones, errors of both sides and those of the canary, minutes and those worse than the baseline.
Counts may be fractions, as rates over scrapes are. Nothing is remembered between looks, so a
restart loses nothing.
"""

import math

import msgspec

from bot.domain.evidence import Verdict

ODDS_FAIL = 100.0
"""Odds at which a limit counts as broken: a false alarm in at most 1 of 100 soaks at the limit."""

ODDS_PASS = 20.0
"""Odds at which a rate counts as excluded: wrong in at most 1 of 20 soaks."""

HIGHEST = 700.0
"""Natural logarithm of the highest odds that are still a number."""

Centres = tuple[float | None, float | None]
"""The shares thought likeliest beforehand when asking about the target, and about `rule_out`."""

_HALVINGS = 50
_SMALLEST = 1e-12


class Interval(msgspec.Struct, frozen=True):
    """The shares (or differences, or ratios) that the counts don't exclude."""

    low: float
    high: float


# --- the test -------------------------------------------------------------------------------


def log_odds(n: float, k: float, p0: float, centre: float | None = None) -> float:
    """Natural logarithm of the odds against "the share of bad trials is p0".

    n: trials, >= 0. k: bad ones, 0..n. p0: the limit, 0..1. centre: the share that is thought
    likeliest beforehand, `p0` when not given; it must not depend on the counts.
    Raises ValueError for counts, a limit or a centre (which has to lie between 0 and 1) that
    can't be.

    The likelihood ratio of a beta-binomial mixture with shapes a and b against a binomial:

        ln B(a + k, b + n - k) - ln B(a, b) - k ln p0 - (n - k) ln(1 - p0)

    with a = 1/2 and b = (1 - c) / 2c around the centre c, and its mirror image above c = 1/2.
    At the limit the ratio is a martingale (H. Robbins, "Statistical methods related to the law of
    the iterated logarithm", 1970), so that it ever reaches x with a probability of at most 1/x
    (J. Ville, "Etude critique de la notion de collectif", 1939). Used for counts of releases by
    Lindon and Malek, "Anytime-valid inference for multinomial count data", arXiv 2011.03567.

    Around its own centre the sum is n' times a Kullback-Leibler divergence plus terms that grow
    with ln n, and is computed like that: differences of large log-gammas would lose the digits.
    """
    if not 0 <= k <= n < math.inf or not 0 <= p0 <= 1:
        raise ValueError(f"there are no odds for {k} of {n} at a share of {p0}")
    if p0 in (0.0, 1.0):
        return math.inf if (k if p0 == 0 else n - k) > 0 else 0.0
    if centre is None or centre == p0:
        return _centred(n, k, p0)
    if not 0 < centre < 1:
        raise ValueError(f"nothing can be centred on a share of {centre}")
    return _centred(n, k, centre) + _moved(n, k, centre, p0)


def _centred(n: float, k: float, p0: float) -> float:
    if p0 > 0.5:
        return _centred(n, n - k, 1 - p0)
    size = 0.5 / p0  # a + b
    b = size * (1 - p0)
    bad, good, both = 0.5 + k, b + (n - k), size + n
    off = k - n * p0
    divergence = bad * _log_ratio(bad, both * p0, off)
    divergence += good * _log_ratio(good, both * (1 - p0), -off)
    roots = math.log1p(n / size) - math.log1p(2 * k) - math.log1p((n - k) / b)
    rests = _rest(bad) + _rest(good) - _rest(both) - _rest(0.5) - _rest(b) + _rest(size)
    return divergence + roots / 2 + rests


def _log_ratio(value: float, expected: float, off: float) -> float:
    """ln(value / expected), where value = expected + off."""
    if abs(off) < expected / 2:
        return math.log1p(off / expected)
    return math.log(value / expected)


def _rest(x: float) -> float:
    """What Stirling's formula leaves of ln gamma(x)."""
    if x < 10:
        return math.lgamma(x) - (x - 0.5) * math.log(x) + x - math.log(2 * math.pi) / 2
    y = 1 / (x * x)
    series = 1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188))))
    return series / x


def _moved(n: float, k: float, centre: float, p0: float) -> float:
    """The log-likelihood at the centre over that at p0."""
    bad = k * _log_ratio(centre, p0, centre - p0) if k else 0.0
    good = n - k
    return bad + (good * _log_ratio(1 - centre, 1 - p0, p0 - centre) if good else 0.0)


def odds_above(n: float, k: float, p0: float, centre: float | None = None) -> float:
    """The odds that the share is above p0; 1 while the counted share is not."""
    return _capped(log_odds(n, k, p0, centre)) if n > 0 and k / n > p0 else 1.0


def odds_below(n: float, k: float, p0: float, centre: float | None = None) -> float:
    """The odds that the share is below p0; 1 while the counted share is not."""
    return _capped(log_odds(n, k, p0, centre)) if n > 0 and k / n < p0 else 1.0


def _capped(log: float) -> float:
    return math.exp(min(log, HIGHEST))


def above(
    n: float, k: float, p0: float, odds: float = ODDS_FAIL, centre: float | None = None
) -> bool:
    """Whether it is `odds` to one that the share is above p0.

    Holds for every true share up to p0 too: odds fall towards the counted share from either side.
    """
    return n > 0 and k / n > p0 and log_odds(n, k, p0, centre) >= math.log(odds)


def excluded(
    n: float, k: float, p0: float, odds: float = ODDS_PASS, centre: float | None = None
) -> bool:
    """Whether it is `odds` to one that the share is below p0."""
    return n > 0 and k / n < p0 and log_odds(n, k, p0, centre) >= math.log(odds)


# --- verdicts -------------------------------------------------------------------------------


def judge(
    n: float,
    k: float,
    target: float,
    rule_out: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    soak_over: bool = True,
) -> Verdict:
    """What `n` trials with `k` bad ones say about a share that has to stay below `target`.

    rule_out: the share that must be excluded before the wave may pass, usually the plan's rollback
    limit. Both are 0..1; a limit outside is read as the nearest one inside.
    Returns FAIL when the limit is broken; PASS when the soak is over, the share is below its target
    and `rule_out` is excluded; INCONCLUSIVE otherwise; UNKNOWN for counts that can't be true.
    """
    return judge_between(
        n,
        k,
        k,
        target,
        rule_out,
        odds_fail=odds_fail,
        odds_pass=odds_pass,
        soak_over=soak_over,
    )


def judge_between(
    n: float,
    least: float,
    most: float,
    target: float,
    rule_out: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    soak_over: bool = True,
    centres: Centres = (None, None),
) -> Verdict:
    """Like `judge`, where at least `least` and at most `most` trials were bad.

    For a latency limit between two edges of a histogram: it fails only by the requests above the
    upper edge, and passes only when those above the lower edge are few enough. `target` is the
    share that may be slower, 0.01 for a p99. centres: see `log_odds`, for target and rule_out.
    """
    if not plausible(n, least) or not plausible(n, most) or math.isnan(target + rule_out):
        return Verdict.UNKNOWN
    target, rule_out = min(max(target, 0.0), 1.0), min(max(rule_out, 0.0), 1.0)
    if above(n, least, target, odds_fail, centres[0]):
        return Verdict.FAIL
    well = n > 0 and most / n < target and excluded(n, most, rule_out, odds_pass, centres[1])
    return Verdict.PASS if soak_over and well else Verdict.INCONCLUSIVE


def judge_minutes(
    minutes: float,
    worse: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    soak_over: bool = True,
) -> Verdict:
    """For levels without counts: of `minutes`, how many were `worse` than the plan allows.

    Asks whether that is so in more than half of all minutes. Minutes next to each other are alike,
    so this claims more than it knows: pause on a FAIL, don't roll back.
    """
    return judge(
        minutes,
        worse,
        0.5,
        0.5,
        odds_fail=odds_fail,
        odds_pass=odds_pass,
        soak_over=soak_over,
    )


def default_rule_out(target: float, rollback_limit: float | None = None) -> float:
    """What to exclude before passing: the rollback limit, else twice the target.

    Never below the target, and never nearer to 1 than halfway. Shares, 0..1.
    """
    if rollback_limit is not None:
        return max(target, rollback_limit)
    return min(2 * target, (1 + target) / 2)


def plausible(n: float, k: float) -> bool:
    """Whether `k` of `n` can be a count."""
    return math.isfinite(n) and math.isfinite(k) and 0 <= k <= n


def interval(
    n: float,
    k: float,
    target: float,
    rule_out: float,
    *,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
) -> Interval:
    """The shares that the verdict leaves open; it agrees with `judge` at both limits.

    Above `target` as a whole: FAIL. Below `rule_out` as a whole: excluded.
    """
    return Interval(lowest(n, k, odds_fail, target), highest(n, k, odds_pass, rule_out))


def lowest(n: float, k: float, odds: float, centre: float) -> float:
    """The lowest share that is not excluded at `odds` to one. centre: see `log_odds`."""
    if n <= 0 or k <= 0:
        return 0.0
    return _edge(n, k, odds, inside(centre), 0.0)


def highest(n: float, k: float, odds: float, centre: float) -> float:
    """The highest share that is not excluded at `odds` to one. centre: see `log_odds`."""
    if n <= 0 or k >= n:
        return 1.0
    return _edge(n, k, odds, inside(centre), 1.0)


def _edge(n: float, k: float, odds: float, centre: float, far: float) -> float:
    """Between the counted share, where the odds are below 1, and `far`, where they are infinite."""
    near, limit = k / n, math.log(odds)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        if log_odds(n, k, middle, centre) >= limit:
            far = middle
        else:
            near = middle
    return far


def inside(share: float) -> float:
    """The nearest share that a distribution can be centred on."""
    return min(max(share, _SMALLEST), 1 - _SMALLEST)
