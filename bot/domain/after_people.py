"""What people say after a release: answers to items, signatures, and their refusal."""

from datetime import datetime

from bot.domain import after_words as words
from bot.domain.after_measuring import results
from bot.domain.after_plan import Group, Signoff, in_words
from bot.domain.after_state import (
    Aftercare,
    SignoffDeclined,
    SignoffSigned,
    before_signing,
    judged,
    opened,
    signed,
    unblocked,
)
from bot.domain.after_steps import Decision, ask, change, is_now, settle, show, tell
from bot.domain.approvals import ANY, Refused, Signature, sign
from bot.domain.checklist_rules import value_problem
from bot.domain.conditions import Condition
from bot.domain.documents import nearest
from bot.domain.events import Effect, ItemTicked
from bot.domain.evidence import Verdict
from bot.domain.people import Actor
from bot.domain.rollout import Tick

_WHY_NOT: dict[Refused, str] = {
    Refused.ALREADY: "You have signed already. One person fills one seat.",
    Refused.REQUESTER: "Somebody else has to sign this.",
    Refused.NO_SEAT: "None of the open seats is for a role that you hold.",
    Refused.CHANGED: (
        "What you saw is out of date: something changed after that card was drawn. "
        "Look at the newest card and sign there."
    ),
    Refused.EXPIRED: "This sign-off has expired.",
    Refused.COMMENT: "This plan asks for a comment. Type `sign-off` with your comment.",
}


def ticked(care: Aftercare, event: ItemTicked, now: datetime) -> Decision:
    """Somebody, or a command that ran, answers an item."""
    actor = event.actor
    found = next(((g, i) for g, i in care.after.items() if i.id == event.gate), None)
    if found is None:
        hint = nearest(event.gate, [item.id for _, item in care.after.items()])
        return tell(care, actor, f"There is no item {event.gate!r}; {hint}".rstrip("; "))
    group, item = found
    reason = _closed_to(care, group, item) or _may_not_answer(care, group, item, event)
    if reason:
        return tell(care, actor, reason)
    tick = Tick(item.id, event.ok, actor.person, now, event.evidence)
    kept = tuple(old for old in care.ticks if old.gate != item.id)
    answered = _anew(change(care, ticks=(*kept, tick), next_check_at=now), group, now)
    if actor.via == "bot" and event.ok:
        return _settled(answered, (), now)
    said = f"{item.text} @[{actor.person}]: {'yes' if event.ok else 'NO'}"
    said += f" ({event.evidence})" if event.evidence else ""
    if not event.ok:
        said += ". A rollback is still possible; or mend it, and answer yes."
    return _settled(answered, show(said, broadcast=not event.ok), now)


def _closed_to(care: Aftercare, group: Group, item: Condition) -> str:
    """Why nobody may answer an item now."""
    if care.ended:
        return f"Too late: {care.reason}"
    if isinstance(group, Signoff) and signed(care, group):
        return f"{words.title(group)} has been given already."
    if not opened(care, group):
        starts = group.due if isinstance(group, Signoff) else group.starts
        return f"It is not time for this yet: {words.token(care.created_at + starts)}."
    if item.kind != "if":
        return ""
    if not judged(care, group):
        return "This is measured, and the time for it is not over. The bot answers it by itself."
    finding = care.findings.get(item.id)
    passed = finding is not None and finding.verdict is Verdict.PASS
    return "This was measured, and it passed." if passed else ""


def _may_not_answer(care: Aftercare, group: Group, item: Condition, event: ItemTicked) -> str:
    actor = event.actor
    if actor.via == "bot":
        answer = care.answer(item.id)
        person = answer is not None and answer.person != actor.person
        return "A person has answered this already." if person else ""
    if actor.roles_stale:
        return "Slack doesn't say right now who holds which role. Try again in a minute."
    if not actor.roles:
        return "You hold no role that may answer this. Ask somebody who does."
    by = item.by or _vouching(group, item)
    if by and not set(by) & set(actor.roles):
        return f"This is for {' or '.join(in_words(role) for role in by)} to answer."
    if item.value and event.ok and (problem := value_problem(item.value, event.evidence)):
        return (
            f"{problem[:1].upper()}{problem[1:]}. Type `confirm {item.id} yes NUMBER`, or say no."
        )
    if item.kind == "if" and event.ok and not event.evidence.strip():
        return (
            "This could not be measured as it should be. To vouch for it, say what you rest on: "
            f"`confirm {item.id} yes REASON`."
        )
    return ""


def _vouching(group: Group, item: Condition) -> tuple[str, ...]:
    """Who may vouch for a number that is not what it should be: whoever signs; () for all."""
    signs = isinstance(group, Signoff) and item.kind == "if" and ANY not in group.seats
    return group.seats if isinstance(group, Signoff) and signs else ()


