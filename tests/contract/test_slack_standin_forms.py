"""Modals through the stand-in and a real Bolt app: opened, filled, refused, updated, closed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.fakes.slack_stage import Json, Stage, stage


def modal(title: str = "Release", **more: Any) -> Json:
    return {
        "type": "modal",
        "callback_id": "release_start",
        "private_metadata": "C0CHECKOUT",
        "title": {"type": "plain_text", "text": title},
        "submit": {"type": "plain_text", "text": "Start"},
        "blocks": [
            {
                "type": "input",
                "block_id": "version",
                "label": {"type": "plain_text", "text": "Version"},
                "element": {"type": "plain_text_input", "action_id": "version"},
            },
            {
                "type": "input",
                "block_id": "reason",
                "optional": True,
                "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": "reason", "max_length": 5},
            },
        ],
        **more,
    }


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Stage]:
    async with stage() as built:
        yield built


async def open_release(slack: Stage, view: Json | None = None) -> None:
    """Let ada open a modal with /release."""

    @slack.bolt.command("/release")
    async def release(ack: Any, body: Json, client: Any) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=view or modal())
        await ack()

    assert (await slack.act("say", person="ada", channel="checkout", text="/release"))["ok"]


async def test_a_modal_is_filled_submitted_and_closed(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.view("release_start")
    async def start(ack: Any, view: Json, client: Any) -> None:
        seen.append(view)
        channel = view["private_metadata"]
        version = view["state"]["values"]["version"]["version"]["value"]
        await client.chat_postMessage(channel=channel, text=f"starting {version}")
        await ack()

    await open_release(slack)
    assert len((await slack.state())["modals"]["U0ADA"]) == 1
    nested = {"version": {"version": "v1.2.0"}}
    assert (await slack.act("submit", person="ada", values=nested))["ok"]
    assert seen[0]["state"]["values"]["reason"]["reason"]["value"] is None
    state = await slack.state()
    assert state["modals"] == {}
    assert state["messages"]["C0CHECKOUT"][0]["text"] == "starting v1.2.0"


async def test_what_the_client_would_not_send_never_reaches_the_bot(slack: Stage) -> None:
    await open_release(slack)
    empty = await slack.act("submit", person="ada", values={})
    assert empty["error"] == "incomplete_form"
    long = await slack.act("submit", person="ada", values={"version": "v1", "reason": "too long"})
    assert "at most 5 characters" in long["hint"]
    (view,) = (await slack.state())["modals"]["U0ADA"]
    assert view["errors"] == {"reason": "at most 5 characters"}
    unknown = await slack.act("submit", person="ada", values={"version": "v1", "colour": "red"})
    assert "no field 'colour'" in unknown["hint"]


async def test_the_bot_can_refuse_a_field(slack: Stage) -> None:
    @slack.bolt.view("release_start")
    async def start(ack: Any) -> None:
        await ack(response_action="errors", errors={"version": "there is no such version"})

    await open_release(slack)
    answer = await slack.act("submit", person="ada", values={"version": "v9"})
    assert answer["body"]["response_action"] == "errors"
    (view,) = (await slack.state())["modals"]["U0ADA"]
    assert view["errors"] == {"version": "there is no such version"}
    assert view["state"]["values"]["version"]["version"]["value"] == "v9"


async def test_an_error_for_a_block_that_is_no_input_is_a_mistake(slack: Stage) -> None:
    @slack.bolt.view("release_start")
    async def start(ack: Any) -> None:
        await ack(response_action="errors", errors={"nowhere": "?"})

    await open_release(slack)
    answer = await slack.act("submit", person="ada", values={"version": "v9"})
    assert answer["error"] == "invalid_view_response"


async def test_an_ack_can_update_push_and_clear_the_stack(slack: Stage) -> None:
    steps = iter(("update", "push", "clear"))

    @slack.bolt.view("release_start")
    async def start(ack: Any) -> None:
        step = next(steps)
        view = None if step == "clear" else modal(step)
        await ack(response_action=step, view=view)

    await open_release(slack)
    titles = []
    for _ in range(3):
        answer = await slack.act("submit", person="ada", values={"version": "v1"})
        assert answer["ok"], answer
        stack = (await slack.state())["modals"].get("U0ADA", [])
        titles.append([view["title"]["text"] for view in stack])
    assert titles == [["update"], ["update", "push"], []]


async def test_an_ack_with_an_invalid_view_is_reported_and_changes_nothing(slack: Stage) -> None:
    @slack.bolt.view("release_start")
    async def start(ack: Any) -> None:
        await ack(response_action="update", view=modal("x" * 25))

    await open_release(slack)
    answer = await slack.act("submit", person="ada", values={"version": "v1"})
    assert answer["error"] == "invalid_view_response"
    assert "less than 25 characters" in answer["hint"]
    assert len((await slack.state())["modals"]["U0ADA"]) == 1


async def test_a_loading_modal_is_updated_after_the_ack_and_keeps_what_was_typed(
    slack: Stage,
) -> None:
    opened: list[str] = []

    @slack.bolt.command("/release")
    async def release(ack: Any, body: Json, client: Any) -> None:
        answer = await client.views_open(trigger_id=body["trigger_id"], view=modal("Loading"))
        opened.append(answer["view"]["id"])
        await ack()

    await slack.act("say", person="ada", channel="checkout", text="/release")
    shown = slack.space.modals["U0ADA"][0]
    shown.data["state"]["values"]["version"]["version"]["value"] = "v1.2.0"
    slack.clock.advance(seconds=10)
    await slack.client.views_update(view_id=opened[0], view=modal("Ready"))
    (view,) = (await slack.state())["modals"]["U0ADA"]
    assert view["title"]["text"] == "Ready"
    assert view["state"]["values"]["version"]["version"]["value"] == "v1.2.0"


async def test_closing_is_told_only_to_those_who_asked(slack: Stage) -> None:
    seen: list[Json] = []

    @slack.bolt.view_closed("release_start")
    async def closed(ack: Any, body: Json) -> None:
        seen.append(body)
        await ack()

    await open_release(slack)
    assert await slack.act("close", person="ada") == {"ok": True}
    assert seen == []
    await slack.client.views_open(
        trigger_id=slack.space.new_trigger("U0ADA"), view=modal(notify_on_close=True)
    )
    assert (await slack.act("close", person="ada"))["ok"]
    assert [body["is_cleared"] for body in seen] == [False]
    assert (await slack.act("close", person="ada"))["error"] == "no_modal"
