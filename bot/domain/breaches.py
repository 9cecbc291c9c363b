"""What a broken limit does, whoever found it: a trigger, a gate, or a report from outside."""

from datetime import datetime
from typing import assert_never

from bot.domain.conditions import Action
from bot.domain.events import HookFired
from bot.domain.rollout import Phase, Rollout
from bot.domain.steps import Decision, pause, roll_back, show, step_back

_HELD = frozenset({Phase.STEPPING_BACK, Phase.HALTED})
"""Nothing rises here; a pause would take the step back away, or forget what was halted."""


def hook(rollout: Rollout, event: HookFired, now: datetime) -> Decision:
    """An alert or a named event from outside: it may hold or roll back, never advance."""
    if not rollout.live or rollout.phase is Phase.ROLLING_BACK:
        return rollout, ()
    triggers = rollout.the_plan.triggers_of(rollout.current_wave)
    named = next((t for t in triggers if t.kind == "event" and t.text == event.name), None)
    do = named.do if named is not None else Action(event.do)
    why = f"{event.name.replace('_', ' ')} was reported: {event.detail or 'no details'}"
    return breach(rollout, now, do, why)


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
            return pause(rollout, now, why, page=True)
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
            return step_back(rollout, now, rollout.current_wave.step_back_to or 0.0, why)
