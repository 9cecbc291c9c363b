"""Which names of events, reports and incidents are known: a name with a slip of the pen in it would
be taken in, and would do nothing."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from bot.domain.alerts import CUT_OFF, HooksDocument
from bot.domain.conditions import Action, Condition
from bot.domain.documents import nearest
from bot.domain.plan import Plan
from bot.domain.reports import EVENTS, INCIDENTS, REPORTS

What = Literal["event", "report", "incident"]

_SUBJECTS = {"reports": "report", "open_incidents": "incident"}
"""What plans call those that they count."""


class Vocabulary(msgspec.Struct, frozen=True):
    """Names by what they are names of, and what an event does where the plan does not say it."""

    event: frozenset[str]
    report: frozenset[str]
    incident: frozenset[str]
    does: dict[str, Action]

    def of(self, what: What) -> frozenset[str]:
        """The names of events, reports or incidents."""
        names: frozenset[str] = getattr(self, what)
        return names

    def unknown(self, what: What, name: str) -> str:
        """Why a name can't be taken in and what to do, "" when it is known."""
        if name in self.of(what):
            return ""
        hint = nearest(name, self.of(what))
        place = "`hooks:` in the configuration" if what != "incident" else "a plan"
        problem = f"I know no {what} {name[:80]!r}"
        problem = f"{problem}; {hint}" if hint else f"{problem}."
        return f"{problem} Nothing was done. New names are given in a plan or under {place}."

    def does_by_itself(self, what: What, name: str) -> Action:
        """What it does where the plan does not say it: what is bad enough to be named holds.

        Reports are counted, which is all that they do.
        """
        match what:
            case "event":
                return self.does.get(name, Action.PAUSE)
            case "report":
                return Action.NOTIFY
            case "incident":
                return Action.PAUSE if name == "critical" else Action.NOTIFY


def vocabulary(plans: Iterable[Plan], hooks: HooksDocument) -> Vocabulary:
    """The names that plans and the configuration know, and those that are always known."""
    found: dict[str, set[str]] = {
        "event": {*EVENTS, CUT_OFF, *hooks.events},
        "report": {*REPORTS, *hooks.reports},
        "incident": {*INCIDENTS},
    }
    for plan in plans:
        for condition in _conditions(plan):
            if condition.kind == "event":
                found["event"].add(condition.text)
            subject = condition.comparison and _SUBJECTS.get(condition.comparison.subject)
            if subject and condition.comparison:
                found[subject].add(condition.comparison.argument)
    names = {what: frozenset(known - {""}) for what, known in found.items()}
    return Vocabulary(**names, does=dict(hooks.events))


def _conditions(plan: Plan) -> Iterable[Condition]:
    yield from plan.triggers
    for level in plan.alerts.values():
        yield from level
    for wave in plan.waves:
        yield from wave.gates
        yield from wave.triggers
