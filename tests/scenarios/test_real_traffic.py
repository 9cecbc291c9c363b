"""The whole bot on real HAProxy and real Prometheus, with requests that are counted where they
arrive."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase, Rollout
from tests.scenarios.real_world import Installation, installation, swift, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

WAVES = (5, 25, 50, 100)
EVERY_WAVE = swift([(percent, 2.5) for percent in WAVES])
LONG_SOAK = swift([(5, 0.5), (25, 600), (100, 1)], gates=False)


@pytest.mark.parametrize("plan", [EVERY_WAVE, LONG_SOAK])
def test_the_plans_of_these_tests_are_sound(plan: Any) -> None:
    assert compile_plan(plan).waves[-1].traffic == 100


async def release(here: Installation, version: str) -> None:
    """Release a version, and count the requests of each wave."""
    rollout = await here.start(version)
    for wave, percent in enumerate(WAVES):
        await here.reached(rollout, Phase.SOAKING, wave=wave)
        assert await here.counted(version, 1.5) == pytest.approx(percent, abs=1)
    await here.reached(rollout, Phase.COMPLETED)


async def test_two_releases_in_a_row_move_the_requests_as_planned(tmp_path: Path) -> None:
    async with installation(tmp_path, EVERY_WAVE) as here:
        await release(here, "v1.1.0")
        assert await here.weights() == {"blue": 0, "green": 100}
        await release(here, "v1.2.0")
        assert await here.weights() == {"blue": 100, "green": 0}
        assert await here.counted("v1.2.0", 0.5) == 100
        assert here.team.pages() == []


async def soaking_at_25(here: Installation, version: str = "v1.1.0") -> str:
    rollout = await here.start(version)
    await here.reached(rollout, Phase.SOAKING, wave=1)
    assert await here.weights() == {"blue": 75, "green": 25}
    return rollout


async def test_a_broken_version_loses_its_traffic_and_stays_out(tmp_path: Path) -> None:
    async with installation(tmp_path, LONG_SOAK) as here:
        rollout = await soaking_at_25(here)
        here.slot_of("v1.1.0").error_rate = 0.3
        ended = await here.reached(rollout, Phase.ROLLED_BACK)
        assert ended.quarantined
        assert (await here.weights())["green"] == 0
        assert await here.counted("v1.1.0", 0.5) == 0
        assert "error_rate > 5%" in ended.rollback_reason


async def drifted(here: Installation, rollout: str) -> Rollout:
    held = await here.reached(rollout, Phase.PAUSED)
    assert held.drift
    await until(lambda: said(here, "Drift"))
    return held


async def said(here: Installation, words: str) -> bool:
    return any(words in text for text in here.team.pages())


async def test_a_restarted_haproxy_holds_the_rollout_until_it_is_resumed(tmp_path: Path) -> None:
    async with installation(tmp_path, LONG_SOAK) as here:
        rollout = await soaking_at_25(here)
        await here.fleet.restart()
        held = await drifted(here, rollout)
        assert "25 % was set" in held.drift
        served = held.soak_done
        await asyncio.sleep(1.5)
        assert (await here.bot.engine.rollout(rollout)).soak_done == served
        assert await here.weights() == {"blue": 100, "green": 0}
        await here.team.click("U0ADA", "resume", "v1.1.0")
        again = await here.reached(rollout, Phase.SOAKING, wave=1)
        assert await here.weights() == {"blue": 75, "green": 25}
        assert not again.drift


async def test_a_process_that_lags_behind_holds_the_rollout(tmp_path: Path) -> None:
    async with installation(tmp_path, LONG_SOAK, processes=2) as here:
        rollout = await soaking_at_25(here)
        lagging = here.fleet.processes[1]
        await lagging.ask("set server checkout/green weight 5")
        held = await drifted(here, rollout)
        assert "disagree" in held.drift
        await here.team.click("U0ADA", "resume", "v1.1.0")
        await here.reached(rollout, Phase.SOAKING, wave=1)
        assert await here.weights(1) == {"blue": 75, "green": 25}


async def test_a_soak_stands_still_while_prometheus_is_gone(tmp_path: Path) -> None:
    async with installation(tmp_path, LONG_SOAK) as here:
        rollout = await soaking_at_25(here)
        await until(lambda: served_more(here, rollout, 0))
        await asyncio.to_thread(here.prometheus.pause)
        await until(lambda: blind(here, rollout))
        stood = (await here.bot.engine.rollout(rollout)).soak_done.total_seconds()
        await asyncio.sleep(3)
        still = await here.bot.engine.rollout(rollout)
        assert still.phase is Phase.SOAKING
        assert still.soak_done.total_seconds() == stood
        await asyncio.to_thread(here.prometheus.start)
        await until(lambda: served_more(here, rollout, stood))
        assert (await here.bot.engine.rollout(rollout)).blind_since is None


async def blind(here: Installation, rollout: str) -> bool:
    return (await here.bot.engine.rollout(rollout)).blind_since is not None


async def served_more(here: Installation, rollout: str, seconds: float) -> bool:
    return (await here.bot.engine.rollout(rollout)).soak_done.total_seconds() > seconds
