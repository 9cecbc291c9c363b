"""A picture of a release as plain values: what is drawn, and the same in a sentence.

`bot.pictures` draws it. Curves of a wave are made of all that was counted in it, in its equal
parts; when those are longer than a minute, of the looks that are kept once a minute.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from bot.domain.charted import charted
from bot.domain.conditions import Condition, LimitKind
from bot.domain.evaluation import value_of
from bot.domain.plan import Metric, Plan
from bot.domain.release_record import Course, Moment, Record, Stretch
from bot.domain.samples import Counts, Measurement, Sample, Track
from bot.domain.totals import Total, add, averaged, from_vector, total_of
from bot.domain.units import format_duration, format_share

ONE_LOOK = timedelta(seconds=60)
"""How often looks are kept; parts of a wave that are shorter tell more."""

SHORT = timedelta(minutes=10)
"""What is shorter is told to the second."""

GAP, FEW = timedelta(seconds=30), 2
"""So long, and in more than so many parts, nothing was read: a curve is broken there."""

BINS = 60
"""Points of one wave at most."""

LONGEST_ALT = 1000
"""Characters of a description that Slack takes."""

MARKED = 6
"""Moments that are numbered and named; the newest of more."""

Unit = Literal["share", "seconds", "number"]
Point = tuple[datetime, datetime, float | None]
"""From, until, and the value between; None where nothing is known."""

Looks = Sequence[tuple[datetime, Sequence[Measurement]]]
"""What was seen, and when."""


class Band(msgspec.Struct, frozen=True):
    """A wave, along the time axis."""

    began_at: datetime
    ended_at: datetime
    text: str


class Panel(msgspec.Struct, frozen=True):
    """One metric. limit: the gate's, None when it has none that is a number."""

    title: str
    unit: Unit
    canary: tuple[Point, ...]
    baseline: tuple[Point, ...]
    limit: float | None = None
    limit_text: str = ""


class Chart(msgspec.Struct, frozen=True):
    """Everything in a picture.

    said: the numbers of the newest wave in a few sentences. alt: that, and what happened in it.
    """

    title: str
    subtitle: str
    began_at: datetime
    ended_at: datetime
    bands: tuple[Band, ...]
    panels: tuple[Panel, ...]
    moments: tuple[Moment, ...]
    said: str
    alt: str


def chart(record: Record, plan: Plan, looks: Looks, upto: int | None = None) -> Chart | None:
    """The picture of a release; None while there is nothing to draw.

    upto: the index of the last stretch in it, None for all.
    """
    stretches = record.stretches if upto is None else record.stretches[: upto + 1]
    names = [n for n in charted(plan) if any(n in s.courses for s in stretches)]
    if not stretches or not names:
        return None
    last, began = stretches[-1], min(s.began_at for s in stretches)
    ended = max(last.ended_at, began + timedelta(seconds=1))
    moments = [m for m in record.moments if began <= m.at <= ended]
    said = _said(record, plan, last, names)
    return Chart(
        title=f"{record.service} {record.version} → {record.environment}",
        subtitle=_wave_words(last, plan),
        began_at=began,
        ended_at=ended,
        bands=tuple(Band(s.began_at, s.ended_at, f"{s.weight:g} %") for s in stretches),
        panels=tuple(_panel(name, plan, stretches, looks) for name in names),
        moments=tuple(moments[-MARKED:]),
        said=said,
        alt=_alt(said, last, moments),
    )


def _wave_words(stretch: Stretch, plan: Plan) -> str:
    return f"wave {stretch.wave + 1} of {len(plan.waves)}, {stretch.weight:g} %"


# --- curves ---------------------------------------------------------------------------------


def _panel(name: str, plan: Plan, stretches: Sequence[Stretch], looks: Looks) -> Panel:
    metric = plan.metrics[name]
    gate = _gate(plan, stretches[-1].wave, name)
    limit = gate.comparison.limit if gate is not None and gate.comparison is not None else None
    sides = {
        track: tuple(p for s in stretches for p in _points(s, name, metric, track, looks))
        for track in Track
    }
    return Panel(
        title=spoken(name, metric),
        unit=unit_of(name, metric, plan),
        canary=sides[Track.CANARY],
        baseline=sides[Track.BASELINE],
        limit=limit.value if limit is not None else None,
        limit_text=_limit_text(gate),
    )


def _points(
    stretch: Stretch, name: str, metric: Metric, track: Track, looks: Looks
) -> Iterator[Point]:
    course = stretch.courses.get(name)
    if course is None:
        return
    if stretch.pace <= ONE_LOOK.total_seconds():
        yield from _from_trail(stretch, course, metric, track)
    else:
        yield from _from_looks(stretch, name, metric, track, looks)


def _from_trail(stretch: Stretch, course: Course, metric: Metric, track: Track) -> Iterator[Point]:
    canary = track is Track.CANARY
    total = course.canary if canary else course.baseline
    trail = course.canary_trail if canary else course.baseline_trail
    width = timedelta(seconds=stretch.pace)
    missing = 0
    for index, numbers in enumerate(trail if total is not None else ()):
        start = stretch.began_at + index * width
        part = from_vector(numbers, total) if numbers and total is not None else None
        if part is None:
            # A count covers the time since the one before it: a part or two without are no gap.
            missing += 1
            if missing * width >= GAP and missing > FEW and start < stretch.ended_at:
                yield start, start + width, None
        else:
            missing = 0
            end = stretch.ended_at
            yield min(start, end), min(start + width, end), value_of(metric, part)


