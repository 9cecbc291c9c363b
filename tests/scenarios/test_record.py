"""The record is read by itself, its ends are kept elsewhere, and who alters it is found out."""

import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, delete, update

from bot.store.queries import audit
from bot.store.tables import audit as table
from bot.store.tables import notary, outbox
from tests.scenarios.test_chores import house
from tests.scenarios.world import World

ANCHORED = """
audit:
  anchors: {every: 1h, channel: C0STATUS, file: anchors.jsonl}
"""


async def anchoring(world: World, folder: Path) -> Path:
    """The house keeps anchors, and the bot begins anew. The file of anchors."""
    world.house = house(folder, ANCHORED)
    await world.restart()
    await world.settle()
    return folder / "anchors.jsonl"


def said(world: World, channel: str) -> list[str]:
    return [message.text for message in world.space.messages.get(channel, [])]


async def health(world: World) -> dict[str, str]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.bot.web)) as client:
        answer = await client.get("http://bot.test/health")
    checks: dict[str, dict[str, str]] = answer.json()["checks"]
    return checks["audit"]


async def test_ends_are_kept_in_the_channel_and_the_file_and_not_without_news(
    world: World, tmp_path: Path
) -> None:
    file = await anchoring(world, tmp_path)
    head = await world.bot.store.transact(audit.head)
    assert [json.loads(line)["anchor"] for line in file.read_text().splitlines()] == [str(head)]
    assert [text.rpartition(" ")[2] for text in said(world, "C0STATUS")] == [str(head)]
    await world.pass_by(days=1)
    await world.settle()
    assert len(said(world, "C0STATUS")) == 1
    await world.start()
    await world.pass_by(hours=2)
    await world.settle()
    assert len(said(world, "C0STATUS")) > 1
    assert (await health(world))["status"] == "ok"


@pytest.mark.thorough
@pytest.mark.parametrize("attack", ["altered", "cut", "anew"])
async def test_an_altered_record_is_said_shown_at_home_and_in_the_health(
    world: World, tmp_path: Path, attack: str
) -> None:
    file = await anchoring(world, tmp_path)
    await world.start()
    await world.pass_by(hours=2)
    await world.settle()
    kept = len(file.read_text().splitlines())
    whole = await world.bot.store.transact(lambda c: list(audit.entries(c)))
    await world.bot.store.transact(lambda c: _attack(c, attack, whole))
    if attack != "anew":
        world.house = house(tmp_path, ANCHORED.replace(", file: anchors.jsonl", ""))
    await world.restart()  # what this process has read itself is forgotten
    await world.pass_by(hours=2)
    await world.settle()
    (alarm,) = world.pages()
    assert "was altered" in alarm
    assert (await health(world))["status"] == "degraded"
    assert len(file.read_text().splitlines()) == kept
    assert "was altered" in await world.open_home("ada")
    await world.bot.store.transact(lambda c: _restore(c, whole))
    await world.pass_by(hours=1)
    await world.settle()
    (again,) = world.pages()
    assert "whole again" in again


def _attack(conn: Connection, attack: str, whole: list[audit.Entry]) -> None:
    match attack:
        case "altered":
            conn.execute(update(table).where(table.c.id == 2).values(actor="mallory"))
        case "cut":
            conn.execute(delete(table).where(table.c.id == whole[-1].id))
        case _:  # and what the bot remembers in the database goes with it
            conn.execute(delete(notary))
            conn.execute(delete(outbox).where(outbox.c.kind == "notary"))
            conn.execute(delete(table))
            for entry in whole:
                fields = {name: getattr(entry, name) for name in audit.Fact.__struct_fields__}
                audit.append(conn, audit.Fact(**{**fields, "actor": "mallory"}))


def _restore(conn: Connection, whole: list[audit.Entry]) -> None:
    """What an administrator does with a copy; what came after it is lost."""
    conn.execute(delete(table))
    for entry in whole:
        fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
        conn.execute(table.insert().values(**fields))


async def test_a_file_that_can_not_be_written_is_said(world: World, tmp_path: Path) -> None:
    world.house = house(tmp_path, ANCHORED.replace("anchors.jsonl", "nowhere/anchors.jsonl"))
    await world.restart()
    await world.settle()
    (alarm,) = world.pages()
    assert "could not be kept in the file of anchors" in alarm
    assert len(said(world, "C0STATUS")) == 1, "the other place has it"


@pytest.mark.thorough
async def test_a_record_cut_while_the_bot_runs_shows_though_nothing_was_kept_elsewhere(
    world: World,
) -> None:
    await world.start()
    await world.pass_by(hours=2)
    await world.settle()
    whole = await world.bot.store.transact(lambda c: list(audit.entries(c)))
    await world.bot.store.transact(lambda c: _attack(c, "cut", whole))
    await world.pass_by(hours=2)
    await world.settle()
    (alarm,) = world.pages()
    assert "was altered" in alarm
    await world.bot.store.transact(lambda c: _restore(c, whole))


@pytest.mark.thorough
async def test_between_whole_readings_only_what_is_new_is_read(world: World) -> None:
    await world.start()
    await world.pass_by(hours=2)
    await world.settle()
    whole = await world.bot.store.transact(lambda c: list(audit.entries(c)))
    await world.bot.store.transact(lambda c: _attack(c, "altered", whole))
    await world.pass_by(hours=3)
    await world.settle()
    assert world.pages() == []
    await world.pass_by(days=1)
    await world.settle()
    world.page_about("entry 2: was altered")
    await world.bot.store.transact(lambda c: _restore(c, whole))
