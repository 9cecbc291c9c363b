"""How a release goes on after 100 %: the one transition of an aftercare.

It is begun when a rollout completes, in the same unit of work, and lives on while the target is
free for the next release. It ends when everything has been watched, verified and signed, or when
another version took the place, or when the release is rolled back; then nothing fires any more.
"""

from datetime import datetime, timedelta
from typing import assert_never

from bot.domain.after_alarms import alarm
from bot.domain.after_measuring import measured, next_reading, results
from bot.domain.after_moments import moments, next_reminder, next_status, pass_by, remind, report
from bot.domain.after_people import declined, signs, ticked
from bot.domain.after_state import (
    Aftercare,
    AftercareEvent,
    Looked,
    SignoffDeclined,
    SignoffSigned,
    Stage,
    Superseded,
    TakenBack,
)
from bot.domain.after_steps import Decision, change, closed, settle, show
from bot.domain.events import Effect, ItemTicked, Page, PostThread, RenderCard
from bot.domain.rollout import Rollout

SEEN_AGAIN = timedelta(minutes=10)
"""How soon it is tried again when the target could not be looked at."""


def begin(rollout: Rollout, now: datetime) -> Decision | None:
    """What follows a rollout that has just completed; None when its plan asks for nothing."""
    plan = rollout.the_plan
    if plan.afterwards.empty:
        return None
    care = Aftercare(
        id=rollout.id,
        service=rollout.service,
        environment=rollout.environment,
        version=rollout.version,
        artifact=rollout.artifact,
        previous=rollout.previous,
        channel=rollout.channel,
        plan=plan,
        created_at=now,
        next_check_at=now,
    )
    return care, show()


def decide(care: Aftercare, event: AftercareEvent, now: datetime) -> Decision:
    """The aftercare after `event`, and what is to be done about it."""
    match event:
        case Looked():
            return _looked(care, event, now)
        case ItemTicked():
            return ticked(care, event, now)
        case SignoffSigned():
            return signs(care, event, now)
        case SignoffDeclined():
            return declined(care, event, now)
        case Superseded():
            text = f"{event.version} has been released after it; this is closed."
            return closed(care, Stage.SUPERSEDED, text, now)
        case TakenBack():
            return closed(care, Stage.TAKEN_BACK, f"{event.reason} This is closed.", now)
        case _:
            assert_never(event)


def _looked(care: Aftercare, event: Looked, now: datetime) -> Decision:
    """Add what was read, let happen what is due, and say what has been reached."""
    if care.ended:
        return care, ()
    care, effects = _noticed(measured(care, event, now), event)
    care, more = alarm(care)
    effects += more
    for step in (report, pass_by, remind, settle):
        care, more = step(care, now)
        effects += more
    if care.ended:
        return care, effects
    if not any(isinstance(effect, RenderCard) for effect in effects):
        effects = (RenderCard(), *effects)
    return _planned(_told(care, now), now), effects


def _told(care: Aftercare, now: datetime) -> Aftercare:
    """Once all clocks have run out the card shows what is known of the plan's success."""
    over = now >= care.created_at + care.after.lasts
    return change(care, results=results(care)) if over else care


def _noticed(care: Aftercare, event: Looked) -> Decision:
    """Say once that the target can't be seen, or that something else runs there."""
    wrong = event.blind
    if event.seen is not None and event.seen.current != care.version:
        wrong = f"{event.seen.current or 'nothing'} runs there now, not {care.version}"
    if wrong == care.unseen:
        return care, ()
    noted = change(care, unseen=wrong)
    if not wrong:
        return noted, (PostThread("It can be looked at again."),)
    text = f"What can't be seen can't be verified: {wrong}."
    changed = event.seen is not None
    return noted, (PostThread(text), *((Page(text),) if changed else ()))


def _planned(care: Aftercare, now: datetime) -> Aftercare:
    """Look again when something is due, and not before."""
    times = [moment.at for moment in moments(care)[:1]]
    for at in (next_reading(care, now), next_status(care), next_reminder(care)):
        times += [at] if at is not None else []
    if care.unseen:
        times.append(now + SEEN_AGAIN)
    following = min(times, default=now + timedelta(days=1))
    return change(care, next_check_at=max(following, now + timedelta(seconds=1)))


def following(care: Aftercare) -> tuple[datetime, str] | None:
    """What comes next and when, for people; None when it only waits for them."""
    upcoming = moments(care)
    return (upcoming[0].at, upcoming[0].text) if upcoming and not care.ended else None


def quiet(effects: tuple[Effect, ...]) -> bool:
    """Whether a look led to nothing but a newer card."""
    return all(isinstance(effect, RenderCard) for effect in effects)