def _from_looks(
    stretch: Stretch, name: str, metric: Metric, track: Track, looks: Looks
) -> Iterator[Point]:
    span = stretch.ended_at - stretch.began_at
    width = max(ONE_LOOK, span / BINS)
    sums: dict[int, Total] = {}
    for at, measurements in looks:
        if not stretch.began_at < at <= stretch.ended_at:
            continue
        slot = int((at - stretch.began_at) / width)
        for each in measurements:
            if each.metric == name and each.track is track and isinstance(each.reading, Sample):
                sums[slot] = add(sums.get(slot), total_of(each.reading.value))
    for slot in range(math.ceil(span / width) if sums else 0):
        start = stretch.began_at + slot * width
        known = sums.get(slot)
        value = value_of(metric, averaged(known)) if known is not None else None
        yield start, min(start + width, stretch.ended_at), value


# --- limits and words -----------------------------------------------------------------------


def _gate(plan: Plan, wave: int, name: str) -> Condition | None:
    """The wave's gate on a metric, else the trigger on it, with a limit that is a number."""
    of = plan.waves[wave]
    for each in (*of.gates, *plan.triggers_of(of)):
        c = each.comparison
        if c is not None and c.subject == name and c.limit.kind is LimitKind.ABSOLUTE:
            return each
    return None


def _limit_text(gate: Condition | None) -> str:
    if gate is None or gate.comparison is None:
        return ""
    return f"{gate.comparison.operator} {gate.comparison.limit.text}"


def spoken(name: str, metric: Metric) -> str:
    """What a metric is called in a picture: error rate; latency p99."""
    words = name.replace("_", " ")
    quantile = f"p{metric.q * 100:g}" if metric.q else ""
    return words if not quantile or quantile in words else f"{words} ({quantile})"


def unit_of(name: str, metric: Metric, plan: Plan) -> Unit:
    """In what its values are. Gauges are shares where the plan limits them by a percentage."""
    if metric.kind == "ratio":
        return "share"
    if metric.kind == "quantile":
        return "seconds"
    rules = [c for w in plan.waves for c in (*w.gates, *plan.triggers_of(w))]
    limits = [
        c.comparison.limit.text for c in rules if c.comparison and c.comparison.subject == name
    ]
    if any(text.endswith("%") for text in limits):
        return "share"
    return "seconds" if any(text.endswith("s") for text in limits) else "number"


def shown(value: float, unit: Unit) -> str:
    """A value as people say it: 0.03%, 250 ms, 1.5 s, 12."""
    match unit:
        case "share":
            return format_share(value)
        case "seconds":
            return f"{value * 1000:.4g} ms" if value < 1 else f"{value:.4g} s"
        case "number":
            return f"{value:.4g}"


def _said(record: Record, plan: Plan, last: Stretch, names: Sequence[str]) -> str:
    span = last.ended_at - last.began_at
    began, ended = clock(last.began_at, span), clock(last.ended_at, span)
    head = (
        f"{record.service} {record.version} in {record.environment}, {_wave_words(last, plan)}, "
        f"{began} to {ended} UTC ({format_duration(span)})."
    )
    numbers = (_numbers(name, plan, last) for name in names if name in last.courses)
    return " ".join([head, *numbers])


def _alt(said: str, last: Stretch, moments: Sequence[Moment]) -> str:
    span = last.ended_at - last.began_at
    inside = [m for m in moments if m.at >= last.began_at]
    told = [f"{clock(m.at, span)} {m.text}{_end(m.text)}" for m in inside[-3:]]
    return " ".join([said, *told])[:LONGEST_ALT]


def _end(text: str) -> str:
    """A full stop where a sentence has none."""
    return "" if text.endswith((".", "!", "?")) else "."


def _numbers(name: str, plan: Plan, stretch: Stretch) -> str:
    """Error rate 0.03% of 12,345 on the new version, 0.02% on the old one (limit < 0.1%)."""
    metric, course = plan.metrics[name], stretch.courses[name]
    unit = unit_of(name, metric, plan)
    ours = _side(metric, course.canary, unit)
    theirs = _side(metric, course.baseline, unit)
    text = f"{spoken(name, metric).capitalize()} {ours} on the new version"
    text += f", {theirs} on the old one" if course.baseline is not None else ""
    limit = _limit_text(_gate(plan, stretch.wave, name))
    return f"{text} (limit {limit})." if limit else f"{text}."


def _side(metric: Metric, total: Total | None, unit: Unit) -> str:
    value = value_of(metric, averaged(total)) if total is not None else None
    if value is None:
        return "not known"
    at_most = "at most " if metric.kind == "quantile" else ""
    of = f" of {total.total:,.0f} requests" if isinstance(total, Counts) else ""
    return f"{at_most}{shown(value, unit)}{of}"


def clock(at: datetime, span: timedelta) -> str:
    """The time of the day, UTC; with seconds where a whole picture spans minutes only."""
    form = "%H:%M:%S" if span < SHORT else "%H:%M"
    return f"{at.astimezone(UTC):{form}}"
