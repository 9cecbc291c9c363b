"""The timeline of an incident, which only grows, and how people are turned down."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.events import Effect, Whisper
from bot.domain.incident import Entry, Incident
from bot.domain.people import Actor

Decision = tuple[Incident, Sequence[Effect]]


def note(
    incident: Incident, at: datetime, text: str, who: str = "", noted_at: datetime | None = None
) -> Incident:
    """The incident with one more line. at: when it happened; noted_at: when it is written down."""
    late = noted_at if noted_at is not None and noted_at > at else None
    entry = Entry(at, text, who, late)
    return msgspec.structs.replace(incident, timeline=(*incident.timeline, entry))


def refused(actor: Actor, text: str) -> tuple[Effect, ...]:
    """Tell the one who asked why it is not done."""
    return (Whisper(actor.user_id, text),)
