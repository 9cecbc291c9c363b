"""What a step of a rollout means for its record: pure, of the rollout before and after it."""

from collections.abc import Iterator
from datetime import datetime

from bot.domain import dashboards, served_news
from bot.domain.charted import charted
from bot.domain.evidence import Verdict
from bot.domain.metering import Entry
from bot.domain.plain import plain
from bot.domain.release_record import (
    Course,
    GapsSeen,
    GivenUp,
    Happened,
    Moment,
    Record,
    RecordEvent,
    Stretch,
    TakenBack,
    WaveEnded,
    WentLive,
)
from bot.domain.rollout import BEFORE_TRAFFIC, ENDED, Mark, Phase, Rollout

_LONG = 160

_WORDS = {
    Phase.PAUSED: "paused",
    Phase.STEPPING_BACK: "stepped back",
    Phase.ROLLING_BACK: "rolled back",
    Phase.HALTED: "halted",
    Phase.WATCHING: "made current",
}


def signed(before: Rollout, after: Rollout) -> bool:
    """Whether this step took a release from being asked for to being carried out."""
    asked = before.phase in BEFORE_TRAFFIC and before.phase is not Phase.QUEUED
    gone = {Phase.PREFLIGHT, Phase.AWAITING_APPROVAL} | ENDED
    return asked and after.phase not in gone


def begin(rollout: Rollout, now: datetime, *, coded: bool = False) -> Record:
    """The record of a release that has just been signed. coded: its repository is known."""
    request = rollout.request
    return Record(
        id=rollout.id,
        service=rollout.service,
        environment=rollout.environment,
        version=rollout.version,
        artifact=rollout.artifact,
        previous=rollout.previous,
        type=rollout.type,
        note=rollout.note,
        requested_by=rollout.requested_by.person,
        signed_by=tuple(each.person for each in request.signatures) if request else (),
        created_at=now,
        dashboard=dashboards.link(
            rollout.the_plan, rollout.service, rollout.environment, rollout.version
        ),
        coded=coded,
    )


def news(before: Rollout, after: Rollout, now: datetime, *, drawn: bool) -> list[RecordEvent]:
    """What the record has to hear of, in order. drawn: pictures can be posted."""
    found: list[RecordEvent] = []
    moments = tuple(_moments(before, after, now))
    if moments:
        found.append(Happened(moments))
    if after.served.gaps != before.served.gaps:
        found += _gaps(before, after)
    found += [WaveEnded(stretch, drawn) for stretch in _ended(before, after)]
    if after.phase is not before.phase:
        found += _stands(after)
    return found


def _gaps(before: Rollout, after: Rollout) -> list[RecordEvent]:
    """Gaps that have begun or ended; that one goes on is no news."""
    old, new = ([(g.since, g.until) for g in each.served.gaps] for each in (before, after))
    return [GapsSeen(after.served.gaps)] if old != new else []


def _stands(after: Rollout) -> list[RecordEvent]:
    match after.phase:
        case Phase.WATCHING | Phase.COMPLETED:
            return [WentLive()]
        case Phase.ROLLED_BACK:
            return [TakenBack(plain(after.rollback_reason or after.reason))]
        case Phase.CANCELLED | Phase.REJECTED | Phase.EXPIRED:
            return [GivenUp()]
        case _:
            return []


# --- moments --------------------------------------------------------------------------------


def _moments(before: Rollout, after: Rollout, now: datetime) -> Iterator[Moment]:
    for alert in after.alerts:
        if alert not in before.alerts:
            yield Moment(now, f"alert {alert}")
    yield from served_news.moments(before, after, now)
    if after.phase is before.phase:
        return
    if before.phase is Phase.PAUSED and after.phase is Phase.SOAKING:
        yield Moment(now, "resumed")
    word = _WORDS.get(after.phase)
    if word is not None:
        why = after.reason if after.phase is not Phase.WATCHING else ""
        yield Moment(now, plain(f"{word}: {why}")[:_LONG] if why else word)


# --- waves ----------------------------------------------------------------------------------


def _ended(before: Rollout, after: Rollout) -> Iterator[Stretch]:
    for index, mark in enumerate(after.marks):
        was = before.marks[index] if index < len(before.marks) else None
        if mark.left_at is not None and (was is None or was.left_at is None):
            yield stretch(after, mark, mark.left_at)


def stretch(rollout: Rollout, mark: Mark, until: datetime) -> Stretch:
    """The wave that the meter holds, up to an instant."""
    meter, wave = rollout.meter, rollout.the_plan.waves[mark.wave]
    names = charted(rollout.the_plan)
    courses = {name: _course(meter.canary.get(name), meter.baseline.get(name)) for name in names}
    broken = tuple(f.text for f in rollout.findings if f.verdict is Verdict.FAIL)
    return Stretch(
        mark.wave,
        wave.title or wave.id,
        mark.weight,
        mark.applied_at,
        until,
        meter.pace,
        {name: course for name, course in courses.items() if course is not None},
        broken,
    )


def _course(canary: Entry | None, baseline: Entry | None) -> Course | None:
    ours, theirs = canary or Entry(), baseline or Entry()
    if ours.total is None and theirs.total is None:
        return None
    return Course(ours.total, theirs.total, ours.trail, theirs.trail)
