"""The stand-in's deliveries, taken by a real Bolt app: signatures, payloads, acks, modals."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from slack_sdk.signature import SignatureVerifier

from bot.practice.courier import signature
from tests.fakes.slack_stage import BOT, SECRET, Json, Stage, stage

BUTTONS = [
    {
        "type": "actions",
        "block_id": "sign",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "style": "primary",
                "value": "digest-1",
                "text": {"type": "plain_text", "text": "Approve"},
            },
            {
                "type": "static_select",
                "action_id": "wave",
                "options": [
                    {"text": {"type": "plain_text", "text": "5 %"}, "value": "5"},
                    {"text": {"type": "plain_text", "text": "25 %"}, "value": "25"},
                ],
            },
        ],
    }
]


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Stage]:
    async with stage() as built:
        yield built


async def test_bolt_accepts_the_signature_and_sees_the_command(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.command("/release")
    async def release(ack: Any, body: Json) -> None:
        seen.append(body)
        await ack("on it")

    text = "/release start v1.2.0 for @grace in #releases & <co>"
    answer = await slack.act("say", person="ada", channel="checkout", text=text)
    assert (answer["ok"], answer["status"], answer["body"]) == (True, 200, "on it")
    (body,) = seen
    assert (body["user_id"], body["channel_id"]) == ("U0ADA", "C0CHECKOUT")
    expected = "start v1.2.0 for <@U0GRACE|grace> in <#C0RELEASES|releases> &amp; &lt;co&gt;"
    assert body["text"] == expected
    (shown,) = (await slack.state())["ephemerals"]
    assert (shown["person"], shown["text"]) == ("U0ADA", "on it")


async def test_a_delivery_with_another_secret_is_refused_by_bolt(slack: Stage) -> None:
    stamp, body = str(int(time.time())), b"command=%2Frelease"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": signature("another", stamp, body),
    }
    answer = await slack.to_bot.post(BOT, content=body, headers=headers)
    assert answer.status_code == 401


def test_the_signature_is_the_one_that_slack_sdk_computes() -> None:
    verifier = SignatureVerifier(SECRET)
    expected = verifier.generate_signature(timestamp="1763716800", body="a=é")
    assert signature(SECRET, "1763716800", "a=é".encode()) == expected


async def test_an_ack_can_answer_in_the_channel_with_blocks(slack: Stage) -> None:
    @slack.bolt.command("/release")
    async def release(ack: Any) -> None:
        await ack(text="hi", blocks=BUTTONS, response_type="in_channel")

    assert (await slack.act("say", person="ada", channel="checkout", text="/release"))["ok"]
    (message,) = (await slack.state())["messages"]["C0CHECKOUT"]
    assert (message["user"], message["blocks"][0]["block_id"]) == ("U0BOT", "sign")


async def test_an_ack_with_invalid_blocks_is_reported(slack: Stage) -> None:
    @slack.bolt.command("/release")
    async def release(ack: Any) -> None:
        await ack(text="hi", blocks=[{"type": "sofa"}])

    answer = await slack.act("say", person="ada", channel="checkout", text="/release")
    assert answer["error"] == "invalid_command_response"
    assert "sofa" in answer["hint"]


async def test_an_unknown_command_never_leaves_slack(slack: Stage) -> None:
    answer = await slack.act("say", person="ada", channel="checkout", text="/relaese start")
    assert answer["error"] == "unknown_command"
    assert "/release" in answer["hint"]


async def test_a_command_cannot_be_typed_in_a_thread(slack: Stage) -> None:
    first = await slack.act("say", person="ada", channel="checkout", text="hello")
    answer = await slack.act(
        "say", person="ada", channel="checkout", text="/release", thread_ts=first["ts"]
    )
    assert answer["error"] == "command_in_thread"


async def test_a_command_without_a_listener_shows_dispatch_failed(slack: Stage) -> None:
    answer = await slack.act("say", person="ada", channel="checkout", text="/rollback")
    assert (answer["error"], answer["status"]) == ("dispatch_failed", 404)
    (shown,) = (await slack.state())["ephemerals"]
    assert shown["text"] == '/rollback failed with the error "dispatch_failed"'


async def test_a_late_ack_shows_operation_timeout_and_the_work_goes_on() -> None:
    async with stage(ack_limit=timedelta(milliseconds=20)) as slack:
        go, done = asyncio.Event(), asyncio.Event()

        @slack.bolt.command("/release")
        async def release(ack: Any) -> None:
            await go.wait()
            await ack("too late")
            done.set()

        answer = await slack.act("say", person="ada", channel="checkout", text="/release")
        assert answer["error"] == "operation_timeout"
        go.set()
        await done.wait()
        texts = [shown["text"] for shown in (await slack.state())["ephemerals"]]
        assert texts == ['/release failed with the error "operation_timeout"']


async def test_a_click_carries_message_action_and_person(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.action("approve")
    async def approve(ack: Any, body: Json, client: Any) -> None:
        seen.append(body)
        channel, ts = body["channel"]["id"], body["message"]["ts"]
        await client.chat_update(channel=channel, ts=ts, text="Approved by Grace", blocks=[])
        await ack()

    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="t", blocks=BUTTONS)
    click = {"channel": "checkout", "ts": posted["ts"], "action_id": "approve"}
    answer = await slack.act("click", person="grace", **click)
    assert answer["ok"]
    (body,) = seen
    assert body["user"]["id"] == "U0GRACE"
    assert body["actions"][0]["value"] == "digest-1"
    assert body["container"]["message_ts"] == posted["ts"]
    (message,) = (await slack.state())["messages"]["C0CHECKOUT"]
    assert (message["text"], message["blocks"], message["edited"]) == (
        "Approved by Grace",
        [],
        True,
    )
    gone = await slack.act("click", person="grace", **click)
    assert gone["error"] == "no_such_action"


async def test_an_outsiders_click_arrives_with_their_own_team(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.action("approve")
    async def approve(ack: Any, body: Json) -> None:
        seen.append(body)
        await ack()

    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="t", blocks=BUTTONS)
    await slack.act("click", person="eve", channel="checkout", ts=posted["ts"], action_id="approve")
    assert seen[0]["user"]["team_id"] == "T0PARTNER"
    assert seen[0]["team"]["id"] == "T0PRACTICE"


async def test_a_select_sends_its_option_and_refuses_one_it_does_not_offer(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.action("wave")
    async def wave(ack: Any, body: Json) -> None:
        seen.append(body)
        await ack()

    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="t", blocks=BUTTONS)
    place = {"person": "ada", "channel": "checkout", "ts": posted["ts"], "action_id": "wave"}
    assert (await slack.act("click", **place, selected_option="25"))["ok"]
    assert seen[0]["actions"][0]["selected_option"]["value"] == "25"
    assert seen[0]["state"]["values"]["sign"]["wave"]["selected_option"]["value"] == "25"
    answer = await slack.act("click", **place, selected_option="99")
    assert answer["error"] == "invalid_choice"


async def test_buttons_that_share_an_action_are_told_apart_by_value(slack: Stage) -> None:
    seen: list[str] = []

    @slack.bolt.action("tick_item")
    async def tick(ack: Any, action: Json) -> None:
        seen.append(action["value"])
        await ack()

    blocks = [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": value},
            "accessory": {
                "type": "button",
                "action_id": "tick_item",
                "value": value,
                "text": {"type": "plain_text", "text": "Done"},
            },
        }
        for value in ("a", "b")
    ]
    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="t", blocks=blocks)
    place = {"person": "ada", "channel": "checkout", "ts": posted["ts"], "action_id": "tick_item"}
    assert (await slack.act("click", **place))["error"] == "ambiguous_action"
    assert (await slack.act("click", **place, value="b"))["ok"]
    assert seen == ["b"]


async def test_people_outside_a_channel_or_deactivated_cannot_act_there(slack: Stage) -> None:
    slack.space.channels["C0CHECKOUT"].members.discard("U0ADA")
    slack.space.people["U0ALAN"].kind = "deactivated"
    said = await slack.act("say", person="ada", channel="checkout", text="hi")
    assert said["error"] == "not_in_channel"
    said = await slack.act("say", person="alan", channel="checkout", text="hi")
    assert said["error"] == "account_inactive"


async def test_the_home_tab_is_published_when_it_is_opened_and_clicked(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.event("app_home_opened")
    async def opened(event: Json, client: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": BUTTONS})

    @slack.bolt.action("approve")
    async def approve(ack: Any, body: Json) -> None:
        seen.append(body)
        await ack()

    assert (await slack.act("open_home", person="ada"))["ok"]
    view = (await slack.state())["homes"]["U0ADA"]
    click = {"view_id": view["id"], "action_id": "approve"}
    assert (await slack.act("click", person="ada", **click))["ok"]
    assert seen[0]["container"] == {"type": "view", "view_id": view["id"]}
    other = await slack.act("click", person="grace", **click)
    assert other["error"] == "view_not_found"


async def test_messages_and_mentions_arrive_when_the_app_listens() -> None:
    async with stage(events=("message.channels", "message.im", "app_mention")) as slack:
        seen: list[str] = []

        @slack.bolt.event("message")
        async def message(event: Json) -> None:
            seen.append(f"message {event['channel_type']}: {event['text']}")

        @slack.bolt.event("app_mention")
        async def mention(event: Json) -> None:
            seen.append(f"mention: {event['text']}")

        await slack.act("say", person="ada", channel="checkout", text="hi @countersign")
        await slack.client.conversations_open(users="U0ADA")
        await slack.act("say", person="ada", channel="D0ADA", text="hello")
    text = "hi <@U0BOT|countersign>"
    assert seen == [f"message channel: {text}", f"mention: {text}", "message im: hello"]


async def test_an_event_is_retried_three_times_with_the_same_id() -> None:
    heard: list[tuple[str, str, str]] = []
    given_up = asyncio.Event()

    async def bot(request: httpx.Request) -> httpx.Response:
        number = request.headers.get("x-slack-retry-num", "0")
        reason = request.headers.get("x-slack-retry-reason", "")
        heard.append((number, reason, json.loads(request.content)["event_id"]))
        if number == "3":
            given_up.set()
        return httpx.Response(500)

    async with stage(bot=httpx.MockTransport(bot)) as slack:
        answer = await slack.act("open_home", person="ada")
        assert (answer["error"], answer["status"]) == ("dispatch_failed", 500)
        await given_up.wait()
    assert [number for number, _, _ in heard] == ["0", "1", "2", "3"]
    assert [reason for _, reason, _ in heard] == ["", *["http_error"] * 3]
    assert len({event_id for _, _, event_id in heard}) == 1


async def test_a_bot_that_is_not_there_is_reported() -> None:
    async def bot(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with stage(bot=httpx.MockTransport(bot)) as slack:
        answer = await slack.act("say", person="ada", channel="checkout", text="/release")
    assert (answer["error"], answer["hint"]) == ("dispatch_failed", "nobody answers there")


@pytest.mark.parametrize(("command", "kind"), [("/release", "commands"), ("/release", "*")])
async def test_a_delivery_is_doubled_on_demand_and_only_once(
    slack: Stage, command: str, kind: str
) -> None:
    seen: list[str] = []

    @slack.bolt.command(command)
    async def release(ack: Any, body: Json) -> None:
        seen.append(body["trigger_id"])
        await ack()

    await slack.act("slack", method=kind, status="duplicate_delivery", times=1)
    await slack.act("say", person="ada", channel="checkout", text=command)
    assert len(seen) == 2
    assert len(set(seen)) == 1
    await slack.act("say", person="ada", channel="checkout", text=command)
    assert len(seen) == 3
