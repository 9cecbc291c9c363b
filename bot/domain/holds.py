"""Why a release may not begin now, and when it may: stops, locks, freezes, calendar, queue.

All of it is one list. What ends by itself says when; a release may begin when nothing is left.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from bot.domain.calendar import HORIZON, Span, Window, next_begin, next_open
from bot.domain.freezes import Freeze
from bot.domain.plan import Plan


class HoldKind(StrEnum):
    STOP = "stop"
    LOCK = "lock"
    PLANNED = "planned"
    FREEZE = "freeze"
    CALENDAR = "calendar"
    TEAM = "team"
    QUARANTINE = "quarantine"
    TARGET = "target"
    QUEUE = "queue"


EXEMPTIBLE = frozenset({HoldKind.FREEZE, HoldKind.CALENDAR, HoldKind.TEAM})
"""What a hotfix may pass when one more person signs. A lock or a stop is somebody's decision."""

PASSING = frozenset({HoldKind.TARGET, HoldKind.QUEUE})
"""What other releases cause; it changes by the second."""

HOTFIX = "hotfix"


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is in the way.

    text: what, in the domain's plain text, without a full stop. until: when it ends by itself,
    None when nobody can know. name: which lock, freeze or release it is.
    """

    kind: HoldKind
    text: str
    until: datetime | None = None
    name: str = ""


class Outlook(msgspec.Struct, frozen=True):
    """Everything that is in the way, the hardest first, and when nothing is any more.

    opens_at: None when that is not known. advice: what is not in the way and worth knowing.
    """

    holds: tuple[Hold, ...] = ()
    opens_at: datetime | None = None
    advice: str = ""

    @property
    def free(self) -> bool:
        return not self.holds


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be released where, as far as this is concerned.

    kind: the type of the release. exempt: one more person has signed for freezes and the calendar.
    planned_at: before that it does not begin, whatever else. team: when the team is there.
    """

    service: str
    environment: str
    plan: Plan
    kind: str = ""
    labels: tuple[str, ...] = ()
    exempt: bool = False
    planned_at: datetime | None = None
    team: tuple[Window, ...] = ()

    @property
    def needs_team(self) -> bool:
        """Whether it begins only while the team is there, and it is known when that is."""
        return self.plan.calendar.team == "require" and bool(self.team)


def planned(asked: Asked, freezes: Iterable[Freeze], at: datetime) -> Iterator[Hold]:
    """Its own day, the freezes and the calendar day that hold a release at an instant."""
    if asked.planned_at is not None and at < asked.planned_at:
        text = f"planned for {moment(asked.planned_at)}"
        yield Hold(HoldKind.PLANNED, text, asked.planned_at, "planned")
    if asked.exempt:
        return
    for freeze in freezes:
        until = freeze.until(at) if freeze.concerns(asked.service, asked.environment) else None
        if until is not None:
            text = f"freeze {freeze.name} until {moment(until)}: {freeze.reason}"
            yield Hold(HoldKind.FREEZE, text, until, freeze.name)
    windows = openings(asked)
    begins = next_begin(windows, at) if windows else at
    if begins != at:
        words = asked.plan.calendar.opening(asked.kind, asked.labels).words
        then = f"next {moment(begins)}" if begins is not None else "which never comes"
        text = f"the calendar of {asked.plan.name} opens {words}, {then}"
        yield Hold(HoldKind.CALENDAR, text, begins, asked.plan.name)
    there = next_begin(asked.team, at) if asked.needs_team else at
    if there != at:
        then = f"it is next {moment(there)}" if there is not None else "which never comes"
        yield Hold(HoldKind.TEAM, f"the team is not there; {then}", there, "team")


def openings(asked: Asked) -> tuple[Window, ...]:
    """When the plan lets it begin; none means always.

    Where an artifact has to have been before it goes on, it may go on any day.
    """
    if asked.environment == asked.plan.sections.preflight.promote_from:
        return ()
    return asked.plan.calendar.opening(asked.kind, asked.labels).windows


def opening(
    asked: Asked, freezes: Iterable[Freeze], holds: Sequence[Hold], at: datetime
) -> datetime | None:
    """The first instant from `at` on at which nothing is in the way, None when nobody can know.

    holds: everything that is in the way at `at`.
    """
    if any(hold.until is None for hold in holds):
        return None
    others = [Span(at, hold.until) for hold in holds if hold.until and hold.kind not in EXEMPTIBLE]
    if asked.exempt:
        return next_open(others, (), at)
    theirs = [f for f in freezes if f.concerns(asked.service, asked.environment)]
    closed = [*others, *(window for freeze in theirs for window in freeze.windows)]
    return _with_team(asked, closed, at)


def _with_team(asked: Asked, closed: Sequence[Window], at: datetime) -> datetime | None:
    """The first instant at which it is open and the team is there."""
    last, found = at + HORIZON, next_open(closed, openings(asked), at)
    while asked.needs_team and found is not None and found <= last:
        there = next_begin(asked.team, found)
        if there is None or there == found:
            return there
        found = next_open(closed, openings(asked), there)
    return found if found is None or found <= last else None


def forecast(asked: Asked, freezes: Sequence[Freeze], at: datetime) -> Outlook:
    """What a file can say: freezes and the calendar, without locks and other releases."""
    holds = tuple(planned(asked, freezes, at))
    return Outlook(holds, opening(asked, freezes, holds, at))


def team_hours(wanted: str, windows: Sequence[Window], at: datetime) -> str:
    """What is to be said where a plan would rather have the team there.

    wanted: `calendar.team` of the plan. windows: when the team is there.
    """
    if not wanted:
        return ""
    if not windows:
        return "the plan wants the team there; set `team_hours` of the service to be told when"
    begins = next_begin(windows, at)
    if wanted == "require" or begins == at or begins is None:
        return ""  # what is required is in the way, and said there
    return f"the team is not there before {moment(begins)}"


def quiet_hours(windows: Sequence[Window], at: datetime) -> str:
    """What is to be said to somebody whose plan prefers low traffic. windows: when it is low."""
    if not windows:
        return "the plan prefers low traffic; set `low_traffic` of the service to be told when"
    begins = next_begin(windows, at)
    if begins == at or begins is None:
        return ""
    return f"the plan prefers low traffic, which is next {moment(begins)}"


def passable(kind: str, holds: Iterable[Hold]) -> str:
    """What a release of this type may pass of all that is in its way, "" for nothing."""
    names = [_name(hold) for hold in holds if hold.kind in EXEMPTIBLE and kind == HOTFIX]
    return " and ".join(names)


def _name(hold: Hold) -> str:
    if hold.kind is HoldKind.TEAM:
        return "the hours of the team"
    return f"the freeze {hold.name}" if hold.kind is HoldKind.FREEZE else "the plan's calendar"


def one_more_words(passes: str) -> str:
    """That a hotfix may pass something, in a sentence."""
    return f"A hotfix may pass {passes} when one more person signs."


def on(holds: Iterable[Hold], now: datetime) -> tuple[Hold, ...]:
    """Those that have not ended by themselves."""
    return tuple(hold for hold in holds if hold.until is None or now < hold.until)


def in_words(holds: Sequence[Hold]) -> str:
    """The first, and how many more; "" when nothing is in the way."""
    if not holds:
        return ""
    more = len(holds) - 1
    rest = f" (and {more} more {'reason' if more == 1 else 'reasons'})" if more else ""
    return f"{holds[0].text}{rest}"


def moment(at: datetime) -> str:
    """An instant in the domain's plain text."""
    return f"t[{int(at.timestamp())}]"
