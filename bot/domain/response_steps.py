"""The steps of a response: what each says, who does it, and how many have to agree to it first."""

from datetime import datetime
from typing import Literal

import msgspec

from bot.domain.people import BOT
from bot.domain.plan import Plan
from bot.domain.plan_sections import BudgetDocument, Step
from bot.domain.response_words import CUSTOMERS, KNOWN, Asks, Moment
from bot.domain.units import parse_duration

Action = Literal["rollback", "step_back", "pause"]

PARTS = ("detect", "decide", "execute", "verify", "total")


class StepState(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step. moment: when the bot counts it as done; "" for a person's. text: in words.

    people: how many different people have to agree before anybody does it, 0 for no agreement.
    agreed: who has. asks: what the bot prepares of it.
    """

    text: str
    moment: Moment = ""
    done_at: datetime | None = None
    by: str = ""
    evidence: str = ""
    people: int = 0
    agreed: tuple[str, ...] = ()
    asks: Asks = ""

    @property
    def open_seats(self) -> int:
        """How many more people have to agree."""
        return max(0, self.people - len(self.agreed))


def step_state(step: Step) -> StepState:
    """A step of a plan file in words. Raises KeyError for a word that means nothing."""
    word, detail = step_parts(step)
    known = KNOWN[word]
    text = known.text.format(detail=detail.replace("_", " ")) if detail else known.alone
    outside = known.asks != "notice" or any(word in text for word in CUSTOMERS)
    return StepState(text, known.moment, people=known.people, asks=known.asks if outside else "")


def step_parts(step: Step) -> tuple[str, str]:
    """The word of a step and what it is done to. Raises ValueError when there are several words."""
    if isinstance(step, str):
        return step, ""
    if len(step) != 1:
        raise ValueError("is several steps in one; give each a line of its own")
    return next(iter(step.items()))


def agree(step: StepState, person: str) -> tuple[StepState, str]:
    """One more person agrees to something that can't be undone; what is said of it.

    The same step comes back when this person has agreed already.
    """
    if person in step.agreed:
        return step, "You have agreed already; it takes another person."
    after = msgspec.structs.replace(step, agreed=(*step.agreed, person))
    if after.open_seats:
        count = f"{len(after.agreed)} of {after.people}"
        return after, f"@[{person}] agrees ({count}): {step.text}. Nobody does it yet."
    names = " and ".join(f"@[{each}]" for each in after.agreed)
    return after, f"{names} agree: {step.text}. Now it may be done; say so here when it is."


def steps_for(plan: Plan, action: Action, wave: str, *, by: str) -> tuple[StepState, ...]:
    """The steps of a plan for what happens now.

    wave: in which it happens. by: who decided; the bot's rollbacks have steps of their own.
    """
    rules = plan.sections.rollback
    ours = rules.auto if by == BOT else rules.manual
    here = rules.waves.get(wave, ()) or (ours if action == "rollback" else ())
    steps = [*here, *_of_wave(plan, wave)]
    if action == "rollback":
        steps += [*rules.notify, *rules.after]
    found: dict[str, StepState] = {}
    for step in steps:
        state = step_state(step)
        found.setdefault(state.text, state)
    return tuple(found.values())


def _of_wave(plan: Plan, wave: str) -> tuple[Step, ...]:
    return next((each.on_breach_steps for each in plan.waves if each.id == wave), ())


def budget_of(document: BudgetDocument) -> dict[str, float]:
    """The seconds that each part of a rollback may take; parts without a limit are left out."""
    given = {part: getattr(document, part) for part in PARTS}
    return {part: parse_duration(text).total_seconds() for part, text in given.items() if text}
