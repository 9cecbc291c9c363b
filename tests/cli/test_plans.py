"""`plan`, `schema`, `init`: files that people write, checked and explained."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.cli.typed import typed

MINE = """\
schema: 1
plan: mine
extends: quickstart
summary: A plan of my own.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation as `init` leaves it, with a folder of plans."""
    assert typed("init", "--config", tmp_path / "countersign.yml").code == 0
    file = tmp_path / "countersign.yml"
    file.write_text(file.read_text().replace("# plans: [./plans]", "plans: [./plans]"))
    (tmp_path / "plans").mkdir()
    return tmp_path


def test_what_init_writes_loads_and_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "countersign.yml"
    assert typed("init", "--config", file).code == 0
    written = file.read_text()
    jsonschema.validate(yaml.safe_load(written), typed("schema", "config").json)
    assert typed("plan", "check", "--config", file).code == 0
    again = typed("init", "--config", file)
    assert (again.code, file.read_text()) == (1, written)
    assert "stays as it is" in again.err


def test_init_says_what_keeps_it_from_writing(tmp_path: Path) -> None:
    done = typed("init", "--config", tmp_path / "nowhere" / "countersign.yml")
    assert done.code == 1
    assert "can't be written" in done.err


def test_the_list_holds_the_built_in_plans_and_ones_own(folder: Path) -> None:
    (folder / "plans" / "mine.yaml").write_text(MINE)
    done = typed("plan", "list", "--json", "--config", folder / "countersign.yml")
    names = {plan["plan"]: plan["file"] for plan in done.json}
    assert names["quickstart"] == "built-in quickstart.yaml"
    assert names["mine"] == str(folder / "plans" / "mine.yaml")
    shown = typed("plan", "list", "--config", folder / "countersign.yml").out
    assert "5 > 25 > 50 > 100 %, 2 sign" in shown


def test_without_a_configuration_there_are_the_built_in_plans(tmp_path: Path) -> None:
    env = {"COUNTERSIGN_CONFIG": str(tmp_path / "countersign.yml")}
    assert "quickstart" in typed("plan", "list", env=env).out
    assert typed("plan", "list", "--config", tmp_path / "countersign.yml").code == 1


def test_a_shown_plan_is_a_file_to_begin_with(folder: Path) -> None:
    config = folder / "countersign.yml"
    shown = typed("plan", "show", "quickstart", "--config", config)
    file = folder / "copy.yaml"
    file.write_text(shown.out.replace("plan: quickstart", "plan: copy"))
    assert "#" in shown.out
    assert typed("plan", "check", file, "--config", config).code == 0
    assert typed("plan", "show", "quickstart", "--json", "--config", config).json["schema"] == 1


def test_every_mistake_is_told_with_file_and_line(folder: Path) -> None:
    (folder / "plans" / "mine.yaml").write_text(MINE + "wawes: []\n")
    other = folder / "other.yaml"
    other.write_text("schema: 1\nplan: other\nwaves: [{id: a}]\n")
    done = typed("plan", "check", other, "--config", folder / "countersign.yml")
    assert done.code == 1
    assert f"{other}:3: " in done.out
    assert f"{folder}/plans/mine.yaml:5: wawes: is unknown" in done.out
    told = typed("plan", "check", other, "--json", "--config", folder / "countersign.yml")
    assert {problem["line"] for problem in told.json} >= {3, 5}


def test_a_file_of_the_folder_can_be_checked_by_itself(folder: Path) -> None:
    file = folder / "plans" / "mine.yaml"
    file.write_text(MINE)
    done = typed("plan", "check", file, "--config", folder / "countersign.yml")
    assert (done.code, done.out) == (0, "1 plan is sound.\n")


def test_a_mistake_is_told_once_however_the_file_is_called(folder: Path) -> None:
    file = folder / "plans" / "mine.yaml"
    file.write_text(MINE + "wawes: []\n")
    roundabout = folder / "plans" / ".." / "plans" / "mine.yaml"
    done = typed("plan", "check", roundabout, "--config", folder / "countersign.yml")
    assert (done.code, len(done.out.splitlines())) == (1, 1)


def test_a_plan_can_be_checked_by_name(folder: Path) -> None:
    config = folder / "countersign.yml"
    assert typed("plan", "check", "quickstart", "--config", config).code == 0
    done = typed("plan", "check", "quickstrat", "--config", config)
    assert done.code == 1
    assert "did you mean 'quickstart'" in done.err


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    done = typed("plan", "check", folder / "no.yaml", "--config", folder / "countersign.yml")
    assert done.code == 1
    assert "can't be read" in done.out


def test_the_preview_has_a_clock_time_for_each_wave(folder: Path) -> None:
    config = folder / "countersign.yml"
    shown = typed("plan", "preview", "quickstart", "--start", "now", "--config", config).out
    assert "2026-03-01 09:00:00 UTC" in shown
    assert "2026-03-01 09:00:45 UTC" in shown
    assert "In all 1m 5s" in shown
    given = ("plan", "preview", "quickstart", "--json", "--config", config)
    later = typed(*given, "--start", "2026-04-01T10:00Z").json
    assert later["waves"][0]["starts_at"] == "2026-04-01T10:00:00Z"
    assert len(later["waves"]) == 4


def test_the_preview_says_what_waits_for_whom_and_until_when_one_can_go_back() -> None:
    start = ("--start", "2026-12-01T09:00Z")
    shown = typed("plan", "preview", "whispercache-canary", *start).out
    assert "Waits for: Does the release do what it was made for? (release_manager)" in shown
    assert "6h when every wave needs more evidence" in shown
    assert "One can go back until 2026-12-01 14:00:00 UTC." in shown


def test_the_preview_says_when_a_release_may_begin() -> None:
    start = ("--start", "2026-12-02T09:00Z")
    shown = typed("plan", "preview", "sarvanom-feature", *start).out
    assert "In the way: the calendar of sarvanom-feature opens every 2 weeks on Tuesday" in shown
    assert "It may begin 2026-12-15 00:00:00 UTC" in shown
    assert "2026-12-15 00:30:00 UTC" in shown
    hotfix = typed("plan", "preview", "sarvanom-hotfix", "--json", *start).json
    assert (hotfix["in_the_way"], hotfix["opens_at"]) == ([], "2026-12-02T09:00:00Z")


def test_the_preview_knows_the_freezes_of_the_configuration(folder: Path) -> None:
    config = folder / "countersign.yml"
    frozen = "freezes: [{name: spring, reason: holidays, from: '2026-02-28', until: '2026-03-02'}]"
    config.write_text(f"{config.read_text()}\n{frozen}\n")
    shown = typed("plan", "preview", "quickstart", "--config", config).out
    assert "freeze spring until 2026-03-02 00:00 UTC: holidays" in shown
    assert "It may begin 2026-03-02 00:00:00 UTC" in shown


def test_a_release_that_no_calendar_can_hold_is_refused() -> None:
    done = typed("plan", "preview", "quickstart", "--start", "9999-12-31T23:59:59Z")
    assert (done.code, done.err) == (2, "countersign: --start is too late for any calendar\n")


def test_the_schema_of_plans_accepts_the_built_in_ones() -> None:
    schema = typed("schema", "plan").json
    for name in ("quickstart", "whispercache-canary"):
        jsonschema.validate(yaml.safe_load(typed("plan", "show", name).out), schema)
