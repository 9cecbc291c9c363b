"""Release notes out of commits, and which branches go where."""

from datetime import UTC, datetime

import pytest

from bot.domain.branches import fitting, in_words, likely, patterns, prefix
from bot.domain.release_notes import MOST, Commit, changes


def commits(*summaries: str) -> list[Commit]:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    return [Commit(str(n), at, summary) for n, summary in enumerate(summaries)]


@pytest.mark.requirement("C-069")
def test_commits_stand_under_added_changed_and_fixed() -> None:
    found = changes(
        commits(
            "feat(search): Faster search",
            "fix: Time zones",
            "Say hello",
            "feat!: Another address",
            "ci: Once more",
            "Merge branch 'x'",
        )
    )
    assert found == {
        "Added": ("Faster search",),
        "Changed": ("Say hello", "Breaking: Another address"),
        "Fixed": ("Time zones",),
    }


def test_notes_have_an_end() -> None:
    found = changes(commits(*(f"fix: {n} {'x' * 400}" for n in range(MOST + 5))))
    assert len(found["Fixed"]) == MOST
    assert max(map(len, found["Fixed"])) <= 140


@pytest.mark.requirement("X-36")
def test_each_plan_has_patterns_of_its_own() -> None:
    written = {"staging": "release/v2", "production": "main | release/v{version} | hot*"}
    assert patterns(written, "staging", "v1.2.0") == ("release/v2",)
    assert patterns(written, "production", "v1.2.0") == ("main", "release/v1.2.0", "hot*")
    assert patterns(written, "development", "v1.2.0") == ()


def test_a_pattern_names_what_its_branches_begin_with() -> None:
    assert prefix("release/v*") == "release/v"
    assert prefix("main") == "main"
    assert fitting("release/v*", ["release/v1", "main", "release/x"]) == ["release/v1"]
    assert likely(["main", "release/v1.2.0"], "v1.2.0") == ["release/v1.2.0", "main"]
    assert in_words(["main", "release/v*"]) == "main or release/v*"
