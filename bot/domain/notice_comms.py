"""What a plan wants said about a release, and when: drafts that wait for a person.

`comms:` of a plan names times relative to the release, or moments of it. For customers a release is
a maintenance: announced, begun, phase by phase, done or taken back, looked back upon. For each
audience inside the house it is a briefing: said before, and reported on afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.announcements import DraftNotice
from bot.domain.conditions import Action
from bot.domain.events import Effect
from bot.domain.notice_facts import CHART
from bot.domain.plan import Plan
from bot.domain.plan_sections import CommDocument
from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_duration, format_weight, parse_duration

_PICTURED = frozenset({"success", "rolled_back", "reported"})
"""What is told with the picture of how the release went."""

EACH_WAVE, AT_END, TAKEN_BACK = "wave", "end", "rollback"
"""What `when` can say besides the id of a wave: at each phase (its end and a rollback included), at
the end, or when it goes back."""

AUDIENCES = ("engineering", "product", "support", "leadership")
"""Audiences for whom there are words of their own before a release."""

STAKEHOLDERS = "stakeholders"
"""The audience for whom there are words of their own after one."""

Comms = Sequence[CommDocument]


def moments(plan: Plan) -> tuple[str, ...]:
    """What `when` of a plan can say."""
    return (EACH_WAVE, AT_END, TAKEN_BACK, *(wave.id for wave in plan.waves))


def asked(before: Rollout | None, after: Rollout, now: datetime) -> tuple[DraftNotice, ...]:
    """What is to be drafted because of a decision. before: None when the release was asked for."""
    comms = after.the_plan.sections.comms
    if not comms or (before is not None and before.phase is after.phase):
        return ()
    outside = [comm for comm in comms if not comm.to]
    inside = [comm for comm in comms if comm.to]
    if before is None:
        return (*_early(after, outside), *_briefed(after, inside))
    match after.phase:
        case Phase.SOAKING if before.phase is Phase.SHIFTING:
            return (*_at_wave(after, outside), *_briefed_at_wave(after, inside))
        case Phase.COMPLETED:
            return (*_at_end(after, outside, now), *_reported(after, inside, now))
        case Phase.ROLLED_BACK if _began(after):
            return (*_back(after, outside, now), *_reported(after, inside, now))
        case _:
            return ()


def on_its_day(rollout: Rollout, effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """What a new release asks for, once it is known when it is planned for."""
    rest = (effect for effect in effects if not isinstance(effect, DraftNotice))
    return (*rest, *asked(None, rollout, rollout.created_at))


# --- customers ------------------------------------------------------------------------------


def _early(rollout: Rollout, comms: Comms) -> Iterator[DraftNotice]:
    """The first word announces it; later ones remind of it, where its day is known."""
    early = [comm for comm in comms if comm.at.startswith("-")]
    for comm in early[:1]:
        yield _draft(rollout, "announced", at=_ahead(rollout, comm))
    for comm in early[1:]:
        if (at := _ahead(rollout, comm)) is not None:
            yield _draft(rollout, "reminder", at=at, once=f"reminder {comm.at}")


def _ahead(rollout: Rollout, comm: CommDocument) -> datetime | None:
    """So long before the time that is set for the release; at once where none is."""
    if rollout.planned_at is None:
        return None
    return rollout.planned_at - parse_duration(comm.at.removeprefix("-"))


def _began(rollout: Rollout) -> bool:
    """Whether anybody outside can have seen the new version."""
    return rollout.wave_applied_at is not None or rollout.wave > 0


def _at_wave(rollout: Rollout, comms: Comms) -> Iterator[DraftNotice]:
    phase = _phase(rollout)
    if _when(comms, EACH_WAVE):
        occasion = "in_progress" if rollout.wave == 0 else "phase_update"
        yield _draft(rollout, occasion, facts={"phase": phase}, once=f"{occasion} {phase}")
    elif _when(comms, rollout.current_wave.id):
        # Those whom the next waves reach have heard nothing of it so far.
        yield _draft(rollout, "announced", once=f"announced {rollout.current_wave.id}")


def _phase(rollout: Rollout) -> str:
    wave = rollout.current_wave
    return wave.title or f"{format_weight(wave.traffic)} of the traffic"


def _at_end(rollout: Rollout, comms: Comms, now: datetime) -> Iterator[DraftNotice]:
    if _when(comms, EACH_WAVE, AT_END):
        yield _draft(rollout, "success")
    for comm in comms:
        if comm.at.startswith("+"):
            yield _draft(rollout, "followed_up", at=now + after_of(comm.at))


def _back(rollout: Rollout, comms: Comms, now: datetime) -> Iterator[DraftNotice]:
    if _when(comms, EACH_WAVE, TAKEN_BACK):
        yield _draft(rollout, "rolled_back", facts=_taken_back(rollout, now))


def _when(comms: Comms, *named: str) -> bool:
    return any(comm.when in named for comm in comms)


def after_of(offset: str) -> timedelta:
    """How long after: +7d."""
    return parse_duration(offset.removeprefix("+"))


def _taken_back(rollout: Rollout, now: datetime) -> dict[str, str]:
    found = {"restored_at": now.isoformat()}
    if rollout.wave_applied_at is not None:
        found["bad_since_at"] = rollout.wave_applied_at.isoformat()
    return found


# --- inside the house -----------------------------------------------------------------------


def _briefed(rollout: Rollout, comms: Comms) -> Iterator[DraftNotice]:
    for comm in comms:
        if comm.at.startswith("-"):
            at = _ahead(rollout, comm)
            yield _inside(rollout, comm, "briefed", at, f"briefed {comm.at}")


def _briefed_at_wave(rollout: Rollout, comms: Comms) -> Iterator[DraftNotice]:
    wave = rollout.current_wave.id
    for comm in comms:
        if comm.when in {EACH_WAVE, wave}:
            yield _inside(rollout, comm, "briefed", None, f"briefed {wave}")


def _reported(rollout: Rollout, comms: Comms, now: datetime) -> Iterator[DraftNotice]:
    """How it went: at its end, whichever that is, and some time after a good one."""
    done = rollout.phase is Phase.COMPLETED
    ends = {EACH_WAVE, AT_END} if done else {EACH_WAVE, AT_END, TAKEN_BACK}
    for comm in comms:
        if comm.when in ends:
            yield _inside(rollout, comm, "reported", None, f"reported {rollout.phase}")
        elif comm.at.startswith("+") and done:
            at = now + after_of(comm.at)
            yield _inside(rollout, comm, "reported", at, f"reported {comm.at}")


def _inside(
    rollout: Rollout, comm: CommDocument, occasion: str, at: datetime | None, once: str
) -> DraftNotice:
    """A word to one audience, in words of its own where there are some."""
    own = {"briefed": AUDIENCES, "reported": (STAKEHOLDERS,)}[occasion]
    word = {"briefed": "briefing", "reported": "report"}[occasion]
    usual = f"{word}-{comm.to}" if comm.to in own else word
    known = {
        "timeline": timeline(rollout.the_plan),
        "risks": risks(rollout.the_plan),
        "outcome": outcome(rollout),
        "figures": figures(rollout),
        "template": rollout.the_plan.sections.templates.get(f"{occasion}_{comm.to}", usual),
    }
    wanted = ("outcome", "figures") if occasion == "reported" else ("timeline",)
    facts = {name: known[name] for name in (*wanted, "risks", "template") if known[name]}
    return _draft(rollout, occasion, at=at, facts=facts, once=once, to=comm.to)


def timeline(plan: Plan) -> str:
    """The waves, each with its share and how long it takes at least."""
    return "\n".join(
        f"{wave.title or wave.id}: {format_weight(wave.traffic)}"
        + (f" for {format_duration(wave.soak)}" if wave.soak else "")
        for wave in plan.waves
    )


def risks(plan: Plan) -> str:
    """How few are reached first, and what takes it back by itself."""
    first = next((wave for wave in plan.waves if wave.traffic > 0), plan.waves[-1])
    lines = [f"At first {format_weight(first.traffic)} of the traffic get it."]
    back = [trigger.text for trigger in plan.triggers if trigger.do is Action.ROLLBACK]
    if back:
        lines.append(f"It is taken back by itself when: {'; '.join(back)}.")
    return "\n".join(lines)


def outcome(rollout: Rollout) -> str:
    """How it ended, in a sentence."""
    if rollout.phase is Phase.COMPLETED:
        return f"{rollout.version} has all the traffic."
    why = rollout.rollback_reason.rstrip(".") or "no reason was named"
    return f"{rollout.version} was taken back: {why}."


def figures(rollout: Rollout) -> str:
    """What was measured for the gates of its last wave."""
    return "\n".join(f"{found.text}: {found.shown}" for found in rollout.findings)


# --- what all of them say -------------------------------------------------------------------


def _draft(
    rollout: Rollout,
    occasion: str,
    *,
    at: datetime | None = None,
    facts: Mapping[str, str] | None = None,
    once: str = "",
    to: str = "",
) -> DraftNotice:
    begins = rollout.planned_at or rollout.opens_at
    known = {
        **({CHART: rollout.id} if occasion in _PICTURED else {}),
        "title": f"{rollout.service} {rollout.version}",
        "version": rollout.version,
        **({"starts_at": begins.isoformat()} if begins is not None else {}),
        **({"release_notes": rollout.note} if rollout.note else {}),
        **(facts or {}),
    }
    template = rollout.the_plan.sections.templates.get(occasion, "")
    if template and not to:
        known["template"] = template
    return DraftNotice(
        kind="briefing" if to else "maintenance",
        event=f"{rollout.id}-{to}" if to else rollout.id,
        occasion=occasion,
        facts=known,
        at=at,
        audience=to,
        once=once or occasion,
    )
