"""How a notice goes on: the one transition, pure. What it says is made by what `Writing` hands in.

A letter is written by one person, or by the bot from what it knows, and goes out when somebody else
says so, having seen these very words: the approval is bound to their digest, and a change voids it.
"""

from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from bot.domain.events import Effect, Ticked
from bot.domain.notice import OVER, Later, Letter, Notice, Stage, Status, Writing
from bot.domain.notice_approving import anew, closed_words, pressed, sent_back, whisper
from bot.domain.notice_clock import due_moments, first_due, next_due, overdue, reviews, wake
from bot.domain.notice_course import OCCASIONS, refusal
from bot.domain.notice_events import (
    AnyNoticeEvent,
    Discarded,
    Drafted,
    Edited,
    Found,
    Missed,
    Pressed,
    Reached,
    Retried,
    SentBack,
    ShowLetter,
    Snoozed,
    TellNotice,
)
from bot.domain.notice_facts import facts_of, write
from bot.domain.notice_sending import (
    Decision,
    discarded,
    found,
    missed,
    reached,
    retried,
    with_letter,
)
from bot.domain.people import THE_BOT, Actor
from bot.domain.units import format_duration

LONGEST_SNOOZE = timedelta(hours=24)


def begin(notice: Notice, event: Drafted, now: datetime, writing: Writing) -> Decision:
    """A notice about something that has just been noticed or planned, with its first message."""
    due = msgspec.structs.replace(notice, due_at=first_due(notice, writing.cadences))
    first, effects = _drafted(due, event, now, writing)
    return planned(first), effects


def decide(notice: Notice, event: AnyNoticeEvent, now: datetime, writing: Writing) -> Decision:
    """The notice after an event, and what is to be done about it."""
    after, effects = _decided(notice, event, now, writing)
    if after == notice:
        return notice, effects
    return planned(_ended(after, now)), effects


def planned(notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, next_check_at=wake(notice))


def _ended(notice: Notice, now: datetime) -> Notice:
    """It is over when customers know the end, or hear nothing of it, and nothing is under way."""
    settled = all(
        letter.stage not in {Stage.APPROVED, Stage.PUBLISHING} for letter in notice.letters
    )
    unsaid = notice.status is Status.NONE and not notice.later and bool(notice.letters)
    put_away = unsaid and not any(letter.open for letter in notice.letters)
    over = settled and (notice.status in OVER or put_away)
    return msgspec.structs.replace(notice, ended_at=(notice.ended_at or now) if over else None)


def _decided(notice: Notice, event: AnyNoticeEvent, now: datetime, writing: Writing) -> Decision:
    match event:
        case Drafted():
            return _drafted(notice, event, now, writing)
        case Edited():
            return _edited(notice, event, now, writing)
        case Pressed():
            return pressed(notice, event, now, writing)
        case SentBack():
            return sent_back(notice, event)
        case Discarded():
            return _or_whisper(event.actor, *discarded(notice, event))
        case Retried():
            return _or_whisper(event.actor, *retried(notice, event))
        case Snoozed():
            return _snoozed(notice, event, now)
        case Found():
            return found(notice, event, now)
        case Reached():
            return reached(notice, event, now)
        case Missed():
            return missed(notice, event, now)
        case Ticked():
            return _ticked(notice, now, writing)
        case _:
            assert_never(event)


def _or_whisper(
    actor: Actor, notice: Notice, effects: tuple[Effect, ...], refused: str
) -> Decision:
    return whisper(notice, actor, refused) if refused else (notice, effects)


# --- writing --------------------------------------------------------------------------------


def _drafted(notice: Notice, event: Drafted, now: datetime, writing: Writing) -> Decision:
    """One more message. The same source asks for the same message once."""
    known = {letter.source for letter in notice.letters} | {each.source for each in notice.later}
    if event.source and event.source in known:
        return notice, ()
    if event.at is not None and event.at > now:
        later = Later(at=event.at, occasion=event.occasion, facts=event.facts, source=event.source)
        return msgspec.structs.replace(notice, later=(*notice.later, later)), ()
    refused = refusal(notice.kind, _reached(notice, event.occasion), event.occasion)
    if refused is not None:
        return whisper(notice, event.actor, refused)
    letter = _blank(notice, event, now, writing)
    more = msgspec.structs.replace(notice, letters=(*notice.letters, letter))
    written = write(more, letter, writing)
    return with_letter(more, written), (ShowLetter(letter.number),)


def _reached(notice: Notice, occasion: str) -> Status:
    """Where the notice will stand, should what is drafted so far go out before this one."""
    status = notice.status
    allowed = OCCASIONS[occasion].after if occasion in OCCASIONS else frozenset()
    for letter in notice.letters:
        if status not in allowed and letter.open:
            status = OCCASIONS[letter.occasion].reaches(status)
    return status


