"""What a plan asks for after 100 %: watches, verification windows, sign-offs, and what success is.

All times count from the moment at which the rollout was complete; a day is 24 hours.
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from bot.domain.conditions import Comparison, Condition

REMIND = timedelta(days=1)
"""How long people are left alone with what waits for them, unless the plan says otherwise."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes on for `span`; people hear of it every `every` (None: not by itself).

    then: what the release is called at its end, "" when nothing changes. look: how often its
    numbers are looked at, None: as often as what is judged by them needs.
    """

    id: str
    span: timedelta
    every: timedelta | None = None
    look: timedelta | None = None
    then: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people are told is due, once."""

    id: str
    due: timedelta


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which every item is looked at."""

    id: str
    starts: timedelta
    ends: timedelta
    items: tuple[Condition, ...]


class Signoff(msgspec.Struct, frozen=True, kw_only=True):
    """What people confirm.

    measured_from: where the stretch begins over which its numbers are judged; it ends at `due`.
    seats: a different person for each. after: the sign-off that has to come first, "" for none.
    """

    id: str
    due: timedelta
    measured_from: timedelta = timedelta()
    until: timedelta | None = None
    seats: tuple[str, ...]
    comment_required: bool = False
    remind: timedelta = REMIND
    items: tuple[Condition, ...] = ()
    after: str = ""
    then: str = ""


Group = Window | Signoff


class Criterion(msgspec.Struct, frozen=True):
    """One of the plan's criteria of success; without a comparison it is a sentence for people."""

    text: str
    comparison: Comparison | None = None


def told_by(criterion: Criterion) -> tuple[str, ...]:
    """The words by which an item can say that its answer is about a criterion."""
    comparison = criterion.comparison
    return (criterion.text,) if comparison is None else (criterion.text, comparison.subject)


class AfterPlan(msgspec.Struct, frozen=True, kw_only=True):
    """standing: the numbers that the watches tell people."""

    watches: tuple[Watch, ...] = ()
    tasks: tuple[Task, ...] = ()
    windows: tuple[Window, ...] = ()
    signoffs: tuple[Signoff, ...] = ()
    success: tuple[Criterion, ...] = ()
    standing: tuple[Condition, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing at all goes on after the release."""
        return not (self.watches or self.tasks or self.windows or self.signoffs)

    @property
    def lasts(self) -> timedelta:
        """When the last clock has run out; people may take longer."""
        ends = [
            *(watch.span for watch in self.watches),
            *(task.due for task in self.tasks),
            *(window.ends for window in self.windows),
            *(signoff.due for signoff in self.signoffs),
        ]
        return max(ends, default=timedelta())

    @property
    def groups(self) -> tuple[Group, ...]:
        return (*self.windows, *self.signoffs)

    def items(self) -> Iterator[tuple[Group, Condition]]:
        """Every item with where it belongs."""
        for group in self.groups:
            for item in group.items:
                yield group, item

    def signoff(self, id_: str) -> Signoff | None:
        return next((each for each in self.signoffs if each.id == id_), None)


def in_words(name: str) -> str:
    """The name of a window, a sign-off or an end as people read it."""
    return name.replace("_", " ").replace("-", " ")
