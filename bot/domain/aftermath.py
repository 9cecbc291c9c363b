"""What follows a decision about a rollout for those who have to act on it: responses and clocks.

`follow` looks at a rollout before and after a decision and adds the effects that begin a response,
tell it how the traffic stands, or start and end the clocks of the plan.
"""

from datetime import datetime, timedelta

import msgspec

from bot.domain import duties, notice_comms, served_news
from bot.domain.announcements import DraftNotice
from bot.domain.breaches import LOUD
from bot.domain.conditions import Condition
from bot.domain.duties import EndDuties, StartDuty
from bot.domain.events import Effect, HookFired, Measured, Page, RollbackRequested
from bot.domain.people import BOT
from bot.domain.reports import alarms, find
from bot.domain.response import (
    Action,
    BeginResponse,
    ResponseNews,
    budget_of,
    step_state,
    steps_for,
)
from bot.domain.rollout import Phase, Rollout
from bot.domain.telling import alert_text, levels_of

Effects = tuple[Effect, ...]


class Warn(Effect, frozen=True):
    """Say it where warnings are said; nobody is woken."""

    text: str


Following = StartDuty | EndDuties | BeginResponse | ResponseNews | Warn | DraftNotice
"""What a rollout asks for besides its own effects."""

HOTFIX = "hotfix"
REVIEW_WITHIN = 24 * 3600.0
"""Seconds until the review is due of a rollback that nobody else signed."""
_SETTLED = frozenset({Phase.ROLLED_BACK, Phase.PAUSED})


def begun(rollout: Rollout, now: datetime) -> Effects:
    """What begins with a new rollout."""
    plan, named = rollout.the_plan, f"{rollout.service} {rollout.version}"
    drafts = notice_comms.asked(None, rollout, now)
    whole = duties.started(plan, "started", duties.FINISHED, f"the release of {named}", now)
    if rollout.type != HOTFIX:
        return (*drafts, *whole)
    about = f"{named} is a hotfix"
    return (*drafts, *duties.started(plan, "hotfix.identified", HOTFIX, about, now), *whole)


def follow(
    before: Rollout, event: msgspec.Struct, after: Rollout, effects: Effects, now: datetime
) -> tuple[Rollout, Effects]:
    """The decision with what follows from it."""
    drafts = notice_comms.asked(before, after, now)
    gaps = served_news.told(before, after)
    effects = (*effects, *gaps, *_alarms(before, event, after, now), *drafts)
    action = _breached(before, event, after, effects)
    if action is not None:
        return _respond(before, event, after, action, effects, now)
    more: Effects = ()
    if after.response and _arrived(before, after):
        drain = after.the_plan.drain.total_seconds()
        news = ResponseNews(after.response, after.quarantined, drain)
        more = (*more, news)
    if after.phase is not before.phase:
        more = (*more, *_ended(before, after))
    return after, (*effects, *more, *_alerts(before, after, now))


def _alerts(before: Rollout, after: Rollout, now: datetime) -> Effects:
    """Alerts that have begun call people; those that are over stop their clocks."""
    if before.alerts == after.alerts:
        return ()
    effects: list[Effect] = []
    for level, condition in levels_of(before.the_plan, before.current_wave):
        if condition.id in after.alerts and condition.id not in before.alerts:
            text = alert_text(level, condition, after.watchers.get(condition.id))
            effects += _call(after, level, condition.id, text, now)
    for gone in set(before.alerts) - set(after.alerts):
        effects.append(EndDuties("", gone, "it ended by itself"))
    return tuple(effects)


def _alarms(before: Rollout, event: msgspec.Struct, after: Rollout, now: datetime) -> Effects:
    """Alerts of other systems run the plan's clocks too, and warnings are said where they belong.

    In a storm only the first ones do; who has to know of a critical one is told already.
    """
    if not isinstance(event, HookFired) or event.source != "alarm" or not after.live:
        return ()
    old, new = (find(each.reports, "alarm", event.id) for each in (before, after))
    if new is None or new == old:
        return ()
    if not new.open:
        heard = old is not None and old.open
        return (EndDuties("", new.id, "it ended by itself"),) if heard else ()
    if alarms(after) > LOUD:
        return ()
    text = f"Alert {new.kind} ({new.level}): {new.detail or 'no details'}"
    clocks = duties.started(after.the_plan, f"alert.{new.level}", new.id, text, now)
    if new.level != "warning" or any(clock.due == duties.ACKNOWLEDGE for clock in clocks):
        return clocks
    return (*clocks, Warn(text))


def _call(rollout: Rollout, level: str, subject: str, text: str, now: datetime) -> Effects:
    """Who is told of an alert: its clocks show themselves, else a page or a line does."""
    clocks = duties.started(rollout.the_plan, f"alert.{level}", subject, text, now)
    if any(clock.due == duties.ACKNOWLEDGE for clock in clocks):
        return clocks
    return (*clocks, Page(text) if level == "critical" else Warn(text))


