"""What /rollback means when several releases are about, and what asking twice comes to."""

import pytest
from sqlalchemy import select

from bot.domain.rollout import Phase
from bot.engine.intents import Intent, decode
from bot.store.tables import inbox
from tests.scenarios.world import World

pytestmark = pytest.mark.thorough


async def kept(world: World, name: str) -> list[Intent]:
    """What came in under this name, as it is kept."""
    mine = select(inbox.c.payload)
    payloads = await world.bot.store.transact(lambda conn: list(conn.execute(mine).scalars()))
    found = [intent for intent in map(decode, payloads) if intent.name == name]
    assert found
    return found


async def test_a_rollback_means_what_moves_now_and_not_what_waits_behind_it(world: World) -> None:
    live = await world.soaking(25)
    waiting = await world.start("v1.3.0")
    await world.say("grace", "/rollback checkout it is slow")
    await world.advance(seconds=5)
    world.page_about("Rolling back")
    assert (await world.rollout(live.id)).phase is Phase.ROLLED_BACK
    assert (await world.rollout(waiting.id)).phase is Phase.AWAITING_APPROVAL


async def test_a_rollback_means_what_was_released_last_and_not_what_is_only_asked_for(
    world: World,
) -> None:
    done = await world.release()
    waiting = await world.start("v1.3.0")
    await world.say("grace", "/rollback customers complain")
    await world.advance(seconds=5)
    world.page_about("Rolling back")
    assert (await world.rollout(done.id)).phase is Phase.ROLLED_BACK
    assert (await world.rollout(waiting.id)).phase is Phase.AWAITING_APPROVAL


async def test_a_release_that_has_been_replaced_can_not_be_rolled_back(world: World) -> None:
    old = await world.release()
    new = await world.release("v1.3.0")
    await world.say("grace", f"/rollback {old.id} wrong card")
    await world.advance(seconds=5)
    assert new.id in world.whisper("grace")
    assert (await world.rollout(old.id)).phase is Phase.COMPLETED
    await world.say("grace", f"/rollback {new.id} wrong card")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("wrong card")
    await world.say("grace", f"/rollback {old.id} that one too")
    await world.advance(seconds=10)
    world.page_about("that one too")
    assert (await world.rollout(old.id)).phase is Phase.ROLLED_BACK


async def test_a_completed_release_is_not_rolled_back_later_because_another_one_was_live(
    world: World,
) -> None:
    old = await world.release()
    await world.soaking(5, "v1.3.0")
    await world.say("grace", f"/rollback {old.id} wrong card")
    assert "v1.3.0" in world.whisper("grace")
    await world.click("grace", "rollback")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    await world.advance(minutes=2)
    assert (await world.rollout(old.id)).phase is Phase.COMPLETED


async def test_what_was_asked_for_once_is_done_once_also_when_it_is_carried_out_again(
    world: World,
) -> None:
    await world.soaking(25)
    await world.click("alan", "pause")
    await world.click("ada", "resume")
    assert (await world.rollout()).phase is Phase.SOAKING
    await world.click("alan", "pause")
    for intent in await kept(world, "resume"):
        await world.bot.desk.handle(intent)
    assert (await world.rollout()).phase is Phase.PAUSED
