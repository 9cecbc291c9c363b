"""What the records of releases say: exactly one version per environment is active."""

import json
from pathlib import Path

import pytest

from bot.domain.release_record import Record
from bot.domain.rollout import Phase
from bot.engine.release_records import record_kind
from bot.ports import Target
from bot.store.queries import release_records
from tests.scenarios.world import HOUSE, World


async def recorded(world: World) -> list[Record]:
    """The records of checkout in production, oldest first."""
    rows = await world.bot.store.transact(
        lambda conn: release_records.recent(conn, "checkout", "production")
    )
    return [record_kind().load(row) for row in rows][::-1]


async def standings(world: World) -> list[tuple[str, str]]:
    return [(record.version, record.standing.value) for record in await recorded(world)]


@pytest.mark.thorough
@pytest.mark.requirement("X-27", "C-076")
async def test_one_version_is_active_and_the_one_before_it_superseded(world: World) -> None:
    await world.release("v1.2.0")
    assert await standings(world) == [("v1.2.0", "active")]
    await world.release("v1.3.0")
    assert await standings(world) == [("v1.2.0", "superseded"), ("v1.3.0", "active")]
    await world.say("mary", "/rollback checkout it is slow")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    assert await standings(world) == [("v1.2.0", "active"), ("v1.3.0", "rolled_back")]
    back = (await recorded(world))[-1]
    assert back.rolled_back_at is not None
    assert back.rollback_reason == "mary asked for it: it is slow"


@pytest.mark.thorough
async def test_a_version_that_never_was_live_leaves_the_active_one_alone(world: World) -> None:
    await world.release("v1.2.0")
    await world.soaking(5.0, "v1.3.0")
    world.break_version("v1.3.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    assert await standings(world) == [("v1.2.0", "active"), ("v1.3.0", "rolled_back")]


@pytest.mark.thorough
async def test_who_asked_and_who_signed_is_kept_with_each_wave(world: World) -> None:
    await world.release("v1.2.0")
    (record,) = await recorded(world)
    assert record.requested_by == "mary"
    assert record.signed_by == ("ada", "grace")
    assert record.previous == "v1.0.0"
    assert [stretch.weight for stretch in record.stretches] == [5, 25, 50, 100]
    assert record.deployed_at is not None


@pytest.mark.thorough
async def test_what_was_never_signed_has_no_record(world: World) -> None:
    await world.start("v1.2.0")
    await world.say("mary", "/release cancel")
    await world.until(Phase.CANCELLED)
    assert await recorded(world) == []


# --- outside the database -------------------------------------------------------------------


async def with_files(world: World, folder: Path) -> None:
    """The bot begins anew and writes its records into this folder."""
    house = folder / "countersign.yml"
    text = HOUSE.read_text("utf-8").replace("./plans", str(HOUSE.parent / "plans"))
    house.write_text(f"{text}\nrecords: {{folder: kept}}\n")
    world.house = house
    await world.restart()


def kept(folder: Path) -> list[tuple[str, str]]:
    found = json.loads((folder / "kept/checkout/production.versions.json").read_text("utf-8"))
    return [(each["version"], each["status"]) for each in found]


@pytest.mark.thorough
@pytest.mark.requirement("X-27", "C-068", "C-071", "C-072", "C-076")
async def test_files_and_the_deployer_say_what_the_records_say(
    world: World, tmp_path: Path
) -> None:
    await with_files(world, tmp_path)
    await world.release("v1.2.0", "--note faster search")
    await world.release("v1.3.0")
    assert kept(tmp_path) == [("1.3.0", "active"), ("1.2.0", "superseded")]
    await world.say("mary", "/rollback checkout it is slow")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    await world.advance(seconds=3)
    assert kept(tmp_path) == [("1.3.0", "rolled_back"), ("1.2.0", "active")]
    there = world.deployer.versions(Target("checkout", "production"))
    assert {each.version: each.status for each in there} == dict(kept(tmp_path))
    text = (tmp_path / "kept/checkout/CHANGELOG.md").read_text("utf-8")
    newer, older = text.index("## [1.3.0] - 2026-11-21"), text.index("## [1.2.0] - 2026-11-21")
    assert newer < older
    assert "(production): mary asked for it: it is slow" in text[newer:older]
    assert "- Rollback: None" in text[older:]
    assert "- faster search" in text[older:]
    assert "- Production: 2026-11-21 12:0" in text[older:]


@pytest.mark.thorough
async def test_records_that_can_not_be_written_hold_nothing_up_and_are_said(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("in the way")
    await with_files(world, tmp_path)
    await world.release("v1.2.0")
    await world.advance(seconds=3)
    assert world.said("The record of this release could not be written")
    world.expected_dead |= {key for key, _ in await world.dead() if key.startswith("record:")}
