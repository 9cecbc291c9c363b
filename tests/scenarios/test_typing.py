"""What people type, rightly and wrongly, and what they are told."""

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.world import World


async def told(world: World, text: str, person: str = "mary", channel: str = "checkout") -> str:
    """The one answer to a line."""
    await world.say(person, text, channel)
    return world.whisper(person)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/release strat v1.2.0", "`/release strat`; did you mean 'start'? `/release help`"),
        ("/release start v1.2.0 chekout", "service 'chekout'; did you mean 'checkout'?"),
        ("/release start v1.2.0 --env prodution", "production"),
        ("/release start v1.2.0 --plan quikstart", "quickstart"),
        ("/release start v1.2.0 --enviroment staging", "--enviroment is unknown"),
        ("/release start", "VERSION is missing"),
        ("/release start latest", "latest"),
        ("/release start 1.2", "1.2"),
        ("/release start v01.2.0", "v01.2.0"),
        ("/release start v\uff11.2.0", r"v\uff11.2.0"),
        ("/release start v1.2.0\u202e", "can't be seen"),
        ("/release start v1.2.0 --artifact latest", "sha256"),
        ("/release start v1.2.0-nightly.1 --plan guarded", "nightly"),
        ("/release start ../../etc/passwd", "passwd"),
        ("/release start v1.2.0;rm", "v1.2.0;rm"),
        ("/release pause nosuchthing", "No rollout"),
        ("/rollback", "No rollout"),
    ],
)
async def test_what_can_not_be_understood_is_answered_with_what_to_type(
    world: World, text: str, words: str
) -> None:
    assert words in await told(world, text)
    assert await world.rollouts() == []
    assert world.cards() == []


async def test_a_version_that_nobody_has_ends_with_a_reason(world: World) -> None:
    await world.say("mary", "/release start v7.0.0-rc.1")
    world.whispers("mary")
    ended = await world.until(Phase.CANCELLED)
    assert "v7.0.0-rc.1" in ended.reason


async def test_ten_thousand_characters_get_one_short_answer(world: World) -> None:
    answer = await told(world, "/release start " + "x" * 10_000)
    assert "10," in answer
    assert len(answer) < 3000


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text",
    [
        "<!channel>",
        "`rm -rf /`",
        "{{7*7}}",
        "<https://evil.example|checkout>",
        "*bold* _it_ ~no~",
        "@[ada] t[1]",
    ],
)
async def test_hostile_texts_stay_what_they_are(world: World, text: str) -> None:
    await world.start("v1.2.0", f"--note {text}")
    await world.click("ada", "approve")
    await world.say("grace", f"/release reject {text}")
    assert (await world.rollout()).phase is Phase.REJECTED
    card = world.card()
    for shown in (card.text, card.whole, *world.thread(), *world.directs("grace")):
        for bad in ("<!channel", "<!here", "<https://evil", "49"):
            assert bad not in shown.replace("49>", "")


@pytest.mark.thorough
async def test_a_release_starts_by_a_form(world: World) -> None:
    await world.say("mary", "/release")
    assert world.modal("mary") is not None
    answer = await world.submit("mary", version="latest")
    assert answer["ok"], answer
    assert "latest" in world.errors("mary")["version"]
    answer = await world.submit("mary", version="v1.2.0", note="the new tills")
    assert world.modal("mary") is None
    assert "v1.2.0" in world.whisper("mary")
    await world.until(Phase.AWAITING_APPROVAL)
    assert "the new tills" in world.card().whole


async def test_a_form_says_what_is_wrong_with_an_artifact(world: World) -> None:
    await world.say("mary", "/release")
    await world.submit("mary", version="v1.2.0", artifact="latest")
    assert "sha256" in world.errors("mary")["artifact"]
    assert await world.rollouts() == []


async def test_an_artifact_that_was_expected_otherwise_is_not_released(world: World) -> None:
    await world.say("mary", "/release start v1.2.0 --artifact sha256:" + "0" * 64)
    world.whispers("mary")
    ended = await world.until(Phase.CANCELLED)
    assert "is now sha256:" in ended.reason


async def test_help_lists_every_verb(world: World) -> None:
    answer = await told(world, "/release help")
    for verb in ("start", "status", "pause", "step-back", "unquarantine", "preview", "/rollback"):
        assert verb in answer


async def test_help_for_a_verb_says_what_it_takes(world: World) -> None:
    answer = await told(world, "/release help lock")
    assert "/release lock [service] [text…] [--env ENV] [--for FOR] [--until UNTIL]" in answer
    assert "--until: until when (UTC)" in answer
    assert "did you mean 'lock'" in await told(world, "/release help lokc")


async def test_a_preview_shows_the_schedule_and_changes_nothing(world: World) -> None:
    answer = await told(world, "/release preview v1.2.0")
    for words in ("5 %", "100 %", "error_rate &lt; 1%", "Rolled back by", "Signed by"):
        assert words in answer
    assert await world.rollouts() == []


