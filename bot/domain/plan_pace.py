"""The pace of a wave as its plan writes it: days, ramps, meetings, and who stands by."""

from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bot.domain.documents import DocumentError, Path
from bot.domain.plan import Meeting, Plan, Ramp, Wave, WaveDocument
from bot.domain.plan_conditions import duration, percent
from bot.domain.plan_sections import MeetingDocument, RampDocument

MOST_STEPS = 100
"""A ramp has at most so many steps."""


def day(text: str, before: Sequence[Wave], path: Path) -> int:
    """The day of the release on which a wave may begin: 1 for the first. Raises DocumentError."""
    if not text:
        return before[-1].day if before else 1
    found = int(text.removeprefix("day "))
    if not before and found != 1:
        hint = "days are counted from the first wave's beginning"
        raise DocumentError(path, "the first wave begins on day 1", hint)
    if before and found < before[-1].day:
        hint = f"{before[-1].id} begins on day {before[-1].day}"
        raise DocumentError(path, f"{text} is before the wave in front of it", hint)
    return found


def ramp(document: RampDocument | None, below: float, traffic: float, path: Path) -> Ramp | None:
    """The steps to a wave's traffic, in percent. below: where it begins. Raises DocumentError."""
    if document is None:
        return None
    at: Path = (*path, "ramp")
    step = percent(document.step, (*at, "step"))
    each = duration(document.every, (*at, "every"))
    if step <= 0 or (traffic - below) / step > MOST_STEPS:
        problem = f"{document.step} makes more than {MOST_STEPS} steps"
        raise DocumentError((*at, "step"), problem, "take larger ones")
    steps: list[float] = []
    while below + step * (len(steps) + 1) < traffic - 1e-9:
        steps.append(round(below + step * (len(steps) + 1), 9))
    return Ramp((*steps, traffic), each)


def meetings(documents: Sequence[MeetingDocument], path: Path) -> tuple[Meeting, ...]:
    """Raises DocumentError for one that says not when, or says it twice."""
    return tuple(_meeting(each, (*path, "meetings", index)) for index, each in enumerate(documents))


def _meeting(document: MeetingDocument, path: Path) -> Meeting:
    if bool(document.at) == bool(document.every):
        raise DocumentError(path, "a meeting has either `at` or `every`", 'as in at: "09:00"')
    at = time.fromisoformat(document.at) if document.at else None
    every = duration(document.every, (*path, "every")) if document.every else None
    return Meeting(at, every, document.what, document.who)


def standby(documents: Mapping[str, str], path: Path) -> Mapping[str, timedelta]:
    """How long each role stands by. Raises DocumentError."""
    return {role: duration(span, (*path, "standby", role)) for role, span in documents.items()}


CAREFUL_STEPS = 4
"""In how many steps a wave rises that is tried again with care."""


def slowly(wave: Wave, before: Sequence[Wave]) -> Wave:
    """The wave with its way up in small steps, each held for a twenty-fourth of its soak.

    before: the waves before it; the first step begins at the traffic of the last of them.
    """
    low = wave.step_back_to or (before[-1].traffic if before else 0.0)
    size = (wave.traffic - low) / CAREFUL_STEPS
    steps = tuple(low + size * number for number in range(1, CAREFUL_STEPS + 1))
    return msgspec.structs.replace(wave, ramp=Ramp(steps, wave.soak / 24))


def options(document: WaveDocument, path: Path) -> tuple[str, ...]:
    """What people choose from when the wave was held. Raises DocumentError."""
    if document.options and document.on_breach == "rollback":
        hint = "people choose where it is held: write `on_breach: pause`, or step_back"
        raise DocumentError((*path, "options"), "goes with a pause", hint)
    for index, option in enumerate(document.options):
        if option in document.options[:index]:
            raise DocumentError((*path, "options", index), f"{option} is there twice")
    return document.options


def zone(plan: Plan) -> None:
    """Refuse a zone that isn't one, where a time of the day depends on it. Raises DocumentError."""
    timed = any(wave.day > 1 or any(m.at for m in wave.meetings) for wave in plan.waves)
    if not timed:
        return
    try:
        ZoneInfo(plan.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        problem = f"{plan.zone[:60]!r} is not a time zone"
        raise DocumentError(("standup", "tz"), problem, "America/Los_Angeles, UTC") from error
