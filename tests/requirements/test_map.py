"""The map of requirements: what it counts, and what it refuses."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements.claims import ROOT, claims_of
from tests.requirements.page import counts, page, summary, unknown
from tests.requirements.rows import DUE, LATER, Row, RowsError, Source, by_id, read

ROWS = """\
title: A document
rows:
  A-1: {area: gate, mark: MUST, says: "Fewer errors than before"}
  A-2: {area: gate, mark: CONFIG, says: "Half an hour"}
  A-3: {area: flag, mark: MUST, says: "Somebody is told"}
"""
MARKED = """\
import pytest


@pytest.mark.requirement("A-1")
def test_whole() -> None: ...


@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.requirement("A-2"))])
def test_one_of_two(n: int) -> None: ...


@pytest.mark.requirement("A-3")
@pytest.mark.parametrize("n", [1, 2])
def test_both(n: int) -> None: ...
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project of its own: rows, marked tests, and the page that was written for them."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("docs", "rows", "tests"):
        (root / folder).mkdir()
    (root / "rows" / "a.yaml").write_text(ROWS)
    (root / "tests" / "test_marked.py").write_text(MARKED)
    (root / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    requirement(*ids): the rows that a test shows\n"
    )
    assert run(root).returncode == 0
    return root


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the small project, to be broken."""
    return shutil.copytree(finished, tmp_path / "project")


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m tests.requirements` as if the project were this one."""
    code = (
        "import sys; from pathlib import Path; from tests.requirements.__main__ import main;"
        " root = Path(sys.argv[1]); sys.exit(main(sys.argv[2:], root, root / 'rows'))"
    )
    command = [sys.executable, "-c", code, str(project), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_marks_of_functions_and_of_single_parameters_are_found(project: Path) -> None:
    said = run(project, "--check")
    assert (said.returncode, said.stdout.splitlines()) == (
        0,
        [
            "2 of 2 rows of the areas that are due covered",
            "1 of 1 rows of the areas for later covered",
        ],
    )
    text = (project / "docs" / "requirements.md").read_text()
    assert "| `test_marked.py::test_whole` |" in text
    assert "| `test_marked.py::test_one_of_two[2]` |" in text
    assert "| `test_marked.py::test_both` |" in text


def test_a_row_that_does_not_exist_and_a_page_that_is_out_of_date_are_refused(
    project: Path,
) -> None:
    marked = project / "tests" / "test_marked.py"
    marked.write_text(MARKED.replace('"A-1"', '"A-9"'))
    said = run(project, "--check")
    assert said.returncode == 1
    assert "A-9 is not a row" in said.stdout
    assert "tests/test_marked.py::test_whole names it" in said.stdout
    assert "out of date" in said.stdout


def test_tests_that_cannot_be_read_are_an_error_and_not_an_empty_page(project: Path) -> None:
    (project / "tests" / "test_marked.py").write_text("import nowhere  # requirement(")
    said = run(project, "--check")
    assert said.returncode == 1
    assert "can't collect" in said.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("A-2", "A-1", "A-1 is there twice"),
        ("flag", "noise", "there is no area 'noise'"),
        ("CONFIG", "DOC", "neither MUST nor CONFIG"),
        ("says:", "text:", "unknown field `text`"),
    ],
)
def test_a_mistake_in_the_rows_is_told_with_its_file(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (tmp_path / "a.yaml").write_text(ROWS.replace(old, new))
    with pytest.raises(RowsError, match=f"a.yaml: .*{said}"):
        read(tmp_path)


def test_one_id_in_two_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ROWS)
    (tmp_path / "b.yaml").write_text(ROWS.replace("A document", "Another"))
    with pytest.raises(RowsError, match="A-1 is in A document and in Another"):
        read(tmp_path)


def test_a_function_that_names_a_row_in_all_its_parameters_counts_once() -> None:
    every = claims_of([("t.py::f[1]", ("A",)), ("t.py::f[2]", ("A",))])
    some = claims_of([("t.py::f[1]", ("A",)), ("t.py::f[2]", ())])
    assert every == {"A": ("t.py::f",)}
    assert some == {"A": ("t.py::f[1]",)}


def test_what_is_due_and_what_is_for_later_are_counted_apart() -> None:
    source = Source(
        "A document",
        {"A-1": Row("gate", "MUST", "one"), "A-2": Row("gate", "MUST", "two")}
        | {"A-3": Row("flag", "MUST", "three")},
    )
    claims = {"A-1": ("t.py::f",), "A-3": ("t.py::g",)}
    assert counts([source], claims) == {"gate": (1, 2), "flag": (1, 1)}
    assert [line.split(" rows")[0] for line in summary([source], claims)] == ["1 of 2", "1 of 1"]
    assert not list(unknown([source], claims))
    assert "- A document: A-2" in page([source], claims)


def test_every_row_of_the_five_documents_is_listed_in_our_words() -> None:
    rows = by_id(read())
    assert not DUE.keys() & LATER.keys()
    numbered = [row_id for row_id in rows if row_id[:2] in {"W-", "P-", "B-", "C-", "S-"}]
    assert (len(numbered), len(rows)) == (744, 913)
    assert all(0 < len(row.says) <= 120 and "\n" not in row.says for row in rows.values())
