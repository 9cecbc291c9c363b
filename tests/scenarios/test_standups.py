"""Standups, from the message in the morning to what its buttons do."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.rollout import Phase
from bot.domain.standup_state import Choice, Standup
from bot.practice.workspace import Message
from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import HOUSE, World

MINUTE = timedelta(minutes=1)


async def begun(world: World) -> None:
    """A release by the plan `daily` in its first wave, at noon in London on a Saturday."""
    await world.soaking(10, more="--plan daily")


async def at_ten_past(world: World) -> None:
    """Until ten past seven in New York, which is ten past noon in London."""
    await until(world, "12:09")
    assert messages(world) == []
    await until(world, "12:10")


async def until(world: World, clock: str, step: timedelta = timedelta(minutes=40)) -> None:
    """Until a time of the day in London."""
    world.step = step
    now = world.clock.now()
    hour, minute = map(int, clock.split(":"))
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    await world.advance(seconds=((at - now) % timedelta(days=1)).total_seconds())


def messages(world: World, channel: str = "C0CHECKOUT") -> list[Message]:
    """The standups in a channel, oldest first."""
    kept = world.space.messages[channel]
    return [m for m in kept if re.fullmatch(r"standup:su-[^:]+", _key(m))]


def _key(message: Message) -> str:
    return str(((message.metadata or {}).get("event_payload") or {}).get("key") or "")


def newest(world: World) -> Shown:
    return shown(messages(world)[-1])


def thread(world: World) -> list[str]:
    there = newest(world)
    return [m.text for m in world.space.messages[there.channel] if m.thread_ts == there.ts]


async def kept(world: World) -> Standup:
    return (await world.bot.standups.newest("C0CHECKOUT"))[0]


async def press(world: World, person: str, action: str, **reason: str) -> None:
    """Press a button of the newest standup, and fill in what it asks."""
    await world.click(person, action, seen=newest(world))
    if reason:
        await world.submit(person, **reason)


async def test_a_standup_is_posted_in_time_and_its_buttons_do_what_they_say(world: World) -> None:
    await begun(world)
    await at_ten_past(world)
    there = newest(world)
    assert "<@U0MARY>" in there.whole
    assert "<@U0ADA>" in there.whole
    assert "support (nobody is known)" in there.whole
    assert "error_rate &lt; 5%" in there.whole
    assert "wave 1 of 2, 10 %" in there.whole
    assert [each for each in there.buttons if each.startswith("standup_")] == [
        "standup_continue",
        "standup_next_wave",
        "standup_pause",
        "standup_rollback",
        "standup_add",
    ]
    await press(world, "ada", "standup_pause", reason="a customer called")
    assert (await world.rollout()).phase is Phase.PAUSED
    assert "a customer called" in (await world.rollout()).reason
    decision = (await kept(world)).topics[0].decision
    assert decision is not None
    assert (decision.choice, decision.person) == (Choice.PAUSE, "ada")
    assert "standup_pause" not in newest(world).buttons
    assert "<@U0ADA> decided to pause and look into it" in newest(world).whole
    assert any("a customer called" in text for text in thread(world))
    entries = [e for e in await world.audit() if "a customer called" in e.event]
    assert {e.kind for e in entries} == {"rollout", "standup"}


@pytest.mark.thorough
async def test_next_wave_and_the_typed_twins_obey_the_rules_of_the_release(world: World) -> None:
    await begun(world)
    await at_ten_past(world)
    await press(world, "ada", "standup_next_wave", reason="looks good")
    assert "The soak is not over" in world.whisper("ada")
    assert (await kept(world)).topics[0].open
    await world.say("new", "/standup decide continue it is fine")
    assert "You hold no role" in world.whisper("new")
    await world.say("mary", "/standup decide contine fine")
    assert "did you mean 'continue'" in world.whisper("mary")
    await world.say("mary", "/standup decide next-wave")
    assert "Say why" in world.whisper("mary")
    await world.say("mary", "/standup decide continue nothing is wrong")
    decided = (await kept(world)).topics[0].decision
    assert decided is not None
    assert (decided.choice, decided.reason) == (Choice.CONTINUE, "nothing is wrong")
    assert (await world.rollout()).phase is Phase.SOAKING
    await press(world, "ada", "standup_add")
    await world.submit("ada", text="look at the cache", owner="grace")
    await world.say("mary", "/standup add <@U0ALAN> call the bank")
    await world.click("grace", "standup_done_1", seen=newest(world))
    assert "✓ 1. <@U0GRACE> look at the cache (<@U0GRACE>)" in newest(world).whole
    answer = await world.say("mary", "/standup actions")
    assert "2. <@U0ALAN> call the bank" in answer
    await world.say("mary", "/standup drop 9")
    found = world.whispers("mary")
    assert found[0] == answer
    assert "Number 9 is not on this list" in found[1]


@pytest.mark.thorough
async def test_a_rollback_is_asked_for_in_the_standup_and_goes_the_plans_way(world: World) -> None:
    await begun(world)
    await at_ten_past(world)
    await world.say("mary", "/standup add watch the refunds")
    await press(world, "ada", "standup_rollback", reason="refunds fail")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("refunds fail")
    assert "decided to roll back" in newest(world).whole
    await until(world, "13:20")
    assert not any("Nobody has decided" in text for text in thread(world))
    await world.say("mary", "/standup next")
    assert "No standup is held in this channel" in world.whisper("mary")


@pytest.mark.thorough
async def test_a_configured_one_of_a_quiet_day_is_held_skipped_and_asked_for(
    world: World, tmp_path: Path
) -> None:
    text = HOUSE.read_text("utf-8").replace("./plans", str(HOUSE.parent / "plans"))
    text += (
        "standups: [{channel: C0RELEASES, plan: quickstart, at: '13:30', zone: Europe/Berlin}]\n"
    )
    world.house = tmp_path / "countersign.yml"
    world.house.write_text(text, "utf-8")
    await world.restart()
    await world.release()
    await world.say("mary", "/standup next", channel="releases")
    assert "13:30 Europe/Berlin" in world.whisper("mary")
    await world.pass_by(days=2)
    await until(world, "12:31")
    (monday,) = messages(world, "C0RELEASES")
    whole = shown(monday).whole
    assert "Standup of quickstart · Mon 23 Nov, 13:30 Europe/Berlin" in whole
    assert "Nothing." in whole, "it was shipped on Saturday"
    assert "Deployments: 1" in whole
    kept_here = world.space.messages["C0RELEASES"]
    assert any(m.text.startswith("The week: quickstart") for m in kept_here)
    await world.say("mary", "/standup skip quickstart we meet on Wednesday", channel="releases")
    await until(world, "12:31")
    assert len(messages(world, "C0RELEASES")) == 1
    await world.say("mary", "/standup now", channel="releases")
    assert "asked for by <@U0MARY>" in shown(messages(world, "C0RELEASES")[-1]).whole
    await world.say("mary", "/standup dora 1", channel="releases")
    assert "Failed deployments: 0 of 1" in world.whisper("mary")
    await world.say("mary", "/standup show", channel="releases")
    assert "No release of quickstart is under way" in world.whisper("mary")
    await world.say("new", "/standup now", channel="releases")
    assert "You hold no role" in world.whisper("new")
