"""Chores: what people are reminded of until one of them says that it is done.

A chore that comes round has one round after the other: it is asked at its time, said again while
nobody has done it, and when the next round comes the one before is over whether it was done or not.
A chore without a rule is asked once, such as a checklist that is due before a planned release.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.events import Effect, Ticked, Whisper
from bot.domain.people import Actor
from bot.domain.recurring import Rule, newest_before, next_after
from bot.domain.units import format_duration

DOUBLINGS = 3
"""Reminders come less and less often, down to an eighth of the first pace."""


class Chore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One chore.

    by: roles that may tick it; none means any. rule: None when it is asked once. due_at: when the
    round that is open was due, else when the next is. round: how many were asked. asked_at: since
    when the present one is open, None: it is not. rollout_id: the release that it belongs to, ""
    for none. missed: how many rounds in a row nobody did. check: what ticks it by itself; tried: it
    has been run in this round. follows: what it is done by, where nobody ticks it.
    """

    id: str
    text: str
    channel: str = ""
    service: str = ""
    environment: str = ""
    by: tuple[str, ...] = ()
    rule: Rule | None = None
    remind: timedelta = timedelta(days=1)
    check: str = ""
    follows: str = ""
    rollout_id: str = ""
    version: str = ""
    artifact: str = ""
    due_at: datetime
    round: int = 0
    asked_at: datetime | None = None
    reminded_at: datetime | None = None
    reminders: int = 0
    missed: int = 0
    tried: str = ""
    done_by: str = ""
    done_at: datetime | None = None
    note: str = ""
    over: str = ""
    created_at: datetime
    revision: int = 0
    fence: int = 0
    next_check_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> str:
        """waiting, open, done, over."""
        if self.ended_at is not None:
            return "over" if self.over else "done"
        return "open" if self.asked_at is not None else "waiting"


class ChoreDone(msgspec.Struct, frozen=True, tag=True):
    """Somebody says that it is done, or its check does. round: which was seen, 0: the present."""

    actor: Actor
    note: str = ""
    round: int = 0


class ChoreTried(msgspec.Struct, frozen=True, tag=True):
    """Its check says no, or can't be run: people are asked."""

    words: str


class ChoreChanged(msgspec.Struct, frozen=True, tag=True):
    """The configuration has it in this form now."""

    chore: Chore


class ChoreDropped(msgspec.Struct, frozen=True, tag=True):
    """Nobody has to do it any more."""

    why: str


class ShowChore(Effect, frozen=True):
    """Post a round of it, or bring that message up to date."""

    round: int


class TellChore(Effect, frozen=True):
    """Say something under the message of a round. broadcast: in the channel too."""

    text: str
    broadcast: bool = False


class TryChore(Effect, frozen=True):
    """Run its check."""

    check: str


ChoreEvent = Ticked | ChoreDone | ChoreTried | ChoreChanged | ChoreDropped
ChoreEffect = ShowChore | TellChore | TryChore | Whisper
Decision = tuple[Chore, Sequence[Effect]]


def begin(chore: Chore) -> Decision:
    """A chore that waits for its time."""
    return msgspec.structs.replace(chore, next_check_at=chore.due_at), ()


def decide(chore: Chore, event: ChoreEvent, now: datetime) -> Decision:
    """How a chore goes on."""
    match event:
        case Ticked():
            return _looked_at(chore, now)
        case ChoreDone():
            return _done(chore, event, now)
        case ChoreTried():
            return _tried(chore, event)
        case ChoreChanged():
            return _changed(chore, event.chore, now)
        case ChoreDropped():
            return _dropped(chore, event.why, now)


def _looked_at(chore: Chore, now: datetime) -> Decision:
    if chore.ended_at is not None:
        return chore, ()
    coming = _coming(chore)
    if coming is not None and now >= coming:
        return _ask(chore, coming, now)
    if chore.asked_at is not None and now >= _reminder(chore):
        return _remind(chore, now)
    return chore, ()


def _coming(chore: Chore) -> datetime | None:
    """When the next round comes; None for one that is asked once and is asked already."""
    if chore.asked_at is None:
        return chore.due_at
    return next_after(chore.rule, chore.due_at) if chore.rule is not None else None


def _ask(chore: Chore, at: datetime, now: datetime) -> Decision:
    """A round begins. Of several that were missed in an outage the newest is asked."""
    due = newest_before(chore.rule, at, now) if chore.rule is not None else at
    missed = chore.missed + 1 if chore.asked_at is not None else chore.missed
    asked = _planned(
        msgspec.structs.replace(
            chore,
            due_at=due,
            round=chore.round + 1,
            asked_at=now,
            reminded_at=now,
            reminders=0,
            missed=missed,
            tried="",
        )
    )
    before: tuple[Effect, ...] = (ShowChore(chore.round),) if chore.asked_at is not None else ()
    if chore.check:
        return asked, (*before, TryChore(chore.check))
    return asked, (*before, ShowChore(asked.round))


