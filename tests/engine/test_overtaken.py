"""Looks that come too late, and time that was not soaked."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.events import AdvanceRequested, PauseRequested, ResumeRequested
from bot.domain.people import Actor
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase
from bot.ports import Observation, Target
from tests.engine.world import DOCUMENT, World

ADA = Actor("ada", "U0ADA", ("security",))


def with_waves(**fields: Any) -> dict[str, Any]:
    waves = [{**wave, **fields} for wave in DOCUMENT["waves"]]
    return {**DOCUMENT, "waves": waves}


@pytest.mark.thorough
async def test_time_that_was_not_soaked_does_not_count_after_a_pause(world: World) -> None:
    patient = {**with_waves(soak="1m"), "poll": "5s", "triggers": []}
    await world.start(plan=compile_plan(patient))
    await world.sign()
    await world.until(Phase.SOAKING)
    await world.pass_time(10)
    before = (await world.rollout()).soak_done
    for _ in range(4):
        await world.engine.apply("r1", PauseRequested(ADA))
        await world.engine.settle()
        await world.engine.apply("r1", ResumeRequested(ADA))
        await world.engine.settle()
    assert (await world.rollout()).soak_done == before
    await world.pass_time(5)
    assert (await world.rollout()).soak_done - before <= timedelta(seconds=5)


async def test_a_look_that_began_in_one_wave_says_nothing_about_the_next(world: World) -> None:
    await world.start(plan=compile_plan(with_waves(advance="approve", soak="2s")))
    await world.sign()
    await world.until(Phase.JUDGING)
    seen, go_on = asyncio.Event(), asyncio.Event()
    observe = world.deployer.observe

    async def slow(target: Target) -> Observation:
        found = await observe(target)
        world.deployer.observe = observe  # type: ignore[method-assign]
        seen.set()
        await go_on.wait()
        return found

    world.deployer.observe = slow  # type: ignore[method-assign]
    world.clock.advance(1)
    settling = asyncio.ensure_future(world.engine.settle())
    await seen.wait()
    other = world.build()
    await other.apply("r1", AdvanceRequested(ADA))
    await other.settle()
    assert (await world.rollout()).weight == 100
    go_on.set()
    await settling
    await world.pass_time(1)
    after = await world.rollout()
    assert (after.phase, after.drift) == (Phase.SOAKING, "")


@pytest.mark.thorough
async def test_a_look_that_fails_again_and_again_holds_and_calls_people(world: World) -> None:
    await world.start(plan=compile_plan(with_waves(soak="1h")))
    await world.sign()
    await world.until(Phase.SOAKING)
    world.metrics.answer = "not a reading"
    await world.pass_time(180, step=5)
    assert await world.phase() is Phase.PAUSED
    assert any("Nothing has been known" in text for text in world.chat.texts("C0CRITICAL"))
