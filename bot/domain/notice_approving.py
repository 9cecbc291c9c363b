"""How a letter gets the approval of a second person, bound to the very words that were shown."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.approvals import Refused, Signature, open_request, sign
from bot.domain.events import AskSigners, Effect, Whisper
from bot.domain.notice import OPEN, Letter, Notice, Stage, Writing
from bot.domain.notice_clock import next_due
from bot.domain.notice_course import OCCASIONS, announced, refusal
from bot.domain.notice_events import FanOut, Pressed, SentBack, ShowLetter, TellNotice
from bot.domain.notice_facts import kept, write
from bot.domain.notice_sending import Decision, with_letter
from bot.domain.people import Actor

_WHY_NOT: Mapping[Refused, str] = {
    Refused.ALREADY: "You have approved it already; one more person is needed.",
    Refused.REQUESTER: "You wrote or changed this notice, so somebody else has to approve it.",
    Refused.NO_SEAT: "None of the roles that approve notices is yours. Ask somebody who holds one.",
    Refused.CHANGED: (
        "What you saw is out of date: the notice was changed after that card was drawn. Read the "
        "newest one, and press there."
    ),
    Refused.EXPIRED: "The request has expired; press again to ask once more.",
    Refused.COMMENT: "A comment is needed.",
}


def whisper(notice: Notice, actor: Actor, text: str) -> Decision:
    """Nothing changes; the one who asked is told why."""
    return notice, (Whisper(actor.user_id, text),)


def anew(notice: Notice, letter: Letter, now: datetime, writing: Writing) -> Letter:
    """A new version of an open letter, with the promise that would be kept from now on."""
    promised = next_due(notice, writing.cadences, now) if letter.promised_at is not None else None
    draft = msgspec.structs.replace(
        letter,
        stage=Stage.DRAFT,
        request=None,
        generation=letter.generation + 1,
        promised_at=promised,
    )
    return write(notice, draft, writing)


def closed_words(letter: Letter | None) -> str:
    """Why a letter can't be changed or sent any more."""
    if letter is None:
        return "There is no such message."
    if letter.stage in {Stage.DISCARDED, Stage.SUPERSEDED}:
        return f"That draft is {letter.stage.value}. Draft a new one."
    return "That message is approved already; what is wrong in it is put right by the next one."


def pressed(notice: Notice, event: Pressed, now: datetime, writing: Writing) -> Decision:
    """An author asks for approval; anybody else with a role gives it."""
    letter, actor = notice.letter(event.number), event.actor
    if letter is None or not letter.open:
        return whisper(notice, actor, closed_words(letter))
    refused = _not_now(notice, letter, event)
    if refused is not None:
        return whisper(notice, actor, refused)
    if letter.promised_at is not None and letter.promised_at <= now:
        fresh = anew(notice, letter, now, writing)
        text = (
            "The next update that this notice promised is over by now, so it names a new time. "
            "Read it again, then press again."
        )
        return with_letter(notice, fresh), (ShowLetter(letter.number), Whisper(actor.user_id, text))
    if actor.person in letter.authors:
        return _asked(notice, letter, actor, now, writing)
    return _approved(notice, letter, event, now, writing)


def _not_now(notice: Notice, letter: Letter, event: Pressed) -> str | None:
    """Why this letter can't go out now, whoever presses."""
    actor = event.actor
    if actor.roles_stale:
        return (
            "Nobody can approve right now: Slack doesn't say who holds which role. Try again soon."
        )
    if not actor.roles:
        return (
            "You hold no role, so you can't ask for or approve a notice. Roles are listed under "
            "`roles:` in the bot's configuration."
        )
    if event.digest and not letter.digest.startswith(event.digest):
        return _WHY_NOT[Refused.CHANGED]
    if letter.problems:
        named = "; ".join(str(problem) for problem in letter.problems)
        return f"It can't go out yet. {named}."
    return refusal(notice.kind, notice.status, letter.occasion)


