"""What goes on after a release, from the card in the channel to the last signature, in weeks."""

from datetime import timedelta

import pytest

from bot.domain.after_state import Aftercare, Stage
from bot.domain.rollout import Phase
from bot.practice.workspace import Message
from tests.scenarios.reading import Shown, shown
from tests.scenarios.world import World

pytestmark = pytest.mark.thorough

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def released(world: World, version: str = "v1.2.0") -> Aftercare:
    """A release by the plan `followed`, complete."""
    await world.release(version, "--plan followed")
    return await care(world)


async def care(world: World) -> Aftercare:
    """The newest aftercare of the shop."""
    (found,) = await world.bot.desk.context.aftercares.newest(["checkout"])
    return found


async def let(world: World, span: timedelta) -> int:
    """Time passes, and the bot does something only when something is due; how often that was."""
    end, times = world.clock.now() + span, 0
    while world.clock.now() < end:
        at = (await care(world)).next_check_at
        left = min(end, at) if at is not None else end
        await world.pass_by(seconds=max(1.0, (left - world.clock.now()).total_seconds()))
        sell(world, 50)
        await world.settle()
        times += 1
    await world.breathe()
    return times


def sell(world: World, requests: int) -> None:
    """Some people buy something."""
    for _ in range(requests):
        now = world.clock.timestamp()
        world.shop.record(world.shop.current, error=False, seconds=0.05, now=now)


def cards(world: World, kind: str = "card:aftercare:") -> list[Message]:
    return [
        message
        for kept in world.space.messages.values()
        for message in kept
        if str((message.metadata or {}).get("event_payload", {}).get("key", "")).startswith(kind)
    ]


def card(world: World) -> Shown:
    """The newest card of what goes on after a release."""
    return shown(max(cards(world), key=lambda message: message.ts))


def under(world: World, found: Message | Shown) -> list[str]:
    """What was said in the thread of a message."""
    kept = world.space.messages[found.channel]
    return [message.text for message in kept if message.thread_ts == found.ts]


def thread(world: World) -> list[str]:
    """What was said under the newest such card."""
    return under(world, card(world))


def said(world: World, words: str) -> int:
    return sum(words in text for text in thread(world))


async def press(world: World, person: str, action: str, which: str = "") -> None:
    """Press a button of the newest such card. which: a part of its value."""
    there = card(world)
    value = next(v for v in there.values(action) if which in v)
    await world.click(person, action, value, seen=there)


async def test_from_completion_to_production_grade(world: World) -> None:
    await released(world)
    assert "after the release" in card(world).text
    assert "Do prices move?" in card(world).whole
    await let(world, 5 * MINUTE)
    assert "checkout v1.2.0 after release*\n• Do prices move?" in await world.open_home("ada")
    assert "after release" not in await world.open_home("alan")
    await press(world, "ada", "tick_item", "yes:prices")
    assert "after release" not in world.home("ada")
    await let(world, 11 * MINUTE)
    assert said(world, "immediate (0s to 15m) is over: all 4 items are fine") == 1

    await let(world, DAY)
    assert any("sign-off day1" in text.lower() for text in world.directs("mary"))
    await world.say("alan", "/release confirm happy yes they write cards")
    await press(world, "mary", "sign_off", "day1")
    assert "*Sign-off day1* by <@U0MARY>" in card(world).whole
    await let(world, 6 * DAY)
    await world.say("mary", "/release sign-off day7 as good as it gets")
    assert said(world, "Still missing: security") == 1
    await press(world, "ada", "sign_off", "day7")
    assert said(world, "checkout v1.2.0 is now successful") == 1

    steps = await let(world, 7 * DAY)
    assert (await care(world)).phase is Stage.PASSED
    assert said(world, "checkout v1.2.0 is now production grade") == 1
    assert [text[:9] for text in thread(world) if text.startswith("Day ")][-1] == "Day 14 of"
    assert said(world, "✓ unplanned_rollbacks == 0: 0, limit 0") == 2, "when due, and when signed"
    assert "? cost &lt; 300: not known here" in card(world).whole
    assert steps < 100, "weeks are cheap"
    assert "production grade" in await told(world, "/release after")


async def told(world: World, text: str) -> str:
    """The answer to a command that only looks."""
    answer = await world.say("mary", text)
    assert world.whisper("mary") == answer
    return answer


async def test_a_plan_that_asks_for_nothing_has_no_second_card(world: World) -> None:
    await world.release()
    assert cards(world) == []
    assert "Nothing goes on" in await told(world, "/release after")


