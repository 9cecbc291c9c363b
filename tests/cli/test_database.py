"""`db` and `audit` on a real SQLite file, also one that somebody has changed."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.cli.database import PAGE
from bot.store.database import Store
from bot.store.queries.audit import Anchor, Fact, append
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
    assert (done.code, done.json) == (0, {"ok": True, "entries": 3, "anchor": kept})
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