@pytest.mark.thorough
async def test_looking_tells_where_releases_stand(world: World) -> None:
    rollout = await world.soaking(5)
    status = await told(world, "/release status")
    assert rollout.id in status
    assert "soaking" in status
    shown = await told(world, f"/release show {rollout.id}")
    assert "signed by <@U0ADA>" in shown
    assert "wave 1: 5 %" in shown
    assert rollout.id in await told(world, "/release list")
    assert rollout.id in await told(world, "/release history")


async def test_nothing_to_look_at_is_said(world: World) -> None:
    assert "Nothing is under way" in await told(world, "/release list")
    assert "Nothing has been released" in await told(world, "/release history")


async def test_a_verb_that_could_mean_two_releases_asks_which(world: World) -> None:
    await world.start("v1.1.0", "--env staging")
    await world.start("v1.2.0")
    answer = await told(world, "/release pause")
    assert "Which one?" in answer
    for rollout in await world.rollouts():
        assert rollout.id in answer


@pytest.mark.thorough
async def test_a_channel_without_a_service_asks_which(world: World) -> None:
    answer = await told(world, "/release start v1.2.0", channel="releases")
    assert "checkout, payments" in answer
    assert "checkout v1.2.0" in await told(
        world, "/release start v1.2.0 checkout", channel="releases"
    )
    await world.until(Phase.AWAITING_APPROVAL)
    assert world.card().channel == "C0CHECKOUT"


async def test_quotes_and_dashes_of_a_phone_are_understood(world: World) -> None:
    await world.start("v1.2.0", "—note “the new tills”")
    assert (await world.rollout()).note == "the new tills"


@pytest.mark.thorough
async def test_the_home_tab_shows_what_waits_and_what_is_under_way(world: World) -> None:
    empty = await world.open_home("ada")
    assert "Nothing waits for you" in empty
    await world.start("v1.2.0")
    await world.advance(seconds=2)
    assert "Waiting for you (1)" in world.home("ada")
    assert "checkout v1.2.0" in world.home("ada")
    await world.click("ada", "approve")
    await world.advance(seconds=2)
    assert "Nothing waits for you" in world.home("ada")
    await world.click("grace", "approve")
    await world.until(Phase.COMPLETED)
    await world.advance(seconds=2)
    assert "Under way (" not in world.home("ada")
    assert "complete" in world.home("ada")


@pytest.mark.thorough
async def test_an_alert_from_outside_pauses_or_takes_back(world: World) -> None:
    await world.soaking(5)
    answer = await world.hook(
        "/hooks/events",
        {
            "event": "data_corruption",
            "service": "checkout",
            "environment": "production",
            "detail": "rows are missing",
            "id": "e1",
        },
    )
    assert answer.status_code == 202
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("data corruption was reported: rows are missing")


async def test_who_and_when_are_told_in_words_where_no_slack_fills_them_in(world: World) -> None:
    await world.say("mary", "/release start v1.2.0")
    world.whispers("mary")
    await world.until(Phase.AWAITING_APPROVAL)
    asked = {"verb": "show", "args": "checkout", "person": "grace"}
    answer = await world.hook("/admin/release", asked)
    message = answer.json()["message"]
    assert "Asked for by mary at " in message
    assert " UTC" in message
    assert "[" not in message


@pytest.mark.thorough
async def test_a_schedule_of_a_minute_is_told_by_the_second(world: World) -> None:
    asked = {"verb": "preview", "args": "v1.2.0 checkout --plan quickstart", "person": "grace"}
    answer = await world.hook("/admin/release", asked)
    wave = answer.json()["message"].splitlines()[1]
    starts, ends = wave.removeprefix("• 5 % from ").split(": ")[0].split(" to ")
    assert starts != ends


async def test_what_is_over_asks_for_no_more_signatures(world: World) -> None:
    await world.say("mary", "/release start v1.2.0")
    world.whispers("mary")
    await world.until(Phase.AWAITING_APPROVAL)
    assert "Still to sign" in await told(world, "/release status")
    await world.say("mary", "/release cancel changed my mind")
    await world.until(Phase.CANCELLED)
    assert "Still to sign" not in await told(world, "/release status")


@pytest.mark.requirement("S-115")
async def test_a_rollback_works_without_slack(world: World) -> None:
    await world.soaking(5)
    answer = await world.hook(
        "/admin/rollback",
        {
            "service": "checkout",
            "environment": "production",
            "reason": "Slack is down",
            "person": "grace",
        },
    )
    assert answer.status_code == 200, answer.text
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Slack is down")


@pytest.mark.thorough
async def test_a_version_is_held_against_the_one_that_was_released_last(world: World) -> None:
    await world.release("v1.2.0")
    world.whispers("mary")
    assert "that is v2.0.0, not v1.3.0" in await told(
        world, "/release start v1.3.0 --change breaking"
    )
    assert "did you mean 'breaking'?" in await told(world, "/release start v1.3.0 --change braking")
    assert len(await world.rollouts()) == 1
    shown = await world.say("mary", "/release preview v1.4.0 --change feature")
    assert "v1.4.0 skips v1.3.0" in shown + "".join(world.whispers("mary"))
    assert "raises the third number" in await told(world, "/release start v1.2.1 --change feature")
    assert "adds something" in str(world.card().blocks)
