"""A day without a release under way: what was shipped, what waits for whom, what is planned."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from bot.domain.after_state import Aftercare, questions, waiting_signoffs
from bot.domain.after_words import missing, title, whom
from bot.domain.approvals import ANY
from bot.domain.calendar import next_begin
from bot.domain.duties import WORDS, Duty
from bot.domain.freezes import Freeze
from bot.domain.holds import Asked, in_words, moment, openings
from bot.domain.preparing import open_words
from bot.domain.rollout import Phase, Rollout

AHEAD = timedelta(days=14)
"""How far ahead something is planned rather than far away."""

MOST = 10

_ENDS = {
    Phase.COMPLETED: "is at 100 %",
    Phase.ROLLED_BACK: "was rolled back",
}


def shipped(rollouts: Iterable[Rollout], since: datetime) -> tuple[str, ...]:
    """What ended since then, with traffic: the releases that are complete or were taken back."""
    found = [
        f"{_named(rollout)} {_ENDS[rollout.phase]}, {moment(rollout.ended_at)}: {rollout.reason}"
        for rollout in rollouts
        if rollout.phase in _ENDS and rollout.ended_at is not None and rollout.ended_at > since
    ]
    return _cut(found)


def waits(
    rollouts: Iterable[Rollout], duties: Iterable[Duty], cares: Iterable[Aftercare]
) -> tuple[str, ...]:
    """What waits for people, and for whom."""
    found = [line for rollout in rollouts for line in _release(rollout)]
    found += [_duty(duty) for duty in duties if duty.ended_at is None]
    found += [line for care in cares for line in _care(care)]
    return _cut(found)


def planned(
    rollouts: Iterable[Rollout], asked: Sequence[Asked], freezes: Iterable[Freeze], now: datetime
) -> tuple[str, ...]:
    """What begins by itself: releases in the queue, openings of the calendar, freezes."""
    found = [_queued(rollout) for rollout in rollouts if rollout.phase is Phase.QUEUED]
    found += [line for each in asked for line in _opening(each, now)]
    found += [line for freeze in freezes for line in _freeze(freeze, asked, now)]
    return _cut(list(dict.fromkeys(found)))


def _release(rollout: Rollout) -> Iterator[str]:
    request = rollout.rollback_request or rollout.request
    if rollout.phase is Phase.PREFLIGHT and rollout.looked:
        yield f"{_named(rollout)}: {open_words(rollout).rstrip('.')}"
    elif request is not None and not request.complete and not rollout.ended:
        seats = ["anybody with a role" if s == ANY else s for s in request.missing]
        yield f"{_named(rollout)} waits for signatures: {', '.join(map(_role, seats))}"


def _duty(duty: Duty) -> str:
    by = " or ".join(map(_role, duty.by)) or "anybody"
    what = WORDS.get(duty.due, duty.due.replace("_", " "))
    return f"{duty.service}: {duty.about}; for {by} to {what} until {moment(duty.due_at)}"


def _care(care: Aftercare) -> Iterator[str]:
    if care.ended:
        return
    for _, item in questions(care):
        if care.answer(item.id) is None:
            yield f"{care.service} {care.version}: {item.text} ({whom(item.by)})"
    for signoff in waiting_signoffs(care):
        yield f"{care.service} {care.version}: {title(signoff)} ({whom(missing(care, signoff))})"


def _queued(rollout: Rollout) -> str:
    opens = f" opens {moment(rollout.opens_at)}" if rollout.opens_at is not None else " is queued"
    why = f": {in_words(rollout.holds)}" if rollout.holds else ""
    return f"{_named(rollout)}{opens}{why}"


def _opening(asked: Asked, now: datetime) -> Iterator[str]:
    windows = openings(asked)
    begins = next_begin(windows, now) if windows else None
    if begins is not None and begins - now <= AHEAD:
        words = asked.plan.calendar.opening(asked.kind, asked.labels).words
        when = "open now" if begins == now else f"next {moment(begins)}"
        yield f"{asked.service}: releases begin {words}, {when}"


def _freeze(freeze: Freeze, asked: Sequence[Asked], now: datetime) -> Iterator[str]:
    if not any(freeze.concerns(each.service, each.environment) for each in asked):
        return
    begins = next_begin(freeze.windows, now)
    if begins is not None and begins - now <= AHEAD:
        until = freeze.until(begins)
        ends = f" until {moment(until)}" if until is not None else ""
        start = "is on" if begins == now else f"from {moment(begins)}"
        yield f"freeze {freeze.name} {start}{ends}: {freeze.reason}"


def _named(rollout: Rollout) -> str:
    return f"{rollout.service} {rollout.version} to {rollout.environment}"


def _role(name: str) -> str:
    return name.replace("_", " ")


def _cut(found: list[str]) -> tuple[str, ...]:
    more = len(found) - MOST
    return (*found[:MOST], *((f"… and {more} more",) if more > 0 else ()))