def _blank(notice: Notice, event: Drafted, now: datetime, writing: Writing) -> Letter:
    occasion = OCCASIONS[event.occasion]
    facts = {**_times(notice, event.occasion, now), **event.facts}
    over = occasion.reaches(notice.status) in OVER
    return Letter(
        number=len(notice.letters),
        occasion=event.occasion,
        template=facts.pop("template", "") or occasion.template,
        facts={name: text for name, text in facts.items() if text},
        authors=(event.actor.person,),
        source=event.source,
        drafted_at=now,
        promised_at=None if over else next_due(notice, writing.cadences, now),
    )


def _times(notice: Notice, occasion: str, now: datetime) -> dict[str, str]:
    """What drafting a message says by itself: when it happened, and what had been planned."""
    if occasion == "resolved" and "restored_at" not in notice.facts:
        return {"restored_at": now.isoformat()}
    if occasion == "rescheduled":
        before = {f"previous_{n}": notice.facts.get(n, "") for n in ("starts_at", "ends_at")}
        return {name: text for name, text in before.items() if text}
    return {}


def _edited(notice: Notice, event: Edited, now: datetime, writing: Writing) -> Decision:
    """Changed words are new words: whoever approved the old ones has approved nothing."""
    letter = notice.letter(event.number)
    if letter is None or not letter.open:
        return whisper(notice, event.actor, closed_words(letter))
    given = {name: text.strip() for name, text in event.facts.items()}
    known = facts_of(notice, letter, writing)
    if all(known.get(name, "") == text for name, text in given.items()):
        return whisper(notice, event.actor, "Nothing was changed.")
    facts = {**letter.facts, **given}
    authors = tuple(dict.fromkeys((*letter.authors, event.actor.person)))
    changed = anew(
        notice, msgspec.structs.replace(letter, facts=facts, authors=authors), now, writing
    )
    voided = " What was asked for is void." if letter.stage is Stage.REVIEW else ""
    said = TellNotice(letter.number, f"@[{event.actor.person}] changed it.{voided}")
    return with_letter(notice, changed), (ShowLetter(letter.number), said)


# --- time -----------------------------------------------------------------------------------


def _snoozed(notice: Notice, event: Snoozed, now: datetime) -> Decision:
    """This once; what was promised to customers stays as it was said."""
    if notice.due_at is None or notice.status in OVER:
        return whisper(notice, event.actor, "No word is due about this.")
    if not event.reason.strip():
        return whisper(notice, event.actor, "Say why: it is kept.")
    span = min(timedelta(seconds=event.seconds), LONGEST_SNOOZE)
    until = max(now, notice.due_at) + span
    later = msgspec.structs.replace(notice, due_at=until, reminded=0)
    number = len(notice.letters) - 1
    text = (
        f"@[{event.actor.person}] put the next word off by {format_duration(span)}, until "
        f"t[{int(until.timestamp())}]: {event.reason.strip().rstrip('.')}."
    )
    return later, (TellNotice(number, text),)


def _ticked(notice: Notice, now: datetime, writing: Writing) -> Decision:
    """Do what is due, each once."""
    effects: tuple[Effect, ...] = ()
    for step in (reviews, overdue):
        notice, more = step(notice, now)
        effects += more
    for each in notice.later:
        if each.at <= now:
            notice, more = _come(notice, each, now, writing)
            effects += more
    notice, come = due_moments(notice, now)
    for name in come:
        notice, more = _moment(notice, name, now, writing)
        effects += more
    return notice, effects


def _come(notice: Notice, later: Later, now: datetime, writing: Writing) -> Decision:
    """What was put off until now."""
    left = tuple(each for each in notice.later if each != later)
    less = msgspec.structs.replace(notice, later=left)
    drafted, effects = _drafted(
        less, Drafted(THE_BOT, later.occasion, later.facts, later.source), now, writing
    )
    number = len(drafted.letters) - 1
    if drafted.letters == notice.letters:
        return drafted, ()
    text = f"It is time for this word about {notice.title}; it waits for a person."
    return drafted, (*effects, TellNotice(number, text, broadcast=True))


def _moment(notice: Notice, name: str, now: datetime, writing: Writing) -> Decision:
    """The planned time begins, or is over: the next message is drafted, and waits for a person."""
    occasion = "in_progress" if name == "starts_at" else "completed"
    waiting = any(x.open and x.occasion == occasion for x in notice.letters)
    running = notice.status in {Status.IN_PROGRESS, Status.VERIFYING}
    if waiting or running == (name == "starts_at"):
        return notice, ()
    drafted, effects = _drafted(notice, Drafted(THE_BOT, occasion), now, writing)
    letter = drafted.newest
    if letter is None or drafted is notice:
        return notice, ()
    words = "begins now" if name == "starts_at" else "should be over now"
    text = (
        f"{notice.title} {words} as customers were told. This is what they would hear next; "
        "approve it, change it, or say something else."
    )
    return drafted, (*effects, TellNotice(letter.number, text, broadcast=True))
