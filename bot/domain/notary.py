"""The notary: reads the record again and again, and lets its newest end be kept elsewhere.

There is one for an installation. It never writes to the record what it found to be well, so that a
quiet record stays as it is; that the record was altered is written down as everything else is.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.anchors import Anchor
from bot.domain.events import Effect

SAID_AGAIN = timedelta(days=1)
"""An altered record is said again after this time, until it is whole."""

WHAT_TO_DO = (
    "Keep a copy of the database, find out who could write to it, and run `countersign audit "
    "verify` for what can still be trusted."
)


class Care(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured: how often to look, and where anchors go. file: into the file as well."""

    every: timedelta = timedelta(hours=1)
    channel: str = ""
    file: bool = False


class Notary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the record.

    anchored: the newest end that was given away. owed: a new place lacks it still. read_at: when
    the record was last read and whole. broken: what is wrong, "": nothing. told_at: when that was
    last said.
    """

    id: str = "record"
    care: Care = Care()
    anchored: Anchor | None = None
    owed: bool = False
    read_at: datetime | None = None
    broken: str = ""
    told_at: datetime | None = None
    created_at: datetime
    revision: int = 0
    fence: int = 0
    next_check_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> str:
        """whole, broken."""
        return "broken" if self.broken else "whole"


class RecordRead(msgspec.Struct, frozen=True, tag=True):
    """The record was read up to its head, and nothing is wrong with it."""

    head: Anchor


class RecordReading(msgspec.Struct, frozen=True, tag=True):
    """The record is long, and was read as far as this entry: it goes on at once."""

    id: int


class RecordBroken(msgspec.Struct, frozen=True, tag=True):
    """The record is not what it was."""

    problem: str


class RecordUnread(msgspec.Struct, frozen=True, tag=True):
    """It could not be read."""

    reason: str


class AnchorLost(msgspec.Struct, frozen=True, tag=True):
    """An anchor could not be kept. where: in words."""

    where: str
    reason: str


class CareChanged(msgspec.Struct, frozen=True, tag=True):
    """The configuration says it differently now."""

    care: Care


class PostAnchor(Effect, frozen=True):
    """Say the anchor in the channel of anchors."""

    anchor: Anchor
    at: datetime


class FileAnchor(Effect, frozen=True):
    """Add the anchor to the file of anchors."""

    anchor: Anchor
    at: datetime


class SoundAlarm(Effect, frozen=True):
    """Say something where emergencies are said."""

    text: str


NotaryEvent = RecordRead | RecordReading | RecordBroken | RecordUnread | AnchorLost | CareChanged
NotaryEffect = PostAnchor | FileAnchor | SoundAlarm
Decision = tuple[Notary, Sequence[Effect]]

RETRY = timedelta(minutes=1)
"""A record that could not be read is read again so soon."""


def begin(care: Care, now: datetime) -> Decision:
    """A notary that looks at once."""
    return Notary(care=care, created_at=now, next_check_at=now), ()


def decide(notary: Notary, event: NotaryEvent, now: datetime) -> Decision:
    """What follows from what was found."""
    match event:
        case RecordRead():
            return _whole(notary, event.head, now)
        case RecordReading():
            return msgspec.structs.replace(notary, next_check_at=now), ()
        case RecordBroken():
            return _broken(notary, event.problem, now)
        case RecordUnread():
            return msgspec.structs.replace(notary, next_check_at=now + RETRY), ()
        case AnchorLost():
            text = f"An anchor of the record could not be kept in {event.where}: {event.reason}."
            return notary, (SoundAlarm(text),)
        case CareChanged():
            return _changed(notary, event.care, now)


def _whole(notary: Notary, head: Anchor, now: datetime) -> Decision:
    kept = notary.anchored
    seen = msgspec.structs.replace(
        notary, read_at=now, broken="", told_at=None, next_check_at=now + notary.care.every
    )
    again: tuple[Effect, ...] = ()
    if notary.broken:
        again = (SoundAlarm("The record of what happened is whole again, as far as it can tell."),)
    if head.id == 0 or (head == kept and not notary.owed) or not _somewhere(notary.care):
        return seen, again
    kept_now = msgspec.structs.replace(seen, anchored=head, owed=False)
    return kept_now, (*again, *_given(notary.care, head, now))


def _somewhere(care: Care) -> bool:
    return bool(care.channel or care.file)


def _given(care: Care, head: Anchor, now: datetime) -> tuple[Effect, ...]:
    post: tuple[Effect, ...] = (PostAnchor(head, now),) if care.channel else ()
    return (*post, FileAnchor(head, now)) if care.file else post


def _broken(notary: Notary, problem: str, now: datetime) -> Decision:
    """No anchor is given of what can't be trusted."""
    seen = msgspec.structs.replace(notary, broken=problem, next_check_at=now + notary.care.every)
    if notary.told_at is not None and now < notary.told_at + SAID_AGAIN:
        return seen, ()
    text = f"The record of what happened was altered: {problem}. {WHAT_TO_DO}"
    return msgspec.structs.replace(seen, told_at=now), (SoundAlarm(text),)


def _changed(notary: Notary, care: Care, now: datetime) -> Decision:
    """Somewhere new gets the newest anchor at once."""
    if care == notary.care:
        return notary, ()
    moved = (care.channel, care.file) != (notary.care.channel, notary.care.file)
    owed = notary.owed or moved
    return msgspec.structs.replace(notary, care=care, owed=owed, next_check_at=now), ()
