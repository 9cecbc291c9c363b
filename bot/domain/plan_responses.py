"""What a plan says about alerts' levels, breaches and clocks, held against what there is."""

import re
from collections.abc import Mapping, Sequence

from bot.domain.conditions import Action, Condition
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.duties import OCCASIONS, WORDS
from bot.domain.plan import Metric, Plan
from bot.domain.plan_conditions import Place, conditions
from bot.domain.plan_sections import LevelDocument, Step, TimerDocument
from bot.domain.plan_terms import ConditionDocument
from bot.domain.response import step_parts
from bot.domain.response_words import KNOWN

LEVELS = ("critical", "warning")

_PLACED = re.compile(r"([a-z.]+)\(([a-z0-9-]+)\)")


def level_alerts(
    levels: Mapping[str, LevelDocument], metrics: Mapping[str, Metric]
) -> Mapping[str, tuple[Condition, ...]]:
    """The alerts that a table of levels makes, by level. Raises DocumentError."""
    found: dict[str, tuple[Condition, ...]] = {}
    for level in LEVELS:
        for name, document in levels.items():
            limit = getattr(document, level)
            if not limit:
                continue
            text = f"{name} {limit}"
            rule = ConditionDocument(
                id=f"level-{level}-{name}",
                if_=text,
                window=document.window,
                say=text.replace("_", " "),
                act=document.act,
            )
            place = Place(("if",), Action.NOTIFY, level, subjects=())
            made = conditions((rule,), metrics, ("levels", name, level), place)
            found[level] = (*found.get(level, ()), *made)
    return found


def check_responses(plan: Plan) -> None:
    """Refuse steps and clocks that nobody would carry out. Raises DocumentError."""
    rules = plan.sections.rollback
    for name in ("auto", "manual", "elsewhere", "after", "notify"):
        _steps(getattr(rules, name), ("rollback", name))
    waves = {wave.id for wave in plan.waves}
    for wave, steps in rules.waves.items():
        if wave not in waves:
            hint = nearest(wave, waves)
            raise DocumentError(("rollback", "waves", wave), "is no wave of this plan", hint)
        _steps(steps, ("rollback", "waves", wave))
    for index, each in enumerate(plan.waves):
        _steps(each.on_breach_steps, ("waves", index, "on_breach_steps"))
    for index, timer in enumerate(plan.sections.timers):
        _timer(timer, waves, ("timers", index))


def _steps(steps: Sequence[Step], path: Path) -> None:
    for index, step in enumerate(steps):
        try:
            word, _ = step_parts(step)
        except ValueError as error:
            raise DocumentError((*path, index), str(error)) from error
        if word not in KNOWN:
            raise DocumentError((*path, index), f"{word!r} is no step", nearest(word, KNOWN))


def _timer(timer: TimerDocument, waves: set[str], path: Path) -> None:
    placed = _PLACED.fullmatch(timer.when)
    occasion = placed[1] if placed else timer.when
    if occasion not in OCCASIONS:
        hint = nearest(occasion, OCCASIONS)
        raise DocumentError((*path, "when"), f"nothing is called {timer.when!r}", hint)
    if placed and placed[2] not in waves:
        raise DocumentError((*path, "when"), f"there is no wave {placed[2]!r}", "")
    if timer.due not in WORDS:
        raise DocumentError((*path, "due"), f"{timer.due!r} is no duty", nearest(timer.due, WORDS))
