"""Something goes wrong: who is told, by when they have to act, and what is done about it."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.seeing import Json
from tests.scenarios.world import World

CRITICAL = "C0CRITICAL"
WARNING = "C0WARNING"


def posts(world: World, channel: str) -> list[str]:
    return [message.text for message in world.space.messages.get(channel, [])]


def post_about(world: World, channel: str, words: str) -> Json:
    """The newest message in a channel that says this."""
    found = [m for m in world.space.messages.get(channel, []) if words in m.text]
    assert found, posts(world, channel)
    return {"channel": channel, "ts": found[-1].ts}


async def press(world: World, person: str, action: str, where: Json, value: str = "") -> None:
    more = {"value": value} if value else {}
    answer = await world.act("click", person=person, action_id=action, **where, **more)
    assert answer["ok"], answer
    await world.breathe()


def steps(world: World) -> str:
    """The list of steps in the thread, as it is now."""
    return next(text for text in world.thread() if text.startswith("What is done about"))


async def alerted(world: World) -> None:
    """At 10 %, half of the requests fail: too few to roll back, enough to call people."""
    world.step = timedelta(seconds=5)
    await world.soaking(10, more="--plan answered")
    world.break_version("v1.2.0", 0.5)
    await world.advance(seconds=40)
    world.step = timedelta(minutes=1)


async def rolled_back(world: World) -> None:
    world.step = timedelta(seconds=5)
    await world.soaking(10, more="--plan answered")
    world.break_version("v1.2.0", 1.0)
    await world.until(Phase.ROLLED_BACK)
    await world.advance(seconds=30)


@pytest.mark.thorough
@pytest.mark.requirement("W-123", "P-091")
async def test_a_critical_alert_is_posted_once_with_a_button_and_its_time(world: World) -> None:
    await alerted(world)
    found = [text for text in posts(world, CRITICAL) if "Many requests fail" in text]
    assert len([text for text in found if "acknowledge it" in text]) == 1
    assert any("Look at it now." in text for text in found)
    await world.advance(seconds=60)  # a minute is the row of what names no window
    assert [text for text in posts(world, WARNING) if "more than" not in text and "10%" in text]
    world.pages()


@pytest.mark.thorough
@pytest.mark.requirement("P-099", "S4-07a")
async def test_who_acknowledges_in_time_stops_the_clock(world: World) -> None:
    await alerted(world)
    where = post_about(world, CRITICAL, "acknowledge it")
    await press(world, "grace", "acknowledge", where)
    assert world.said("@grace acknowledged") or world.said("acknowledged: ")
    await world.advance(minutes=6)
    assert not any("Nobody has come" in text for text in posts(world, CRITICAL))
    world.pages()


@pytest.mark.thorough
@pytest.mark.requirement("P-099", "S4-07a")
async def test_an_alert_that_nobody_acknowledges_is_said_again_louder_and_once(
    world: World,
) -> None:
    await alerted(world)
    world.pages()
    await world.advance(minutes=12)
    late = [text for text in world.pages() if "Nobody has come to acknowledge it within 5m" in text]
    assert len(late) == 1
    assert sum("Nobody has come to acknowledge" in text for text in world.thread()) == 1
    await world.say("ada", "/release ack looking into it")
    assert world.said("looking into it")
    await world.say("grace", "/release due")
    assert "have it handled" in world.whisper("grace")


@pytest.mark.thorough
async def test_the_clock_of_an_alert_goes_on_after_a_crash(world: World) -> None:
    await alerted(world)
    world.pages()
    await world.advance(minutes=3)
    await world.crash()
    await world.advance(minutes=3)
    world.page_about("Nobody has come to acknowledge it within 5m")
    await world.crash()
    await world.advance(minutes=2)
    assert not [text for text in world.pages() if "acknowledge" in text]


@pytest.mark.thorough
async def test_a_duty_of_a_role_is_not_done_by_somebody_else(world: World) -> None:
    await alerted(world)
    where = post_about(world, "C0CHECKOUT", "have it handled")
    await press(world, "ada", "duty_done", where)
    assert "This is for operations to do" in world.whisper("ada")
    await press(world, "grace", "duty_done", where)
    assert world.said("reports done (handled)")
    world.pages()


@pytest.mark.thorough
async def test_an_alert_that_ends_by_itself_ends_its_clocks(world: World) -> None:
    await alerted(world)
    world.break_version("v1.2.0", 0.0)
    await world.advance(minutes=2)
    post_about(world, CRITICAL, "over: it ended by itself")
    await world.advance(minutes=40)
    assert not any("Nobody has come" in text for text in posts(world, CRITICAL))
    world.pages()


@pytest.mark.requirement("W-135", "W-136", "W-137", "W-139", "W-141")
async def test_a_rollback_by_the_bot_has_its_steps_done_in_the_order_of_the_plan(
    world: World,
) -> None:
    await rolled_back(world)
    text = steps(world)
    done = [
        "✓ All traffic to the previous version",
        "✓ Let open requests end (30s)",
        "✓ Call: incident response",
        "☐ Open: incident ticket",
        "✓ Keep the measurements",
        "☐ Tell: affected customers",
        "✓ Lock the version against a redeploy",
    ]
    places = [text.index(words) for words in done]
    assert places == sorted(places)
    assert world.said("Kept for the post-mortem: ")
    world.pages()


@pytest.mark.thorough
async def test_people_tick_what_the_bot_can_not_do(world: World) -> None:
    await rolled_back(world)
    card = world.card()
    found = [m for m in world.space.messages[card.channel] if m.text.startswith("What is done")]
    where = {"channel": card.channel, "ts": found[-1].ts}
    response = (await world.rollout()).response
    await press(world, "grace", "step_done", where, f"{response}:3")
    assert "✓ Open: incident ticket" in steps(world)
    await world.say("ada", "/release step 6 told by e-mail")
    assert "✓ Tell: affected customers" in steps(world)
    assert "told by e-mail" in steps(world)
    await world.say("ada", "/release step 6")
    assert "No steps are open here" in world.whisper("ada")
    world.pages()


@pytest.mark.thorough
@pytest.mark.requirement("S-056", "S4-05")
async def test_the_clocks_of_a_rollback_are_measured_against_the_plan(world: World) -> None:
    await rolled_back(world)
    text = next(line for line in world.thread() if line.startswith("Rollback clocks"))
    assert "noticed in 20.0 s" in text
    assert "of 10m" in text
    assert "of 30m" in text
    assert "Over the plan's time" not in text
    world.pages()


@pytest.mark.thorough
@pytest.mark.requirement("P-105", "S4-06", "W-161", "S4-08b")
async def test_the_cause_has_to_be_named_in_ten_minutes_and_a_post_mortem_held_in_a_day(
    world: World,
) -> None:
    await rolled_back(world)
    world.pages()
    await world.say("grace", "/release due")
    assert "step 4 of" in world.whisper("grace")
    await world.advance(minutes=10)
    world.page_about("say what caused it within 10m")
    await world.say("ada", "/release cause a missing index")
    assert world.said("a missing index")
    world.step = timedelta(minutes=10)
    await world.advance(hours=24)
    world.page_about("hold the post-mortem within 1d")


@pytest.mark.thorough
@pytest.mark.requirement("P-060")
async def test_a_step_back_shows_the_steps_of_its_wave(world: World) -> None:
    world.step = timedelta(minutes=1)
    await world.soaking(50, more="--plan answered")
    world.step = timedelta(seconds=10)
    await world.hook(
        "/hooks/events",
        {"event": "memory_leak", "service": "checkout", "environment": "production", "id": "e7"},
    )
    await world.advance(seconds=20)
    text = steps(world)
    assert text.startswith("What is done about the step back")
    assert text.index("Find out why") < text.index("Try the wave half again")
    world.pages()


@pytest.mark.thorough
@pytest.mark.requirement("W-147", "W-150")
async def test_a_rollback_that_a_person_asks_for_has_the_steps_for_that(world: World) -> None:
    await world.soaking(10, more="--plan answered")
    await world.say("ada", "/rollback checkout it looks odd")
    await world.until(Phase.ROLLED_BACK)
    await world.advance(seconds=10)
    text = steps(world)
    assert "✓ Check: health" in text
    assert "☐ Schedule: post-mortem" in text
    assert "incident ticket" not in text
    assert not [d for d in posts(world, CRITICAL) if "post-mortem within" in d]
    world.pages()


@pytest.mark.thorough
async def test_who_breaks_the_glass_is_reminded_of_the_review(world: World) -> None:
    await world.soaking(10, more="--plan answered")
    await world.say("ada", "/rollback checkout --now payments fail")
    await world.until(Phase.ROLLED_BACK)
    world.pages()
    world.step = timedelta(hours=1)
    await world.advance(hours=24)
    world.page_about("review why the glass was broken within 1d")
    await world.say("grace", "/release done it was right")
    assert world.said("it was right")
