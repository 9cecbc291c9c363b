"""The tree of verbs, and how each of them ends: 0 fine, 1 a problem was found, 2 usage."""

import argparse
from collections.abc import Sequence

from bot.cli import admin, database, doctor, notices, plans, running, starting
from bot.cli.shell import FOUND, USAGE, Parser, ProblemError, Run, Shell, UsageError, Verbs

GROUPS = (running, starting, doctor, plans, notices, admin, database)
"""Modules whose `add` puts their verbs into the tree, in the order in which help shows them."""

INTERRUPTED = 130
"""What shells expect of a program that was stopped with Ctrl-C."""


def dispatch(argv: Sequence[str], shell: Shell) -> int:
    """Carry out what was typed; returns the exit code."""
    try:
        args = tree().parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or 0)
    run: Run = args.run
    try:
        return run(args, shell)
    except ProblemError as problem:
        shell.complain(f"countersign: {problem}")
        return FOUND
    except UsageError as usage:
        shell.complain(f"countersign: {usage}")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def tree() -> argparse.ArgumentParser:
    """The parser of everything that can be typed."""
    common = Parser(add_help=False, allow_abbrev=False)
    # No default here: a verb's parser would overwrite what was given in front of the verb.
    common.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the configuration (default: COUNTERSIGN_CONFIG, or countersign.yml here)",
    )
    parser = argparse.ArgumentParser(
        prog="countersign",
        description="Releases in measured waves, signed by two people, from Slack.",
        parents=[common],
        allow_abbrev=False,
    )
    verbs = Verbs(parser, common)
    for group in GROUPS:
        group.add(verbs)
    return parser
