"""Durations, percentages and quantities as people write them in plans ("30m", "5%", "500ms")."""

import re
from datetime import timedelta

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
LONGEST = timedelta(days=3653)
"""No duration of a release is longer, and every instant can be told."""

_STEPS = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def parse_duration(text: str) -> timedelta:
    """A duration such as "90s", "1.5h" or "2d". Raises ValueError saying what is expected."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration; write a number and a unit, like 30s, 5m, 2h, 1d"
        )
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text[:40]!r} is longer than ten years")
    return timedelta(seconds=seconds)


def parse_percent(text: str) -> float:
    """A percentage such as "5%", as percent (5.0). Raises ValueError saying what is expected."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a percentage; write it like 5% or 0.1%")
    return float(match[1])


def format_duration(span: timedelta) -> str:
    """The shortest exact form in at most two units: "1h 30m", "15s"; parts of a second are cut."""
    seconds = int(span.total_seconds())
    if seconds < 1:
        return "0s"
    parts: list[str] = []
    for unit, size in _STEPS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def format_share(share: float) -> str:
    """A measured share 0..1 as a percentage of three significant digits: 0.16667 -> "16.7%"."""
    return f"{float(f'{share * 100:.3g}'):g}%"


def format_percent(share: float, digits: int = 3) -> str:
    """A share 0..1 as a percentage without needless zeros: 0.0004 -> "0.04%"."""
    text = f"{share * 100:.{digits}f}".rstrip("0").rstrip(".")
    return f"{text or '0'}%"


def format_weight(weight: float) -> str:
    """Percent of the traffic (0..100) as text: 5.0 -> "5 %"."""
    return f"{weight:g} %"
