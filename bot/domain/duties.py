"""Duties: what a person has to do by a certain time, such as acknowledging an alert.

A duty is an aggregate of its own, because it may outlive the release that it came from: a
post-mortem is due a day after the rollback. `decide` is pure; who is told is left to the effects.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.events import Effect, Page, Ticked, Whisper
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.plan_sections import TimerDocument
from bot.domain.units import format_duration, parse_duration

ACKNOWLEDGE = "ack"
HANDLED = "handled"
ROOT_CAUSE = "root_cause"
POST_MORTEM = "post_mortem"
IN_PRODUCTION = "in_production"
REVIEW = "review"
FINISHED = "finished"

WORDS = {
    ACKNOWLEDGE: "acknowledge it",
    HANDLED: "have it handled",
    ROOT_CAUSE: "say what caused it",
    POST_MORTEM: "hold the post-mortem",
    IN_PRODUCTION: "have the fix in production",
    REVIEW: "review why the glass was broken",
    FINISHED: "have the release finished",
}
"""What each duty asks of people, as in "within 5m: acknowledge it"."""

OCCASIONS = (
    "alert.critical",
    "alert.warning",
    "alert.info",
    "breach",
    "incident",
    "hotfix.identified",
    "started",
)
"""What a timer of a plan may start with; `breach(canary)` is one of a certain wave."""

WARNED: Mapping[str, tuple[float, ...]] = {IN_PRODUCTION: (0.5, 0.75), FINISHED: (0.75,)}
"""At which parts of their time long duties are said again before they are late."""

END_OF_BUSINESS = time(17)
NEXT_BUSINESS_DAY = "next_business_day"
_SATURDAY = 5


class Duty(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One duty.

    due: which of WORDS. about: what happened, in a sentence without its full stop. subject: what it
    is about, by id (a condition, a breach), so that whatever ends that can end this. level: of the
    alert it came from. calls: the channel where the plan wants such things said, "" where the
    installation says it. by: roles that are asked; empty: anybody. met_by: who did it. over: it
    ended without anybody's doing, and why. warned: how often it was said before its time is over.
    """

    id: str
    rollout_id: str
    service: str
    environment: str
    version: str
    channel: str = ""
    calls: str = ""
    due: str
    about: str
    subject: str = ""
    level: str = "critical"
    by: tuple[str, ...] = ()
    created_at: datetime
    due_at: datetime
    late_at: datetime | None = None
    warned: int = 0
    met_by: str = ""
    met_at: datetime | None = None
    note: str = ""
    over: str = ""
    revision: int = 0
    fence: int = 0
    next_check_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> str:
        """open, late (open still), met, over."""
        if self.ended_at is not None:
            return "met" if self.met_at is not None else "over"
        return "late" if self.late_at is not None else "open"


class DutyMet(msgspec.Struct, frozen=True, tag=True):
    """Somebody says that it is done."""

    actor: Actor
    note: str = ""


class DutyOver(msgspec.Struct, frozen=True, tag=True):
    """What it was about has ended by itself."""

    why: str


class ShowDuty(Effect, frozen=True):
    """Post what has to be done, or bring that message up to date."""


class TellDuty(Effect, frozen=True):
    """Say something about a duty under the card of its release. broadcast: in the channel too."""

    text: str
    broadcast: bool = False


DutyEvent = DutyMet | DutyOver | Ticked
DutyEffect = ShowDuty | TellDuty | Page | Whisper


class StartDuty(Effect, frozen=True):
    """Of a rollout: a clock begins to run. seconds: until it is due. ago: for how many of them it
    has been running already."""

    due: str
    about: str
    subject: str
    level: str
    seconds: float
    by: tuple[str, ...] = ()
    ago: float = 0.0


class EndDuties(Effect, frozen=True):
    """Of a rollout: what its duties of this kind were about is over. subject: "" for all of them.

    met: it has been done (else it ended by itself). due: "" for every kind.
    """

    due: str
    subject: str
    why: str
    met: bool = False


def begin(duty: Duty) -> tuple[Duty, Sequence[Effect]]:
    """A duty that is open from now on."""
    opened = msgspec.structs.replace(duty, next_check_at=_warning_at(duty) or duty.due_at)
    return opened, (ShowDuty(),)


def decide(duty: Duty, event: DutyEvent, now: datetime) -> tuple[Duty, Sequence[Effect]]:
    """How a duty goes on."""
    match event:
        case DutyMet():
            return _met(duty, event, now)
        case DutyOver():
            return _over(duty, event, now)
        case Ticked():
            return _late(duty, now)


