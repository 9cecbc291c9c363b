"""What happens at an instant after a release: windows open and close, sign-offs fall due.

What has happened is written down by its name in the same unit of work, so that nothing happens
twice, whoever looks and however late.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain import after_words as words
from bot.domain.after_measuring import reset_status, results
from bot.domain.after_plan import REMIND, Group, Signoff, Watch, Window, in_words
from bot.domain.after_state import (
    Aftercare,
    ItemState,
    before_signing,
    item_state,
    pending,
    questions,
    running,
    signed,
    unblocked,
    unsettled,
    waiting_signoffs,
)
from bot.domain.after_steps import Decision, ask, change, did, held_back, show
from bot.domain.events import AskSigners, Effect, Page, PostThread, RefreshHomes, RunCheck
from bot.domain.evidence import Verdict
from bot.domain.people import BOT

DOUBLINGS = 3
"""Reminders come less and less often, at last every eight times as long as at first."""


class Moment(NamedTuple):
    """Something that will happen. what: its name in `Aftercare.done`. text: for people."""

    at: datetime
    what: str
    text: str


def moments(care: Aftercare) -> list[Moment]:
    """Everything that has yet to happen and waits for nothing but its time, in order."""
    return sorted(each for each in _moments(care) if not care.has(each.what))


def _moments(care: Aftercare) -> Iterator[Moment]:
    at, after = care.created_at, care.after
    for window in after.windows:
        name = f"verification {in_words(window.id)}"
        yield Moment(at + window.starts, f"open:{window.id}", name)
        yield Moment(at + window.ends, f"close:{window.id}", f"end of {name}")
    for signoff in after.signoffs:
        name = f"sign-off {in_words(signoff.id)}"
        if unblocked(care, signoff):
            yield Moment(at + signoff.due, f"open:{signoff.id}", name)
        if signoff.until is not None and care.has(f"open:{signoff.id}"):
            yield Moment(at + signoff.until, f"until:{signoff.id}", f"last day of {name}")
    for task in after.tasks:
        yield Moment(at + task.due, f"task:{task.id}", in_words(task.id))
    for watch in after.watches:
        yield Moment(at + watch.span, f"end:{watch.id}", f"end of {in_words(watch.id)}")


def pass_by(care: Aftercare, now: datetime) -> Decision:
    """Let everything happen whose time has come, in order."""
    effects: tuple[Effect, ...] = ()
    while due := [moment for moment in moments(care) if moment.at <= now][:1]:
        care, more = _happens(care, due[0].what, now)
        effects += more
    return care, effects


def _happens(care: Aftercare, what: str, now: datetime) -> Decision:
    kind, _, name = what.partition(":")
    after, done = care.after, did(care, what)
    window = next((each for each in after.windows if each.id == name), None)
    signoff = after.signoff(name)
    match kind:
        case "open" if window is not None:
            return _opens(done, window)
        case "close" if window is not None:
            return _closes(done, window)
        case "open" if signoff is not None:
            return _falls_due(done, signoff, now)
        case "until" if signoff is not None:
            return done, _late(done, signoff)
        case "task":
            return _tasks(done, name)
        case _:
            return _ends(done, next(w for w in after.watches if w.id == name))


def _tasks(care: Aftercare, name: str) -> Decision:
    """What falls due at one instant is said in one breath."""
    first = next(task for task in care.after.tasks if task.id == name)
    together = [task for task in care.after.tasks if task.due == first.due]
    told = did(care, *(f"task:{task.id}" for task in together if task is not first))
    listed = ", ".join(in_words(task.id) for task in together)
    return told, show(f"Due now: {listed}.", broadcast=True)


def _opens(care: Aftercare, window: Window) -> Decision:
    # Two windows never hide behind each other: each is said when its people are needed.
    return care, (*show(words.window_opened(care, window)), *_checks(care, window))


def _closes(care: Aftercare, window: Window) -> Decision:
    left = unsettled(care, window)
    failed = [i for i in left if item_state(care, window, i) is ItemState.FAILED]
    text = words.window_closed(care, window, left)
    measured = [item for item in failed if item.kind != "attest"]
    call = (Page(f"{text}\nRoll back, or find out why."),) if measured else ()
    return care, (*show(text, broadcast=bool(left)), *call, *_checks(care, window, again=True))


def _falls_due(care: Aftercare, signoff: Signoff, now: datetime) -> Decision:
    asked = ask(change(care, results=results(care)), signoff, now)
    text = words.signoff_due(asked, signoff, before_signing(asked, signoff))
    last = signoff is asked.after.signoffs[-1] and asked.results
    table = words.table(asked.results) if last else ""
    effects = show(text, table, broadcast=False)
    return asked, (*effects, AskSigners(signoff.id), *_checks(asked, signoff))


def _late(care: Aftercare, signoff: Signoff) -> tuple[Effect, ...]:
    if signed(care, signoff):
        return ()
    who = words.whom(words.missing(care, signoff))
    return show(f"{words.title(signoff)} was to be given by now, by {who}.", broadcast=True)


def _ends(care: Aftercare, watch: Watch) -> Decision:
    over = change(care, results=results(care))
    text = f"{in_words(watch.id).capitalize()} is over."
    against = held_back(over) if watch in pending(over) else []
    if against:
        listed = "\n".join(f"• {each}" for each in against)
        text += f" It is not {in_words(watch.then)} yet:\n{listed}"
    last = not running(over) and not over.after.signoffs and over.results
    return over, show(text, words.table(over.results) if last else "")


def _checks(care: Aftercare, group: Group, *, again: bool = False) -> tuple[RunCheck, ...]:
    """The commands of a group's checks. again: of those that failed, once more."""
    found = []
    for item in group.items:
        answer = care.answer(item.id)
        failed = answer is not None and not answer.ok and answer.person == BOT
        if item.kind == "check" and (failed if again else answer is None):
            found.append(RunCheck(item.id, item.text))
    return tuple(found)


