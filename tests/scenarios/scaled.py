"""The plans that take hours, in seconds: every duration divided by one number.

Shares, counts and limits stay as they are, and so does the order of what happens; only time runs
faster. What becomes shorter than instruments can see is as long as they need (`least`), which keeps
the order too. The document is scaled, not the plan that comes of it: it is checked, signed and
pinned like any other.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.plan_terms import Closed
from bot.domain.units import parse_duration
from bot.plans import library

_KEPT = frozenset({"if", "id", "say", "act", "title", "summary"})
"""Keys whose text is no duration, whatever it looks like: 500ms in a condition is a limit."""


class Pace(Closed, frozen=True, kw_only=True):
    """by: what durations are divided by. least: seconds that a duration above 0 has at least."""

    by: float
    least: float = 0.5


def scaled(document: Mapping[str, Any], pace: Pace) -> dict[str, Any]:
    """A plan document whose time runs faster, under a name of its own. What it leaves to the usual
    values, and could not be scaled there, is in it afterwards."""
    watch = {"keep_previous": "1h", **document.get("watch", {})}
    whole = {"poll": "1s", **document, "watch": watch, "plan": f"{document['plan']}-in-seconds"}
    made: dict[str, Any] = _scaled(whole, pace)
    return made


BEFORE = frozenset({"preflight", "checklists", "calendar"})
"""What comes before anybody signs, and on which days: no traffic moves there, and each of these has
scenarios of its own."""


def built_in(name: str, pace: Pace) -> dict[str, Any]:
    """A plan that comes with the program, from the signatures on, with faster time."""
    document = library().get(name).document
    return scaled({k: v for k, v in document.items() if k not in BEFORE}, pace)


def _scaled(value: Any, pace: Pace) -> Any:
    if isinstance(value, Mapping):
        return {k: v if k in _KEPT else _scaled(v, pace) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_scaled(each, pace) for each in value]
    return _shorter(value, pace) if isinstance(value, str) else value


def _shorter(text: str, pace: Pace) -> str:
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError:
        return text
    if not seconds:
        return text
    return f"{max(seconds / pace.by, min(pace.least, seconds)) * 1000:.0f}ms"
