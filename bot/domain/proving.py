"""Part B of a trigger: what the minutes of a wave prove, whichever way they are counted."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from bot.domain.baselines import Reference
from bot.domain.conditions import Comparison
from bot.domain.early import Stretch
from bot.domain.minutes import Minutes, Tally, tally_of
from bot.domain.plan import Metric, Plan
from bot.domain.samples import Sample, Track, Unknown
from bot.domain.slowness import Slowness, SlowTally, slow_tally_of
from bot.domain.units import format_share

HOUR = timedelta(hours=1)

How = Literal["", "counts", "levels"]


class Proof(msgspec.Struct, frozen=True):
    """What is remembered of a trigger's minutes, and what it shows.

    slow: of a latency beside a baseline. how: by counts or by minutes of a level; "" when nothing
    is proven. shown: the numbers, for people.
    """

    minutes: Minutes = Minutes()
    slow: Slowness | None = None
    how: How = ""
    shown: str = ""


class Asking(msgspec.Struct, frozen=True):
    """What is asked of the minutes of a trigger.

    rule: how long its own rule takes. narrowed: see `Meter`.
    """

    comparison: Comparison
    metric: Metric
    plan: Plan
    wave: str
    against: Reference
    rule: timedelta
    narrowed: bool = False

    def prove(
        self,
        old: Proof,
        fresh: Mapping[Track, Sample | Unknown],
        began: datetime,
        now: datetime,
    ) -> Proof:
        """The minutes with new readings, asked whenever one is over. began: the wave."""
        slow = slow_tally_of(self.comparison, self.metric, self.rule)
        if slow is not None:
            return self._slow(slow, old, fresh, began, now)
        share, hours = _extent(self.plan, self.wave)
        share = None if self.narrowed else share
        tally = tally_of(self.comparison, self.metric, gate=False, rule=self.rule, weight=share)
        if tally is None:
            return old
        frozen = None if self.against.live else self.against.total
        minutes = tally.add(old.minutes, fresh, frozen, began, now)
        kept = msgspec.structs.replace(old, minutes=minutes)
        odds = self.plan.odds_fail
        same = minutes.trend == old.minutes.trend
        if same or not tally.proves(minutes, frozen, hours, odds):
            return kept
        shown = _proof(minutes.trend.since_start, tally, odds)
        return msgspec.structs.replace(
            kept, how="levels" if tally.levels else "counts", shown=shown
        )

    def _slow(
        self,
        tally: SlowTally,
        old: Proof,
        fresh: Mapping[Track, Sample | Unknown],
        began: datetime,
        now: datetime,
    ) -> Proof:
        whole, live = self.against.total, self.against.live
        was = old.slow or Slowness()
        slow = tally.add(was, fresh, whole, began, now, live=live)
        kept = msgspec.structs.replace(old, slow=slow)
        if (slow.counts, slow.minutes) == (was.counts, was.minutes):
            return kept
        odds = self.plan.odds_fail
        how = tally.proves(slow, _extent(self.plan, self.wave)[1], odds)
        if not how:
            return kept
        trend = slow.counts if how == "counts" else slow.minutes
        said = _slow_ones if how == "counts" else _worse
        return msgspec.structs.replace(kept, how=how, shown=said(trend.since_start, odds))


def _extent(plan: Plan, wave: str) -> tuple[float | None, int]:
    """The canary's configured share in a wave, and the hours it may last at most."""
    index = next((i for i, each in enumerate(plan.waves) if each.id == wave), None)
    if index is None:
        return None, 1
    longest = plan.waves[index].soak * (1 + plan.max_extend)
    if index + 1 == len(plan.waves):
        longest = max(longest, plan.keep_previous)
    return plan.waves[index].traffic / 100, max(1, math.ceil(longest / HOUR))


def _proof(stretch: Stretch, tally: Tally, odds: float) -> str:
    if tally.levels:
        return _worse(stretch, odds)
    slow = tally.question is not None and tally.question.slow
    return _slow_ones(stretch, odds) if slow else _counted(stretch, "bad ones", odds)


def _worse(stretch: Stretch, odds: float) -> str:
    return f"worse in {stretch.k:,.0f} of {stretch.n:,.0f} minutes, evidence {odds:,g} to 1"


def _slow_ones(stretch: Stretch, odds: float) -> str:
    return _counted(stretch, "slow ones", odds)


def _counted(stretch: Stretch, words: str, odds: float) -> str:
    share = format_share(stretch.k / stretch.n) if stretch.n else "none"
    return (
        f"{stretch.k:,.0f} {words} of {stretch.n:,.0f} ({share}) in this wave, "
        f"evidence {odds:,g} to 1"
    )
