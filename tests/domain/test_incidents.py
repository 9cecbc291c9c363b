"""An incident from its opening to the last action item: clocks, escalation, timeline, roles."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from bot.domain import incidents
from bot.domain.announcements import DraftNotice
from bot.domain.events import Effect, Page, Ticked, Whisper
from bot.domain.incident import (
    COMMANDER,
    Acknowledged,
    ActionAdded,
    ActionDone,
    AnyIncidentEvent,
    CallOut,
    Captured,
    CloseTicket,
    Drafted,
    DraftPostMortem,
    Entry,
    Incident,
    Noted,
    OpenTicket,
    PageOut,
    PostMortemDone,
    Published,
    Reopened,
    ReportIncident,
    Resolved,
    RoleTaken,
    RunbookChosen,
    ShowIncident,
    StepTicked,
    TellIncident,
    TicketOpened,
    Updated,
    Waited,
)
from bot.domain.incident_rules import IncidentsDocument, Rules, rules_of, severity_of
from bot.domain.incident_terms import Severity
from bot.domain.response import StepState
from tests.domain.builders import ADA, GRACE, MARY, NOBODY, NOW, STALE

MINUTE = timedelta(minutes=1)
CHAIN = ("on_call", "manager", "incident_commander")
E = TypeVar("E", bound=Effect)


class Story:
    """An incident and the clock; `does` are the effects of what happened last."""

    def __init__(self, severity: Severity = Severity.CRITICAL, **fields: Any) -> None:
        self.now = NOW
        made = Incident(
            id="i1",
            service="checkout",
            environment="production",
            title="Checkout fails",
            severity=severity,
            declared_by=fields.pop("by", MARY),
            began_at=NOW - 3 * MINUTE,
            created_at=NOW,
            rules=fields.pop("rules", Rules(escalation=CHAIN)),
            **fields,
        )
        self.is_, self.does = incidents.begin(made, NOW)

    def then(self, event: AnyIncidentEvent) -> "Story":
        self.is_, self.does = incidents.decide(self.is_, event, self.now)
        return self

    def wait(self, span: timedelta) -> "Story":
        """Let time pass from clock to clock, as a tick does; `does` are all the effects."""
        end = self.now + span
        found: list[Effect] = []
        while (at := self.is_.next_check_at) is not None and at <= end:
            self.now = at
            self.then(Ticked())
            found += self.does
        self.now, self.does = end, found
        return self

    def all(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.does if isinstance(effect, kind)]

    def state(self) -> str:
        return self.is_.state.value

    def texts(self) -> list[str]:
        return [entry.text for entry in self.is_.timeline]


def resolved(**fields: Any) -> Story:
    story = Story(**fields)
    story.then(Acknowledged(ADA))
    story.now += 30 * MINUTE
    return story.then(Resolved(ADA, "rolled back"))


# --- the beginning ----------------------------------------------------------------------------


def test_an_incident_that_begins_is_shown_paged_ticketed_reported_and_drafted() -> None:
    story = Story()
    kinds = [type(effect).__name__ for effect in story.does]
    assert kinds == [
        "ShowIncident", "CallOut", "Page", "PageOut", "OpenTicket", "ReportIncident", "DraftNotice",
    ]  # fmt: skip
    assert story.all(CallOut)[0].whom == "on_call"
    assert story.all(ReportIncident)[0] == ReportIncident(True, Severity.CRITICAL)
    assert story.is_.timeline[0].at == NOW - 3 * MINUTE


def test_a_minor_one_wakes_nobody_and_tells_no_customer() -> None:
    story = Story(Severity.MINOR)
    assert not story.all(Page)
    assert not story.all(PageOut)
    assert not story.all(OpenTicket)
    assert not story.all(DraftNotice)


def test_what_a_rollback_has_opened_is_not_called_out_a_second_time() -> None:
    made = msgspec.structs.replace(Story().is_, origin="rollback", rollout_id="r1", timeline=())
    _, effects = incidents.begin(made, NOW, loud=False)
    kinds = {type(effect).__name__ for effect in effects}
    assert "Page" not in kinds
    assert {"PageOut", "OpenTicket", "TellRelease"} <= kinds


# --- acknowledging and escalation -------------------------------------------------------------


@pytest.mark.requirement("P-099", "P-100")
@pytest.mark.parametrize(
    ("severity", "minutes"), [(Severity.CRITICAL, 5), (Severity.MAJOR, 15)], ids=str
)
def test_who_is_next_is_called_when_nobody_acknowledges_in_time(
    severity: Severity, minutes: int
) -> None:
    story = Story(severity)
    story.wait(minutes * MINUTE - timedelta(seconds=1))
    assert not story.does
    story.wait(timedelta(seconds=1))
    assert [each.whom for each in story.all(CallOut)] == ["manager"]
    assert len(story.all(Page)) == 1
    assert [each.do for each in story.all(PageOut)] == ["trigger"]


@pytest.mark.requirement("P-101")
def test_a_minor_one_has_to_be_seen_by_the_end_of_the_next_working_day() -> None:
    story = Story(Severity.MINOR)  # a Saturday
    assert story.is_.ack_due_at == datetime(2026, 11, 23, 17, tzinfo=UTC)


@pytest.mark.requirement("B-162")
def test_everybody_in_the_chain_is_called_once_in_its_order_and_then_nobody_is_left() -> None:
    chain = ("on_call", "manager", "incident_commander", "product_owner", "security_lead")
    story = Story(rules=Rules(escalation=chain, updates={}))
    called = [each.whom for each in story.all(CallOut)]
    for _ in chain:
        story.wait(5 * MINUTE)
        called += [each.whom for each in story.all(CallOut)]
    assert called == list(chain)
    assert "nobody left to call" in story.all(Page)[0].text
    assert not story.wait(timedelta(days=30)).does


def test_who_acknowledges_stops_the_calls_and_the_pager() -> None:
    story = Story()
    story.now += 2 * MINUTE
    story.then(Acknowledged(NOBODY, "on it"))
    assert story.is_.acknowledged_by == NOBODY.person
    assert [each.do for each in story.all(PageOut)] == ["acknowledge"]
    assert not story.wait(15 * MINUTE).does
    story.then(Acknowledged(ADA))
    assert "already" in story.all(Whisper)[0].text


# --- while it lasts ---------------------------------------------------------------------------


def test_the_commander_is_reminded_of_the_next_word_and_a_snooze_is_noted() -> None:
    story = Story().then(RoleTaken(ADA, COMMANDER, "ada"))
    assert story.is_.acknowledged_by == "ada"  # who leads it has seen it
    story.wait(20 * MINUTE)
    assert [each.whom for each in story.all(CallOut)] == ["ada"]
    story.wait(20 * MINUTE)
    assert [each.whom for each in story.all(CallOut)] == ["ada"]  # again, at the same distance
    story.then(Updated(ADA, "still looking", later=3600))
    assert any("next word in 1h" in text for text in story.texts())
    assert not story.wait(59 * MINUTE).does
    assert story.wait(MINUTE).does


def test_without_a_commander_the_channel_is_reminded() -> None:
    story = Story().then(Acknowledged(ADA)).wait(20 * MINUTE)
    assert any(told.broadcast and "Nobody leads" in told.text for told in story.all(TellIncident))


def test_an_update_moves_the_state_and_drafts_what_customers_are_told() -> None:
    story = Story().then(Updated(ADA, "a missing index", "identified"))
    assert story.state() == "identified"
    (draft,) = story.all(DraftNotice)
    assert (draft.event, draft.occasion) == ("i1", "identified")
    assert draft.facts["message"] == "a missing index"
    assert datetime.fromisoformat(draft.facts["detected_at"]) == NOW


def test_the_four_times_that_customers_are_told_are_in_their_order() -> None:
    story = Story()
    story.now += 2 * MINUTE
    story.then(Captured("v1 has the traffic again", story.now, fixed=True))
    story.now += 2 * MINUTE
    story.then(Acknowledged(ADA))
    story.now += 2 * MINUTE
    (draft,) = story.then(Resolved(ADA, "taken back")).all(DraftNotice)
    names = ("detected_at", "investigating_at", "fixed_at", "restored_at")
    times = [draft.facts[name] for name in names]
    assert times == sorted(times)
    assert datetime.fromisoformat(draft.facts["fixed_at"]) == NOW + 2 * MINUTE


def test_a_graver_one_is_paged_and_has_less_time() -> None:
    story = Story(Severity.MINOR).then(Updated(ADA, "", severity="critical"))
    assert story.is_.ack_due_at == NOW + 5 * MINUTE
    assert [each.do for each in story.all(PageOut)] == ["trigger"]
    assert story.all(OpenTicket)
    reports = [(each.open, each.severity) for each in story.all(ReportIncident)]
    assert reports == [(False, Severity.MINOR), (True, Severity.CRITICAL)]


def test_who_is_given_a_part_hears_of_it() -> None:
    story = Story().then(RoleTaken(ADA, "scribe", "grace"))
    assert story.is_.roles == {"scribe": "grace"}
    assert story.all(CallOut)[0].whom == "grace"
    assert story.is_.acknowledged_at is None
    assert "parts" in story.then(RoleTaken(ADA, "king", "ada")).all(Whisper)[0].text


EVENTS: Sequence[AnyIncidentEvent] = [
    Acknowledged(ADA),
    Updated(ADA, "so it stands", "monitoring"),
    RoleTaken(ADA, COMMANDER, "grace"),
    Noted(GRACE, "restarted it", NOW - MINUTE, "https://logs.example/1"),
    Captured("v2 is rolled back", NOW),
    StepTicked(ADA, 0, "seen"),
    RunbookChosen(ADA, "memory", ("look", "restart")),
    TicketOpened("OPS-7", "https://tickets.example/7"),
    Resolved(ADA, "fixed"),
    Drafted("text"),
    ActionAdded(ADA, "add an index", "grace", NOW + timedelta(days=1)),
    ActionDone(GRACE, 1),
    Published(ADA, "https://wiki.example/1"),
    Reopened(ADA, "again"),
    Ticked(),
    Waited(told=True),
]


@pytest.mark.requirement("C-118")
def test_nothing_that_can_happen_takes_a_line_out_of_the_timeline() -> None:
    story = Story(steps=(StepState("look at the dashboards"),))
    for event in EVENTS:
        before: tuple[Entry, ...] = story.is_.timeline
        story.now += MINUTE
        story.then(event)
        assert story.is_.timeline[: len(before)] == before, event
    written = {type(event).__name__ for event in EVENTS}
    known = {cls.__name__ for cls in AnyIncidentEvent.__args__}
    assert written | {"DraftAsked"} == known
    texts = " / ".join(story.texts())
    for words in ("restarted it", "v2 is rolled back", "OPS-7", "Resolved", "Reopened"):
        assert words in texts


def test_what_is_written_down_later_says_when_it_happened_and_when_it_was_written() -> None:
    story = Story()
    story.now += 10 * MINUTE
    story.then(Noted(ADA, "the first complaint", NOW - 2 * MINUTE))
    entry = story.is_.timeline[-1]
    assert (entry.at, entry.noted_at, entry.who) == (NOW - 2 * MINUTE, story.now, "ada")
    story.then(Noted(ADA, "tomorrow", story.now + timedelta(days=1)))
    assert story.is_.timeline[-1].at == story.now  # nobody knows what comes


def test_a_step_is_ticked_once_and_another_runbook_keeps_what_was_done() -> None:
    story = Story(steps=(StepState("look"), StepState("act")))
    story.then(StepTicked(ADA, 0, "seen"))
    assert "done by" in story.then(StepTicked(GRACE, 0)).all(Whisper)[0].text
    assert "no such step" in story.then(StepTicked(GRACE, 9)).all(Whisper)[0].text
    story.then(RunbookChosen(ADA, "memory", ("look", "restart")))
    assert [step.text for step in story.is_.steps] == ["look", "restart"]
    assert story.is_.steps[0].by == "ada"


# --- the end and what is owed -----------------------------------------------------------------


@pytest.mark.parametrize("actor", [NOBODY, STALE])
def test_that_it_is_over_is_said_by_somebody_with_a_role_that_is_known_now(actor: Any) -> None:
    story = Story().then(Resolved(actor))
    assert story.state() == "investigating"
    assert story.all(Whisper)


@pytest.mark.requirement("W-161", "S4-08b")
def test_the_post_mortem_is_due_a_day_after_the_end_and_late_once() -> None:
    story = resolved()
    assert story.all(DraftPostMortem)
    assert [each.do for each in story.all(PageOut)] == ["resolve"]
    assert story.is_.post_mortem.due_at == story.now + timedelta(hours=24)
    assert not story.wait(timedelta(hours=24) - MINUTE).does
    assert len(story.wait(MINUTE).all(Page)) == 1
    assert not story.wait(timedelta(days=9)).does
    story.then(Published(ADA, "https://wiki.example/1"))
    assert "(late)" in story.texts()[-1]
    assert story.state() == "closed"


def test_where_the_plan_has_a_clock_for_the_post_mortem_that_one_pages() -> None:
    story = resolved(post_mortem=msgspec.structs.replace(Story().is_.post_mortem, elsewhere=True))
    assert not story.wait(timedelta(days=2)).all(Page)
    story.then(Published(ADA))
    assert story.all(PostMortemDone)


def test_a_minor_one_is_closed_at_once_and_reopening_it_works() -> None:
    story = resolved(severity=Severity.MINOR)
    assert story.state() == "closed"
    first = story.is_
    assert first.ended_at == story.now
    story.then(Reopened(NOBODY, "it is back"))
    assert story.state() == "investigating"
    assert story.is_.ended_at is None
    assert story.all(ReportIncident) == [ReportIncident(True, Severity.MINOR)]


def test_the_post_mortem_is_published_by_the_commander_or_a_role_and_after_the_end() -> None:
    assert "Resolve it first" in Story().then(Published(ADA)).all(Whisper)[0].text
    story = resolved().then(Published(NOBODY))
    assert "commander" in story.all(Whisper)[0].text
    led = Story().then(RoleTaken(NOBODY, COMMANDER, NOBODY.person)).then(Resolved(ADA))
    assert led.then(Published(NOBODY)).is_.post_mortem.published_at == led.now


@pytest.mark.requirement("C-119")
def test_an_action_item_is_open_until_it_is_done_and_its_owner_hears_of_it_every_day() -> None:
    story = resolved(rules=Rules(post_mortems=()))
    story.then(ActionAdded(ADA, "add an index", "grace", story.now + timedelta(days=2)))
    assert story.all(CallOut)[0].whom == "grace"
    assert story.state() == "resolved"
    story.wait(timedelta(days=2))
    assert [each.whom for each in story.all(CallOut)] == ["grace"]
    story.wait(timedelta(days=1))
    assert len(story.all(CallOut)) == 1
    story.then(ActionDone(GRACE, 1, "merged"))
    assert story.state() == "closed"
    assert not story.wait(timedelta(days=9)).does
    assert "has done it" in story.then(ActionDone(GRACE, 1)).all(Whisper)[0].text
    assert "no action 7" in story.then(ActionDone(GRACE, 7)).all(Whisper)[0].text


def test_the_ticket_is_told_how_it_ended() -> None:
    story = Story().then(TicketOpened("OPS-7"))
    story.then(Resolved(ADA, "fixed"))
    assert not story.all(CloseTicket)  # the post-mortem is still owed
    assert story.then(Published(ADA)).all(CloseTicket)


# --- the rules --------------------------------------------------------------------------------


def test_the_plan_of_the_release_goes_before_the_configuration() -> None:
    config = IncidentsDocument(escalation=("on_call",), acknowledge={Severity.MAJOR: "3m"})
    assert rules_of(config).escalation == ("on_call",)
    story = Story(Severity.MAJOR, rules=rules_of(config))
    assert story.is_.ack_due_at == NOW + 3 * MINUTE


@pytest.mark.parametrize(
    ("word", "severity"),
    [("Critical", "critical"), ("sev2", "major"), ("warning", "major"), ("info", "minor")],
)
def test_severities_go_by_several_names(word: str, severity: str) -> None:
    assert severity_of(word) == severity
    assert severity_of("bad") is None


def test_where_customers_are_told_their_notice_reminds_of_the_next_word_alone() -> None:
    story = Story().then(Acknowledged(ADA))
    due = story.is_.update_due_at
    assert due is not None
    story.now = due
    assert story.then(Waited(told=True)).does == (ShowIncident(),)
    assert story.is_.update_due_at is not None
    assert story.is_.update_due_at > due
    story.now = story.is_.update_due_at
    assert "A word on how it stands is due" in story.then(Waited()).all(TellIncident)[0].text


def test_customers_hear_of_the_post_mortem_of_what_they_noticed() -> None:
    published = Published(ADA, "https://wiki.example/1", "an index was missing")
    (draft,) = resolved().then(published).all(DraftNotice)
    assert (draft.event, draft.occasion) == ("i1", "post_mortem")
    assert draft.facts["link"] == "https://wiki.example/1"
    assert draft.facts["summary"] == "an index was missing"
    assert not resolved(severity=Severity.MINOR).then(Published(ADA)).all(DraftNotice)
