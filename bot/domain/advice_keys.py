"""Keys of a plan that the bot passes over: said by `plan check`, so that nobody relies on them."""

from collections.abc import Iterator

from bot.domain.documents import DocumentError, nearest
from bot.domain.plan import Plan
from bot.domain.plan_sections import ShiftDocument
from bot.domain.version_steps import PACES, pace_of


def passed_over(plan: Plan) -> Iterator[DocumentError]:
    """Each key that is written and does nothing, or not what it seems to."""
    yield from _shift(plan.sections.shift)
    if plan.sections.dashboard is not None:
        yield DocumentError(
            ("dashboard",),
            "is not acted upon: the card is kept up to date by itself, with legal buttons",
            "set `poll` for how fresh its numbers are",
        )
    for part, words in plan.sections.version.increment.items():
        if pace_of(words) is None:
            known = nearest(words, PACES) or f"write {', '.join(PACES)}, or a duration like 6w"
            path = ("version", "increment", part)
            yield DocumentError(path, f"{words!r} does not say how often", known)


def _shift(shift: ShiftDocument) -> Iterator[DocumentError]:
    """The bot hands a share to the deployer; by what that moves traffic is the deployer's."""
    hint = "set it up in the deployer of the service"
    if shift.by != "weight":
        problem = f"{shift.by} is not turned by the bot: the deployer gets the share and does it"
        yield DocumentError(("shift", "by"), problem, hint)
    for key in ("flag", "sticky", "backup"):
        if getattr(shift, key):
            yield DocumentError(
                ("shift", key), "is for people to read; the bot only keeps it", hint
            )
