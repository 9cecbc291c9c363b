"""Signatures on a rollout: given, refused, withdrawn, and the clock of those that wait.

A refusal changes nothing and is told to the one person who asked, with what to do instead.
"""

from datetime import datetime
from typing import assert_never

from bot.domain.approvals import Refused, Request, Signature, sign
from bot.domain.approvals import withdraw as take_back
from bot.domain.authority import Act, refusal
from bot.domain.events import (
    AskSigners,
    CheckExecution,
    QuarantineReleaseSigned,
    Rejected,
    Signed,
    Withdrawn,
)
from bot.domain.people import Actor
from bot.domain.preparing import open_words
from bot.domain.rollout import Phase, Rollout
from bot.domain.steps import (
    Decision,
    change,
    enter,
    finish,
    in_words,
    roll_back,
    show,
    tell,
)

QUARANTINE_SEATS = 2
"""How many different people release an artifact from quarantine."""

_WHY_NOT: dict[Refused, str] = {
    Refused.ALREADY: "You have signed already. One person fills one seat.",
    Refused.REQUESTER: "You asked for this release, so somebody else has to sign it.",
    Refused.NO_SEAT: "None of the open seats is for a role that you hold.",
    Refused.CHANGED: (
        "What you saw is out of date: the release changed after that card was drawn. "
        "Look at the newest card and sign there."
    ),
    Refused.EXPIRED: "This request has expired. Start the release again.",
    Refused.COMMENT: "This plan asks for a comment. Use /release approve with your comment.",
}


def signature(
    rollout: Rollout, event: Signed | Rejected | Withdrawn | QuarantineReleaseSigned, now: datetime
) -> Decision:
    """A yes, a no, or a yes taken back."""
    match event:
        case Signed():
            return _signed(rollout, event, now)
        case Rejected():
            return _rejected(rollout, event, now)
        case Withdrawn():
            return _withdrawn(rollout, event, now)
        case QuarantineReleaseSigned():
            return _release_quarantine(rollout, event.actor)
        case _:
            assert_never(event)


def _open(rollout: Rollout, digest: str) -> tuple[str, Request] | None:
    """The open request that a digest belongs to; the release's one when it fits neither."""
    rollback = rollout.rollback_request
    if rollback is not None and (
        digest == rollback.digest or rollout.phase is not Phase.AWAITING_APPROVAL
    ):
        return "rollback", rollback
    if rollout.phase is Phase.AWAITING_APPROVAL and rollout.request is not None:
        return "release", rollout.request
    return None


def _signed(rollout: Rollout, event: Signed, now: datetime) -> Decision:
    found = _open(rollout, event.digest)
    if found is None and rollout.phase is Phase.PREFLIGHT:
        return tell(rollout, event.actor, f"Not yet. {open_words(rollout)}")
    if found is None:
        return tell(rollout, event.actor, f"This is decided already: {in_words(rollout)}.")
    purpose, request = found
    act = Act.SIGN if purpose == "release" else Act.ROLLBACK
    reason = refusal(act, event.actor, rollout)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    actor = event.actor
    given = Signature(actor.person, actor.user_id, actor.roles, now, event.comment)
    signed = sign(request, given, event.digest)
    if isinstance(signed, Refused):
        return tell(rollout, actor, _WHY_NOT[signed])
    if purpose == "rollback":
        return _rollback_signed(rollout, signed, actor, now)
    said = f"@[{actor.person}] approved."
    if not signed.complete:
        return change(rollout, request=signed), show(said)
    queued = enter(rollout, Phase.QUEUED, now, request=signed, reason="", next_check_at=now)
    return queued, (CheckExecution(), *show(f"{said} That is everybody needed."))


def _rollback_signed(rollout: Rollout, request: Request, actor: Actor, now: datetime) -> Decision:
    if request.complete:
        names = " and ".join(f"@[{s.person}]" for s in request.signatures)
        return roll_back(rollout, now, f"{rollout.rollback_reason} (signed by {names})", names)
    signed = change(rollout, rollback_request=request)
    return signed, show(f"@[{actor.person}] signed the rollback; one more person is needed.")


def _rejected(rollout: Rollout, event: Rejected, now: datetime) -> Decision:
    act = Act.REJECT if rollout.rollback_request is None else Act.TURN_DOWN
    reason = refusal(act, event.actor, rollout)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    why = f": {event.reason}" if event.reason else "."
    if rollout.phase in {Phase.AWAITING_APPROVAL, Phase.QUEUED}:
        return finish(rollout, Phase.REJECTED, now, f"@[{event.actor.person}] rejected it{why}")
    if rollout.rollback_request is not None:
        kept = change(rollout, rollback_request=None, rollback_reason="")
        return kept, show(f"@[{event.actor.person}] turned the rollback down{why}")
    return tell(rollout, event.actor, f"This is decided already: {in_words(rollout)}.")


def _withdrawn(rollout: Rollout, event: Withdrawn, now: datetime) -> Decision:
    request, person = rollout.request, event.actor.person
    waiting = rollout.phase in {Phase.AWAITING_APPROVAL, Phase.QUEUED}
    if request is None or not waiting or not request.signed_by(person):
        return tell(rollout, event.actor, "There is no signature of yours that can be withdrawn.")
    less = enter(
        rollout,
        Phase.AWAITING_APPROVAL,
        now,
        request=take_back(request, person),
        next_check_at=min(request.expires_at, now + request.remind_every),
    )
    return less, show(f"@[{person}] withdrew their signature.")


def _release_quarantine(rollout: Rollout, actor: Actor) -> Decision:
    if not rollout.quarantined:
        return tell(rollout, actor, f"{rollout.version} is not in quarantine.")
    reason = refusal(Act.RELEASE_QUARANTINE, actor, rollout)
    if reason is not None:
        return tell(rollout, actor, reason)
    if actor.person in rollout.quarantine_releases:
        return tell(rollout, actor, "You have said so already. A second person is needed.")
    people = (*rollout.quarantine_releases, actor.person)
    held = len(people) < QUARANTINE_SEATS
    text = f"@[{actor.person}] releases {rollout.version} from quarantine"
    text += "; a second person is needed." if held else ". It may be released again."
    return change(rollout, quarantine_releases=people, quarantined=held), show(text)


def waiting(rollout: Rollout, now: datetime) -> Decision:
    """The clock of a release that waits for signatures: reminders, then expiry."""
    request = rollout.request
    if request is None:
        return rollout, ()
    if now >= request.expires_at:
        return finish(rollout, Phase.EXPIRED, now, "Not enough people signed in time.")
    following = min(request.expires_at, now + request.remind_every)
    return change(rollout, next_check_at=following), (AskSigners("release", reminder=True),)


def rollback_waiting(rollout: Rollout, now: datetime) -> Decision:
    """The clock of a rollback that waits for signatures on a release that has ended or halted."""
    request = rollout.rollback_request
    if request is None or now < request.expires_at:
        return change(rollout, next_check_at=None if request is None else request.expires_at), ()
    expired = change(rollout, rollback_request=None, rollback_reason="", next_check_at=None)
    return expired, show("Nobody signed the rollback in time; it is off.")
