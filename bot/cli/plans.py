"""`plan` and `schema`: what plan files say, whether they are sound, how editors complete them."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.shell import FINE, FOUND, ProblemError, Shell, UsageError, Verbs, table

if TYPE_CHECKING:
    from bot.domain.plan import Plan
    from bot.domain.preview import Preview
    from bot.files import Document
    from bot.plans import PlanLibrary

BUILT_IN = "built-in "
"""What the names of files that come with the program begin with."""


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    plan = verbs.group("plan", "the plans that releases follow")
    plan.add("list", "every plan there is", _list, json=True)
    show = plan.add("show", "the file of a plan, to copy and change", _show, json=True)
    show.add_argument("plan")
    check = plan.add("check", "every mistake, with file and line", _check, json=True)
    check.add_argument("plans", nargs="*", help="files or names; all plans when none is given")
    preview = plan.add("preview", "what would happen when", _preview, json=True)
    preview.add_argument("plan")
    preview.add_argument("--start", default="now", help="now, or like 2026-03-01T09:00Z")
    schema = verbs.add("schema", "the JSON Schema of a file, for editors", _schema)
    schema.add_argument("file", choices=("config", "plan"))


def _list(args: argparse.Namespace, shell: Shell) -> int:
    library = _library(args, shell)
    plans = {name: library.get(name) for name in library.names()}
    if args.json:
        shell.say_json(
            [
                {"plan": name, "summary": plan.summary, "file": library.file(name)}
                for name, plan in plans.items()
            ]
        )
        return FINE
    rows = [(name, _shape(plan), plan.summary) for name, plan in plans.items()]
    shell.say(*table(rows))
    return FINE


def _shape(plan: "Plan") -> str:
    waves = " > ".join(f"{wave.traffic:g}" for wave in plan.waves)
    return f"{waves} %, {plan.approval.seats} sign"


def _show(args: argparse.Namespace, shell: Shell) -> int:
    import msgspec

    library = _library(args, shell)
    plan = _plan(library, args.plan)
    if args.json:
        shell.say_json(msgspec.to_builtins(plan.document))
        return FINE
    shell.out.write(_text(library.file(args.plan)))
    return FINE


def _text(file: str) -> str:
    from importlib.resources import files

    if file.startswith(BUILT_IN):
        found = files("templates").joinpath("plans", file.removeprefix(BUILT_IN))
        return found.read_text("utf-8")
    return Path(file).read_text("utf-8")


def _check(args: argparse.Namespace, shell: Shell) -> int:
    from bot.files import FileError
    from bot.plans import PlanLibrary

    named = [word for word in args.plans if not _is_file(word)]
    files = [Path(word) for word in args.plans if _is_file(word)]
    try:
        documents = _documents(args, shell, files)
        library = PlanLibrary(documents)
    except FileError as error:
        if args.json:
            shell.say_json([problem.as_json() for problem in error.problems])
        else:
            shell.say(*map(str, error.problems))
        return FOUND
    for name in named:
        _plan(library, name)
    if args.json:
        shell.say_json([])
        return FINE
    count = len(args.plans) or len(library.names())
    shell.say(f"{count} plan{'s are' if count != 1 else ' is'} sound.")
    return FINE


def _is_file(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or "/" in word


def _documents(args: argparse.Namespace, shell: Shell, files: list[Path]) -> "list[Document]":
    """The plans that come with the program, those of the configuration, and these files.

    Raises FileError with everything that is wrong in any of them.
    """
    from bot.files import FileError, Problem, read_document
    from bot.plans import built_in, in_folder

    documents = built_in()
    problems: list[Problem] = []
    given = {file.resolve() for file in files}
    for folder in _folders(args, shell):
        try:
            documents += [d for d in in_folder(folder) if Path(d.file).resolve() not in given]
        except FileError as error:
            problems += error.problems
    for file in files:
        try:
            documents.append(read_document(file))
        except FileError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise FileError(problems)
    return documents


def _preview(args: argparse.Namespace, shell: Shell) -> int:
    import msgspec

    from bot.domain.preview import preview

    plan = _plan(_library(args, shell), args.plan)
    try:
        seen = preview(plan, _start(args.start, shell))
    except OverflowError as error:
        raise UsageError("--start is too late for any calendar") from error
    if args.json:
        shell.say_json(msgspec.to_builtins(seen))
    else:
        shell.say(*_schedule(plan, seen))
    return FINE


def _start(text: str, shell: Shell) -> datetime:
    if text == "now":
        return shell.now().replace(microsecond=0)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("--start takes now, or an instant like 2026-03-01T09:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _schedule(plan: "Plan", seen: "Preview") -> list[str]:
    from bot.domain.units import format_duration

    rows = [
        (
            f"{wave.traffic:g} %",
            f"{wave.starts_at:%Y-%m-%d %H:%M:%S %Z}",
            f"for {format_duration(wave.ends_at - wave.starts_at)}",
            "; ".join(wave.gates) or "no gates",
            f"else {wave.on_breach}" if wave.gates else "",
        )
        for wave in seen.waves
    ]
    waits = [what for wave in seen.waves for what in wave.waits_for]
    return [
        f"{plan.name}: {plan.summary}".removesuffix(": "),
        *table(rows),
        f"In all {format_duration(seen.total)}, if nothing waits for a person; "
        f"{format_duration(seen.longest)} when every wave needs more evidence.",
        *(f"Waits for: {what}" for what in waits),
        f"One can go back until {seen.can_go_back_until:%Y-%m-%d %H:%M:%S %Z}.",
        f"Signed by: {', '.join(seen.signers)}",
        f"Rolled back by: {'; '.join(seen.rollback_on) or 'a person only'}",
        f"A rollback by a person is signed by: {', '.join(seen.rollback_signers) or 'nobody else'}",
    ]


def _schema(args: argparse.Namespace, shell: Shell) -> int:
    from bot.schemas import config_schema, plan_schema

    shell.say_json(config_schema() if args.file == "config" else plan_schema())
    return FINE


def _plan(library: "PlanLibrary", name: str) -> "Plan":
    from bot.plans import UnknownPlanError

    try:
        return library.get(name)
    except UnknownPlanError as error:
        raise ProblemError(str(error)) from error


def _library(args: argparse.Namespace, shell: Shell) -> "PlanLibrary":
    from bot.files import FileError
    from bot.plans import library

    try:
        return library(_folders(args, shell))
    except FileError as error:
        raise ProblemError(f"these have to be changed first:\n{error}") from error


def _folders(args: argparse.Namespace, shell: Shell) -> tuple[Path, ...]:
    """The folders of plans that the configuration names; none where there is no configuration."""
    from bot.cli.loading import config_path
    from bot.files import FileError
    from bot.settings import SettingsError, load_settings
    from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS

    path = config_path(args, shell)
    if not path.exists():
        if getattr(args, "config", ""):
            raise ProblemError(f"there is no {path}.")
        return ()
    kinds = {"deployers": DEPLOYER_OPTIONS, "metrics": METRICS_OPTIONS}
    try:
        return load_settings(path, shell.env, **kinds, serving=False).plan_folders
    except (FileError, SettingsError) as error:
        raise ProblemError(f"this has to be changed first:\n{error}") from error
