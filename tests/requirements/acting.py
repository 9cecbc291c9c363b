"""Making one condition of a built-in plan true, by the least that is enough, in virtual time.

A `Rule` is a trigger or an alert: readings of one metric, window after window. A `Gate` is judged
over a whole soak. Both are driven through `decide`, on the plan as it is shipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

import msgspec

from bot.domain.conditions import Condition
from bot.domain.decisions import decide
from bot.domain.duties import ACKNOWLEDGE, StartDuty
from bot.domain.events import (
    AdvanceRequested,
    Effect,
    ItemTicked,
    Measured,
    Page,
    PostThread,
    RolloutEvent,
    Seen,
    WaveApplied,
)
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.people import Actor
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import (
    Buckets,
    Counts,
    Gauge,
    Measurement,
    Probe,
    Sample,
    Track,
    Value,
)
from bot.plans import PlanLibrary, library
from tests.domain import builders as b

STEPS = 4
"""Looks in each window."""


@cache
def plans() -> PlanLibrary:
    return library()


# --- readings -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """What one look finds: on the candidate, and on the side before where that is asked for."""

    canary: Value
    baseline: Value | None = None


def share(bad: float, of: float = 1000, base: tuple[float, float] | None = None) -> Side:
    """So many bad ones of so many; base: the same of the baseline."""
    return Side(Counts(bad, of), Counts(*base) if base else None)


def slow(n: float, than: float, of: float = 1000, base: float | None = None) -> Side:
    """So many of the requests took longer than `than` seconds; the others just that long.

    base: the edge, in seconds, that no request of the baseline exceeds.
    """
    edges = sorted({than, *([base] if base else [])})
    ours = tuple((edge, of - n if edge >= than else 0.0) for edge in edges)
    theirs = tuple((edge, of if edge >= base else 0.0) for edge in edges) if base else ()
    return Side(Buckets(of, ours), Buckets(of, theirs) if base else None)


def level(value: float, base: float | None = None) -> Side:
    """A gauge, in base units: shares are 0..1."""
    return Side(Gauge(value), None if base is None else Gauge(base))


def times(n: float) -> Side:
    """Something happened so often since the last look."""
    return Side(Counts(n, n))


def served(side: Side, weight: float) -> Side:
    """What the two sides show of a level when the candidate has `weight` percent of the traffic."""
    match side:
        case Side(Gauge(ours), Gauge(theirs)):
            return level(ours * weight / 100, base=theirs * (1 - weight / 100))
        case _:
            return side


UP = Side(Probe(True))
DOWN = Side(Probe(False, "HTTP 503"))


# --- what a test says -----------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A trigger or an alert.

    rows: what it shows. over: readings that satisfy it by the least. limit: readings exactly at the
    limit, or whatever is just not enough. windows: how many in a row it takes, of `window` seconds.
    each: seconds between two looks, None: four looks in each window. does: rollback, step_back,
    pause, page or notify. level: of an alert that does more than that; "trigger": it is none.
    """

    rows: tuple[str, ...]
    plan: str
    wave: str
    metric: str
    over: Side
    limit: Side
    window: float
    does: str
    windows: int = 1
    each: float | None = None
    before: Mapping[str, Value] = field(default_factory=dict)
    level: str = ""

    @property
    def step(self) -> float:
        return self.each or self.window / STEPS

    @property
    def name(self) -> str:
        return f"{self.rows[0]}-{self.metric}-{self.wave}-{self.does}"

    @property
    def condition(self) -> Condition:
        """What the plan says about it."""
        plan = plans().get(self.plan)
        wave = next(wave for wave in plan.waves if wave.id == self.wave)
        levels = {"page": "critical", "notify": "warning"}
        level = self.level or levels.get(self.does, "")
        found = plan.alerts.get(level, plan.triggers_of(wave))
        return next(c for c in found if c.text.startswith(self.metric))


