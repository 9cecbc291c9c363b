"""Keys of a plan that the bot passes over: said by `plan check`, so that nobody relies on them."""

from collections.abc import Collection, Iterator, Sequence

from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.metrics_dora import ALIASES, METRICS, MTTR
from bot.domain.notice_comms import moments
from bot.domain.plan import Plan
from bot.domain.plan_sections import ShiftDocument
from bot.domain.quality import COUNTED, GIVEN
from bot.domain.standup_state import CHOICES, SECTIONS
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
    if plan.sections.version.tag_message and not plan.sections.branches:
        yield DocumentError(
            ("version", "tag_message"),
            "sets no tag: without `branches` nobody says which commit a version is",
            "add `branches: {production: main}`, or set the tag before the release",
        )
    for part, words in plan.sections.version.increment.items():
        if pace_of(words) is None:
            known = nearest(words, PACES) or f"write {', '.join(PACES)}, or a duration like 6w"
            path = ("version", "increment", part)
            yield DocumentError(path, f"{words!r} does not say how often", known)
    yield from _unknown_words(plan)


def unheard(plan: Plan, audiences: Collection[str]) -> Iterator[DocumentError]:
    """Words for audiences of whom nobody knows how they are reached."""
    for index, comm in enumerate(plan.sections.comms):
        if comm.to and comm.to not in audiences:
            near = nearest(comm.to, audiences)
            hint = near or f"add `notices: {{audiences: {{{comm.to}: {{channels: [C...]}}}}}}`"
            problem = f"nobody knows how {comm.to!r} is reached, so its drafts can't go out"
            yield DocumentError(("comms", index, "to"), problem, hint)


def _unknown_words(plan: Plan) -> Iterator[DocumentError]:
    """Names in the sections of standups and figures that mean nothing to the bot."""
    standup = plan.sections.standup
    figures = (*METRICS, *ALIASES, MTTR, *COUNTED)
    lists: list[tuple[Path, Sequence[str], Sequence[str]]] = [
        (("dora",), plan.sections.dora, figures)
    ]
    if standup is not None:
        lists.append((("standup", "agenda"), standup.agenda, SECTIONS))
        lists.append((("standup", "decisions"), standup.decisions, [str(c) for c in CHOICES]))
    for path, words, known in lists:
        for index, word in enumerate(words):
            if word not in known:
                hint = nearest(word, known) or f"there are {', '.join(known)}"
                yield DocumentError((*path, index), f"{word!r} is no name that is known here", hint)
    known_moments = moments(plan)
    for index, comm in enumerate(plan.sections.comms):
        if comm.when and comm.when not in known_moments:
            hint = nearest(comm.when, known_moments) or f"there are {', '.join(known_moments)}"
            yield DocumentError(("comms", index, "when"), "nothing is said then", hint)
    for figure in plan.sections.report:
        if figure not in GIVEN:
            hint = nearest(figure, GIVEN) or f"there are {', '.join(GIVEN)}"
            yield DocumentError(("report", figure), "is no figure that is known here", hint)


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
