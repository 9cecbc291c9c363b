"""Incidents as people live them: declared, acknowledged, led, resolved, and what is owed after."""

import pytest

from bot.practice.workspace import Message
from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import World


def card_of(world: World) -> Shown:
    """The newest card of an incident as it is now."""
    found = [m for kept in world.space.messages.values() for m in kept if is_card(m)]
    assert found, "there is no incident"
    return shown(max(found, key=lambda message: message.ts))


def is_card(message: Message) -> bool:
    payload = (message.metadata or {}).get("event_payload") or {}
    return str(payload.get("key")).startswith("card:incident:")


def log_of(world: World) -> list[str]:
    """What is said under that card, oldest first."""
    card = card_of(world)
    return [m.text for m in world.space.messages[card.channel] if m.thread_ts == card.ts]


async def press(world: World, person: str, action: str, value: str = "") -> None:
    card = card_of(world)
    found = {"person": person, "channel": card.channel, "ts": card.ts, "action_id": action}
    answer = await world.act("click", **found, **({"value": value} if value else {}))
    assert answer["ok"], answer
    await world.breathe()


async def test_an_incident_is_declared_acknowledged_told_of_and_resolved(world: World) -> None:
    await world.say("new", "/incident declare critical checkout answers with errors")
    assert "is open: answers with errors, critical" in world.whisper("new")
    world.page_about("answers with errors, critical")
    assert card_of(world).buttons == [
        "incident_ack", "incident_command", "incident_update", "incident_resolve",
    ]  # fmt: skip
    await press(world, "grace", "incident_ack")
    assert "incident_ack" not in card_of(world).buttons
    await world.say("ada", "/incident role commander")
    await world.say("ada", "/incident update an index is missing --state identified")
    await world.say("grace", "/incident timeline the first complaint --at 4m")
    await world.say("new", "/incident resolve it is fine again")
    assert "role" in world.whisper("new")
    await world.say("ada", "/incident resolve the index is there")
    card = card_of(world)
    assert "resolved" in card.text
    assert card.buttons == ["incident_reopen"]
    log = " / ".join(log_of(world))
    for words in ("acknowledged it", "an index is missing", "the first complaint", "resolved it"):
        assert words in log
    await world.say("mary", "/incident show")
    whole = world.whisper("mary")
    assert whole.index("the first complaint") < whole.index("Opened (critical)")


@pytest.mark.thorough
async def test_the_form_declares_and_updates_too(world: World) -> None:
    await world.say("mary", "/incident")
    await world.submit("mary", title="Payments are slow", severity="major", text="since ten")
    assert "Payments are slow, major" in world.whisper("mary")
    world.pages()
    assert "since ten" in card_of(world).whole
    await press(world, "ada", "incident_update")
    await world.submit("ada", text="the cache is cold", state="monitoring", severity="minor")
    assert "monitoring" in card_of(world).text
    await press(world, "ada", "incident_resolve")
    await world.submit("ada", text="warm again")
    assert "closed" in card_of(world).text


@pytest.mark.thorough
async def test_words_that_mean_nothing_get_an_answer_that_helps(world: World) -> None:
    for typed, words in (
        ("/incident decalre x", "did you mean 'declare'"),
        ("/incident resolve", "There is no such incident here"),
        ("/incident declare --severity bad x", "There is no severity 'bad'"),
        ("/incident declare critical", "Say what is wrong"),
        ("/incident role king", "There is no part 'king'"),
    ):
        await world.say("ada", typed)
        assert words in world.whisper("ada"), typed
