"""How sure a gate has to be, and what its counts say by that standard.

A gate fails when the odds are high enough that its limit is broken. It passes when its soak is
over, its limit is kept so far, and something worse is excluded: what the plan would roll back for.
"""

import math
from typing import TypedDict

import msgspec

from bot.domain.comparing import Side, canary_share, judge_points
from bot.domain.conditions import Comparison, LimitKind
from bot.domain.evidence import Verdict
from bot.domain.outlook import MINUTES, REQUESTS, SLOW, SPLIT, Needs, Words, needs, wanting, why
from bot.domain.plan import Metric, Plan
from bot.domain.questions import Asked, Question, Sums, broken, centred, question_of
from bot.domain.sequential import (
    ODDS_FAIL,
    ODDS_PASS,
    Centres,
    default_rule_out,
    excluded,
    judge_between,
    plausible,
)
from bot.domain.units import format_percent, format_share

OTHERS = Words(
    bad=("bad event", "bad events"),
    trial=("event", "events"),
    good=("good event", "good events"),
)
"""Words for the events that a metric does not count, such as the misses beside its hits."""

_HALF = 0.5
_FURTHEST = 4096.0
_HALVINGS = 6


class Standard(msgspec.Struct, frozen=True):
    """What it takes to fail and to pass.

    rule_out: what must be excluded, in the terms of the question: a share 0..1, a factor, points as
    a share. own: it is a share of the canary's own requests, though the question is relative.
    odds_fail, odds_pass: to one. soak_over: before, nothing passes.
    """

    rule_out: float
    own: bool = False
    odds_fail: float = ODDS_FAIL
    odds_pass: float = ODDS_PASS
    soak_over: bool = True

    @property
    def odds(self) -> "Odds":
        return {"odds_fail": self.odds_fail, "odds_pass": self.odds_pass}


class Odds(TypedDict):
    odds_fail: float
    odds_pass: float


class Weighed(msgspec.Struct, frozen=True):
    """A verdict on counts.

    why: a sentence without a full stop: counts, verdict, and what would change it. early: it would
    pass, but the soak goes on. needs: None unless it is open. per_minute: trials at present.
    """

    verdict: Verdict
    why: str
    early: bool = False
    needs: Needs | None = None
    per_minute: float | None = None


def standard_of(
    question: Question, subject: str, plan: Plan, wave: str, *, soak_over: bool = True
) -> Standard:
    """The standard of a plan for a question on a metric, during a wave (by its id).

    `rule_out` of the plan is a share of failed requests. It says nothing about latencies, whose
    limits are times: a quantile excludes that twice as many requests are slower as its gate allows
    (`strict`: as many). A limit relative to a baseline excludes that share of the canary's own
    requests, so that a small excess over nearly nothing can be told at all.
    """
    out, own = _rule_out(question, subject, plan, wave)
    return Standard(out, own, plan.odds_fail, plan.odds_pass, soak_over)


def _rule_out(question: Question, subject: str, plan: Plan, wave: str) -> tuple[float, bool]:
    if plan.rule_out == "strict":
        return question.limit, False
    known: float | None = None
    if not question.slow:
        share = plan.rule_out
        known = share if isinstance(share, float) else rollback_limit(question, subject, plan, wave)
    if question.asked is Asked.SHARE:
        return default_rule_out(question.limit, known), False
    if known is not None:
        return known, True
    return max(question.limit, 2 * question.limit), False


def rollback_limit(question: Question, subject: str, plan: Plan, wave: str) -> float | None:
    """The lowest share of bad ones for which the plan rolls back during a wave, as it says itself.

    Absolute limits on the same metric alone; None without one.
    """
    metric = plan.metrics.get(subject)
    found: list[float] = []
    for trigger in _rollbacks(plan, wave):
        if metric is None or trigger.subject != subject:
            continue
        asked = question_of(trigger, metric, gate=False)
        absolute = trigger.limit.kind is LimitKind.ABSOLUTE
        if asked is not None and absolute and asked.rest == question.rest:
            found.append(asked.limit)
    return min(found, default=None)


def _rollbacks(plan: Plan, wave: str) -> list[Comparison]:
    local = [trigger for each in plan.waves if each.id == wave for trigger in each.triggers]
    triggers = [*plan.triggers, *local]
    return [t.comparison for t in triggers if t.comparison is not None and t.do == "rollback"]


def words_of(question: Question, metric: Metric) -> Words:
    """What the trials of a question are called."""
    if question.slow:
        return SLOW
    return OTHERS if question.rest and not metric.good else REQUESTS


