"""What is merged to develop is released on development by itself, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.domain.rollout import Phase
from bot.ports import Target
from tests.scenarios.shops import RememberedShop
from tests.scenarios.world import HOUSE, World

PLAN: dict[str, Any] = {
    "schema": 1,
    "plan": "followed",
    "extends": "quickstart",
    "branches": {"development": "develop", "production": "main"},
    "unsigned": ["development"],
}
MERGED = {"event": "merged", "service": "checkout", "branch": "develop", "version": "v1.2.0"}


async def following(world: World, folder: Path, **plan: Any) -> None:
    """The bot begins anew with a development that follows its branch."""
    config = yaml.safe_load(HOUSE.read_text("utf-8"))
    config["plans"] = [str(HOUSE.parent / "plans"), str(folder / "plans")]
    checkout = config["services"]["checkout"]
    checkout["plan"] = "followed"
    place = dict(checkout["environments"]["production"])
    checkout["environments"]["development"] = {**place, "automatic": True}
    (folder / "plans").mkdir()
    (folder / "plans" / "followed.yaml").write_text(json.dumps({**PLAN, **plan}))
    world.house = folder / "countersign.yml"
    world.house.write_text(json.dumps(config))
    world.add_shop(Target("checkout", "development"), RememberedShop(world.clock))
    await world.restart()


@pytest.mark.requirement("S-011")
async def test_a_merge_is_released_on_development_once_and_without_signatures(
    world: World, tmp_path: Path
) -> None:
    await following(world, tmp_path)
    answer = await world.hook("/hooks/events", MERGED)
    assert (answer.status_code, answer.json()) == (
        202,
        {"rollouts": [], "environments": ["development"]},
    )
    again = await world.hook("/hooks/events", MERGED)
    assert "taken in before" in again.json()["note"]
    begun = await world.until(Phase.SOAKING)
    assert (begun.environment, begun.version) == ("development", "v1.2.0")
    assert begun.note == "merged to develop"
    assert "Nobody has to sign in development." in world.thread()
    assert len(await world.rollouts()) == 1
    assert world.shop.moves == []


@pytest.mark.thorough
@pytest.mark.requirement("S-011")
async def test_other_branches_and_environments_are_left_alone(world: World, tmp_path: Path) -> None:
    await following(world, tmp_path)
    for branch in ("main", "feature/x"):
        answer = await world.hook("/hooks/events", {**MERGED, "branch": branch})
        assert answer.status_code == 200
        assert f"follows {branch}" in answer.json()["note"]
    unknown = await world.hook("/hooks/events", {**MERGED, "service": "chekout"})
    assert (unknown.status_code, "checkout" in unknown.json()["error"]) == (422, True)
    lacking = await world.hook("/hooks/events", {"event": "merged", "service": "checkout"})
    assert lacking.json() == {"error": "missing: branch, version"}
    assert await world.rollouts() == []


@pytest.mark.thorough
@pytest.mark.requirement("S-011")
async def test_where_the_plan_asks_for_signatures_they_are_waited_for(
    world: World, tmp_path: Path
) -> None:
    await following(world, tmp_path, unsigned=[])
    await world.hook("/hooks/events", MERGED)
    waiting = await world.until(Phase.AWAITING_APPROVAL)
    await world.hook("/hooks/events", {**MERGED, "version": "v1.3.0"})
    newer = await world.until(Phase.AWAITING_APPROVAL)
    assert newer.version == "v1.3.0"
    older = await world.rollout(waiting.id)
    assert older.phase is Phase.CANCELLED
    assert "v1.3.0 was merged after it" in older.reason
    await world.advance(minutes=5)
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL


@pytest.mark.thorough
async def test_what_can_not_be_released_is_said_in_the_channel(
    world: World, tmp_path: Path
) -> None:
    await following(world, tmp_path)
    await world.hook("/hooks/events", {**MERGED, "version": "latest<!here>"})
    said = world.space.messages["C0CHECKOUT"][-1].text
    assert "was merged to develop and is not released on checkout development" in said
    assert "<!here>" not in said
    assert await world.rollouts() == []


@pytest.mark.thorough
@pytest.mark.parametrize("odd", ["\ud800", "v1\x00", "v1.2.0" * 5000, "-rf", "v1.2.0\n"])
async def test_odd_words_are_refused_or_said_and_begin_nothing(
    world: World, tmp_path: Path, odd: str
) -> None:
    await following(world, tmp_path)
    for key in ("version", "branch", "service", "id"):
        answer = await world.hook("/hooks/events", {**MERGED, "version": "odd", key: odd})
        assert answer.status_code < 500, answer.text
    assert await world.rollouts() == []
    world.expected_dead = {name for name, _ in await world.dead()}
    assert world.expected_dead == set()
