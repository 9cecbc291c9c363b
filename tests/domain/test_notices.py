"""What may be said to customers, by whom, and when: every status with every occasion."""

import itertools
from datetime import timedelta

import pytest

from bot.domain.events import AskSigners, Ticked
from bot.domain.notice import Stage, Status
from bot.domain.notice_course import OCCASIONS, of_kind
from bot.domain.notice_events import (
    Discarded,
    Drafted,
    Edited,
    Found,
    Missed,
    Pressed,
    Reached,
    RemindOwner,
    Retried,
    SentBack,
    ShowLetter,
    Snoozed,
    TellNotice,
)
from bot.domain.people import THE_BOT, Actor
from tests.domain.notice_world import (
    ADA,
    GRACE,
    HOUR,
    INCIDENT,
    MAINTENANCE,
    MARY,
    MINUTE,
    NOBODY,
    Story,
    errands,
    whispered,
)

# By occasion: from which status it may come, and to which it leads ("=": it stays).
COURSE = {
    INCIDENT: {
        "investigating": ("none investigating identified monitoring resolved", "investigating"),
        "identified": ("none investigating identified monitoring", "identified"),
        "monitoring": ("none investigating identified monitoring", "monitoring"),
        "update": ("investigating identified monitoring", "="),
        "resolved": ("none investigating identified monitoring", "resolved"),
        "post_mortem": ("resolved", "="),
    },
    MAINTENANCE: {
        "scheduled": ("none", "scheduled"),
        "announced": ("none", "scheduled"),
        "reminder": ("scheduled", "="),
        "rescheduled": ("scheduled in_progress", "="),
        "in_progress": ("none scheduled", "in_progress"),
        "phase_update": ("in_progress verifying", "="),
        "verifying": ("scheduled in_progress", "verifying"),
        "completed": ("scheduled in_progress verifying", "completed"),
        "success": ("none scheduled in_progress verifying", "completed"),
        "rolled_back": ("none scheduled in_progress verifying completed", "completed"),
        "cancelled": ("scheduled", "cancelled"),
        "followed_up": ("completed", "="),
    },
}


@pytest.mark.parametrize("kind", [INCIDENT, MAINTENANCE])
def test_every_status_with_every_occasion(kind: str) -> None:
    for status, occasion in itertools.product(Status, OCCASIONS):
        holds(kind, status, occasion)


def holds(kind: str, status: Status, occasion: str) -> None:
    story = Story(kind).at(status)
    before = story.notice
    effects = story.draft(occasion)
    allowed, reached = COURSE[kind].get(occasion, ("", ""))
    if status.value not in allowed.split():
        assert story.notice == before
        assert "There is no message" in whispered(effects) or "can't come now" in whispered(effects)
        return
    assert stage(story) is Stage.DRAFT
    story.approve()
    assert story.notice.status == (status if reached == "=" else reached), (status, occasion)


def test_the_table_knows_every_occasion() -> None:
    assert {kind: set(of_kind(kind)) for kind in COURSE} == {k: set(v) for k, v in COURSE.items()}


def stage(story: Story) -> Stage:
    return story.letter.stage


# --- two people -----------------------------------------------------------------------------


def test_the_author_asks_and_somebody_else_approves() -> None:
    story = Story()
    effects = story.then(Pressed(MARY, 0))
    assert stage(story) is Stage.REVIEW
    assert AskSigners("0") in effects
    assert "somebody else has to approve" in whispered(story.then(Pressed(MARY, 0)))
    story.approve(ADA)
    assert (story.letter.stage, story.letter.approved_by) == (Stage.APPROVED, ("ada",))


def test_what_the_bot_wrote_needs_one_person() -> None:
    story = Story()
    story.then(Drafted(THE_BOT, "identified"))
    story.approve(MARY)
    assert stage(story) is Stage.APPROVED


def test_whoever_changed_it_is_an_author_too() -> None:
    story = Story()
    story.then(Edited(ADA, 0, {"impact": "nothing works"}))
    story.then(Pressed(ADA, 0))
    assert stage(story) is Stage.REVIEW
    story.approve(GRACE)
    assert story.letter.approved_by == ("grace",)


def test_a_change_voids_what_was_asked_for_and_old_cards() -> None:
    story = Story()
    seen = story.letter.digest
    story.then(Pressed(MARY, 0))
    story.then(Edited(MARY, 0, {"impact": "nothing works"}))
    assert (story.letter.stage, story.letter.request) == (Stage.DRAFT, None)
    assert "out of date" in whispered(story.then(Pressed(ADA, 0, seen)))
    assert stage(story) is Stage.DRAFT


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        (NOBODY, "You hold no role"),
        (Actor("ada", "U0ADA", ("security",), roles_stale=True), "Slack doesn't say"),
    ],
    ids=["no role", "stale roles"],
)
def test_who_may_not_approve(actor: Actor, words: str) -> None:
    story = Story()
    assert words in whispered(story.approve(actor))
    assert stage(story) is Stage.DRAFT


