"""Which versions a plan releases, and what their tags are called."""

from datetime import UTC, datetime

import pytest

from bot.domain.plan_sections import VersionDocument
from bot.domain.version_rules import released, tag_lines

NOW = datetime(2026, 11, 21, 9, 5, 7, tzinfo=UTC)
ANY = VersionDocument()
BUILT = VersionDocument(build="environment", prerelease=("rc",))
PLAIN = VersionDocument(format="major.minor.patch", tag_message="Release v{version}: {summary}")
TAGGED = VersionDocument(tag="prod-v{version}", backup_tag="prod-backup-%Y%m%d-%H%M%S")


@pytest.mark.parametrize(
    ("rules", "text", "version"),
    [
        (ANY, "1.2.0", "1.2.0"),
        (ANY, "v1.2.0-beta.1+7", "1.2.0-beta.1+7"),
        (BUILT, "1.2.0-rc.1+staging.20251201", "1.2.0-rc.1+staging.20251201"),
        (BUILT, "v1.2.0", "1.2.0"),
        (PLAIN, "v1.2.3", "1.2.3"),
        (TAGGED, "prod-v1.2.0", "1.2.0"),
        (TAGGED, "v1.2.0", "1.2.0"),
    ],
)
@pytest.mark.requirement("X-28")
def test_a_version_is_meant_by_itself_or_by_its_tag(
    rules: VersionDocument, text: str, version: str
) -> None:
    assert str(released(text, rules, "staging", "small")) == version


@pytest.mark.parametrize(
    ("rules", "text", "words"),
    [
        (BUILT, "1.2.0-beta.1", "doesn't release 'beta' versions (prereleases: rc)"),
        (BUILT, "1.2.0-rc.1+production.1", "is a build for production, not for staging"),
        (PLAIN, "1.2.3-rc.1", "releases versions like v1.2.3"),
        (PLAIN, "1.2.3+7", "releases versions like v1.2.3"),
        (TAGGED, "dev-v1.2.0", "is not a version"),
        (ANY, "v", "is not a version"),
    ],
)
@pytest.mark.requirement("W-038", "C-066", "X-28")
def test_what_a_plan_does_not_release_is_refused_with_the_reason(
    rules: VersionDocument, text: str, words: str
) -> None:
    with pytest.raises(ValueError, match=r"version|build") as caught:
        released(text, rules, "staging", "small")
    assert words in str(caught.value)


@pytest.mark.requirement("X-28")
def test_tags_are_told_where_they_are_not_the_version_itself() -> None:
    assert tag_lines(ANY, "v1.2.0", "", NOW) == []
    assert tag_lines(TAGGED, "v1.2.0", "", NOW) == [
        "Its tag: prod-v1.2.0",
        "What runs now is tagged prod-backup-20261121-090507 before anything moves",
    ]
    assert tag_lines(PLAIN, "v1.2.0", "faster prices", NOW) == [
        "Its tag: v1.2.0 (Release v1.2.0: faster prices)"
    ]