@dataclass(frozen=True)
class Gate:
    """A gate of a wave: `over` is bad enough to fail, `limit` exactly at it, `under` good enough.

    does: what a failure does; to: the traffic that a step back leaves. The numbers of the other
    gates come from `good`.
    """

    rows: tuple[str, ...]
    plan: str
    wave: str
    metric: str
    over: Side
    limit: Side
    under: Side
    does: str
    good: Mapping[str, Side]
    before: Mapping[str, Value] = field(default_factory=dict)
    to: float | None = None

    @property
    def name(self) -> str:
        return f"{self.rows[0]}-{self.metric}-{self.plan}-{self.wave}"


@dataclass(frozen=True)
class Report:
    """Something that is told from outside, by its name, and what it does where it is listed."""

    rows: tuple[str, ...]
    plan: str
    wave: str
    event: str
    does: str

    @property
    def name(self) -> str:
        return f"{self.rows[0]}-{self.event}-{self.wave}"


@dataclass(frozen=True)
class Counted:
    """Things reported one by one: the one with the number `enough` acts."""

    rows: tuple[str, ...]
    plan: str
    wave: str
    source: Literal["report", "incident"]
    kind: str
    enough: int
    does: str

    @property
    def name(self) -> str:
        return f"{self.rows[0]}-{self.kind}"


@dataclass(frozen=True)
class Question:
    """A gate that a person answers. role: one that may; does: what a no does."""

    rows: tuple[str, ...]
    plan: str
    wave: str
    id: str
    role: str
    does: str
    good: Mapping[str, Side]

    @property
    def name(self) -> str:
        return f"{self.rows[0]}-{self.id}"


# --- driving --------------------------------------------------------------------------------


class Drive:
    """A rollout in the middle of one wave of a plan."""

    def __init__(
        self,
        plan: str,
        wave: str,
        before: Mapping[str, Value] | None = None,
        *,
        gates: bool = True,
    ) -> None:
        """gates: the wave keeps them; evidence may fail one before a rule on the same metric."""
        self.now = b.NOW
        self.effects: list[Effect] = []
        self.rollout = at_wave(plan, wave, self.now, before or {}, gates=gates)

    def happens(self, event: RolloutEvent) -> None:
        """Let something happen now."""
        self.rollout, effects = decide(self.rollout, event, self.now)
        self.effects += effects

    def look(self, seconds: float, readings: Mapping[str, Side]) -> None:
        """Time passes, and then the bot looks.

        What is counted per weight is given as it would be with all the traffic.
        """
        self.now += timedelta(seconds=seconds)
        metrics, weight = self.rollout.the_plan.metrics, self.rollout.weight
        readings = {
            name: served(side, weight) if metrics[name].per_weight else side
            for name, side in readings.items()
        }
        at = Seen("v1.1.0", "v1.2.0", self.rollout.weight)
        self.happens(Measured(_measurements(readings, self.now), timedelta(seconds=seconds), at))

    def looks(self, n: int, seconds: float, readings: Mapping[str, Side]) -> None:
        for _ in range(n):
            self.look(seconds, readings)

    def begin_anew(self) -> None:
        """At the beginning: the first traffic of the release has just come."""
        plan = self.rollout.the_plan
        ramp = plan.waves[0].ramp
        weight = plan.waves[0].traffic if ramp is None else ramp.steps[0]
        asked = msgspec.structs.replace(b.shifting(), plan=plan, target_weight=weight)
        self.rollout = asked
        self.happens(WaveApplied(asked.op_key, Seen("v1.1.0", "v1.2.0", weight)))

    def answer_everything(self, but: str = "") -> None:
        """Somebody of the right role says yes to each question of the wave; checks pass."""
        for gate in self.rollout.current_wave.gates:
            answered = gate.id in {tick.gate for tick in self.rollout.ticks}
            if gate.kind in {"attest", "check"} and gate.id != but and not answered:
                person = Actor("olga", "U0OLGA", gate.by or ("release_manager",))
                self.happens(ItemTicked(person, gate.id, ok=True))

    def let_go_on(self, good: Mapping[str, Side]) -> None:
        """The next wave's day comes, and whoever decides says yes, when nothing else is missing."""
        if self.rollout.wave_opens_at is not None:
            wait = (self.rollout.wave_opens_at - self.now).total_seconds()
            self.looks(4, wait / 4, good)
        if "press Advance" in self.rollout.reason:
            decider = Actor("olga", "U0OLGA", ("release_manager",))
            self.happens(AdvanceRequested(decider, "all is well"))

    def serve(self, good: Mapping[str, Side], looks: int = 16) -> None:
        """The wave's soak goes by, with these readings."""
        soak = max(self.rollout.soak_left.total_seconds(), looks)
        self.looks(looks, soak / looks, good)

    def is_in(self, phase: Phase) -> bool:
        return self.rollout.phase is phase

    @property
    def done(self) -> str:
        """What was done about it so far: the strongest thing."""
        match self.rollout.phase:
            case Phase.ROLLING_BACK:
                return "rollback"
            case Phase.STEPPING_BACK:
                return "step_back"
            case Phase.PAUSED:
                return "pause"
            case Phase.SHIFTING | Phase.PROMOTING:
                return "go on"
            case _:
                return self._told

    @property
    def _told(self) -> str:
        if self.paged:
            return "page"
        return "notify" if self.said("Warning: ") else "nothing"

    @property
    def paged(self) -> list[str]:
        """What people were called for."""
        calls = [e.text for e in self.effects if isinstance(e, Page)]
        clocks = [e for e in self.effects if isinstance(e, StartDuty) and e.level == "critical"]
        return [*calls, *(e.about for e in clocks if e.due == ACKNOWLEDGE)]

    @property
    def posted(self) -> list[str]:
        """What was said in the thread."""
        return [effect.text for effect in self.effects if isinstance(effect, PostThread)]

    def said(self, start: str) -> bool:
        """Whether something that begins like this was posted."""
        return any(text.startswith(start) for text in self.posted)


