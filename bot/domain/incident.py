"""An incident as one value, what can happen to it, and what it asks to be done.

`bot.domain.incidents` says how it goes on. Its timeline only grows: there is no event that changes
or removes an entry, and each entry is in the audit as well.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from bot.domain.announcements import DraftNotice
from bot.domain.events import Effect, Page, Ticked, Whisper
from bot.domain.incident_rules import Rules
from bot.domain.incident_terms import Severity
from bot.domain.people import Actor
from bot.domain.response import StepState

COMMANDER = "commander"
ROLES = (COMMANDER, "communications", "scribe", "operations", "liaison")
"""Parts that people take in an incident; the commander decides."""

Origin = Literal["person", "rollback", "alert"]
Paging = Literal["trigger", "acknowledge", "resolve"]


class State(StrEnum):
    """Where an incident stands. closed: nothing is left to be done about it."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"


OPEN = frozenset({State.INVESTIGATING, State.IDENTIFIED, State.MONITORING})


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the timeline. at: when it happened; noted_at: when it was written down, where
    that is later. who: a person, "" for the bot."""

    at: datetime
    text: str
    who: str = ""
    noted_at: datetime | None = None


class ActionItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something to be done so that it does not happen again. remind_at: when its owner hears of it
    next."""

    number: int
    text: str
    owner: str
    due_at: datetime
    remind_at: datetime | None = None
    done_at: datetime | None = None
    done_by: str = ""
    note: str = ""


class PostMortem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The post-mortem. due_at: None where none is asked for. text: the draft, or what people made
    of it. elsewhere: a clock of the release's plan says when it is late."""

    due_at: datetime | None = None
    text: str = ""
    drafted_at: datetime | None = None
    late_at: datetime | None = None
    published_at: datetime | None = None
    published_by: str = ""
    link: str = ""
    elsewhere: bool = False


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One incident.

    origin: what opened it. about: the id of that, such as an alert's fingerprint. version,
    rollout_id: of the release that it came with. began_at: when it began to be bad, as far as
    known. called: how many of the escalation have been called. ack_due_at: when the next is.
    update_due_at: when people should hear of it again. fixed_at: when the traffic was back. roles:
    part -> person. steps: of the runbook. ticket, ticket_link: of the ticket. said: the newest word
    on how it stands, said_at. affected: who notices it, as people put it. logs: see
    `bot.domain.log_links`. dashboards: name -> address.
    """

    id: str
    service: str
    environment: str
    title: str
    severity: Severity
    state: State = State.INVESTIGATING
    origin: Origin = "person"
    about: str = ""
    version: str = ""
    previous: str = ""
    rollout_id: str = ""
    channel: str = ""
    declared_by: Actor
    began_at: datetime
    created_at: datetime
    rules: Rules = Rules()
    roles: Mapping[str, str] = {}
    said: str = ""
    said_at: datetime | None = None
    called: int = 0
    ack_due_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    update_due_at: datetime | None = None
    fixed_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolution: str = ""
    timeline: tuple[Entry, ...] = ()
    runbook: str = ""
    steps: tuple[StepState, ...] = ()
    links: tuple[str, ...] = ()
    affected: str = ""
    logs: str = ""
    dashboards: Mapping[str, str] = {}
    ticket: str = ""
    ticket_link: str = ""
    actions: tuple[ActionItem, ...] = ()
    post_mortem: PostMortem = PostMortem()
    revision: int = 0
    fence: int = 0
    next_check_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it still has to be dealt with."""
        return self.state in OPEN

    @property
    def commander(self) -> str:
        """Who leads it, "" while nobody does."""
        return self.roles.get(COMMANDER, "")

    @property
    def open_actions(self) -> tuple[ActionItem, ...]:
        """What is still to be done."""
        return tuple(item for item in self.actions if item.done_at is None)


# --- events ---------------------------------------------------------------------------------


class IncidentEvent(msgspec.Struct, frozen=True, tag=True):
    """Something that happened to an incident."""


class Acknowledged(IncidentEvent, frozen=True):
    """Somebody has seen it and takes care."""

    actor: Actor
    note: str = ""


class Updated(IncidentEvent, frozen=True):
    """How it stands now. state, severity: "" leaves them. later: seconds until the next word."""

    actor: Actor
    text: str = ""
    state: str = ""
    severity: str = ""
    later: float = 0.0


