"""The phases of a rollout in words: what it is called, and what happens next."""

from datetime import datetime, timedelta
from typing import assert_never

from bot.domain.preparing import open_words
from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_duration, format_weight

NAMES: dict[Phase, str] = {
    Phase.PREFLIGHT: "Checking",
    Phase.AWAITING_APPROVAL: "Waiting for signatures",
    Phase.QUEUED: "Queued",
    Phase.PREPARING: "Installing",
    Phase.SHIFTING: "Moving traffic",
    Phase.SOAKING: "Soaking",
    Phase.JUDGING: "Judging",
    Phase.PAUSED: "Paused",
    Phase.STEPPING_BACK: "Stepping back",
    Phase.PROMOTING: "Promoting",
    Phase.WATCHING: "Live, being watched",
    Phase.COMPLETED: "Complete",
    Phase.ROLLING_BACK: "Rolling back",
    Phase.ROLLED_BACK: "Rolled back",
    Phase.REJECTED: "Rejected",
    Phase.EXPIRED: "Expired",
    Phase.CANCELLED: "Cancelled",
    Phase.HALTED: "Halted",
}


def phase_name(rollout: Rollout) -> str:
    """The phase as people call it."""
    if rollout.rollback_request is not None and rollout.phase is not Phase.ROLLING_BACK:
        return f"{NAMES[rollout.phase]}, rollback asked for"
    if rollout.phase is Phase.PREFLIGHT and rollout.looked:
        return "Getting ready"
    return NAMES[rollout.phase]


def what_next(rollout: Rollout) -> str:
    """What happens next and who has to do something for it, in the domain's plain text."""
    if rollout.rollback_request is not None and rollout.phase is not Phase.ROLLING_BACK:
        missing = len(rollout.rollback_request.missing)
        return (
            f"{missing} more to sign, then all traffic goes back to {rollout.previous}. "
            "Break glass does it at once, by one person with a reason."
        )
    match rollout.phase:
        case Phase.PREFLIGHT if rollout.looked:
            return f"Next: {open_words(rollout)} Then signatures are asked for."
        case Phase.PREFLIGHT:
            return "Next: look up the version and the target, then ask for signatures."
        case Phase.AWAITING_APPROVAL:
            return f"Next: {_missing(rollout)}; then {rollout.version} is installed."
        case Phase.QUEUED if rollout.opens_at is not None:
            return f"Next: it starts by itself, {token(rollout.opens_at)} at the earliest."
        case Phase.QUEUED:
            return "Next: it starts by itself as soon as nothing is in the way."
        case Phase.PREPARING:
            return f"Next: {_wave(rollout, 0)}. No traffic has moved yet."
        case Phase.SHIFTING:
            return "Next: the soak begins when the target confirms the traffic."
        case Phase.SOAKING:
            return f"Next: judge the gates, then {_after(rollout)}."
        case Phase.JUDGING:
            return f"Next: {_after(rollout)}, as soon as the gates allow it."
        case Phase.PAUSED:
            first = "the line is started again and " if rollout.stopped else ""
            return f"Nothing rises until {first}somebody resumes it. Triggers are still watched."
        case Phase.STEPPING_BACK:
            return "Next: it waits for a person when the target confirms the lower traffic."
        case Phase.PROMOTING:
            return f"Next: {rollout.previous} stays installed for {_keep(rollout)}."
        case Phase.WATCHING:
            return f"Next: {rollout.previous} is stopped. Until then a rollback takes seconds."
        case Phase.COMPLETED:
            return f"A rollback installs {rollout.previous} again first."
        case Phase.ROLLING_BACK:
            return f"Next: read back that {rollout.previous} has all traffic."
        case Phase.ROLLED_BACK if rollout.quarantined:
            missing = 2 - len(rollout.quarantine_releases)
            who = "two people" if missing > 1 else "one more person"
            return f"{rollout.version} can't be released here again until {who} say so."
        case Phase.ROLLED_BACK | Phase.REJECTED | Phase.EXPIRED | Phase.CANCELLED:
            return "Nothing more happens. A new release can be started."
        case Phase.HALTED:
            return "A person has to look. Resume tries again; roll back takes the traffic away."
        case _:
            assert_never(rollout.phase)


def _missing(rollout: Rollout) -> str:
    missing = rollout.request.missing if rollout.request is not None else ()
    return f"{len(missing)} more to sign" if missing else "the target is looked at once more"


def _wave(rollout: Rollout, index: int) -> str:
    waves = rollout.the_plan.waves
    if index >= len(waves):
        return f"make {rollout.version} the current version"
    return f"{format_weight(waves[index].traffic)} of the traffic"


def _after(rollout: Rollout) -> str:
    following = _wave(rollout, rollout.wave + 1)
    return f"a person advances it to {following}" if rollout.current_wave.asks else following


def _keep(rollout: Rollout) -> str:
    return format_duration(rollout.the_plan.keep_previous)


def clock_line(rollout: Rollout, now: datetime) -> str:
    """The clock of the phase in words: how long, since when, until when; "" when there is none."""
    match rollout.phase:
        case Phase.SOAKING if rollout.blind_since is not None:
            left = format_duration(rollout.soak_left)
            return f"{left} of the soak to go; the clock stands still while nothing is known."
        case Phase.SOAKING:
            whole = format_duration(rollout.soak_needed)
            until, left = _end(rollout, rollout.soak_left, now)
            return f"{left} of {whole} left, until {token(until)}{_extra(rollout)}"
        case Phase.WATCHING:
            kept = max(rollout.the_plan.keep_previous - rollout.soak_done, timedelta())
            until, _ = _end(rollout, kept, now)
            return f"{rollout.previous} stays installed until {token(until)}."
        case Phase.AWAITING_APPROVAL if rollout.request is not None:
            return f"Open until {token(rollout.request.expires_at)}."
        case Phase.QUEUED if rollout.request is not None:
            until = rollout.request.expires_at
            early = rollout.opens_at is not None and until < rollout.opens_at
            late = ", which is before it may begin: start it again later" if early else ""
            since = f"Since {token(rollout.phase_since)}"
            return f"{since}; the signatures count until {token(until)}{late}."
        case _ if rollout.ended and rollout.ended_at is not None:
            return f"Ended {token(rollout.ended_at)}."
        case _:
            return f"Since {token(rollout.phase_since)}."


def _end(rollout: Rollout, left: timedelta, now: datetime) -> tuple[datetime, str]:
    """When a span ends of which `left` was to go at the last look, and what is left of it now."""
    until = (rollout.measured_at or now) + left
    return until, format_duration(max(until - now, timedelta()))


def _extra(rollout: Rollout) -> str:
    if not rollout.soak_extra:
        return "."
    return f" (extended by {format_duration(rollout.soak_extra)})."


def token(at: datetime) -> str:
    """An instant in the domain's plain text."""
    return f"t[{int(at.timestamp())}]"
