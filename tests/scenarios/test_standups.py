"""Standups, from the message in the morning to what its buttons do."""

from datetime import timedelta

from bot.domain.rollout import Phase
from bot.domain.standup_state import Choice, Standup
from bot.practice.workspace import Message
from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import World

MINUTE = timedelta(minutes=1)


async def begun(world: World) -> None:
    """A release by the plan `daily` in its first wave, at noon in London on a Saturday."""
    await world.soaking(10, more="--plan daily")


async def at_nine(world: World) -> None:
    """Until a minute after nine in New York, which is two in the afternoon in London."""
    world.step = timedelta(minutes=40)
    await world.advance(minutes=118)
    assert messages(world) == []
    await until(world, "14:01")


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
    return [m for m in kept if _key(m).startswith("standup:su-") and not m.thread_ts]


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


async def test_a_standup_is_posted_at_nine_and_its_buttons_do_what_they_say(world: World) -> None:
    await begun(world)
    await at_nine(world)
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
