"""Everything that was done about a release is written down: who, what, when and why."""

import json
from typing import Any

import pytest

from bot.domain.events import RollbackRequested
from bot.domain.people import BOT, Actor
from bot.domain.rollout import Phase
from bot.store.database import Store
from bot.store.queries import audit
from tests.engine.world import World

CONFIRMED = ("Prepared", "WaveApplied", "SwitchedBack")
"""What the deployer has confirmed, in its order."""

GRACE = Actor("grace", "U0GRACE", ("operations",))


async def written(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Of the release: who did it, and what it was, oldest first."""
    entries = await world.store.transact(lambda conn: list(audit.entries(conn)))
    return [(each.actor, json.loads(each.event)) for each in entries if each.kind == "rollout"]


@pytest.mark.thorough
@pytest.mark.requirement("C-124")
async def test_each_step_of_a_release_and_of_its_way_back_is_written_down(
    inline_store: Store,
) -> None:
    world = World(inline_store)
    await world.start()
    await world.sign()
    await world.until(Phase.SOAKING)
    await world.engine.apply("r1", RollbackRequested(GRACE, "carts are empty", "click-1"))
    await world.until(Phase.ROLLED_BACK)
    entries = await written(world)
    by = {(who, what["type"]) for who, what in entries}
    assert {("mary", "Created"), ("ada", "Signed"), ("grace", "Signed")} <= by
    assert ("grace", "RollbackRequested") in by
    reasons = [what.get("reason") for _, what in entries if what["type"] == "RollbackRequested"]
    assert reasons == ["carts are empty"]
    done = [what["type"] for who, what in entries if who == BOT]
    assert [step for step in done if step in CONFIRMED] == list(CONFIRMED)
    assert await world.verify_audit() > len(entries)
