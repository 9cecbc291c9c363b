"""Entries of the change log and version items, as the fourth document has them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.release_log import Keys, VersionItem, entries, item, items, keys_of, merged
from bot.domain.release_record import Record, Standing

NOON = datetime(2024, 1, 15, 14, tzinfo=UTC)
KEYS = Keys(item="DEPLOYMENT#prod / VERSION#{version}")
LIVE = Record(
    id="r1",
    service="crypto-watch",
    environment="production",
    version="v1.2.3",
    requested_by="mary",
    created_at=NOON - timedelta(minutes=20),
    standing=Standing.ACTIVE,
    deployed_at=NOON,
)
STAGED = msgspec.structs.replace(
    LIVE, id="r0", environment="staging", deployed_at=NOON - timedelta(days=1)
)
ENTRY = """\
## [1.2.3] - 2024-01-15

### Changed

- Better

### Deployment

- Production: 2024-01-15 14:00 UTC
- Rollback: None
"""


def but(record: Record = LIVE, **fields: Any) -> Record:
    return msgspec.structs.replace(record, **fields)


@pytest.mark.requirement("C-073", "C-074", "C-075")
def test_the_keys_and_fields_of_a_version_item() -> None:
    made = item(but(commit="abc123def456"), KEYS)
    assert made == VersionItem(
        "DEPLOYMENT#prod", "VERSION#1.2.3", "1.2.3", NOON, "mary", "abc123def456", "active"
    )


def test_what_never_was_live_has_no_item() -> None:
    assert item(but(deployed_at=None, standing=Standing.ROLLED_BACK), KEYS) is None
    assert item(but(standing=Standing.UNDER_WAY), KEYS) is None


def test_of_a_version_that_was_released_twice_the_last_word_counts() -> None:
    again = but(id="r2")
    made = items([again, but(standing=Standing.ROLLED_BACK)], KEYS)
    assert [each.status for each in made] == ["active"]


def test_a_plan_without_words_about_records_has_both() -> None:
    assert keys_of({}).item == "DEPLOYMENT#{environment} / VERSION#{version}"
    made = item(LIVE, keys_of({}))
    assert made is not None
    assert made.pk == "DEPLOYMENT#production"


@pytest.mark.requirement("C-070", "C-071")
def test_an_entry_has_the_times_of_each_environment() -> None:
    (entry,) = entries([LIVE, STAGED])
    assert entry.date == NOON
    assert [(d.environment, d.at) for d in entry.deployments] == [
        ("staging", NOON - timedelta(days=1)),
        ("production", NOON),
    ]
    assert entry.rollbacks == []


@pytest.mark.requirement("C-072")
def test_a_rollback_is_in_the_entry_with_its_time_and_reason_in_one_line() -> None:
    taken = but(standing=Standing.ROLLED_BACK, rolled_back_at=NOON, rollback_reason="it is\n slow")
    (entry,) = entries([taken])
    assert [(b.at, b.reason) for b in entry.rollbacks] == [(NOON, "it is slow")]


def test_versions_are_in_order_of_their_deployment_newest_first() -> None:
    older = but(id="r9", version="v1.2.2", deployed_at=NOON - timedelta(days=7))
    assert [entry.version for entry in entries([older, LIVE])] == ["1.2.3", "1.2.2"]


# --- the file that people write in, too -----------------------------------------------------

LOG = """\
# Changelog

## [Unreleased]

- soon

## [1.2.2] - 2024-01-08

### Fixed

- Something
"""


def test_an_entry_is_put_before_the_newest_version() -> None:
    text = merged(LOG, "1.2.3", ENTRY)
    places = [text.index(f"## [{name}]") for name in ("Unreleased", "1.2.3", "1.2.2")]
    assert places == sorted(places)
    assert text.replace(ENTRY + "\n", "") == LOG


@pytest.mark.parametrize("text", ["", "# Changelog\n", LOG])
def test_writing_an_entry_again_changes_nothing(text: str) -> None:
    once = merged(text, "1.2.3", ENTRY)
    assert merged(once, "1.2.3", ENTRY) == once
    assert once.count("## [1.2.3]") == 1


@pytest.mark.requirement("C-068", "C-069")
def test_what_people_wrote_about_a_version_stays() -> None:
    written = LOG.replace(
        "## [1.2.2] - 2024-01-08",
        "## [1.2.3]\n\n### Added\n\n- New coins\n\n## [1.2.2] - 2024-01-08",
    )
    text = merged(written, "1.2.3", ENTRY)
    assert "## [1.2.3] - 2024-01-15\n\n### Added\n\n- New coins\n\n### Deployment\n" in text
    assert "### Changed" not in text
    assert text.endswith(LOG[LOG.index("## [1.2.2]") :])


def test_a_deployment_in_the_middle_of_an_entry_is_replaced_there() -> None:
    written = "## [1.2.3] - 2024-01-15\n\n### Deployment\n\n- old\n\n### Fixed\n\n- It\n"
    text = merged(written, "1.2.3", ENTRY)
    assert "- old" not in text
    assert text.endswith("- Rollback: None\n\n### Fixed\n\n- It\n")


def test_a_heading_with_words_of_its_own_is_left_alone() -> None:
    written = "## [1.2.3] the big one\n\n- Much\n"
    assert merged(written, "1.2.3", ENTRY).startswith("## [1.2.3] the big one\n\n- Much\n")
