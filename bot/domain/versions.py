"""Semantic versions, strictly as semver.org 2.0.0 writes them, with an optional leading "v"."""

import re

import msgspec

_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
LONGEST = 128
"""Characters of a version; no scheme needs more."""


class Version(msgspec.Struct, frozen=True):
    """MAJOR.MINOR.PATCH, prerelease identifiers and build identifiers."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        text += f"-{'.'.join(self.prerelease)}" if self.prerelease else ""
        return text + (f"+{'.'.join(self.build)}" if self.build else "")

    @property
    def precedence(self) -> tuple[object, ...]:
        """Sorts as semver.org §11 says: a prerelease before its release, build ignored."""
        names = tuple(
            (0, int(name), "") if name.isdigit() else (1, 0, name) for name in self.prerelease
        )
        return (self.major, self.minor, self.patch, not names, names)


def parse_version(text: str) -> Version:
    """Read a version. Raises ValueError saying what a version looks like."""
    match = _VERSION.fullmatch(text) if len(text) <= LONGEST and text.isascii() else None
    if match is None:
        shown = ascii(text[:60])
        raise ValueError(f"{shown} is not a version. Write it like v1.2.0 or 1.2.0-rc.1+build.7.")
    pre, build = (tuple(part.split(".")) if part else () for part in match.group(4, 5))
    return Version(int(match[1]), int(match[2]), int(match[3]), pre, build)
