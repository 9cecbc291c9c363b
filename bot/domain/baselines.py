"""What a limit relative to a baseline is held against.

* concurrent, previous_version: the old version at the same time, under the same load. When it has
  no traffic any more (at 100 %), its past takes over: always for previous_version, for concurrent
  as the plan's `fallback` says.
* previous_wave: the new version itself, in the wave before.
* historical: the old version's own numbers from before the present wave.

The past is what was read of the old version beside the new one, in this release: at least the last
`window` of it and at most twice that. It is frozen while the old version has no traffic. A release
that begins at 100 % has no such past; the `window` before its traffic moved is read for it (see
`bot.domain.bygone`). Where there is nothing to compare with, a relative limit stays open.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bot.domain.conditions import Limit, LimitKind
from bot.domain.plan import Plan
from bot.domain.totals import Total, add, averaged, empty


class Past(msgspec.Struct, frozen=True):
    """Two stretches of the old version's numbers; the older one is dropped when the newer is full.

    since: when the newer one began.
    """

    since: datetime
    newer: Total | None = None
    older: Total | None = None

    @property
    def total(self) -> Total | None:
        if self.newer is None or self.older is None:
            return self.newer or self.older
        return add(self.older, self.newer)


def remember(past: Past | None, value: Total, now: datetime, window: timedelta) -> Past:
    """The past with one more reading."""
    if past is None or now < past.since:
        return Past(now, value, None if past is None else past.total)
    if now - past.since >= window:
        return Past(now, value, past.newer)
    newer = add(past.newer, value) if past.newer is not None else value
    return msgspec.structs.replace(past, newer=newer)


class Bygone(msgspec.Struct, frozen=True):
    """What the old version did before the release, in one metric.

    total: None when it can't be known; `why` says so then.
    """

    total: Total | None = None
    why: str = ""


class Reference(msgspec.Struct, frozen=True):
    """total: None when there is nothing to compare with; `why` says so then.

    live: it is read now, beside the canary; else `label` says where it is from.
    """

    total: Total | None
    label: str = ""
    why: str = ""
    live: bool = False


Finals = Mapping[str, Mapping[str, Total]]


def reference(
    limit: Limit,
    subject: str,
    plan: Plan,
    wave: str,
    *,
    concurrent: Total | None,
    past: Mapping[str, Past],
    finals: Finals,
    bygone: Mapping[str, Bygone] | None = None,
) -> Reference:
    """What `limit` on the metric `subject` is held against during a wave (by its id).

    concurrent: what the old version has at the same time. finals: the canary's totals of earlier
    waves, by wave and metric. bygone: what the old version did before the release, by metric.
    """
    if limit.kind is LimitKind.ABOVE_WAVE:
        return _wave(limit.wave, subject, finals)
    kind = source_of(plan, wave)
    match kind:
        case "concurrent":
            return Reference(concurrent, live=True)
        case "previous_wave":
            return _wave(before(plan, wave), subject, finals)
        case "historical":
            return _historical(past.get(subject), (bygone or {}).get(subject))
        case _:
            why = "the old version has no traffic any more, and the plan names no fallback"
            return Reference(None, why=why)


def _historical(past: Past | None, bygone: Bygone | None) -> Reference:
    """What was read beside the canary, and before the release while that is less than a window."""
    total = None if bygone is None else bygone.total
    beside = None if past is None else past.total
    if past is not None and beside is not None and not empty(beside):
        whole = past.older is not None
        total = beside if whole or total is None else add(total, beside)
    if total is not None:
        return Reference(averaged(total), "historical")
    if bygone is not None:
        return Reference(None, why=f"the time before the release can't be read: {bygone.why}")
    return Reference(None, why="nothing is known of the old version's past")


def source_of(plan: Plan, wave: str) -> str:
    """Where the baseline of a wave comes from: concurrent, previous_wave, historical, or ""."""
    rule = plan.baseline
    if rule.kind in {"previous_wave", "historical"}:
        return rule.kind
    if not _alone(plan, wave):
        return "concurrent"
    return "historical" if rule.kind == "previous_version" else rule.fallback


def _alone(plan: Plan, wave: str) -> bool:
    return any(each.id == wave and each.traffic >= 100 for each in plan.waves)


def _wave(wave: str, subject: str, finals: Finals) -> Reference:
    total = finals.get(wave, {}).get(subject)
    if total is None:
        where = f"wave {wave}" if wave else "an earlier wave: this is the first"
        return Reference(None, why=f"nothing is known of {where}")
    return Reference(averaged(total), f"wave {wave}")


def before(plan: Plan, wave: str) -> str:
    """The id of the wave before this one, "" for the first."""
    names = [each.id for each in plan.waves]
    index = names.index(wave) if wave in names else 0
    return names[index - 1] if index > 0 else ""
