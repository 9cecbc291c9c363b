"""When a wave has paused and its plan leaves it to people how to go on: what they choose.

`rollback` goes back, with the signatures that the plan wants; `observe` begins the wave's soak
anew and watches; `proceed` tries the wave again, in small steps; every other way (a hotfix, a
workaround) is work that people do, while traffic stands still and the choice stays open. Who chose
what, and why, is kept.
"""

from datetime import datetime, timedelta

from bot.domain.authority import Act, refusal
from bot.domain.documents import nearest
from bot.domain.events import OptionChosen, RollbackRequested
from bot.domain.facts import told_of
from bot.domain.metering import begin_wave
from bot.domain.requests import going_back, resumed
from bot.domain.rollout import Choice, Phase, Rollout
from bot.domain.steps import Decision, change, in_words, show, tell

ROLLBACK = "rollback"
OBSERVE = "observe"

_ADVICE = {
    "hotfix": "A hotfix is a release of its own; roll this one back before it, or resume it after.",
    "workaround": "Traffic stands still until somebody resumes it.",
    "fix": "Traffic stays where it is until somebody resumes it; then the wave is tried again.",
}


def choose(rollout: Rollout, event: OptionChosen, now: datetime) -> Decision:
    """Carry out what somebody chose."""
    act = Act.ROLLBACK if event.option == ROLLBACK else Act.CHOOSE
    reason = refusal(act, event.actor, rollout) or _impossible(rollout, event)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    chosen = change(rollout, choices=(*rollout.choices, _choice(rollout, event, now)))
    said = f"@[{event.actor.person}] chose {words(event.option)}: {event.reason}"
    match event.option:
        case "rollback":
            asked = RollbackRequested(event.actor, event.reason, event.request_id)
            back, effects = going_back(chosen, asked, now)
            return back, (*effects, *show(said))
        case "observe":
            going, effects = resumed(_anew(chosen, now), now)
            return going, (*effects, *show(said))
        case "proceed":
            going, effects = resumed(change(chosen, careful=_tried_again(chosen)), now)
            return going, (*effects, *show(f"{said}. In small steps."))
        case other:
            advice = _ADVICE.get(other, "Traffic stands still until somebody resumes it.")
            return chosen, show(f"{said}. {advice}")


def _tried_again(rollout: Rollout) -> int:
    """The wave that comes next: the one that was stepped back from, else the present one."""
    return rollout.wave if rollout.retry is None else rollout.retry


def _anew(rollout: Rollout, now: datetime) -> Rollout:
    """With the wave's soak and counters at their beginning: what broke it would break it again."""
    ramp = rollout.current_wave.ramp
    held = timedelta() if ramp is None else ramp.each * (rollout.ramp_step + 1)
    return change(
        rollout,
        options=(),
        soak_done=min(rollout.soak_done, held),
        findings=(),
        meter=begin_wave(
            rollout.meter, rollout.current_wave.id, now, narrowed=rollout.meter.narrowed
        ),
        watchers={name: w for name, w in rollout.watchers.items() if name in _known(rollout)},
    )


def _known(rollout: Rollout) -> set[str]:
    """What the bot knows by itself goes on being known: it is news only once."""
    return {condition.id for condition in told_of(rollout)}


def _impossible(rollout: Rollout, event: OptionChosen) -> str | None:
    if rollout.phase is not Phase.PAUSED or not rollout.options:
        return f"There is nothing to choose: {in_words(rollout)}."
    if event.option not in rollout.options:
        hint = nearest(event.option, rollout.options)
        return f"{event.option[:40]!r} is not one of the ways here; {hint}"
    if not event.reason.strip():
        return f"Say why, and it is kept: `choose {event.option} REASON`."
    return None


def _choice(rollout: Rollout, event: OptionChosen, now: datetime) -> Choice:
    return Choice(event.option, event.actor.person, now, event.reason, rollout.reason)


def words(option: str) -> str:
    """An option as people say it."""
    return option.replace("_", " ")
