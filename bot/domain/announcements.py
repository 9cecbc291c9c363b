"""How other aggregates ask for words that go out: a draft that waits for a person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from bot.domain.events import Effect


class DraftNotice(Effect, frozen=True, kw_only=True):
    """Draft a notice from what is known; nothing goes out before a person has approved it.

    event: the id of the maintenance or incident that it belongs to. occasion: why it is due, which
    chooses the template (scheduled, in_progress, completed, investigating, resolved, ...). facts:
    values of the template's variables, as text; instants are ISO 8601 with their offset. at: when
    it is drafted, None: now. audience: for whom inside the house, "": for customers. once: a name
    under which it is drafted a single time for this event.
    """

    kind: Literal["maintenance", "incident", "briefing"]
    event: str
    occasion: str
    facts: Mapping[str, str] = msgspec.field(default_factory=dict)
    at: datetime | None = None
    audience: str = ""
    once: str = ""
