"""The runbooks that come with the program, and those of the house: YAML files, read strictly."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from bot.domain.runbooks import RunbookDocument, Runbooks
from bot.files import FileError, Problem, document


def read_runbooks(folders: Iterable[Path] = ()) -> Runbooks:
    """Every runbook by its name, the name of its file; a later folder goes before an earlier one.

    Raises FileError with everything that is wrong.
    """
    found: dict[str, RunbookDocument] = {}
    problems: list[Problem] = []
    texts = [
        (file.name, file.read_bytes())
        for file in files("templates").joinpath("runbooks").iterdir()
        if file.name.endswith(".yaml")
    ]
    for folder in folders:
        texts += [(str(path), path.read_bytes()) for path in sorted(folder.glob("*.yaml"))]
    for name, text in texts:
        try:
            found[Path(name).stem] = document(text, name).converted(RunbookDocument)
        except FileError as error:
            problems += error.problems
    if problems:
        raise FileError(problems)
    return found
