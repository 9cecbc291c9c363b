"""Notices to customers: about one maintenance or one incident, from the first word to the last.

A notice is everything that is said about one event. Each message of it is a `Letter`: drafted from
recorded facts, looked at by its author, approved by a second person, and then published to every
destination by itself. Here is what there is; what happens to it is decided in
`bot.domain.notice_decisions`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.approvals import Request
from bot.domain.people import Actor
from bot.domain.plan import Approval, digest_of

MAINTENANCE = "maintenance"
INCIDENT = "incident"
BRIEFING = "briefing"
"""What is said inside the house about a release: to one audience, such as engineering."""


class Status(StrEnum):
    """How far people outside have been told that it is. NONE: they have been told nothing yet."""

    NONE = "none"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


OVER = frozenset({Status.COMPLETED, Status.CANCELLED, Status.RESOLVED})


class Stage(StrEnum):
    """How far a letter is."""

    DRAFT = "draft"
    REVIEW = "review"
    APPROVED = "approved"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


OPEN = frozenset({Stage.DRAFT, Stage.REVIEW})
"""Stages in which a letter can still be changed, because nobody has approved it."""

OUT = frozenset({Stage.APPROVED, Stage.PUBLISHING, Stage.PUBLISHED, Stage.FAILED})
"""Stages of a letter that goes out, or has gone out."""


# --- words ----------------------------------------------------------------------------------


class Words(msgspec.Struct, frozen=True):
    """A message in one language."""

    language: str
    subject: str
    text: str
    html: str = ""


class Problem(msgspec.Struct, frozen=True):
    """What is in the way of publishing. field: the value that has to be filled in or corrected."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


class Rendered(msgspec.Struct, frozen=True):
    """What a template made of its values.

    words: by language, the main one first. fields: the values that it takes, in their order.
    """

    words: tuple[Words, ...] = ()
    problems: tuple[Problem, ...] = ()
    fields: tuple[str, ...] = ()


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a template is filled in with.

    template: its name. values: of its variables; names that end in _at are instants in ISO 8601.
    zones: IANA time zones in which times are told, the main one first. languages: likewise.
    """

    template: str
    values: Mapping[str, str]
    zones: tuple[str, ...]
    languages: tuple[str, ...]


Render = Callable[[Sheet], Rendered]
"""Makes words of a template. It does not raise: what is wrong is among the problems."""


# --- the aggregate --------------------------------------------------------------------------


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of publishing through one publisher in one language.

    total: how many destinations. done: how many it has reached. failed: destination -> why not.
    link: where the newest can be seen. upto: the last destination that was found; more: there may
    be others after it, which have not been looked for yet.
    """

    total: int = 0
    done: int = 0
    failed: Mapping[str, str] = {}
    link: str = ""
    upto: str = ""
    more: bool = False

    @property
    def waiting(self) -> int:
        """How many it is still being tried with."""
        return self.total - self.done - len(self.failed)


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a notice.

    number: of the letter, from 0. sequence: its number among those that went out, from 0; -1 before
    it does. occasion: why it is due, see `bot.domain.notice_course`. template: its words. facts:
    what it says beyond what the notice knows. authors: whoever wrote or changed it. asked_by: the
    author who wants it out. generation: counts its versions. source: what asked for it, so that it
    is asked for once. tallies: by "publisher language". flags: what customers should perhaps not
    see. promised_at: the next update that it promises.
    """

    number: int
    occasion: str
    template: str
    stage: Stage = Stage.DRAFT
    sequence: int = -1
    facts: Mapping[str, str] = {}
    words: tuple[Words, ...] = ()
    problems: tuple[Problem, ...] = ()
    fields: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    generation: int = 1
    digest: str = ""
    request: Request | None = None
    approved_by: tuple[str, ...] = ()
    source: str = ""
    tallies: Mapping[str, Tally] = {}
    promised_at: datetime | None = None
    drafted_at: datetime
    approved_at: datetime | None = None
    published_at: datetime | None = None
    told: str = ""
    note: str = ""

    @property
    def main(self) -> Words:
        """The words in the main language."""
        return self.words[0] if self.words else Words("", "", "")

    @property
    def open(self) -> bool:
        return self.stage in OPEN


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is drafted when its time comes."""

    at: datetime
    occasion: str
    facts: Mapping[str, str] = {}
    source: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is said about one event.

    id: of the maintenance or incident. channel: where the team works on it. facts: values of the
    templates' variables, as text. zones, languages: see `Sheet`. owner: the person who is reminded.
    due_at: when the next word is due; reminded: how often that was said since. told: which moments
    of the maintenance have been acted upon. later: what is drafted when its time comes. audience:
    who hears of it inside the house, "": customers.
    """

    id: str
    kind: str
    service: str = ""
    environment: str = ""
    channel: str = ""
    audience: str = ""
    owner: Actor
    status: Status = Status.NONE
    facts: Mapping[str, str] = {}
    zones: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    letters: tuple[Letter, ...] = ()
    due_at: datetime | None = None
    reminded: int = 0
    told: frozenset[str] = frozenset()
    later: tuple[Later, ...] = ()
    created_at: datetime
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
    fence: int = 0

    @property
    def title(self) -> str:
        return self.facts.get("title", "") or self.id

    @property
    def severity(self) -> str:
        return self.facts.get("severity", "")

    @property
    def newest(self) -> Letter | None:
        return self.letters[-1] if self.letters else None

    def letter(self, number: int) -> Letter | None:
        return self.letters[number] if 0 <= number < len(self.letters) else None

    def instant(self, name: str) -> datetime | None:
        """A fact that is an instant; None when it is not there or can't be read."""
        return instant(self.facts.get(name, ""))


def instant(text: str) -> datetime | None:
    """An instant of a fact; None when there is none, or none that says its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def digest(notice: Notice, letter: Letter) -> str:
    """What an approval is bound to: everything that goes out."""
    return digest_of(
        {
            "purpose": "notice",
            "notice": notice.id,
            "number": letter.number,
            "generation": letter.generation,
            "occasion": letter.occasion,
            "words": [msgspec.to_builtins(words) for words in letter.words],
            "facts": dict(sorted({**notice.facts, **letter.facts}.items())),
        }
    )


# --- what the deciders are handed -----------------------------------------------------------


class Cadence(msgspec.Struct, frozen=True):
    """How often people outside hear of an incident.

    first: until the first word. second: until the next one. every: from then on, for the time
    `busy` since it began; later: after that.
    """

    first: timedelta
    second: timedelta
    every: timedelta
    busy: timedelta
    later: timedelta


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """What a house says about its notices.

    render: see there. rule: who approves. cadences: by severity. known: facts that are always the
    same (support, status_page). hosts: names that customers may see. audiences: inside the house,
    those of which it is said how they are reached.
    """

    render: Render
    rule: Approval
    cadences: Mapping[str, Cadence]
    known: Mapping[str, str] = {}
    hosts: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
