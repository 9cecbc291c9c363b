"""Triggers and alerts: the rule of the plan at its word, and evidence that may act before it.

A. The rule: so many windows in a row, none overlapping another, are over the limit. It always does
   what the plan says (with `evidence: require`: it pauses until the same windows are evidence).
B. Evidence: the minutes of the wave, or of its last hours, show that the limit is broken, see
   `bot.domain.early`. It does the same, earlier; found by counting minutes of a level it pauses.

A watcher takes every reading exactly once and stays small, however long the wave lasts.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.baselines import Reference
from bot.domain.conditions import Action, Comparison, Condition
from bot.domain.evaluation import Sides, evaluate, needs_reference
from bot.domain.evidence import Verdict
from bot.domain.metering import Meter, reference_of
from bot.domain.minutes import MINUTE, Minutes, Tally, tally_of
from bot.domain.plan import Metric, Plan
from bot.domain.proving import Asking, How, Proof
from bot.domain.questions import Sums, broken, question_of, side_of
from bot.domain.samples import Measurement, Sample, Track, Unknown
from bot.domain.slowness import Slowness
from bot.domain.totals import Total, add, averaged, flaw, total_of, worst
from bot.domain.units import format_duration, parse_duration

MISSING_ROWS = 3
"""So many rows in a row without data make a condition unknown."""

ROW = timedelta(minutes=1)
"""The window of a condition on counts, or with `for`, that names none."""


class Watcher(msgspec.Struct, frozen=True):
    """The state of one trigger or alert during one wave.

    window_started_at: at first, when the wave's traffic was confirmed. anchor: that instant, from
    which all windows are counted. canary, baseline: what the present window holds so far.
    runs: rows over the limit in a row; run: what was counted in them. missing: rows without data in
    a row. decided: whether any row could be judged. shown: the newest judged row, for people.
    confirmed: the rows that satisfied the rule are evidence too. elsewhere: the other side was over
    the same limit in the newest row that was, so that the release is not the cause. minutes, slow:
    all the minutes so far; proven: they show that the limit is broken, by counts or by minutes of a
    level.
    """

    window_started_at: datetime
    anchor: datetime | None = None
    window_ends_at: datetime | None = None
    canary: Total | None = None
    baseline: Total | None = None
    blind: bool = False
    counted_at: datetime | None = None
    runs: int = 0
    missing: int = 0
    decided: bool = False
    satisfied_at: datetime | None = None
    shown: str = ""
    run: Sums = Sums()
    confirmed: bool = False
    elsewhere: bool = False
    minutes: Minutes = Minutes()
    slow: Slowness | None = None
    proven: How = ""


def does(condition: Condition, watcher: Watcher) -> Action:
    """What a satisfied condition does now: what the plan says, or a pause where that is too much.

    Its own rule does what the plan says, and with `evidence: require` only once it is evidence too.
    With `cause: release` it pauses while the version before is over the limit too.
    Levels resemble themselves from minute to minute: what evidence alone says of them pauses.
    """
    if condition.caused and watcher.elsewhere:
        return Action.PAUSE
    by_rule = watcher.satisfied_at is not None and (watcher.confirmed or not condition.proof)
    taking = condition.do in {Action.ROLLBACK, Action.STEP_BACK}
    return condition.do if by_rule or watcher.proven == "counts" or not taking else Action.PAUSE


def watch(
    condition: Condition,
    plan: Plan,
    watcher: Watcher,
    meter: Meter,
    measurements: Sequence[Measurement],
    now: datetime,
) -> tuple[Watcher, Verdict]:
    """Judge a trigger or an alert by new readings.

    Counts, and everything with a window, are judged by windows that follow one another without
    overlap from the wave's start; a late tick closes one longer window, never several. Gauges and
    probes without a window are judged reading by reading, a probe not more often than `every`.
    A row without data neither counts nor resets. A satisfied condition stays so until the wave is
    left, except one that only notifies: that one ends with the first row that is fine again.
    Evidence from minutes counts for triggers that do something; `does` tells what.

    Returns FAIL when it is satisfied, PASS when not, INCONCLUSIVE when no row could be judged yet,
    UNKNOWN after three rows in a row without data or for a metric that the plan does not define.
    """
    comparison = condition.comparison
    metric = plan.metrics.get(comparison.subject) if comparison else None
    if comparison is None or metric is None:
        return watcher, Verdict.UNKNOWN
    against = reference_of(comparison.limit, comparison.subject, plan, meter)
    ours = _Rows(condition, comparison, metric, plan, against)
    fresh = _fresh(comparison, measurements)
    window = _window(condition, metric)
    moved = ours.sample(watcher, fresh, now) if window is None else watcher
    if window is not None:
        moved = ours.gather(moved, fresh, window, now)
    if condition.do is not Action.NOTIFY and not condition.caused:
        moved = _prove(moved, ours, meter, fresh, window, now)
    return moved, _verdict(moved)


def tally_minutes(
    condition: Condition,
    plan: Plan,
    watcher: Watcher,
    meter: Meter,
    measurements: Sequence[Measurement],
    now: datetime,
) -> Watcher:
    """The watcher of a gate on a level, which is judged by its minutes; others stay as they are."""
    comparison = condition.comparison
    metric = plan.metrics.get(comparison.subject) if comparison else None
    if comparison is None or metric is None:
        return watcher
    tally = tally_of(comparison, metric, gate=True)
    if tally is None:
        return watcher
    against = reference_of(comparison.limit, comparison.subject, plan, meter)
    return _tallied(watcher, tally, against, _fresh(comparison, measurements), now)


def _fresh(
    comparison: Comparison, measurements: Sequence[Measurement]
) -> Mapping[Track, Sample | Unknown]:
    return {m.track: m.reading for m in measurements if m.metric == comparison.subject}


def _tallied(
    watcher: Watcher,
    tally: Tally,
    against: Reference,
    fresh: Mapping[Track, Sample | Unknown],
    now: datetime,
) -> Watcher:
    frozen = None if against.live else against.total
    began = watcher.anchor or watcher.window_started_at
    minutes = tally.add(watcher.minutes, fresh, frozen, began, now)
    return msgspec.structs.replace(watcher, minutes=minutes)


def _prove(
    watcher: Watcher,
    rows: "_Rows",
    meter: Meter,
    fresh: Mapping[Track, Sample | Unknown],
    window: timedelta | None,
    now: datetime,
) -> Watcher:
    """Count the minutes, and ask them when one is over."""
    if watcher.proven:
        return watcher
    rule = (window or timedelta()) * rows.needed(window) or MINUTE
    asking = Asking(
        rows.comparison,
        rows.metric,
        rows.plan,
        meter.wave,
        rows.against,
        rule,
        narrowed=meter.narrowed,
    )
    began = watcher.anchor or watcher.window_started_at
    found = asking.prove(Proof(watcher.minutes, watcher.slow), fresh, began, now)
    told = found.how and not watcher.satisfied_at
    return msgspec.structs.replace(
        watcher,
        minutes=found.minutes,
        slow=found.slow,
        proven=found.how,
        shown=found.shown if told else watcher.shown,
    )


def _window(condition: Condition, metric: Metric) -> timedelta | None:
    if condition.window:
        return condition.window
    counted = metric.kind in {"ratio", "quantile", "count"}
    return ROW if counted or condition.hold is not None else None


def _verdict(watcher: Watcher) -> Verdict:
    if watcher.satisfied_at is not None or watcher.proven:
        return Verdict.FAIL
    if watcher.missing >= MISSING_ROWS:
        return Verdict.UNKNOWN
    return Verdict.PASS if watcher.decided else Verdict.INCONCLUSIVE


class _Rows(msgspec.Struct, frozen=True):
    """One condition with all it takes to turn readings into rows."""

    condition: Condition
    comparison: Comparison
    metric: Metric
    plan: Plan
    against: Reference

    def sample(
        self, watcher: Watcher, fresh: Mapping[Track, Sample | Unknown], now: datetime
    ) -> Watcher:
        """Every reading that is due and new is a row of its own."""
        reading = fresh.get(Track.CANARY)
        if reading is None or not self._counts(watcher, reading, now):
            return watcher
        at = reading.measured_at if isinstance(reading, Sample) else now
        filled = msgspec.structs.replace(
            _take(watcher, fresh), counted_at=now if self.metric.every else at
        )
        return _emptied(self._row(filled, now, None))

    def _counts(self, watcher: Watcher, reading: Sample | Unknown, now: datetime) -> bool:
        last = watcher.counted_at
        if last is None or now < last:  # the clock was put back
            return True
        if self.metric.every:
            return now - last >= parse_duration(self.metric.every)
        return isinstance(reading, Unknown) or reading.measured_at > last

    def gather(
        self,
        watcher: Watcher,
        fresh: Mapping[Track, Sample | Unknown],
        window: timedelta,
        now: datetime,
    ) -> Watcher:
        """Add readings to the present window, and judge it when it is over."""
        anchor = watcher.anchor or watcher.window_started_at
        ends = watcher.window_ends_at or anchor + window
        if now < watcher.window_started_at:  # the clock was put back: don't wait for it
            anchor, ends = now, now + window
        filled = msgspec.structs.replace(
            _take(watcher, fresh),
            anchor=anchor,
            window_started_at=min(watcher.window_started_at, now),
            window_ends_at=ends,
        )
        if now < ends:
            return filled
        judged = self._row(_smoothed(filled, self.metric), now, window)
        return msgspec.structs.replace(
            _emptied(judged), window_started_at=now, window_ends_at=_next_end(anchor, window, now)
        )

    def _row(self, watcher: Watcher, now: datetime, window: timedelta | None) -> Watcher:
        """Judge what the watcher holds as one row."""
        against = watcher.baseline if self.against.live else self.against.total
        lacking = needs_reference(self.comparison.limit) and against is None
        if watcher.canary is None or lacking:
            missing = watcher.missing + (1 if watcher.blind else 0)
            return msgspec.structs.replace(watcher, missing=missing)
        whose = self.against.label or "baseline"
        sides = Sides(watcher.canary, against, whose)
        judged = evaluate(self.comparison, self.metric, sides, 0)
        if judged.holds is Verdict.UNKNOWN:
            return msgspec.structs.replace(watcher, missing=watcher.missing + 1)
        if judged.holds is Verdict.INCONCLUSIVE:
            return msgspec.structs.replace(watcher, missing=0)
        over = f" over {format_duration(window)}" if window else ""
        runs = watcher.runs + 1 if judged.holds is Verdict.PASS else 0
        enough = runs >= self.needed(window)
        counted = self._counted(watcher, runs, enough, judged.shown + over, now)
        if self.condition.caused and runs:
            counted = self._whose(counted, against)
        if not self.condition.proof:
            return counted
        return self._confirmed(counted, watcher.canary, against, judged.limit)

    def _whose(self, watcher: Watcher, against: Total | None) -> Watcher:
        """Whether the version before is over the same limit. Where nobody knows, it is not."""
        if against is None:
            return msgspec.structs.replace(watcher, elsewhere=False)
        theirs = evaluate(self.comparison, self.metric, Sides(against), 0)
        if theirs.holds is not Verdict.PASS:
            return msgspec.structs.replace(watcher, elsewhere=False)
        shown = f"{watcher.shown}; on the other side {theirs.shown}: not this release's doing"
        return msgspec.structs.replace(watcher, elsewhere=True, shown=shown)

    def _confirmed(
        self, watcher: Watcher, canary: Total, against: Total | None, limit: float | None
    ) -> Watcher:
        """Whether the rows of the present run are evidence of what the rule says."""
        question = question_of(self.comparison, self.metric, gate=False)
        if question is None or not watcher.runs:
            return msgspec.structs.replace(watcher, run=Sums())
        if question.slow:
            question = msgspec.structs.replace(question, edge=limit)
        ours = side_of(question, canary)
        base = side_of(question, against) if against is not None else None
        if ours is None:
            return watcher
        run = watcher.run.plus(Sums(ours.n, ours.k, *((base.n, base.k) if base else (0.0, 0.0))))
        if base is not None and not self.against.live:
            run = msgspec.structs.replace(run, base_n=base.n, base_k=base.k)
        sure = watcher.satisfied_at is not None and broken(question, run, self.plan.odds_pass)
        return msgspec.structs.replace(watcher, run=run, confirmed=watcher.confirmed or sure)

    def needed(self, window: timedelta | None) -> int:
        """How many rows in a row satisfy the condition; `for` is served in full, rounded up."""
        hold = self.condition.hold
        if hold is None or not window:
            return self.condition.consecutive
        return max(1, math.ceil(hold / window - 1e-9))

    def _counted(
        self, watcher: Watcher, runs: int, enough: bool, shown: str, now: datetime
    ) -> Watcher:
        since = watcher.satisfied_at
        if since is None and enough:
            since = now
        if runs == 0 and self.condition.do is Action.NOTIFY:
            since = None
        latched = bool(watcher.proven) or (watcher.satisfied_at is not None and since is not None)
        return msgspec.structs.replace(
            watcher,
            runs=runs,
            missing=0,
            decided=True,
            satisfied_at=since,
            shown=watcher.shown if latched else shown,
        )


def _take(watcher: Watcher, fresh: Mapping[Track, Sample | Unknown]) -> Watcher:
    totals = {Track.CANARY: watcher.canary, Track.BASELINE: watcher.baseline}
    blind = watcher.blind
    for track, reading in fresh.items():
        if isinstance(reading, Unknown) or flaw(reading.value):
            blind = True
        else:
            totals[track] = add(totals[track], total_of(reading.value))
    return msgspec.structs.replace(
        watcher, canary=totals[Track.CANARY], baseline=totals[Track.BASELINE], blind=blind
    )


def _smoothed(watcher: Watcher, metric: Metric) -> Watcher:
    smooth = worst if metric.kind == "probe" else averaged
    return msgspec.structs.replace(
        watcher,
        canary=None if watcher.canary is None else smooth(watcher.canary),
        baseline=None if watcher.baseline is None else smooth(watcher.baseline),
    )


def _emptied(watcher: Watcher) -> Watcher:
    return msgspec.structs.replace(watcher, canary=None, baseline=None, blind=False)


def _next_end(anchor: datetime, window: timedelta, now: datetime) -> datetime:
    """The next end of a window on the grid from `anchor`; less than half a window is skipped."""
    end = anchor + window * (math.floor((now - anchor) / window) + 1)
    return end + window if (end - now) * 2 < window else end