def _breached(
    before: Rollout, event: msgspec.Struct, after: Rollout, effects: Effects
) -> Action | None:
    """What has been done about a broken limit, or asked for by a person, with this decision."""
    if after.phase is before.phase:
        return None
    match after.phase:
        case Phase.ROLLING_BACK:
            return None if before.paused_from is Phase.ROLLING_BACK else "rollback"
        case Phase.STEPPING_BACK if isinstance(event, Measured | HookFired):
            return "step_back"
        case Phase.PAUSED if isinstance(event, HookFired):
            return "pause"
        case Phase.PAUSED if isinstance(event, Measured):
            called = any(isinstance(effect, Page) for effect in effects)
            seeing = after.blind_since is None and after.drift == before.drift
            return "pause" if called and seeing else None
        case _:
            return None


def _respond(
    before: Rollout,
    event: msgspec.Struct,
    after: Rollout,
    action: Action,
    effects: Effects,
    now: datetime,
) -> tuple[Rollout, Effects]:
    plan, wave = after.the_plan, before.current_wave.id
    by = after.rollback_by if action == "rollback" else BOT
    steps = steps_for(plan, action, wave, by=by)
    if action == "pause" and _elsewhere(before, after):
        steps = tuple(step_state(step) for step in plan.sections.rollback.elsewhere)
    why = after.rollback_reason if action == "rollback" else after.reason
    name = f"{after.id}-r{after.revision + 1}"
    occasions = ("incident",) if action == "rollback" and by == BOT else ()
    clocks = [
        clock
        for occasion, place in (("breach", wave), *((each, "") for each in occasions))
        for clock in duties.started(plan, occasion, name, why, now, wave=place)
        if by == BOT
    ]
    asked = before.rollback_request
    start = BeginResponse(
        response_id=name,
        by=by,
        action=action,
        why=why,
        steps=steps,
        budget=budget_of(plan.sections.rollback.budget),
        detect=detection(before, after).total_seconds() if by == BOT else 0.0,
        decide=(now - asked.opened_at).total_seconds() if asked is not None and by != BOT else 0.0,
    )
    if isinstance(event, RollbackRequested) and event.now:
        clocks.append(StartDuty(duties.REVIEW, why, name, "critical", REVIEW_WITHIN))
    told = msgspec.structs.replace(after, response=name)
    settled = action == "pause"
    news = (ResponseNews(name, quarantined=False, drain=0.0),) if settled else ()
    return told, (*effects, start, *news, *clocks)


def detection(before: Rollout, after: Rollout) -> timedelta:
    """For how long the limit had been broken: the windows in a row that were over it.

    Nothing can be said of a gate, which sums up a whole wave, and of a report from outside.
    """
    plan = after.the_plan
    found = [t for t in plan.triggers_of(before.current_wave) if _named(t, after)]
    if not found:
        return timedelta()
    watcher = after.watchers.get(found[0].id)
    runs = watcher.runs if watcher is not None else 0
    return (found[0].window or plan.poll) * max(1, runs)


def _elsewhere(before: Rollout, after: Rollout) -> bool:
    """Whether it is held for something that the release has not caused."""
    found = [t for t in after.the_plan.triggers_of(before.current_wave) if _named(t, after)]
    return any(t.caused and after.watchers[t.id].elsewhere for t in found)


def _named(trigger: Condition, after: Rollout) -> bool:
    why = after.rollback_reason or after.reason
    return trigger.kind == "if" and why.startswith(f"{trigger.text} (")


def _arrived(before: Rollout, after: Rollout) -> bool:
    back = before.phase in {Phase.ROLLING_BACK, Phase.STEPPING_BACK}
    return back and after.phase in _SETTLED and not after.op_key


def _ended(before: Rollout, after: Rollout) -> Effects:
    """Clocks that have been met, or make no sense any more."""
    version = after.version
    if after.phase is Phase.WATCHING:
        return (EndDuties(duties.IN_PRODUCTION, "", f"{version} is in production", met=True),)
    over: Effects = ()
    if after.ended and before.phase is not Phase.WATCHING and after.type == HOTFIX:
        why = f"{version} was {after.phase.replace('_', ' ')}"
        over = (EndDuties(duties.IN_PRODUCTION, "", why),)
    if after.ended and any(
        timer.due == duties.FINISHED for timer in after.the_plan.sections.timers
    ):
        met = after.phase is Phase.COMPLETED
        why = f"{version} is {'complete' if met else after.phase.replace('_', ' ')}"
        over = (*over, EndDuties(duties.FINISHED, "", why, met=met))
    if after.phase is Phase.ROLLED_BACK:
        why = f"{after.previous} has all traffic again"
        over = (*over, EndDuties(duties.HANDLED, "", why, met=True))
    return over
