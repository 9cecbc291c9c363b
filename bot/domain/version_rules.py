"""What a plan says about versions: which it releases, and what their tags are called."""

import re
from datetime import datetime

from bot.domain.plan_sections import VersionDocument
from bot.domain.versions import Version, parse_version

_VERSION = "{version}"


def released(text: str, rules: VersionDocument, environment: str, plan: str) -> Version:
    """The version that was typed, by itself or as its tag, if the plan releases such versions.

    environment: where it is to go. plan: its name, for the words.
    Raises ValueError saying what the plan takes.
    """
    version = parse_version(_untagged(text, rules))
    _plain_enough(version, rules, plan)
    kind = version.prerelease[0] if version.prerelease else ""
    if kind and rules.prerelease is not None and kind not in rules.prerelease:
        allowed = ", ".join(rules.prerelease) or "none"
        raise ValueError(f"{plan} doesn't release {kind!r} versions (prereleases: {allowed}).")
    built = version.build[0] if version.build else ""
    if rules.build == "environment" and built and built != environment:
        raise ValueError(f"v{version} is a build for {built}, not for {environment}.")
    return version


def _untagged(text: str, rules: VersionDocument) -> str:
    """prod-v1.2.0 -> 1.2.0, where tags are called so."""
    head, _, tail = rules.tag.partition(_VERSION)
    match = re.fullmatch(re.escape(head) + r"(.+)" + re.escape(tail), text)
    return match[1] if match and (head, tail) != ("v", "") else text


def _plain_enough(version: Version, rules: VersionDocument, plan: str) -> None:
    if rules.format == "major.minor.patch" and (version.prerelease or version.build):
        plain = f"v{version.major}.{version.minor}.{version.patch}"
        raise ValueError(f"{plan} releases versions like {plain}, with nothing behind the numbers.")


def tag_of(rules: VersionDocument, version: str) -> str:
    """The tag of a version ("v1.2.0") as the plan writes it."""
    return rules.tag.replace(_VERSION, version.removeprefix("v"))


def tag_message(rules: VersionDocument, version: str, summary: str) -> str:
    """What the tag says; "" where the plan has no words for it. summary: of the release."""
    words = rules.tag_message.replace(_VERSION, version.removeprefix("v"))
    return words.replace("{summary}", summary).rstrip(": ")


def backup_tag(rules: VersionDocument, now: datetime) -> str:
    """The tag under which what runs now is kept, "" where the plan has none."""
    return now.strftime(rules.backup_tag) if rules.backup_tag else ""


def tag_lines(rules: VersionDocument, version: str, summary: str, now: datetime) -> list[str]:
    """Which tags belong to a release, for people: nothing where a tag is the version itself."""
    tag, kept = tag_of(rules, version), backup_tag(rules, now)
    message = tag_message(rules, version, summary)
    words = f" ({message})" if message else ""
    lines = [f"Its tag: {tag}{words}"] if tag != version or message else []
    return [*lines, *([f"What runs now is tagged {kept} before anything moves"] if kept else [])]
