"""Files that people write: read strictly, and every mistake told with its line.

A mistake looks like `countersign.yml:12: services.checkout.plan: problem (what to do)`. All that
can be found in one go are told at once.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple, TypeVar

from bot.domain.documents import DocumentError, Path, format_path
from bot.domain.shape import converted, mistakes
from bot.yaml_text import UnreadableError, parse

T = TypeVar("T")

LARGEST_FILE = 1 << 20
"""Bytes; a configuration that is larger is something else."""


class Problem(NamedTuple):
    """One mistake in a file. line: from 1, 0 for the file as a whole."""

    file: str
    line: int
    path: Path
    problem: str
    hint: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{format_path(self.path)}: " if self.path else ""
        text = f"{place}: {key}{self.problem}" + (f" ({self.hint})" if self.hint else "")
        # What a file holds must not reach a terminal as a command, or begin a line of its own.
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {**self._asdict(), "path": format_path(self.path)}


class FileError(Exception):
    """A file can't be used; the text holds a line for each of its `problems`.

    rest: what could be read of it, where only single words could not be.
    """

    def __init__(self, problems: Iterable[Problem], rest: "Document | None" = None) -> None:
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__("\n".join(map(str, self.problems)))


class Document(NamedTuple):
    """A file as plain data, with the line at which every key begins."""

    file: str
    data: dict[str, Any]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a path, or of what is nearest above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, error: DocumentError) -> Problem:
        """A mistake, with its line."""
        line = self.line(error.path)
        return Problem(self.file, line, error.path, error.problem, error.hint)

    def refuse(self, errors: Iterable[DocumentError]) -> None:
        """Raises FileError when there are any."""
        problems = [self.problem(error) for error in errors]
        if problems:
            raise FileError(problems)

    def converted(self, wanted: type[T]) -> T:
        """The data as a value of a type. Raises FileError with every mistake there is."""
        self.refuse(mistakes(self.data, wanted))
        try:
            return converted(self.data, wanted)
        except DocumentError as error:
            raise FileError([self.problem(error)]) from error


def read_document(path: FilePath, name: str = "") -> Document:
    """Read a file. name: what it is called in messages, the path when not given.

    Raises FileError, also when there is no such file.
    """
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
        raise FileError([Problem(shown, 0, (), problem, "")]) from error
    return document(raw, shown)


def document(raw: bytes, file: str) -> Document:
    """What the bytes of a file say. file: what it is called in messages. Raises FileError."""
    if len(raw) > LARGEST_FILE:
        raise FileError([Problem(file, 0, (), "is larger than 1 MiB", "")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        hint = "save the file with the encoding UTF-8"
        raise FileError([Problem(file, line, (), "is not UTF-8 text", hint)]) from error
    try:
        tree = parse(text)
    except UnreadableError as error:
        problems = [
            Problem(file, line, found.path, found.problem, found.hint)
            for found, line in error.mistakes
        ]
        rest = None if error.rest is None else Document(file, error.rest.data, error.rest.lines)
        raise FileError(problems, rest) from error
    return Document(file, tree.data, tree.lines)