def at_wave(
    plan_name: str, wave_id: str, now: datetime, before: Mapping[str, Value], *, gates: bool
) -> Rollout:
    """A rollout whose wave was just confirmed. before: totals of the wave before, by metric."""
    plan = plans().get(plan_name)
    index = next(n for n, wave in enumerate(plan.waves) if wave.id == wave_id)
    if not gates:
        bare = [msgspec.structs.replace(wave, gates=()) for wave in plan.waves]
        plan = msgspec.structs.replace(plan, waves=tuple(bare))
    wave = plan.waves[index]
    return msgspec.structs.replace(
        b.soaking(),
        plan=plan,
        wave=index,
        weight=wave.traffic,
        target_weight=wave.traffic,
        ramp_step=len(wave.ramp.steps) - 1 if wave.ramp is not None else 0,
        wave_applied_at=now,
        phase_since=now,
        meter=begin_wave(_earlier(plan.waves[max(index - 1, 0)].id, before, now), wave_id, now),
    )


def _earlier(wave_id: str, totals: Mapping[str, Value], now: datetime) -> Meter:
    """The meter of a wave that counted this."""
    readings = _measurements({name: Side(value) for name, value in totals.items()}, now)
    return fold(begin_wave(Meter(), wave_id, now), readings, now)


def _measurements(readings: Mapping[str, Side], now: datetime) -> tuple[Measurement, ...]:
    found: list[Measurement] = []
    for metric, side in readings.items():
        found.append(Measurement(metric, Track.CANARY, Sample(side.canary, now)))
        if side.baseline is not None:
            found.append(Measurement(metric, Track.BASELINE, Sample(side.baseline, now)))
    return tuple(found)


def soak_through(gate: Gate, readings: Side) -> Drive:
    """Serve the wave's soak with these readings of the gate's metric, and answer all questions."""
    drive = Drive(gate.plan, gate.wave, gate.before)
    drive.answer_everything()
    drive.serve({**gate.good, gate.metric: readings})
    drive.let_go_on({**gate.good, gate.metric: readings})
    return drive
