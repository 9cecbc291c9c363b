"""What is read after a release, over which stretch of time, and what it says.

A stretch is a window, the time before a sign-off, the time since the last status, or all of it.
Each reading is added to every stretch that it belongs to, once. Absence is never a pass: what could
not be read, or was read too late to say anything about its stretch, is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from bot.domain.after_facts import subject_of
from bot.domain.after_plan import Criterion, told_by
from bot.domain.after_state import Aftercare, Looked, Result, Sum, pending, running
from bot.domain.conditions import Comparison, Condition, LimitKind
from bot.domain.evaluation import Sides, evaluate
from bot.domain.evidence import Verdict
from bot.domain.gates import Finding
from bot.domain.plan import Metric
from bot.domain.samples import Measurement, Sample, Track, Unknown
from bot.domain.totals import Level, Total, add, averaged, flaw, total_of, worst
from bot.domain.units import format_duration, format_percent

STATUS = "status"
LOOK = "look"
"""From one look to the next, while a watch says how often that is."""

WHOLE = "whole"

READINGS = 12
"""How often a stretch is read at least; a dozen values of a gauge make a mean."""

SOONEST = timedelta(minutes=1)
LATEST = timedelta(hours=4)
"""Two readings are never closer, and never further apart; a source keeps more than hours."""

NOT_KNOWN = "not known here"


class Stretch(NamedTuple):
    """ends: None where nobody knows yet. conditions: what is judged over it."""

    name: str
    starts: datetime
    ends: datetime | None
    conditions: tuple[Condition | Criterion, ...]


def stretches(care: Aftercare) -> list[Stretch]:
    """Every stretch of the release, over or not."""
    at, plan = care.created_at, care.after
    found = [Stretch(w.id, at + w.starts, at + w.ends, w.items) for w in plan.windows]
    found += [
        Stretch(s.id, at + s.measured_from, at + s.due, s.items)
        for s in plan.signoffs
        if s.due > s.measured_from
    ]
    if running(care) or pending(care):
        found.append(Stretch(STATUS, care.posted_at or at, None, plan.standing))
    if looks(care):
        found.append(Stretch(LOOK, care.read_at or at, None, plan.standing))
    found.append(Stretch(WHOLE, at, at + plan.lasts, plan.success))
    return found


def needed(care: Aftercare, now: datetime) -> tuple[str, ...]:
    """The metrics to be read now, each once."""
    names: dict[str, None] = {}
    for stretch in stretches(care):
        if stretch.starts <= now and _unread(care, stretch):
            names |= dict.fromkeys(_metrics(care, stretch))
    return tuple(names)


def next_reading(care: Aftercare, now: datetime) -> datetime | None:
    """When the metrics are to be read again, None when nothing is: also where a stretch ends."""
    going = [
        stretch
        for stretch in stretches(care)
        if stretch.starts <= now and (stretch.ends is None or now < stretch.ends)
        if any(True for _ in _metrics(care, stretch))
    ]
    spans = [(s.ends - s.starts if s.ends else _pace(care)) / READINGS for s in going]
    spans += looks(care)
    ends = [stretch.ends for stretch in going if stretch.ends is not None]
    return min([now + max(SOONEST, min(LATEST, *spans)), *ends]) if spans else None


def looks(care: Aftercare) -> list[timedelta]:
    """How often the watches under way want to be looked at."""
    return [watch.look for watch in running(care) if watch.look is not None]


def _pace(care: Aftercare) -> timedelta:
    return min((watch.every for watch in running(care) if watch.every), default=LATEST * READINGS)


def _unread(care: Aftercare, stretch: Stretch) -> bool:
    return stretch.ends is None or (care.read_at or care.created_at) < stretch.ends


def _metrics(care: Aftercare, stretch: Stretch) -> Iterable[str]:
    for condition in stretch.conditions:
        comparison = condition.comparison
        if comparison is not None and comparison.subject in care.the_plan.metrics:
            yield comparison.subject


# --- adding up ------------------------------------------------------------------------------


def measured(care: Aftercare, event: Looked, now: datetime) -> Aftercare:
    """The same with one more look in it."""
    readings = {m.metric: m for m in event.measurements if m.track is Track.CANARY}
    sums = dict(care.sums)
    for stretch in stretches(care):
        if stretch.starts < now and _unread(care, stretch):
            old = sums.get(stretch.name, {}) if stretch.name != LOOK else {}
            names = dict.fromkeys(_metrics(care, stretch))
            sums[stretch.name] = {
                name: _added(care, old.get(name, Sum()), readings.get(name), stretch, event, now)
                for name in names
            }
    unread = msgspec.structs.replace(
        care,
        sums=sums,
        cursors=_cursors(care, readings.values()),
        facts={**care.facts, **event.facts},
    )
    found = msgspec.structs.replace(unread, findings=_findings(unread, now))
    return msgspec.structs.replace(found, read_at=now)


def _cursors(care: Aftercare, readings: Iterable[Measurement]) -> Mapping[str, str]:
    """Only of what is being read: a metric that comes back later counts from then on."""
    return {
        m.metric: cursor
        for m in readings
        if (cursor := m.reading.cursor or care.cursors.get(m.metric, ""))
    }


def _added(
    care: Aftercare,
    old: Sum,
    measurement: Measurement | None,
    stretch: Stretch,
    event: Looked,
    now: datetime,
) -> Sum:
    reading = measurement.reading if measurement is not None else Unknown(event.blind or "not read")
    trouble = _trouble(reading, stretch, now)
    if trouble or isinstance(reading, Unknown):
        return msgspec.structs.replace(old, missed=old.missed + 1, trouble=trouble)
    since = care.read_at or now
    level = isinstance(total_of(reading.value), Level)
    if level and stretch.ends is not None and now > stretch.ends + SOONEST:
        return old  # what is so now was not so then
    if not level and since < stretch.starts:
        return old  # what it counts began before the stretch did; the next one counts
    return Sum(add(old.total, total_of(reading.value)), old.read + 1, old.missed)


def _trouble(reading: Sample | Unknown, stretch: Stretch, now: datetime) -> str:
    """Why a reading says nothing about a stretch, "" when it does."""
    if isinstance(reading, Unknown):
        return reading.reason
    wrong = flaw(reading.value)
    if wrong or stretch.ends is None:
        return wrong
    late = now - stretch.ends
    allowed = max(SOONEST, (stretch.ends - stretch.starts) / 2)
    counts = not isinstance(total_of(reading.value), Level)
    return f"read {format_duration(late)} too late" if counts and late > allowed else ""


def reset_status(care: Aftercare, at: datetime) -> Aftercare:
    """The status of that instant has been posted; the next one tells what comes from then on."""
    kept = {name: sums for name, sums in care.sums.items() if name != STATUS}
    return msgspec.structs.replace(care, sums=kept, posted_at=at)


# --- judging --------------------------------------------------------------------------------


def _findings(care: Aftercare, now: datetime) -> Mapping[str, Finding]:
    found = dict(care.findings)
    windows = {window.id for window in care.after.windows}
    for stretch in stretches(care):
        if stretch.starts < now and _unread(care, stretch):
            for condition in stretch.conditions:
                if not isinstance(condition, Condition) or condition.comparison is None:
                    continue
                if stretch.name == LOOK or (stretch.name in windows and _was_bad(care, condition)):
                    continue
                found[condition.id] = finding(care, condition, stretch.name)
    return found


def _was_bad(care: Aftercare, condition: Condition) -> bool:
    """Whether something that is known by the moment was bad once: then it was, in this window."""
    comparison, old = condition.comparison, care.findings.get(condition.id)
    by_the_moment = comparison is not None and comparison.subject not in care.the_plan.metrics
    return by_the_moment and old is not None and old.verdict is Verdict.FAIL


def finding(care: Aftercare, condition: Condition, stretch: str) -> Finding:
    """What is known of a measured item over a stretch."""
    comparison = condition.comparison
    if comparison is None:
        return _unknown(condition, "nothing is measured for it")
    metric = care.the_plan.metrics.get(comparison.subject)
    if metric is None:
        return _of_fact(care, condition, comparison)
    known = care.sums.get(stretch, {}).get(comparison.subject, Sum())
    total, why = _whole(known, metric)
    if total is None:
        return _unknown(condition, why)
    found = evaluate(comparison, metric, Sides(total), care.the_plan.min_requests)
    return Finding(
        condition.id,
        condition.text,
        found.holds,
        found.value,
        found.limit,
        found.shown,
        found.why,
    )


def _whole(known: Sum, metric: Metric) -> tuple[Total | None, str]:
    """What a stretch adds up to, or why it can't be told."""
    level = isinstance(known.total, Level)
    if known.trouble and not level:
        return None, known.trouble  # counts go on from where they were read last
    if known.total is None:
        return None, "not measured yet"
    if level and known.missed > known.read:
        return None, f"could be read only {known.read} of {known.read + known.missed} times"
    return (worst if metric.kind == "probe" else averaged)(known.total), ""


