"""Which tests say that they show which rows: read from pytest itself, parameters included."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = "requirement"

Claims = Mapping[str, tuple[str, ...]]
"""For each row, the tests that name it."""


class CollectionError(Exception):
    """The tests can't be read, so nothing can be said about what they show."""


class _Listener:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def collect(root: Path = ROOT) -> Claims:
    """Let pytest collect the files in which the marker stands. Raises CollectionError."""
    files = sorted(p for p in (root / "tests").rglob("test_*.py") if f"{MARK}(" in p.read_text())
    if not files:
        return {}
    listener = _Listener()
    quiet = [
        "--collect-only",
        *(f"-pno:{p}" for p in ("terminal", "cacheprovider", "schemathesis")),
    ]
    quiet += ["-o", "addopts=--strict-markers"]  # the others are about what a terminal shows
    code = pytest.main(
        [*quiet, f"--rootdir={root}", *(str(file) for file in files)], plugins=[listener]
    )
    if code is not pytest.ExitCode.OK:
        raise CollectionError(f"pytest can't collect the tests ({code!r}); run it to see why")
    return claims_of((item.nodeid, named(item)) for item in listener.items)


def named(item: pytest.Item) -> tuple[str, ...]:
    """The rows that a test names, by marks of its own, its parameters, its class and module."""
    return tuple(str(arg) for mark in item.iter_markers(MARK) for arg in mark.args)


def claims_of(tests: Iterable[tuple[str, tuple[str, ...]]]) -> Claims:
    """Turn tests and the rows they name around.

    A function that names a row in all its parameters is one test, not as many as it has parameters.
    """
    cases: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for nodeid, rows in tests:
        cases.setdefault(nodeid.partition("[")[0], []).append((nodeid, frozenset(rows)))
    found: dict[str, list[str]] = {}
    for function, members in cases.items():
        for row in sorted(frozenset().union(*(rows for _, rows in members))):
            naming = [nodeid for nodeid, rows in members if row in rows]
            everywhere = len(naming) == len(members) and len(members) > 1
            found.setdefault(row, []).extend([function] if everywhere else naming)
    return {row: tuple(sorted(ids)) for row, ids in sorted(found.items())}
