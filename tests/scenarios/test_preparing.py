"""Before anybody signs: checklists are ticked, checks tick themselves, staging comes first."""

from pathlib import Path

from bot.domain.rollout import Phase, Rollout
from tests.scenarios.world import HOUSE, World

MISSING = {"merged": "stages/merged", "reviews": "release/reviews", "scan": "team/scan"}


async def move_in(world: World, folder: Path, more: str = "") -> Path:
    """A house whose unit tests say what the file says that is returned; it fails without one."""
    report = folder / "report"
    text = HOUSE.read_text("utf-8").replace("./plans", str(HOUSE.parent / "plans"))
    command = f'{{unit_tests: ["/bin/cat", "{report}"]}}'
    at = "    channel: C0CHECKOUT\n"
    world.house = folder / "countersign.yml"
    world.house.write_text(text.replace(at, f"{at}    checks: {command}\n{more}"), "utf-8")
    await world.restart()
    return report


async def looked_at(world: World, more: str = "") -> Rollout:
    await world.say("mary", f"/release start v1.2.0 --plan prepared {more}".rstrip())
    assert "v1.2.0 (`" in world.whisper("mary")
    return await world.until_that(lambda r: r.looked)


async def tick_the_rest(world: World) -> None:
    """All that people tick, each as who may."""
    await world.say("grace", "/release tick merged")
    await world.say("grace", "/release tick integration-tests https://ci.test/77")
    await world.say("grace", "/release tick reviews by mary and alan")
    await world.say("grace", "/release tick coverage 81.5 % of the lines")
    await world.say("ada", "/release tick scan")


async def test_nobody_signs_before_the_required_items_are_done(
    world: World, tmp_path: Path
) -> None:
    report = await move_in(world, tmp_path)
    report.write_text("812 tests passed", "utf-8")
    world.live_in("staging", "v1.2.0")
    await looked_at(world)
    await world.say("ada", "/release approve")
    assert "5 of 7 items are open: Merged; Integration tests; The code was" in world.whisper("ada")
    assert (await world.rollout()).phase is Phase.PREFLIGHT
    assert "2 of 7" in world.card().whole
    await tick_the_rest(world)
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert asked.items["code/unit-tests"].evidence == "812 tests passed"
    assert "staging runs v1.2.0 (sha256:" in asked.items["release/promoted"].evidence
    assert len(world.directs("ada")) == 1
    await world.sign()
    await world.until(Phase.COMPLETED)
