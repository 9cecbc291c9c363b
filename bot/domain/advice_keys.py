"""What a plan says and will not be done the way it reads: said by `plan check`.

Nobody should rely on a key that the bot passes over.
"""

from collections.abc import Collection, Iterator, Sequence

from bot.domain.audience import narrows
from bot.domain.dashboards import BUTTONS
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.metrics_dora import ALIASES, METRICS, MTTR
from bot.domain.notice_comms import moments
from bot.domain.plan import Plan
from bot.domain.quality import COUNTED, GIVEN
from bot.domain.standup_state import CHOICES, SECTIONS
from bot.domain.telling import SLACK_CHANNELS, channel_id
from bot.domain.version_steps import PACES, pace_of


def passed_over(plan: Plan) -> Iterator[DocumentError]:
    """Each key that is written and does nothing, or not what it seems to."""
    yield from _shift(plan)
    yield from _audiences(plan)
    yield from _dashboard(plan)
    for level in SLACK_CHANNELS:
        name = plan.sections.channels.get(level, "")
        if name and not channel_id(name):
            problem = f"{name!r} is a name: the installation's own channel is used"
            hint = "write the channel's id, such as C0ALERTS, in a plan of your own"
            yield DocumentError(("channels", level), problem, hint)
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


def _shift(plan: Plan) -> Iterator[DocumentError]:
    shift = plan.sections.shift
    if shift.by == "feature_flag" and not shift.flag:
        yield DocumentError(("shift",), "is by a flag without a name", "add `flag: its-name`")
    if shift.flag and shift.by != "feature_flag":
        problem = "is not turned: traffic is moved by weight"
        yield DocumentError(("shift", "flag"), problem, "write `by: feature_flag`")


def _audiences(plan: Plan) -> Iterator[DocumentError]:
    for index, wave in enumerate(plan.waves):
        if wave.traffic >= 100 and narrows(wave):
            problem = f"{wave.audience} alone get it in the last wave, and then everybody at once"
            yield DocumentError(("waves", index, "audience"), problem, "write `everybody`")
    heavy = [name for name, metric in plan.metrics.items() if metric.per_weight]
    if heavy and any(map(narrows, plan.waves)):
        problem = "can't be compared while a share is one of an audience: it is unknown then"
        hint = "measure it in a way that does not grow with the traffic"
        yield DocumentError(("metrics", heavy[0], "per_weight"), problem, hint)


def _dashboard(plan: Plan) -> Iterator[DocumentError]:
    dashboard = plan.sections.dashboard
    for index, name in enumerate(dashboard.buttons if dashboard is not None else ()):
        if name not in BUTTONS:
            hint = nearest(name, BUTTONS) or f"it has {', '.join(sorted(BUTTONS))}"
            yield DocumentError(("dashboard", "buttons", index), "is no button of the card", hint)
