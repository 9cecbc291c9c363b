"""What a look adds to what is known of a rollout: its sums, its minutes, and what its gates say."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.conditions import Condition
from bot.domain.events import Measured
from bot.domain.facts import follow, own, with_own
from bot.domain.gates import gate
from bot.domain.metering import fold
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Measurement
from bot.domain.served_news import counted
from bot.domain.steps import change
from bot.domain.watching import Watcher, tally_minutes

EARLY = 0.9
"""The share of the poll after which a rollout is due again: a tick that comes on time finds it."""


def fold_in(rollout: Rollout, event: Measured, now: datetime) -> Rollout:
    """Take in what was read, and what the gates say to it so far."""
    kept = rollout.the_plan.baseline.window if rollout.weight < 100 else None
    folded = change(
        counted(rollout, event, now),
        meter=fold(rollout.meter, event.measurements, now, kept),
        measured_at=now,
        next_check_at=now + rollout.the_plan.poll * EARLY,
    )
    followed = follow(folded, event.measurements, now)
    return found(_tally(followed, event.measurements, now), now)


def _tally(rollout: Rollout, measurements: Sequence[Measurement], now: datetime) -> Rollout:
    """Count the minutes of the gates that are judged by them."""
    watchers = dict(rollout.watchers)
    for condition in gates_of(rollout):
        old = watchers.get(condition.id) or new_watcher(rollout, now)
        new = tally_minutes(condition, rollout.the_plan, old, rollout.meter, measurements, now)
        if new != old:
            watchers[condition.id] = new
    return change(rollout, watchers=watchers)


def found(rollout: Rollout, now: datetime) -> Rollout:
    """What is known about each measured gate of the wave."""
    live = Phase.WATCHING in {rollout.phase, rollout.paused_from}
    over = live or rollout.soak_left <= timedelta()
    minutes = {name: watcher.minutes for name, watcher in rollout.watchers.items()}
    findings = tuple(
        gate(
            condition,
            rollout.the_plan,
            rollout.meter,
            now,
            soak_over=over,
            minutes=minutes.get(condition.id),
        )
        for condition in gates_of(rollout)
    )
    return change(rollout, findings=with_own(rollout, findings))


def gates_of(rollout: Rollout) -> Sequence[Condition]:
    """The gates that are measured; what the bot knows itself is judged in `bot.domain.facts`."""
    gates = rollout.current_wave.gates
    return [gate for gate in gates if gate.kind == "if" and not own(gate, rollout)]


def new_watcher(rollout: Rollout, now: datetime) -> Watcher:
    return Watcher(window_started_at=rollout.wave_applied_at or now)


def serve(rollout: Rollout, covered: timedelta, now: datetime) -> Rollout:
    """Count the time for the soak. When that ends it, the gates are asked for good."""
    before = rollout.soak_left
    served = change(rollout, soak_done=rollout.soak_done + covered)
    return found(served, now) if served.soak_left <= timedelta() < before else served