def test_it_can_be_sent_back_with_a_reason_and_put_away() -> None:
    story = Story()
    story.then(Pressed(MARY, 0))
    effects = story.then(SentBack(ADA, 0, "too long"))
    assert TellNotice(0, "@[ada] sends it back: too long.") in effects
    assert stage(story) is Stage.DRAFT
    story.then(Discarded(MARY, 0))
    assert stage(story) is Stage.DISCARDED
    assert "discarded" in whispered(story.approve())


@pytest.mark.requirement("W-165")
def test_a_gap_stops_it_and_is_named() -> None:
    story = Story()
    story.then(Edited(MARY, 0, {"impact": ""}))
    assert "impact: it is not known" in whispered(story.approve())
    assert stage(story) is Stage.DRAFT


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"ends_at": "2026-11-21T12:30:00+00:00"}, "ends_at: the end is not after the start"),
        ({"starts_at": "tomorrow"}, "starts_at: 'tomorrow' is no time"),
        ({"starts_at": "2026-11-21T13:00:00"}, "starts_at: '2026-11-21T13:00:00' is no time"),
    ],
    ids=["end before start", "no time", "no zone"],
)
def test_times_that_make_no_sense_stop_it(facts: dict[str, str], words: str) -> None:
    story = Story(MAINTENANCE)
    story.then(Edited(MARY, 0, facts))
    assert words in whispered(story.approve())


def test_without_a_time_zone_nothing_goes_out() -> None:
    story = Story(zones=())
    assert "zone: no time zone is named" in whispered(story.approve())


@pytest.mark.requirement("W-169")
def test_the_times_of_an_incident_are_taken_from_the_record_in_their_order() -> None:
    story = Story(facts={"title": "x", "impact": "y", "detected_at": "2026-11-21T11:58:00+00:00"})
    story.publish()
    story.wait(10 * MINUTE)
    story.draft("monitoring")
    story.publish()
    story.wait(10 * MINUTE)
    story.draft("resolved")
    text = story.letter.main.text
    assert "investigating_at: 2026-11-21T12:00:00+00:00" in text
    assert "fixed_at: 2026-11-21T12:10:00+00:00" in text
    assert "restored_at: 2026-11-21T12:20:00+00:00" in text
    assert "duration: 22 min" in text
    story.then(Edited(MARY, story.letter.number, {"fixed_at": "2026-11-21T11:00:00+00:00"}))
    assert "fixed_at: it comes before investigating_at" in whispered(story.approve())


# --- going out ------------------------------------------------------------------------------


def test_each_destination_is_one_errand_and_a_failed_one_is_repeated_alone() -> None:
    story = Story()
    story.approve()
    effects = story.then(Found(0, {"slack en": ("C9",), "email en": ("a@x.com", "b@x.com")}))
    assert errands(effects) == ["slack en>C9", "email en>a@x.com", "email en>b@x.com"]
    story.then(Reached(0, "slack en", "C9"))
    story.then(Missed(0, "email en", "a@x.com", "no such mailbox"))
    assert stage(story) is Stage.PUBLISHING
    story.then(Reached(0, "email en", "b@x.com"))
    assert stage(story) is Stage.FAILED
    assert errands(story.then(Retried(GRACE, 0))) == ["email en>a@x.com"]
    story.then(Reached(0, "email en", "a@x.com"))
    assert stage(story) is Stage.PUBLISHED
    assert (story.letter.tallies["email en"].done, story.letter.tallies["slack en"].done) == (2, 1)


def test_with_nowhere_to_go_it_says_so() -> None:
    story = Story()
    story.approve()
    effects = story.then(Found(0, {}))
    assert stage(story) is Stage.FAILED
    assert any("nowhere to publish" in e.text for e in effects if isinstance(e, TellNotice))


def test_a_newer_word_puts_older_drafts_away_and_counts_what_went_out() -> None:
    story = Story()
    story.draft("identified")
    story.publish()
    assert [letter.stage for letter in story.notice.letters] == [Stage.SUPERSEDED, Stage.PUBLISHED]
    assert story.letter.sequence == 0
    story.draft("resolved")
    story.publish()
    assert story.letter.sequence == 1
    assert story.notice.ended_at == story.now


def test_the_card_before_no_longer_says_when_the_next_word_is_due() -> None:
    story = Story()
    story.publish()
    story.draft("update", text="We found the cause.")
    shown = [e.number for e in story.approve() if isinstance(e, ShowLetter)]
    assert sorted(shown) == [0, 1]


