"""From an approved letter to what became of it at each destination."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.events import Effect
from bot.domain.notice import OUT, Letter, Notice, Stage, Status, Tally
from bot.domain.notice_events import (
    Discarded,
    FanOut,
    Found,
    Missed,
    Publish,
    Reached,
    Retried,
    ShowLetter,
    TellNotice,
)

Decision = tuple[Notice, tuple[Effect, ...]]

EVERYWHERE = "everywhere"
"""In place of a way out: it could not be found out where it goes."""

SHOWN = 20
"""How often the card of a letter is brought up to date while it goes out."""


def with_letter(notice: Notice, letter: Letter) -> Notice:
    """The notice with a letter in the place of its older self."""
    letters = list(notice.letters)
    letters[letter.number] = letter
    return msgspec.structs.replace(notice, letters=tuple(letters))


def found(notice: Notice, event: Found, now: datetime) -> Decision:
    """Every destination gets an errand of its own; after a part of them comes the next one."""
    letter = notice.letter(event.number)
    if letter is None or not _sought(letter):
        return notice, ()
    tallies = dict(letter.tallies)
    for by, places in event.places.items():
        tallies[by] = _longer(tallies.get(by, Tally()), places, more=by in event.more)
    for by, why in event.lost.items():
        tallies[by] = _lost(tallies.get(by, Tally()), why)
    errands = tuple(
        Publish(letter.number, by, place) for by, places in event.places.items() for place in places
    )
    known = {by: tally for by, tally in tallies.items() if tally.total or tally.more}
    going = msgspec.structs.replace(letter, stage=Stage.PUBLISHING, tallies=known)
    settled, effects = _settled(notice, going, now)
    rest = (FanOut(letter.number),) if event.more else ()
    return settled, (*errands, *rest, *effects)


def _sought(letter: Letter) -> bool:
    """Whether it is being found out where it goes."""
    more = any(tally.more for tally in letter.tallies.values())
    return letter.stage is Stage.APPROVED or (letter.stage is Stage.PUBLISHING and more)


def _longer(tally: Tally, places: tuple[str, ...], *, more: bool) -> Tally:
    total, upto = tally.total + len(places), max((tally.upto, *places))
    return msgspec.structs.replace(tally, total=total, upto=upto, more=more)


def _lost(tally: Tally, why: str) -> Tally:
    """The rest of it can't be found; what has been found is published to."""
    failed = {**tally.failed, "": why}
    return msgspec.structs.replace(tally, total=tally.total + 1, failed=failed, more=False)


def reached(notice: Notice, event: Reached, now: datetime) -> Decision:
    """A destination has it."""
    letter = notice.letter(event.number)
    tally = letter.tallies.get(event.by) if letter is not None else None
    if letter is None or tally is None:
        return notice, ()
    failed = {where: why for where, why in tally.failed.items() if where != event.destination}
    better = msgspec.structs.replace(
        tally, done=tally.done + 1, failed=failed, link=event.link or tally.link
    )
    return _tallied(notice, letter, event.by, better, now)


def missed(notice: Notice, event: Missed, now: datetime) -> Decision:
    """A destination can't be reached; the others go on."""
    letter = notice.letter(event.number)
    tally = letter.tallies.get(event.by) if letter is not None else None
    if letter is None or tally is None:
        return notice, ()
    failed = {**tally.failed, event.destination: event.reason}
    return _tallied(notice, letter, event.by, msgspec.structs.replace(tally, failed=failed), now)


def _tallied(notice: Notice, letter: Letter, by: str, tally: Tally, now: datetime) -> Decision:
    tallies: Mapping[str, Tally] = {**letter.tallies, by: tally}
    return _settled(notice, msgspec.structs.replace(letter, tallies=tallies), now)


def _settled(notice: Notice, letter: Letter, now: datetime) -> Decision:
    """Once nothing is under way any more it is published, or some of it has failed."""
    show = (ShowLetter(letter.number),)
    seeking = EVERYWHERE not in letter.tallies
    if any(tally.waiting or (tally.more and seeking) for tally in letter.tallies.values()):
        return with_letter(notice, letter), show if _worth_showing(letter) else ()
    lost = sum(len(tally.failed) for tally in letter.tallies.values())
    done = sum(tally.done for tally in letter.tallies.values())
    stage = Stage.FAILED if lost or not done else Stage.PUBLISHED
    over = msgspec.structs.replace(letter, stage=stage, published_at=letter.published_at or now)
    if stage is Stage.PUBLISHED:
        return with_letter(notice, over), show
    if not letter.tallies:
        text = (
            "It was approved, and there is nowhere to publish it: see `notices:` in the settings."
        )
    else:
        text = (
            f"{lost} of {lost + done} destinations did not get this notice; the others have it. "
            "`Try again` repeats those alone."
        )
    return with_letter(notice, over), (*show, TellNotice(letter.number, text, broadcast=True))


def _worth_showing(letter: Letter) -> bool:
    """Of very many destinations only each twentieth part changes the card."""
    tallies = letter.tallies.values()
    over = sum(tally.total - tally.waiting for tally in tallies)
    return over % max(1, sum(tally.total for tally in tallies) // SHOWN) == 0


def retried(notice: Notice, event: Retried) -> tuple[Notice, tuple[Effect, ...], str]:
    """Try again what failed, and nothing else; the last is why not, "" when it is done."""
    letter = notice.letter(event.number)
    if letter is None or letter.stage is not Stage.FAILED:
        return notice, (), "Nothing of this notice has failed."
    errands = tuple(
        Publish(letter.number, by, where)
        for by, tally in letter.tallies.items()
        for where in tally.failed
        if where
    )
    lost = not letter.tallies or any("" in tally.failed for tally in letter.tallies.values())
    tallies = {by: _again(tally) for by, tally in letter.tallies.items() if by != EVERYWHERE}
    # Where it goes was not known: it is found out once more.
    seek = (FanOut(letter.number),) if lost else ()
    stage = Stage.APPROVED if lost else Stage.PUBLISHING
    going = msgspec.structs.replace(letter, stage=stage, tallies=tallies)
    said = TellNotice(letter.number, f"@[{event.actor.person}] tries the rest again.")
    return with_letter(notice, going), (*errands, *seek, ShowLetter(letter.number), said), ""


def _again(tally: Tally) -> Tally:
    """As before what failed was tried."""
    if "" not in tally.failed:
        return msgspec.structs.replace(tally, failed={})
    return msgspec.structs.replace(tally, failed={}, total=tally.total - 1, more=True)


def discarded(notice: Notice, event: Discarded) -> tuple[Notice, tuple[Effect, ...], str]:
    """A draft is put away; the last is why not, "" when it is done."""
    letter = notice.letter(event.number)
    if letter is None or letter.stage in OUT:
        return notice, (), "What is approved can't be taken back; say what is right now instead."
    if not letter.open:
        return notice, (), "That draft is put away already."
    note = f"@[{event.actor.person}]" + (f": {event.reason}" if event.reason else "")
    away = msgspec.structs.replace(letter, stage=Stage.DISCARDED, request=None, note=note)
    left = with_letter(notice, away)
    if left.status is Status.NONE and not any(each.open for each in left.letters):
        # Customers don't hear of this at all, so no next word is due to them.
        left = msgspec.structs.replace(left, due_at=None, reminded=0)
    return left, (ShowLetter(letter.number),), ""
