"""The stand-in's Web API, driven by the real slack_sdk client: what works and what is refused."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import pytest_asyncio
from slack_sdk.errors import SlackApiError

from bot.practice.workspace import Message
from tests.fakes.slack_stage import Stage, stage

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Stage]:
    async with stage() as built:
        yield built


async def refusal(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_auth_test_names_the_bot_and_lists_its_scopes(slack: Stage) -> None:
    answer = await slack.client.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == ("U0BOT", "B0BOT")
    assert answer["team_id"] == "T0PRACTICE"
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


async def test_a_call_without_a_token_or_with_a_wrong_one_is_refused(slack: Stage) -> None:
    slack.client.token = None
    assert await refusal(slack.client.auth_test()) == "not_authed"
    assert await refusal(slack.client.auth_test(token="xoxb-other")) == "invalid_auth"


async def test_a_method_nobody_knows_is_refused(slack: Stage) -> None:
    assert await refusal(slack.client.api_call("chat.shout")) == "unknown_method"


async def test_a_missing_scope_is_named_with_what_was_provided() -> None:
    async with stage(scopes=frozenset({"commands", "users:read"})) as slack:
        with pytest.raises(SlackApiError) as caught:
            await slack.client.chat_postMessage(channel="C0CHECKOUT", text="hi")
    response = caught.value.response
    assert (response["error"], response["needed"]) == ("missing_scope", "chat:write")
    assert response["provided"] == "commands,users:read"


async def test_a_post_is_kept_with_its_blocks_metadata_and_flags(slack: Stage) -> None:
    metadata = {"event_type": "countersign", "event_payload": {"key": "r:1"}}
    posted = await slack.client.chat_postMessage(
        channel="C0CHECKOUT",
        text="hello",
        blocks=[SECTION],
        metadata=metadata,
        unfurl_links=False,
        unfurl_media=False,
    )
    kept = slack.space.message("C0CHECKOUT", posted["ts"])
    assert kept.text == "hello"
    assert (kept.unfurl_links, kept.unfurl_media) == (False, False)
    assert kept.blocks[0]["text"] == SECTION["text"]
    assert kept.blocks[0]["block_id"]
    page = await slack.client.conversations_history(channel="C0CHECKOUT", include_all_metadata=True)
    assert page["messages"][0]["metadata"] == metadata


async def test_history_without_the_flag_leaves_the_metadata_out(slack: Stage) -> None:
    metadata = {"event_type": "countersign", "event_payload": {}}
    await slack.client.chat_postMessage(channel="C0CHECKOUT", text="a", metadata=metadata)
    page = await slack.client.conversations_history(channel="C0CHECKOUT")
    assert "metadata" not in page["messages"][0]


async def test_malformed_metadata_is_refused(slack: Stage) -> None:
    post = slack.client.chat_postMessage(channel="C0CHECKOUT", text="a", metadata={"key": "r:1"})
    assert await refusal(post) == "invalid_metadata_format"


async def test_history_is_newest_first_in_pages_and_hides_replies(slack: Stage) -> None:
    first = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="one")
    await slack.client.chat_postMessage(channel="C0CHECKOUT", text="two")
    await slack.client.chat_postMessage(channel="C0CHECKOUT", text="reply", thread_ts=first["ts"])
    page = await slack.client.conversations_history(channel="C0CHECKOUT", limit=1)
    assert [m["text"] for m in page["messages"]] == ["two"]
    cursor = page["response_metadata"]["next_cursor"]
    rest = await slack.client.conversations_history(channel="C0CHECKOUT", cursor=cursor)
    assert [(m["text"], m["reply_count"]) for m in rest["messages"]] == [("one", 1)]
    thread = await slack.client.conversations_replies(channel="C0CHECKOUT", ts=first["ts"])
    assert [m["text"] for m in thread["messages"]] == ["one", "reply"]


async def test_history_can_be_cut_at_both_ends(slack: Stage) -> None:
    stamps = [
        (await slack.client.chat_postMessage(channel="C0CHECKOUT", text=str(n)))["ts"]
        for n in range(4)
    ]
    page = await slack.client.conversations_history(
        channel="C0CHECKOUT", oldest=stamps[0], latest=stamps[2]
    )
    assert [m["text"] for m in page["messages"]] == ["1"]
    page = await slack.client.conversations_history(
        channel="C0CHECKOUT", oldest=stamps[0], latest=stamps[2], inclusive=True
    )
    assert [m["text"] for m in page["messages"]] == ["2", "1", "0"]


async def test_a_limit_that_is_no_number_is_refused(slack: Stage) -> None:
    call = slack.client.api_call(
        "conversations.history", params={"channel": "C0CHECKOUT", "limit": "many"}
    )
    assert await refusal(call) == "invalid_arguments"


@pytest.mark.parametrize("channel", ["C0NOWHERE", "checkout"])
async def test_posting_to_an_unknown_channel_is_refused(slack: Stage, channel: str) -> None:
    post = slack.client.chat_postMessage(channel=channel, text="hi")
    assert await refusal(post) == "channel_not_found"


async def test_posting_where_the_bot_is_no_member_is_refused(slack: Stage) -> None:
    slack.space.channels["C0CHECKOUT"].members.discard("U0BOT")
    post = slack.client.chat_postMessage(channel="C0CHECKOUT", text="hi")
    assert await refusal(post) == "not_in_channel"
    read = slack.client.conversations_history(channel="C0CHECKOUT")
    assert await refusal(read) == "not_in_channel"


async def test_the_public_scope_opens_public_channels_but_not_private_ones() -> None:
    async with stage(scopes=frozenset({"chat:write", "chat:write.public"})) as slack:
        channel = slack.space.channels["C0CHECKOUT"]
        channel.members.discard("U0BOT")
        await slack.client.chat_postMessage(channel=channel.id, text="hi")
        channel.is_private = True
        post = slack.client.chat_postMessage(channel=channel.id, text="hi")
        assert await refusal(post) == "not_in_channel"


async def test_posting_in_an_archived_channel_is_refused(slack: Stage) -> None:
    slack.space.channels["C0CHECKOUT"].is_archived = True
    post = slack.client.chat_postMessage(channel="C0CHECKOUT", text="hi")
    assert await refusal(post) == "is_archived"


async def test_a_message_needs_text_or_blocks(slack: Stage) -> None:
    call = slack.client.api_call("chat.postMessage", json={"channel": "C0CHECKOUT"})
    assert await refusal(call) == "no_text"


async def test_a_message_of_more_than_forty_thousand_characters_is_refused(slack: Stage) -> None:
    post = slack.client.chat_postMessage(channel="C0CHECKOUT", text="x" * 40_001)
    assert await refusal(post) == "msg_too_long"


async def test_a_reply_to_nothing_is_refused(slack: Stage) -> None:
    post = slack.client.chat_postMessage(channel="C0CHECKOUT", text="a", thread_ts="1.000100")
    assert await refusal(post) == "thread_not_found"


async def test_invalid_blocks_are_refused_with_the_place(slack: Stage) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    with pytest.raises(SlackApiError) as caught:
        await slack.client.chat_postMessage(channel="C0CHECKOUT", text="a", blocks=blocks)
    response = caught.value.response
    assert response["error"] == "invalid_blocks"
    assert response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_blocks_that_are_not_json_are_refused(slack: Stage) -> None:
    data = {"channel": "C0CHECKOUT", "text": "a", "blocks": "[oops"}
    call = slack.client.api_call("chat.postMessage", data=data)
    assert await refusal(call) == "invalid_blocks_format"


async def test_a_form_with_blocks_as_json_text_is_understood(slack: Stage) -> None:
    blocks = '[{"type": "divider"}]'
    data = {"channel": "C0CHECKOUT", "text": "a", "blocks": blocks, "unfurl_links": "0"}
    posted = await slack.client.api_call("chat.postMessage", data=data)
    kept = slack.space.message("C0CHECKOUT", posted["ts"])
    assert kept.blocks[0]["type"] == "divider"
    assert not kept.unfurl_links


async def test_a_read_method_does_not_read_a_json_body(slack: Stage) -> None:
    call = slack.client.api_call("users.info", json={"user": "U0ADA"})
    assert await refusal(call) == "invalid_arguments"


async def test_an_update_replaces_text_and_blocks_and_marks_the_message(slack: Stage) -> None:
    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="old")
    await slack.client.chat_update(
        channel="C0CHECKOUT", ts=posted["ts"], text="new", blocks=[SECTION]
    )
    kept = slack.space.message("C0CHECKOUT", posted["ts"])
    assert kept.text == "new"
    assert len(kept.blocks) == 1
    assert kept.edited_ts


async def test_an_update_with_text_alone_removes_the_blocks(slack: Stage) -> None:
    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="old", blocks=[SECTION])
    await slack.client.chat_update(channel="C0CHECKOUT", ts=posted["ts"], text="new")
    assert slack.space.message("C0CHECKOUT", posted["ts"]).blocks == []


async def test_an_update_keeps_the_metadata_unless_it_brings_an_empty_one(slack: Stage) -> None:
    metadata = {"event_type": "countersign", "event_payload": {"key": "r:1"}}
    posted = await slack.client.chat_postMessage(
        channel="C0CHECKOUT", text="old", metadata=metadata
    )
    ts = posted["ts"]
    await slack.client.chat_update(channel="C0CHECKOUT", ts=ts, text="new")
    assert slack.space.message("C0CHECKOUT", ts).metadata == metadata
    await slack.client.chat_update(channel="C0CHECKOUT", ts=ts, text="new", metadata={})
    assert slack.space.message("C0CHECKOUT", ts).metadata is None


async def test_only_own_messages_can_be_updated(slack: Stage) -> None:
    slack.space.add(Message("C0CHECKOUT", "5.000100", "U0ADA", "mine"))
    update = slack.client.chat_update(channel="C0CHECKOUT", ts="5.000100", text="no")
    assert await refusal(update) == "cant_update_message"


async def test_an_unknown_message_or_an_ephemeral_cannot_be_updated(slack: Stage) -> None:
    shown = await slack.client.chat_postEphemeral(channel="C0CHECKOUT", user="U0ADA", text="psst")
    for ts in ("1.000100", shown["message_ts"]):
        update = slack.client.chat_update(channel="C0CHECKOUT", ts=ts, text="no")
        assert await refusal(update) == "message_not_found"


async def test_an_archived_channel_freezes_its_messages(slack: Stage) -> None:
    posted = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="old")
    slack.space.channels["C0CHECKOUT"].is_archived = True
    update = slack.client.chat_update(channel="C0CHECKOUT", ts=posted["ts"], text="new")
    assert await refusal(update) == "is_inactive"


async def test_an_ephemeral_reaches_one_member_only(slack: Stage) -> None:
    await slack.client.chat_postEphemeral(channel="C0CHECKOUT", user="U0ADA", text="psst")
    state = await slack.state()
    assert [(e["person"], e["text"]) for e in state["ephemerals"]] == [("U0ADA", "psst")]
    assert state["messages"] == {}
    slack.space.channels["C0CHECKOUT"].members.discard("U0GRACE")
    other = slack.client.chat_postEphemeral(channel="C0CHECKOUT", user="U0GRACE", text="psst")
    assert await refusal(other) == "user_not_in_channel"
