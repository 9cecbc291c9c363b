"""From one version to the next: which number is raised, whether that fits, and how often it is.

semver.org says which change raises which number: what breaks something the first, what adds
something the second, what mends something the third. A release that is said to break something
must raise the first; everything else is told and nobody is kept from it, for the person who asks
may know better.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from bot.domain.plan_sections import VersionDocument
from bot.domain.units import format_duration, parse_duration
from bot.domain.versions import Version, parse_version

Part = Literal["major", "minor", "patch"]
"""A number of a version, by the name that plans and semver.org use."""

PARTS: tuple[Part, ...] = ("major", "minor", "patch")
NUMBER: Mapping[Part, str] = {"major": "first", "minor": "second", "patch": "third"}

PACES: Mapping[str, timedelta] = {
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=28),
    "quarterly": timedelta(days=84),
    "yearly": timedelta(days=364),
}
"""Words for how often a number is raised: never sooner than so long after the last time.

A month is four weeks here and a quarter twelve, so that the same weekday of the next one is never
said to be too early.
"""

PRODUCTION = "production"


class Change(StrEnum):
    """What a release does to those who use it."""

    BREAKING = "breaking"
    FEATURE = "feature"
    FIX = "fix"


RAISES: Mapping[Change, Part] = {
    Change.BREAKING: "major",
    Change.FEATURE: "minor",
    Change.FIX: "patch",
}

_OF_TYPE = {"major": Change.BREAKING, "feature": Change.FEATURE, "hotfix": Change.FIX}
_DOES = {
    Change.BREAKING: "what breaks something",
    Change.FEATURE: "what adds something",
    Change.FIX: "what only mends something",
}


class Before(msgspec.Struct, frozen=True):
    """A version that was released. at: when it was out."""

    version: str
    at: datetime


def raised(before: Version, new: Version) -> Part | None:
    """The first number that differs; None when none does, as from 1.3.0-rc.1 to 1.3.0."""
    pairs = zip(PARTS, _core(before), _core(new), strict=True)
    return next((part for part, old, now in pairs if old != now), None)


def following(before: Version, part: Part) -> Version:
    """The version that comes next when this number is raised."""
    match part:
        case "major":
            return Version(before.major + 1, 0, 0)
        case "minor":
            return Version(before.major, before.minor + 1, 0)
        case "patch":
            return Version(before.major, before.minor, before.patch + 1)


def objection(before: str, new: str, change: Change | None) -> str:
    """Why a version can't be released for what it is said to be; "" when it can.

    before: what was released last, "" when nobody knows. Only what breaks something is refused. As
    long as the first number is 0 the second one stands for it (semver.org §4).
    """
    if change is not Change.BREAKING or not before:
        return ""
    old, version = parse_version(before), parse_version(new)
    part = raised(old, version)
    if part == "major" or (part == "minor" and version.major == 0) or _released(old, version):
        return ""
    wanted = following(old, "minor" if old.major == 0 else "major")
    number = NUMBER["minor" if old.major == 0 else "major"]
    return (
        f"What breaks something raises the {number} number: after {before} that is v{wanted}, "
        f"not {new}. Give it that number, or leave --change breaking out."
    )


def _released(old: Version, version: Version) -> bool:
    """A prerelease of the same version broke what this one breaks."""
    return bool(old.prerelease) and raised(old, version) is None


def remarks(
    rules: VersionDocument,
    history: Sequence[Before],
    new: str,
    change: Change | None,
    type_: str,
    now: datetime,
) -> list[str]:
    """What is unusual about a version, in sentences for the person who asks for it.

    history: what was released on the target, the newest first. change: as it was said; else the
    type of the release stands for it.
    """
    version = parse_version(new)
    if not history:
        return _first(rules, version)
    last = parse_version(history[0].version)
    if version.precedence < last.precedence:
        return [f"{new} is older than {history[0].version}, which was released last."]
    part = raised(last, version)
    if part is None:
        return []
    meant = change or _OF_TYPE.get(type_)
    said = [_skipped(last, version, part), _unfit(last, version, part, meant)]
    return [*filter(None, said), *_sooner(rules, history, part, now)]


def _first(rules: VersionDocument, version: Version) -> list[str]:
    if not rules.initial:
        return []
    wanted = parse_version(rules.initial)
    if _core(version) == _core(wanted):
        return []
    return [f"Nothing was released here yet; the plan calls the first version v{wanted}."]


def _skipped(last: Version, version: Version, part: Part) -> str:
    wanted = following(last, part)
    if last.prerelease or _core(version) == _core(wanted):
        return ""
    return f"v{version} skips v{wanted}, which would come after v{last}."


def _unfit(last: Version, version: Version, part: Part, change: Change | None) -> str:
    """That the version raises another number than what it does asks for."""
    if change is None or last.prerelease:
        return ""
    asked: Part = RAISES[change]
    if last.major == version.major == 0:  # nothing is settled yet: one number lower will do
        asked = "patch" if change is Change.FIX else "minor"
    if part == asked:
        return ""
    wanted = following(last, asked)
    return (
        f"v{version} raises the {NUMBER[part]} number; {_DOES[change]} raises the {NUMBER[asked]}: "
        f"v{wanted}."
    )


def _sooner(
    rules: VersionDocument, history: Sequence[Before], part: Part, now: datetime
) -> Iterator[str]:
    """That the plan raises this number less often."""
    words = rules.increment.get(part, "")
    pace = pace_of(words)
    last = _raised_last(history, part)
    if pace is None or last is None or now - last.at >= pace:
        return
    ago = format_duration(now - last.at) if now > last.at else "0s"
    yield (
        f"A new {NUMBER[part]} number is planned {words}, and {last.version} brought one {ago} "
        "ago. It can go on if it can't be avoided."
    )


def _raised_last(history: Sequence[Before], part: Part) -> Before | None:
    """The release that raised this number the last time, as far back as is known."""
    versions = [parse_version(each.version) for each in history]
    for index, each in enumerate(history[:-1]):
        if raised(versions[index + 1], versions[index]) == part:
            return each
    return None


def pace_of(words: str) -> timedelta | None:
    """How long a number stays at least; None for words that say nothing about it."""
    if words in PACES:
        return PACES[words]
    try:
        return parse_duration(words)
    except ValueError:
        return None


def _core(version: Version) -> tuple[int, int, int]:
    return version.major, version.minor, version.patch


# --- prereleases ------------------------------------------------------------------------------


def most_of(rules: VersionDocument, version: str, environment: str) -> float | None:
    """The largest share, in percent, that this version may have there; None: all of it."""
    if not rules.prerelease_most or environment != PRODUCTION:
        return None
    try:
        return (
            float(rules.prerelease_most.rstrip("%")) if parse_version(version).prerelease else None
        )
    except ValueError:
        return None


def withheld(rules: VersionDocument, version: str, environment: str, traffic: float) -> str:
    """Why a wave may not come, with what to do instead; "" when it may. traffic: its, percent."""
    most = most_of(rules, version, environment)
    if most is None or traffic <= most:
        return ""
    plain = version.partition("-")[0]
    return (
        f"{version} is a prerelease and gets no more than {most:g} % of {environment}. "
        f"Roll it back when enough was seen, and release {plain}."
    )
