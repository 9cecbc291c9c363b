"""The plans there are: the built-in ones and those in the user's own folders.

A plan of the user's with the name of a built-in one takes its place, and may even extend it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bot.domain.documents import DocumentError, nearest
from bot.domain.documents import Path as Place
from bot.domain.plan import Plan, PlanDocument
from bot.domain.plan_compile import compile_plan, merge
from bot.domain.plan_merge import path_in
from bot.domain.plan_mistakes import all_mistakes
from bot.domain.shape import mistakes
from bot.files import Document, FileError, Problem, document, read_document

SUFFIXES = (".yaml", ".yml")


class UnknownPlanError(KeyError):
    """There is no such plan; the text names the nearest one."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self._text = f"there is no plan {name!r}; {nearest(name, known)}".rstrip("; ")

    def __str__(self) -> str:
        return self._text


class PlanLibrary:
    """Plans by name. Made by `library`."""

    def __init__(self, documents: Iterable[Document]) -> None:
        """documents: in the order in which they take each other's place.

        Raises FileError with all that is wrong in any of them.
        """
        self._stacks: dict[str, list[Document]] = {}
        problems: list[Problem] = []
        for found in documents:
            try:
                self._stacks.setdefault(_name(found), []).append(found)
            except FileError as error:
                problems += error.problems
        self._plans: dict[str, Plan] = {}
        for name in self._stacks:
            try:
                self._plans[name] = self._compiled(name)
            except FileError as error:
                problems += [p for p in error.problems if p not in problems]
        if problems:
            raise FileError(problems)

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._stacks))

    def get(self, name: str) -> Plan:
        """A plan. Raises UnknownPlanError (a KeyError)."""
        if name not in self._plans:
            raise UnknownPlanError(name, self._plans)
        return self._plans[name]

    def file(self, name: str) -> str:
        """Where a plan is written down. Raises UnknownPlanError."""
        self.get(name)
        return self._stacks[name][-1].file

    def lineage(self, name: str) -> tuple[str, ...]:
        """The files that a plan is made of, its own first. Raises UnknownPlanError."""
        self.get(name)
        return tuple(found.file for found in self._chain(name))

    def problem(self, name: str, error: DocumentError) -> Problem:
        """Something about a plan as it is after `extends`, with file and line.

        Raises UnknownPlanError.
        """
        return _located(error, self.get(name).document, self._chain(name))

    def _compiled(self, name: str) -> Plan:
        chain = self._chain(name)
        merged: Mapping[str, Any] = chain[-1].data
        for child in reversed(chain[:-1]):
            merged = merge(merged, child.data)
        found = mistakes(merged, PlanDocument)
        if found:
            raise FileError([_located(error, merged, chain) for error in found])
        try:
            return compile_plan(merged)
        except DocumentError as error:
            wrong = all_mistakes(merged) or [error]
            raise FileError(_located(each, merged, chain) for each in wrong) from error

    def _chain(self, name: str) -> list[Document]:
        """A plan and what it extends, up to the one that extends nothing."""
        seen: list[tuple[str, int]] = [(name, len(self._stacks[name]) - 1)]
        while True:
            name, level = seen[-1]
            found = self._stacks[name][level]
            parent = found.data.get("extends")
            if not parent:
                return [self._stacks[n][at] for n, at in seen]
            step = self._parent(found, str(parent), name, level)
            if step in seen:
                names = " → ".join([*(n for n, _ in seen), str(parent)])
                error = DocumentError(("extends",), f"goes round in circles: {names}")
                raise FileError([found.problem(error)])
            seen.append(step)

    def _parent(self, child: Document, wanted: str, name: str, level: int) -> tuple[str, int]:
        if wanted == name and level > 0:
            return name, level - 1
        if wanted not in self._stacks:
            hint = nearest(wanted, [n for n in self._stacks if n != name])
            error = DocumentError(("extends",), f"there is no plan {wanted!r}", hint)
            raise FileError([child.problem(error)])
        return wanted, len(self._stacks[wanted]) - 1


def _name(found: Document) -> str:
    """The name of a plan whose own file is in order. Raises FileError."""
    extends = bool(found.data.get("extends"))
    found.refuse(mistakes(found.data, PlanDocument, partial=extends))
    missing = [key for key in ("schema", "plan") if key not in found.data]
    found.refuse(DocumentError((), f"`{key}` is missing") for key in missing)
    return str(found.data["plan"])


def _located(error: DocumentError, merged: Mapping[str, Any], chain: Sequence[Document]) -> Problem:
    """A mistake in a merged plan, at the place in that file which says most about it."""
    found: list[tuple[Place, Document]] = [
        (path_in(error.path, merged, source.data), source) for source in chain
    ]
    place, source = max(found, key=lambda each: len(each[0]))
    shown = DocumentError(place or error.path, error.problem, error.hint)
    return source.problem(shown)


def built_in() -> list[Document]:
    """The plans that come with the program."""
    return list(_built_in())


@cache
def _built_in() -> tuple[Document, ...]:
    """They never change, and reading YAML takes its time."""
    folder = files("templates").joinpath("plans")
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(
        document(file.read_bytes(), f"built-in {file.name}")
        for file in found
        if file.name.endswith(SUFFIXES)
    )


def read_plan(path: Path) -> Document:
    """The plan in a file. Raises FileError, also with what is wrong beside words it can't read."""
    try:
        return read_document(path)
    except FileError as error:
        if error.rest is None:
            raise
        raise FileError(
            sorted({*error.problems, *_beside(error.rest, error)}, key=_line)
        ) from error


def _beside(rest: Document, error: FileError) -> Iterable[Problem]:
    """The mistakes in what could be read, without those that what could not be read leads to."""
    told = [problem.path for problem in error.problems]
    for found in mistakes(rest.data, PlanDocument, partial=True):
        if not any(found.path[: len(path)] == path for path in told):
            yield rest.problem(found)


def _line(problem: Problem) -> int:
    return problem.line


def in_folder(folder: Path) -> list[Document]:
    """The plans in a folder. Raises FileError with all that is wrong."""
    if not folder.is_dir():
        hint = "create it, or correct `plans:` in the configuration"
        raise FileError([Problem(str(folder), 0, (), "there is no such folder", hint)])
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in SUFFIXES:
            continue
        try:
            documents.append(read_plan(path))
        except FileError as error:
            problems += error.problems
    problems += _twice(documents)
    if problems:
        raise FileError(problems)
    return documents


def _twice(documents: Sequence[Document]) -> list[Problem]:
    seen: dict[Any, str] = {}
    problems: list[Problem] = []
    for found in documents:
        name = found.data.get("plan")
        if isinstance(name, str) and name in seen:
            error = DocumentError(("plan",), f"{name!r} is also in {seen[name]}", "rename one")
            problems.append(found.problem(error))
        elif isinstance(name, str):
            seen[name] = found.file
    return problems


def library(folders: Sequence[Path] = ()) -> PlanLibrary:
    """The built-in plans and those of the folders. Raises FileError with all that is wrong."""
    documents = built_in()
    problems: list[Problem] = []
    for folder in folders:
        try:
            documents += in_folder(folder)
        except FileError as error:
            problems += error.problems
    if problems:
        raise FileError(problems)
    return PlanLibrary(documents)
