"""The gates of a wave: what all that was counted since it began says about the plan's conditions.

Shares of requests are judged by evidence (`bot.domain.standard`), levels that are compared with a
baseline by their minutes. Plain numbers, absolute levels, probes, `==` and `!=` are compared as
they are at the end of the soak.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from bot.domain.baselines import Reference
from bot.domain.conditions import Comparison, Condition, LimitKind
from bot.domain.evaluation import Judged, Sides, evaluate, needs_reference
from bot.domain.evidence import Verdict
from bot.domain.metering import Entry, Meter, reference_of, spark
from bot.domain.minutes import Minutes
from bot.domain.outlook import Needs
from bot.domain.plan import Metric, Plan
from bot.domain.questions import Asked, Question, question_of, side_of, slower_than, turned
from bot.domain.samples import Buckets, Track
from bot.domain.standard import (
    Standard,
    Weighed,
    standard_of,
    weigh_against,
    weigh_minutes,
    weigh_share,
    words_of,
)
from bot.domain.totals import Level, Total
from bot.domain.units import format_duration

__all__ = ["Finding", "Verdict", "gate", "needs"]

QUIET_FOR = timedelta(minutes=2)
"""Without a request for so long, there is no traffic, or a label is wrong."""


class Finding(msgspec.Struct, frozen=True):
    """What is known about one gate now.

    value, limit: in base units (shares 0..1, seconds), None when there is no number. shown: both
    in words. why: what stands in the way of a verdict, or (weighed) counts, verdict and what would
    change it as one sentence; "" when there is nothing to say. spark: the metric's course during
    the wave, None where there were no data. early: it would pass, but the soak goes on. evident: it
    failed, and chance is no excuse: that need not wait for the soak's end. needs: how much more it
    takes, while it is open. per_minute: of what is counted.
    """

    condition_id: str
    text: str
    verdict: Verdict
    value: float | None
    limit: float | None
    shown: str
    why: str
    spark: tuple[float | None, ...] = ()
    weighed: bool = False
    early: bool = False
    evident: bool = False
    needs: Needs | None = None
    per_minute: float | None = None

    @property
    def said(self) -> str:
        """All of it in one sentence, for people."""
        if self.weighed and self.why:
            return self.why
        return f"{self.shown}: {self.why}" if self.why not in self.shown else self.shown


class _Gate(msgspec.Struct, frozen=True):
    """Everything that a gate on a metric is judged by. beside: of the old version, when it counts
    at the same time."""

    comparison: Comparison
    metric: Metric
    plan: Plan
    entry: Entry
    canary: Total
    against: Reference
    minutes: Minutes
    wave: str
    lasted: float
    soak_over: bool
    narrowed: bool = False
    beside: Entry | None = None


def gate(
    condition: Condition,
    plan: Plan,
    meter: Meter,
    now: datetime,
    *,
    soak_over: bool = True,
    minutes: Minutes | None = None,
) -> Finding:
    """Judge a gate by the wave so far.

    soak_over: before, nothing passes; what would is `early`. minutes: of a level that is compared
    with a baseline.

    PASS and FAIL say whether the condition holds; INCONCLUSIVE that what was counted fits either,
    or that there is nothing to compare with; UNKNOWN that the metric can't be read now, or never
    was in this wave.
    """
    comparison = condition.comparison
    metric = plan.metrics.get(comparison.subject) if comparison else None
    if comparison is None or metric is None:
        return _unknown(condition, "the plan has no metric for it")
    entry = meter.canary.get(comparison.subject)
    against, beside = Reference(None), None
    trouble = _trouble(entry, "", now)
    if not trouble and needs_reference(comparison.limit):
        against = reference_of(comparison.limit, comparison.subject, plan, meter)
        beside = meter.baseline.get(comparison.subject) if against.live else None
        trouble = _trouble(beside, "baseline: ", now) if against.live else ""
    if trouble or entry is None or entry.total is None:
        return _unknown(condition, trouble)
    lasted = (now - (meter.began_at or now)) / timedelta(minutes=1)
    counted = minutes or Minutes()
    found = _Gate(
        comparison,
        metric,
        plan,
        entry,
        entry.total,
        against,
        counted,
        meter.wave,
        lasted,
        soak_over,
        meter.narrowed,
        beside,
    )
    finding = _judged(condition, found)
    return _quiet(finding, found, now)


def _judged(condition: Condition, the: _Gate) -> Finding:
    sides = Sides(the.canary, the.against.total, the.against.label or "baseline", the.against.why)
    plain = evaluate(the.comparison, the.metric, sides, the.plan.min_requests)
    finding = Finding(
        condition.id,
        condition.text,
        plain.holds,
        plain.value,
        plain.limit,
        plain.shown,
        plain.why,
        spark(the.entry, the.metric),
    )
    weighed = None if _settled(plain, the) else _weigh(plain, the)
    if weighed is None:
        return _in_time(finding, the.soak_over)
    label = f" (baseline: {the.against.label})" if the.against.label else ""
    return msgspec.structs.replace(
        finding,
        verdict=weighed.verdict,
        why=_joined(weighed, plain) + label,
        weighed=True,
        early=weighed.early,
        evident=weighed.verdict is Verdict.FAIL and the.metric.kind != "gauge",
        needs=weighed.needs,
        per_minute=weighed.per_minute,
    )


def _settled(plain: Judged, the: _Gate) -> bool:
    """Whether there is nothing to weigh: impossible numbers, no reference, too few requests."""
    if plain.holds is Verdict.UNKNOWN or plain.missing:
        return True
    return not isinstance(the.canary, Level) and 0 < the.canary.total < the.plan.min_requests


def _joined(weighed: Weighed, plain: Judged) -> str:
    between = plain.why if "between two edges" in plain.why else ""
    still_open = weighed.verdict is Verdict.INCONCLUSIVE and not weighed.early
    return f"{weighed.why}; {between}" if between and still_open else weighed.why


def _in_time(finding: Finding, soak_over: bool) -> Finding:
    if finding.verdict is not Verdict.PASS or soak_over:
        return finding
    return msgspec.structs.replace(finding, verdict=Verdict.INCONCLUSIVE, early=True)


def _quiet(finding: Finding, the: _Gate, now: datetime) -> Finding:
    """No requests for a while are no evidence of anything: somebody has to look why."""
    good = finding.verdict is Verdict.PASS or finding.early
    if the.metric.kind not in {"ratio", "quantile"} or not good:
        return finding
    for whose, entry in (("", the.entry), ("baseline: ", the.beside)):
        quiet = now - (entry.grown_at or now) if entry is not None else timedelta()
        if quiet >= QUIET_FOR:
            since = format_duration(quiet)
            why = f"{whose}no requests for {since}: no traffic, or a wrong label"
            return msgspec.structs.replace(
                finding, verdict=Verdict.INCONCLUSIVE, why=why, weighed=False, early=False
            )
    return finding


# --- evidence -------------------------------------------------------------------------------


def _weigh(plain: Judged, the: _Gate) -> Weighed | None:
    """What the counts say; None where a number is compared as it is."""
    if the.metric.kind == "gauge":
        return _weigh_level(the) if needs_reference(the.comparison.limit) else None
    question = question_of(the.comparison, the.metric, gate=True)
    if question is None:
        return None
    if question.slow:
        return _weigh_slow(question, plain, the)
    ours = side_of(question, the.canary)
    if ours is None:
        return None
    if question.asked is Asked.SHARE:
        standard = _standard(question, the)
        words = words_of(question, the.metric)
        return weigh_share(
            ours.n, ours.k, ours.k, question.limit, standard, minutes=the.lasted, words=words
        )
    base = side_of(question, the.against.total)
    if base is None:
        return None
    question = turned(question, base)
    weight = _weight(the) if the.against.live else None
    standard = _standard(question, the)
    return weigh_against(question, ours, base, standard, minutes=the.lasted, weight=weight)


def _weigh_slow(question: Question, plain: Judged, the: _Gate) -> Weighed | None:
    """A quantile: as few requests as are surely slower may fail it, as many as may be pass it."""
    if not isinstance(the.canary, Buckets) or plain.limit is None:
        return None
    least, most = slower_than(the.canary, plain.limit)
    return weigh_share(
        the.canary.total,
        least,
        most,
        question.limit,
        _standard(question, the),
        minutes=the.lasted,
        words=words_of(question, the.metric),
    )


def _weigh_level(the: _Gate) -> Weighed:
    found = the.minutes.trend.since_start
    return weigh_minutes(
        found.n,
        found.k,
        Standard(
            0.5,
            odds_fail=the.plan.odds_fail,
            odds_pass=the.plan.odds_pass,
            soak_over=the.soak_over,
        ),
    )


def _standard(question: Question, the: _Gate) -> Standard:
    subject = the.comparison.subject
    return standard_of(question, subject, the.plan, the.wave, soak_over=the.soak_over)


def _weight(the: _Gate) -> float | None:
    if the.narrowed:
        return None
    shares = (wave.traffic / 100 for wave in the.plan.waves if wave.id == the.wave)
    return next(shares, None) if the.comparison.limit.kind is not LimitKind.ABOVE_WAVE else None


# --- what to read ---------------------------------------------------------------------------


def needs(
    conditions: Iterable[Condition], metrics: Mapping[str, Metric], *, baseline: bool = True
) -> tuple[tuple[str, Track], ...]:
    """The metrics and tracks that conditions have to be fed with, each once, in a fixed order.

    A trend needs its metric; what else is not a metric of the plan needs nothing from here.
    baseline: whether the old version is what relative limits are held against.
    """
    found: dict[tuple[str, Track], None] = {}
    for condition in conditions:
        comparison = condition.comparison
        if comparison is None:
            continue
        if comparison.subject == "trend" and comparison.argument in metrics:
            found[comparison.argument, Track.CANARY] = None
        if comparison.subject not in metrics:
            continue
        found[comparison.subject, Track.CANARY] = None
        if (comparison.limit.relative or condition.caused) and baseline:
            found[comparison.subject, Track.BASELINE] = None
    return tuple(found)


def _trouble(entry: Entry | None, whose: str, now: datetime) -> str:
    if entry is not None and entry.unknown_since is not None:
        since = format_duration(now - entry.unknown_since)
        return f"{whose}{entry.reason} (for {since})"
    if entry is None or entry.total is None:
        return f"{whose}not measured in this wave yet"
    return ""


def _unknown(condition: Condition, why: str) -> Finding:
    shown = f"unknown: {why}"
    return Finding(condition.id, condition.text, Verdict.UNKNOWN, None, None, shown, why)
