"""`countersign notice render`: what customers would read, before anybody does."""

from pathlib import Path

from bot.cli.shell import FINE, FOUND, USAGE
from tests.cli.typed import Typed, typed

FACTS = """title: the query service
impact: queries may fail
starts_at: "2026-03-01 09:00"
ends_at: "2026-03-01 11:30"
"""


def render(tmp_path: Path, *more: str) -> Typed:
    file = tmp_path / "facts.yaml"
    file.write_text(FACTS)
    house = ("--set", "support=s@example.com", "--set", "status_page=https://status.example.com")
    given = ("--facts", str(file), *house, "--zone", "America/Los_Angeles", *more)
    return typed("notice", "render", "maintenance-scheduled", *given)


def test_a_template_is_filled_in(tmp_path: Path) -> None:
    found = render(tmp_path)
    assert (found.code, found.err) == (FINE, "")
    out = found.out
    assert out.startswith("Scheduled Maintenance - 2026-03-01 09:00 PST\n")
    assert "2026-03-01 09:00 - 11:30 PST (America/Los_Angeles)" in out
    assert "about 2 h 30 min" in out


def test_it_can_be_had_as_a_page_in_another_language_and_as_json(tmp_path: Path) -> None:
    assert '<html lang="de">' in render(tmp_path, "--html", "--language", "de").out
    assert render(tmp_path, "--json").json["words"][0]["language"] == "en"


def test_what_is_missing_is_named_and_is_a_problem(tmp_path: Path) -> None:
    found = render(tmp_path, "--set", "impact=")
    assert found.code == FOUND
    assert "[impact]" in found.out
    assert "impact: it is not known" in found.err


def test_without_a_name_it_lists_what_there_is() -> None:
    found = typed("notice", "render")
    assert found.code == FINE
    assert "incident-resolved" in found.out.split()


def test_mistakes_are_told_with_what_to_do(tmp_path: Path) -> None:
    found = typed("notice", "render", "incident-resolve")
    assert found.code == FOUND
    assert "did you mean 'incident-resolved'?" in found.err
    assert render(tmp_path, "--set", "impact").code == USAGE
    found = render(tmp_path, "--set", "ends_at=2026-03-08 02:30")
    assert found.code == FOUND
    assert "the clocks are put forward" in found.err
