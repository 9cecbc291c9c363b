"""Every line of bad input and every threat has a test, and the page says so."""

from pathlib import Path

import pytest

from tests.hostile.__main__ import TABLES
from tests.hostile.table import PAGE, Line, Table, mistakes, placed, read


@pytest.mark.parametrize("name", TABLES)
def test_every_line_has_its_test(name: str) -> None:
    assert list(mistakes(read(name))) == []


@pytest.mark.parametrize("name", TABLES)
def test_the_page_shows_the_table_as_it_is(name: str) -> None:
    page = PAGE.read_text("utf-8")
    assert placed(page, name) == page, "run: python -m tests.hostile"


def test_a_line_without_a_test_and_a_test_that_is_not_there_are_mistakes(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("async def test_one(): ...\nx = 'test_two'\n")
    gone = Line("it is gone", ("test_a.py::test_two", "test_b.py::test_one"))
    lines = (Line("it is fine", ("test_a.py::test_one",)), Line("nobody looks", ()), gone)
    found = list(mistakes(Table(("what", "then"), {"": lines}), tmp_path))
    assert found == [
        "no test shows: nobody looks",
        "there is no test test_a.py::test_two (for: it is gone)",
        "there is no test test_b.py::test_one (for: it is gone)",
    ]


def test_a_page_without_a_place_for_a_table_is_told() -> None:
    with pytest.raises(ValueError, match="has no <!-- campaign: begin -->"):
        placed("# Proof", "campaign")
