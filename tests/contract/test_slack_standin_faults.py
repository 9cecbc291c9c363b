"""What goes wrong on demand, who may ask for it, and one run over real sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio
import uvicorn
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.types import ASGIApp

from bot.practice.standin import slack_app
from bot.practice.workspace import Workspace
from tests.fakes.slack_stage import BASE, SECRET, TOKEN, Stage, bolt_app, bolt_server, stage


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Stage]:
    async with stage() as built:
        yield built


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so; fails after ten seconds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


async def post(slack: Stage, text: str = "hi", channel: str = "C0CHECKOUT") -> Any:
    return await slack.client.chat_postMessage(channel=channel, text=text)


async def test_429_says_when_to_come_back_and_ends_after_its_times(slack: Stage) -> None:
    await slack.act("slack", method="chat.postMessage", status=429, times=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await post(slack)
        assert caught.value.response.status_code == 429
        assert caught.value.response["error"] == "ratelimited"
        assert caught.value.response.headers["retry-after"] == "7"
    await post(slack)
    calls = (await slack.state())["calls"]
    assert [(call["method"], call["status"]) for call in calls] == [
        ("chat.postMessage", 429),
        ("chat.postMessage", 429),
        ("chat.postMessage", 200),
    ]


async def test_a_fault_of_one_method_leaves_the_others_alone(slack: Stage) -> None:
    await slack.act("slack", method="chat.update", status=500)
    posted = await post(slack)
    with pytest.raises(SlackApiError) as caught:
        await slack.client.chat_update(channel="C0CHECKOUT", ts=posted["ts"], text="new")
    assert caught.value.response.status_code == 500
    assert slack.space.message("C0CHECKOUT", posted["ts"]).text == "hi"


async def test_a_lost_reply_has_its_effect_and_breaks_the_connection(slack: Stage) -> None:
    await slack.act("slack", method="chat.postMessage", status="lost_reply")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(slack, "was it posted?")
    assert [m.text for m in slack.space.messages["C0CHECKOUT"]] == ["was it posted?"]


async def test_a_lost_reply_is_an_empty_502_where_nothing_can_be_cut() -> None:
    async with stage(cut_connections=False) as slack:
        await slack.act("slack", method="chat.postMessage", status="lost reply")
        answer = await slack.page.post(
            "/api/chat.postMessage",
            json={"channel": "C0CHECKOUT", "text": "hi"},
            headers={"authorization": f"Bearer {TOKEN}"},
        )
        assert (answer.status_code, answer.content) == (502, b"")
        assert len(slack.space.messages["C0CHECKOUT"]) == 1


async def test_a_held_call_outlasts_the_client_and_has_no_effect() -> None:
    async with stage(client_timeout=0.02) as slack:
        await slack.act("slack", method="chat.postMessage", status="timeout")
        with pytest.raises(TimeoutError):
            await post(slack)
        assert slack.space.messages == {}


async def test_a_held_call_is_let_go_by_a_reset(slack: Stage) -> None:
    await slack.act("slack", method="chat.postMessage", status="timeout")
    held = asyncio.create_task(post(slack))
    await until(lambda: slack.space.calls)
    await slack.act("reset")
    with pytest.raises(SlackApiError) as caught:
        await held
    assert caught.value.response.status_code == 504


async def test_a_held_call_ends_by_itself() -> None:
    async with stage(hold_seconds=0.01) as slack:
        await slack.act("slack", method="chat.postMessage", status="timeout")
        with pytest.raises(SlackApiError):
            await post(slack)


async def test_a_response_url_can_fail_too(slack: Stage) -> None:
    url = slack.space.new_response_url("U0ADA", "C0CHECKOUT")
    await slack.act("slack", method="response_url", status=500)
    answer = await slack.page.post(url, json={"text": "a"})
    assert answer.status_code == 500
    answer = await slack.page.post(url, json={"text": "a"})
    assert answer.status_code == 200


async def test_a_fault_nobody_knows_is_refused(slack: Stage) -> None:
    answer = await slack.act("slack", method="chat.update", status=418)
    assert answer["error"] == "unknown_fault"
    answer = await slack.act("slack", method="chat.updat", status=500)
    assert answer["error"] == "unknown_method"
    answer = await slack.act("slack", method="chat.update", status=500, times="many")
    assert answer["error"] == "invalid_request"


async def test_one_post_a_second_and_channel_when_rate_limits_are_on(slack: Stage) -> None:
    await slack.act("slack", rate_limits=True)
    await post(slack)
    await post(slack, channel="C0RELEASES")
    with pytest.raises(SlackApiError) as caught:
        await post(slack)
    assert caught.value.response.headers["retry-after"] == "1"
    slack.clock.advance(seconds=1)
    await post(slack)
    await slack.act("slack", rate_limits=False)
    await post(slack)


async def test_a_tier_two_method_is_limited_to_twenty_a_minute(slack: Stage) -> None:
    await slack.act("slack", rate_limits=True)
    for _ in range(20):
        await slack.client.usergroups_users_list(usergroup="S0OPS")
    slack.clock.advance(seconds=20)
    with pytest.raises(SlackApiError) as caught:
        await slack.client.usergroups_users_list(usergroup="S0OPS")
    assert caught.value.response.headers["retry-after"] == "40"
    slack.clock.advance(seconds=40)
    await slack.client.usergroups_users_list(usergroup="S0OPS")


async def test_the_state_has_the_agreed_shape(slack: Stage) -> None:
    await slack.client.conversations_open(users="U0ADA")
    first = await post(slack)
    await slack.client.chat_postMessage(channel="C0CHECKOUT", text="re", thread_ts=first["ts"])
    state = await slack.state()
    assert set(state) == {
        "revision",
        "now",
        "team",
        "bot",
        "people",
        "channels",
        "commands",
        "shortcuts",
        "messages",
        "ephemerals",
        "modals",
        "homes",
        "calls",
    }
    kinds = {person["name"]: person["kind"] for person in state["people"]}
    assert kinds == {
        **dict.fromkeys(("mary", "ada", "grace", "alan"), "member"),
        "gus": "guest",
        "eve": "outsider",
    }
    direct = state["channels"][-1]
    assert (direct["id"], direct["is_im"], direct["user"]) == ("D0ADA", True, "U0ADA")
    top, reply = state["messages"]["C0CHECKOUT"]
    assert (top["thread_ts"], top["reply_count"]) == (None, 1)
    assert reply["thread_ts"] == top["ts"]
    assert state["bot"] == {"user_id": "U0BOT", "name": "Countersign"}
    assert state["now"] == slack.clock().timestamp()


async def test_a_watcher_is_answered_by_the_next_change(slack: Stage) -> None:
    revision = (await slack.state())["revision"]
    query = {"after": str(revision), "wait": "25"}
    watching = asyncio.create_task(slack.page.get("/practice/state", params=query))
    await until(lambda: slack.space.listeners)
    await post(slack)
    assert (await watching).json()["revision"] > revision
    assert not slack.space.listeners


async def test_a_watcher_gets_the_same_revision_when_nothing_happens(slack: Stage) -> None:
    query = {"after": str(slack.space.revision), "wait": "0.01"}
    answer = await slack.page.get("/practice/state", params=query)
    assert answer.json()["revision"] == slack.space.revision
    answer = await slack.page.get("/practice/state", params={"wait": "soon"})
    assert answer.status_code == 400


async def test_a_reset_starts_over_and_the_revision_goes_on(slack: Stage) -> None:
    await post(slack)
    before = slack.space.revision
    slack.space.channels["C0CHECKOUT"].is_archived = True
    assert (await slack.act("reset"))["revision"] > before
    state = await slack.state()
    assert (state["messages"], state["calls"]) == ({}, [])
    await post(slack)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8800", "origin": "http://localhost:8800"}, 200),
        ({"host": "[::1]:8800"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "[oops"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_the_controls_obey_our_own_page_only(
    slack: Stage, headers: dict[str, str], status: int
) -> None:
    sent = {"content-type": "application/json", **headers}
    answer = await slack.page.post("/practice/reset", content=b"{}", headers=sent)
    assert answer.status_code == status


async def test_the_state_is_not_shown_to_a_foreign_host(slack: Stage) -> None:
    answer = await slack.page.get("/practice/state", headers={"host": "evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("body", [b"{oops", b"[]"])
async def test_a_control_call_needs_a_json_object(slack: Stage, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await slack.page.post("/practice/say", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_unknown_people_channels_and_missing_fields_are_named(slack: Stage) -> None:
    said = await slack.act("say", person="bob", channel="checkout", text="hi")
    assert said["error"] == "unknown_person"
    said = await slack.act("say", person="ada", channel="kitchen", text="hi")
    assert said["error"] == "unknown_channel"
    said = await slack.act("say", person="ada", channel="#checkout")
    assert (said["error"], said["hint"]) == ("invalid_request", "`text` is missing or not text")
    said = await slack.act("click", person="ada", channel="checkout", ts="1.1", action_id="a")
    assert said["error"] == "message_not_found"


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Run an app on a free port of loopback."""
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        port = listener.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        await task


