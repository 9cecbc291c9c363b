"""From a person's act in Slack to a stored intent and an answer, over signed requests."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
import pytest_asyncio

from bot.domain.policy import decode
from bot.domain.rollout import Phase
from bot.ports import Posted
from bot.practice.courier import signature
from bot.slack.blocks import modal, section, text_input
from bot.slack.cards import Cards
from bot.slack.listeners import FAILED, SLOW, Limits, place_errors
from bot.slack.replies import Reply
from tests.domain.builders import NOW, in_phase
from tests.fakes.rollouts import ACCOUNTS, HOSTILE, LONG
from tests.fakes.slack_desk import Listening, listening
from tests.fakes.slack_stage import BOT, SECRET, Json

CHANNEL = "C0CHECKOUT"
FORM = modal(
    "release_start",
    "Start a release",
    [text_input("version", "Version"), text_input("note", "Note", optional=True)],
    submit="Start",
    metadata="C0CHECKOUT",
)


@pytest_asyncio.fixture
async def bot() -> AsyncIterator[Listening]:
    async with listening() as built:
        yield built


async def say(bot: Listening, text: str, person: str = "ada") -> Json:
    return await bot.slack.act("say", person=person, channel="checkout", text=text)


def whispers(bot: Listening) -> list[tuple[str, str]]:
    return [(shown.person, shown.text) for shown in bot.slack.space.ephemerals]


async def card_in(bot: Listening) -> Posted:
    card = Cards(ACCOUNTS).card(in_phase(Phase.AWAITING_APPROVAL), NOW)
    return await bot.chat.post(card, "card")


async def deliver(bot: Listening, payload: Json) -> httpx.Response:
    """An interaction that the stand-in knows nothing of, signed like all others."""
    body, stamp = urlencode({"payload": json.dumps(payload)}).encode(), str(int(time.time()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": signature(SECRET, stamp, body),
    }
    return await bot.slack.to_bot.post(BOT, content=body, headers=headers)


async def click(bot: Listening, posted: Posted, action_id: str, person: str = "ada") -> Json:
    place = {"channel": "checkout", "ts": posted.ts, "action_id": action_id}
    return await bot.slack.act("click", person=person, **place)


async def test_a_command_is_stored_as_typed_and_acknowledged(bot: Listening) -> None:
    answer = await say(bot, "/release start v1.2.0 for @grace & <co>")
    assert (answer["ok"], answer["status"], answer["body"]) == (True, 200, "")
    (intent,) = bot.desk.intents
    assert (intent.kind, intent.name) == ("command", "release")
    assert intent.text == "start v1.2.0 for @[U0GRACE] & <co>"
    assert (intent.user_id, intent.team_id) == ("U0ADA", "T0PRACTICE")
    assert (intent.channel, intent.channel_name) == (CHANNEL, "checkout")
    assert intent.response_url.startswith("http")
    assert intent.id == f"command:{intent.trigger_id}"
    assert bot.observed == [("command", 200)]


@pytest.mark.parametrize("text", ["start payload-api", "payload", "start x payload={}", "{a: 1}"])
async def test_a_command_may_speak_of_payloads(bot: Listening, text: str) -> None:
    assert (await say(bot, f"/release {text}"))["ok"]
    assert [intent.text for intent in bot.desk.intents] == [text]


async def test_a_verb_that_only_reads_is_answered_in_the_acknowledgement(bot: Listening) -> None:
    bot.desk.reply = Reply("checkout is soaking, asked for by @[mary]")
    assert (await say(bot, "/release status"))["ok"]
    assert whispers(bot) == [("U0ADA", "checkout is soaking, asked for by <@U0MARY>")]
    assert bot.desk.intents == []
    assert bot.slack.space.calls == type(bot.slack.space.calls)()


async def test_an_answer_can_be_for_the_channel_with_blocks(bot: Listening) -> None:
    bot.desk.reply = Reply("for all", [section("for all")], in_channel=True)
    assert (await say(bot, "/release status"))["ok"]
    assert [m.text for m in bot.slack.space.messages[CHANNEL]] == ["for all"]


async def test_ten_thousand_hostile_characters_get_one_short_literal_answer(
    bot: Listening,
) -> None:
    bot.desk.reply = Reply(f"I don't know {LONG}")
    assert (await say(bot, f"/release {LONG.strip()}"))["ok"]
    ((_, text),) = whispers(bot)
    assert len(text) <= 3000
    assert "<!" not in text.replace("<!date", "")
    assert "{{7*7}}" in text


async def test_a_hostile_command_is_stored_whole(bot: Listening) -> None:
    assert (await say(bot, f"/release start {HOSTILE.strip()}"))["ok"]
    (intent,) = bot.desk.intents
    assert "`rm -rf` {{7*7}}" in intent.text


async def test_an_answer_that_is_late_is_stored_instead() -> None:
    async with listening(Limits(answer=0.01)) as bot:
        bot.desk.answer_held = asyncio.Event()
        assert (await say(bot, "/release status"))["ok"]
        assert [intent.text for intent in bot.desk.intents] == ["status"]
        assert whispers(bot) == []


async def test_a_form_opens_within_the_listener(bot: Listening) -> None:
    bot.desk.view = FORM
    assert (await say(bot, "/release"))["ok"]
    assert [view.data["callback_id"] for view in bot.slack.space.modals["U0ADA"]] == [
        "release_start"
    ]
    assert bot.desk.intents == []


async def test_a_form_that_can_not_be_opened_is_said_to_the_person(bot: Listening) -> None:
    bot.desk.view = FORM
    bot.slack.space.add_fault("views.open", "500")
    assert (await say(bot, "/release"))["ok"]
    ((person, text),) = whispers(bot)
    assert person == "U0ADA"
    assert text.startswith(FAILED)


async def test_a_submitted_form_is_stored_with_its_fields_and_metadata(bot: Listening) -> None:
    bot.desk.view = FORM
    await say(bot, "/release")
    answer = await bot.slack.act("submit", person="ada", values={"version": "v1.2.0"})
    assert (answer["ok"], answer["body"]) == (True, "")
    (intent,) = bot.desk.intents
    assert (intent.kind, intent.name) == ("view", "release_start")
    assert intent.values == {"version": "v1.2.0", "note": ""}
    assert (intent.user_id, intent.private_metadata) == ("U0ADA", "C0CHECKOUT")


async def test_what_is_wrong_with_a_form_is_said_at_its_field(bot: Listening) -> None:
    bot.desk.view = FORM
    await say(bot, "/release")
    bot.desk.errors = {"version": "v1 is not a version", "plan": "no such plan"}
    answer = await bot.slack.act("submit", person="ada", values={"version": "v1"})
    assert answer["body"]["errors"] == {"version": "v1 is not a version no such plan"}
    assert bot.desk.intents == []
    assert len(bot.slack.space.modals["U0ADA"]) == 1


async def test_a_form_that_can_not_be_stored_stays_open_and_says_so(bot: Listening) -> None:
    bot.desk.view = FORM
    await say(bot, "/release")
    bot.desk.broken = OSError("disk full")
    answer = await bot.slack.act("submit", person="ada", values={"version": "v1.2.0"})
    assert answer["body"] == {"response_action": "errors", "errors": {"version": FAILED}}
    assert len(bot.slack.space.modals["U0ADA"]) == 1


async def test_a_click_is_stored_with_what_the_button_carried(bot: Listening) -> None:
    posted = await card_in(bot)
    assert (await click(bot, posted, "approve", "grace"))["ok"]
    (intent,) = bot.desk.intents
    assert (intent.kind, intent.name, intent.user_id) == ("action", "approve", "U0GRACE")
    assert (intent.channel, intent.message_ts) == (CHANNEL, posted.ts)
    assert decode(intent.value).rollout_id == "r1"
    assert intent.id == f"action:{intent.trigger_id}:approve"


async def test_an_outsiders_click_carries_their_own_team(bot: Listening) -> None:
    posted = await card_in(bot)
    await click(bot, posted, "approve", "eve")
    assert bot.desk.intents[0].team_id == "T0PARTNER"


async def test_two_clicks_are_two_intents_and_one_click_delivered_twice_is_one(
    bot: Listening,
) -> None:
    posted = await card_in(bot)
    await click(bot, posted, "approve")
    await click(bot, posted, "approve")
    assert len(bot.desk.intents) == 2
    bot.slack.space.add_fault("block_actions", "duplicate_delivery")
    await click(bot, posted, "approve")
    assert len(bot.desk.intents) == 3
    assert bot.desk.deliveries == 3


async def test_a_link_button_is_acknowledged_and_means_nothing(bot: Listening) -> None:
    rollout = in_phase(Phase.AWAITING_APPROVAL)
    asked = Cards(ACCOUNTS).ask(rollout, "release", "https://example.com/p1", False, NOW)
    channel = await bot.chat.direct("U0ADA")
    posted = await bot.chat.post(msgspec.structs.replace(asked, channel=channel), "ask")
    answer = await bot.slack.act(
        "click", person="ada", channel=channel, ts=posted.ts, action_id="open_card"
    )
    assert answer["ok"]
    assert bot.desk.intents == []


async def test_breaking_the_glass_can_ask_for_a_reason_in_a_dialog(bot: Listening) -> None:
    posted = await card_in(bot)
    bot.desk.view = FORM
    assert (await click(bot, posted, "reject"))["ok"]
    assert len(bot.slack.space.modals["U0ADA"]) == 1
    assert bot.desk.intents == []


async def test_a_listener_that_raises_still_answers_a_command(bot: Listening) -> None:
    bot.desk.broken = RuntimeError("xoxb-secret: a bug")
    answer = await say(bot, "/release start v1.2.0")
    assert answer["status"] == 200
    assert whispers(bot) == [("U0ADA", FAILED)]


async def test_a_listener_that_raises_still_answers_a_click(bot: Listening) -> None:
    posted = await card_in(bot)
    bot.desk.broken = RuntimeError("a bug")
    assert (await click(bot, posted, "approve"))["ok"]
    assert whispers(bot) == [("U0ADA", FAILED)]


async def test_a_lost_click_is_not_acknowledged_when_nobody_can_be_told(bot: Listening) -> None:
    posted = await card_in(bot)
    bot.desk.broken = RuntimeError("a bug")
    bot.slack.space.add_fault("*", "500", times=9)
    assert (await click(bot, posted, "approve"))["error"] == "dispatch_failed"
    bot.desk.broken = None
    assert (await click(bot, posted, "approve"))["ok"]
    assert [intent.name for intent in bot.desk.intents] == ["approve"]


async def test_a_slow_store_is_answered_in_time_and_the_storing_goes_on() -> None:
    async with listening(Limits(whole=0.01)) as bot:
        bot.desk.held = asyncio.Event()
        answer = await say(bot, "/release start v1.2.0")
        assert answer["status"] == 200
        assert whispers(bot) == [("U0ADA", SLOW)]
        assert bot.desk.intents == []
        bot.desk.held.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert [intent.text for intent in bot.desk.intents] == ["start v1.2.0"]


async def test_what_fails_after_the_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(Limits(whole=0.01)) as bot:
        bot.desk.held, bot.desk.broken = asyncio.Event(), OSError("disk full")
        await say(bot, "/release start v1.2.0")
        bot.desk.held.set()
        for _ in range(5):
            await asyncio.sleep(0)
    assert "failed too late to be answered" in caplog.text
    assert "disk full" in caplog.text


async def test_an_opened_home_tab_is_stored_once(bot: Listening) -> None:
    bot.slack.space.add_fault("events", "duplicate_delivery")
    assert (await bot.slack.act("open_home", person="ada"))["ok"]
    (intent,) = bot.desk.intents
    assert (intent.kind, intent.name, intent.user_id) == ("event", "app_home_opened", "U0ADA")
    assert intent.id.startswith("event:Ev")


async def test_an_event_that_could_not_be_stored_is_delivered_again(bot: Listening) -> None:
    bot.desk.broken = OSError("disk full")
    answer = await bot.slack.act("open_home", person="ada")
    assert answer["status"] == 500
    bot.desk.broken = None
    for _ in range(100):
        await asyncio.sleep(0)
        if bot.desk.intents:
            break
    assert len(bot.desk.intents) == 1


async def test_other_events_are_acknowledged_and_forgotten(bot: Listening) -> None:
    bot.slack.space.events = frozenset({"message.channels"})
    await say(bot, "good morning")
    assert bot.observed == [("event", 200)]
    assert bot.desk.intents == []


async def test_fifty_first_requests_at_once_make_no_call_of_their_own(bot: Listening) -> None:
    posted = await card_in(bot)
    bot.slack.space.calls.clear()
    await asyncio.gather(*(click(bot, posted, "approve") for _ in range(50)))
    assert len(bot.desk.intents) == 50
    assert not bot.slack.space.calls


async def test_no_body_and_no_token_reaches_the_log(
    bot: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await say(bot, "/release start very-private-words")
        bot.desk.broken = RuntimeError("a bug")
        await say(bot, "/release start very-private-words")
        unknown = {"type": "message_action", "secret": "very-private-words"}
        assert (await deliver(bot, unknown)).status_code == 404
    assert "very-private-words" not in caplog.text
    assert "xoxb-practice" not in caplog.text
    assert "/response/" not in caplog.text


def test_errors_without_a_field_go_to_the_first_one() -> None:
    assert place_errors({"": "a", "x": "b"}, ["f", "g"]) == {"f": "a b"}
    assert place_errors({"": "a"}, []) == {}


async def test_an_entry_in_the_menu_of_a_message_is_stored_with_what_the_message_says(
    bot: Listening,
) -> None:
    said = await say(bot, "orders of <@U0GRACE> & co. get lost", "grace")
    place = {"channel": "checkout", "ts": said["ts"], "callback_id": "incident_from_message"}
    answer = await bot.slack.act("shortcut", person="ada", **place)
    assert (answer["ok"], answer["status"], answer["body"]) == (True, 200, "")
    (intent,) = bot.desk.intents
    assert (intent.kind, intent.name) == ("action", "incident_from_message")
    assert (intent.user_id, intent.channel, intent.message_ts) == ("U0ADA", CHANNEL, said["ts"])
    assert intent.value == "orders of <@U0GRACE> & co. get lost"
    assert intent.trigger_id
    unknown = await bot.slack.act("shortcut", person="ada", **(place | {"callback_id": "x"}))
    assert unknown["error"] == "unknown_shortcut"