def _anew(care: Aftercare, group: Group, now: datetime) -> Aftercare:
    """What was signed before an item changed does not count any more."""
    request = care.requests.get(group.id) if isinstance(group, Signoff) else None
    if isinstance(group, Signoff) and request is not None and request.signatures:
        return ask(care, group, now)
    return care


def _settled(care: Aftercare, effects: tuple[Effect, ...], now: datetime) -> Decision:
    after, more = settle(care, now)
    return after, (*effects, *more) or show()


# --- signatures -----------------------------------------------------------------------------


def signs(care: Aftercare, event: SignoffSigned, now: datetime) -> Decision:
    """Somebody signs."""
    actor, signoff = event.actor, care.after.signoff(event.signoff)
    request = care.requests.get(event.signoff)
    if signoff is None or request is None:
        return tell(care, actor, _not_due(care, event.signoff))
    reason = _may_not_decide(care, signoff, actor) or _unready(care, signoff)
    if reason:
        return tell(care, actor, reason)
    given = Signature(actor.person, actor.user_id, actor.roles, now, event.comment)
    new = sign(request, given, event.digest)
    if isinstance(new, Refused):
        return tell(care, actor, _WHY_NOT[new])
    kept = {name: tick for name, tick in care.declined.items() if name != signoff.id}
    requests = {**care.requests, signoff.id: new}
    after = change(care, requests=requests, declined=kept, next_check_at=now)
    comment = f": {event.comment}" if event.comment else "."
    said = f"{words.title(signoff)}: @[{actor.person}] signed{comment}"
    if not new.complete:
        return after, show(f"{said} Still missing: {words.whom(new.missing)}.")
    return _given(after, signoff, said, now)


def _given(care: Aftercare, signoff: Signoff, said: str, now: datetime) -> Decision:
    following = next((s for s in care.after.signoffs if s.after == signoff.id), None)
    if following is not None:
        at = words.token(care.created_at + following.due)
        said += f" Next: {words.title(following).lower()} {at}."
    if care.results:  # what people have said since is known now
        care = change(care, results=results(care))
    last = signoff is care.after.signoffs[-1] and care.results
    effects = show(said, words.table(care.results) if last else "")
    if signoff.then:
        care = change(care, grade=signoff.then)
        effects += show(is_now(care, signoff.then), broadcast=True)
    return _settled(care, effects, now)


def declined(care: Aftercare, event: SignoffDeclined, now: datetime) -> Decision:
    """Somebody refuses to sign, and says why. It can still be signed when the reason is gone."""
    actor, signoff = event.actor, care.after.signoff(event.signoff)
    if signoff is None or event.signoff not in care.requests:
        return tell(care, actor, _not_due(care, event.signoff))
    reason = _may_not_decide(care, signoff, actor)
    if not reason and not event.reason.strip():
        reason = "Declining needs a reason. Add one and repeat."
    if not reason and not _holds_a_seat(signoff, actor):
        reason = _WHY_NOT[Refused.NO_SEAT]
    if reason:
        return tell(care, actor, reason)
    tick = Tick(signoff.id, ok=False, person=actor.person, at=now, evidence=event.reason)
    after = change(ask(care, signoff, now), declined={**care.declined, signoff.id: tick})
    text = f"{words.title(signoff)}: @[{actor.person}] declined: {event.reason}"
    return change(after, next_check_at=now), show(text, broadcast=True)


def _not_due(care: Aftercare, name: str) -> str:
    signoff = care.after.signoff(name)
    if care.ended:
        return f"Too late: {care.reason}"
    if signoff is None:
        known = nearest(name, [each.id for each in care.after.signoffs])
        return f"There is no sign-off {name!r}{f'; {known}' if known else ''}"
    if not unblocked(care, signoff):
        return f"First sign-off {in_words(signoff.after)} has to be given."
    return f"{words.title(signoff)} is due {words.token(care.created_at + signoff.due)}."


def _may_not_decide(care: Aftercare, signoff: Signoff, actor: Actor) -> str:
    if care.ended:
        return f"Too late: {care.reason}"
    if signed(care, signoff):
        return f"{words.title(signoff)} has been given already."
    if actor.roles_stale:
        return "Nobody can sign right now: Slack doesn't say who holds which role."
    return ""


def _unready(care: Aftercare, signoff: Signoff) -> str:
    left = before_signing(care, signoff)
    if not left:
        return ""
    return f"First somebody has to answer:\n{words.listed(care, left)}"


def _holds_a_seat(signoff: Signoff, actor: Actor) -> bool:
    return bool(set(signoff.seats) & set(actor.roles)) or (
        ANY in signoff.seats and bool(actor.roles)
    )
