"""What a broken limit does, from the first bad request to what people see."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import World

FIVE_MINUTES = timedelta(minutes=5)


@pytest.mark.thorough
@pytest.mark.requirement("P-043", "P-044", "W-086")
async def test_a_gate_that_rolls_back_brings_the_version_before_back(world: World) -> None:
    await world.soaking(5, more="--plan staged")
    world.break_version("v1.2.0", 0.1)
    back = await world.until(Phase.ROLLED_BACK, within=FIVE_MINUTES)
    assert (world.shop.weight, back.previous) == (0, "v1.0.0")
    assert world.shop.weights == [5]
    assert "error_rate < 1%" in back.rollback_reason
    world.page_about("error_rate &lt; 1%")


@pytest.mark.requirement("P-059", "P-060", "P-150")
async def test_a_gate_that_steps_back_keeps_a_little_traffic_until_somebody_goes_on(
    world: World,
) -> None:
    await world.soaking(25, more="--plan staged")
    world.break_version("v1.2.0", 0.1)
    held = await world.until(Phase.PAUSED, within=FIVE_MINUTES)
    assert (world.shop.weight, held.weight, held.version) == (5, 5, "v1.2.0")
    world.page_about("error_rate &lt; 1%")
    world.break_version("v1.2.0", 0.0)
    await world.advance(seconds=30)
    assert world.shop.weight == 5
    await world.click("ada", "resume")
    again = await world.until_that(lambda r: r.weight == 25)
    assert world.shop.weights == [5, 25, 5, 25]
    assert again.wave == 1


@pytest.mark.thorough
async def test_a_gate_that_pauses_leaves_everything_where_it_is_and_lets_people_choose(
    world: World,
) -> None:
    await world.soaking(100, more="--plan staged")
    world.break_version("v1.2.0", 0.1)
    held = await world.until(Phase.PAUSED, within=FIVE_MINUTES)
    assert (world.shop.weight, held.weight) == (100, 100)
    world.page_about("error_rate &lt; 1%")
    assert {"resume", "rollback"} <= set(world.card().buttons)
    await world.click("ada", "rollback")
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.page_about("asked for it")


@pytest.mark.thorough
@pytest.mark.requirement("W-123", "P-091")
async def test_a_critical_alert_calls_somebody_and_moves_nothing(world: World) -> None:
    await world.soaking(25, more="--plan alerted")
    world.break_version("v1.2.0", 0.3)
    await world.advance(seconds=12)
    assert (await world.rollout()).phase is Phase.SOAKING
    world.page_about("Every fifth request fails")
    assert world.said("Look at the newest errors.")


@pytest.mark.thorough
@pytest.mark.requirement("W-128", "P-090")
async def test_a_warning_is_said_and_calls_nobody(world: World) -> None:
    await world.soaking(25, more="--plan alerted")
    world.break_version("v1.2.0", 0.05)
    await world.advance(seconds=12)
    assert (await world.rollout()).phase is Phase.SOAKING
    assert world.said("Some requests fail")
