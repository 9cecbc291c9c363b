"""The curves of a replay's picture: one panel for each metric that gates or triggers judge."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.conditions import Action, Comparison, Condition, LimitKind
from bot.domain.evaluation import value_of
from bot.domain.plan import Metric, Plan
from bot.domain.recording import Recording, Strand, summed
from bot.domain.samples import Gauge, Track
from bot.domain.totals import total_of
from bot.domain.units import format_share
from bot.replay.report import Band, Replay

LEFT, RIGHT = 78, 850
"""Between these the curves are drawn; the limits' texts stand to the right."""

TALL, GAP = 150, 38
"""Of a panel, and between two of them for the name of the lower one."""

BINS = 160
"""Stretches of time into which a curve is divided at most."""

OFF_SCALE = 3.0
"""What is more than so many times above the usual is named, not drawn: it would flatten the rest"""

USUAL = 0.9
"""The share of the values that are usual."""

LINE = 13
"""Height of a text."""

_PACES = (1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)

Values = list[float | None]
"""A value for each stretch of time, None where nothing is known."""


class Tick(msgspec.Struct, frozen=True):
    """A mark of an axis."""

    at: float
    text: str


class Curve(msgspec.Struct, frozen=True):
    """look: canary, baseline, sofar (the canary since its wave began), level (a gauge)."""

    look: str
    path: str


class Line(msgspec.Struct, frozen=True):
    """A limit. y: where its text stands. look: gate or trigger."""

    path: str
    y: float
    text: str
    look: str


class Panel(msgspec.Struct, frozen=True):
    """One metric. beside: what can't be drawn. top: where its picture begins."""

    title: str
    beside: str
    top: float
    ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    lines: tuple[Line, ...]


class Scale:
    """Instants across the picture."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self._span = (end - start).total_seconds()

    def x(self, at: datetime) -> float:
        share = (at - self.start).total_seconds() / self._span
        return round(LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0), 1)

    def bins(self, step: timedelta) -> "list[Bin]":
        """Stretches of whole steps, at most `BINS`."""
        steps = max(1, math.ceil(self._span / step.total_seconds()))
        width = step * math.ceil(steps / BINS)
        found, at = [], self.start
        while at < self.end:
            end = min(at + width, self.end)
            found.append(Bin(at, end, self.x(at), self.x(end)))
            at += width
        return found

    def ticks(self) -> Iterator[Tick]:
        """Round times of the day, at most nine of them."""
        pace = next((p for p in _PACES if self._span / p <= 9), _PACES[-1])
        first = math.ceil(self.start.timestamp() / pace) * pace
        for at in range(int(first), int(self.end.timestamp()) + 1, pace):
            shown = datetime.fromtimestamp(at, self.start.tzinfo)
            form = "%H:%M:%S" if pace < 60 else "%H:%M" if pace < 86400 else "%m-%d"
            yield Tick(self.x(shown), f"{shown:{form}}")


class Bin(msgspec.Struct, frozen=True):
    """A stretch of time, and where it is drawn."""

    start: datetime
    end: datetime
    left: float
    right: float


class _Limit(msgspec.Struct, frozen=True):
    """A condition's limit over time. certain: it has to be in the picture."""

    condition: Condition
    comparison: Comparison
    values: Values
    trigger: bool
    certain: bool

    @property
    def highest(self) -> float:
        return max(_known(self.values), default=0.0)

    @property
    def bare(self) -> str:
        """The condition without its metric, which the panel names."""
        return f"{self.comparison.operator} {self.comparison.limit.text}"


def panels(
    scale: Scale, replay: Replay, plan: Plan, data: Recording, top: float
) -> Iterator[Panel]:
    """A panel for each metric that is judged, from `top` downwards."""
    fired = {each.id for each in replay.fired}
    found: dict[str, list[tuple[Condition, bool]]] = {}
    for condition, trigger in _conditions(plan):
        if condition.comparison is not None:
            found.setdefault(condition.comparison.subject, []).append((condition, trigger))
    for name, conditions in found.items():
        metric = plan.metrics.get(name)
        if metric is None or metric.kind == "probe":
            continue
        yield _Drawing(scale, metric, data, replay.bands, top + GAP / 2).panel(conditions, fired)
        top += TALL + GAP


def _conditions(plan: Plan) -> Iterator[tuple[Condition, bool]]:
    """Gates first, then what takes traffic away (True); each text once."""
    seen: set[str] = set()
    gates = [(gate, False) for wave in plan.waves for gate in wave.gates]
    triggers = [(t, True) for w in plan.waves for t in plan.triggers_of(w)]
    for condition, trigger in [*gates, *triggers]:
        if condition.text not in seen and (not trigger or condition.do is not Action.NOTIFY):
            seen.add(condition.text)
            yield condition, trigger


