"""Who may sign: known for certain now. Who may stop: known ever."""

import pytest

from bot.domain.people import Actor
from bot.engine.directory import GROUP_AGE, Refusal
from bot.ports import TemporaryError
from tests.engine.world import World


async def test_a_member_signs_as_the_person_with_the_roles_held_now(world: World) -> None:
    found = await world.engine.directory.for_signing("U0GRACE")
    assert found == Actor("grace", "U0GRACE", ("operations",))


async def test_the_second_account_of_a_person_is_the_same_person(world: World) -> None:
    found = await world.engine.directory.for_signing("U0GRACE2")
    assert isinstance(found, Actor)
    assert found.person == "grace"


@pytest.mark.parametrize(
    "what",
    [
        {"is_bot": True},
        {"is_guest": True},
        {"is_deleted": True},
        {"is_stranger": True},
        {"team_id": "T2"},
        {"team_id": "T2", "enterprise_id": "E1"},
    ],
    ids=str,
)
async def test_those_who_are_no_full_members_can_do_nothing(
    world: World, what: dict[str, object]
) -> None:
    world.chat.member("U0ADA", **what)
    found = await world.engine.directory.for_signing("U0ADA")
    assert isinstance(found, Refusal)
    assert not found.temporary
    falling = await world.engine.directory.for_falling("U0ADA")
    assert isinstance(falling, Refusal)
    assert falling.outsider


@pytest.mark.parametrize("method", ["person", "group"])
async def test_nobody_signs_while_it_can_not_be_looked_up(world: World, method: str) -> None:
    world.chat.fail(method, TemporaryError("500"))
    found = await world.engine.directory.for_signing("U0GRACE")
    assert isinstance(found, Refusal)
    assert found.temporary


async def test_somebody_unknown_to_the_chat_can_not_sign(world: World) -> None:
    assert isinstance(await world.engine.directory.for_signing("U0NOBODY"), Refusal)


async def test_the_last_known_roles_do_for_falling_traffic_and_are_marked(world: World) -> None:
    await world.engine.directory.for_signing("U0GRACE")
    world.chat.down = True
    world.clock.advance(90 * 86400)
    found = await world.engine.directory.for_falling("U0GRACE")
    assert found == Actor("grace", "U0GRACE", ("operations",), roles_stale=True)


async def test_configured_roles_do_when_nobody_was_ever_looked_up(world: World) -> None:
    world.chat.down = True
    found = await world.engine.directory.for_falling("U0ADA")
    assert found == Actor("ada", "U0ADA", ("security",), roles_stale=True)


async def test_members_of_a_group_are_believed_for_five_minutes(world: World) -> None:
    directory = world.engine.directory
    await directory.for_signing("U0GRACE")
    world.chat.groups["S0OPS"] = frozenset()
    still = await directory.for_signing("U0GRACE")
    fresh = await directory.for_signing("U0GRACE", fresh=True)
    assert isinstance(still, Actor)
    assert isinstance(fresh, Actor)
    assert (still.roles, fresh.roles) == (("operations",), ())
    world.chat.groups["S0OPS"] = frozenset({"U0GRACE"})
    world.clock.advance(GROUP_AGE)
    again = await directory.for_signing("U0GRACE")
    assert isinstance(again, Actor)
    assert again.roles == ("operations",)


async def test_signers_are_the_people_of_the_seats_without_those_left_out(world: World) -> None:
    directory = world.engine.directory
    assert await directory.signers(("security",)) == ["U0ADA"]
    assert sorted(await directory.signers(("*",))) == ["U0ADA", "U0GRACE"]
    assert await directory.signers(("*",), without=["ada"]) == ["U0GRACE"]
