"""`db` and `audit` on a real SQLite file, also one that somebody has changed."""

import csv
import io
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection

from bot.cli.exporting import PAGE
from bot.domain.anchors import Anchor
from bot.store.database import Store
from bot.store.queries.audit import Fact, append
from tests.cli.typed import typed, typed_aside

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"COUNTERSIGN_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'audit.db'}"}


def fact(number: int) -> Fact:
    return Fact(
        at=AT,
        kind="rollout",
        aggregate_id="abc",
        service="checkout",
        environment="production",
        revision=number,
        actor="ada",
        event=json.dumps({"type": "paused", "reason": f"no. {number}"}),
        phase_before="soaking",
        phase_after="paused",
    )


async def filled(env: dict[str, str], count: int) -> Anchor:
    """Add entries to the chain; its new head."""

    def unit(conn: Connection) -> Anchor:
        heads = [append(conn, fact(number)) for number in range(count)]
        return heads[-1]

    store = await Store.open(env["COUNTERSIGN_DATABASE_URL"])
    try:
        return await store.transact(unit)
    finally:
        await store.close()


def meddle(tmp_path: Path, statement: str) -> None:
    with sqlite3.connect(tmp_path / "audit.db") as conn:
        conn.execute(statement)
    conn.close()


@pytest.fixture
def migrated(env: dict[str, str]) -> dict[str, str]:
    done = typed("db", "upgrade", "--json", env=env)
    assert done.code == 0, done.err
    return env


def test_an_upgrade_can_be_repeated(migrated: dict[str, str]) -> None:
    again = typed("db", "upgrade", env=migrated)
    assert again.code == 0
    assert again.out.startswith("The database is at revision")


def test_an_empty_record_is_sound(migrated: dict[str, str]) -> None:
    assert typed("audit", "verify", "--json", env=migrated).json["entries"] == 0


async def test_an_untouched_record_is_sound_and_its_end_can_be_kept(env: dict[str, str]) -> None:
    await typed_aside("db", "upgrade", env=env)
    head = await filled(env, 3)
    done = await typed_aside("audit", "verify", "--json", env=env)
    kept = f"{head.id}:{head.hash}"
    assert (done.code, done.json) == (0, {"ok": True, "entries": 3, "anchor": kept, "anchors": 0})
    await filled(env, 1)
    assert (await typed_aside("audit", "verify", "--anchor", kept, env=env)).code == 0


async def test_a_changed_entry_is_found(env: dict[str, str], tmp_path: Path) -> None:
    await typed_aside("db", "upgrade", env=env)
    await filled(env, 3)
    meddle(tmp_path, "UPDATE audit SET actor = 'eve' WHERE id = 2")
    done = await typed_aside("audit", "verify", env=env)
    assert done.code == 1
    assert "BROKEN: audit entry 2: was altered." in done.out
    told = await typed_aside("audit", "verify", "--json", env=env)
    assert (told.code, told.json["entry"], told.json["ok"]) == (1, 2, False)


async def test_a_record_cut_at_its_end_is_found_by_what_was_kept(
    env: dict[str, str], tmp_path: Path
) -> None:
    await typed_aside("db", "upgrade", env=env)
    head = await filled(env, 3)
    meddle(tmp_path, "DELETE FROM audit WHERE id = 3")
    assert (await typed_aside("audit", "verify", env=env)).code == 0
    kept = f"{head.id}:{head.hash}"
    done = await typed_aside("audit", "verify", "--anchor", kept, env=env)
    assert done.code == 1
    assert "the chain ends at 2" in done.out


async def test_an_export_has_one_entry_in_each_line(env: dict[str, str]) -> None:
    await typed_aside("db", "upgrade", env=env)
    await filled(env, 3)
    done = await typed_aside("audit", "export", env=env)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3]
    assert lines[1]["event"] == {"type": "paused", "reason": "no. 1"}
    assert lines[1]["prev_hash"] == lines[0]["hash"]
    rest = await typed_aside("audit", "export", "--json", "--after", "2", env=env)
    assert [json.loads(line)["id"] for line in rest.out.splitlines()] == [3]


