"""The small moves out of which the decisions after a release are made."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.domain import after_words as words
from bot.domain.after_measuring import failing, results
from bot.domain.after_plan import Signoff, in_words
from bot.domain.after_state import (
    Aftercare,
    Stage,
    judged,
    pending,
    required,
    running,
    signed,
    unsettled,
)
from bot.domain.approvals import Request, release_digest
from bot.domain.events import Effect, PostThread, RefreshHomes, RenderCard, Whisper
from bot.domain.people import Actor

Decision = tuple[Aftercare, tuple[Effect, ...]]

FOR_EVER = timedelta(days=3653)
"""A sign-off does not expire: it waits until somebody decides, or the release is history."""


def change(care: Aftercare, **fields: Any) -> Aftercare:
    """The aftercare with other values in some fields."""
    return msgspec.structs.replace(care, **fields)


def did(care: Aftercare, *what: str) -> Aftercare:
    """The aftercare after something that happens only once."""
    return change(care, done=(*care.done, *what))


def show(*texts: str, broadcast: bool = False) -> tuple[Effect, ...]:
    """Bring the card and the Home tabs up to date, and say so in the thread."""
    posts = tuple(PostThread(text, broadcast=broadcast) for text in texts if text)
    return (RenderCard(), *posts, RefreshHomes())


def tell(care: Aftercare, actor: Actor, text: str) -> Decision:
    """Nothing changes; one person learns why and what to do."""
    return care, (Whisper(actor.user_id, text),)


def ask(care: Aftercare, signoff: Signoff, now: datetime) -> Aftercare:
    """Ask for the signatures of a sign-off, or ask anew: what was signed before is void."""
    old = care.requests.get(signoff.id)
    generation = old.generation + 1 if old is not None else 1
    digest = release_digest(
        service=care.service,
        environment=care.environment,
        version=care.version,
        artifact=care.artifact,
        plan=care.the_plan.digest,
        generation=generation,
        purpose=f"sign-off {signoff.id}",
    )
    request = Request(
        id=f"{signoff.id}:{generation}",
        digest=digest,
        generation=generation,
        seats=signoff.seats,
        excluded=(),
        comment_required=signoff.comment_required,
        opened_at=now,
        expires_at=now + FOR_EVER,
        remind_every=signoff.remind,
        reminded_at=now,
    )
    return change(care, requests={**care.requests, signoff.id: request})


def closed(care: Aftercare, stage: Stage, reason: str, now: datetime, *more: str) -> Decision:
    """The end: nothing fires any more, and what was asked is no longer asked."""
    if care.ended:
        return care, ()
    end = change(
        care,
        phase=stage,
        reason=reason,
        ended_at=now,
        next_check_at=None,
        requests={name: each for name, each in care.requests.items() if each.complete},
        cursors={},
        unseen="",
    )
    return end, show(reason, *more)


# --- what has been reached ------------------------------------------------------------------


def settle(care: Aftercare, now: datetime) -> Decision:
    """Say what has been reached, and end it when that is everything."""
    if care.ended:
        return care, ()
    graded, said = _granted(care)
    if not _complete(graded):
        return graded, said
    grade = in_words(graded.grade) if graded.grade else "done with"
    reason = f"All is watched, verified and signed: {graded.version} is {grade}."
    ended, effects = closed(change(graded, results=results(graded)), Stage.PASSED, reason, now)
    return ended, (*said, *effects)


def _granted(care: Aftercare) -> Decision:
    """What the ends of watches are called is given when nothing speaks against it."""
    effects: tuple[Effect, ...] = ()
    for watch in pending(care):
        if not held_back(care):
            care = did(change(care, grade=watch.then), f"then:{watch.id}")
            effects += show(is_now(care, watch.then), broadcast=True)
    return care, effects


def held_back(care: Aftercare) -> list[str]:
    """What speaks against naming the end of a watch."""
    left = [item.text for group in care.after.groups for item in required(unsettled(care, group))]
    unsigned = [words.title(s) for s in care.after.signoffs if not signed(care, s)]
    return [*failing(care), *left, *unsigned]


def is_now(care: Aftercare, grade: str) -> str:
    return f"{care.service} {care.version} is now {in_words(grade)}."


def _complete(care: Aftercare) -> bool:
    after = care.after
    judged_all = all(judged(care, group) for group in after.groups)
    settled = not any(required(unsettled(care, group)) for group in after.groups)
    told = all(care.has(f"task:{task.id}") for task in after.tasks)
    given = all(signed(care, signoff) for signoff in after.signoffs)
    return judged_all and settled and told and given and not running(care) and not pending(care)
