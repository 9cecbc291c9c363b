"""What a user installs is whole: the wheel holds every file, and the locks hold every hash."""

import re
import shutil
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.checks.dockerfile import COUNTS_DATA, bare, copy, read

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PACKAGES = ("bot", "commands", "templates")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what the image's builder would see."""
    folder = tmp_path_factory.mktemp("wheel")
    stage = read((ROOT / "Dockerfile").read_text("utf-8"))[0]
    copy(stage, ROOT, folder / "src")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(folder / "src")]
    subprocess.run(command, check=True, env=bare())
    (built,) = folder.glob("*.whl")
    return built


def contents(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def committed() -> set[str]:
    """List the files of the packages that git knows, and that are still there."""
    command = ["git", "ls-files", "--", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git clone")
def test_every_committed_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    wanted = {name for name in committed() if not name.endswith((".gitkeep", ".md"))}
    assert wanted - set(contents(wheel)) == set()


def test_the_wheel_holds_nothing_but_the_packages(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in contents(wheel)}
    assert tops == {*PACKAGES, f"countersign-{PROJECT['version']}.dist-info"}


def test_the_wheel_says_what_it_is_and_under_which_licence(wheel: Path) -> None:
    files = contents(wheel)
    about = f"countersign-{PROJECT['version']}.dist-info"
    metadata = Parser().parsestr(files[f"{about}/METADATA"].decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert b"Apache License" in files[f"{about}/licenses/LICENSE"]
    assert b"countersign = bot.__main__:main" in files[f"{about}/entry_points.txt"]


def test_plans_migrations_and_the_page_are_found_when_installed(
    wheel: Path, tmp_path: Path
) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    # -I -S: neither this source tree nor the editable install is in reach.
    program = f"import sys; sys.path.insert(0, {str(site)!r})\n{COUNTS_DATA}"
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, cwd=empty, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Read a lock as package -> (version, number of hashes)."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / name).read_text("utf-8")):
        if match := re.match(r"([a-z0-9-]+)==(\S+)", entry):
            found[match[1]] = (match[2], entry.count("--hash=sha256:"))
    return found


def names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9-]+", each) for each in requirements)
    return {match[0].lower() for match in found if match}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_no_folder_and_no_machine(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    entry = re.compile(r"#.*|[a-z0-9-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lines if not entry.fullmatch(line)] == []
    assert not re.search(r"://|find-links|index-url|(?<!\w)/\w", "\n".join(lines))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_the_hashes_of_more_than_one_file_of_each_package(name: str) -> None:
    assert [package for package, (_, hashes) in locked(name).items() if hashes < 2] == []


def test_every_dependency_is_locked_and_what_builds_the_project_too() -> None:
    runtime, dev = locked("requirements.txt"), locked("requirements-dev.txt")
    wanted = names(PROJECT["dependencies"])
    assert wanted | {"setuptools"} <= set(runtime)
    assert wanted | names(PROJECT["optional-dependencies"]["dev"]) <= set(dev)


def test_tests_run_on_the_versions_that_users_install() -> None:
    runtime, dev = locked("requirements.txt"), locked("requirements-dev.txt")
    assert runtime.items() <= dev.items()
