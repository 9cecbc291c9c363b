"""What is done about a breach, step by step, and how long each part of it took.

The steps are the plan's, in its order. What the bot does by itself is recorded when it has been
confirmed; the rest is for people to tick, and never claimed as done. A response is an aggregate of
its own: people go on working on it long after the traffic is back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.events import Effect, Page, Ticked, Whisper
from bot.domain.people import BOT, THE_BOT, Actor
from bot.domain.response_steps import PARTS as PARTS
from bot.domain.response_steps import Action as Action
from bot.domain.response_steps import StepState as StepState
from bot.domain.response_steps import agree
from bot.domain.response_steps import budget_of as budget_of
from bot.domain.response_steps import step_parts as step_parts
from bot.domain.response_steps import step_state as step_state
from bot.domain.response_steps import steps_for as steps_for
from bot.domain.response_words import Moment
from bot.domain.units import format_duration

VERIFY_LIMIT = timedelta(minutes=15)
"""How long the version before may take to look healthy again, where the plan does not say."""


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One response.

    action: what the bot did about the breach. why: what broke. bad_since: when it began to.
    asked_at: when it was seen, or asked for. decided_at: when the bot, or people, decided.
    back_at: when the deployer confirmed. verified: what was seen afterwards. budget: seconds by
    part of a rollback (see PARTS).
    """

    id: str
    rollout_id: str
    service: str
    environment: str
    version: str
    previous: str
    channel: str = ""
    action: Action
    why: str
    steps: tuple[StepState, ...]
    budget: Mapping[str, float] = {}
    bad_since: datetime
    asked_at: datetime
    decided_at: datetime
    back_at: datetime | None = None
    verified_at: datetime | None = None
    verified: str = ""
    created_at: datetime
    revision: int = 0
    fence: int = 0
    next_check_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> str:
        """going_back, verifying, open (steps are left), done."""
        if self.ended_at is not None:
            return "done"
        if self.action == "rollback" and self.back_at is None:
            return "going_back"
        if self.action == "rollback" and not self.verified:
            return "verifying"
        return "open"

    @property
    def verifies(self) -> bool:
        """Whether the bot looks afterwards: always after a rollback, else where a step says so."""
        wanted = self.action == "step_back" and any(s.moment == "verified" for s in self.steps)
        return self.action == "rollback" or wanted

    @property
    def open_steps(self) -> tuple[tuple[int, StepState], ...]:
        """What people have still to do, each with its number from 0."""
        return tuple(
            (index, step)
            for index, step in enumerate(self.steps)
            if step.done_at is None and not step.moment
        )


class TrafficBack(msgspec.Struct, frozen=True, tag=True):
    """The deployer has confirmed, at `at`.

    quarantined: the version is locked. drain: seconds that open requests were given.
    """

    quarantined: bool
    drain: float
    at: datetime


class Preserved(msgspec.Struct, frozen=True, tag=True):
    """What was kept for the post-mortem: kept: in a few words, text: all of it."""

    kept: str
    text: str


class Verified(msgspec.Struct, frozen=True, tag=True):
    """Whether the version before is well. seen: what was looked at."""

    ok: bool
    seen: str


class StepDone(msgspec.Struct, frozen=True, tag=True):
    """A person has done a step. step: its number from 0."""

    actor: Actor
    step: int
    evidence: str = ""


class Arranged(msgspec.Struct, frozen=True, tag=True):
    """The bot has prepared a step. done: nothing is left of it for people."""

    step: int
    evidence: str
    done: bool


class ShowResponse(Effect, frozen=True):
    """Post the steps under the card, or bring them up to date."""


class TellResponse(Effect, frozen=True):
    """Say something under the card. broadcast: in the channel too."""

    text: str
    broadcast: bool = False


class VerifyPrevious(Effect, frozen=True):
    """See whether the version before serves well."""


class Preserve(Effect, frozen=True):
    """Keep what is known about the breach: measurements, findings, the audit's place."""


class Arrange(Effect, frozen=True):
    """Prepare a step as far as the bot can: open the ticket, draft the notice."""

    step: int


ResponseEvent = TrafficBack | Preserved | Verified | StepDone | Arranged | Ticked
ResponseEffect = ShowResponse | TellResponse | VerifyPrevious | Preserve | Arrange | Page | Whisper