async def test_a_newer_release_closes_the_one_before(world: World) -> None:
    first = await released(world, "v1.1.0")
    await let(world, DAY + MINUTE)
    await released(world, "v1.2.0")
    both = world.bot.desk.context.aftercares
    older = await both.find(first.id)
    assert older is not None
    assert older.phase is Stage.SUPERSEDED
    assert older.requests == {}
    assert "another version took its place" in shown(cards(world)[0]).text
    said_before = under(world, cards(world)[0])
    await let(world, 2 * DAY)
    assert under(world, cards(world)[0]) == said_before


async def test_a_rollback_in_the_middle_closes_it_in_the_same_moment(world: World) -> None:
    begun = await released(world)
    await let(world, 5 * MINUTE)
    await world.say("grace", "/rollback customers complain")
    await world.until(Phase.ROLLED_BACK)
    over = await care(world)
    assert (over.id, over.phase) == (begun.id, Stage.TAKEN_BACK)
    assert "customers complain" in card(world).text
    assert card(world).buttons == []
    quiet = len(thread(world))
    await let(world, 3 * DAY)
    assert len(thread(world)) == quiet
    world.page_about("customers complain")


async def test_it_is_closed_and_begun_where_the_rollout_is_written(world: World) -> None:
    """One unit of work: the audit has the completion and the beginning side by side."""
    await released(world)
    entries = await world.audit()
    kinds = [(e.kind, e.phase_after) for e in entries]
    at = kinds.index(("rollout", "completed"))
    assert ("aftercare", "open") in kinds[at - 1 : at + 2]
    first = next(e for e in entries if e.kind == "aftercare")
    assert first.at == entries[at].at


async def test_a_restart_in_the_middle_of_each_clock_loses_nothing(world: World) -> None:
    await released(world)
    await let(world, 5 * MINUTE)
    await world.restart()
    await press(world, "ada", "tick_item", "yes:prices")
    await let(world, 5 * MINUTE)
    await world.crash()
    await let(world, 6 * MINUTE)
    assert said(world, "is over: all 4 items are fine") == 1
    await world.restart()
    await let(world, DAY)
    await world.restart()
    assert said(world, "Sign-off day1 is due") == 1
    assert said(world, "Day 1 of 14") == 1
    assert len(cards(world)) == 1


async def test_a_refused_sign_off_wants_a_reason_and_is_told_to_the_channel(world: World) -> None:
    await released(world)
    await press(world, "ada", "tick_item", "yes:prices")
    await let(world, DAY + MINUTE)
    await press(world, "mary", "decline_sign_off", "day1")
    assert world.modal("mary") is not None
    await world.submit("mary", reason="slow since noon")
    assert "declined by <@U0MARY>" in card(world).whole
    assert any("slow since noon" in m.text for m in world.space.messages["C0CHECKOUT"])
    await world.say("alan", "/release confirm happy yes")
    await press(world, "mary", "sign_off", "day1")
    assert "*Sign-off day1* by <@U0MARY>" in card(world).whole


async def test_who_may_not_answer_is_told_so(world: World) -> None:
    await released(world)
    await press(world, "alan", "tick_item", "yes:prices")
    assert "for security to answer" in world.whisper("alan")
    await world.say("mary", "/release sign-off day1")
    assert "is due" in world.whisper("mary")
    await world.say("mary", "/release confirm price yes")
    assert "No rollout" in world.whisper("mary")


async def test_what_can_not_be_seen_is_said_once_and_is_no_pass(world: World) -> None:
    await released(world)
    await press(world, "ada", "tick_item", "yes:prices")
    await let(world, 13 * MINUTE)
    world.outage = "all"
    await let(world, 10 * MINUTE)
    assert said(world, "can't be seen can't be verified") == 1
    assert said(world, "is over; 1 still to be answered") == 1
    world.outage = ""
    await let(world, 15 * MINUTE)
    assert said(world, "It can be looked at again") == 1
    await world.say("ada", "/release confirm immediate-error-rate-lt-1-pct yes")
    assert "say what you rest on" in world.whisper("ada")
    await world.say("ada", "/release confirm immediate-error-rate-lt-1-pct yes logs are clean")
    assert "logs are clean" in "".join(thread(world))


async def test_an_incident_during_the_window_is_no_pass_though_it_was_closed(world: World) -> None:
    await released(world)
    await press(world, "ada", "tick_item", "yes:prices")
    await let(world, 3 * MINUTE)
    await world.say("grace", "/release incident open critical carts are empty")
    await let(world, 3 * MINUTE)
    await world.say("grace", "/release incident close critical")
    await let(world, 10 * MINUTE)
    world.page_about("open_incidents(critical) == 0")
    assert len(world.whispers("grace")) == 2
