"""The small vocabulary in which `blocks.py` writes down what Block Kit allows.

A check is a function of a value, the JSON pointer to it and a `Report` that gathers complaints in
the words that Slack uses, so that the author of a card reads the same message here and there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Complaints found so far, plus the identifiers that may not appear twice."""

    messages: list[str] = field(default_factory=list)
    block_ids: set[str] = field(default_factory=set)

    def add(self, path: str, what: str) -> None:
        """Note a complaint about the value at a JSON pointer."""
        self.messages.append(f"[ERROR] {what} [json-pointer:{path}]")


Check = Callable[[Any, str, Report], None]


def string(most: int, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(value: Any, path: str, report: Report) -> None:
        if not isinstance(value, str):
            report.add(path, "must be a string")
        elif len(value) > most:
            report.add(path, f"must be less than {most + 1} characters")
        elif len(value) < least:
            report.add(path, f"must be more than {least - 1} characters")

    return check


def boolean(value: Any, path: str, report: Report) -> None:
    """True or false."""
    if not isinstance(value, bool):
        report.add(path, "must be a boolean")


def integer(least: int = 0, most: int | None = None) -> Check:
    """A whole number within bounds."""

    def check(value: Any, path: str, report: Report) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            report.add(path, "must be an integer")
        elif value < least or (most is not None and value > most):
            report.add(path, f"must be between {least} and {most}")

    return check


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, path: str, report: Report) -> None:
        if value not in allowed:
            report.add(path, f"must be one of: {', '.join(allowed)}")

    return check


def listing(item: Check, most: int, least: int = 1) -> Check:
    """A list of `least` to `most` items."""

    def check(value: Any, path: str, report: Report) -> None:
        if not isinstance(value, list):
            report.add(path, "must be an array")
            return
        if len(value) > most:
            report.add(path, f"no more than {most} items allowed")
        if len(value) < least:
            report.add(path, f"must provide at least {least} item(s)")
        for place, each in enumerate(value):
            item(each, f"{path}/{place}", report)

    return check


def obj(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """An object with exactly these properties."""
    allowed = {**required, **optional}

    def check(value: Any, path: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(path, "must be an object")
            return
        for name in required:
            if name not in value:
                report.add(path, f"missing required field: {name}")
        for name, inner in value.items():
            if name in allowed:
                allowed[name](inner, f"{path}/{name}", report)
            else:
                report.add(f"{path}/{name}", "unexpected property")

    return check


def by_type(kinds: Mapping[str, Check], what: str) -> Check:
    """An object whose `type` chooses the check."""

    def check(value: Any, path: str, report: Report) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in kinds:
            report.add(path, f"unsupported {what}: {kind}")
        else:
            kinds[kind](value, path, report)

    return check


def every(*checks: Check) -> Check:
    """All of several checks, in order, up to the first that complains: the later ones may rely
    on what the earlier ones have established."""

    def check(value: Any, path: str, report: Report) -> None:
        before = len(report.messages)
        for each in checks:
            each(value, path, report)
            if len(report.messages) > before:
                return

    return check


def anything(_value: Any, _path: str, _report: Report) -> None:
    """No opinion."""