class BeginResponse(Effect, frozen=True):
    """Of a rollout: something broke, and this is done about it.

    by: who decided. detect: seconds it took to see; decide: seconds until it was decided.
    """

    response_id: str
    by: str
    action: Action
    why: str
    steps: tuple[StepState, ...]
    budget: Mapping[str, float]
    detect: float
    decide: float


class ResponseNews(Effect, frozen=True):
    """Of a rollout: the traffic is where the response wants it."""

    response_id: str
    quarantined: bool
    drain: float


# --- how it goes on -------------------------------------------------------------------------


def begin(response: Response) -> tuple[Response, Sequence[Effect]]:
    """A response from the moment of the decision."""
    told = _mark(response, "decided", response.decided_at, BOT)
    keeps = any(step.moment == "preserved" for step in told.steps)
    opened, effects = _settled(told, response.decided_at)
    arrange = tuple(Arrange(index) for index, step in enumerate(told.steps) if step.asks)
    return opened, (ShowResponse(), *((Preserve(),) if keeps else ()), *arrange, *effects)


def decide(
    response: Response, event: ResponseEvent, now: datetime
) -> tuple[Response, Sequence[Effect]]:
    """How a response goes on."""
    match event:
        case TrafficBack():
            return _back(response, event, now)
        case Preserved():
            kept = _mark(response, "preserved", now, BOT, event.kept)
            settled, effects = _settled(kept, now)
            return settled, (ShowResponse(), TellResponse(event.text), *effects)
        case Verified():
            return _verified(response, event, now)
        case StepDone():
            return _done(response, event, now)
        case Arranged():
            return _arranged(response, event, now)
        case Ticked():
            return _too_long(response, now)


def _back(
    response: Response, event: TrafficBack, now: datetime
) -> tuple[Response, Sequence[Effect]]:
    if response.back_at is not None:
        return response, ()
    back = msgspec.structs.replace(response, back_at=event.at)
    back = _mark(back, "back", event.at, BOT)
    if event.quarantined:
        back = _mark(back, "locked", event.at, BOT, "until two people release it")
    if event.drain:
        left = format_duration(timedelta(seconds=event.drain))
        back = _mark(back, "drained", event.at, BOT, f"asked for with {left} for open requests")
    limit = response.budget.get("verify", VERIFY_LIMIT.total_seconds())
    waiting = msgspec.structs.replace(back, next_check_at=now + timedelta(seconds=limit))
    if not response.verifies:
        return _shown(response, *_settled(back, now))
    return waiting, (ShowResponse(), VerifyPrevious())


def _verified(
    response: Response, event: Verified, now: datetime
) -> tuple[Response, Sequence[Effect]]:
    if response.verified_at is not None or response.ended_at is not None:
        return response, ()
    if not event.ok:
        text = f"{_whose(response)} does not look well: {event.seen}"
        noted = msgspec.structs.replace(response, verified=f"not well: {event.seen}")
        return noted, (ShowResponse(), TellResponse(text, broadcast=True), Page(text))
    seen = msgspec.structs.replace(
        response, verified=event.seen, verified_at=now, next_check_at=None
    )
    marked = _mark(seen, "verified", now, BOT, event.seen)
    settled, effects = _settled(marked, now)
    late = over_budget(marked)
    text = clocks(marked) if response.action == "rollback" else f"It is over: {event.seen}."
    page = (Page(f"The rollback took longer than planned. {text}"),) if late else ()
    return settled, (ShowResponse(), TellResponse(text, broadcast=bool(late)), *page, *effects)


def _whose(response: Response) -> str:
    if response.action == "rollback":
        return f"{response.previous} has the traffic"
    return f"{response.version} has less traffic"


def _done(response: Response, event: StepDone, now: datetime) -> tuple[Response, Sequence[Effect]]:
    actor = event.actor
    if not 0 <= event.step < len(response.steps):
        return response, (Whisper(actor.user_id, "There is no such step."),)
    step = response.steps[event.step]
    if step.done_at is not None or step.moment:
        who = f"by @[{step.by}]" if step.by not in {"", THE_BOT.person} else "by the bot itself"
        return response, (Whisper(actor.user_id, f"That step is done {who}."),)
    if not actor.roles:
        text = "You hold no role here, so somebody else has to tick this."
        return response, (Whisper(actor.user_id, text),)
    steps = list(response.steps)
    if step.open_seats:
        steps[event.step], said = agree(step, actor.person)
        agreed = msgspec.structs.replace(response, steps=tuple(steps))
        if agreed == response:
            return response, (Whisper(actor.user_id, said),)
        return agreed, (ShowResponse(), TellResponse(said))
    steps[event.step] = msgspec.structs.replace(
        step, done_at=now, by=actor.person, evidence=event.evidence
    )
    ticked = msgspec.structs.replace(response, steps=tuple(steps))
    note = f" ({event.evidence})" if event.evidence else ""
    settled, effects = _settled(ticked, now)
    return settled, (
        ShowResponse(),
        TellResponse(f"@[{actor.person}]: {step.text}{note}"),
        *effects,
    )