def _of_fact(care: Aftercare, condition: Condition, comparison: Comparison) -> Finding:
    value = fact(care, comparison)
    if value is None:
        return _unknown(condition, NOT_KNOWN)
    holds = comparison.operator.holds(value, comparison.limit.value)
    shown = f"{_shown(comparison, value)}, limit {comparison.limit.text}"
    verdict = Verdict.PASS if holds else Verdict.FAIL
    limit = comparison.limit.value
    return Finding(condition.id, condition.text, verdict, value, limit, shown, "")


def fact(care: Aftercare, comparison: Comparison) -> float | None:
    """What the bot knows itself of a subject, None when it does not know."""
    absolute = comparison.limit.kind is LimitKind.ABSOLUTE
    return care.facts.get(subject_of(comparison)) if absolute else None


def _shown(comparison: Comparison, value: float) -> str:
    text = comparison.limit.text
    if text[-1].isalpha():
        return format_duration(timedelta(seconds=value))
    return format_percent(value) if text.endswith("%") else f"{value:g}"


def _unknown(condition: Condition, why: str) -> Finding:
    shown = f"unknown: {why}"
    return Finding(condition.id, condition.text, Verdict.UNKNOWN, None, None, shown, why)


def results(care: Aftercare) -> tuple[Result, ...]:
    """The plan's criteria of success, each with what is known of it."""
    return tuple(_result(care, criterion) for criterion in care.after.success)