# --- shares ---------------------------------------------------------------------------------


def weigh_share(
    n: float,
    least: float,
    most: float,
    limit: float,
    standard: Standard,
    *,
    minutes: float,
    words: Words = REQUESTS,
    centres: Centres = (None, None),
) -> Weighed:
    """Judge `n` trials of which at least `least` and at most `most` were bad.

    minutes: since when they are counted, for the pace.
    """
    out = standard.rule_out
    verdict = judge_between(n, least, most, limit, out, centres=centres, **standard.odds)
    pace = _pace(n, minutes)
    said = why(
        n,
        least,
        limit,
        out,
        per_minute=pace,
        most=most,
        words=words,
        soak_over=standard.soak_over,
        centres=centres,
        **standard.odds,
    )
    wanted = None
    if verdict is Verdict.INCONCLUSIVE:
        wanted = needs(n, least, limit, out, most=most, centres=centres, **standard.odds)
    return _timed(Weighed(verdict, said, needs=wanted, per_minute=pace), standard)


def _pace(n: float, minutes: float) -> float | None:
    return n / minutes if n > 0 and minutes > 0 else None


def _timed(weighed: Weighed, standard: Standard) -> Weighed:
    """A pass before the soak is over is none yet."""
    if weighed.verdict is not Verdict.PASS or standard.soak_over:
        return weighed
    return msgspec.structs.replace(weighed, verdict=Verdict.INCONCLUSIVE, early=True)


def weigh_minutes(n: float, worse: float, standard: Standard) -> Weighed:
    """Judge a level by `n` minutes of which some were `worse` than the plan allows."""
    if n <= 0:
        said = "no whole minute has been compared yet; the first two of a wave don't count"
        return Weighed(Verdict.INCONCLUSIVE, said, needs=needs(0, 0, _HALF, _HALF))
    halves = msgspec.structs.replace(standard, rule_out=_HALF)
    return weigh_share(n, worse, worse, _HALF, halves, minutes=n, words=MINUTES)


# --- against a reference --------------------------------------------------------------------


def weigh_against(
    question: Question,
    canary: Side,
    reference: Side,
    standard: Standard,
    *,
    minutes: float,
    weight: float | None = None,
) -> Weighed:
    """Judge a canary against a baseline or an earlier wave.

    question: by TIMES or POINTS, and `turned`. weight: the configured share of the canary, 0..1.
    """
    if not plausible(canary.n, canary.k) or not plausible(reference.n, reference.k):
        return Weighed(Verdict.UNKNOWN, "the numbers can't be true")
    if canary.n <= 0 or reference.n <= 0:
        return Weighed(Verdict.INCONCLUSIVE, "no requests yet on one of the two sides")
    if standard.own:
        return _timed(_own(question, canary, reference, standard, minutes, weight), standard)
    if question.asked is Asked.TIMES:
        return _times(question, canary, reference, standard, minutes, weight)
    return _timed(_points(question, canary, reference, standard, minutes), standard)


def _times(
    question: Question,
    canary: Side,
    reference: Side,
    standard: Standard,
    minutes: float,
    weight: float | None,
) -> Weighed:
    errors = canary.k + reference.k
    if not errors:
        said = "no errors on either side: there is nothing to compare"
        return Weighed(Verdict.INCONCLUSIVE, said)
    ratios = (question.limit, standard.rule_out)
    limit, out = (canary_share(ratio, canary.n, reference.n) for ratio in ratios)
    centres = (centred(ratios[0], weight), centred(ratios[1], weight))
    split = msgspec.structs.replace(standard, rule_out=out)
    found = weigh_share(
        errors, canary.k, canary.k, limit, split, minutes=minutes, words=SPLIT, centres=centres
    )
    said = f"{_multiple(canary, reference)} the baseline (limit {question.limit:.3g}x); {found.why}"
    return msgspec.structs.replace(found, why=said)


def _points(
    question: Question, canary: Side, reference: Side, standard: Standard, minutes: float
) -> Weighed:
    verdict = judge_points(canary, reference, question.limit, standard.rule_out, **standard.odds)
    head = f"{_beside(canary, reference)}, {_apart(canary, reference, question.limit)}"
    pace = _pace(canary.n, minutes)
    match verdict:
        case Verdict.FAIL:
            said = f"{head}: {standard.odds_fail:,g} to 1 that the limit is broken"
        case Verdict.PASS:
            out = format_percent(standard.rule_out)
            said = f"{head}: {standard.odds_pass:,g} to 1 that it is less than {out} above"
        case _:
            wanted = _more(question, canary, reference, standard)
            return Weighed(
                verdict,
                f"{head}: {_open(question, canary, reference, wanted, pace)}",
                needs=wanted,
                per_minute=pace,
            )
    return Weighed(verdict, said, per_minute=pace)


