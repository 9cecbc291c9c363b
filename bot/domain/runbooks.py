"""Runbooks: what to look at and what to do, as steps that people tick."""

from collections.abc import Iterable, Mapping

import msgspec

from bot.domain.plan_terms import Closed
from bot.domain.response import StepState

GENERAL = "general"
"""The runbook for everything that no other one is about."""


class RunbookDocument(Closed, frozen=True, kw_only=True):
    """A runbook as it is written.

    title: what it is about. about: words of triggers, alerts and titles by which it is chosen.
    steps: in the order in which they are done.
    """

    title: str
    about: tuple[str, ...] = ()
    steps: tuple[str, ...]


Runbooks = Mapping[str, RunbookDocument]


def chosen(runbooks: Runbooks, *texts: str) -> str:
    """The name of the runbook that is about what these texts say; the one for everything else
    where none is, "" where there is not even that."""
    heard = " ".join(texts).lower().replace("_", " ").replace("-", " ")
    for name, runbook in sorted(runbooks.items()):
        if any(word.lower() in heard for word in runbook.about):
            return name
    return GENERAL if GENERAL in runbooks else ""


def steps_of(texts: Iterable[str]) -> tuple[StepState, ...]:
    """Steps that nobody has ticked yet."""
    return tuple(StepState(text) for text in texts)


class NoRunbookError(LookupError):
    """There is no runbook of this name; `known` are those that there are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.known = tuple(known)


def named(runbooks: Runbooks, name: str) -> RunbookDocument:
    """Raises NoRunbookError."""
    found = runbooks.get(name)
    if found is None:
        raise NoRunbookError(name, runbooks)
    return msgspec.structs.replace(found)
