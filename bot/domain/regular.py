"""What is said regularly during a wave: the status, that it is time to meet, who stands by.

Everything is counted from the wave's beginning, so that a late look posts once and is not late from
then on. It is for people, and has nothing to do with how often the metrics are looked at.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.audience import narrowed, narrows
from bot.domain.events import PostThread
from bot.domain.plan import Cadence, Meeting, Wave
from bot.domain.reports import literal
from bot.domain.rollout import Rollout
from bot.domain.steps import change
from bot.domain.units import format_duration

STATUS = "status"
ON_CALL = "on_call"
"""The role of `standby` whose holders are named: the item `on-call` of a checklist says who."""


def due(rollout: Rollout, now: datetime) -> tuple[Rollout, tuple[PostThread, ...]]:
    """What has to be said now, and the rollout that remembers that it was said."""
    began = rollout.wave_applied_at
    if began is None:
        return rollout, ()
    said = dict(rollout.said)
    posts: list[PostThread] = []
    looks: list[str] = []
    for cadence in _present(rollout.current_wave.cadence, now - began):
        key, slot = f"{STATUS}:{cadence.what}", _last(began, cadence.every, now)
        if slot > said.get(key, began):
            said[key] = slot
            looks.append(cadence.what)
    if looks:
        posts.append(PostThread(_status(rollout, looks)))
    for key, slot, text in _messages(rollout, began, now):
        if slot > said.get(key, began):
            said[key] = slot
            posts.append(PostThread(text))
    return (change(rollout, said=said), tuple(posts)) if posts else (rollout, ())


def _messages(
    rollout: Rollout, began: datetime, now: datetime
) -> Iterator[tuple[str, datetime, str]]:
    """The other regular messages: name, when it was due last, and what it says."""
    wave = rollout.current_wave
    for index, meeting in enumerate(wave.meetings):
        slot = _meeting_slot(meeting, began, rollout.the_plan.zone, now)
        yield f"meeting:{index}", slot, _meeting_words(meeting, rollout.the_plan.zone)
    for role, span in wave.standby.items():
        over = began + span if now >= began + span else began
        yield f"standby:{role}", over, f"{_role(role)} need not stand by any longer."


def _present(cadences: Sequence[Cadence], elapsed: timedelta) -> list[Cadence]:
    """Of each kind of status the one that holds now: the first whose end has not come."""
    found: dict[str, Cadence] = {}
    for cadence in cadences:
        if cadence.until is None or elapsed <= cadence.until:
            found.setdefault(cadence.what, cadence)
    return list(found.values())


def _last(began: datetime, every: timedelta, now: datetime) -> datetime:
    """The newest multiple of `every` since `began`."""
    return began + every * ((now - began) // every)


def _meeting_slot(meeting: Meeting, began: datetime, zone: str, now: datetime) -> datetime:
    if meeting.at is None:
        return _last(began, meeting.every, now) if meeting.every else began
    at, local = meeting.at, now.astimezone(ZoneInfo(zone))
    today = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return today if today <= local else today - timedelta(days=1)


def _meeting_words(meeting: Meeting, zone: str) -> str:
    what = meeting.what.replace("_", " ")
    subject = f"Time for the {what}" if what else "Time to meet"
    at = f" ({meeting.at:%H:%M} {zone})" if meeting.at is not None else ""
    who = f": {', '.join(map(_role, meeting.who))}" if meeting.who else ""
    return f"{subject}{at}{who}."


def _role(name: str) -> str:
    return name.replace("_", " ")


def _status(rollout: Rollout, looks: Sequence[str]) -> str:
    values = "; ".join(f.said for f in rollout.findings) or "no measured gates in this wave"
    left = format_duration(rollout.soak_left)
    named = " and the ".join(what for what in looks if what)
    look = f" Look at the {named}." if named else ""
    return f"Status at {rollout.weight:g} %: {values}. {left} of the soak to go.{look}"


# --- when a wave begins ---------------------------------------------------------------------


def beginning(rollout: Rollout, now: datetime) -> tuple[str, ...]:
    """What people should know when the first traffic of a wave is there."""
    if rollout.ramp_step:
        return ()
    wave = rollout.current_wave
    text = " ".join((*_audience(rollout), *_standing(wave, now), *_on_call(rollout)))
    return (text,) if text else ()


def _audience(rollout: Rollout) -> Iterator[str]:
    wave = rollout.current_wave
    if wave.audience and narrows(wave) and not narrowed(rollout):
        yield f"Meant for: {wave.audience}. The share is one of everybody."
    elif wave.audience:
        yield f"For: {wave.audience}."


def _on_call(rollout: Rollout) -> Iterator[str]:
    """Who is on call, where a wave has them stand by: as the item of that name was ticked."""
    if ON_CALL not in rollout.current_wave.standby:
        return
    for key, tick in rollout.items.items():
        if key.endswith("/on-call") and tick.ok and tick.evidence:
            yield f"On call: {literal(tick.evidence)}."


def _standing(wave: Wave, now: datetime) -> Iterator[str]:
    for role, span in wave.standby.items():
        until = int((now + span).timestamp())
        yield f"{_role(role).capitalize()} stand by until t[{until}]."