class _Drawing:
    """One metric on its way into the picture."""

    def __init__(
        self, scale: Scale, metric: Metric, data: Recording, bands: Sequence[Band], top: float
    ) -> None:
        self._metric = metric
        self._top = top
        self._bins = scale.bins(data.step)
        self._sides: Mapping[Track, Values] = {
            track: self._course(data.strand(metric.name, track)) for track in Track
        }
        self._so_far = self._since(data.strand(metric.name, Track.CANARY), bands)
        self._low, self._high = 0.0, 1.0

    def panel(
        self, conditions: Sequence[tuple[Condition, bool]], fired: "set[str] | frozenset[str]"
    ) -> Panel:
        """Everything in its place."""
        lone = all(trigger for _, trigger in conditions)
        limits = [
            _Limit(c, c.comparison, values, trigger, not trigger or lone or c.id in fired)
            for c, trigger in conditions
            if c.comparison is not None and (values := self._limit(c.comparison))
        ]
        measured = [value for side in self._sides.values() for value in _known(side)]
        self._low, self._high = min([0.0, *measured]), _highest(measured, limits)
        drawn = [limit for limit in limits if min(_known(limit.values)) <= self._high]
        off = [limit.bare for limit in limits if limit not in drawn]
        if max(measured, default=0.0) > self._high:
            off.append(f"peak of {self._shown(max(measured), limits)}")
        steps = _steps(self._low, self._high)
        return Panel(
            title=self._metric.name,
            beside=f"off the scale: {', '.join(off)}" if off else "",
            top=self._top,
            ticks=tuple(Tick(self._y(v), self._shown(v, limits)) for v in steps),
            curves=tuple(self._curves()),
            lines=tuple(self._lines(drawn)),
        )

    # --- values -------------------------------------------------------------------------

    def _course(self, strand: Strand | None) -> Values:
        """The value in each stretch of time; of a gauge the mean."""
        values: Values = []
        for each in self._bins:
            points = strand.between(each.start, each.end) if strand else ()
            levels = [p.value.value for p in points if isinstance(p.value, Gauge)]
            if levels:
                values.append(math.fsum(levels) / len(levels))
            elif points:
                total = total_of(summed(points, points[0].value))
                values.append(value_of(self._metric, total))
            else:
                values.append(None)
        return values

    def _since(self, strand: Strand | None, bands: Sequence[Band]) -> Values:
        """The canary's value since its wave began, which is what a gate judges; of counts only."""
        if strand is None or self._metric.kind not in {"ratio", "quantile"}:
            return []
        values: Values = []
        for each in self._bins:
            began = max((b.began_at for b in bands if b.began_at < each.end), default=each.end)
            points = strand.between(began, each.end)
            total = total_of(summed(points, points[0].value)) if points else None
            values.append(value_of(self._metric, total) if total is not None else None)
        return values

    def _limit(self, comparison: Comparison) -> Values:
        """The limit over time; a relative one follows the baseline. Nothing for other kinds."""
        limit, baseline = comparison.limit, self._sides[Track.BASELINE]
        found: Values = []
        match limit.kind:
            case LimitKind.ABSOLUTE:
                found = [limit.value] * len(baseline)
            case LimitKind.TIMES_BASELINE:
                found = [None if b is None else b * limit.value for b in baseline]
            case LimitKind.OVER_BASELINE:
                found = [None if b is None else b * (1 + limit.value) for b in baseline]
            case LimitKind.ABOVE_BASELINE:
                found = [None if b is None else b + limit.value for b in baseline]
            case _:
                pass
        return found if _known(found) else []

    # --- places -------------------------------------------------------------------------

    def _y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(self._top + TALL - TALL * min(max(share, 0.0), 1.0), 1)

    def _curves(self) -> Iterator[Curve]:
        yield Curve("baseline", self._path(self._sides[Track.BASELINE]))
        level = not self._so_far
        yield Curve("level" if level else "canary", self._path(self._sides[Track.CANARY]))
        yield Curve("sofar", self._path(self._so_far))

    def _lines(self, limits: Sequence[_Limit]) -> Iterator[Line]:
        """The limits with their texts, which must not lie upon each other."""
        taken: list[float] = []
        for limit in limits:
            at = self._y(_known(limit.values)[-1])
            while any(abs(at - other) < LINE for other in taken):
                at -= 4
            taken.append(at)
            look = "trigger" if limit.trigger else "gate"
            yield Line(self._path(limit.values), at, limit.bare, look)

    def _path(self, values: Values) -> str:
        """A stepped line with gaps where nothing is known."""
        words: list[str] = []
        drawing = False
        for each, value in zip(self._bins, values, strict=False):
            if value is not None:
                start = "L" if drawing else "M"
                words.append(f"{start}{each.left:g} {self._y(value):g}H{each.right:g}")
            drawing = value is not None
        return "".join(words)

    def _shown(self, value: float, limits: Sequence[_Limit]) -> str:
        """A value in the unit in which the plan speaks of it."""
        kind = self._metric.kind
        shares = any(limit.comparison.limit.text.endswith("%") for limit in limits)
        if kind == "ratio" or (kind == "gauge" and shares):
            return format_share(value)
        if kind == "quantile":
            return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
        return f"{value:.4g}"


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None]


def _highest(measured: Sequence[float], limits: Sequence[_Limit]) -> float:
    """Where the scale ends: limits and usual values have to be told apart."""
    usual = sorted(measured)[int(len(measured) * USUAL)] if measured else 0.0
    most = max([usual, *(limit.highest for limit in limits if limit.certain)])
    most = most or max(measured, default=0.0)
    near = [limit.highest for limit in limits] + list(measured)
    most = max([most, *(value for value in near if value <= most * OFF_SCALE or not most)])
    return most * 1.12 or 1.0


def _steps(lowest: float, highest: float) -> list[float]:
    """Three to six round values."""
    rough = (highest - lowest) / 4
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough)
    first, last = math.ceil(lowest / step), math.floor(highest / step + 1e-9)
    return [n * step for n in range(first, last + 1)]
