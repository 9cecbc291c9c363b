"""The calendar file that comes with a notice of maintenance (RFC 5545, RFC 5546).

It is published, not an invitation: nobody is asked to answer. A maintenance keeps its UID, so that
a later file moves the entry or takes it away; its SEQUENCE is the number of the notice, which grows
with each of them. Times are in UTC, and every calendar shows them in its owner's zone.
"""

import hashlib
from datetime import UTC, datetime

import icalendar
import msgspec

from bot.domain.addresses import Sender
from bot.ports import Announcement

PUBLISH, CANCEL = "PUBLISH", "CANCEL"

METHODS = {"scheduled": PUBLISH, "rescheduled": PUBLISH, "cancelled": CANCEL}
"""status of a maintenance -> what a calendar does about it; other notices change no entry."""


class CalendarFile(msgspec.Struct, frozen=True):
    """The file, and what a calendar is to do with it."""

    method: str
    content: bytes


def calendar_file(said: Announcement, organizer: Sender, now: datetime) -> CalendarFile | None:
    """The file for a notice, None when it changes nothing in a calendar. now: aware."""
    method = METHODS.get(said.status)
    if said.kind != "maintenance" or method is None or said.starts_at is None:
        return None
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Countersign//Notices//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    calendar.add_component(_entry(said, organizer, now, method))
    return CalendarFile(method, calendar.to_ical())


def _entry(said: Announcement, organizer: Sender, now: datetime, method: str) -> icalendar.Event:
    entry = icalendar.Event()
    entry.add("uid", uid(said.event, organizer))
    entry.add("sequence", said.sequence)
    entry.add("dtstamp", now.astimezone(UTC))
    assert said.starts_at is not None
    entry.add("dtstart", said.starts_at.astimezone(UTC))
    if said.ends_at is not None:
        entry.add("dtend", said.ends_at.astimezone(UTC))
    entry.add("summary", _printable(said.title))
    entry.add("description", "\n".join(_printable(line) for line in said.text.splitlines()))
    entry.add("organizer", _address(organizer))
    entry.add("status", "CANCELLED" if method == CANCEL else "CONFIRMED")
    entry.add("transp", "TRANSPARENT")
    return entry


def uid(event: str, organizer: Sender) -> str:
    """The name of a maintenance in every calendar, the same for all of its notices."""
    return f"{hashlib.sha256(event.encode()).hexdigest()[:32]}@{organizer.domain}"


def _address(organizer: Sender) -> icalendar.vCalAddress:
    address = icalendar.vCalAddress(f"mailto:{organizer.address}")
    if organizer.name:
        address.params["CN"] = organizer.name
    return address


def _printable(text: str) -> str:
    """Text of a calendar has no control characters (RFC 5545, 3.3.11)."""
    return "".join(c if c.isprintable() else " " for c in text)
