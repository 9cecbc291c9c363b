"""Incidents as people live them: declared, acknowledged, led, resolved, and what is owed after."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from bot.practice.workspace import Message
from tests.fakes.calling import FarSides
from tests.scenarios.reading import Shown, shown, texts
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
    typed = 'critical checkout answers with errors --affected "half of them"'
    await world.say("new", f"/incident declare {typed}")
    assert "is open: answers with errors, critical" in world.whisper("new")
    assert "Affected: half of them" in card_of(world).whole
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


# --- from a message, and from a card ------------------------------------------------------------


async def choose(world: World, person: str, ts: str) -> None:
    """Declare an incident from the menu of a message."""
    place = {"channel": "checkout", "ts": ts, "callback_id": "incident_from_message"}
    answer = await world.act("shortcut", person=person, **place)
    assert answer["ok"], answer


def form_of(world: World, person: str) -> dict[str, str]:
    """What is filled in already, by field; and every word of the form."""
    (view,) = world.space.modals[f"U0{person.upper()}"]
    blocks = view.data["blocks"]
    found = {"": texts("", blocks)}
    for block in (each for each in blocks if each["type"] == "input"):
        element = block["element"]
        chosen = (element.get("initial_option") or {}).get("value", "")
        found[block["block_id"]] = element.get("initial_value") or chosen
    return found


@pytest.mark.requirement("C-113", "C-114")
async def test_a_message_becomes_an_incident_of_the_release_that_is_live_there(
    world: World,
) -> None:
    await world.soaking(5)
    said = await world.act(
        "say", person="alan", channel="checkout", text="orders get lost\nsince 10"
    )
    await choose(world, "grace", said["ts"])
    form = form_of(world, "grace")
    link = f"https://practice.slack.test/archives/C0CHECKOUT/p{said['ts'].replace('.', '')}"
    assert f"<{link}|this message>" in form.pop("")
    assert form == {
        "title": "orders get lost",
        "severity": "major",
        "service": "checkout",
        "environment": "production",
        "version": "v1.2.0",
        "affected": "",
        "text": "orders get lost\nsince 10",
    }
    await world.submit("grace", severity="critical", affected="everybody who pays by card")
    assert "is open: orders get lost (v1.2.0), critical" in world.whisper("grace")
    world.page_about("orders get lost (v1.2.0), critical")
    whole = card_of(world).whole
    for words in ("everybody who pays by card", f"<{link}|Link 1>", "Measured: error_rate"):
        assert words in whole
    assert "A release caused it: `/rollback checkout` at once" in whole
    assert (await world.rollout()).phase is Phase.PAUSED


@pytest.mark.thorough
@pytest.mark.requirement("C-116")
async def test_the_card_of_a_release_declares_an_incident_about_its_version(world: World) -> None:
    await world.soaking(5)
    await world.click("grace", "incident_from_card")
    form = form_of(world, "grace")
    assert (form["service"], form["version"], form["title"]) == ("checkout", "v1.2.0", "")
    answer = await world.submit("grace", title=" ", severity="minor")
    assert "errors" in str(answer)
    await world.submit("grace", title="a typo", severity="minor")
    assert "is open: a typo (v1.2.0), minor" in world.whisper("grace")
    assert "Repair it with a hotfix: `/release start VERSION --type hotfix`" in card_of(world).whole
    assert (await world.rollout()).phase is Phase.SOAKING


@pytest.mark.thorough
async def test_another_version_than_the_live_one_is_not_put_down_to_its_release(
    world: World,
) -> None:
    await world.soaking(5)
    await world.click("grace", "incident_from_card")
    await world.submit("grace", title="a typo", severity="minor", version="v1.1.0")
    assert "is open: a typo (v1.1.0), minor" in world.whisper("grace")
    incident = (await world.bot.incidents.recent(["checkout"]))[0]
    assert (incident.version, incident.rollout_id) == ("v1.1.0", "")
    await world.click("grace", "incident_from_card")
    await world.submit("grace", title="a typo there", severity="minor", environment="staging")
    assert "is open: a typo there, minor" in world.whisper("grace")


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


@pytest.mark.thorough
async def test_an_alert_that_is_no_longer_heard_of_is_unknown_and_a_person_is_asked_once(
    world: World,
) -> None:
    await called(world)
    await world.hook("/hooks/alertmanager", alert("firing"))
    world.step = timedelta(minutes=10)
    await world.advance(hours=4)
    await world.hook("/hooks/alertmanager", alert("firing"))  # Alertmanager repeats what fires
    await world.advance(hours=5)
    assert not [text for text in said_in(world) if "still fire?" in text]
    await world.crash()
    await world.advance(hours=2)
    await world.restart()
    await world.advance(hours=2)
    (asked,) = [text for text in said_in(world) if "still fire?" in text]
    assert "Does the alert DiskFull (critical) on checkout production" in asked
    assert "`/release report close f1 checkout`" in asked
    assert "The alert DiskFull is unknown: not heard of since" in card_of(world).whole
    await world.say("mary", "/release reports")
    assert "DiskFull" in world.whisper("mary")  # it goes on counting
    await world.say("ada", "/release report close f1 checkout")
    assert "Over on checkout production: DiskFull" in world.whisper("ada")
    world.pages()


def said_in(world: World, channel: str = "C0CHECKOUT") -> list[str]:
    return [message.text for message in world.space.messages.get(channel, [])]
