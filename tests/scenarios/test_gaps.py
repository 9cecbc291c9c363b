"""A service that serves nothing while its traffic moves: people hear of it, from when to when."""

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import World


@pytest.mark.thorough
@pytest.mark.requirement("P-003", "B-004")
async def test_a_gap_is_told_in_the_thread_and_stays_on_the_card(world: World) -> None:
    await world.soaking(5.0)
    await world.until_that(lambda r: r.weight == 25)
    world.shop.serve()
    usual, world.shop.requests_per_second = world.shop.requests_per_second, 0
    await world.advance(seconds=6)
    assert world.said("Gap in the traffic during the move to 25 %: no requests were served, since")
    world.shop.serve()
    world.shop.requests_per_second = usual
    await world.advance(seconds=3)
    assert world.said("The gap in the traffic is over")
    done = await world.until(Phase.COMPLETED)
    (gap,) = done.served.gaps
    assert gap.until is not None
    assert 5 <= (gap.until - gap.since).total_seconds() <= 7
    assert "no requests were served for" in world.card().whole


@pytest.mark.thorough
@pytest.mark.requirement("P-003", "B-004")
async def test_a_release_without_a_gap_says_so_at_its_end(world: World) -> None:
    await world.release()
    assert "No gap was seen in the traffic while it moved." in world.card().whole
    assert not world.said("Gap in the traffic")


@pytest.mark.thorough
@pytest.mark.requirement("P-003", "B-004")
async def test_after_a_rollback_the_requests_are_counted_until_they_are_served_again(
    world: World,
) -> None:
    await world.soaking(25.0)
    await world.advance(seconds=8)
    world.shop.serve()
    usual, world.shop.requests_per_second = world.shop.requests_per_second, 0
    await world.say("ada", "/rollback checkout it burns --now")
    await world.until(Phase.ROLLED_BACK)
    await world.advance(seconds=5)
    world.whispers("ada")
    assert len(world.pages()) == 1
    assert world.said("Gap in the traffic during the rollback")
    world.shop.serve()
    world.shop.requests_per_second = usual
    await world.advance(seconds=3)
    assert world.said("The gap in the traffic is over")
