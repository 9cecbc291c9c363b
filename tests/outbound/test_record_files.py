"""Change logs and version items as files."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.release_log import Deployment, Entry, Rollback, VersionItem
from bot.outbound.record_files import RecordFiles
from bot.ports import PermanentError

NOON = datetime(2024, 1, 15, 14, tzinfo=UTC)
ITEM = VersionItem(
    "DEPLOYMENT#prod", "VERSION#1.2.3", "1.2.3", NOON, 'ma"ry', "abc123def456", "active"
)
ENTRY = Entry(
    "1.2.3",
    NOON,
    {"Added": ("New coins",), "Changed": (), "Fixed": ("Time zones", "Errors")},
    (
        Deployment("staging", datetime(2024, 1, 14, 10, tzinfo=UTC)),
        Deployment("production", NOON),
    ),
    (),
)


async def written(folder: Path, entry: Entry = ENTRY) -> str:
    await RecordFiles(folder).write("crypto-watch", "production", [ITEM], [entry])
    return (folder / "crypto-watch" / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.requirement("C-068", "C-069", "C-070", "C-071", "C-072", "S-110")
async def test_an_entry_reads_as_keep_a_changelog_has_it(tmp_path: Path) -> None:
    text = await written(tmp_path)
    assert text[text.index("## [") :] == (
        "## [1.2.3] - 2024-01-15\n\n"
        "### Added\n- New coins\n\n"
        "### Fixed\n- Time zones\n- Errors\n\n"
        "### Deployment\n"
        "- Staging: 2024-01-14 10:00 UTC\n"
        "- Production: 2024-01-15 14:00 UTC\n"
        "- Rollback: None\n"
    )


@pytest.mark.requirement("C-074", "C-075", "C-076")
async def test_a_version_item_reads_as_the_document_has_it(tmp_path: Path) -> None:
    await written(tmp_path)
    kept = json.loads((tmp_path / "crypto-watch" / "production.versions.json").read_text("utf-8"))
    assert kept == [
        {
            "PK": "DEPLOYMENT#prod",
            "SK": "VERSION#1.2.3",
            "version": "1.2.3",
            "deployedAt": "2024-01-15T14:00:00Z",
            "deployedBy": 'ma"ry',
            "gitCommit": "abc123def456",
            "status": "active",
        }
    ]


async def test_a_later_rollback_is_written_into_the_entry_that_is_there(tmp_path: Path) -> None:
    await written(tmp_path)
    taken = Entry(
        "1.2.3", NOON, {}, ENTRY.deployments, (Rollback("production", NOON, "too many errors"),)
    )
    text = await written(tmp_path, taken)
    assert text.endswith("- Rollback: 2024-01-15 14:00 UTC (production): too many errors\n")
    assert "- New coins" in text
    assert text.count("## [1.2.3]") == 1


def all_files(folder: Path) -> dict[str, int]:
    """The files by name, and which they are."""
    return {path.name: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}


async def test_writing_the_same_again_leaves_the_files_alone(tmp_path: Path) -> None:
    await written(tmp_path)
    before = all_files(tmp_path)
    await written(tmp_path)
    assert all_files(tmp_path) == before


async def test_nothing_but_whole_files_is_left_behind(tmp_path: Path) -> None:
    await written(tmp_path)
    assert sorted(all_files(tmp_path)) == ["CHANGELOG.md", "production.versions.json"]


async def test_a_folder_that_can_not_be_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "crypto-watch").write_text("a file")
    with pytest.raises(PermanentError, match="can't be written"):
        await written(tmp_path)


async def test_the_rights_of_a_file_stay(tmp_path: Path) -> None:
    await written(tmp_path)
    log = tmp_path / "crypto-watch" / "CHANGELOG.md"
    log.chmod(0o600)
    log.write_text(log.read_text("utf-8").replace("## [1.2.3]", "## [1.2.2]"))
    await written(tmp_path)
    assert os.stat(log).st_mode & 0o777 == 0o600
