"""From which branches an environment is released, as the plan's `branches:` says.

    branches: {staging: release/v2, production: "main | release/v*"}

Several are divided by a bar; `*` stands for anything, `{version}` for the version's numbers.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase


def patterns(branches: Mapping[str, str], environment: str, version: str) -> tuple[str, ...]:
    """The patterns of an environment; none: every branch will do."""
    words = branches.get(environment, "").split("|")
    number = version.removeprefix("v")
    return tuple(word.strip().replace("{version}", number) for word in words if word.strip())


def prefix(pattern: str) -> str:
    """What every branch that fits begins with."""
    return pattern.partition("*")[0].partition("?")[0].partition("[")[0]


def fitting(pattern: str, names: Iterable[str]) -> list[str]:
    """The branches that fit."""
    return [name for name in names if fnmatchcase(name, pattern)]


def likely(names: Iterable[str], version: str) -> list[str]:
    """All of them, those named after the version first."""
    number = version.removeprefix("v")
    return sorted(names, key=lambda name: (not name.endswith(number), name))


def in_words(wanted: Iterable[str]) -> str:
    """For people: main or release/v*."""
    return " or ".join(wanted)
