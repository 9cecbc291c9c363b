"""The steps of a response: what each says, who does it, and how many have to agree to it first."""

from datetime import datetime

import msgspec

from bot.domain.plan_sections import Step
from bot.domain.response_words import CUSTOMERS, KNOWN, Asks, Moment


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
