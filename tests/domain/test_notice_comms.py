"""What a plan wants said about its releases, at which of their moments, and with which words."""

from datetime import datetime, timedelta

import msgspec
import pytest

from bot.domain.announcements import DraftNotice
from bot.domain.decisions import begin
from bot.domain.notice_comms import asked, on_its_day
from bot.domain.plan import Plan
from bot.domain.rollout import Phase
from bot.plans import library
from tests.domain.builders import ADA, NOW, completed, in_phase, plan, shifting, soaking

WEEK = timedelta(days=7)
COMMS = library().get("proofile-staged").sections.comms


def told() -> Plan:
    """The small plan, with what Proofile's document wants said."""
    small = plan()
    sections = msgspec.structs.replace(small.sections, comms=COMMS)
    return msgspec.structs.replace(small, sections=sections)


def drafts(effects: object) -> list[tuple[str, datetime | None]]:
    assert isinstance(effects, tuple)
    return [(e.occasion, e.at) for e in effects if isinstance(e, DraftNotice)]


def moved(phase: Phase, to: Phase, wave: int = 0) -> tuple[DraftNotice, ...]:
    """What a step of a release asks for."""
    before = msgspec.structs.replace(
        in_phase(Phase.SOAKING), plan=told(), wave=wave, phase=phase, wave_applied_at=NOW
    )
    return asked(before, msgspec.structs.replace(before, phase=to), NOW)


@pytest.mark.requirement("P-129")
def test_a_release_that_is_asked_for_is_announced_with_what_the_document_lists() -> None:
    rollout, effects = begin(
        rollout_id="r1",
        service="shop",
        environment="production",
        version="v2",
        plan=told(),
        channel="C1",
        requested_by=ADA,
        now=NOW,
    )
    assert drafts(effects) == [("announced", None)]
    planned = msgspec.structs.replace(rollout, planned_at=NOW + 2 * WEEK)
    assert drafts(on_its_day(planned, effects)) == [("announced", NOW + WEEK)]


@pytest.mark.requirement("P-130")
def test_each_phase_is_told_as_its_soak_begins() -> None:
    (first,) = moved(Phase.SHIFTING, Phase.SOAKING)
    assert (first.occasion, first.facts["phase"]) == ("in_progress", "5 % of the traffic")
    (second,) = moved(Phase.SHIFTING, Phase.SOAKING, wave=1)
    assert second.occasion == "phase_update"
    assert first.once != second.once
    assert moved(Phase.PAUSED, Phase.SOAKING) == ()


@pytest.mark.requirement("P-132")
def test_after_the_end_it_is_told_and_a_week_later_looked_back_upon() -> None:
    effects = moved(Phase.WATCHING, Phase.COMPLETED)
    assert drafts(effects) == [("success", None), ("followed_up", NOW + WEEK)]


def test_what_is_taken_back_is_told_with_its_times() -> None:
    (draft,) = moved(Phase.ROLLING_BACK, Phase.ROLLED_BACK)
    assert draft.occasion == "rolled_back"
    assert draft.facts["restored_at"] == NOW.isoformat()
    assert draft.facts["bad_since_at"] == NOW.isoformat()


def test_a_plan_without_such_a_section_asks_for_nothing() -> None:
    for made in (shifting, soaking, completed):
        rollout = made()
        assert asked(None, rollout, NOW) == ()
        assert asked(rollout, msgspec.structs.replace(rollout, phase=Phase.ROLLED_BACK), NOW) == ()
