"""Inside a wave: its traffic rises in steps, each read back and held before the next is asked for.

The wave's clock runs through ramp and soak alike; only its hands say which step it is. Triggers and
the wave's counters go on from step to step: what a window has begun to see is not forgotten because
the traffic rose meanwhile.
"""

from datetime import datetime, timedelta

import msgspec

from bot.domain.rollout import Phase, Rollout
from bot.domain.steps import Decision, begin_soak, change, deploy, enter, show, traffic
from bot.domain.units import format_duration


def climbing(rollout: Rollout) -> bool:
    """Whether there are steps of the wave's ramp yet to come."""
    ramp = rollout.current_wave.ramp
    return ramp is not None and rollout.ramp_step + 1 < len(ramp.steps)


def step_left(rollout: Rollout) -> timedelta | None:
    """How long the present step has to be held yet; None where no step follows."""
    ramp = rollout.current_wave.ramp
    if ramp is None or not climbing(rollout):
        return None
    return max(timedelta(), ramp.each * (rollout.ramp_step + 1) - rollout.soak_done)


def weight_of(rollout: Rollout) -> float:
    """The weight, in percent, that the wave has at its present step."""
    wave = rollout.current_wave
    return wave.traffic if wave.ramp is None else wave.ramp.steps[rollout.ramp_step]


def climb(rollout: Rollout, now: datetime) -> Decision:
    """Ask for the next step. Time beyond the present one does not shorten the next."""
    ramp = rollout.current_wave.ramp
    if ramp is None:
        return rollout, ()
    step = rollout.ramp_step + 1
    held = min(rollout.soak_done, ramp.each * step)
    return again(change(rollout, ramp_step=step, soak_done=held), now)


def again(rollout: Rollout, now: datetime) -> Decision:
    """Ask for the weight of the present step."""
    start = enter(
        rollout,
        Phase.SHIFTING,
        now,
        reason="",
        target_weight=weight_of(rollout),
        paused_from=None,
        options=(),
        drift="",
    )
    return deploy(start, traffic(start, start.current_wave), *show())


def begun(rollout: Rollout) -> bool:
    """Whether the first step was confirmed and a later one is on the way or there."""
    return rollout.ramp_step > 0 and rollout.wave_applied_at is not None


def confirmed(rollout: Rollout, weight: float, now: datetime) -> Rollout:
    """The wave's traffic, or one more step of it, is there: its clock begins, or goes on."""
    if not begun(rollout):
        return begin_soak(rollout, weight, now)
    mark = msgspec.structs.replace(rollout.marks[-1], weight=weight)
    return enter(
        rollout,
        Phase.SOAKING,
        now,
        weight=weight,
        op_key="",
        op_trouble="",
        reason="",
        measured_at=None,
        blind_since=None,
        marks=(*rollout.marks[:-1], mark),
        next_check_at=now,
        fence=rollout.fence + 1,
    )


def words(rollout: Rollout) -> str:
    """What is said when a step was confirmed: all of it at the first, then only how far it is."""
    wave = rollout.current_wave
    ramp, share = wave.ramp, f"{rollout.weight:g} %"
    if ramp is None or rollout.ramp_step:
        return f"{share} confirmed."
    every = format_duration(ramp.each)
    top = int((rollout.phase_since + ramp.each * (len(ramp.steps) - 1)).timestamp())
    return f"{share} confirmed. A step every {every}; {wave.traffic:g} % at about t[{top}]."


def soak_words(rollout: Rollout) -> str:
    """What is said when the traffic of a wave was confirmed."""
    wave = rollout.current_wave
    if wave.ramp is not None or not rollout.soak_needed:
        return words(rollout)
    until = int((rollout.phase_since + rollout.soak_needed).timestamp())
    return f"{wave.traffic:g} % confirmed. Soaking until t[{until}]."
