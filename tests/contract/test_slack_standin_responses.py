"""response_urls of the stand-in: five uses, thirty minutes, and what stays ephemeral."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.slack_stage import Json, Stage, stage

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


async def webhook(slack: Stage, url: str, **body: Any) -> tuple[int, str]:
    client = AsyncWebhookClient(url, session=slack.session)  # type: ignore[arg-type]
    answer = await client.send_dict(body)
    return answer.status_code, answer.body


async def response_url(slack: Stage) -> str:
    """A response_url from a command of ada's."""
    urls: list[str] = []

    @slack.bolt.command("/rollback")
    async def rollback(ack: Any, body: Json) -> None:
        urls.append(body["response_url"])
        await ack()

    await slack.act("say", person="ada", channel="checkout", text="/rollback")
    return urls[0]


async def test_a_response_url_answers_to_the_person_or_the_channel(slack: Stage) -> None:
    url = await response_url(slack)
    assert await webhook(slack, url, text="for you") == (200, "ok")
    assert await webhook(slack, url, text="for all", response_type="in_channel") == (200, "ok")
    state = await slack.state()
    assert [shown["text"] for shown in state["ephemerals"]] == ["for you"]
    assert [message["text"] for message in state["messages"]["C0CHECKOUT"]] == ["for all"]


async def test_a_response_url_works_five_times_within_thirty_minutes(slack: Stage) -> None:
    url = await response_url(slack)
    for _ in range(5):
        assert (await webhook(slack, url, text="a"))[0] == 200
    status, body = await webhook(slack, url, text="a")
    assert (status, "used_url" in body) == (404, True)
    late = slack.space.new_response_url("U0ADA", "C0CHECKOUT")
    slack.clock.advance(minutes=30, seconds=1)
    status, body = await webhook(slack, late, text="a")
    assert (status, "expired_url" in body) == (404, True)
    status, _ = await webhook(slack, url[:-3] + "999", text="a")
    assert status == 404


async def test_a_response_url_refuses_what_a_message_may_not_be(slack: Stage) -> None:
    url = await response_url(slack)
    assert await webhook(slack, url, text="") == (400, "no_text")
    assert await webhook(slack, url, text="a", blocks=[{"type": "sofa"}]) == (
        400,
        "invalid_blocks",
    )


async def click_urls(slack: Stage, **place: Any) -> str:
    """The response_url of a click on approve."""
    urls: list[str] = []

    @slack.bolt.action("approve")
    async def approve(ack: Any, body: Json) -> None:
        urls.append(body["response_url"])
        await ack()

    answer = await slack.act("click", person="ada", action_id="approve", **place)
    assert answer["ok"], answer
    return urls[0]


async def test_an_ephemeral_stays_one_when_it_is_replaced_and_can_be_deleted(
    slack: Stage,
) -> None:
    await slack.client.chat_postEphemeral(
        channel="C0CHECKOUT", user="U0ADA", text="sure?", blocks=BUTTONS
    )
    (shown,) = (await slack.state())["ephemerals"]
    url = await click_urls(slack, ephemeral_id=shown["id"])
    await webhook(slack, url, text="done", replace_original=True, response_type="in_channel")
    state = await slack.state()
    assert [(e["id"], e["text"], e["blocks"]) for e in state["ephemerals"]] == [
        (shown["id"], "done", [])
    ]
    assert state["messages"] == {}
    await webhook(slack, url, delete_original=True)
    assert (await slack.state())["ephemerals"] == []


async def test_a_message_is_replaced_deleted_or_answered_in_its_thread(slack: Stage) -> None:
    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="t", blocks=BUTTONS)
    url = await click_urls(slack, channel="checkout", ts=posted["ts"])
    await webhook(slack, url, text="signed", replace_original=True)
    await webhook(
        slack,
        url,
        text="by ada",
        response_type="in_channel",
        replace_original=False,
        thread_ts=posted["ts"],
    )
    top, reply = (await slack.state())["messages"]["C0CHECKOUT"]
    assert (top["text"], top["edited"], top["reply_count"]) == ("signed", True, 1)
    assert reply["thread_ts"] == posted["ts"]
    await webhook(slack, url, delete_original=True)
    assert [m.text for m in slack.space.messages["C0CHECKOUT"]] == ["by ada"]


async def test_somebody_elses_ephemeral_cannot_be_clicked(slack: Stage) -> None:
    await slack.client.chat_postEphemeral(
        channel="C0CHECKOUT", user="U0ADA", text="sure?", blocks=BUTTONS
    )
    (shown,) = (await slack.state())["ephemerals"]
    answer = await slack.act("click", person="grace", ephemeral_id=shown["id"], action_id="approve")
    assert answer["error"] == "message_not_found"
