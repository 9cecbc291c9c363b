"""A missing program is told with its remedy, and never passes unseen where it must be there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "[pytest]\nmarkers =\n    real: x\n    browser: x\n"
SKIPS = """
import pytest
@pytest.mark.real
def test_of_a_missing_program():
    pytest.skip("haproxy is not installed: apt-get install haproxy")
"""
SKIPS_BY_CONDITION = """
import pytest
@pytest.mark.browser
@pytest.mark.skipif(True, reason="chromium is not installed: apt-get install chromium")
def test_of_a_missing_browser():
    pass
"""
SKIPS_AS_A_MODULE = """
import pytest
pytest.skip("haproxy is not installed: apt-get install haproxy", allow_module_level=True)
"""
SKIPS_FOR_ANOTHER_REASON = """
import pytest
def test_of_another_system():
    pytest.skip("only on another system")
@pytest.mark.real
@pytest.mark.xfail(reason="known")
def test_known_to_fail():
    raise AssertionError
"""


def run(folder: Path, source: str, *, required: bool) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(CONFIG)
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-rsf", "-q", "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"), str(folder)]
    environment = os.environ | {parts.REQUIRE: "1" if required else "0", "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("source", [SKIPS, SKIPS_BY_CONDITION, SKIPS_AS_A_MODULE])
def test_a_skip_for_want_of_a_part_fails_where_parts_are_required(
    tmp_path: Path, source: str
) -> None:
    done = run(tmp_path, source, required=True)
    assert done.returncode in (1, 2)
    assert "is not installed: apt-get install" in done.stdout


def test_a_skip_for_want_of_a_part_is_a_skip_with_its_remedy_elsewhere(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS, required=False)
    assert (done.returncode, "apt-get install haproxy" in done.stdout) == (0, True)


def test_a_skip_for_another_reason_stays_a_skip(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS_FOR_ANOTHER_REASON, required=True)
    assert done.returncode == 0, done.stdout
    assert "1 skipped, 1 xfailed" in done.stdout


def test_a_part_that_is_there_gives_its_path() -> None:
    assert parts.package("pytest")() is not None
    assert parts.program("sh")() == parts.program("no-such-program", "sh")()


def test_a_part_that_is_not_there_gives_none() -> None:
    assert parts.package("no_such_package")() is None
    assert parts.program("no-such-program")() is None


@pytest.mark.parametrize("name", sorted(parts.PARTS))
def test_every_part_names_the_command_that_installs_it(name: str) -> None:
    assert parts.PARTS[name].install.split()[0] in ("apt-get", "pip", "make")


def test_a_part_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        parts.require("no-such-part")
