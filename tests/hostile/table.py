"""The lines of a promise beside the tests that show it.

`campaign.yaml` holds what may go wrong and what is safe then, `threats.yaml` what somebody may try
and what stands against it. Each line names its tests; a line without one, and a test that isn't
there, are mistakes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(__file__).parent
PAGE = ROOT / "docs" / "proof.md"

_TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that may happen. says: in our words. tests: file::name, below tests/."""

    says: str
    tests: tuple[str, ...]
    safe: str = ""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """sections: a title -> its lines."""

    columns: tuple[str, str]
    sections: Mapping[str, tuple[Line, ...]]

    @property
    def lines(self) -> Sequence[Line]:
        return [line for section in self.sections.values() for line in section]


def read(name: str) -> Table:
    """A table by the name of its file. Raises msgspec.ValidationError for a mistake in it."""
    raw = (FOLDER / f"{name}.yaml").read_bytes()
    return msgspec.yaml.decode(raw, type=Table)


def mistakes(table: Table, root: Path = ROOT) -> Iterator[str]:
    """What is wrong with a table, a sentence each."""
    for line in table.lines:
        if not line.tests:
            yield f"no test shows: {line.says}"
        for test in line.tests:
            file, _, name = test.partition("::")
            if name not in _tests_in(root / "tests" / file):
                yield f"there is no test {test} (for: {line.says})"


@cache
def _tests_in(file: Path) -> frozenset[str]:
    """The names of the tests in a file, without importing it."""
    if not file.is_file():
        return frozenset()
    return frozenset(_TEST.findall(file.read_text("utf-8")))


def shown(table: Table) -> Iterator[str]:
    """The table as Markdown, line by line."""
    for title, lines in table.sections.items():
        yield from ("", f"**{title}**", "")
        yield f"| {table.columns[0]} | {table.columns[1]} | shown by |"
        yield "|---|---|---|"
        for line in lines:
            tests = "<br>".join(f"`{test}`" for test in line.tests)
            yield f"| {line.says} | {line.safe} | {tests} |"


def between(name: str) -> tuple[str, str]:
    """What stands around a table in the page."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def placed(page: str, name: str) -> str:
    """The page with a table as it is now. Raises ValueError when it has no place for it."""
    begin, end = between(name)
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"docs/proof.md has no {begin} … {end}")
    table = read(name)
    count = len({test for line in table.lines for test in line.tests})
    told = f"\n{len(table.lines)} lines, {count} tests.\n"
    return f"{head}{begin}{told}" + "\n".join(shown(table)) + f"\n\n{end}{tail}"
