"""All that is wrong in a plan, where compiling it stops at the first mistake.

A condition that can't be is put aside for a harmless one, and the plan is compiled again. What is
wrong elsewhere (a wave, a metric) has consequences that can't be told from mistakes of their own,
so there it ends.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.documents import DocumentError, Path
from bot.domain.plan_compile import compile_plan

MOST = 50
"""Nobody reads more at once."""

_PLACEHOLDERS: Mapping[str, str] = {"go_if": "check", "triggers": "event"}
"""The list that a condition is in -> what can stand there whatever the plan measures."""


def all_mistakes(document: Mapping[str, Any]) -> list[DocumentError]:
    """The mistakes of a document whose `extends` is merged already; none when it is sound."""
    found: list[DocumentError] = []
    rest: Mapping[str, Any] | None = document
    while rest is not None and len(found) < MOST:
        try:
            compile_plan(rest)
        except DocumentError as error:
            found.append(error)
            rest = _without(rest, error.path, f"left_out_{len(found)}")
        else:
            break
    return found


def _without(document: Mapping[str, Any], path: Path, name: str) -> Mapping[str, Any] | None:
    """The document with another condition at the place of the mistake; None when it is in none."""
    for end in range(len(path), 1, -1):
        kind = _PLACEHOLDERS.get(str(path[end - 2]))
        if kind is not None and isinstance(path[end - 1], int):
            placeholder = {"id": name.replace("_", "-"), kind: name}
            changed: Mapping[str, Any] = _put(document, path[:end], placeholder)
            return changed
    return None


def _put(found: Any, path: Path, value: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(found, Mapping):
        return {**found, head: _put(found[head], rest, value)}
    return [_put(entry, rest, value) if at == head else entry for at, entry in enumerate(found)]
