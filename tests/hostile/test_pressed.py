"""Buttons that were changed, and those that are pressed by the wrong people."""

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.domain import duties
from bot.domain.rollout import Phase
from tests.scenarios.reading import Shown
from tests.scenarios.world import HOUSE, World


def altered(card: Shown, action: str, value: str) -> Shown:
    """The card with another value behind a button."""
    blocks: list[dict[str, Any]] = copy.deepcopy(card.blocks)
    for block in blocks:
        for element in block.get("elements", ()):
            if element.get("action_id") == action:
                element["value"] = value
    return Shown(card.channel, card.ts, card.text, blocks)


async def signatures(world: World) -> list[str]:
    request = (await world.rollout()).request
    return [each.person for each in request.signatures] if request is not None else []


@pytest.mark.thorough
async def test_a_refused_signature_is_in_the_record(world: World) -> None:
    await world.start()
    await world.click("mary", "approve")
    assert "somebody else has to sign" in world.whisper("mary")
    last = (await world.audit())[-1]
    assert ("signed" in last.event.lower(), last.actor) == (True, "mary"), last
    assert await signatures(world) == []


@pytest.mark.thorough
async def test_a_button_whose_value_was_changed_signs_nothing(world: World) -> None:
    rollout = await world.start()
    (value,) = world.card().values("approve")
    whole = value.split(":")[1]
    assert whole
    for forged, words in (
        (f"{rollout.id}:{'0' * 16}:1", "out of date"),
        (f"{rollout.id}::1", "out of date"),
        (f"{rollout.id}:{whole[:1]}:1", "out of date"),
        (f"nobody:{whole}:1", "no service or rollout"),
        ("", ""),
        ("'; DROP TABLE rollout; --", ""),
        ("x" * 2000, ""),
    ):
        await world.click("ada", "approve", seen=altered(world.card(), "approve", forged))
        told = world.whispers("ada")
        assert await signatures(world) == [], forged
        assert told, forged
        assert words in told[0], (forged, told)
        assert all(len(each) <= 3000 for each in told)
    await world.click("ada", "approve")
    assert await signatures(world) == ["ada"]


@pytest.mark.thorough
async def test_a_plan_that_is_edited_while_people_sign_changes_nothing_that_they_sign(
    world: World, tmp_path: Path
) -> None:
    text_ = HOUSE.read_text("utf-8").replace("plans: [./plans]", "plans: [./own]")
    (tmp_path / "own").mkdir()
    plan = tmp_path / "own" / "quickstart.yaml"
    plan.write_text("schema: 1\nplan: quickstart\nextends: quickstart\n")
    world.house = tmp_path / "countersign.yml"
    world.house.write_text(text_, "utf-8")
    await world.restart()
    before = await world.start()
    seen = world.card()
    await world.click("ada", "approve")
    plan.write_text(
        "schema: 1\nplan: quickstart\nextends: quickstart\n"
        "waves:\n  - {id: all, traffic: 100%, soak: 0s}\n"
    )
    world.house = tmp_path / "again.yml"
    world.house.write_text(text_, "utf-8")
    await world.restart()
    after = await world.rollout()
    assert after.the_plan.digest == before.the_plan.digest
    assert world.card().values("approve") == seen.values("approve")
    await world.click("grace", "approve")
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]


@pytest.mark.thorough
async def test_the_broken_glass_calls_people_and_asks_for_a_review_within_a_day(
    world: World,
) -> None:
    world.step = timedelta(seconds=15)
    await world.soaking(10, more="--plan careful")
    await world.say("ada", "/rollback checkout --now the tills are down")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("broke the glass: the tills are down")
    world.whispers("ada")
    found = await world.bot.store.transact(
        lambda conn: conn.execute(text("SELECT state FROM duty")).scalars().all()
    )
    assert any(duties.REVIEW in each for each in found), found
    world.step = timedelta(minutes=30)
    await world.advance(hours=25)
    world.page_about(duties.WORDS[duties.REVIEW])


@pytest.mark.thorough
async def test_a_button_that_lets_it_go_on_means_what_was_seen(world: World) -> None:
    await world.soaking(25)
    await world.click("alan", "pause")
    old = world.card()
    await world.say("ada", "/release resume checkout")
    await world.until(Phase.SOAKING)
    await world.advance(seconds=2)
    await world.say("grace", "/release pause checkout the database is moved")
    world.whispers("grace")
    await world.click("ada", "resume", seen=old)
    assert "out of date" in world.whisper("ada")
    assert (await world.rollout()).phase is Phase.PAUSED
    await world.click("ada", "resume")
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
