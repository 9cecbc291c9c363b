"""The runbooks that come with the program, and those of the house: YAML files, read strictly."""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from bot.domain.documents import DocumentError
from bot.domain.runbooks import RunbookDocument, Runbooks
from bot.files import FileError, Problem, document
from bot.settings import Settings

SUFFIXES = (".yaml", ".yml")


def runbooks(settings: Settings) -> Runbooks:
    """All that an installation has. Raises FileError with everything that is wrong."""
    problems: list[Problem] = []
    folders = []
    for index, name in enumerate(settings.config.runbooks):
        folder = settings.folder / name
        if not folder.is_dir():
            hint = "make it, or take the line out"
            error = DocumentError(("runbooks", index), f"there is no folder {folder}", hint)
            problems.append(settings.document.problem(error))
        folders.append(folder)
    if problems:
        raise FileError(problems)
    return read_runbooks(folders)


def read_runbooks(folders: Iterable[Path] = ()) -> Runbooks:
    """Every runbook by its name, the name of its file; a later folder goes before an earlier one.

    Raises FileError with everything that is wrong.
    """
    found: dict[str, RunbookDocument] = {}
    problems: list[Problem] = []
    for path, text in _texts(folders):
        try:
            read = document(text, path).converted(RunbookDocument)
        except FileError as error:
            problems += error.problems
            continue
        if not read.steps:
            problems.append(Problem(path, 0, ("steps",), "has no step", "say what is done first"))
        found[Path(path).stem] = read
    if problems:
        raise FileError(problems)
    return found


def _texts(folders: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """(what a file is called in messages, what it says): those that are built in go first."""
    for file in files("templates").joinpath("runbooks").iterdir():
        if file.name.endswith(SUFFIXES):
            yield file.name, file.read_bytes()
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.name.endswith(SUFFIXES):
                yield str(path), _read(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
        raise FileError([Problem(str(path), 0, (), problem, "")]) from error
