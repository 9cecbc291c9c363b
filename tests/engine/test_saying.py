"""What is said in the chat, and that it is said once, wherever that is possible."""

from datetime import timedelta

import pytest

from bot.domain.events import PauseRequested, ResumeRequested
from bot.domain.people import Actor
from bot.domain.rollout import Phase
from bot.engine.engine import Options
from bot.ports import PermanentError, TemporaryError
from tests.engine.world import World
from tests.fakes.chat import ratelimited

ADA = Actor("ada", "U0ADA", ("security",))


def cards(world: World, channel: str = "C0SHOP") -> list[str]:
    return world.chat.texts(channel, threads=False)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_lost_reply_makes_one_card(world: World, times: int) -> None:
    lost = TemporaryError("timeout", unknown=True)
    world.chat.fail("post", lost, applied=True)
    world.chat.fail("find", *[TemporaryError("500")] * (times - 1))
    await world.start()
    await world.pass_time(30)
    assert len(cards(world)) == 1
    assert world.chat.searches == 1


async def test_a_post_that_is_known_to_have_failed_is_not_searched_for(world: World) -> None:
    world.chat.fail("post", ratelimited(3))
    await world.start()
    await world.pass_time(5)
    assert len(cards(world)) == 1
    assert world.chat.searches == 0


@pytest.mark.thorough
async def test_slack_is_left_alone_for_as_long_as_it_asks(world: World) -> None:
    world.chat.fail("post", ratelimited(30))
    await world.start()
    await world.pass_time(29)
    assert cards(world) == []
    await world.pass_time(2)
    assert cards(world) == ["v2 awaiting_approval 0"]


@pytest.mark.requirement("X-19")
async def test_a_card_is_edited_at_most_once_a_second_and_ends_up_true(world: World) -> None:
    world.engine = world.build(Options(card_pace=timedelta(seconds=1)))
    await world.start()
    await world.pass_time(3)
    before = world.chat.updates
    for _ in range(5):
        await world.engine.apply("r1", PauseRequested(ADA, "tea"))
        await world.sign_as("U0ADA")
        await world.engine.settle()
    assert world.chat.updates <= before + 1
    await world.pass_time(2)
    assert cards(world) == [f"v2 {await world.phase()} 0"]


@pytest.mark.thorough
async def test_an_outage_of_hours_leaves_one_current_card(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.SOAKING)
    world.chat.down = True
    await world.until(Phase.JUDGING, 120)
    await world.pass_time(6 * 3600, step=600)
    held = await world.rollout()
    assert (held.phase, held.weight) == (Phase.JUDGING, 5)
    stale = cards(world)
    world.chat.down = False
    await world.until(Phase.COMPLETED, 300)
    await world.pass_time(180, step=5)
    assert stale != cards(world) == ["v2 completed 100"]
    assert await world.dead_letters() == []


@pytest.mark.thorough
@pytest.mark.parametrize("code", ["channel_not_found", "is_archived", "not_in_channel"])
async def test_a_closed_channel_falls_back_and_says_so(world: World, code: str) -> None:
    world.chat.closed["C0SHOP"] = code
    await world.start()
    assert cards(world, "C0ALL") == ["v2 awaiting_approval 0"]
    assert any("C0SHOP" in text for text in world.chat.texts("C0ALL"))
    await world.sign()
    await world.until(Phase.COMPLETED)
    assert cards(world, "C0ALL") == ["v2 completed 100"]


async def test_a_card_that_somebody_deleted_is_posted_anew(world: World) -> None:
    await world.start()
    for place in [p for p, m in world.chat.messages.items() if p[0] == "C0SHOP"]:
        del world.chat.messages[place]
    await world.sign_as("U0ADA")
    await world.engine.settle()
    assert cards(world) == ["v2 awaiting_approval 0"]


async def test_the_log_stands_under_the_card_in_order(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.COMPLETED)
    log = [text for text in world.chat.texts("C0SHOP") if text not in cards(world)]
    moving = [text.split(" %")[0] for text in log if text.startswith("Moving")]
    assert moving == ["Moving 5", "Moving 100"]


async def test_what_can_not_be_said_is_paged_and_audited(world: World) -> None:
    await world.start()
    world.chat.fail("update", PermanentError("invalid_blocks", code="invalid_blocks"))
    await world.sign_as("U0ADA")
    await world.engine.settle()
    assert any("invalid_blocks" in text for text in world.chat.texts("C0CRITICAL"))
    assert len(await world.dead_letters()) == 1
    entries = await world.verify_audit()
    assert entries > 3


async def test_a_page_that_can_not_be_sent_calls_no_further_page(world: World) -> None:
    await world.start()
    world.chat.closed = {"C0CRITICAL": "is_archived", "C0ALL": "is_archived"}
    world.deployer.fail(PermanentError("no"))
    await world.sign()
    assert await world.phase() is Phase.HALTED
    assert len(await world.dead_letters()) == 1


async def test_one_who_can_not_be_written_to_keeps_nobody_from_being_asked(world: World) -> None:
    world.chat.fail("direct", PermanentError("no", code="cannot_dm_bot"))
    await world.start()
    assert [c for c, _ in world.chat.messages if c.startswith("D")] == ["DU0ADA"]


async def test_nobody_is_asked_twice_when_asking_is_interrupted(world: World) -> None:
    world.chat.fail("direct", ratelimited(2))
    await world.start()
    await world.pass_time(10)
    asked = [c for c, _ in world.chat.messages if c.startswith("D")]
    assert sorted(asked) == ["DU0ADA", "DU0GRACE"]


async def test_a_refusal_is_whispered_to_the_one_it_concerns(world: World) -> None:
    await world.start()
    await world.engine.apply("r1", ResumeRequested(ADA))
    await world.engine.settle()
    assert [user_id for user_id, _ in world.chat.whispers] == ["U0ADA"]


async def test_a_whisper_that_fails_becomes_a_direct_message(world: World) -> None:
    await world.start()
    world.chat.fail("whisper", PermanentError("no", code="user_not_in_channel"))
    before = len(world.chat.texts("DU0ADA"))
    await world.engine.apply("r1", ResumeRequested(ADA))
    await world.engine.settle()
    assert len(world.chat.texts("DU0ADA")) == before + 1


async def test_homes_of_those_who_looked_follow_what_happens(world: World) -> None:
    await world.engine.posting.home("U0ADA")
    await world.start()
    assert world.chat.homes["U0ADA"]["waiting"] == ["r1"]
    assert set(world.chat.homes) == {"U0ADA"}
    await world.sign()
    await world.until(Phase.SOAKING)
    await world.pass_time(1)
    assert world.chat.homes["U0ADA"]["live"] == ["r1"]


async def test_those_who_sign_are_asked_once_the_token_is_taken_again(world: World) -> None:
    refused = PermanentError("the token was revoked", code="token_revoked")
    world.chat.fail("direct", refused)
    await world.start()
    asked = [channel for channel, _ in world.chat.messages if channel.startswith("DU0")]
    await world.pass_time(60, step=5)
    later = [channel for channel, _ in world.chat.messages if channel.startswith("DU0")]
    assert len(set(later)) == len(later) > len(asked)
    assert await world.dead_letters() == []
