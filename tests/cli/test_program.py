"""The tree of verbs as a whole: exit codes, help, and what is imported when."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bot.__main__ import main
from tests.cli.typed import typed


def test_the_version_is_that_of_the_installed_program() -> None:
    assert typed("version").out == f"countersign {version('countersign')}\n"
    assert typed("version", "--json").json == {"version": version("countersign")}


def test_the_module_is_the_same_door_as_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("countersign ")


def test_saying_the_version_imports_neither_the_bot_nor_its_libraries() -> None:
    heavy = ("slack_sdk", "sqlalchemy", "httpx", "aiohttp", "yaml", "msgspec", "bot.practice")
    program = (
        "import sys; from bot.__main__ import main; main(['version']); "
        f"print(sorted(set({heavy!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_only_the_demo_names_the_practice_workspace() -> None:
    folder = Path(__file__).parents[2] / "bot" / "cli"
    naming = [
        path.name for path in folder.rglob("*.py") if "bot.practice" in path.read_text("utf-8")
    ]
    assert naming == ["running.py"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["plan"],
        ["plan", "nonsense"],
        ["demo", "--port", "none"],
        ["demo", "--port", "0"],
        ["rollback", "checkout"],
        ["schema", "everything"],
        ["audit", "verify", "--anchor", "12"],
        ["plan", "preview", "quickstart", "--start", "soon"],
    ],
)
def test_what_makes_no_sense_ends_with_2(words: list[str]) -> None:
    assert typed(*words).code == 2


@pytest.mark.parametrize("words", [["--help"], ["doctor", "--help"], ["release", "start", "-h"]])
def test_help_ends_with_0(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "usage: countersign" in capsys.readouterr().out


def test_the_configuration_can_be_named_before_and_after_the_verb(tmp_path: Path) -> None:
    missing = tmp_path / "elsewhere.yml"
    assert str(missing) in typed("--config", missing, "serve").err
    assert str(missing) in typed("serve", "--config", missing).err


def test_what_is_missing_ends_with_1_and_says_how_to_begin(tmp_path: Path) -> None:
    done = typed("serve", "--config", tmp_path / "countersign.yml")
    assert done.code == 1
    assert "countersign init" in done.err


def test_a_secret_in_a_file_goes_before_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("mysql://x\n")
    env = {"COUNTERSIGN_DATABASE_URL": "sqlite+aiosqlite:////nowhere/x.db"}
    done = typed("audit", "verify", env=env | {"COUNTERSIGN_DATABASE_URL_FILE": str(file)})
    assert "mysql is not supported" in done.err


def test_a_file_of_a_secret_that_cannot_be_read_is_named() -> None:
    done = typed("audit", "verify", env={"COUNTERSIGN_DATABASE_URL_FILE": "/nowhere/url"})
    assert done.code == 1
    assert "COUNTERSIGN_DATABASE_URL_FILE" in done.err
