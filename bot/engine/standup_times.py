"""Which standups there are: the configured ones, and those that plans under way ask for."""

from collections.abc import Sequence
from datetime import datetime, time

import msgspec

from bot.domain.rollout import Rollout
from bot.domain.standup import is_topic
from bot.domain.standup_calendar import Series
from bot.engine.catalogue import Catalogue


class Held(msgspec.Struct, frozen=True):
    """A series with the releases that it is about now."""

    series: Series
    rollouts: tuple[Rollout, ...]

    def began_by(self, at: datetime) -> bool:
        """Whether one of its releases had traffic at that time."""
        return any(rollout.marks[0].applied_at <= at for rollout in self.rollouts)


class Timetable:
    """Which standups there are: the configured ones, and those that plans under way ask for."""

    def __init__(self, configured: Sequence[Series], catalogue: Catalogue) -> None:
        self._configured = tuple(configured)
        self._channels = {target.channel for target in catalogue.targets.values()}

    def of(self, live: Sequence[Rollout]) -> list[Held]:
        """All of them, with their releases and the times that the present waves add."""
        going = [rollout for rollout in live if is_topic(rollout)]
        found: dict[str, Held] = {}
        for series in self._configured:
            mine = tuple(rollout for rollout in going if self._concerns(series, rollout))
            found[series.key] = Held(_with_meetings(series, mine), mine)
        covered = {rollout.id for held in found.values() for rollout in held.rollouts}
        for series, mine in _of_plans([r for r in going if r.id not in covered]):
            found.setdefault(series.key, Held(_with_meetings(series, mine), mine))
        return list(found.values())

    def _concerns(self, series: Series, rollout: Rollout) -> bool:
        """A channel of a service hears of its own releases; any other of all."""
        here = series.channel == rollout.channel or series.channel not in self._channels
        return rollout.the_plan.name == series.plan and here


def _of_plans(going: Sequence[Rollout]) -> list[tuple[Series, tuple[Rollout, ...]]]:
    """The standups that the plans of releases ask for, in the channels of these."""
    found: dict[str, tuple[Series, tuple[Rollout, ...]]] = {}
    for rollout in going:
        section = rollout.the_plan.sections.standup
        if section is None:
            continue
        series = Series(
            channel=rollout.channel,
            plan=rollout.the_plan.name,
            zone=section.tz,
            times=(time.fromisoformat(section.time),),
            daily=False,
        )
        known = found.get(series.key, (series, ()))
        found[series.key] = (known[0], (*known[1], rollout))
    return list(found.values())


def _with_meetings(series: Series, going: Sequence[Rollout]) -> Series:
    """A wave whose people meet at a time of the day has a standup then as well, in this zone."""
    times = {m.at for r in going for m in r.current_wave.meetings if m.at is not None}
    return msgspec.structs.replace(series, times=tuple(sorted({*series.times, *times})))
