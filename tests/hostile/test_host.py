"""The machine under the bot: its disk is full, its program is replaced."""

import msgspec
import pytest
from sqlalchemy import Connection, text

from bot.domain.rollout import Phase
from bot.store.migrations import upgrade_store
from tests.scenarios.world import World


async def pages(world: World, limit: int) -> None:
    """How large the database may become. limit: in pages; 0: no larger than it is."""

    def unit(conn: Connection) -> None:
        now = conn.execute(text("PRAGMA page_count")).scalar_one()
        conn.execute(text(f"PRAGMA max_page_count = {limit or now}"))

    await world.bot.store.transact(unit)


@pytest.mark.thorough
async def test_a_full_disk_takes_nothing_in_loses_nothing_and_goes_on_afterwards(
    world: World,
) -> None:
    await world.soaking(5)
    before, moves = await world.rollout(), len(world.shop.moves)
    recorded = len(await world.audit())
    await pages(world, 0)
    refused = 0
    for number in range(40):
        note = f"/release report escalation {'x' * 1000}{number}"
        said = await world.act("say", person="grace", channel="checkout", text=note)
        body = said.get("body") or ""
        told = body["text"] if isinstance(body, dict) else body
        refused += "nothing was done" in told
    assert refused, "the disk was never full"
    world.whispers("grace")
    assert (await world.rollout()).phase is before.phase
    assert len(world.shop.moves) == moves
    assert len(await world.audit()) >= recorded
    await pages(world, 1 << 30)
    world.whispers("grace")
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
    world.whispers("grace")


@pytest.mark.thorough
async def test_a_release_goes_on_in_the_same_wave_after_a_migration(world: World) -> None:
    """The row is what an older program would have written: without a field that has a default."""
    before = await world.soaking(25)
    await world.bot.store.close()
    await world.pass_by(seconds=31)
    await world.begin()
    await upgrade_store(world.bot.store)

    def older(conn: Connection) -> None:
        rows = conn.execute(text("SELECT id, state FROM rollout")).all()
        for id_, state in rows:
            kept = msgspec.json.decode(state)
            for field in ("careful", "trends", "options", "choices", "mute", "stopped", "checks"):
                kept.pop(field, None)
            changed = {"state": msgspec.json.encode(kept).decode(), "id": id_}
            conn.execute(text("UPDATE rollout SET state = :state WHERE id = :id"), changed)

    await world.bot.store.transact(older)
    await world.settle()
    after = await world.rollout()
    assert (after.wave, after.weight) == (before.wave, before.weight)
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
