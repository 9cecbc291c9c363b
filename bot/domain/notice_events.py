"""What can happen to a notice (past tense), and what it asks to be done (imperative)."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.events import AskSigners, Effect, Page, Ticked, Whisper
from bot.domain.people import Actor

# --- events ---------------------------------------------------------------------------------


class NoticeEvent(msgspec.Struct, frozen=True, tag=True):
    """Something that happened to a notice."""


class Drafted(NoticeEvent, frozen=True):
    """Somebody, or the bot, has a next message to say. at: when it is to be drafted, None: now."""

    actor: Actor
    occasion: str
    facts: Mapping[str, str] = {}
    source: str = ""
    at: datetime | None = None


class Edited(NoticeEvent, frozen=True):
    """Somebody changed what a draft says; "" takes a value away."""

    actor: Actor
    number: int
    facts: Mapping[str, str]


class Pressed(NoticeEvent, frozen=True):
    """Somebody wants a letter out, having seen `digest` ("" for a typed command: the newest)."""

    actor: Actor
    number: int
    digest: str = ""


class SentBack(NoticeEvent, frozen=True):
    """Somebody who was asked to approve wants it changed."""

    actor: Actor
    number: int
    reason: str


class Discarded(NoticeEvent, frozen=True):
    """A draft is not wanted."""

    actor: Actor
    number: int
    reason: str = ""


class Snoozed(NoticeEvent, frozen=True):
    """The next word may come later, this once."""

    actor: Actor
    seconds: float
    reason: str


class Retried(NoticeEvent, frozen=True):
    """Try the destinations again that a letter did not reach."""

    actor: Actor
    number: int


class Found(NoticeEvent, frozen=True):
    """Where a letter goes, or the next part of that.

    places: "publisher language" -> destinations. lost: why not, instead. more: those of which
    others are still to be found.
    """

    number: int
    places: Mapping[str, tuple[str, ...]]
    lost: Mapping[str, str] = {}
    more: tuple[str, ...] = ()


class Reached(NoticeEvent, frozen=True):
    """A destination has it. link: where it is seen."""

    number: int
    by: str
    destination: str
    link: str = ""


class Missed(NoticeEvent, frozen=True):
    """A destination can't be reached."""

    number: int
    by: str
    destination: str
    reason: str


AnyNoticeEvent = (
    Drafted
    | Edited
    | Pressed
    | SentBack
    | Discarded
    | Snoozed
    | Retried
    | Found
    | Reached
    | Missed
    | Ticked
)


# --- effects --------------------------------------------------------------------------------


class ShowLetter(Effect, frozen=True):
    """Post the card of a letter, or bring it up to date."""

    number: int


class TellNotice(Effect, frozen=True):
    """Say something under the card of a letter. broadcast: in the channel too."""

    number: int
    text: str
    broadcast: bool = False


class RemindOwner(Effect, frozen=True):
    """Write to the one who looks after the notice."""

    text: str


class FanOut(Effect, frozen=True):
    """Find out where a letter goes: the next part of it, where it goes to very many."""

    number: int


class Publish(Effect, frozen=True):
    """Publish a letter to one destination. by: "publisher language"."""

    number: int
    by: str
    destination: str


NoticeEffect = (
    ShowLetter | TellNotice | RemindOwner | FanOut | Publish | AskSigners | Whisper | Page
)
