"""`plan check`: every mistake with file and line, and what is sound but won't work well."""

import argparse
from pathlib import Path

from bot.cli.shell import FINE, FOUND, Shell, Verbs
from bot.cli.written import documents, is_file, named


def add(plan: Verbs) -> None:
    """Put the verb among those of `plan`."""
    check = plan.add("check", "every mistake, with file and line", _check, json=True)
    check.add_argument("plans", nargs="*", help="files or names; all plans when none is given")


def _check(args: argparse.Namespace, shell: Shell) -> int:
    from bot.files import FileError
    from bot.plans import PlanLibrary

    names = [word for word in args.plans if not is_file(word)]
    files = [Path(word) for word in args.plans if is_file(word)]
    try:
        library = PlanLibrary(documents(args, shell, files))
    except FileError as error:
        if args.json:
            shell.say_json([problem.as_json() for problem in error.problems])
        else:
            shell.say(*map(str, error.problems))
        return FOUND
    for name in names:
        named(library, name)
    if args.json:
        shell.say_json([])
        return FINE
    count = len(args.plans) or len(library.names())
    shell.say(f"{count} plan{'s are' if count != 1 else ' is'} sound.")
    return FINE
