"""What people are told after a release, in the domain's plain text."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.domain.after_plan import Group, Signoff, Window, in_words
from bot.domain.after_state import (
    Aftercare,
    ItemState,
    Result,
    day,
    days,
    item_state,
    questions,
    signed,
    waiting_signoffs,
)
from bot.domain.approvals import ANY
from bot.domain.conditions import Condition
from bot.domain.evidence import Verdict
from bot.domain.units import format_duration

_SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "…", Verdict.UNKNOWN: "?"}


def token(at: datetime) -> str:
    """An instant in the domain's plain text."""
    return f"t[{int(at.timestamp())}]"


def title(group: Group) -> str:
    """What a window or a sign-off is called: "Verification immediate (0s to 15m)"."""
    if isinstance(group, Signoff):
        return f"Sign-off {in_words(group.id)}"
    return f"Verification {in_words(group.id)} ({span(group)})"


def span(window: Window) -> str:
    return f"{format_duration(window.starts)} to {format_duration(window.ends)}"


def whom(roles: Iterable[str]) -> str:
    """Roles as people read them."""
    return ", ".join("anybody with a role" if role == ANY else in_words(role) for role in roles)


def item_words(care: Aftercare, item: Condition) -> str:
    """One open item: what it is, what was measured, for whom, and how to answer it."""
    finding = care.findings.get(item.id)
    measured = f" ({finding.shown})" if item.kind == "if" and finding is not None else ""
    tick = care.answer(item.id)
    said = f" (no: {tick.evidence or 'no reason given'})" if tick is not None else ""
    by = f", for {whom(item.by)}" if item.by else ""
    return f"{item.text}{measured}{said}{by}{', optional' if item.optional else ''}"


def listed(care: Aftercare, items: Sequence[Condition]) -> str:
    """Items of a list, one per line."""
    return "\n".join(f"• {item_words(care, item)}" for item in items)


def window_opened(care: Aftercare, window: Window) -> str:
    people = [item for item in window.items if item.kind == "attest"]
    until = token(care.created_at + window.ends)
    text = f"{title(window)} begins, until {until}."
    return f"{text} To be answered by people:\n{listed(care, people)}" if people else text


def window_closed(care: Aftercare, window: Window, left: Sequence[Condition]) -> str:
    if not left:
        return f"{title(window)} is over: all {len(window.items)} items are fine."
    failed = [i for i in left if item_state(care, window, i) is ItemState.FAILED]
    head = f"{title(window)} is over"
    if failed:
        head += f", and {len(failed)} of {len(window.items)} items failed"
    still = len(left) - len(failed)
    open_ = f"; {still} still to be answered" if still else ""
    return f"{head}{open_}:\n{listed(care, left)}"


def signoff_due(care: Aftercare, signoff: Signoff, left: Sequence[Condition]) -> str:
    until = f" until {token(care.created_at + signoff.until)}" if signoff.until else ""
    text = f"{title(signoff)} is due{until}, from {whom(signoff.seats)}."
    return f"{text} First to be answered:\n{listed(care, left)}" if left else text


def status(care: Aftercare, now: datetime) -> str:
    """The regular post: which day it is, the numbers since the last one, what is open."""
    known = [care.findings.get(each.id) for each in care.after.standing]
    numbers = "; ".join(f"{_SIGNS[f.verdict]} {f.text}: {f.shown}" for f in known if f is not None)
    return f"{on_day(care, now)}: {numbers or 'nothing is measured by this plan'}."


def on_day(care: Aftercare, now: datetime) -> str:
    whole = days(care)
    return f"Day {min(day(care, now), whole)} of {whole}"


def waits(care: Aftercare, items: Sequence[Condition], signoffs: Sequence[Signoff]) -> str:
    """The reminder of what is open."""
    lines = [listed(care, items)] if items else []
    lines += [f"• {title(s)}, from {whom(missing(care, s))}" for s in signoffs]
    return "Still waiting for people:\n" + "\n".join(lines)


def missing(care: Aftercare, signoff: Signoff) -> tuple[str, ...]:
    """The roles that have not signed."""
    request = care.requests.get(signoff.id)
    return request.missing if request is not None else signoff.seats


def table(results: Sequence[Result]) -> str:
    """The criteria of success with what is known of each."""
    lines = [f"{_SIGNS[r.verdict]} {r.text}: {r.shown}" for r in results]
    return "\n".join(["What success was to be:", *lines])


def stands(care: Aftercare, now: datetime, following: tuple[datetime, str] | None) -> str:
    """Where it stands in a sentence or two: for the card's headline and the Home tab."""
    if care.ended:
        return care.reason
    grade = f"It is {in_words(care.grade)}. " if care.grade else ""
    text = f"{on_day(care, now)}. {grade}"
    if following is None:
        return text.strip()
    return f"{text}Next: {following[1]} {token(following[0])}."


def given(care: Aftercare, signoff: Signoff) -> str:
    """Who signed: "ada and grace"."""
    request = care.requests.get(signoff.id)
    names = [f"@[{s.person}]" for s in request.signatures] if request is not None else []
    return " and ".join(names) if signed(care, signoff) else ""


def waits_for(care: Aftercare, roles: Iterable[str]) -> tuple[str, ...]:
    """What somebody with these roles could do now, a line each."""
    held = set(roles)
    found = [
        item.text
        for _, item in questions(care)
        if care.answer(item.id) is None and held and (not item.by or set(item.by) & held)
    ]
    for signoff in waiting_signoffs(care) if not care.ended else []:
        seats = set(missing(care, signoff))
        if signoff.id not in care.declined and (held & seats or (ANY in seats and held)):
            found.append(title(signoff))
    return tuple(found)