class RoleTaken(IncidentEvent, frozen=True):
    """Somebody takes a part, or gives it to another person."""

    actor: Actor
    role: str
    person: str


class Noted(IncidentEvent, frozen=True):
    """A person adds to the timeline. at: when it happened, None: now. link: where more is."""

    actor: Actor
    text: str
    at: datetime | None = None
    link: str = ""


class Captured(IncidentEvent, frozen=True):
    """The bot adds to the timeline what happened by itself. fixed: that has mended it."""

    text: str
    at: datetime
    fixed: bool = False


class Resolved(IncidentEvent, frozen=True):
    """It is over for those who use the service."""

    actor: Actor
    text: str = ""


class Reopened(IncidentEvent, frozen=True):
    """It was not over."""

    actor: Actor
    text: str = ""


class StepTicked(IncidentEvent, frozen=True):
    """A step of the runbook is done. step: its number from 0."""

    actor: Actor
    step: int
    evidence: str = ""


class RunbookChosen(IncidentEvent, frozen=True):
    """Another runbook is followed from now on."""

    actor: Actor
    name: str
    steps: tuple[str, ...]


class Drafted(IncidentEvent, frozen=True):
    """The post-mortem has been written as far as the bot knows."""

    text: str


class DraftAsked(IncidentEvent, frozen=True):
    """Somebody wants the draft written anew."""

    actor: Actor


class Published(IncidentEvent, frozen=True):
    """The post-mortem was held and can be read. link: where; text: what was learnt."""

    actor: Actor
    link: str = ""
    text: str = ""


class ActionAdded(IncidentEvent, frozen=True):
    actor: Actor
    text: str
    owner: str
    due_at: datetime


class ActionDone(IncidentEvent, frozen=True):
    actor: Actor
    number: int
    note: str = ""


class Waited(IncidentEvent, frozen=True):
    """A clock has run out. told: customers are told of it, and that notice's clock reminds."""

    told: bool = False


class TicketOpened(IncidentEvent, frozen=True):
    """There is a ticket. reference: its name; link: where it is."""

    reference: str
    link: str = ""


AnyIncidentEvent = (
    Acknowledged
    | Updated
    | RoleTaken
    | Noted
    | Captured
    | Resolved
    | Reopened
    | StepTicked
    | RunbookChosen
    | Drafted
    | DraftAsked
    | Published
    | ActionAdded
    | ActionDone
    | TicketOpened
    | Waited
    | Ticked
)


# --- effects --------------------------------------------------------------------------------


class ShowIncident(Effect, frozen=True):
    """Post the card, or bring it up to date."""


class ShowRunbook(Effect, frozen=True):
    """Post the steps of the runbook under the card, or bring them up to date."""


class TellIncident(Effect, frozen=True):
    """Say something under the card. broadcast: in the channel too."""

    text: str
    broadcast: bool = False


class TellRelease(Effect, frozen=True):
    """Say something under the card of the release that it came with."""

    text: str


class CallOut(Effect, frozen=True):
    """Write to a person, or to everybody who holds a role, that they are needed."""

    whom: str
    text: str


class PageOut(Effect, frozen=True):
    """Tell the pager. do: what becomes of the page that this incident has there."""

    do: Paging
    text: str = ""


class OpenTicket(Effect, frozen=True):
    """See that there is a ticket, where tickets are configured."""


class CloseTicket(Effect, frozen=True):
    """Say in the ticket how it ended."""

    text: str


class ReportIncident(Effect, frozen=True):
    """Let releases know that it is open, or over: plans count incidents."""

    open: bool
    severity: Severity


class DraftPostMortem(Effect, frozen=True):
    """Write the post-mortem from what was recorded."""


class ShowPicture(Effect, frozen=True):
    """Post the picture of its release under the card, where pictures can be shown."""


class PostMortemDone(Effect, frozen=True):
    """The clock of the release's plan for the post-mortem stops."""

    actor: Actor


class ShowPostMortem(Effect, frozen=True):
    """Post the draft under the card."""


IncidentEffect = (
    ShowIncident
    | ShowRunbook
    | TellIncident
    | TellRelease
    | CallOut
    | PageOut
    | OpenTicket
    | CloseTicket
    | ReportIncident
    | DraftPostMortem
    | PostMortemDone
    | ShowPicture
    | ShowPostMortem
    | DraftNotice
    | Page
    | Whisper
)
