"""What customers are told, from the command to the channel that they read."""

from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import World

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
