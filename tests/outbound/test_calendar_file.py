"""The calendar file of a maintenance, read by two libraries that know nothing of ours."""

from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import icalendar
import msgspec
import pytest
import vobject

from bot.domain.addresses import Sender, sender
from bot.domain.secret import Secret
from bot.outbound.calendar_file import CalendarFile, calendar_file
from bot.outbound.mail import Mail, server
from bot.ports import Announcement
from tests.fakes.mailbox import mailbox
from tests.outbound.announced import INCIDENT, MAINTENANCE, NOW, Book, later

ACME = sender("Acme, Inc. <status@acme.example>")
MOVED = later(
    MAINTENANCE,
    1,
    "rescheduled",
    starts_at=datetime(2026, 3, 4, 23, 30, tzinfo=UTC),
    ends_at=datetime(2026, 3, 5, 0, 30, tzinfo=UTC),
)
CANCELLED = later(MOVED, 2, "cancelled")


def made(said: Announcement, who: Sender = ACME) -> CalendarFile:
    found = calendar_file(said, who, NOW)
    assert found is not None
    return found


def entry(said: Announcement) -> Any:
    """The entry as vobject reads and validates it."""
    calendar = vobject.readOne(made(said).content.decode())
    assert calendar.validate(raiseException=True)
    return calendar.vevent


def told(said: Announcement) -> dict[str, str]:
    """The lines of the file, unfolded."""
    text = made(said).content.decode().replace("\r\n ", "")
    return dict(line.split(":", 1) for line in text.splitlines())


def test_a_maintenance_is_published_in_utc_for_calendars_of_every_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    said = msgspec.structs.replace(
        MAINTENANCE, starts_at=datetime(2026, 3, 3, 10, 0, tzinfo=berlin)
    )
    lines = told(said)
    assert lines["METHOD"] == "PUBLISH"
    assert lines["DTSTART"] == "20260303T090000Z"
    assert lines["DTEND"] == "20260303T100000Z"
    assert lines["DTSTAMP"] == "20260302T170000Z"
    assert lines["STATUS"] == "CONFIRMED"
    assert lines["TRANSP"] == "TRANSPARENT"
    assert lines['ORGANIZER;CN="Acme, Inc."'] == "mailto:status@acme.example"
    assert "ATTENDEE" not in made(said).content.decode()


def test_a_second_library_reads_what_the_first_one_wrote() -> None:
    found = entry(MAINTENANCE)
    assert found.summary.value == MAINTENANCE.title
    assert found.description.value == MAINTENANCE.text.rstrip("\n")
    assert found.dtstart.value == MAINTENANCE.starts_at
    assert found.dtend.value == MAINTENANCE.ends_at


def test_rescheduling_moves_the_same_entry_and_counts_one_up() -> None:
    first, moved = entry(MAINTENANCE), entry(MOVED)
    assert first.uid.value == moved.uid.value
    assert (first.sequence.value, moved.sequence.value) == ("0", "1")
    assert moved.dtstart.value == MOVED.starts_at
    assert moved.dtend.value == MOVED.ends_at


def test_cancelling_takes_the_entry_away() -> None:
    lines = told(CANCELLED)
    assert made(CANCELLED).method == lines["METHOD"] == "CANCEL"
    assert lines["STATUS"] == "CANCELLED"
    assert lines["SEQUENCE"] == "2"
    assert lines["UID"] == told(MAINTENANCE)["UID"]
    assert entry(CANCELLED).status.value == "CANCELLED"


def test_two_maintenances_are_two_entries() -> None:
    other = msgspec.structs.replace(MAINTENANCE, event="mtn-8")
    assert told(other)["UID"] != told(MAINTENANCE)["UID"]


WITHOUT = [
    *(later(MAINTENANCE, 1, status) for status in ("in_progress", "verifying", "completed")),
    INCIDENT,
    msgspec.structs.replace(MAINTENANCE, starts_at=None),
]


@pytest.mark.parametrize("said", WITHOUT, ids=lambda said: f"{said.kind} {said.status}")
def test_what_changes_no_entry_comes_without_a_file(said: Announcement) -> None:
    assert calendar_file(said, ACME, NOW) is None


@pytest.mark.parametrize("end", ["\r\n", "\n", "\x00", "\x85", "\u2028"])
def test_words_of_people_cannot_become_lines_of_the_file(end: str) -> None:
    words = f"Moving; a, b\\n{end}ATTENDEE:mailto:eve@example.com{end}END:VEVENT"
    said = msgspec.structs.replace(MAINTENANCE, title=words, text=words)
    calendar = icalendar.Calendar.from_ical(made(said).content)
    (found,) = calendar.walk("VEVENT")
    assert "attendee" not in found
    assert str(found["summary"]) == words.replace(end, " " * len(end))
    lines = made(said).content.splitlines()
    assert not any(line.startswith((b"ATTENDEE", b"END:VEVENT")) for line in lines[:-2])


def test_lines_are_as_long_as_calendars_read_them() -> None:
    said = msgspec.structs.replace(MAINTENANCE, title="Umzug größer " * 40)
    assert max(map(len, made(said).content.split(b"\r\n"))) <= 75
    assert entry(said).summary.value == said.title


async def test_the_file_comes_with_the_mail_and_says_what_to_do_with_it(tmp_path: Path) -> None:
    async with mailbox() as box:
        mail = Mail(
            server(Secret(box.url)),
            ACME,
            listed=None,
            book=Book(),
            link=lambda *_: "",
            now=lambda: NOW,
        )
        for said in (MAINTENANCE, CANCELLED):
            await mail.publish(said, "ada@example.com", f"k{said.sequence}")
    for letter, said in zip(box.letters, (MAINTENANCE, CANCELLED), strict=True):
        (file,) = letter.iter_attachments()
        assert isinstance(file, EmailMessage)
        assert file.get_content_type() == "text/calendar"
        assert file["Content-Type"].params["method"] == made(said).method
        assert file.get_filename() == "maintenance.ics"
        assert file.get_payload(decode=True) == made(said).content
        assert letter.get_content_type() == "multipart/mixed"
        body = letter.get_body(("plain",))
        assert body is not None
        assert body.get_content().splitlines()[0] == said.text.splitlines()[0]