def _tried(chore: Chore, event: ChoreTried) -> Decision:
    if chore.asked_at is None or chore.ended_at is not None:
        return chore, ()
    return msgspec.structs.replace(chore, tried=event.words), (ShowChore(chore.round),)


def _remind(chore: Chore, now: datetime) -> Decision:
    again = _planned(msgspec.structs.replace(chore, reminded_at=now, reminders=chore.reminders + 1))
    since = format_duration(now - chore.due_at)
    text = f"Still to be done, for {since}: {chore.text} ({whom(chore)})"
    retry: tuple[Effect, ...] = (TryChore(chore.check),) if chore.check else ()
    return again, (ShowChore(chore.round), TellChore(text, broadcast=True), *retry)


def _reminder(chore: Chore) -> datetime:
    pace = chore.remind * (1 << min(chore.reminders, DOUBLINGS))
    return (chore.reminded_at or chore.due_at) + pace


def _planned(chore: Chore) -> Chore:
    """Look again when the next round or the next reminder comes."""
    if chore.ended_at is not None:
        return msgspec.structs.replace(chore, next_check_at=None)
    times = [at for at in (_coming(chore),) if at is not None]
    if chore.asked_at is not None:
        times.append(_reminder(chore))
    return msgspec.structs.replace(chore, next_check_at=min(times))


def _done(chore: Chore, event: ChoreDone, now: datetime) -> Decision:
    refused = _refusal(chore, event)
    if refused:
        return chore, (Whisper(event.actor.user_id, refused),) if event.actor.user_id else ()
    done = msgspec.structs.replace(
        chore, done_by=event.actor.person, done_at=now, note=event.note, missed=0
    )
    seen = event.actor.via != "bot" or chore.tried or chore.follows
    shown = (ShowChore(chore.round),) if seen and chore.asked_at is not None else ()
    if chore.rule is None:
        ended = msgspec.structs.replace(done, ended_at=now, asked_at=None)
        return _planned(ended), shown
    waiting = msgspec.structs.replace(
        done,
        asked_at=None,
        reminded_at=None,
        reminders=0,
        due_at=next_after(chore.rule, max(chore.due_at, now)),
    )
    return _planned(waiting), shown


def _refusal(chore: Chore, event: ChoreDone) -> str:
    if chore.follows and event.actor.via == "bot" and chore.ended_at is None:
        return ""
    if chore.ended_at is not None or chore.asked_at is None:
        who = f" by @[{chore.done_by}]" if chore.done_by else ""
        return f"Nothing is to be done there now; it was ticked{who}." if who else _not_yet(chore)
    if event.round and event.round != chore.round:
        return "That was an earlier round. Tick the newest one."
    if chore.follows and event.actor.via != "bot":
        return f"Nobody ticks this: it is done when {chore.follows}."
    if event.actor.via == "bot" or not chore.by or set(chore.by) & set(event.actor.roles):
        return "" if event.actor.via == "bot" or event.actor.roles else _no_role()
    return f"This is for {' or '.join(chore.by)} to do. Ask one of them."


def _not_yet(chore: Chore) -> str:
    if chore.over:
        return f"It is over: {chore.over}."
    return f"It is not due before t[{int(chore.due_at.timestamp())}]."


def _no_role() -> str:
    return "You hold no role. Ask somebody who does; roles are in the bot's configuration."


def _changed(chore: Chore, new: Chore, now: datetime) -> Decision:
    """The configuration says it differently: what is open stays open, with the new words."""
    ours = {
        name: getattr(new, name)
        for name in ("text", "channel", "service", "environment", "by", "rule", "remind", "check")
    }
    same = all(getattr(chore, name) == value for name, value in ours.items())
    if same and chore.ended_at is None:
        return chore, ()
    changed = msgspec.structs.replace(chore, **ours, ended_at=None, over="")
    if changed.asked_at is None and new.rule is not None:
        changed = msgspec.structs.replace(changed, due_at=next_after(new.rule, now))
    return _planned(changed), ()


def _dropped(chore: Chore, why: str, now: datetime) -> Decision:
    if chore.ended_at is not None:
        return chore, ()
    ended = msgspec.structs.replace(chore, ended_at=now, over=why, asked_at=None)
    return _planned(ended), (ShowChore(chore.round),) if chore.asked_at is not None else ()


def whom(chore: Chore) -> str:
    """Who is asked, in words."""
    return " or ".join(role.replace("_", " ") for role in chore.by) or "anybody with a role"