def _met(duty: Duty, event: DutyMet, now: datetime) -> tuple[Duty, Sequence[Effect]]:
    actor = event.actor
    refused = _refusal(duty, actor)
    if refused:
        return duty, (Whisper(actor.user_id, refused),)
    done = _ended(duty, now, met_by=actor.person, met_at=now, note=event.note)
    note = f": {event.note}" if event.note else ""
    took = format_duration(now - duty.created_at)
    late = " (late)" if duty.late_at is not None else ""
    text = f"@[{actor.person}] {_done_word(duty)} after {took}{late}{note}"
    return done, (ShowDuty(), TellDuty(text))


def _refusal(duty: Duty, actor: Actor) -> str:
    if duty.ended_at is not None:
        who = f"by @[{duty.met_by}]" if duty.met_by else f"({duty.over})"
        return f"That is done already {who}."
    if duty.by and actor.via != "bot" and not set(duty.by) & set(actor.roles):
        return f"This is for {' or '.join(duty.by)} to do. Ask one of them."
    return ""


def _done_word(duty: Duty) -> str:
    return {
        ACKNOWLEDGE: f"acknowledged: {duty.about}",
        ROOT_CAUSE: f"named the cause of: {duty.about}",
    }.get(duty.due, f"reports done ({duty.due.replace('_', ' ')}): {duty.about}")


def _over(duty: Duty, event: DutyOver, now: datetime) -> tuple[Duty, Sequence[Effect]]:
    if duty.ended_at is not None:
        return duty, ()
    return _ended(duty, now, over=event.why), (ShowDuty(),)


def _late(duty: Duty, now: datetime) -> tuple[Duty, Sequence[Effect]]:
    """The clock has run out: said once, loudly. The duty stays open until somebody does it."""
    if duty.ended_at is not None:
        return duty, ()
    if now < duty.due_at:
        return _warn(duty, now)
    late = msgspec.structs.replace(duty, late_at=now, next_check_at=None)
    limit = format_duration(duty.due_at - duty.created_at)
    text = f"Nobody has come to {WORDS.get(duty.due, duty.due)} within {limit}: {duty.about}"
    told = (ShowDuty(), TellDuty(text, broadcast=True))
    # That a release takes longer than planned is no reason to wake anybody.
    return late, told if duty.due == FINISHED else (*told, Page(text))


def _warning_at(duty: Duty) -> datetime | None:
    """When it is said again before its time is over; None when not any more."""
    parts = WARNED.get(duty.due, ())[duty.warned :]
    return duty.created_at + (duty.due_at - duty.created_at) * parts[0] if parts else None


def _warn(duty: Duty, now: datetime) -> tuple[Duty, Sequence[Effect]]:
    at, parts = _warning_at(duty), WARNED.get(duty.due, ())
    if at is None or now < at:
        return duty, ()
    span = duty.due_at - duty.created_at
    passed = sum(duty.created_at + span * part <= now for part in parts)
    warned = msgspec.structs.replace(duty, warned=passed)
    warned = msgspec.structs.replace(warned, next_check_at=_warning_at(warned) or duty.due_at)
    left = format_duration(duty.due_at - now)
    text = (
        f"{parts[passed - 1] * 100:g} % of the time is over, {left} are left to {WORDS[duty.due]}"
    )
    return warned, (TellDuty(f"{text}: {duty.about}", broadcast=True),)


def _ended(duty: Duty, now: datetime, **fields: object) -> Duty:
    return msgspec.structs.replace(duty, ended_at=now, next_check_at=None, **fields)


# --- from a plan's timers -------------------------------------------------------------------


def started(
    plan: Plan, occasion: str, subject: str, about: str, now: datetime, *, wave: str = ""
) -> tuple[StartDuty, ...]:
    """The clocks of a plan that begin to run now.

    occasion: see OCCASIONS. subject: the id of what happened. wave: in which wave it did.
    """
    level = occasion.partition(".")[2] if occasion.startswith("alert.") else "critical"
    named = f"{occasion}({wave})" if wave else occasion
    zone = plan.sections.standup.tz if plan.sections.standup else "UTC"
    return tuple(
        StartDuty(
            due=timer.due,
            about=about,
            subject=subject,
            level=level,
            seconds=_within(timer, now, zone).total_seconds(),
            by=timer.by,
        )
        for timer in plan.sections.timers
        if timer.when in {occasion, named}
    )


def _within(timer: TimerDocument, now: datetime, zone: str) -> timedelta:
    if timer.within != NEXT_BUSINESS_DAY:
        return parse_duration(timer.within)
    return end_of_next_business_day(now, zone) - now


def end_of_next_business_day(now: datetime, zone: str) -> datetime:
    """17:00 of the next day from Monday to Friday, where `zone` is."""
    here = now.astimezone(ZoneInfo(zone))
    day = here.date() + timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return datetime.combine(day, END_OF_BUSINESS, ZoneInfo(zone)).astimezone(now.tzinfo)
