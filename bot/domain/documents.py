"""What is wrong in a file that a person wrote, and where.

Plan files and the configuration are both checked as plain data; the one who reads the file from
disk turns the path into a line number.
"""

import difflib
from collections.abc import Iterable

Path = tuple[str | int, ...]

LONGEST_WORD = 100
"""Characters of a word that are compared with names that are known; no name is as long."""


class DocumentError(ValueError):
    """One mistake in a document.

    path: keys and indexes that lead to the place, () for the document itself.
    problem: what is wrong, in one sentence without a final full stop.
    hint: what to do about it, may be empty.
    """

    def __init__(self, path: Path, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        place = format_path(self.path)
        tail = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.problem}{tail}" if place else f"{self.problem}{tail}"


def format_path(path: Path) -> str:
    """A path as people read it: waves[0].traffic."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word closest to `word`, or all of them when they are few."""
    names = sorted(known)
    close = difflib.get_close_matches(word[:LONGEST_WORD], names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) <= 12:
        return f"known here: {', '.join(names)}" if names else ""
    return ""
