"""Release notes out of the commits of a range, under the headings of a change log."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

MOST = 50
"""Lines under one heading."""

_LONG = 140
_CONVENTIONAL = re.compile(r"([a-z]+)(?:\([^)]*\))?(!)?:\s+(.+)")
_HEADINGS = {"feat": "Added", "fix": "Fixed"}
_UNSAID = frozenset({"chore", "ci", "test", "build", "style", "docs"})
"""Kinds of commits that change nothing for those who use it, unless they break something."""


class Commit(msgspec.Struct, frozen=True):
    """at: when it was committed, aware, UTC. summary: the first line of its message. merge: it only
    brings others together."""

    sha: str
    at: datetime
    summary: str
    author: str = ""
    merge: bool = False


def changes(commits: Iterable[Commit]) -> Mapping[str, tuple[str, ...]]:
    """What changed, by heading: conventional commits by their kind, others as Changed.

    Merges, and what is of no consequence to users, are left out.
    """
    found: dict[str, list[str]] = {"Added": [], "Changed": [], "Fixed": []}
    for commit in commits:
        summary = " ".join(commit.summary.split())
        if summary.startswith("Merge ") or not summary:
            continue
        match = _CONVENTIONAL.fullmatch(summary)
        if match is None:
            found["Changed"].append(summary[:_LONG])
        elif match[2]:
            found["Changed"].append(f"Breaking: {match[3]}"[:_LONG])
        elif match[1] not in _UNSAID:
            found[_HEADINGS.get(match[1], "Changed")].append(match[3][:_LONG])
    return {heading: tuple(lines[:MOST]) for heading, lines in found.items() if lines}
