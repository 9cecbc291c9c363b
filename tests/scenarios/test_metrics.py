"""What the bot tells about itself in Prometheus's terms."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import World


async def told(world: World) -> str:
    """The text at /metrics."""
    return (await world._to_bot.get("http://bot.test/metrics")).text


@pytest.mark.thorough
async def test_a_release_can_be_followed_in_the_bots_own_metrics(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.SOAKING)
    text = await told(world)
    assert 'countersign_rollouts{phase="soaking",service="checkout"} 1.0' in text
    assert 'countersign_slack_requests_total{kind="command",outcome="ok"} 1.0' in text
    assert 'countersign_slack_requests_total{kind="action",outcome="ok"} 2.0' in text
    assert "countersign_ack_seconds_count 3.0" in text
    shift = 'backend="http",operation="shift",outcome="ok"'
    assert f"countersign_deployer_calls_total{{{shift}}} 1.0" in text
    world.whispers("mary")


@pytest.mark.thorough
async def test_verdicts_are_counted_and_a_late_look_shows(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.COMPLETED, within=timedelta(minutes=5))
    text = await told(world)
    assert 'countersign_verdicts_total{verdict="pass"} 4.0' in text
    await world.start("v1.3.0")
    await world.sign()
    await world.until(Phase.SOAKING)
    world.break_version("v1.3.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    assert 'countersign_verdicts_total{verdict="fail"} 1.0' in await told(world)
    await world.start("v1.2.1")
    await world.sign()
    await world.until(Phase.SOAKING)
    await world.pass_by(seconds=30)
    late = next(
        float(line.split()[1])
        for line in (await told(world)).splitlines()
        if line.startswith("countersign_tick_lag_seconds ")
    )
    assert late > 25
    world.whispers("mary")
    world.pages()
