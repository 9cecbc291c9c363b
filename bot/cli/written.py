"""The plans that a verb works with: built in, in the folders of the configuration, in a file."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.shell import ProblemError, Shell

if TYPE_CHECKING:
    from bot.domain.plan import Plan
    from bot.files import Document
    from bot.plans import PlanLibrary
    from bot.settings import Settings


def is_file(word: str) -> bool:
    """Whether a word names a plan's file rather than a plan."""
    return word.endswith((".yaml", ".yml")) or "/" in word


def folders(args: argparse.Namespace, shell: Shell) -> tuple[Path, ...]:
    """The folders of plans that the configuration names; none where there is no configuration.

    Raises ProblemError.
    """
    settings = settings_of(args, shell)
    return settings.plan_folders if settings is not None else ()


def settings_of(args: argparse.Namespace, shell: Shell) -> "Settings | None":
    """The configuration, None where there is none. Raises ProblemError."""
    from bot.cli.loading import config_path
    from bot.files import FileError
    from bot.settings import SettingsError, load_settings
    from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS

    path = config_path(args, shell)
    if not path.exists():
        if getattr(args, "config", ""):
            raise ProblemError(f"there is no {path}.")
        return None
    kinds = {"deployers": DEPLOYER_OPTIONS, "metrics": METRICS_OPTIONS}
    try:
        return load_settings(path, shell.env, **kinds, serving=False)
    except (FileError, SettingsError) as error:
        raise ProblemError(f"this has to be changed first:\n{error}") from error


def documents(
    args: argparse.Namespace, shell: Shell, files: Sequence[Path] = ()
) -> "list[Document]":
    """The plans that come with the program, those of the configuration, and these files.

    Raises FileError with everything that is wrong in any of them.
    """
    from bot.files import FileError, Problem
    from bot.plans import built_in, in_folder, read_plan

    found = built_in()
    problems: list[Problem] = []
    given = {file.resolve() for file in files}
    for folder in folders(args, shell):
        try:
            found += [d for d in in_folder(folder) if Path(d.file).resolve() not in given]
        except FileError as error:
            problems += error.problems
    for file in files:
        try:
            found.append(read_plan(file))
        except FileError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise FileError(problems)
    return found


def library_of(args: argparse.Namespace, shell: Shell, files: Sequence[Path] = ()) -> "PlanLibrary":
    """All plans there are. Raises ProblemError with everything that has to be changed first."""
    from bot.files import FileError
    from bot.plans import PlanLibrary

    try:
        return PlanLibrary(documents(args, shell, files))
    except FileError as error:
        raise ProblemError(f"these have to be changed first:\n{error}") from error


def named(plans: "PlanLibrary", name: str) -> "Plan":
    """A plan by its name. Raises ProblemError that names the nearest one."""
    from bot.plans import UnknownPlanError

    try:
        return plans.get(name)
    except UnknownPlanError as error:
        raise ProblemError(str(error)) from error


def plan_of(args: argparse.Namespace, shell: Shell, word: str) -> "Plan":
    """The plan that a word names, or that is in the file it names. Raises ProblemError."""
    from bot.files import FileError, read_document

    if not is_file(word):
        return named(library_of(args, shell), word)
    path = Path(word)
    plans = library_of(args, shell, [path])
    try:
        return named(plans, str(read_document(path).data["plan"]))
    except FileError as error:
        raise ProblemError(str(error)) from error
