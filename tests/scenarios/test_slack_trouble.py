"""Slack limits, stumbles, forgets and is gone: in the end there is one card, and it is current."""

from datetime import timedelta

import pytest

from bot.domain.rollout import Phase
from tests.everyday import one_of
from tests.scenarios.world import World

pytestmark = pytest.mark.thorough

KINDS = ["429", "500", "timeout", "lost_reply"]


@pytest.mark.parametrize("kind", one_of(*KINDS))
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_a_call_that_goes_wrong_leaves_one_current_card(
    world: World, method: str, kind: str
) -> None:
    if method == "chat.update":
        await world.start()
    world.slack_fails(method, kind, times=2, retry_after=3)
    if method == "chat.postMessage":
        await world.say("mary", "/release start v1.2.0")
        world.whispers("mary")
        await world.until(Phase.AWAITING_APPROVAL)
        await world.advance(seconds=20)
    await world.sign()
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
    assert len(set(world.thread())) == len(world.thread())


@pytest.mark.parametrize("kind", one_of(*KINDS))
async def test_everything_slack_does_wrong_at_once_is_survived(world: World, kind: str) -> None:
    world.slack_fails("*", kind, times=12, retry_after=2)
    await world.say("mary", "/release start v1.2.0")
    await world.advance(seconds=60)
    world.whispers("mary")
    world.space.faults.clear()
    await world.sign()
    await world.until(Phase.COMPLETED)


async def test_everything_delivered_twice_happens_once(world: World) -> None:
    world.slack_fails("*", "duplicate_delivery", times=10)
    await world.say("mary", "/release start v1.2.0")
    world.whispers("mary")
    await world.until(Phase.AWAITING_APPROVAL)
    await world.sign()
    await world.until(Phase.COMPLETED)
    assert world.shop.weights == [5, 25, 50, 100]
    assert len(await world.rollouts()) == 1
    assert world.whispers("ada") == world.whispers("grace") == []


async def test_a_delivery_repeated_to_another_process_happens_once(world: World) -> None:
    await world.start()
    await world.click("ada", "approve")
    await world.restart()
    assert await world.redeliver() == 200
    assert world.whispers("ada") == []
    request = (await world.rollout()).request
    assert request is not None
    assert [s.person for s in request.signatures] == ["ada"]


@pytest.mark.parametrize("why", one_of("gone", "archived", "not invited"))
async def test_a_channel_that_can_not_be_written_to_is_replaced(world: World, why: str) -> None:
    channel = world.space.channels["C0CHECKOUT"]
    match why:
        case "gone":
            del world.space.channels["C0CHECKOUT"]
        case "archived":
            channel.is_archived = True
        case _:
            channel.members.discard("U0BOT")
    await world.say("mary", "/release start v1.2.0 checkout", channel="releases")
    await world.until(Phase.AWAITING_APPROVAL)
    world.whispers("mary")
    assert world.card().channel == "C0RELEASES"
    assert world.said("invite the bot")
    await world.sign()
    await world.until(Phase.COMPLETED)


async def test_a_channel_archived_in_mid_release_moves_the_card(world: World) -> None:
    await world.soaking(25)
    old = world.card()
    world.space.channels["C0CHECKOUT"].is_archived = True
    await world.until(Phase.COMPLETED)
    await world.advance(seconds=5)
    assert world.card().channel == "C0RELEASES"
    world.space.messages["C0CHECKOUT"] = [
        message for message in world.space.messages["C0CHECKOUT"] if message.ts != old.ts
    ]


async def test_six_hours_without_slack_end_with_one_current_message(world: World) -> None:
    world.shop.requests_per_second = 0.5
    world.step = timedelta(minutes=10)
    await world.start("v1.1.0", "--env staging")
    waiting = await world.rollout()
    asked = {person: len(world.directs(person)) for person in ("ada", "grace", "alan")}
    await world.start("v1.2.0", "--plan hourly")
    await world.sign()
    await world.until(Phase.SOAKING)
    world.slack_fails("*", "500", times=100_000)
    before = len(world.space.messages["C0CHECKOUT"])
    await world.advance(hours=6)
    assert len(world.space.messages["C0CHECKOUT"]) == before
    held = await world.rollout()
    assert (world.shop.weights, held.reason) == ([10], "Waiting until people can be told again.")
    assert (await world.rollout(waiting.id)).phase is Phase.AWAITING_APPROVAL
    world.space.faults.clear()
    await world.advance(minutes=30)
    assert world.said("Moving 50 %")
    for person, count in asked.items():
        new = world.directs(person)[count:]
        assert len([text for text in new if "Still waiting" in text]) == 1


async def test_a_click_while_slack_is_slow_is_not_lost(world: World) -> None:
    await world.start()
    world.slack_fails("users.info", "timeout", times=1)
    await world.click("ada", "approve")
    world.whispers("ada")
    await world.click("ada", "approve")
    assert len((await world.rollout()).request.signatures) == 1  # type: ignore[union-attr]


async def test_a_card_deleted_by_hand_is_posted_again(world: World) -> None:
    await world.soaking(5)
    card = world.card()
    world.space.remove(world.space.message(card.channel, card.ts))
    world.space.messages[card.channel] = [
        each for each in world.space.messages[card.channel] if each.thread_ts != card.ts
    ]
    await world.until(Phase.COMPLETED)
    await world.advance(seconds=5)
    assert world.card().ts != card.ts


async def test_a_token_that_is_revoked_holds_up_no_rollback(world: World) -> None:
    world.break_version("v1.3.0", 0.0)
    await world.soaking(25, "v1.3.0")
    world.space.token = "xoxb-another"
    world.break_version("v1.3.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    assert world.shop.weight == 0
    world.space.token = "xoxb-practice"
    world.expected_dead |= {key for key, _ in await world.dead()}
    await world.advance(minutes=2)
    world.expected_dead |= {key for key, _ in await world.dead()}
    world.pages()
