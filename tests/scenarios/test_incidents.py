"""Incidents as people live them: declared, acknowledged, led, resolved, and what is owed after."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from bot.practice.workspace import Message
from tests.fakes.calling import FarSides
from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import HOUSE, World


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


async def called(world: World) -> FarSides:
    """A bot with a pager and tickets, and what these know."""
    far = FarSides()
    world.others["calling.test"] = far.app()
    world.house = HOUSE.with_name("called.yml")
    await world.restart()
    return far


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


# --- with those outside -----------------------------------------------------------------------


@pytest.mark.requirement("W-138", "W-161", "C-118", "S-112", "S4-08b")
async def test_a_fault_ends_in_a_rollback_an_incident_a_page_a_ticket_and_a_post_mortem(
    world: World,
) -> None:
    far = await called(world)
    world.step = timedelta(seconds=5)
    await world.soaking(10, more="--plan answered")
    world.break_version("v1.2.0", 1.0)
    await world.until(Phase.ROLLED_BACK)
    await world.advance(seconds=40)
    key = f"incident:{(await world.rollout()).response}"
    assert far.alarms == {key: "triggered"}
    assert len(far.issues) == 1  # of the step and of the incident
    assert any("v1.2.0 was taken back" in text for text in world.directs("grace"))
    assert "Runbook errors: 0 of 9" in card_of(world).whole
    step = next(text for text in world.thread() if text.startswith("What is done about"))
    assert "✓ Open: incident ticket" in step
    assert "acme/operations#1" in step
    await world.crash()
    world.pages()
    await world.advance(minutes=5)
    world.page_about("Nobody has acknowledged the incident within 5m")
    assert any("You are needed" in text for text in world.directs("ada"))
    await press(world, "ada", "incident_ack")
    await press(world, "ada", "incident_command")
    assert far.alarms == {key: "acknowledged"}
    await world.say("ada", "/incident step 1 the deploy of noon")
    await world.say("ada", "/incident update fewer complaints --state monitoring")
    await world.say("ada", "/incident resolve v1.1.0 serves well")
    assert far.alarms == {key: "resolved"}
    draft = next(text for text in log_of(world) if "Draft of the post-mortem" in text)
    for words in ("Rollback clocks", "Measured", "rolled back", "the deploy of noon"):
        assert words in draft
    await world.say("ada", "/incident action add add an index --owner @grace --due 2d")
    world.step = timedelta(hours=1)
    await world.advance(hours=23)
    await world.crash()
    await world.advance(hours=1)
    late = [text for text in world.pages() if "post-mortem" in text]
    assert len(late) == 1  # the plan has a clock of its own for it
    await world.say("ada", "/incident postmortem publish https://wiki.example/1")
    assert "(late)" in card_of(world).whole
    assert far.issues[0]["state"] == "closed"
    await world.say("mary", "/release due")
    assert "post-mortem" not in world.whisper("mary")
    await world.advance(hours=24)
    assert any("Action 1 is due" in text for text in world.directs("grace"))
    await world.say("grace", "/incident action done 1 merged")
    assert "closed" in card_of(world).text


def alert(status: str) -> dict[str, object]:
    return {
        "version": "4",
        "status": status,
        "alerts": [
            {
                "status": status,
                "fingerprint": "f1",
                "startsAt": "2026-11-21T11:59:00Z",
                "labels": {
                    "alertname": "DiskFull",
                    "service": "checkout",
                    "severity": "critical",
                },
                "annotations": {"summary": "nothing can be written"},
            }
        ],
    }


async def test_an_alert_opens_one_incident_however_often_it_comes(world: World) -> None:
    await called(world)
    for _ in range(2):
        await world.hook("/hooks/alertmanager", alert("firing"))
    await world.say("mary", "/incident list")
    assert world.whisper("mary").count("DiskFull") == 1
    world.page_about("DiskFull: nothing can be written")
    await world.hook("/hooks/alertmanager", alert("resolved"))
    assert "The alert DiskFull is over" in card_of(world).whole
    assert "investigating" in card_of(world).text  # a person says that it is over


@pytest.mark.thorough
async def test_the_pager_that_can_not_be_told_is_said_where_people_look(world: World) -> None:
    far = await called(world)
    far.faults = [400]
    await world.say("mary", "/incident declare critical checkout fails")
    world.whisper("mary")
    world.page_about("The pager could not be told")
    world.pages()
    dead = await world.dead()
    world.expected_dead |= {key for key, _ in dead}
    assert len(dead) == 1
    assert far.alarms == {}