def _arranged(
    response: Response, event: Arranged, now: datetime
) -> tuple[Response, Sequence[Effect]]:
    step = response.steps[event.step]
    if step.done_at is not None:
        return response, ()
    told = msgspec.structs.replace(step, evidence=event.evidence)
    if event.done:
        told = msgspec.structs.replace(told, done_at=now, by=BOT)
    steps = (*response.steps[: event.step], told, *response.steps[event.step + 1 :])
    settled, effects = _settled(msgspec.structs.replace(response, steps=steps), now)
    text = f"{step.text}: {event.evidence}"
    return settled, (ShowResponse(), TellResponse(text), *effects)


def _too_long(response: Response, now: datetime) -> tuple[Response, Sequence[Effect]]:
    """The version before has not been seen well within the time for it."""
    if response.next_check_at is None or now < response.next_check_at:
        return response, ()
    told = msgspec.structs.replace(response, next_check_at=None)
    text = f"{_whose(response)}, and nobody could see yet that it is well."
    return told, (TellResponse(text, broadcast=True), Page(text))


def _mark(
    response: Response, moment: Moment, at: datetime, by: str, evidence: str = ""
) -> Response:
    """Those steps are done that the bot does at this moment."""
    steps = tuple(
        msgspec.structs.replace(step, done_at=at, by=by, evidence=evidence)
        if step.moment == moment and step.done_at is None
        else step
        for step in response.steps
    )
    return msgspec.structs.replace(response, steps=steps)


def _settled(response: Response, now: datetime) -> tuple[Response, Sequence[Effect]]:
    """The end, once nothing is left to do and to see."""
    pending = response.verifies and response.verified_at is None
    if pending or any(step.done_at is None for step in response.steps):
        return response, ()
    return msgspec.structs.replace(response, ended_at=now, next_check_at=None), ()


def _shown(
    before: Response, after: Response, effects: Sequence[Effect]
) -> tuple[Response, Sequence[Effect]]:
    return after, (ShowResponse(), *effects) if after != before else ()


# --- how long it took -----------------------------------------------------------------------


def took(response: Response) -> Mapping[str, timedelta]:
    """How long each part took, as far as it is over; `total` counts from the first bad sign."""
    spans = {"decide": response.decided_at - response.asked_at}
    if response.asked_at > response.bad_since:
        spans["detect"] = response.asked_at - response.bad_since
    if response.back_at is not None:
        spans["execute"] = response.back_at - response.decided_at
    if response.back_at is not None and response.verified_at is not None:
        spans["verify"] = response.verified_at - response.back_at
        spans["total"] = response.verified_at - response.bad_since
    return spans


def over_budget(response: Response) -> tuple[str, ...]:
    """The parts that took longer than the plan allows."""
    limits = response.budget
    return tuple(
        part
        for part, span in took(response).items()
        if part in limits and span.total_seconds() > limits[part]
    )


_SAID = {
    "detect": "noticed in",
    "decide": "decided in",
    "execute": "traffic back in",
    "verify": "seen well after",
}


def clocks(response: Response) -> str:
    """How long it took, against what the plan allows, in a sentence."""
    spans = took(response)
    parts = [_part(response, part, word) for part, word in _SAID.items() if part in spans]
    text = f"Rollback clocks: {', '.join(parts)}"
    if "total" in spans:
        text += f"; {_part(response, 'total', 'in all')}"
    late = over_budget(response)
    return f"{text}. Over the plan's time: {', '.join(late)}." if late else f"{text}."


def _part(response: Response, part: str, word: str) -> str:
    span = took(response)[part]
    limit = response.budget.get(part)
    allowed = f" of {format_duration(timedelta(seconds=limit))}" if limit else ""
    return f"{word} {span.total_seconds():.1f} s{allowed}"
