"""What has to hold of a checklist: in its file, and of the numbers that go with its items."""

import re
from collections.abc import Mapping

from bot.domain.checklists import RELEASE, STAGES, STAGING_LIVE
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan import Plan
from bot.domain.plan_sections import ChecklistDocument, ItemDocument
from bot.domain.units import parse_duration, parse_percent

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%|ms|s|m|h|d)?(?![0-9A-Za-z])")
_RULE = re.compile(r"(>=|<=|>|<)\s*([0-9]+(?:\.[0-9]+)?)\s*(%|ms|s|m|h|d)?")
LONGEST_ID = 60
"""Characters of the name of a list, or of an item: together they go with a button."""

_TIMES = frozenset({"ms", "s", "m", "h", "d"})


# --- numbers that have to hold --------------------------------------------------------------


def value_problem(rule: str, evidence: str) -> str | None:
    """Why the evidence does not satisfy a rule like `>= 95%`, None when it does."""
    wanted, given = _RULE.fullmatch(rule), _NUMBER.search(evidence)
    if wanted is None:
        return f"{rule!r} can't be understood"
    if given is None:
        return f"give the number that was found; it has to be {rule}"
    unit = given[2] or wanted[3] or ""
    if (unit in _TIMES) != ((wanted[3] or "") in _TIMES):
        return f"{given[0].strip()} is not in the unit of {rule}"
    limit, value = _base(wanted[2], wanted[3] or ""), _base(given[1], unit)
    holds = {">=": value >= limit, ">": value > limit, "<=": value <= limit, "<": value < limit}
    return None if holds[wanted[1]] else f"{given[0].strip()} is not {rule}"


def value_mistake(rule: str) -> str:
    """Why a rule can't be understood, "" when it can."""
    return "" if _RULE.fullmatch(rule) else f"{rule!r} can't be understood"


def _base(number: str, unit: str) -> float:
    if unit in _TIMES:
        return parse_duration(f"{number}{unit}").total_seconds()
    return float(number)


# --- mistakes in the file -------------------------------------------------------------------


def check(plan: Plan) -> None:
    """That the sections fit together. Raises DocumentError with the path of the first mistake."""
    _check_preflight(plan)
    sections = plan.sections
    for name, document in sections.checklists.items():
        path: Path = ("checklists", name)
        if name in {STAGES, RELEASE}:
            raise DocumentError(path, f"{name!r} is a list of the bot's own", "rename it")
        _check_ids(document, path)
        for index, item in enumerate(document.items):
            _check_item(item, (*path, "items", index))


def _check_preflight(plan: Plan) -> None:
    preflight = plan.sections.preflight
    if parse_percent(preflight.pass_rate) > 100:
        raise DocumentError(("preflight", "pass_rate"), f"{preflight.pass_rate} is more than all")
    for index, name in enumerate(preflight.checklists):
        if name not in plan.sections.checklists:
            hint = nearest(name, plan.sections.checklists) or "write it under `checklists:`"
            path: Path = ("preflight", "checklists", index)
            raise DocumentError(path, f"there is no checklist {name!r}", hint)


def _check_ids(document: ChecklistDocument, path: Path) -> None:
    seen: set[str] = set()
    if len(str(path[-1])) > LONGEST_ID:
        raise DocumentError(path, f"has a name of more than {LONGEST_ID} characters")
    for index, item in enumerate(document.items):
        if len(item.id) > LONGEST_ID:
            at: Path = (*path, "items", index, "id")
            raise DocumentError(at, f"has more than {LONGEST_ID} characters")
        if item.id in seen:
            raise DocumentError((*path, "items", index, "id"), f"{item.id!r} is used twice")
        seen.add(item.id)


def _check_item(item: ItemDocument, path: Path) -> None:
    own: Mapping[str, str] = {"check": item.check, "seat": item.seat, "wave": item.wave}
    given = [name for name, value in own.items() if value]
    if len(given) > 1:
        raise DocumentError(path, f"has {' and '.join(given)}", "one of them is enough")
    if item.value and item.ask:
        raise DocumentError((*path, "ask"), "asks for words, and `value` for a number", "keep one")
    if item.value and not _RULE.fullmatch(item.value):
        raise DocumentError((*path, "value"), f"{item.value!r} is no limit", "like `>= 95%`")
    if item.figure and not (item.check and item.value):
        hint = "name the command and the limit"
        raise DocumentError((*path, "figure"), "goes with `check` and `value`", hint)
    if item.live_for and item.check != STAGING_LIVE:
        raise DocumentError((*path, "live_for"), f"needs `check: {STAGING_LIVE}`")
