"""A standup as one value, what happens to it and what it asks for.

`bot.domain.standup` says how it goes on.
"""

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.events import Effect, Ticked, Whisper
from bot.domain.evidence import Verdict
from bot.domain.people import Actor

SECTIONS = ("health", "issues", "decision", "next_actions")
"""What a plan's `agenda` can name."""


class Choice(StrEnum):
    """What can be decided, by the names that plans use."""

    CONTINUE = "continue"
    NEXT_WAVE = "next_wave"
    PAUSE = "pause"
    ROLLBACK = "rollback"


CHOICES = tuple(Choice)
DECIDED = {
    Choice.CONTINUE: "stay with this wave",
    Choice.NEXT_WAVE: "go on to the next wave",
    Choice.PAUSE: "pause and look into it",
    Choice.ROLLBACK: "roll back",
}
"""Each choice in words, as in "ada decided to pause and look into it"."""


# --- what it says ---------------------------------------------------------------------------


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is measured.

    id: of the gate, or the metric's name where no gate asks for it. text: what is asked for. shown:
    the value in words. value: in base units. baseline, before: the value of the old version, and
    that of the wave before, in words. yesterday: of the standup a day ago. trend: up, down, same,
    "" when there is nothing to compare with. verdict: None for what no gate asks for. course: over
    the present wave.
    """

    id: str
    text: str
    shown: str
    value: float | None = None
    verdict: Verdict | None = None
    baseline: str = ""
    before: str = ""
    yesterday: str = ""
    trend: str = ""
    course: tuple[float | None, ...] = ()
    limit: float | None = None


class Issue(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that went wrong. cause, fix: "" where nobody said so. over: it is dealt with."""

    at: datetime
    what: str
    cause: str = ""
    fix: str = ""
    over: bool = False
    id: str = ""


class Decision(msgspec.Struct, frozen=True):
    """Who decided what, when and why."""

    choice: Choice
    person: str
    at: datetime
    reason: str


class Topic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One release that a standup is about, as it was then.

    wave: its number from 1. duties: what each team looks at. dashboards: what is shown where.
    offered: what can be decided. closed: why nothing is left to decide, "" while there is.
    """

    rollout_id: str
    service: str
    environment: str
    version: str
    where: str
    weight: float = 0.0
    values: tuple[Value, ...] = ()
    alerts: tuple[str, ...] = ()
    people_say: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    focus: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    dashboards: tuple[str, ...] = ()
    offered: tuple[Choice, ...] = CHOICES
    decision: Decision | None = None
    closed: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody still has to decide."""
        return bool(self.offered) and self.decision is None and not self.closed


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done. number: by which it is named, for as long as it is carried over.

    owner: who does it, "" for nobody yet. since: when it was first written down. dropped: it was
    closed without being done.
    """

    number: int
    text: str
    owner: str = ""
    by: str
    since: datetime
    done_by: str = ""
    done_at: datetime | None = None
    dropped: bool = False

    @property
    def open(self) -> bool:
        return self.done_at is None


class Standup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One standup.

    series: which one of those that come again. plan: whose releases it is about. slot: the local
    time it was held for, "" when somebody asked for it. attendees: roles. agenda: which parts it
    has. topics: the releases under way. shipped, waits, planned: in words, for a day without one.
    dora, weekly: the figures in lines; weekly: the report that is posted once a week. next_at:
    when the next one is. reminded: how often those who are silent were reminded. next_check_at:
    when they are again. numbers: the highest number of an action so far.
    """

    id: str
    series: str
    channel: str
    plan: str
    zone: str = "UTC"
    slot: str = ""
    attendees: tuple[str, ...] = ()
    agenda: tuple[str, ...] = SECTIONS
    topics: tuple[Topic, ...] = ()
    issues: tuple[Issue, ...] = ()
    shipped: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    dora: tuple[str, ...] = ()
    weekly: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    numbers: int = 0
    next_at: datetime | None = None
    asked_by: str = ""
    reminded: int = 0
    created_at: datetime
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
    fence: int = 0

    @property
    def phase(self) -> str:
        """open (until the next one begins), over."""
        return "open" if self.ended_at is None else "over"

    @property
    def held_for(self) -> datetime:
        """The time that it was meant for."""
        if not self.slot:
            return self.created_at
        return datetime.fromisoformat(self.slot).replace(tzinfo=ZoneInfo(self.zone))

    @property
    def undecided(self) -> tuple[Topic, ...]:
        return tuple(topic for topic in self.topics if topic.open)

    @property
    def open_actions(self) -> tuple[Action, ...]:
        return tuple(action for action in self.actions if action.open)

    def topic(self, rollout_id: str) -> Topic | None:
        """What it says about a release."""
        return next((each for each in self.topics if each.rollout_id == rollout_id), None)


# --- what happens to it ---------------------------------------------------------------------


class StandupEvent(msgspec.Struct, frozen=True, tag=True):
    """Something that happened to a standup."""


class ChoiceMade(StandupEvent, frozen=True):
    """Somebody decided, and it has been done."""

    actor: Actor
    rollout_id: str
    choice: Choice
    reason: str


class TopicClosed(StandupEvent, frozen=True):
    """Nothing is left to decide about a release."""

    rollout_id: str
    why: str


class ActionAdded(StandupEvent, frozen=True):
    """Something more has to be done. owner: a person, "" for nobody yet."""

    actor: Actor
    text: str
    owner: str = ""


class ActionClosed(StandupEvent, frozen=True):
    """An action is done, or given up."""

    actor: Actor
    number: int
    dropped: bool = False


class Superseded(StandupEvent, frozen=True):
    """The next standup has begun."""

    by: str


AnyStandupEvent = ChoiceMade | TopicClosed | ActionAdded | ActionClosed | Superseded | Ticked


# --- what it asks for -----------------------------------------------------------------------


class ShowStandup(Effect, frozen=True):
    """Post it, or bring its message up to date."""


class TellStandup(Effect, frozen=True):
    """Say something under it."""

    text: str


class RemindDeciders(Effect, frozen=True):
    """Remind those who have not decided."""


class PostWeekly(Effect, frozen=True):
    """Post the report of the week."""


StandupEffect = ShowStandup | TellStandup | RemindDeciders | PostWeekly | Whisper
