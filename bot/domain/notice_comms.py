"""What a plan wants said about a release, and when: drafts that wait for a person.

`comms:` of a plan names times relative to the release, or `wave` for each of its phases. A release
is a maintenance of its own: announced, begun, phase by phase, done or taken back, looked back upon.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.announcements import DraftNotice
from bot.domain.events import Effect
from bot.domain.notice_facts import CHART
from bot.domain.plan_sections import CommDocument
from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_weight, parse_duration

_PICTURED = frozenset({"success", "rolled_back"})
"""What is told with the picture of how the release went."""

EACH_WAVE, AT_END, TAKEN_BACK = "wave", "end", "rollback"
"""What `when` can say: at each phase (its end and a rollback included), at the end, or when it goes
back."""


def asked(before: Rollout | None, after: Rollout, now: datetime) -> tuple[DraftNotice, ...]:
    """What is to be drafted because of a decision. before: None when the release was asked for."""
    comms = after.the_plan.sections.comms
    if not comms or (before is not None and before.phase is after.phase):
        return ()
    if before is None:
        return tuple(_draft(after, "announced", at=_ahead(after, comm)) for comm in _early(comms))
    match after.phase:
        case Phase.SOAKING if before.phase is Phase.SHIFTING:
            return _at_wave(after, comms)
        case Phase.COMPLETED:
            return _at_end(after, comms, now)
        case Phase.ROLLED_BACK if _began(after) and _when(comms, EACH_WAVE, TAKEN_BACK):
            return (_draft(after, "rolled_back", at=None, facts=_taken_back(after, now)),)
        case _:
            return ()


def on_its_day(rollout: Rollout, effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """What a new release asks for, once it is known when it is planned for."""
    rest = (effect for effect in effects if not isinstance(effect, DraftNotice))
    return (*rest, *asked(None, rollout, rollout.created_at))


def _early(comms: tuple[CommDocument, ...]) -> list[CommDocument]:
    return [comm for comm in comms if comm.at.startswith("-")][:1]


def _ahead(rollout: Rollout, comm: CommDocument) -> datetime | None:
    """So long before the time that is set for the release; at once where none is."""
    if rollout.planned_at is None:
        return None
    return rollout.planned_at - parse_duration(comm.at.removeprefix("-"))


def _began(rollout: Rollout) -> bool:
    """Whether anybody outside can have seen the new version."""
    return rollout.wave_applied_at is not None or rollout.wave > 0


def _at_wave(rollout: Rollout, comms: tuple[CommDocument, ...]) -> tuple[DraftNotice, ...]:
    if not _when(comms, EACH_WAVE):
        return ()
    wave = rollout.current_wave
    phase = wave.title or f"{format_weight(wave.traffic)} of the traffic"
    occasion = "in_progress" if rollout.wave == 0 else "phase_update"
    return (_draft(rollout, occasion, at=None, facts={"phase": phase}),)


def _at_end(
    rollout: Rollout, comms: tuple[CommDocument, ...], now: datetime
) -> tuple[DraftNotice, ...]:
    following = [comm.at for comm in comms if comm.at.startswith("+")]
    back = (_draft(rollout, "followed_up", at=now + after_of(at)) for at in following)
    done = (_draft(rollout, "success", at=None),) if _when(comms, EACH_WAVE, AT_END) else ()
    return (*done, *back)


def _when(comms: tuple[CommDocument, ...], *moments: str) -> bool:
    return any(comm.when in moments for comm in comms)


def after_of(offset: str) -> timedelta:
    """How long after: +7d."""
    return parse_duration(offset.removeprefix("+"))


def _taken_back(rollout: Rollout, now: datetime) -> dict[str, str]:
    found = {"restored_at": now.isoformat()}
    if rollout.wave_applied_at is not None:
        found["bad_since_at"] = rollout.wave_applied_at.isoformat()
    return found


def _draft(
    rollout: Rollout, occasion: str, *, at: datetime | None, facts: Mapping[str, str] | None = None
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
    if template:
        known["template"] = template
    return DraftNotice(
        kind="maintenance",
        event=rollout.id,
        occasion=occasion,
        facts=known,
        at=at,
        once=f"{occasion} {known.get('phase', '')}".strip(),
    )
