"""What other systems report: taken in once, and not lost when it could not be written."""

import pytest
from sqlalchemy import Connection, text

from bot.domain.rollout import Phase
from bot.engine.transitions import TargetBusyError
from tests.scenarios.world import World

REPORT = {
    "event": "data_corruption",
    "service": "checkout",
    "environment": "production",
    "id": "e1",
}


async def run(world: World, statement: str) -> None:
    def unit(conn: Connection) -> None:
        conn.execute(text(statement))

    await world.bot.store.transact(unit)


async def test_a_report_that_could_not_be_written_counts_when_it_comes_in_again(
    world: World,
) -> None:
    await world.soaking(5)
    await run(
        world,
        "CREATE TRIGGER full BEFORE UPDATE OF phase ON rollout WHEN NEW.phase = 'paused' "
        "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    with pytest.raises(TargetBusyError):  # what a broken rule of the database is taken for
        await world.hook("/hooks/events", REPORT)
    await run(world, "DROP TRIGGER full")
    await world.hook("/hooks/events", REPORT)
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("data corruption was reported")


async def test_a_report_that_comes_in_twice_counts_once(world: World) -> None:
    await world.soaking(5)
    await world.hook("/hooks/events", REPORT)
    world.page_about("data corruption was reported")
    await world.click("ada", "resume")
    again = await world.hook("/hooks/events", REPORT)
    assert again.json()["rollouts"] == []
    assert (await world.rollout()).phase is Phase.SOAKING