async def test_over_real_sockets_bolt_takes_a_command_and_a_reply_is_really_lost() -> None:
    space = Workspace.practice(lambda: datetime.now(UTC), TOKEN)
    client = AsyncWebClient(TOKEN, retry_handlers=[])
    bolt = bolt_app(client)

    @bolt.command("/release")
    async def release(ack: Any, client: Any, respond: Any, body: dict[str, Any]) -> None:
        await client.chat_postMessage(channel=body["channel_id"], text=body["text"])
        await respond("posted")
        await ack()

    front = Starlette()
    async with (
        httpx.AsyncClient() as http,
        served(bolt_server(bolt)) as bot,
        served(front) as base,
    ):
        space.base_url, client.base_url = base, f"{base}/api/"
        standin = slack_app(space, bot_url=f"{bot}/slack/events", signing_secret=SECRET, http=http)
        front.router.routes.extend(standin.routes)
        said = await http.post(
            f"{base}/practice/say",
            json={"person": "ada", "channel": "checkout", "text": "/release start v1.2.0"},
        )
        assert said.json()["ok"], said.json()
        state = (await http.get(f"{base}/practice/state")).json()
        assert state["messages"]["C0CHECKOUT"][0]["text"] == "start v1.2.0"
        assert state["ephemerals"][0]["text"] == "posted"

        space.add_fault("chat.postMessage", "lost_reply")
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.chat_postMessage(channel="C0CHECKOUT", text="again")
        assert space.messages["C0CHECKOUT"][-1].text == "again"

        space.add_fault("chat.postMessage", "timeout")
        client.timeout = 1
        held = asyncio.create_task(client.chat_postMessage(channel="C0CHECKOUT", text="held"))
        await until(lambda: space.calls[-1]["status"] == 504)
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)
        await standin.aclose()
        assert len(space.messages["C0CHECKOUT"]) == 2


async def test_the_page_is_on_the_address_that_the_urls_name(slack: Stage) -> None:
    assert slack.space.new_response_url("U0ADA", "C0CHECKOUT").startswith(f"{BASE}/response/")
    assert json.dumps(await slack.state())