def _result(care: Aftercare, criterion: Criterion) -> Result:
    comparison = criterion.comparison
    here = comparison is not None and (
        comparison.subject in care.the_plan.metrics or fact(care, comparison) is not None
    )
    if not here and (told := _told(care, criterion)) is not None:
        return told
    if not here:
        return Result(criterion.text, Verdict.UNKNOWN, NOT_KNOWN, known=False)
    stand_in = Condition(id="", kind="if", text=criterion.text, comparison=comparison)
    found = finding(care, stand_in, WHOLE)
    return Result(criterion.text, found.verdict, found.shown)


def _told(care: Aftercare, criterion: Criterion) -> Result | None:
    """What people have answered to the item that is about a criterion; None when there is none."""
    items = [i for _, i in care.after.items() if i.tells and i.tells in told_by(criterion)]
    if not items:
        return None
    answer = care.answer(items[0].id)
    if answer is None:
        return Result(criterion.text, Verdict.UNKNOWN, f"not answered yet: {items[0].text}", False)
    said = answer.evidence or ("yes" if answer.ok else "no")
    verdict = Verdict.PASS if answer.ok else Verdict.FAIL
    return Result(criterion.text, verdict, f"{said}, says @[{answer.person}]")


def failing(care: Aftercare) -> Sequence[str]:
    """What speaks against calling the release what the plan calls it at the end of a watch."""
    standing = (care.findings.get(each.id) for each in care.after.standing)
    bad = {Verdict.FAIL, Verdict.UNKNOWN}
    found = [f"{f.text}: {f.shown}" for f in standing if f is not None and f.verdict in bad]
    missed = [r for r in results(care) if r.known and r.verdict is Verdict.FAIL]
    return (*found, *(f"{result.text}: {result.shown}" for result in missed))
