"""A release that has to wait: what is in its way, what a hotfix may pass, and a line that stops."""

from datetime import datetime, timedelta

from bot.domain.approvals import one_more
from bot.domain.events import (
    AskSigners,
    ExecutionChecked,
    PreflightPassed,
)
from bot.domain.hold_events import HoldsSeen, LineStarted, LineStopped
from bot.domain.holds import PASSING, Hold, HoldKind, in_words, one_more_words, passable
from bot.domain.rollout import Phase, Rollout
from bot.domain.steps import QUEUE_CHECK, Decision, change, enter, pause, show

LONGEST_SLEEP = timedelta(minutes=10)
"""However far away an opening is, this often it is asked whether it has moved."""

_RISING = frozenset(
    {
        Phase.PREPARING,
        Phase.SHIFTING,
        Phase.SOAKING,
        Phase.JUDGING,
        Phase.PROMOTING,
        Phase.WATCHING,
    }
)
"""Phases that go on by themselves to more traffic, or to the end of the old side."""

_STANDING = frozenset({Phase.PAUSED, Phase.HALTED, Phase.STEPPING_BACK})


def forewarned(rollout: Rollout, event: PreflightPassed) -> Rollout:
    """The rollout with what is in its way already, before anybody is asked to sign."""
    seen = _knowing(rollout, event)
    return change(seen, exemption=passable(seen.type, event.holds))


def reason_to_sign(rollout: Rollout) -> str:
    """Why one more signature is asked for, "" when none is."""
    if not rollout.exemption:
        return ""
    return one_more_words(rollout.exemption)


def _knowing(rollout: Rollout, event: PreflightPassed | ExecutionChecked | HoldsSeen) -> Rollout:
    return change(rollout, holds=event.holds, opens_at=event.opens_at)


def held(rollout: Rollout, event: ExecutionChecked, now: datetime) -> Decision:
    """Its turn has not come. What is in the way is said, and looked for again when it may end."""
    asked = passable(rollout.type, event.holds)
    if asked and not rollout.exemption:
        return _ask_one_more(_knowing(rollout, event), asked, now)
    reason = in_words(event.holds) or event.blocker
    waiting = change(
        _knowing(rollout, event), reason=reason, next_check_at=_next_look(rollout, event, now)
    )
    news = reason != rollout.reason or _names(event.holds) != _names(rollout.holds)
    lasting = any(hold.kind not in PASSING for hold in event.holds)
    return waiting, show(f"Held: {reason}." if lasting else "") if news else ()


def _names(holds: tuple[Hold, ...]) -> list[tuple[str, str]]:
    return [(hold.kind, hold.name) for hold in holds]


def _next_look(rollout: Rollout, event: ExecutionChecked, now: datetime) -> datetime:
    lasting = any(hold.kind not in PASSING | {HoldKind.QUARANTINE} for hold in event.holds)
    soonest = now + (LONGEST_SLEEP if lasting else QUEUE_CHECK)
    if event.opens_at is not None and event.opens_at > now:
        soonest = min(soonest, event.opens_at)
    return min(soonest, rollout.request.expires_at) if rollout.request is not None else soonest


def _ask_one_more(rollout: Rollout, passes: str, now: datetime) -> Decision:
    """A hotfix that a freeze or the calendar holds: one more person may sign that it passes."""
    request = rollout.request
    if request is None:
        return rollout, ()
    wider = one_more(request)
    waiting = enter(
        change(rollout, exemption=passes),
        Phase.AWAITING_APPROVAL,
        now,
        request=wider,
        next_check_at=min(wider.expires_at, now + wider.remind_every),
    )
    waiting = change(waiting, reason=reason_to_sign(waiting))
    return waiting, (*show(waiting.reason), AskSigners("release"))


def seen(rollout: Rollout, event: HoldsSeen) -> Decision:
    """The card says what a release will wait for once it is signed."""
    if rollout.phase is not Phase.AWAITING_APPROVAL:
        return rollout, ()
    after = _knowing(rollout, event)
    return (after, show()) if after != rollout else (rollout, ())


def line(rollout: Rollout, event: LineStopped | LineStarted, now: datetime) -> Decision:
    """The line stops: traffic stays where it is. It runs again: a person resumes, nothing else.

    What goes back, goes back; triggers are still watched.
    """
    if isinstance(event, LineStarted):
        if not rollout.stopped:
            return rollout, ()
        text = f"@[{event.actor.person}] started the line again."
        waits = rollout.phase in _STANDING
        return change(rollout, stopped=""), show(f"{text} Resume it to go on." if waits else text)
    stopped = change(rollout, stopped=event.reason)
    if rollout.phase in _RISING:
        return pause(stopped, now, f"{event.reason}.")
    if rollout.phase in _STANDING and not rollout.stopped:
        return stopped, show(f"{event.reason}. Nothing is resumed before it is started again.")
    return rollout, ()
