"""The bot is killed in every phase, started again, and carries the same release to its end."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.scenarios.kill_world import Catch, KillWorld, Lost, kill_world
from tests.scenarios.real_world import swift, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

V = "v1.1.0"
SOAKS = {5.0: 0.8, 50.0: 2.5, 100.0: 0.8}
"""Percent to seconds; the middle one is long enough for people to step in."""

POLL = 0.3
PLAN = swift(list(SOAKS.items()), gates=False, poll="300ms", watch={"keep_previous": "1s"})
FORWARD = ["prepare", "shift 5", "shift 50", "shift 100", "promote", "retire v1.0.0"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[KillWorld]:
    async with kill_world(tmp_path, PLAN) as made:
        yield made


async def begun(house: KillWorld) -> None:
    await house.ask(V)
    await house.sign(V)


async def kept(house: KillWorld, catch: Catch, phase: str, then: Catch | None = None) -> None:
    """Kill the bot while the deployer keeps its request, in this phase. then: what is kept next."""
    await catch.caught.wait()
    await house.reached(phase)
    await house.restart(then)


def done(house: KillWorld) -> list[str]:
    return [effect.text.replace(f" {V}", "") for effect in house.deployer.effects]


async def completed(house: KillWorld, expected: list[str] = FORWARD) -> None:
    """The same release came to its end, each step once, each soak in full, on one card."""
    (row,) = [await house.reached("completed")]
    assert [each.id for each in house.rollouts()] == [row.id]
    assert done(house) == expected
    soaks_were_served(house)
    await card_says(house, "complete")


def soaks_were_served(house: KillWorld) -> None:
    """The time in which the bot was dead counts for one poll at most.

    It may count the moment between its start and its saying so, for which there is room.
    """
    waves = [e for e in house.deployer.effects if e.operation in {"shift", "promote"}]
    for wave, following in pairwise(waves):
        assert house.alive(wave.at, following.at) >= SOAKS[wave.weight or 0] - POLL - 0.3
        assert following.at - wave.at >= SOAKS[wave.weight or 0]


async def card_says(house: KillWorld, word: str) -> None:
    async def said() -> bool:
        return any(word in card.text.lower() for card in house.team.cards(V))

    await until(said)
    assert len(house.team.cards(V)) == 1


async def test_killed_in_every_phase_on_the_way_forward(house: KillWorld) -> None:
    resolving = house.catch("resolve")
    await house.ask(V)
    await kept(house, resolving, "preflight")
    await house.team.click("U0ADA", "approve", V)
    await house.reached("awaiting_approval")
    await house.restart()
    resolving = house.catch("resolve")
    await house.team.click("U0GRACE", "approve", V)
    await kept(house, resolving, "queued", then=(preparing := Catch("prepare")))
    await kept(house, preparing, "preparing", then=(shifting := Catch("shift", lost="request")))
    await kept(house, shifting, "shifting", then=(shifting := Catch("shift", 2)))
    await kept(house, shifting, "shifting")
    await house.reached("soaking", wave=1)
    await asyncio.sleep(SOAKS[50] / 2)
    await house.restart(promoting := Catch("promote"), after=1.5)
    await kept(house, promoting, "promoting")
    await house.reached("watching")
    await house.restart(retiring := Catch("retire"))
    await kept(house, retiring, "watching")
    await completed(house)


async def test_killed_while_a_verdict_waits_for_a_person(tmp_path: Path) -> None:
    waves = [{**wave, "advance": "approve"} for wave in PLAN["waves"][:1]]
    plan = {**PLAN, "waves": [*waves, *PLAN["waves"][1:]]}
    async with kill_world(tmp_path, plan) as house:
        await begun(house)
        await house.reached("judging")
        await house.restart()
        await house.team.click("U0ADA", "advance", V)
        await completed(house)


async def test_killed_while_paused(house: KillWorld) -> None:
    await begun(house)
    await house.reached("soaking", wave=1)
    await house.team.say("U0ADA", "/release pause")
    await house.reached("paused")
    await house.restart()
    await asyncio.sleep(2 * POLL)
    assert house.rollouts()[-1].phase == "paused"
    await house.team.say("U0ADA", "/release resume")
    await completed(house)


async def test_killed_while_stepping_back(house: KillWorld) -> None:
    await begun(house)
    await house.reached("soaking", wave=1)
    catch = house.catch("shift")
    await house.team.say("U0ADA", "/release step-back")
    await catch.caught.wait()
    await house.reached("stepping_back")
    await house.restart()
    await house.reached("paused")
    assert done(house) == ["prepare", "shift 5", "shift 50", "shift 5"]
    await house.team.say("U0ADA", "/release resume")
    await house.reached("completed")
    assert done(house) == ["prepare", "shift 5", "shift 50", *FORWARD[1:]]
    await card_says(house, "complete")


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_killed_while_rolling_back(house: KillWorld, lost: Lost) -> None:
    await begun(house)
    await house.reached("soaking", wave=1)
    catch = house.catch("rollback", lost)
    await house.team.say("U0ADA", "/rollback checkout it is slow")
    await catch.caught.wait()
    row = await house.reached("rolling_back")
    await house.restart()
    await house.reached("rolled_back")
    assert [each.id for each in house.rollouts()] == [row.id]
    rollback = "rollback v1.0.0"
    assert done(house) == ["prepare", "shift 5", "shift 50", rollback]
    await card_says(house, "rolled back")
