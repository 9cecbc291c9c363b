"""When the next word is due, and who is reminded: clocks that are columns, so that they survive.

The default pace is that of PagerDuty's public guide: a first word within five minutes, its scope
five minutes later, then every twenty minutes for two hours, always naming the next update.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.events import AskSigners, Effect
from bot.domain.notice import INCIDENT, OVER, Cadence, Letter, Notice, Stage, Status
from bot.domain.notice_events import RemindOwner, ShowLetter, TellNotice

MINUTE = timedelta(minutes=1)
GRACE = 5 * MINUTE
"""How long the owner is left alone with a reminder before the channel hears of it."""

AGAIN = 20 * MINUTE
"""How often the channel hears of it then."""

CADENCES: Mapping[str, Cadence] = {
    "critical": Cadence(5 * MINUTE, 5 * MINUTE, 20 * MINUTE, 120 * MINUTE, 60 * MINUTE),
    "major": Cadence(15 * MINUTE, 15 * MINUTE, 30 * MINUTE, 240 * MINUTE, 120 * MINUTE),
    "minor": Cadence(60 * MINUTE, 120 * MINUTE, 240 * MINUTE, 480 * MINUTE, 1440 * MINUTE),
}
SEVERITIES = tuple(CADENCES)
_ALSO = {"warning": "major", "info": "minor", "sev1": "critical", "sev2": "major", "sev3": "minor"}


def severity_of(word: str) -> str:
    """critical, major or minor; what nobody has said is critical."""
    word = word.lower()
    named = _ALSO.get(word, word)
    return named if named in CADENCES else "critical"


def cadence_of(notice: Notice, cadences: Mapping[str, Cadence]) -> Cadence:
    """How often people hear of it."""
    severity = severity_of(notice.severity)
    return cadences.get(severity, CADENCES[severity])


def first_due(notice: Notice, cadences: Mapping[str, Cadence]) -> datetime | None:
    """When the first word about an incident is due."""
    if notice.kind != INCIDENT:
        return None
    return notice.created_at + cadence_of(notice, cadences).first


def next_due(notice: Notice, cadences: Mapping[str, Cadence], now: datetime) -> datetime | None:
    """When the word after one that is said now is due; None: none is, or nothing is promised."""
    if notice.kind != INCIDENT:
        return None
    pace = cadence_of(notice, cadences)
    said = sum(letter.approved_at is not None for letter in notice.letters)
    if said == 0:
        return now + pace.second
    return now + (pace.every if now - notice.created_at < pace.busy else pace.later)


# --- what is due ----------------------------------------------------------------------------


def wake(notice: Notice) -> datetime | None:
    """When somebody has to look at it next."""
    times = [at for at in (_overdue_at(notice), *_moments(notice)) if at is not None]
    times += [each.at for each in notice.later]
    for letter in notice.letters:
        request = letter.request if letter.stage is Stage.REVIEW else None
        if request is not None:
            times.append(min(request.expires_at, request.reminded_at + request.remind_every))
    return min(times, default=None)


def runs(notice: Notice) -> bool:
    """Whether the next word to customers is reminded of."""
    return notice.due_at is not None and notice.status not in OVER


def _overdue_at(notice: Notice) -> datetime | None:
    if notice.due_at is None or not runs(notice):
        return None
    later = timedelta()
    if notice.reminded:
        later = GRACE + AGAIN * (notice.reminded - 1)
    return notice.due_at + later


def _moments(notice: Notice) -> Sequence[datetime | None]:
    """When the planned time of a maintenance begins and ends."""
    if notice.kind == INCIDENT or notice.status in OVER or notice.status is Status.NONE:
        return ()
    return tuple(
        notice.instant(name)
        for name in ("starts_at", "ends_at")
        if _key(notice, name) not in notice.told
    )


def _key(notice: Notice, name: str) -> str:
    return f"{name} {notice.facts.get(name, '')}"


Decision = tuple[Notice, tuple[Effect, ...]]


def overdue(notice: Notice, now: datetime) -> Decision:
    """Remind of a word that is due: its owner first, then the channel, again and again."""
    at = _overdue_at(notice)
    if at is None or now < at or notice.due_at is None:
        return notice, ()
    # After an outage this is said once, not once for every time that it should have been said.
    count = notice.reminded + 1
    if count > 1:
        count = max(count, 1 + int((now - notice.due_at - GRACE) / AGAIN) + 1)
    later = msgspec.structs.replace(notice, reminded=count)
    since = f"t[{int(notice.due_at.timestamp())}]"
    what = f"The next word to customers about {notice.title} was due {since}"
    if notice.reminded == 0:
        return later, (RemindOwner(f"{what}. `update {notice.id}` drafts it."),)
    number = len(notice.letters) - 1
    owner = f"@[{notice.owner.person}] looks after it" if notice.owner.via != "bot" else ""
    text = "; ".join(part for part in (what, owner) if part)
    return later, (TellNotice(number, f"{text}.", broadcast=True), RemindOwner(f"{text}."))


def due_moments(notice: Notice, now: datetime) -> tuple[Notice, tuple[str, ...]]:
    """The planned moments of a maintenance that have come since the last look, each once."""
    if notice.kind == INCIDENT or notice.status in OVER or notice.status is Status.NONE:
        return notice, ()
    come = []
    for name in ("starts_at", "ends_at"):
        at = notice.instant(name)
        if at is not None and at <= now and _key(notice, name) not in notice.told:
            come.append(name)
    told = notice.told | {_key(notice, name) for name in come}
    return msgspec.structs.replace(notice, told=told) if come else notice, tuple(come)


def reviews(notice: Notice, now: datetime) -> Decision:
    """Remind of letters that wait for approval, and let those go that waited too long."""
    effects: tuple[Effect, ...] = ()
    letters = list(notice.letters)
    for letter in notice.letters:
        changed, more = _review(letter, now)
        letters[letter.number] = changed
        effects += more
    if not effects:
        return notice, ()
    return msgspec.structs.replace(notice, letters=tuple(letters)), effects


def _review(letter: Letter, now: datetime) -> tuple[Letter, tuple[Effect, ...]]:
    request = letter.request
    if request is None or letter.stage is not Stage.REVIEW:
        return letter, ()
    if now >= request.expires_at:
        text = "Nobody approved this notice in time; it is a draft again."
        back = msgspec.structs.replace(letter, stage=Stage.DRAFT, request=None)
        return back, (ShowLetter(letter.number), TellNotice(letter.number, text))
    if now < request.reminded_at + request.remind_every:
        return letter, ()
    reminded = msgspec.structs.replace(request, reminded_at=now)
    again = msgspec.structs.replace(letter, request=reminded)
    return again, (AskSigners(str(letter.number), reminder=True),)
