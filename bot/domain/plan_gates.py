"""The gates of a wave, with those that it takes over: from an earlier wave, or from the targets.

`include: w1` asks again, at the end of this wave, everything that w1 asked; `targets: performance`
asks for each of the plan's targets of that name. Both become plain gates here, once, so that
nothing else has to know of them. What is asked already is not asked twice.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bot.domain.conditions import Action, Condition, Operator
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan import Metric
from bot.domain.plan_conditions import Place, Word, compared, condition, duration
from bot.domain.plan_sections import LevelDocument
from bot.domain.plan_terms import ConditionDocument

WORDS: tuple[Word, ...] = ("if", "attest", "check", "include", "targets", "stable")
"""What a gate can be."""


class Sources(msgspec.Struct, frozen=True):
    """What gates can be taken from: earlier waves by id, and targets by name."""

    waves: Mapping[str, tuple[Condition, ...]]
    targets: Mapping[str, tuple[str, ...]]


def gates(
    documents: Sequence[ConditionDocument],
    metrics: Mapping[str, Metric],
    path: Path,
    place: Place,
    sources: Sources,
) -> tuple[Condition, ...]:
    """The gates of one wave, each once. Raises DocumentError."""
    found: list[Condition] = []
    taken: set[str] = set()
    for index, document in enumerate(documents):
        takes_over = bool(document.include or document.targets)
        for each in _gates(document, metrics, (*path, index), place, sources):
            same = next((other for other in found if _same(each, other)), None)
            if same is None or not (takes_over or same.id in taken):
                found.append(each)
            if takes_over:
                taken.add(each.id)
    return tuple(found)


def _gates(
    document: ConditionDocument,
    metrics: Mapping[str, Metric],
    path: Path,
    place: Place,
    sources: Sources,
) -> Iterator[Condition]:
    made = condition(document, metrics, path, place)
    match made.kind:
        case "include":
            yield from _included(made.text, path, place, sources)
        case "targets":
            yield from _aimed(made.text, metrics, path, place, sources)
        case "stable":
            hold = duration(made.text, (*path, "stable"))
            yield msgspec.structs.replace(made, text=f"stable for {made.text}", hold=hold)
        case _:
            yield made


def _included(name: str, path: Path, place: Place, sources: Sources) -> Iterator[Condition]:
    if name not in sources.waves:
        known = nearest(name, sources.waves) or "the first wave has none before it"
        raise DocumentError((*path, "include"), f"there is no earlier wave {name!r}", known)
    for gate in sources.waves[name]:
        yield msgspec.structs.replace(gate, id=f"{place.prefix}-{gate.id}")


def _aimed(
    name: str, metrics: Mapping[str, Metric], path: Path, place: Place, sources: Sources
) -> Iterator[Condition]:
    if name not in sources.targets:
        known = nearest(name, sources.targets) or "the plan has no `targets`"
        raise DocumentError((*path, "targets"), f"there are no targets {name!r}", known)
    for index, text in enumerate(sources.targets[name]):
        at: Path = ("targets", name, index)
        yield condition(ConditionDocument(if_=text), metrics, at, place)


def _same(one: Condition, other: Condition) -> bool:
    return (one.kind, one.text, one.by) == (other.kind, other.text, other.by)


# --- levels ---------------------------------------------------------------------------------

_OPPOSITE = {
    Operator.LESS: ">=",
    Operator.LESS_EQUAL: ">",
    Operator.GREATER: "<=",
    Operator.GREATER_EQUAL: "<",
    Operator.EQUAL: "!=",
    Operator.NOT_EQUAL: "==",
}


def aims(
    levels: Mapping[str, LevelDocument], metrics: Mapping[str, Metric]
) -> tuple[Condition, ...]:
    """What is true when a target of the levels is missed. Raises DocumentError."""
    found: list[Condition] = []
    for name, document in levels.items():
        if document.target:
            path: Path = ("levels", name, "target")
            place = Place(("if",), Action.NOTIFY, "target", subjects=())
            aim = compared(f"{name} {document.target}", metrics, path, place)
            missed = f"{name} {_OPPOSITE[aim.operator]} {aim.limit.text}"
            rule = ConditionDocument(id=f"target-{name}", if_=missed, window=document.window)
            found.append(condition(rule, metrics, path, place))
    return tuple(found)