def _asked(
    notice: Notice, letter: Letter, actor: Actor, now: datetime, writing: Writing
) -> Decision:
    if letter.stage is Stage.REVIEW:
        return whisper(notice, actor, _WHY_NOT[Refused.REQUESTER])
    asked = _in_review(notice, letter, now, writing)
    said = TellNotice(letter.number, f"@[{actor.person}] asks for approval.")
    effects = (ShowLetter(letter.number), said, AskSigners(str(letter.number)))
    return with_letter(notice, asked), effects


def _in_review(notice: Notice, letter: Letter, now: datetime, writing: Writing) -> Letter:
    if letter.request is not None:
        return letter
    request = open_request(
        writing.rule,
        request_id=f"{notice.id}-{letter.number}-{letter.generation}-{int(now.timestamp())}",
        digest=letter.digest,
        generation=letter.generation,
        excluded=letter.authors,
        now=now,
    )
    return msgspec.structs.replace(letter, stage=Stage.REVIEW, request=request)


def _approved(
    notice: Notice, letter: Letter, event: Pressed, now: datetime, writing: Writing
) -> Decision:
    actor = event.actor
    asked = _in_review(notice, letter, now, writing)
    request = asked.request
    if request is None:
        raise AssertionError("a letter in review has its request")
    signature = Signature(actor.person, actor.user_id, actor.roles, now)
    signed = sign(request, signature, letter.digest)
    if isinstance(signed, Refused):
        return whisper(notice, actor, _WHY_NOT[signed])
    if not signed.complete:
        waits = msgspec.structs.replace(asked, request=signed)
        said = TellNotice(letter.number, f"@[{actor.person}] approved; one more person is needed.")
        return with_letter(notice, waits), (ShowLetter(letter.number), said)
    return _goes_out(notice, msgspec.structs.replace(asked, request=signed), now)


def _goes_out(notice: Notice, letter: Letter, now: datetime) -> Decision:
    """It is approved: it gets its number, and what was drafted before it is out of date."""
    signed = letter.request.signatures if letter.request is not None else ()
    going = msgspec.structs.replace(
        letter,
        stage=Stage.APPROVED,
        sequence=sum(each.sequence >= 0 for each in notice.letters),
        approved_at=now,
        told=announced(letter.occasion, notice.status),
        approved_by=tuple(signature.person for signature in signed),
    )
    after, effects = _superseded(with_letter(notice, going), going.number)
    after = msgspec.structs.replace(
        after,
        facts=kept(notice, letter, now),
        status=OCCASIONS[letter.occasion].reaches(notice.status),
        due_at=letter.promised_at,
        reminded=0,
    )
    names = " and ".join(f"@[{person}]" for person in going.approved_by)
    said = TellNotice(letter.number, f"{names} approved it; it goes out.")
    return after, (FanOut(letter.number), ShowLetter(letter.number), said, *effects)


def _superseded(notice: Notice, number: int) -> Decision:
    """What went out before says when the next word is due, which is elsewhere from now on."""
    effects: tuple[Effect, ...] = ()
    for letter in notice.letters[:number]:
        if letter.stage is Stage.PUBLISHED and notice.due_at is not None:
            effects += (ShowLetter(letter.number),)
        if letter.stage in OPEN:
            old = msgspec.structs.replace(
                letter, stage=Stage.SUPERSEDED, request=None, note="a newer message went out"
            )
            notice = with_letter(notice, old)
            effects += (ShowLetter(letter.number),)
    return notice, effects


def sent_back(notice: Notice, event: SentBack) -> Decision:
    """Somebody wants it changed first; it is a draft again."""
    letter, actor = notice.letter(event.number), event.actor
    if letter is None or letter.stage is not Stage.REVIEW:
        return whisper(notice, actor, "Nothing waits for approval there.")
    if not actor.roles:
        return whisper(notice, actor, _WHY_NOT[Refused.NO_SEAT])
    back = msgspec.structs.replace(letter, stage=Stage.DRAFT, request=None)
    why = event.reason.strip().rstrip(".") or "it should be changed"
    said = TellNotice(letter.number, f"@[{actor.person}] sends it back: {why}.")
    return with_letter(notice, back), (ShowLetter(letter.number), said)