# --- what comes again and again -------------------------------------------------------------


def next_status(care: Aftercare) -> datetime | None:
    """When the next regular post is due: of the watches under way the shortest sets the pace."""
    watch = _pacing(care)
    if watch is None or watch.every is None:
        return None
    following = (care.posted_at or care.created_at) + watch.every
    return min(following, care.created_at + watch.span)


def _pacing(care: Aftercare) -> Watch | None:
    paced = [watch for watch in running(care) if watch.every is not None]
    return min(paced, key=lambda each: each.span, default=None)


def report(care: Aftercare, now: datetime) -> Decision:
    """The regular post, if it is time for it; after an outage one, not all that were missed.

    It is the one of the instant at which it was due, however late the look: a pace stays a pace.
    """
    at, watch = next_status(care), _pacing(care)
    if at is None or now < at or watch is None or watch.every is None:
        return care, ()
    newest = at + (now - at) // watch.every * watch.every
    due = max(at, min(newest, care.created_at + watch.span))
    known = [care.findings.get(each.id) for each in care.after.standing]
    bad = any(f is not None and f.verdict is Verdict.FAIL for f in known)
    return reset_status(care, due), (PostThread(words.status(care, due), broadcast=bad),)


def remind(care: Aftercare, now: datetime) -> Decision:
    """Say again what waits for people, less and less often; a declined sign-off is decided."""
    items = [item for group, item in questions(care) if _over(care, group) and not item.optional]
    signoffs = [s for s in waiting_signoffs(care) if s.id not in care.declined]
    if not items and not signoffs:
        return change(care, reminded_at=None, reminders=0), ()
    if care.reminded_at is None:
        return change(care, reminded_at=now, reminders=0), ()
    at = next_reminder(care)
    if at is None or now < at:
        return care, ()
    again = change(care, reminded_at=now, reminders=care.reminders + 1)
    asked = tuple(AskSigners(signoff.id, reminder=True) for signoff in signoffs)
    return again, (PostThread(words.waits(care, items, signoffs)), *asked, RefreshHomes())


def next_reminder(care: Aftercare) -> datetime | None:
    """When people are reminded next, None while nothing waits for them."""
    if care.reminded_at is None:
        return None
    times = 1 << min(care.reminders, DOUBLINGS)
    return care.reminded_at + _patience(care) * times


def _patience(care: Aftercare) -> timedelta:
    return min((signoff.remind for signoff in waiting_signoffs(care)), default=REMIND)


def _over(care: Aftercare, group: Group) -> bool:
    """Whether it is time to nag: a window is over, a sign-off is due."""
    return care.has(f"close:{group.id}") or isinstance(group, Signoff)
