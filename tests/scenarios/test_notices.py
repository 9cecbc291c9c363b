"""What customers are told, from the command to the channel that they read."""

from pathlib import Path

import httpx
import pytest

from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import HOUSE, World

START = "--start 2027-03-01 09:00 --end 2027-03-01 11:00"


def letters(world: World) -> list[Shown]:
    """The cards of all messages, oldest first."""
    found = [
        message
        for kept in world.space.messages.values()
        for message in kept
        if str((message.metadata or {}).get("event_payload", {}).get("key", "")).startswith(
            "card:notice:"
        )
    ]
    return [shown(each) for each in sorted(found, key=lambda message: message.ts)]


def status(world: World) -> list[str]:
    """What customers read, oldest first."""
    return [message.text for message in world.space.messages.get("C0STATUS", [])]


@pytest.mark.requirement("S-089")
async def test_a_maintenance_is_told_by_two_people_moved_and_completed(world: World) -> None:
    impact = "--impact queries may fail for about ten minutes"
    await world.say("mary", f"/notice maintenance the query service {START} {impact}")
    assert "Drafted `m" in world.whisper("mary")
    card = letters(world)[-1]
    assert "Scheduled Maintenance - 2027-03-01 09:00 PST" in card.whole
    assert "2027-03-01 09:00 - 11:00 PST (America/Los_Angeles)" in card.whole

    await world.click("mary", "publish_notice", seen=card)
    assert status(world) == []
    assert "asks you to approve" in world.directs("ada")[-1]
    await world.click("ada", "publish_notice", seen=letters(world)[-1])
    assert "Scheduled Maintenance - 2027-03-01 09:00 PST" in status(world)[0]
    assert "published" in letters(world)[-1].text

    await world.say("mary", "/notice reschedule --start 2027-03-02 09:00 --end 2027-03-02 11:00")
    assert "reason" in letters(world)[-1].whole
    assert "publish_notice" not in letters(world)[-1].buttons
    await world.click("mary", "notice_edit", seen=letters(world)[-1])
    await world.submit("mary", reason="a part is late")
    await world.click("grace", "publish_notice", seen=letters(world)[-1])
    assert "[RESCHEDULED] Scheduled Maintenance - 2027-03-02 09:00 PST" in status(world)[1]


async def test_whoever_types_an_approval_names_the_text_that_they_have_read(world: World) -> None:
    await world.say("mary", "/notice incident Searches fail --impact half of them fail")
    assert "Drafted `i" in world.whisper("mary")
    card = letters(world)[-1]
    answer = await world.say("ada", "/notice publish")
    await world.advance(seconds=2)
    said = answer or world.whisper("ada")
    assert "half of them fail" in said
    assert status(world) == []
    command = said.partition("approve it with `")[2].partition("`")[0]
    assert command.rpartition(" ")[2] in card.whole

    await world.say("mary", "/notice set impact most of them fail")
    await world.say("ada", command)
    assert "out of date" in world.whisper("ada")
    assert status(world) == []
    await world.say("ada", "/notice publish")
    fresh = world.whisper("ada").partition("approve it with `")[2].partition("`")[0]
    await world.say("ada", fresh)
    assert "most of them fail" in status(world)[0]


@pytest.mark.thorough
async def test_the_card_leads_to_the_page_that_shows_the_mail(world: World, tmp_path: Path) -> None:
    text = HOUSE.read_text().replace("notices:\n", "notices:\n  url: http://bot.test\n")
    world.house = tmp_path / "countersign.yml"
    world.house.write_text(text.replace("[./plans]", f"[{HOUSE.parent}/plans]"))
    await world.restart()
    await world.say("mary", "/notice incident Searches fail --impact <script>x</script>")
    assert "Drafted `i" in world.whisper("mary")
    link = letters(world)[-1].whole.partition("<http")[2].partition("|")[0]
    transport = httpx.ASGITransport(world.bot.web)
    async with httpx.AsyncClient(transport=transport) as anybody:
        page = await anybody.get(f"http{link}")
        assert page.status_code == 200
        assert "[INVESTIGATING] Searches fail" in page.text
        assert "<script" not in page.text
        await world.pass_by(days=8)
        assert (await anybody.get(f"http{link}")).status_code == 404
