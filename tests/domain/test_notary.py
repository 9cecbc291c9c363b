"""The notary decides what is said of the record, when, and where its ends are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.anchors import Anchor, anchors_in
from bot.domain.notary import (
    AnchorLost,
    Care,
    CareChanged,
    FileAnchor,
    Notary,
    PostAnchor,
    RecordBroken,
    RecordRead,
    RecordReading,
    RecordUnread,
    SoundAlarm,
    begin,
    decide,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND = Anchor(5, "a" * 64), Anchor(9, "b" * 64)
BOTH = Care(channel="C0AUDIT", file=True)


@dataclass
class Told:
    """A notary in the course of hours, and what it asked for last."""

    notary: Notary
    now: datetime = NOON
    asked: tuple[Any, ...] = ()

    def hear(self, event: Any, later: timedelta = HOUR) -> tuple[Any, ...]:
        self.now += later
        self.notary, effects = decide(self.notary, event, self.now)
        return tuple(effects)


def told(care: Care = BOTH) -> Told:
    return Told(begin(care, NOON)[0])


def test_a_new_end_is_kept_in_both_places_and_looked_for_again_after_the_pace() -> None:
    it = told()
    assert it.hear(RecordRead(FIRST)) == (PostAnchor(FIRST, it.now), FileAnchor(FIRST, it.now))
    assert it.notary.next_check_at == it.now + HOUR


def test_an_end_that_was_kept_already_is_not_kept_again() -> None:
    it = told()
    it.hear(RecordRead(FIRST))
    assert it.hear(RecordRead(FIRST)) == ()
    assert it.hear(RecordRead(SECOND)) != ()


def test_of_an_empty_record_there_is_nothing_to_keep() -> None:
    assert told().hear(RecordRead(Anchor(0, "0" * 64))) == ()


def test_without_a_place_the_record_is_read_all_the_same() -> None:
    it = told(Care(every=2 * HOUR))
    assert it.hear(RecordRead(FIRST)) == ()
    assert it.notary.next_check_at == it.now + 2 * HOUR
    assert isinstance(it.hear(RecordBroken("entry 3 was altered"))[0], SoundAlarm)


def test_an_altered_record_is_said_once_a_day_and_gives_no_anchors() -> None:
    it = told()
    (alarm,) = it.hear(RecordBroken("audit entry 3: was altered"))
    assert "altered: audit entry 3" in alarm.text
    assert "audit verify" in alarm.text
    assert it.notary.state == "broken"
    assert [it.hear(RecordBroken("audit entry 3: was altered")) for _ in range(23)] == [()] * 23
    assert len(it.hear(RecordBroken("audit entry 3: was altered"))) == 1


def test_a_record_that_is_whole_again_is_said_and_kept_from_then_on() -> None:
    it = told()
    it.hear(RecordBroken("audit entry 3: was altered"))
    again, post, file = it.hear(RecordRead(FIRST))
    assert "whole again" in again.text
    assert (post, file) == (PostAnchor(FIRST, it.now), FileAnchor(FIRST, it.now))
    assert it.notary.state == "whole"
    assert len(it.hear(RecordBroken("audit entry 4: was altered"))) == 1, (
        "a new one is said at once"
    )


def test_a_record_that_could_not_be_read_is_read_again_soon_and_a_long_one_at_once() -> None:
    it = told()
    assert it.hear(RecordUnread("the database does not answer")) == ()
    assert it.notary.next_check_at == it.now + timedelta(minutes=1)
    assert it.hear(RecordReading(10_000)) == ()
    assert it.notary.next_check_at == it.now


def test_what_could_not_be_read_does_not_make_an_altered_record_whole() -> None:
    it = told()
    it.hear(RecordBroken("audit entry 3: was altered"))
    it.hear(RecordUnread("the database does not answer"))
    it.hear(RecordReading(10_000))
    assert it.notary.state == "broken"


def test_an_anchor_that_could_not_be_kept_is_said() -> None:
    (alarm,) = told().hear(AnchorLost("the file of anchors", "No space left"))
    assert "could not be kept in the file of anchors: No space left" in alarm.text


def test_a_new_place_gets_the_newest_end_and_the_same_configuration_changes_nothing() -> None:
    it = told(Care(channel="C0AUDIT"))
    it.hear(RecordRead(FIRST))
    same = it.notary
    it.hear(CareChanged(Care(channel="C0AUDIT")))
    assert it.notary is same
    it.hear(CareChanged(BOTH))
    assert it.notary.next_check_at == it.now
    assert it.hear(RecordRead(FIRST)) == (PostAnchor(FIRST, it.now), FileAnchor(FIRST, it.now))


def test_anchors_are_found_in_a_file_of_them_and_in_messages() -> None:
    text = f'{{"at": "2026", "anchor": "{FIRST}"}}\nAnchor of the record, 12:00: {SECOND}.\n5:abc'
    assert list(anchors_in(text)) == [FIRST, SECOND]
    assert list(anchors_in(f"x{FIRST}0")) == []
