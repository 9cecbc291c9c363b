"""What a broken limit does, whoever found it: a trigger, a gate, or a report from outside."""

from datetime import datetime
from typing import assert_never

from bot.domain.authority import Act, refusal
from bot.domain.conditions import Action
from bot.domain.events import HookFired, PostThread
from bot.domain.reports import STANDING, Report, alarms, note, reports_of, snake, words
from bot.domain.rollout import BEFORE_TRAFFIC, Phase, Rollout
from bot.domain.steps import Decision, change, halt, pause, roll_back, show, step_back

LOUD = 10
"""How many alerts of other systems may fire before further ones are only counted on the card."""

_PEOPLE = frozenset({"slack", "cli"})
"""How people report things; everything else comes from another system."""

_HELD = frozenset({Phase.STEPPING_BACK, Phase.HALTED})
"""Nothing rises here; a pause would take the step back away, or forget what was halted."""


def hook(rollout: Rollout, event: HookFired, now: datetime) -> Decision:
    """An alert or a named event from outside: it may hold or roll back, never advance."""
    if rollout.ended:
        return rollout, ()
    report = _report(event, now)
    noted = note(rollout.reports, report)
    if noted.reports == rollout.reports:
        return rollout, ()
    after = change(rollout, reports=noted.reports)
    if not noted.news or rollout.phase is Phase.ROLLING_BACK:
        return after, ()
    if after.watched:
        after = change(after, next_check_at=now)  # conditions may count it
    if event.source == "alarm" and alarms(after) > LOUD and _says_nothing_new(after, event):
        return after, show()
    why = _why(event, after)
    if not event.open or rollout.phase in BEFORE_TRAFFIC:
        return after, show(why)
    return _carry_out(after, event, why, now)


def _says_nothing_new(rollout: Rollout, event: HookFired) -> bool:
    """Whether one more of many alerts is left to the card: in a storm nobody reads a message each.

    What takes traffic away, or holds what moves, is never left out.
    """
    do = asked_for(rollout, event) if event.open else Action.NOTIFY
    return do is Action.NOTIFY or (do is Action.PAUSE and rollout.phase in {*_HELD, Phase.PAUSED})


def standing(rollout: Rollout) -> tuple[PostThread, ...]:
    """What already held before anything moved: said once, so that nobody blames the release."""
    found = [r for r in rollout.reports if r.open and r.source in STANDING]
    names = ", ".join(f"{words(r.kind)} ({r.level or r.source})" for r in found)
    return (PostThread(f"Before anything moved: {names}."),) if names else ()


def _report(event: HookFired, now: datetime) -> Report:
    id_ = event.id or f"{event.name}:{now.isoformat()}"
    at = event.at or now
    return Report(event.name, id_, at, event.detail, event.open, event.source, event.level)


def _carry_out(rollout: Rollout, event: HookFired, why: str, now: datetime) -> Decision:
    do = asked_for(rollout, event)
    takes_away = do in {Action.ROLLBACK, Action.STEP_BACK}
    if takes_away and event.actor.via in _PEOPLE:
        refused = refusal(Act.ROLLBACK, event.actor, rollout)
        if refused is not None:
            held = f"{why} It is held: somebody with a role decides whether it is rolled back."
            return breach(rollout, now, Action.PAUSE, held)
    if takes_away and rollout.phase is Phase.WATCHING and rollout.op_key:
        return halt(rollout, now, f"{why} {rollout.previous} is no longer there to go back to.")
    if do is Action.NOTIFY:
        return rollout, show(why, page=why if event.level == "critical" else "")
    return breach(rollout, now, do, why)


def asked_for(rollout: Rollout, event: HookFired) -> Action:
    """What a report does: what the plan says about it, else what the reporter or the rules say.

    Plans speak of an alert HighErrorRate as `{event: high_error_rate}`.
    """
    names = {event.name, snake(event.name)}
    triggers = rollout.the_plan.triggers_of(rollout.current_wave)
    named = next((t for t in triggers if t.kind == "event" and t.text in names), None)
    return named.do if named is not None else Action(event.do)


def _why(event: HookFired, rollout: Rollout) -> str:
    """What has happened, in a sentence or two."""
    detail = f": {event.detail.rstrip('.')}." if event.detail else "."
    by = f" by @[{event.actor.person}]" if event.actor.via in _PEOPLE else ""
    match event.source:
        case "alarm":
            level = f" ({event.level})" if event.level else ""
            return f"Alert {event.name}{level} {'fires' if event.open else 'is over'}{detail}"
        case "event":
            return f"{words(event.name)} was reported{by}: {event.detail or 'no details'}"
        case "report":
            count = reports_of(rollout, event.name)
            done = "was reported" if event.open else "was taken back"
            return f"{words(event.name)} {done}{by}, {count} now{detail}"
        case "incident":
            done = "was opened" if event.open else "was closed"
            return f"Incident ({words(event.name)}) {done}{by}{detail}"


def breach(rollout: Rollout, now: datetime, do: Action, why: str) -> Decision:
    """Carry out what a plan says about a broken limit."""
    match do:
        case Action.ROLLBACK:
            return roll_back(rollout, now, why, "countersign")
        case Action.STEP_BACK:
            return _step_back(rollout, now, why)
        case Action.PAUSE:
            if rollout.phase in _HELD:
                return rollout, show(why, page=why)
            offered = change(rollout, options=rollout.current_wave.options)
            return pause(offered, now, why, page=True)
        case Action.NOTIFY:
            return rollout, show(why)
        case _:
            assert_never(do)


def _step_back(rollout: Rollout, now: datetime, why: str) -> Decision:
    """Less traffic, as far as there is a step: none before the first wave or after the last."""
    held = rollout.phase in {Phase.PAUSED, Phase.HALTED}
    match rollout.paused_from if held else rollout.phase:
        case Phase.PREPARING:
            return breach(rollout, now, Action.PAUSE, why)
        case Phase.PROMOTING | Phase.WATCHING:
            return roll_back(rollout, now, why, "countersign")
        case _:
            retry = rollout.wave if rollout.retry is None else rollout.retry
            back = rollout.current_wave.step_back_to or 0.0
            offered = change(rollout, options=rollout.the_plan.waves[retry].options)
            return step_back(offered, now, back, why, retry=retry)
