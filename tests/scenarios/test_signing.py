"""Who may sign what, and what everybody else is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import HOUSE, World


async def test_the_requester_is_told_that_somebody_else_has_to_sign(world: World) -> None:
    await world.start()
    await world.click("mary", "approve")
    assert "somebody else has to sign" in world.whisper("mary")
    assert (await world.rollout()).request.signatures == ()  # type: ignore[union-attr]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("gus", "Guests can't do this. Ask a full member"),
        ("eve", "Only members of this workspace"),
        ("new", "You hold no role"),
    ],
)
async def test_people_who_may_not_sign_are_told_why(world: World, person: str, words: str) -> None:
    await world.start()
    await world.click(person, "approve")
    assert words in world.whisper(person)
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL


async def test_somebody_deactivated_after_the_card_was_drawn_can_not_sign(world: World) -> None:
    await world.start()
    press = await world.press("dell", "approve")
    world.space.people["U0DEL"].kind = "deactivated"
    assert press["ok"]
    await world.breathe()
    assert "deactivated" in world.whisper("dell")


@pytest.mark.thorough
@pytest.mark.parametrize("person", ["gus", "eve", "dell"])
async def test_people_from_outside_can_not_even_pause_or_start(world: World, person: str) -> None:
    await world.soaking(5)
    if person == "dell":
        world.space.people["U0DEL"].kind = "member"
        press = await world.press(person, "pause")
        world.space.people["U0DEL"].kind = "deactivated"
        assert press["ok"]
        await world.breathe()
    else:
        await world.click(person, "pause")
    assert world.whispers(person)
    assert (await world.rollout()).phase is Phase.SOAKING


@pytest.mark.thorough
@pytest.mark.requirement("X-37")
async def test_somebody_without_a_role_may_pause_but_not_resume(world: World) -> None:
    await world.soaking(5)
    await world.click("new", "pause")
    assert (await world.rollout()).phase is Phase.PAUSED
    await world.click("new", "resume")
    assert "You hold no role" in world.whisper("new")


async def test_a_guest_can_not_start_a_release(world: World) -> None:
    await world.say("gus", "/release start v1.2.0")
    assert "Guests" in world.whisper("gus")
    assert await world.rollouts() == []


@pytest.mark.thorough
async def test_a_second_click_by_one_person_counts_once(world: World) -> None:
    await world.start()
    seen = world.card()
    await world.click("ada", "approve")
    await world.click("ada", "approve", seen=seen)
    assert "signed already" in world.whisper("ada")
    rollout = await world.rollout()
    assert [s.person for s in rollout.request.signatures] == ["ada"]  # type: ignore[union-attr]


@pytest.mark.thorough
async def test_a_second_account_of_one_person_is_the_same_person(world: World) -> None:
    await world.start()
    await world.click("ada", "approve")
    await world.click("ada2", "approve")
    assert "signed already" in world.whisper("ada2")
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL


@pytest.mark.thorough
async def test_a_click_on_a_card_of_a_decided_release_says_so(world: World) -> None:
    await world.start()
    seen = world.card()
    await world.sign("ada", "grace")
    await world.until(Phase.SOAKING)
    await world.click("alan", "approve", seen=seen)
    assert "decided already" in world.whisper("alan")


@pytest.mark.thorough
async def test_a_signature_after_the_request_has_expired_is_refused(world: World) -> None:
    await world.start("v1.2.0", "--plan careful")
    seen = world.card()
    world.step = timedelta(hours=1)
    await world.until(Phase.EXPIRED, within=timedelta(hours=6))
    assert world.card().buttons == []
    await world.click("ada", "approve", seen=seen)
    assert "decided already" in world.whisper("ada")
    assert "expired" in world.card().text


async def test_a_signature_in_the_second_in_which_the_request_expires_is_refused(
    world: World,
) -> None:
    asked = await world.start("v1.2.0", "--plan careful")
    assert asked.request is not None
    left = asked.request.expires_at - world.clock.now()
    await world.pass_by(seconds=left.total_seconds())
    await world.press("ada", "approve")
    await world.breathe()
    told = world.whisper("ada")
    assert "expired" in told


async def test_those_who_have_not_signed_are_reminded(world: World) -> None:
    await world.start("v1.2.0", "--plan careful")
    await world.click("ada", "approve")
    assert len(world.directs("ada")) == len(world.directs("grace")) == 1
    assert world.directs("alan") == []
    world.step = timedelta(minutes=10)
    await world.advance(hours=1, minutes=1)
    assert len(world.directs("ada")) == 1
    assert len(world.directs("grace")) == 2
    assert "Still waiting" in world.directs("grace")[1]


@pytest.mark.thorough
async def test_a_withdrawn_signature_no_longer_counts(world: World) -> None:
    await world.start()
    await world.click("ada", "approve")
    await world.click("ada", "withdraw")
    await world.click("grace", "approve")
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL
    await world.click("ada", "approve")
    await world.until(Phase.SOAKING)


@pytest.mark.thorough
async def test_a_signature_may_be_withdrawn_while_the_release_is_queued(world: World) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0")
    await world.sign()
    await world.until(Phase.QUEUED)
    await world.say("ada", f"/release withdraw {(await world.rollout()).id}")
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL


async def test_no_is_stronger_than_any_yes(world: World) -> None:
    await world.start()
    seen = world.card()
    await world.click("ada", "approve")
    for person, action in (("grace", "approve"), ("alan", "reject")):
        assert (await world.press(person, action, seen=seen))["ok"]
    await world.breathe()
    assert (await world.rollout()).phase is Phase.REJECTED
    assert world.shop.moves == []


@pytest.mark.thorough
async def test_no_counts_while_the_release_is_queued(world: World) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0")
    seen = world.card()
    await world.sign()
    await world.until(Phase.QUEUED)
    await world.click("alan", "reject", seen=seen)
    assert (await world.rollout()).phase is Phase.REJECTED


@pytest.mark.thorough
async def test_somebody_who_loses_the_role_before_it_starts_is_asked_for_again(
    world: World,
) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0", "--plan careful")
    await world.sign("ada", "grace")
    await world.until(Phase.QUEUED)
    world.space.groups["S0OPS"] = ["U0NEW"]
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert "no longer counts" in asked.reason
    assert asked.request is not None
    assert asked.request.missing == ("operations",)
    await world.click("new", "approve")
    await world.until(Phase.QUEUED, Phase.PREPARING, Phase.SHIFTING, Phase.SOAKING)


@pytest.mark.thorough
async def test_a_version_that_points_elsewhere_after_it_was_signed_is_signed_again(
    world: World,
) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0")
    seen = world.card()
    await world.sign()
    await world.until(Phase.QUEUED)
    world.retag("v1.2.0", "sha256:" + "f" * 64)
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert asked.generation == 2
    assert asked.request is not None
    assert asked.request.signatures == ()
    assert "another artifact" in world.card().text
    await world.click("ada", "approve", seen=seen)
    assert "out of date" in world.whisper("ada")
    await world.click("ada", "approve")
    assert len((await world.rollout()).request.signatures) == 1  # type: ignore[union-attr]


@pytest.mark.thorough
@pytest.mark.requirement("C-049")
async def test_a_plan_that_wants_comments_takes_no_bare_click(world: World) -> None:
    await world.start("v1.2.0", "--plan guarded")
    await world.click("ada", "approve")
    form = world.modal("ada")
    assert form is not None
    assert "You sign the release of checkout v1.2.0 in production." in str(form["blocks"])
    assert not (await world.submit("ada", comment=""))["ok"]
    await world.submit("ada", comment="read the diff")
    await world.say("grace", "/release approve")
    assert "/release approve" in world.whisper("grace")
    await world.say("grace", "/release approve looked at the graphs")
    request = (await world.rollout()).request
    assert request is not None
    given = [(each.person, each.comment) for each in request.signatures]
    assert given == [("ada", "read the diff"), ("grace", "looked at the graphs")]


async def test_what_was_seen_in_the_dialog_is_what_is_signed(world: World) -> None:
    await world.soaking(5, "v1.1.0")
    rollout = await world.start("v1.2.0", "--plan guarded")
    await world.click("ada", "approve")
    await world.say("grace", f"/release approve {rollout.id} fine")
    await world.say("alan", f"/release approve {rollout.id} fine")
    await world.until(Phase.QUEUED)
    world.retag("v1.2.0", "sha256:" + "f" * 64)
    await world.until(Phase.AWAITING_APPROVAL)
    await world.submit("ada", comment="read the diff")
    assert "out of date" in world.whisper("ada")


async def test_nobody_signs_while_slack_does_not_say_who_somebody_is(world: World) -> None:
    await world.start()
    world.slack_fails("users.info", "500", times=50)
    await world.click("ada", "approve")
    assert "can't be looked up now" in world.whisper("ada")
    world.space.faults.clear()
    await world.click("ada", "approve")
    assert len((await world.rollout()).request.signatures) == 1  # type: ignore[union-attr]


@pytest.mark.thorough
async def test_a_release_waits_while_the_user_group_can_not_be_read(world: World) -> None:
    await world.start("v1.2.0", "--plan careful")
    await world.click("ada", "approve")
    world.slack_fails("usergroups.users.list", "500", times=1000)
    await world.click("grace", "approve")
    world.whispers("grace")
    await world.advance(seconds=20)
    assert (await world.rollout()).phase in {Phase.QUEUED, Phase.AWAITING_APPROVAL}
    assert world.shop.moves == []
    world.space.faults.clear()
    if (await world.rollout()).phase is Phase.AWAITING_APPROVAL:
        await world.click("grace", "approve")
    await world.until(Phase.SOAKING)


@pytest.mark.thorough
async def test_somebody_whom_the_configuration_no_longer_names_is_asked_for_again(
    world: World, tmp_path: Path
) -> None:
    await world.soaking(5, "v1.1.0")
    await world.start("v1.2.0")
    await world.sign("ada", "grace")
    await world.until(Phase.QUEUED)
    text = HOUSE.read_text("utf-8").replace("./plans", str(HOUSE.parent / "plans"))
    world.house = tmp_path / "countersign.yml"
    world.house.write_text(text.replace("{people: [ada]}", "{people: [alan]}"), "utf-8")
    await world.restart()
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert [s.person for s in asked.request.signatures] == ["grace"]  # type: ignore[union-attr]
    await world.click("alan", "approve")
    await world.until(Phase.QUEUED)
