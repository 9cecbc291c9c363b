"""Many hands on one button, on a bot that works by itself: exactly one release comes of it.

Here time is real, because the bot's own loops run and a database answers; nothing is waited for but
what has to happen.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.domain.rollout import Phase
from bot.store.queries import inbox
from tests.scenarios.world import World

pytestmark = pytest.mark.thorough

CLICKS = 200


async def press_all(world: World, *people: str) -> None:
    """All of these people press Approve on the same card at the same time."""
    card = world.card()
    message = world.space.message(card.channel, card.ts)
    value = card.values("approve")[0]
    page = world.page.post

    async def press(person: str) -> None:
        body = {
            "person": person,
            "channel": message.channel,
            "ts": message.ts,
            "action_id": "approve",
            "value": value,
        }
        # Whose turn comes after the card has changed finds no button any more.
        answer = (await page("/practice/click", json=body)).json()
        assert answer["ok"] or answer["error"] == "no_such_action", answer

    await asyncio.gather(*(press(person) for person in people))


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait as long as it takes; the test's own time limit ends a wait in vain."""
    while not await fact():
        await asyncio.sleep(0.05)


async def until_phase(world: World, *phases: Phase) -> None:
    """Wait for the one release there is."""

    async def reached() -> bool:
        return any(rollout.phase in phases for rollout in await world.rollouts())

    await until(reached)


async def settled(world: World) -> None:
    """Wait until everything that was pressed has been handled."""

    async def handled() -> bool:
        return not await world.bot.store.transact(inbox.pending)

    await until(handled)


async def begun(crowd: World) -> World:
    """A release that asks for signatures."""
    await crowd.act("say", person="mary", channel="checkout", text="/release start v1.2.0")
    await until_phase(crowd, Phase.AWAITING_APPROVAL)

    async def shown() -> bool:
        return bool(crowd.cards()) and "approve" in crowd.card().buttons

    await until(shown)
    return crowd


async def test_200_clicks_by_one_person_are_one_signature(crowd: World) -> None:
    await begun(crowd)
    await press_all(crowd, *["ada"] * CLICKS)
    await settled(crowd)
    rollout = await crowd.rollout()
    assert rollout.request is not None
    assert [s.person for s in rollout.request.signatures] == ["ada"]
    assert rollout.phase is Phase.AWAITING_APPROVAL
    assert all("signed already" in text for text in crowd.whispers("ada"))


@pytest.mark.parametrize("people", [("ada", "grace"), ("ada", "grace", "alan", "mary")])
async def test_200_clicks_by_several_at_once_start_it_once(
    crowd: World, people: tuple[str, ...]
) -> None:
    await begun(crowd)
    await press_all(crowd, *people * (CLICKS // len(people)))
    await until_phase(crowd, Phase.SOAKING, Phase.JUDGING)
    await settled(crowd)
    assert [move.what for move in crowd.shop.moves].count("prepare") == 1
    assert crowd.shop.weights[:1] == [5]
    started = [e for e in await crowd.audit() if e.phase_after == "queued" != e.phase_before]
    assert len(started) == 1
    for person in people:
        crowd.whispers(person)
