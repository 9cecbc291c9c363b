"""Components of a status page: which of them an event changes, and what they are put back to.

Only what we changed is ever put back, and only while it is as we left it: what somebody else has
set since stays. Several events of ours may hold one component at the same time; it is as bad as the
worst of them says, and what it was before the first one comes back with the last.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

OPERATIONAL, MAINTENANCE = "operational", "under_maintenance"

RANK: Mapping[str, int] = {
    OPERATIONAL: 0,
    MAINTENANCE: 1,
    "degraded_performance": 2,
    "partial_outage": 3,
    "major_outage": 4,
}
"""From good to bad. What is worse than we would say has been said by somebody who knows more."""

ENDS = ("resolved", "completed", "cancelled")
"""The states of an event after which nothing of it is left on the page."""


class Component(msgspec.Struct, frozen=True):
    """One line of the page."""

    id: str
    name: str
    status: str = OPERATIONAL


class Hold(msgspec.Struct, frozen=True):
    """What one event did to one component. before: what it is put back to. now: what we set."""

    before: str
    now: str


Holds = Mapping[str, Hold]
"""By the id of the component."""


def named(wanted: Iterable[str], known: Sequence[Component]) -> tuple[list[Component], list[str]]:
    """Components by id or name, and the words that stand for none."""
    by_word = {component.name.casefold(): component for component in known}
    by_word |= {component.id.casefold(): component for component in known}
    found: dict[str, Component] = {}
    lacking = []
    for word in wanted:
        component = by_word.get(word.strip().casefold())
        if component is None:
            lacking.append(word)
        else:
            found[component.id] = component
    return list(found.values()), lacking


def taken(
    status: str, affected: Iterable[Component], mine: Holds, others: Sequence[Holds]
) -> tuple[Mapping[str, str], Holds]:
    """What is changed so that the page says `status`, and what the event holds afterwards.

    mine: what it held before. others: what other events of ours hold.
    """
    changes: dict[str, str] = {}
    holds = dict(mine)
    for component in affected:
        held = mine.get(component.id)
        theirs = [each[component.id] for each in others if component.id in each]
        ours = {hold.now for hold in (*theirs, *([held] if held else []))}
        touched = component.status not in ours
        if touched and (held or _rank(component.status) >= _rank(status)):
            continue  # somebody else said how it is
        before = held.before if held else _before(component, theirs)
        holds[component.id] = Hold(before, status)
        wanted = _worst([status, *(hold.now for hold in theirs)])
        if wanted != component.status:
            changes[component.id] = wanted
    return changes, holds


def given_back(
    components: Iterable[Component], mine: Holds, others: Sequence[Holds]
) -> Mapping[str, str]:
    """What is changed when an event is over."""
    changes: dict[str, str] = {}
    for component in components:
        held = mine.get(component.id)
        if held is None or component.status != held.now:
            continue  # never ours, or changed by somebody else
        theirs = [each[component.id].now for each in others if component.id in each]
        wanted = _worst(theirs) if theirs else held.before
        if wanted != component.status:
            changes[component.id] = wanted
    return changes


def _before(component: Component, theirs: Sequence[Hold]) -> str:
    """What it was before the first of our events that hold it now."""
    ours = [hold for hold in theirs if hold.now == component.status]
    return ours[0].before if ours else component.status


def _worst(statuses: Iterable[str]) -> str:
    return max(statuses, key=_rank)


def _rank(status: str) -> int:
    """An unknown status is one that we never replace."""
    return RANK.get(status, len(RANK))
