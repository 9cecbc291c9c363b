"""What comes round, in a workspace: asked once, remembered, reminded of, and ticked by somebody."""

import asyncio
from pathlib import Path

import pytest

from bot.app import Bot
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
