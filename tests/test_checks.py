"""The checks measure what they say, and find what they look for."""

from pathlib import Path

import pytest

from tests.checks import figures, sizes
from tests.checks.generate_schemas import cut

LONG = "def long():\n" + "    x = 1\n" * 60
SHORT = '''
def short(
    first: int,
) -> int:
    """Say something.

    At length.
    """
    # a reason

    text = """one
    two"""
    return len(text) + first
'''


def module(folder: Path, source: str) -> sizes.Module:
    path = folder / "module.py"
    path.write_text(source)
    return sizes.measure(path)


def test_explanations_do_not_count_as_length(tmp_path: Path) -> None:
    (function,) = module(tmp_path, SHORT).functions
    assert function == sizes.Function("module.short", 6)


def test_functions_within_classes_and_functions_count_too(tmp_path: Path) -> None:
    nested = "class A:\n  def b(self):\n    def c(): ...\n    async def d(): ...\n"
    found = [function.name for function in module(tmp_path, nested).functions]
    assert sorted(found) == ["module.b", "module.c", "module.d"]


def test_long_functions_break_both_limits(tmp_path: Path) -> None:
    broken = list(sizes.faults([module(tmp_path, LONG)]))
    assert len(broken) == 2
    assert "median function has 61" in broken[0]
    assert "95th percentile of functions is 61" in broken[1]


def test_a_long_module_is_named(tmp_path: Path) -> None:
    (broken,) = sizes.faults([module(tmp_path, "x = 1\n" * 401)])
    assert broken.endswith("module.py has 401 lines, at most 400")


def test_short_code_breaks_nothing_and_no_code_neither(tmp_path: Path) -> None:
    assert list(sizes.faults([module(tmp_path, SHORT)])) == []
    assert list(sizes.faults([])) == []


def test_the_report_compares_tests_with_code(tmp_path: Path) -> None:
    code = module(tmp_path, SHORT)
    assert "(2.00 to 1)" in "\n".join(sizes.report([code], [code, code]))


def test_a_schema_is_cut_to_what_its_roots_reach() -> None:
    a = {"items": [{"$ref": "#/definitions/B"}]}
    definitions = {"A": a, "B": {"$ref": "#/definitions/A"}, "C": {}}
    schema = {"$schema": "s", "definitions": definitions}
    assert set(cut(schema, ("A",))["definitions"]) == {"A", "B"}


@pytest.mark.parametrize(
    ("failures", "line", "code"),
    [(0, "3 passed, 0 failed, 1 skipped", 0), (2, "1 passed, 2 failed, 1 skipped", 1)],
)
def test_figures_are_summed_over_the_reports_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], failures: int, line: str, code: int
) -> None:
    suite = f'<testsuite tests="4" failures="{failures}" errors="0" skipped="1"/>'
    (tmp_path / "a.xml").write_text(f"<testsuites>{suite}</testsuites>")
    assert figures.main([str(tmp_path / "a.xml"), str(tmp_path / "none.xml")]) == code
    assert capsys.readouterr().out.strip() == line


def test_no_test_at_all_is_no_success(tmp_path: Path) -> None:
    assert figures.main([str(tmp_path / "none.xml")]) == 1
