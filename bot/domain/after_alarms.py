"""What people hear of at once while a watch looks closely: a number that is bad twice in a row.

One bad look is noise more often than not, and the regular posts tell it anyway.
"""

from bot.domain.after_measuring import LOOK, finding, looks
from bot.domain.after_state import Aftercare
from bot.domain.after_steps import Decision, change
from bot.domain.events import Effect, Page, PostThread
from bot.domain.evidence import Verdict

IN_A_ROW = 2


def alarm(care: Aftercare) -> Decision:
    """Count the bad looks of each number; say when it has become bad, and when it is good again."""
    if not looks(care):
        return (change(care, bad={}) if care.bad else care), ()
    bad: dict[str, int] = {}
    effects: tuple[Effect, ...] = ()
    for condition in care.after.standing:
        found = finding(care, condition, LOOK)
        before = care.bad.get(condition.id, 0)
        if found.verdict is Verdict.FAIL:
            bad[condition.id] = min(before + 1, IN_A_ROW)
            if before + 1 == IN_A_ROW:
                text = f"It is bad at this moment: {condition.text} ({found.shown})."
                effects += (PostThread(text, broadcast=True), Page(text))
        elif found.verdict is Verdict.UNKNOWN and before:
            bad[condition.id] = before
        elif before == IN_A_ROW:
            effects += (PostThread(f"It is good again: {condition.text} ({found.shown})."),)
    return change(care, bad=bad), effects