def test_the_same_source_asks_once() -> None:
    story = Story()
    for _ in range(2):
        story.then(Drafted(THE_BOT, "identified", source="incident:1:2:3"))
    assert len(story.notice.letters) == 2


# --- time -----------------------------------------------------------------------------------


def due(story: Story) -> timedelta:
    assert story.notice.due_at is not None
    return story.notice.due_at - story.now


def test_the_pace_of_a_critical_incident() -> None:
    story = Story()
    assert due(story) == 5 * MINUTE
    story.publish()
    assert due(story) == 5 * MINUTE
    for _ in range(2):
        story.draft("update", message="we look at it")
        story.publish()
        assert due(story) == 20 * MINUTE
    story.wait(2 * HOUR)
    story.draft("update", message="we still look at it")
    story.publish()
    assert due(story) == HOUR
    story.draft("resolved")
    story.publish()
    assert story.notice.due_at is None


def test_overdue_reminds_the_owner_then_the_channel_and_then_again() -> None:
    story = Story()
    told = []
    for _ in range(12):
        story.wait(5 * MINUTE)
        if story.notice.next_check_at is not None and story.notice.next_check_at <= story.now:
            effects = story.then(Ticked())
            channel = [e for e in effects if isinstance(e, TellNotice) and e.broadcast]
            owner = [e for e in effects if isinstance(e, RemindOwner)]
            told.append((story.now.minute, len(owner), len(channel)))
    assert told == [(5, 1, 0), (10, 1, 1), (30, 1, 1), (50, 1, 1)]


def test_after_an_outage_it_is_said_once() -> None:
    story = Story()
    story.wait(3 * HOUR)
    for _ in range(3):
        story.then(Ticked())
    reminders = [e for e in story.said if isinstance(e, RemindOwner)]
    assert len(reminders) == 2


def test_a_snooze_is_said_with_its_reason_and_holds_once() -> None:
    story = Story()
    effects = story.then(Snoozed(MARY, 900, "we wait for a test"))
    assert due(story) == 20 * MINUTE
    assert any("we wait for a test" in e.text for e in effects if isinstance(e, TellNotice))
    assert "Say why" in whispered(story.then(Snoozed(MARY, 900, " ")))
    story.publish()
    assert due(story) == 5 * MINUTE


def test_a_promise_that_is_over_is_written_anew_before_it_goes_out() -> None:
    story = Story()
    first = story.letter.promised_at
    story.wait(HOUR)
    assert "names a new time" in whispered(story.approve())
    assert story.letter.promised_at != first
    story.approve()
    assert stage(story) is Stage.APPROVED


def test_a_maintenance_drafts_its_beginning_and_its_end_at_the_planned_times() -> None:
    story = Story(MAINTENANCE)
    story.publish()
    assert story.notice.next_check_at == story.now + HOUR
    story.wait(HOUR)
    for _ in range(2):
        story.then(Ticked())
    assert (story.letter.occasion, story.letter.authors) == ("in_progress", ("countersign",))
    assert len(story.notice.letters) == 2
    story.publish()
    story.wait(HOUR)
    story.then(Ticked())
    assert story.letter.occasion == "completed"


def test_a_moved_maintenance_tells_its_old_times_and_begins_at_the_new_ones() -> None:
    story = Story(MAINTENANCE)
    story.publish()
    new = {"starts_at": "2026-11-22T12:00:00+00:00", "ends_at": "2026-11-22T13:00:00+00:00"}
    story.draft("rescheduled", reason="a part is late", **new)
    assert "previous_starts_at: 2026-11-21T13:00:00+00:00" in story.letter.main.text
    story.publish()
    assert story.letter.told == "rescheduled"
    story.wait(HOUR)
    assert story.then(Ticked()) == ()
    story.wait(23 * HOUR)
    story.then(Ticked())
    assert story.letter.occasion == "in_progress"


def test_approval_reminds_hourly_and_ends_after_a_day() -> None:
    story = Story(MAINTENANCE, facts={"title": "x", "impact": "y"})
    story.then(Pressed(MARY, 0))
    story.wait(HOUR)
    assert AskSigners("0", reminder=True) in story.then(Ticked())
    story.wait(23 * HOUR)
    story.then(Ticked())
    assert (story.letter.stage, story.letter.request) == (Stage.DRAFT, None)


def test_what_is_asked_for_later_is_drafted_then_and_once() -> None:
    story = Story(MAINTENANCE)
    later = Drafted(THE_BOT, "success", {}, "week", story.now + 7 * 24 * HOUR)
    story.then(later)
    story.then(later)
    assert len(story.notice.letters) == 1
    story.wait(7 * 24 * HOUR)
    story.then(Ticked())
    story.then(Ticked())
    assert [letter.occasion for letter in story.notice.letters].count("success") == 1
