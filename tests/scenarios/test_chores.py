"""What comes round, in a workspace: asked once, remembered, reminded of, and ticked by somebody."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import Bot
from bot.domain.rollout import Phase
from tests.scenarios.world import HOUSE, IDENTITY, World

LISTED = """
recurring:
  - {id: limits, text: "Are the limits right?", every: weekly, by: [security]}
"""


async def listing(world: World, folder: Path, recurring: str = LISTED) -> None:
    """The house lists something that comes round, and the bot begins anew."""
    world.house = house(folder, recurring)
    await world.restart()


def house(folder: Path, recurring: str) -> Path:
    """The house of the scenarios with some more lines, in a file that was not read before."""
    text = HOUSE.read_text().replace("./plans", str(HOUSE.parent / "plans"))
    file = folder / f"house{len(list(folder.iterdir()))}.yml"
    file.write_text(text + recurring)
    return file


def posted(world: World) -> list[str]:
    """What stands in the channel for releases, without what is in threads."""
    return [m.text for m in world.space.messages.get("C0RELEASES", []) if not m.thread_ts]


async def test_it_is_asked_once_whatever_restarts_and_ticked_by_its_role(
    world: World, tmp_path: Path
) -> None:
    await listing(world, tmp_path)
    assert "`limits` Are the limits right?" in "".join(
        [await world.say("mary", "/release recurring"), *world.whispers("mary")]
    )
    await world.pass_by(days=2)  # over Monday, with two bots that wake up at the same time
    other = Bot(world.bot.setup, world.bot.outside, world.bot.store, IDENTITY, world.options)
    await other.open_calendar()
    await asyncio.gather(other.engine.settle(), world.settle())
    await world.settle()
    await world.restart()
    assert [text.partition(" Due")[0] for text in posted(world)] == ["Are the limits right?"]

    await world.pass_by(days=1)
    await world.settle()
    assert "Still to be done, for 1d" in world.space.messages["C0RELEASES"][-1].text

    message = world.space.messages["C0RELEASES"][0]
    where = {"channel": message.channel, "ts": message.ts, "action_id": "chore_done"}
    await world.act("click", person="grace", **where)
    await world.breathe()
    assert "for security to do" in world.whisper("grace")
    await world.act("click", person="ada", **where)
    await world.breathe()
    assert "✓" in posted(world)[0]

    await world.pass_by(days=6)
    await world.settle()
    assert len(posted(world)) == 2


@pytest.mark.thorough
async def test_it_can_be_ticked_by_typing_and_ends_with_the_configuration(
    world: World, tmp_path: Path
) -> None:
    await listing(world, tmp_path)
    await world.say("ada", "/release did limits")
    assert "It is not due before" in " ".join(world.whispers("ada"))
    await world.say("ada", "/release did limit")
    assert "did you mean 'limits'?" in world.whisper("ada")
    await world.pass_by(days=2)
    await world.settle()
    await world.say("ada", "/release did limits one was raised")
    world.whispers("ada")
    assert "one was raised" in posted(world)[0]
    await listing(world, tmp_path, "")
    assert "Nothing comes round here" in "".join(
        [await world.say("mary", "/release recurring"), *world.whispers("mary")]
    )
    await world.pass_by(weeks=2)
    await world.settle()
    assert len(posted(world)) == 1


PLANNED = """
schema: 1
plan: planned
extends: quickstart
preflight: {checklists: [code]}
checklists:
  code:
    title: The code
    due: -14d
    items: [{id: read, text: Somebody has read it, by: [security]}]
timetable: [{day: -1, at: "15:00", what: staging is signed off, by: [security]}]
"""


def with_plan(folder: Path, plan: str) -> Path:
    """The house with one more plan."""
    (folder / "plans").mkdir()
    (folder / "plans" / "planned.yaml").write_text(plan)
    text = HOUSE.read_text().replace("./plans", str(folder / "plans"))
    file = folder / "house.yml"
    file.write_text(text)
    return file


@pytest.mark.thorough
async def test_a_release_with_a_first_day_reminds_of_what_is_due_and_waits_for_it(
    world: World, tmp_path: Path
) -> None:
    world.house = with_plan(tmp_path, PLANNED)
    await world.restart()
    preview = await world.say("mary", "/release preview v1.2.0 --plan planned --on 2026-12-15")
    assert "staging is signed off" in preview + "".join(world.whispers("mary"))
    await world.say("mary", "/release start v1.2.0 --plan planned --on 2026-12-15")
    assert "Planned for" in world.whisper("mary")
    checkout = world.space.messages["C0CHECKOUT"]

    def asked(words: str) -> list[str]:
        return [m.text for m in checkout if words in m.text and not m.thread_ts]

    await world.pass_by(days=9)
    await world.settle()
    assert not asked("checklist “The code”")
    await world.pass_by(days=1)
    await world.settle()
    (first,) = asked("checklist “The code”")
    assert "it is done when its items are ticked" in first
    await world.restart()
    await world.pass_by(days=1)
    await world.settle()
    assert any("Still to be done" in m.text for m in checkout)
    await world.say("ada", "/release tick read")
    world.whispers("ada")
    assert any("✓" in text for text in asked("checklist “The code”"))
    assert (await world.rollout()).phase is Phase.PREFLIGHT
    assert "Signatures are asked for from" in (await world.rollout()).reason

    await world.pass_by(days=12, hours=4)
    await world.settle()
    assert asked("staging is signed off")
    await world.sign()
    assert (await world.rollout()).phase is Phase.QUEUED
    await world.pass_by(hours=16)
    await world.settle()
    assert (await world.rollout()).phase is Phase.QUEUED
    world.step = timedelta(minutes=5)
    await world.until(Phase.SOAKING, within=timedelta(days=1))
    assert world.clock.now() >= datetime(2026, 12, 15, 9, 0, tzinfo=UTC)
    world.step = timedelta(seconds=3)
    await world.until(Phase.COMPLETED, within=timedelta(hours=2))
