"""A wave that rises in steps, pauses on a critical level, and leaves it to people how to go on."""

import pytest

from bot.domain.policy import legal_choices
from bot.domain.rollout import Phase, Rollout
from tests.everyday import one_of
from tests.scenarios.world import World

BOTH = pytest.mark.parametrize("typed", one_of(False, True), ids=["pressed", "typed"])


async def paused(world: World) -> Rollout:
    """The new version fails at 40 %, and the wave has paused."""
    await world.start("v1.2.0", "--plan chosen")
    await world.sign()
    await world.until(Phase.SOAKING)
    world.break_version("v1.2.0", 0.5)
    held = await world.until(Phase.PAUSED)
    assert held.options == ("hotfix", "rollback", "workaround", "observe")
    assert "alerts(critical) > 0" in held.reason
    world.page_about("1 critical alert active")
    return held


async def choose(world: World, person: str, option: str, typed: bool) -> None:
    if typed:
        await world.say(person, f"/release choose {option} we have looked at it")
        return
    offered = {act.value.argument: act for act in legal_choices(await world.rollout())}
    await world.click(person, "choose", offered[option].value.encode())
    await world.submit(person, reason="we have looked at it")


@pytest.mark.thorough
async def test_a_wave_rises_in_steps_and_the_release_manager_says_when_it_is_over(
    world: World,
) -> None:
    await world.start("v1.2.0", "--plan chosen")
    await world.sign()
    await world.until_that(lambda r: "press Advance" in r.reason)
    assert world.shop.weights == [40, 80, 100]
    await world.say("ada", "/release advance it looks fine")
    assert "is for release manager to decide" in world.whisper("ada")
    await world.click("mary", "advance")
    await world.submit("mary", reason="everything is green")
    await world.until(Phase.COMPLETED)
    assert any("advanced it: everything is green" in text for text in world.thread())


@pytest.mark.thorough
@BOTH
async def test_choosing_the_rollback_takes_everything_back(world: World, typed: bool) -> None:
    await paused(world)
    await choose(world, "mary", "rollback", typed)
    back = await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back to v1.0.0")
    assert world.shop.weight == 0
    (choice,) = back.choices
    assert (choice.option, choice.person) == ("rollback", "mary")
    assert choice.reason == "we have looked at it"


@pytest.mark.thorough
@BOTH
async def test_choosing_to_observe_goes_on_from_the_step_it_had(world: World, typed: bool) -> None:
    await paused(world)
    world.break_version("v1.2.0", 0.0)
    await world.advance(seconds=30)
    await choose(world, "mary", "observe", typed)
    await world.until_that(lambda r: r.weight == 100)
    assert world.shop.weights == [40, 80, 100]


@pytest.mark.thorough
async def test_nobody_else_chooses_and_nobody_resumes_before_somebody_has(world: World) -> None:
    await paused(world)
    await world.say("ada", "/release choose observe it is nothing")
    assert "is for release manager to decide" in world.whisper("ada")
    await world.say("mary", "/release resume")
    assert "First choose how to go on" in world.whisper("mary")
    assert (await world.rollout()).phase is Phase.PAUSED