@pytest.mark.thorough
async def test_an_export_goes_on_after_its_first_page(env: dict[str, str]) -> None:
    await typed_aside("db", "upgrade", env=env)
    await filled(env, PAGE + 1)
    done = await typed_aside("audit", "export", env=env)
    ids = [json.loads(line)["id"] for line in done.out.splitlines()]
    assert ids == list(range(1, PAGE + 2))


def test_looking_makes_no_database(env: dict[str, str], tmp_path: Path) -> None:
    done = typed("audit", "verify", env=env)
    assert done.code == 1
    assert "countersign db upgrade" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_is_told(env: dict[str, str], tmp_path: Path) -> None:
    meddle(tmp_path, "CREATE TABLE other (a)")
    done = typed("audit", "verify", env=env)
    assert done.code == 1
    assert "countersign db upgrade" in done.err


@pytest.mark.thorough
def test_a_password_is_not_shown_when_the_database_does_not_answer() -> None:
    url = "postgresql+asyncpg://bot:hush@127.0.0.1:1/bot"
    done = typed("audit", "verify", env={"COUNTERSIGN_DATABASE_URL": url})
    assert done.code == 1
    assert "does not answer" in done.err
    assert "hush" not in done.err


async def test_anchors_of_a_file_are_met_or_missed(
    migrated: dict[str, str], tmp_path: Path
) -> None:
    first, second = await filled(migrated, 3), await filled(migrated, 2)
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"posted by the bot: {first}\nand {second}.\n")
    done = await typed_aside("audit", "verify", "--anchors", str(file), env=migrated)
    assert done.code == 0
    assert "each of 2 anchors is in it" in done.out
    file.write_text(str(Anchor(first.id, "f" * 64)))
    done = await typed_aside("audit", "verify", "--anchors", str(file), env=migrated)
    assert done.code == 1
    assert "is not the one that was anchored" in done.out
    file.write_text("none here")
    done = await typed_aside("audit", "verify", "--anchors", str(file), env=migrated)
    assert done.code == 1
    assert "holds no anchors" in done.err


async def test_a_table_for_a_spreadsheet_has_a_head_and_no_formulas(
    migrated: dict[str, str],
) -> None:
    await filled(migrated, 2)
    store = await Store.open(migrated["COUNTERSIGN_DATABASE_URL"])
    evil = msgspec.structs.replace(fact(9), actor="=cmd|' /C calc'!A0")
    await store.transact(lambda conn: append(conn, evil))
    await store.close()
    done = await typed_aside("audit", "export", "--format", "csv", env=migrated)
    assert done.code == 0
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["actor"] == "'=cmd|' /C calc'!A0"
    assert json.loads(rows[0]["event"])["type"] == "paused"


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--service", "checkout"), [1, 2]),
        (("--service", "payments"), []),
        (("--about", "abc", "--after", "1"), [2]),
        (("--since", "2026-03-01T09:00Z"), [1, 2]),
        (("--since", "2026-03-02"), []),
        (("--until", "2026-03-01T09:00Z"), []),
        (("--environment", "production", "--until", "2026-03-02"), [1, 2]),
    ],
)
async def test_an_export_holds_what_was_asked_for(
    migrated: dict[str, str], options: tuple[str, ...], ids: list[int]
) -> None:
    await filled(migrated, 2)
    done = await typed_aside("audit", "export", *options, env=migrated)
    assert done.code == 0
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == ids


async def test_a_time_that_is_none_is_refused_with_the_form_it_has(
    migrated: dict[str, str],
) -> None:
    done = await typed_aside("audit", "export", "--since", "yesterday", env=migrated)
    assert done.code == 2
    assert "yesterday is no time; write 2026-03-01" in done.err
