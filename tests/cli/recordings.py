"""Recorded traffic that a test makes up, as the files that `plan replay --data` reads."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.cli.typed import NOW

STEP = timedelta(seconds=15)

At = Callable[[timedelta], Sequence[float] | None]
"""Since the beginning -> the numbers of a point, None for a gap."""


def series(metric: str, kind: str, at: At, minutes: float, **more: Any) -> dict[str, Any]:
    """One series of a recording, a point every 15 seconds from NOW on."""
    points = []
    for number in range(int(minutes * 4) + 1):
        numbers = at(STEP * number)
        if numbers is not None:
            points.append([instant(STEP * number), *numbers])
    return {"metric": metric, "kind": kind, **more, "points": points}


def errors(
    at: At | None = None, minutes: float = 60, *, per: int = 50, track: str = "canary"
) -> dict[str, Any]:
    """`per` requests in 15 seconds, none of which fails where nothing is said."""
    return series("error_rate", "ratio", at or (lambda _: (0, per)), minutes, track=track)


def failing(share: float, after: float, per: int = 50) -> At:
    """That share of the requests fails from so many minutes on."""
    began = timedelta(minutes=after)
    return lambda since: (round(per * share) if since > began else 0, per)


def instant(since: timedelta) -> str:
    return (NOW + since).isoformat().replace("+00:00", "Z")


def clock(text: str) -> datetime:
    """Today at HH:MM:SS."""
    hours, minutes, seconds = map(int, text.split(":"))
    return NOW.replace(hour=hours, minute=minutes, second=seconds)


def keep(folder: Path, *found: dict[str, Any], name: str = "kept.json") -> Path:
    """Write a recording."""
    path = folder / name
    path.write_text(json.dumps({"schema": 1, "series": list(found)}))
    return path
