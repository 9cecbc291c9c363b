"""The chat port against the strict stand-in: what is sent, and what comes of each way to fail."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.secret import Secret
from bot.ports import Chat, Message, PermanentError, Posted, TemporaryError
from bot.slack.blocks import section
from bot.slack.client import Answer, SlackChat, web_client
from bot.slack.errors import from_answer, retry_after
from bot.slack.pacing import Pacer
from tests.fakes.asgi_session import AsgiSession
from tests.fakes.slack_stage import BASE, TOKEN, Stage, stage

CHANNEL = "C0CHECKOUT"


def chat_over(built: Stage, *, token: str = TOKEN, session: AsgiSession | None = None) -> SlackChat:
    """The chat port, with a pace that no test has to wait for."""
    over: Any = session or built.session
    return SlackChat(web_client(Secret(token), over, f"{BASE}/api/"), pacer=Pacer(interval=0.0))


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Stage]:
    async with stage() as built:
        yield built


@pytest.fixture
def chat(slack: Stage) -> SlackChat:
    return chat_over(slack)


def as_the_engine_sees_it(chat: SlackChat) -> Chat:
    return chat


def said(text: str = "hello", **fields: Any) -> Message:
    return Message(CHANNEL, text, [section(text)], **fields)


async def test_a_post_carries_its_key_text_and_blocks_and_unfurls_nothing(
    slack: Stage, chat: SlackChat
) -> None:
    posted = await chat.post(said(), "k1")
    (message,) = slack.space.messages[CHANNEL]
    assert posted == Posted(CHANNEL, message.ts)
    assert (message.text, len(message.blocks)) == ("hello", 1)
    assert message.metadata == {"event_type": "countersign", "event_payload": {"key": "k1"}}
    assert (message.unfurl_links, message.unfurl_media) == (False, False)


async def test_an_update_replaces_text_and_blocks_and_keeps_the_key(
    slack: Stage, chat: SlackChat
) -> None:
    posted = await chat.post(said(), "k1")
    await chat.update(posted, said("newer"))
    (message,) = slack.space.messages[CHANNEL]
    assert (message.text, message.blocks[0]["text"]["text"]) == ("newer", "newer")
    assert await chat.find(CHANNEL, "k1") == posted


async def test_a_lost_reply_is_unknown_and_the_post_is_found_by_its_key(
    slack: Stage, chat: SlackChat
) -> None:
    slack.space.add_fault("chat.postMessage", "lost_reply")
    with pytest.raises(TemporaryError) as caught:
        await chat.post(said(), "k1")
    assert caught.value.unknown
    found = await chat.find(CHANNEL, "k1")
    assert found == Posted(CHANNEL, slack.space.messages[CHANNEL][0].ts)
    assert await chat.find(CHANNEL, "k2") is None
    assert len(slack.space.messages[CHANNEL]) == 1


async def test_a_lost_reply_in_a_thread_is_found_there(slack: Stage, chat: SlackChat) -> None:
    card = await chat.post(said(), "card")
    slack.space.add_fault("chat.postMessage", "lost_reply")
    with pytest.raises(TemporaryError):
        await chat.post(said("a line", thread_ts=card.ts), "line")
    found = await chat.find(CHANNEL, "line", card.ts)
    assert found is not None
    assert found.ts != card.ts


async def test_without_a_history_scope_nothing_is_found_and_nothing_fails() -> None:
    async with stage(scopes=frozenset({"chat:write"})) as slack:
        chat = chat_over(slack)
        await chat.post(said(), "k1")
        assert await chat.find(CHANNEL, "k1") is None
        assert await chat.find(CHANNEL, "k1", "1.0") is None


@pytest.mark.parametrize(("fault", "unknown"), [("500", True), ("502", True), ("503", True)])
async def test_a_broken_answer_to_a_post_leaves_it_unknown(
    slack: Stage, chat: SlackChat, fault: str, unknown: bool
) -> None:
    slack.space.add_fault("chat.postMessage", fault)
    with pytest.raises(TemporaryError) as caught:
        await chat.post(said(), "k1")
    assert caught.value.unknown is unknown


@pytest.mark.parametrize(
    ("status", "data", "temporary", "unknown"),
    [
        (503, "<html>sorry</html>", True, True),
        (500, {"ok": False, "error": "something_new"}, True, True),
        (200, {"ok": False, "error": "fatal_error"}, True, True),
        (200, {"ok": False, "error": "service_unavailable"}, True, False),
        (200, {"ok": False, "error": "ratelimited"}, True, False),
        (200, "nonsense", True, True),
        (200, {"ok": False, "error": "something_new"}, False, False),
    ],
)
def test_every_no_is_either_for_later_or_for_a_person(
    status: int, data: Any, temporary: bool, unknown: bool
) -> None:
    answer = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="chat.postMessage",
        req_args={},
        data=data,
        headers={},
        status_code=status,
    )
    error = SlackApiError("no", answer)  # type: ignore[no-untyped-call]  # the SDK's own gap
    refusal = from_answer(error, "chat.postMessage", CHANNEL)
    assert isinstance(refusal, TemporaryError) is temporary
    assert getattr(refusal, "unknown", False) is unknown


async def test_an_update_is_never_unknown_because_it_can_be_repeated(
    slack: Stage, chat: SlackChat
) -> None:
    posted = await chat.post(said(), "k1")
    slack.space.add_fault("chat.update", "lost_reply")
    with pytest.raises(TemporaryError) as caught:
        await chat.update(posted, said("newer"))
    assert not caught.value.unknown


async def test_a_slow_slack_is_given_up_and_tried_again_later() -> None:
    async with stage(client_timeout=0.02, hold_seconds=0.5) as slack:
        slack.space.add_fault("chat.postMessage", "timeout")
        with pytest.raises(TemporaryError) as caught:
            await chat_over(slack).post(said(), "k1")
    assert caught.value.unknown


async def test_a_rate_limit_says_when_and_slows_its_channel_down(slack: Stage) -> None:
    pacer = Pacer()
    web = web_client(Secret(TOKEN), slack.session, f"{BASE}/api/")  # type: ignore[arg-type]
    chat = SlackChat(web, pacer=pacer, clock=lambda: 100.0)
    slack.space.add_fault("chat.postMessage", "429", retry_after=7)
    with pytest.raises(TemporaryError) as caught:
        await chat.post(said(), "k1")
    assert caught.value.retry_after == timedelta(seconds=7)
    assert not caught.value.unknown
    assert pacer.wait(CHANNEL, 100.0) == pytest.approx(7.0)
    with pytest.raises(TemporaryError) as again:
        await chat.post(said(), "k2")
    assert again.value.retry_after == timedelta(seconds=7)
    assert CHANNEL not in slack.space.messages


async def test_nothing_is_retried_behind_the_outboxs_back(slack: Stage, chat: SlackChat) -> None:
    slack.space.add_fault("chat.postMessage", "500", times=1)
    with pytest.raises(TemporaryError):
        await chat.post(said(), "k1")
    assert [c["method"] for c in slack.space.calls] == ["chat.postMessage"]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("not_in_channel", "/invite @Countersign"),
        ("channel_not_found", "configuration"),
        ("is_archived", "archived"),
    ],
)
async def test_a_channel_that_takes_nothing_says_what_to_do(
    slack: Stage, chat: SlackChat, code: str, advice: str
) -> None:
    slack.space.scopes = slack.space.scopes - {"chat:write.public"}
    match code:
        case "not_in_channel":
            slack.space.channels[CHANNEL].members.discard(slack.space.bot_user_id)
        case "channel_not_found":
            del slack.space.channels[CHANNEL]
        case _:
            slack.space.channels[CHANNEL].is_archived = True
    with pytest.raises(PermanentError) as caught:
        await chat.post(said(), "k1")
    assert caught.value.code == code
    assert advice in str(caught.value)
    assert "<#C0CHECKOUT>" in str(caught.value)


async def test_a_wrong_token_names_the_setting_and_never_itself(slack: Stage) -> None:
    with pytest.raises(PermanentError) as caught:
        await chat_over(slack, token="xoxb-wrong").post(said(), "k1")
    assert caught.value.code == "invalid_auth"
    assert "SLACK_BOT_TOKEN" in str(caught.value)
    assert "xoxb-wrong" not in str(caught.value)


async def test_a_missing_scope_is_named(slack: Stage, chat: SlackChat) -> None:
    slack.space.scopes = frozenset({"chat:write"})
    with pytest.raises(PermanentError) as caught:
        await chat.group("S0OPS")
    assert (caught.value.code, "usergroups:read" in str(caught.value)) == ("missing_scope", True)


async def test_blocks_that_slack_refuses_are_permanent_and_name_the_place(
    chat: SlackChat,
) -> None:
    with pytest.raises(PermanentError) as caught:
        await chat.post(Message(CHANNEL, "t", [{"type": "sofa"}]), "k1")
    assert caught.value.code == "invalid_blocks"
    assert "sofa" in str(caught.value)


async def test_a_message_that_is_gone_is_permanent(slack: Stage, chat: SlackChat) -> None:
    with pytest.raises(PermanentError) as caught:
        await chat.update(Posted(CHANNEL, "1.0"), said())
    assert caught.value.code == "message_not_found"


async def test_a_whisper_reaches_one_person(slack: Stage, chat: SlackChat) -> None:
    await chat.whisper("U0ADA", said("for you"))
    (shown,) = slack.space.ephemerals
    assert (shown.person, shown.channel, shown.text) == ("U0ADA", CHANNEL, "for you")


async def test_a_whisper_where_it_can_not_be_becomes_a_direct_message(
    slack: Stage, chat: SlackChat
) -> None:
    slack.space.channels[CHANNEL].members.discard("U0ADA")
    await chat.whisper("U0ADA", said("for you"))
    assert [m.text for m in slack.space.messages["D0ADA"]] == ["for you"]


async def test_a_direct_message_needs_no_scope_of_its_own() -> None:
    async with stage(scopes=frozenset({"chat:write"})) as slack:
        chat = chat_over(slack)
        channel = await chat.direct("U0ADA")
        posted = await chat.post(Message(channel, "psst", [section("psst")]), "k1")
        assert posted.channel == "D0ADA"


async def test_a_direct_message_is_opened_with_the_scope(chat: SlackChat) -> None:
    assert await chat.direct("U0ADA") == "D0ADA"


async def test_every_kind_of_account_is_told_apart(slack: Stage, chat: SlackChat) -> None:
    ada = await chat.person("U0ADA")
    assert (ada.team_id, ada.is_guest, ada.is_deleted) == ("T0PRACTICE", False, False)
    assert ada.email == "ada@example.com"
    assert (await chat.person("U0GUS")).is_guest
    eve = await chat.person("U0EVE")
    assert (eve.team_id, eve.is_stranger) == ("T0PARTNER", False)
    assert (await chat.person("U0BOT")).is_bot
    slack.space.people["U0ADA"].kind = "deactivated"
    assert (await chat.person("U0ADA")).is_deleted
    slack.space.people["U0ADA"].enterprise_id = "E1"
    assert (await chat.person("U0ADA")).enterprise_id == "E1"
    with pytest.raises(PermanentError):
        await chat.person("U0NOBODY")


async def test_a_group_a_permalink_and_who_the_bot_is(slack: Stage, chat: SlackChat) -> None:
    assert await chat.group("S0OPS") == frozenset({"U0GRACE"})
    posted = await chat.post(said(), "k1")
    assert (await chat.permalink(posted)).startswith(f"{BASE}/archives/{CHANNEL}/p")
    me = await chat.identity()
    assert (me.team_id, me.user_id, me.enterprise_id) == ("T0PRACTICE", "U0BOT", "")
    assert "chat:write" in me.scopes


async def test_a_response_url_answers_and_when_it_has_expired_a_whisper_does(
    slack: Stage, chat: SlackChat
) -> None:
    url = slack.space.new_response_url("U0ADA", CHANNEL)
    answer = Answer(url, "done", [section("done")], user_id="U0ADA", channel=CHANNEL)
    await chat.respond(answer)
    slack.clock.advance(minutes=31)
    await chat.respond(answer)
    assert [e.text for e in slack.space.ephemerals] == ["done", "done"]
    assert [c["method"] for c in slack.space.calls] == [
        "response_url",
        "response_url",
        "chat.postEphemeral",
    ]


async def test_an_answer_without_any_way_left_is_an_error(chat: SlackChat) -> None:
    with pytest.raises(PermanentError):
        await chat.respond(Answer("", "done"))


async def test_a_response_url_that_fails_is_tried_again_later(
    slack: Stage, chat: SlackChat
) -> None:
    url = slack.space.new_response_url("U0ADA", CHANNEL)
    slack.space.add_fault("response_url", "500")
    with pytest.raises(TemporaryError):
        await chat.respond(Answer(url, "done", user_id="U0ADA", channel=CHANNEL))


async def test_a_connection_that_was_never_made_has_had_no_effect() -> None:
    async with aiohttp.ClientSession() as session:
        web = AsyncWebClient(
            "xoxb-1", base_url="http://127.0.0.1:1/api/", session=session, retry_handlers=[]
        )
        with pytest.raises(TemporaryError) as caught:
            await SlackChat(web).post(said(), "k1")
    assert not caught.value.unknown


async def test_a_proxy_in_the_environment_is_left_to_the_session(
    slack: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    over: Any = slack.session
    assert web_client(Secret(TOKEN), over).proxy is None


def test_a_channel_takes_a_burst_and_then_one_a_second() -> None:
    pacer = Pacer()
    assert [pacer.reserve("C1", 10.0) for _ in range(5)] == [0.0, 0.0, 0.0, 1.0, 2.0]
    assert pacer.reserve("C2", 10.0) == 0.0
    assert pacer.wait("C1", 100.0) == 0.0


def test_a_pacer_forgets_channels_that_have_rested() -> None:
    pacer = Pacer()
    for number in range(5000):
        pacer.reserve(f"C{number}", float(number * 10))
    assert len(pacer._due) <= 1001


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("0", 1), ("", 1), ("soon", 1), ("٣", 1), ("999999", 3600)]
)
def test_retry_after_is_read_with_sense(header: str, seconds: int) -> None:
    assert retry_after({"Retry-After": header}) == timedelta(seconds=seconds)
