"""Pictures of a release in its thread, through Slack's upload in three steps."""

import html
from datetime import timedelta

import msgspec
import pytest

from bot.domain.rollout import Phase
from bot.practice.workspace import Message
from tests.scenarios.world import SLACK, World

PNG = b"\x89PNG\r\n\x1a\n"


async def with_pictures(world: World) -> None:
    """The workspace lets the bot upload files."""
    world.identity = msgspec.structs.replace(
        world.identity, scopes=frozenset({"chat:write", "files:write"})
    )
    await world.restart()


def pictures(world: World) -> list[Message]:
    """The replies with a file, in the channel of the service."""
    return [m for m in world.space.messages.get("C0CHECKOUT", []) if m.files]


async def rolled_back(world: World) -> None:
    """A release whose second version is broken in its first wave."""
    await world.soaking(5.0)
    world.break_version("v1.2.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    await world.advance(seconds=20)
    world.page_about("Rolling back")


@pytest.mark.thorough
async def test_a_picture_of_the_wave_is_in_the_thread_with_its_numbers(world: World) -> None:
    await with_pictures(world)
    await rolled_back(world)
    (shown,) = pictures(world)
    (file,) = shown.files
    assert world.space.uploads[file["id"]]["content"].startswith(PNG)
    assert shown.thread_ts == world.card().ts
    assert file["alt_txt"].startswith(html.unescape(shown.text))
    assert "checkout v1.2.0 in production, wave 1 of 4, 5 %" in shown.text
    assert "rate" in shown.text
    assert "on the new version" in shown.text
    assert "rolled back: " in file["alt_txt"]


@pytest.mark.thorough
async def test_each_wave_has_its_picture(world: World) -> None:
    await with_pictures(world)
    await world.release()
    await world.advance(seconds=20)
    texts = [shown.text for shown in pictures(world)]
    assert [f"wave {n} of 4" in text for n, text in enumerate(texts, 1)] == [True] * 4


@pytest.mark.thorough
async def test_without_the_scope_nothing_is_uploaded(world: World) -> None:
    await rolled_back(world)
    assert not world.space.uploads


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("files.completeUploadExternal", "lost_reply"),
        ("files.getUploadURLExternal", "500"),
        ("upload", "500"),
        ("files.completeUploadExternal", "429"),
    ],
)
async def test_a_picture_is_shown_once_whatever_gets_lost(
    world: World, method: str, kind: str
) -> None:
    await with_pictures(world)
    world.slack_fails(method, kind)
    await rolled_back(world)
    assert len(pictures(world)) == 1


@pytest.mark.thorough
async def test_a_picture_whose_answer_was_lost_is_shown_once_where_nobody_may_look(
    world: World,
) -> None:
    await with_pictures(world)
    world.space.scopes -= {"channels:history", "groups:history", "im:history"}
    world.slack_fails("files.completeUploadExternal", "lost_reply")
    await rolled_back(world)
    assert len(pictures(world)) == 1


@pytest.mark.thorough
async def test_a_picture_that_fails_for_good_holds_nothing_up(world: World) -> None:
    await with_pictures(world)
    world.slack_fails("files.getUploadURLExternal", "500", times=100_000)
    done = await world.release()
    assert done.phase is Phase.COMPLETED
    world.step = timedelta(minutes=1)
    await world.advance(hours=1, minutes=10)
    assert not pictures(world)
    world.expected_dead |= {key for key, _ in await world.dead() if key.startswith("record:")}
    assert done.ended_at is not None
    assert done.ended_at - done.created_at < timedelta(minutes=10)


@pytest.mark.thorough
@pytest.mark.requirement("S-087")
async def test_the_post_mortem_of_a_rollback_has_the_picture_of_its_release(world: World) -> None:
    await with_pictures(world)
    await rolled_back(world)
    await world.say("ada", "/incident resolve v1.1.0 serves well")
    await world.say("ada", "/incident action add add an index --owner @grace --due 2d")
    await world.advance(seconds=20)
    (card,) = [m for m in world.space.messages["C0CHECKOUT"] if m.text.startswith("Incident: ")]
    under = [m for m in world.space.messages["C0CHECKOUT"] if m.thread_ts == card.ts]
    (shown,) = [m for m in under if m.files]
    assert world.space.uploads[shown.files[0]["id"]]["content"].startswith(PNG)
    (draft,) = [m.text for m in under if "Draft of the post-mortem" in m.text]
    assert f"in this thread: {SLACK}/archives/C0CHECKOUT/p{card.ts.replace('.', '')}" in draft
    assert html.unescape(shown.text).splitlines()[0] in html.unescape(draft)
    assert any("add an index" in m.text for m in under)
