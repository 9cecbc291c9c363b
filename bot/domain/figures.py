"""Checks that find several numbers at once: a load test is run once, and says them all.

The last line that such a command prints is a JSON object: `{"error_rate": 0.04, "p99": "412ms"}`.
An item with `figure: p99` takes that number of it, and holds it against its own limit.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from bot.domain.checklists import Item


def figure_of(printed: str, name: str) -> str:
    """The number of that name in what a command printed, as text; "" when it is not there."""
    found = _figures(printed).get(name)
    return str(found) if isinstance(found, str | int | float) else ""


def _figures(printed: str) -> dict[str, Any]:
    lines = printed.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def checks_with_figures(items: Iterable[Item]) -> frozenset[str]:
    """The checks that are run once for all items that ask for them."""
    return frozenset(item.check for item in items if item.figure)


def each_once(items: Iterable[Item], together: Collection[str]) -> Sequence[Item]:
    """One item of each check in `together`, and every other one."""
    found: dict[str, Item] = {}
    for item in items:
        found.setdefault(item.check if item.check in together else f"/{item.key}", item)
    return tuple(found.values())