def _more(question: Question, canary: Side, reference: Side, standard: Standard) -> Needs | None:
    """How many more requests of the canary would let it pass, if both sides go on as they are.

    Only asked at the end of a soak: the search takes a while.
    """
    if not standard.soak_over or not _kept(question, canary, reference):
        return None

    def passes(times: float) -> bool:
        ours, theirs = (Side(side.n * times, side.k * times) for side in (canary, reference))
        said = judge_points(ours, theirs, question.limit, standard.rule_out, **standard.odds)
        return said is Verdict.PASS

    times = 2.0
    while not passes(times):
        times *= 2
        if times > _FURTHEST:
            return Needs(None, None)
    low = times / 2
    for _ in range(_HALVINGS):
        middle = (low + times) / 2
        low, times = (low, middle) if passes(middle) else (middle, times)
    return Needs(math.ceil(canary.n * (times - 1)), None)


def _own(
    question: Question,
    canary: Side,
    reference: Side,
    standard: Standard,
    minutes: float,
    weight: float | None,
) -> Weighed:
    """A relative limit, where a share of the canary's own requests is what must be excluded."""
    kept, odds_fail = _kept(question, canary, reference), standard.odds_fail
    head = f"{_beside(canary, reference)}, {_above(question, canary, reference)}"
    if broken(question, Sums(canary.n, canary.k, reference.n, reference.k), odds_fail, weight):
        said = f"{head}: {odds_fail:,g} to 1 that the limit is broken"
        return Weighed(Verdict.FAIL, said, per_minute=_pace(canary.n, minutes))
    out, pace = standard.rule_out, _pace(canary.n, minutes)
    if not kept:
        said = f"{head}: over the limit so far, and chance may still be the reason"
        return Weighed(Verdict.INCONCLUSIVE, said, needs=Needs(None, None), per_minute=pace)
    if excluded(canary.n, canary.k, out, standard.odds_pass):
        said = f"{head}: {standard.odds_pass:,g} to 1 that it is below {format_percent(out)}"
        return Weighed(Verdict.PASS, said, per_minute=pace)
    rest = why(canary.n, canary.k, out, out, per_minute=pace, **standard.odds)
    wanted = needs(canary.n, canary.k, out, out, **standard.odds)
    return Weighed(
        Verdict.INCONCLUSIVE, f"{head}; to exclude: {rest}", needs=wanted, per_minute=pace
    )


def _kept(question: Question, canary: Side, reference: Side) -> bool:
    """Whether the counted shares keep the limit."""
    ours, theirs = canary.k / canary.n, reference.k / reference.n
    if question.asked is Asked.POINTS:
        return ours < theirs + question.limit
    return ours < theirs * question.limit or not canary.k


def _above(question: Question, canary: Side, reference: Side) -> str:
    if question.asked is Asked.POINTS:
        return _apart(canary, reference, question.limit)
    return f"{_multiple(canary, reference)} the baseline (limit {question.limit:.3g}x)"


def _beside(canary: Side, reference: Side) -> str:
    ours, theirs = (format_share(side.k / side.n) for side in (canary, reference))
    return f"{ours} of {canary.n:,.0f} against {theirs} of {reference.n:,.0f}"


def _apart(canary: Side, reference: Side, limit: float) -> str:
    points = 100 * (canary.k / canary.n - reference.k / reference.n)
    return f"{points:+.3g} points (limit {100 * limit:+.3g})"


def _multiple(canary: Side, reference: Side) -> str:
    if not reference.k:
        return "no errors, like" if not canary.k else "errors, none at"
    return f"{canary.k * reference.n / canary.n / reference.k:.3g}x"


def _open(
    question: Question, canary: Side, reference: Side, wanted: Needs | None, pace: float | None
) -> str:
    if not _kept(question, canary, reference):
        return "over the limit so far, and chance may still be the reason"
    if wanted is None:
        return "within the limit so far"
    if wanted.expected is None:
        return "within the limit so far, but too near to it for any number of requests"
    return wanting(Needs(wanted.expected, wanted.expected), pace)
