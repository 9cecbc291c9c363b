"""What incidents are handled by: the rules, the runbooks, those outside, and how they are shown."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from bot.domain.incident import Incident
from bot.domain.incident_rules import IncidentsDocument
from bot.domain.runbooks import Runbooks
from bot.ports import Message, Pager, Tickets


class IncidentPresenter(Protocol):
    """From incidents to messages: pure functions, no I/O."""

    def card(self, incident: Incident, now: datetime) -> Message:
        """The one living message of an incident."""
        ...

    def runbook(self, incident: Incident) -> Message:
        """Its steps; the engine puts it under the card."""
        ...

    def post_mortem(self, incident: Incident) -> Message:
        """The draft; the engine puts it under the card."""
        ...

    def line(self, text: str) -> Message:
        """One line of its log."""
        ...

    def call(self, incident: Incident, text: str, channel: str, permalink: str) -> Message:
        """Something that somebody must look at now, in a channel or directly."""
        ...


class Kept(msgspec.Struct, frozen=True):
    """What is known of an incident besides itself, for its post-mortem.

    clocks: how long the parts of its rollback took, "" without one. readings: what its release
    measured last, a line each. picture: what the picture of its release shows, "" where there is
    none; picture_link: where it is.
    """

    clocks: str = ""
    readings: tuple[str, ...] = ()
    picture: str = ""
    picture_link: str = ""


Draft = Callable[[Incident, Kept, datetime], str]
"""Writes a post-mortem: of an incident, from what is known besides, and when."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """By what incidents are handled.

    pager: None where nobody is paged but in the chat. silent_after: see `bot.engine.silent_alerts`.
    release: the slash command for releases.
    """

    rules: IncidentsDocument = IncidentsDocument()
    runbooks: Runbooks = {}
    pager: Pager | None = None
    tickets: Tickets | None = None
    draft: Draft | None = None
    silent_after: timedelta = timedelta(hours=6)
    release: str = "/release"
