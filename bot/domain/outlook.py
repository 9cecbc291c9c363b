"""What it would take to reach a verdict, and the verdict in a sentence for people.

"Inconclusive" is only useful with a number beside it: how many more requests, and how long that
takes at the present pace, or that waiting won't help.
"""

import math
from collections.abc import Callable

import msgspec

from bot.domain.evidence import Verdict
from bot.domain.sequential import (
    ODDS_FAIL,
    ODDS_PASS,
    Centres,
    above,
    judge_between,
    odds_above,
    odds_below,
    plausible,
)
from bot.domain.units import format_percent

FURTHEST = 2**50
"""Nobody waits for more trials than this."""


class Needs(msgspec.Struct, frozen=True):
    """How many more trials until a pass; None when they never suffice.

    expected: when bad ones stay as frequent as they are. best: when not one more is bad.
    failing: how many bad ones in a row would break the limit.
    """

    expected: int | None
    best: int | None
    failing: int | None = None


class Words(msgspec.Struct, frozen=True):
    """What bad ones, trials and good ones are called, each for one and for many."""

    bad: tuple[str, str] = ("error", "errors")
    trial: tuple[str, str] = ("request", "requests")
    good: tuple[str, str] = ("clean request", "clean requests")


REQUESTS = Words()
SLOW = Words(bad=("slow request", "slow requests"), good=("fast request", "fast requests"))
SPLIT = Words(
    bad=("canary error", "canary errors"),
    trial=("error of both sides", "errors of both sides"),
    good=("baseline error", "baseline errors"),
)
MINUTES = Words(
    bad=("worse minute", "worse minutes"),
    trial=("minute", "minutes"),
    good=("good minute", "good minutes"),
)


def needs(
    n: float,
    k: float,
    target: float,
    rule_out: float,
    *,
    most: float | None = None,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    centres: Centres = (None, None),
) -> Needs:
    """How many more trials would let `judge` pass at the end of the soak: see there.

    most: the upper count of bad trials when `k` is the lower one, see `judge_between`. centres: see
    there too.
    All None for counts that can't be true. A broken limit stays broken.
    """
    upper = k if most is None else most
    broken = above(n, k, target, odds_fail, centres[0]) if plausible(n, k) else True
    if broken or not plausible(n, upper):
        return Needs(None, None)

    def passes(m: int, bad: float) -> bool:
        verdict = judge_between(
            n + m,
            upper + bad,
            upper + bad,
            target,
            rule_out,
            odds_fail=odds_fail,
            odds_pass=odds_pass,
            centres=centres,
        )
        return verdict is Verdict.PASS

    rate = upper / n if n else 1.0
    return Needs(
        _first(lambda m: passes(m, m * rate)) if rate < target else None,
        _first(lambda m: passes(m, 0)),
        _first(lambda m: above(n + m, k + m, target, odds_fail, centres[0])),
    )


def _first(holds: Callable[[int], bool]) -> int | None:
    """The smallest m from which on `holds(m)`, which once true stays so."""
    if holds(0):
        return 0
    high = 1
    while not holds(high):
        high *= 2
        if high > FURTHEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def minutes(trials: int | None, per_minute: float | None) -> float | None:
    """How long `trials` more take at `per_minute`; None when they never come."""
    if trials == 0:
        return 0.0
    if trials is None or per_minute is None or not 0 < per_minute < math.inf:
        return None
    return trials / per_minute


def why(
    n: float,
    k: float,
    target: float,
    rule_out: float,
    *,
    per_minute: float | None = None,
    most: float | None = None,
    words: Words = REQUESTS,
    odds_fail: float = ODDS_FAIL,
    odds_pass: float = ODDS_PASS,
    soak_over: bool = True,
    centres: Centres = (None, None),
) -> str:
    """Counts, limit, verdict and what would change it, as one sentence without a full stop.

    per_minute: trials per minute at present, None when it is not known. most: the upper count of
    bad ones when there are two, see `judge_between`. The other arguments are those of `judge`.
    """
    upper = k if most is None else most
    verdict = judge_between(
        n, k, upper, target, rule_out, odds_fail=odds_fail, odds_pass=odds_pass, centres=centres
    )
    if verdict is Verdict.UNKNOWN:
        return f"{_number(upper)} of {_number(n)} {words.trial[1]} can't be true"
    counted = _counted(n, k, upper, target, words)
    match verdict:
        case Verdict.FAIL:
            found = _odds(odds_above(n, k, target, centres[0]))
            return f"{counted}: {found} that the limit is broken, {odds_fail:,g} to 1 is enough"
        case Verdict.PASS:
            found = _odds(odds_below(n, upper, rule_out, centres[1]))
            rest = "" if soak_over else "; it would pass, but the soak goes on"
            return f"{counted}: {found} that it is below {_share(rule_out)}{rest}"
        case Verdict.INCONCLUSIVE:
            wanted = needs(
                n,
                k,
                target,
                rule_out,
                most=upper,
                odds_fail=odds_fail,
                odds_pass=odds_pass,
                centres=centres,
            )
            return f"{counted}: {wanting(wanted, per_minute, words)}"


def _counted(n: float, k: float, most: float, target: float, words: Words) -> str:
    if n <= 0:
        return f"no {words.trial[1]} yet (limit {_share(target)})"
    share = _share(most / n)
    bad = _many(most, words.bad)
    if most != k:
        bad, share = f"{_number(k)} to {bad}", f"{_share(k / n)} to {share}"
    return f"{bad} in {_many(n, words.trial)} ({share}, limit {_share(target)})"


def wanting(wanted: Needs, per_minute: float | None, words: Words = REQUESTS) -> str:
    """What it would take, in words. per_minute: trials per minute, None when it is not known."""
    if wanted.best is None:
        return f"no number of {words.good[1]} settles it"
    if wanted.expected in (None, wanted.best):
        said = f"needs about {_more(wanted.best, words.good)}{_lasting(wanted.best, per_minute)}"
    else:
        said = (
            f"needs about {_more(wanted.expected, words.trial)} at this rate"
            f"{_lasting(wanted.expected, per_minute)} ({wanted.best:,} without {words.bad[1]})"
        )
    if wanted.failing is None:
        return said
    row = "" if wanted.failing == 1 else " in a row"
    return f"{said}; {_more(wanted.failing, words.bad)}{row} would break the limit"


def _lasting(trials: int | None, per_minute: float | None) -> str:
    lasting = minutes(trials, per_minute)
    if lasting is None or per_minute is None:
        return ""
    return f", about {_span(lasting)} at {per_minute:,.3g}/min"


def _span(lasting: float) -> str:
    if lasting < 120:
        return f"{max(1, round(lasting))} min"
    if lasting < 48 * 60:
        return f"{lasting / 60:.0f} h"
    return f"{lasting / 1440:,.0f} days"


def _number(count: float) -> str:
    """Counts may be fractions; more than one digit of them is noise."""
    return f"{count:,.1f}".removesuffix(".0")


def _many(count: float, names: tuple[str, str]) -> str:
    return f"{_number(count)} {names[count != 1]}"


def _more(count: int, names: tuple[str, str]) -> str:
    return f"{count:,} more {names[count != 1]}"


def _odds(found: float) -> str:
    return "more than 1,000,000 to 1" if found > 1e6 else f"{found:,.0f} to 1"


def _share(share: float) -> str:
    """Two digits at least: 0.33%, 0.03%, 0.0012%."""
    digits = 2 if share <= 0 else max(2, 1 - math.floor(math.log10(share * 100)))
    return format_percent(share, digits)
