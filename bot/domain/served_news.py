"""Gaps in the traffic of a rollout: looked for at every look, told once, written down.

They hold nothing up and decide nothing. After a rollback the requests are counted a little longer,
until it is known that they are served again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.domain.events import Effect, Measured, PostThread
from bot.domain.metering import fold
from bot.domain.release_record import Moment
from bot.domain.rollout import Phase, Rollout
from bot.domain.served import Gap, countable, look
from bot.domain.steps import change
from bot.domain.units import format_duration, format_weight

_OVER = frozenset({Phase.WATCHING, Phase.COMPLETED, Phase.ROLLED_BACK})

LONGEST = timedelta(minutes=10)
"""How long after a rollback the end of a gap is waited for."""


def counted(rollout: Rollout, event: Measured, now: datetime) -> Rollout:
    """With the requests of a look counted."""
    back = rollout.phase in {Phase.ROLLING_BACK, Phase.ROLLED_BACK}
    move, over_at = _move(rollout)
    new = look(
        rollout.served,
        rollout.the_plan,
        event.measurements,
        now,
        move=move,
        over_at=over_at,
        weight=0.0 if back else rollout.weight,
    )
    return change(rollout, served=new)


def _move(rollout: Rollout) -> tuple[str, datetime | None]:
    """The newest move, and when it was confirmed."""
    live = f"making {rollout.version} the current version"
    match rollout.phase:
        case Phase.SHIFTING | Phase.STEPPING_BACK:
            return f"the move to {format_weight(rollout.target_weight)}", None
        case Phase.PROMOTING:
            return live, None
        case Phase.ROLLING_BACK:
            return "the rollback", None
        case Phase.ROLLED_BACK:
            return "the rollback", rollout.ended_at
        case Phase.WATCHING:
            return live, rollout.wave_applied_at
        case _:
            return f"the move to {format_weight(rollout.weight)}", _confirmed_at(rollout)


def _confirmed_at(rollout: Rollout) -> datetime | None:
    """When the traffic of the wave was there, or the present step of its ramp."""
    at, ramp = rollout.wave_applied_at, rollout.current_wave.ramp
    if at is None or ramp is None:
        return at
    return at + ramp.each * rollout.ramp_step


def counts_only(rollout: Rollout) -> bool:
    """Whether a look at it now is for the requests alone: traffic goes back, or has just gone."""
    if rollout.phase is Phase.ROLLING_BACK:
        return bool(rollout.op_key) and rollout.touched and countable(rollout.the_plan)
    return rollout.phase is Phase.ROLLED_BACK and rollout.next_check_at is not None


def count(rollout: Rollout, event: Measured, now: datetime) -> Rollout:
    """A look while traffic goes back, and a little longer. Nothing else is decided."""
    new = counted(rollout, event, now)
    again: datetime | None = now + rollout.the_plan.poll
    if rollout.phase is Phase.ROLLED_BACK:
        again = again if _goes_on(new, now) else None
    elif not rollout.op_key:  # it is asked for once more at that time
        again = rollout.next_check_at
    meter = fold(rollout.meter, event.measurements, now)  # for its cursors
    return change(new, meter=meter, next_check_at=again)


def afterwards(rollout: Rollout, now: datetime) -> datetime | None:
    """When the requests are looked at after a rollback."""
    wanted = rollout.touched and countable(rollout.the_plan)
    return now + rollout.the_plan.poll if wanted else None


def _goes_on(rollout: Rollout, now: datetime) -> bool:
    served, ended = rollout.served, rollout.ended_at or now
    if served.moved_until is not None and now <= served.moved_until:
        return True
    return now < ended + LONGEST and any(g.until is None and not g.unknown for g in served.gaps)


# --- what is said ---------------------------------------------------------------------------


def told(before: Rollout, after: Rollout) -> tuple[Effect, ...]:
    """What people hear of it in the thread."""
    return tuple(PostThread(text) for text in _texts(before, after))


def _texts(before: Rollout, after: Rollout) -> Iterator[str]:
    for index, gap in enumerate(after.served.gaps):
        old = before.served.gaps[index] if index < len(before.served.gaps) else None
        if old is None:
            yield began_words(gap)
        elif old.until is None and gap.until is not None:
            yield _ended_words(gap)


def began_words(gap: Gap) -> str:
    """A gap, with where it begins and, if that is known, where it ends."""
    span = f"from {_at(gap.since)} to {_at(gap.until)}" if gap.until else f"since {_at(gap.since)}"
    during = f"during {gap.move}" if gap.move else "in the wave that ends"
    if gap.unknown:
        return (
            f"Whether requests were served {during} is unknown: they could not be counted {span}."
        )
    lasted = f" for {_lasted(gap)}" if gap.until else ""
    if not gap.expected:
        return f"Gap in the traffic {during}: the health check failed{lasted}, {span}."
    what = "no requests were" if not gap.served else f"only {gap.served:,.0f} requests were"
    return (
        f"Gap in the traffic {during}: {what} served{lasted}, {span}; "
        f"about {gap.expected:,.0f} were to be expected."
    )


def _ended_words(gap: Gap) -> str:
    if gap.unknown:
        return f"Requests are counted again since {_at(gap.until or gap.since)}."
    ended = _at(gap.until or gap.since)
    return f"The gap in the traffic is over since {ended}; it lasted {_lasted(gap)}."


def _lasted(gap: Gap) -> str:
    seconds = round(((gap.until or gap.since) - gap.since).total_seconds())
    return format_duration(timedelta(seconds=max(1, seconds)))


def _at(at: datetime) -> str:
    return f"t[{int(at.timestamp())}]"


def moments(before: Rollout, after: Rollout, now: datetime) -> Iterator[Moment]:
    """What belongs into a picture of the release."""
    for gap in after.served.gaps[len(before.served.gaps) :]:
        yield Moment(now, "not counted" if gap.unknown else "gap in the traffic")


def summary(rollout: Rollout) -> str:
    """What is on the card: the gaps, or that there was none; "" where nobody counts."""
    served = rollout.served
    if served.gaps:
        return " ".join(map(began_words, served.gaps[-2:]))
    if not (rollout.touched and rollout.phase in _OVER and countable(rollout.the_plan)):
        return ""
    if served.at is None:
        return "Whether there was a gap in the traffic is unknown: requests could not be counted."
    return "No gap was seen in the traffic while it moved."
