"""What every verb is given, and the ways in which it can end."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

FINE = 0
FOUND = 1
"""A problem was found, or what was asked for could not be done."""
USAGE = 2


class ProblemError(Exception):
    """The verb can't be carried out; the message says why and what to do. Exit code 1."""


class UsageError(Exception):
    """What was typed makes no sense; the message says what would. Exit code 2."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Where a verb runs.

    env: the environment. out, err: where it writes. now: the present instant (aware, UTC).
    """

    env: Mapping[str, str]
    out: TextIO
    err: TextIO
    now: Callable[[], datetime]

    def say(self, *lines: str) -> None:
        """Write lines of output."""
        for line in lines:
            self.out.write(f"{line}\n")
        self.out.flush()

    def say_json(self, value: Any) -> None:
        """Write a value as indented JSON."""
        self.say(json.dumps(value, indent=2, ensure_ascii=False))

    def complain(self, text: str) -> None:
        """Write a line where errors go."""
        self.err.write(f"{text}\n")
        self.err.flush()

    def value(self, name: str, default: str = "") -> str:
        """The contents of the file that NAME_FILE names, or the variable NAME itself.

        The file goes first: images come with variables, and secrets are mounted over them.
        Raises ProblemError when the file can't be read.
        """
        path = self.env.get(f"{name}_FILE", "")
        if not path:
            return self.env.get(name, "").strip() or default
        try:
            return Path(path).read_text("utf-8").strip() or default
        except (OSError, UnicodeDecodeError) as error:
            raise ProblemError(f"{name}_FILE can't be read: {error}") from error


Run = Callable[[argparse.Namespace, Shell], int]
"""Carries a verb out and returns the exit code. Raises ProblemError, UsageError."""


class Parser(argparse.ArgumentParser):
    """A parser whose words may stand before, between and after its options, once `mixed` is set.

    Plain argparse takes `pause checkout --person ada too slow` for a mistake, and nobody who is in
    a hurry should have to learn an order. Where verbs follow, words can't be mixed.
    """

    mixed = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does. It calls itself from within, and is then the plain one."""
        if not self.mixed:
            return super().parse_known_args(args, namespace)
        self.mixed = False
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.mixed = True


class Verbs:
    """The place where verbs are added to a parser, all in the same manner."""

    def __init__(self, parser: argparse.ArgumentParser, common: Parser) -> None:
        self._common = common
        self._added = parser.add_subparsers(
            title="verbs", metavar="VERB", required=True, parser_class=Parser
        )

    def add(
        self, name: str, summary: str, run: Run, *, json: bool = False
    ) -> argparse.ArgumentParser:
        """A verb. json: it has output that can be had as JSON."""
        parser = self._added.add_parser(
            name,
            help=summary,
            description=summary,
            parents=[self._common],
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.mixed = True
        if json:
            parser.add_argument("--json", action="store_true", help="as JSON")
        parser.set_defaults(run=run)
        return parser

    def group(self, name: str, summary: str) -> "Verbs":
        """A verb that has verbs of its own."""
        parser = self._added.add_parser(
            name, help=summary, description=summary, allow_abbrev=False, parents=[self._common]
        )
        return Verbs(parser, self._common)


def quiet() -> None:
    """For verbs that answer in their own words: no warnings of the log between them."""
    import logging

    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")


def table(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Rows in columns; the last one keeps its own length."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
