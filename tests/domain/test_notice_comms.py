"""What a plan wants said about its releases, at which of their moments, and with which words."""

from datetime import datetime, timedelta

import msgspec
import pytest

from bot.domain.announcements import DraftNotice
from bot.domain.decisions import begin
from bot.domain.evidence import Verdict
from bot.domain.gates import Finding
from bot.domain.notice_comms import asked, on_its_day
from bot.domain.plan import Plan
from bot.domain.plan_sections import CommDocument
from bot.domain.rollout import Phase, Rollout
from bot.plans import library
from tests.domain.builders import ADA, NOW, completed, in_phase, plan, shifting, soaking

DAY, WEEK = timedelta(days=1), timedelta(days=7)
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


@pytest.mark.requirement("P-129", "S4-12b")
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
    assert drafts(on_its_day(planned, effects)) == [
        ("announced", NOW + WEEK),
        ("reminder", NOW + 2 * WEEK - timedelta(hours=2)),
    ]


@pytest.mark.requirement("P-130")
def test_each_phase_is_told_as_its_soak_begins() -> None:
    (first,) = moved(Phase.SHIFTING, Phase.SOAKING)
    assert (first.occasion, first.facts["phase"]) == ("in_progress", "5 % of the traffic")
    (second,) = moved(Phase.SHIFTING, Phase.SOAKING, wave=1)
    assert second.occasion == "phase_update"
    assert first.once != second.once
    assert moved(Phase.PAUSED, Phase.SOAKING) == ()


@pytest.mark.requirement("P-132", "S4-12b")
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


# --- what the built-in plans want said ------------------------------------------------------


def by_plan(name: str) -> Rollout:
    """A release by a built-in plan, in its first wave."""
    made = library().get(name)
    return msgspec.structs.replace(
        in_phase(Phase.SOAKING), plan=made, type="", wave_applied_at=NOW, rollback_reason="errors"
    )


def said(before: Rollout, to: Phase, wave: int = 0) -> dict[str, DraftNotice]:
    """What a step of it asks for, by the audience ("": customers)."""
    at = msgspec.structs.replace(before, wave=wave)
    return {each.audience: each for each in asked(at, msgspec.structs.replace(at, phase=to), NOW)}


@pytest.mark.requirement("W-073")
@pytest.mark.parametrize("name", ["whispercache-canary", "whispercache-bluegreen"])
def test_when_whispercache_is_in_production_customers_are_told(name: str) -> None:
    assert said(by_plan(name), Phase.COMPLETED)[""].occasion == "success"


@pytest.mark.requirement("B-078")
def test_the_other_half_is_written_to_when_half_of_the_users_have_it() -> None:
    going = msgspec.structs.replace(by_plan("batch-patches-waves"), phase=Phase.SHIFTING)
    waves = [said(going, Phase.SOAKING, wave) for wave in range(4)]
    assert [bool(each) for each in waves] == [False, False, True, False]
    draft = waves[2][""]
    assert (draft.occasion, draft.facts["template"]) == ("announced", "release-next")


def briefs() -> dict[str, DraftNotice]:
    asked_for = msgspec.structs.replace(by_plan("sarvanom-feature"), planned_at=NOW + WEEK)
    return {each.audience: each for each in asked(None, asked_for, NOW)}


@pytest.mark.parametrize(
    "audience",
    [
        pytest.param(name, marks=pytest.mark.requirement(row))
        for name, row in (
            ("engineering", "S-078"),
            ("product", "S-079"),
            ("support", "S-080"),
            ("leadership", "S-081"),
        )
    ],
)
def test_a_day_before_each_audience_inside_gets_a_draft_of_its_own(audience: str) -> None:
    draft = briefs()[audience]
    assert (draft.kind, draft.event, draft.at) == ("briefing", f"r1-{audience}", NOW + 6 * DAY)
    assert draft.facts["template"] == f"briefing-{audience}"
    assert "First requests: 5 % for 30m" in draft.facts["timeline"].splitlines()
    assert "At first 5 % of the traffic" in draft.facts["risks"]
    assert "error_rate > 1%" in draft.facts["risks"]


@pytest.mark.requirement("S-085", "S-086")
def test_after_the_end_engineering_hears_that_it_went_well_with_what_was_measured() -> None:
    finding = Finding("g", "error_rate < 1%", Verdict.PASS, 0.002, 0.01, "0.2% of 3,000", "", ())
    going = msgspec.structs.replace(by_plan("sarvanom-feature"), findings=(finding,))
    told_to = said(msgspec.structs.replace(going, phase=Phase.WATCHING), Phase.COMPLETED)
    report = told_to["engineering"]
    assert (report.occasion, report.facts["outcome"]) == ("reported", "v1.2.0 has all the traffic.")
    assert report.facts["figures"] == "error_rate < 1%: 0.2% of 3,000"


@pytest.mark.requirement("S-088", "S-091")
def test_customers_hear_of_new_features_and_read_the_release_notes() -> None:
    going = msgspec.structs.replace(
        by_plan("sarvanom-feature"), phase=Phase.WATCHING, note="Search is faster"
    )
    draft = said(going, Phase.COMPLETED)[""]
    assert draft.facts["template"] == "release-features"
    assert draft.facts["release_notes"] == "Search is faster"


@pytest.mark.requirement("S-092")
def test_a_week_later_stakeholders_get_their_report() -> None:
    going = msgspec.structs.replace(by_plan("sarvanom-feature"), phase=Phase.WATCHING)
    report = said(going, Phase.COMPLETED)["stakeholders"]
    assert (report.facts["template"], report.at) == ("report-stakeholders", NOW + WEEK)


def test_what_is_taken_back_is_reported_inside_and_not_celebrated() -> None:
    going = msgspec.structs.replace(by_plan("sarvanom-feature"), phase=Phase.ROLLING_BACK)
    told_to = said(going, Phase.ROLLED_BACK)
    assert set(told_to) == {"engineering"}
    assert told_to["engineering"].facts["outcome"] == "v1.2.0 was taken back: errors."


def test_a_moment_that_does_not_exist_is_no_mistake_in_a_plan_that_is_pinned() -> None:
    comms = (CommDocument(when="nevr"), CommDocument(when="end", to="engineering"))
    sections = msgspec.structs.replace(told().sections, comms=comms)
    going = msgspec.structs.replace(
        in_phase(Phase.WATCHING), plan=msgspec.structs.replace(told(), sections=sections)
    )
    assert set(said(going, Phase.COMPLETED)) == {"engineering"}
