"""From an approved letter to what became of it at each destination."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.events import Effect
from bot.domain.notice import OUT, Letter, Notice, Stage, Tally
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


def with_letter(notice: Notice, letter: Letter) -> Notice:
    """The notice with a letter in the place of its older self."""
    letters = list(notice.letters)
    letters[letter.number] = letter
    return msgspec.structs.replace(notice, letters=tuple(letters))


def found(notice: Notice, event: Found, now: datetime) -> Decision:
    """Every destination gets an errand of its own."""
    letter = notice.letter(event.number)
    if letter is None or letter.stage is not Stage.APPROVED:
        return notice, ()
    tallies = {by: Tally(total=len(places)) for by, places in event.places.items()}
    tallies |= {by: Tally(1, 0, {"": why}) for by, why in event.lost.items()}
    errands = tuple(
        Publish(letter.number, by, place) for by, places in event.places.items() for place in places
    )
    going = msgspec.structs.replace(letter, stage=Stage.PUBLISHING, tallies=tallies)
    settled, effects = _settled(notice, going, now)
    return settled, (*errands, *effects)


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
    if any(tally.waiting for tally in letter.tallies.values()):
        return with_letter(notice, letter), show
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
    if not errands:
        # Where it goes was not known: it is found out once more.
        again = msgspec.structs.replace(letter, stage=Stage.APPROVED, tallies={})
        return with_letter(notice, again), (FanOut(letter.number), ShowLetter(letter.number)), ""
    tallies = {
        by: msgspec.structs.replace(tally, failed={w: y for w, y in tally.failed.items() if not w})
        for by, tally in letter.tallies.items()
    }
    going = msgspec.structs.replace(letter, stage=Stage.PUBLISHING, tallies=tallies)
    said = TellNotice(letter.number, f"@[{event.actor.person}] tries the rest again.")
    return with_letter(notice, going), (*errands, ShowLetter(letter.number), said), ""


def discarded(notice: Notice, event: Discarded) -> tuple[Notice, tuple[Effect, ...], str]:
    """A draft is put away; the last is why not, "" when it is done."""
    letter = notice.letter(event.number)
    if letter is None or letter.stage in OUT:
        return notice, (), "What is approved can't be taken back; say what is right now instead."
    if not letter.open:
        return notice, (), "That draft is put away already."
    note = f"@[{event.actor.person}]" + (f": {event.reason}" if event.reason else "")
    away = msgspec.structs.replace(letter, stage=Stage.DISCARDED, request=None, note=note)
    return with_letter(notice, away), (ShowLetter(letter.number),), ""
