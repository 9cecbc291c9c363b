"""What waits for its turn asks for it once, however often nobody has answered."""

from sqlalchemy import Connection, select

from bot.domain.events import Ticked
from bot.domain.rollout import Phase
from bot.store.tables import outbox
from tests.engine.world import World


def waiting(conn: Connection) -> list[str]:
    """The checks that somebody would still run."""
    checks = outbox.c.effect.contains("CheckExecution")
    return list(
        conn.execute(select(outbox.c.key).where(checks, outbox.c.state == "pending")).scalars()
    )


async def test_checks_that_never_came_to_their_end_do_not_pile_up(world: World) -> None:
    await world.start()
    await world.sign_as("U0ADA")
    await world.sign_as("U0GRACE")
    for _ in range(5):
        world.clock.advance(10)
        await world.engine.apply("r1", Ticked())
    assert len(await world.store.transact(waiting)) == 1
    await world.engine.settle()
    await world.until(Phase.SOAKING)
