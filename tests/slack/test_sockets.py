"""Socket Mode: what arrives is stored and then acknowledged, and no connection stays dead."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from bot.domain.secret import Secret
from bot.ports import Message, PermanentError
from bot.practice.deliveries import Pick
from bot.receiving import Receiving, receiving
from bot.setup import Outside, load, setup
from bot.slack.blocks import actions, button, modal, section, text_input
from bot.slack.connection import Connection, Pace, proxy_for
from bot.slack.replies import Reply
from bot.slack.sockets import Sockets
from tests.config.examples import SECRETS, SMALL
from tests.fakes.plugged import APP_TOKEN, SWIFT, Plugged, plugged, until

SHORT = timedelta(milliseconds=50)
FORM = modal("release_start", "Start", [text_input("version", "Version")], submit="Start")


@pytest.fixture
async def bot() -> AsyncIterator[Plugged]:
    async with plugged() as made:
        yield made


# -- what arrives ----------------------------------------------------------------------------------


async def test_a_command_is_stored_as_typed_and_acknowledged(bot: Plugged) -> None:
    answer = await bot.say("/release start payload-api")
    assert (answer["ok"], answer["body"]) == (True, "")
    assert [intent.text for intent in bot.desk.intents] == ["start payload-api"]
    assert bot.observed == [("command", 200)]


async def test_an_answer_travels_in_the_acknowledgement_with_its_blocks(bot: Plugged) -> None:
    bot.desk.reply = Reply("all is well", [section("all is well")])
    assert (await bot.say("/release status"))["ok"]
    (shown,) = bot.space.ephemerals
    assert (shown.text, shown.blocks[0]["type"]) == ("all is well", "section")
    assert bot.desk.intents == []


async def test_a_click_is_stored_and_acknowledged(bot: Plugged) -> None:
    pressed = button("Approve", "approve", "a value")
    posted = await bot.chat.post(Message("C0CHECKOUT", "sign", [actions([pressed])]), "key")
    person, channel = bot.space.people["U0ADA"], bot.space.channels["C0CHECKOUT"]
    deliveries = bot.standin.deliveries
    assert (await deliveries.click_message(person, channel, posted.ts, Pick("approve")))["ok"]
    (intent,) = bot.desk.intents
    assert (intent.kind, intent.name, intent.value) == ("action", "approve", "a value")


async def test_a_form_is_refused_under_its_field_and_then_stored(bot: Plugged) -> None:
    bot.desk.view, bot.desk.errors = FORM, {"version": "there is no such version"}
    await bot.say("/release")
    ada, deliveries = bot.space.people["U0ADA"], bot.standin.deliveries
    await deliveries.submit(ada, {"version": "v9"})
    assert bot.space.modals["U0ADA"][-1].errors == {"version": "there is no such version"}
    bot.desk.errors = {}
    assert (await deliveries.submit(ada, {"version": "v1"}))["ok"]
    assert [intent.values for intent in bot.desk.intents] == [{"version": "v1"}]
    assert not bot.space.modals["U0ADA"]


async def test_nothing_is_acknowledged_before_it_is_stored(bot: Plugged) -> None:
    bot.desk.held = asyncio.Event()
    said = asyncio.create_task(bot.say("/release start v1"))
    await until(lambda: bot.desk.deliveries)
    assert not said.done()
    assert not bot.desk.intents
    bot.desk.held.set()
    assert (await said)["ok"]
    assert len(bot.desk.intents) == 1


async def test_an_event_that_could_not_be_stored_is_not_acknowledged_and_comes_again() -> None:
    async with plugged(ack_limit=SHORT) as bot:
        bot.desk.broken = OSError("the disk is full")
        assert (await bot.open_home())["error"] == "operation_timeout"
        bot.desk.broken = None
        await until(lambda: bot.desk.intents)
        assert ("event", 500) in bot.observed


async def test_what_comes_on_both_connections_is_done_once(bot: Plugged) -> None:
    bot.space.add_fault("*", "duplicate_delivery")
    assert (await bot.say("/release start v1"))["ok"]
    await until(lambda: len(bot.observed) == 2)
    assert bot.observed == [("command", 200)] * 2
    assert bot.desk.deliveries == 1


async def test_what_can_not_be_stored_is_refused() -> None:
    async with plugged(ack_limit=SHORT) as bot:
        assert (await bot.say("/release start v1\0"))["error"] == "operation_timeout"
        assert bot.observed == [("command", 400)]
        assert bot.desk.deliveries == 0


async def test_an_event_whose_acknowledgement_is_lost_comes_again_and_is_stored_once(
    bot: Plugged,
) -> None:
    bot.desk.held = asyncio.Event()
    opened = asyncio.create_task(bot.open_home())
    await until(lambda: bot.desk.deliveries)
    await bot.link.cut()
    assert (await opened)["error"] == "dispatch_failed"
    bot.desk.held.set()
    await until(lambda: len(bot.observed) == 2)
    assert bot.observed == [("event", 200)] * 2
    assert len(bot.desk.intents) == bot.desk.deliveries == 1


# -- connections that end --------------------------------------------------------------------------


async def test_the_next_connection_is_open_before_one_that_is_warned_ends(bot: Plugged) -> None:
    bot.desk.held = asyncio.Event()
    said = asyncio.create_task(bot.say("/release start v1"))
    await until(lambda: bot.desk.deliveries)
    await bot.link.refresh("warning")
    await bot.up(greeted=4)
    assert bot.link.connections == 4
    assert 0 not in bot.open[2:]
    bot.desk.held.set()
    assert (await said)["ok"]
    await bot.link.part()
    await until(lambda: bot.link.connections == 2)
    assert (await bot.say("/release start v2"))["ok"]
    assert bot.over == ["warning", "warning"]


async def test_a_connection_that_slack_forgets_to_close_is_closed_in_the_end() -> None:
    async with plugged(pace=msgspec.structs.replace(SWIFT, silence=1e9)) as bot:

        def two_are_left_later() -> bool:
            bot.seconds_pass(1)
            return bot.link.connections == 2

        await bot.link.refresh("warning")
        await bot.up(greeted=4)
        await until(two_are_left_later)
        assert bot.over == ["warning", "warning"]


async def test_both_connections_silently_dead_are_replaced_within_a_minute(bot: Plugged) -> None:
    bot.link.silence()
    bot.seconds_pass(SWIFT.silence - 1)
    assert bot.sockets.state().open == 2
    bot.seconds_pass(3)
    await bot.up(greeted=4)
    assert bot.over == ["silent", "silent"]
    await until(lambda: bot.link.connections == 2)
    assert (await bot.say("/release start v1"))["ok"]
    assert longest(Pace()) < 60


def longest(pace: Pace) -> float:
    """Seconds from the last word to a new connection, when one attempt hangs and the next works."""
    return pace.silence + pace.look + pace.opening + 1.25 + pace.opening


async def test_what_waited_while_the_process_stood_still_is_not_done(bot: Plugged) -> None:
    said = asyncio.create_task(bot.say("/release resume"))
    await asyncio.sleep(0)
    bot.clock.at += SWIFT.silence + 1
    assert (await said)["error"] == "dispatch_failed"
    assert bot.desk.deliveries == 0
    await bot.up(greeted=4)
    assert bot.over == ["stalled", "stalled"]
    await until(lambda: bot.link.connections == 2)
    assert (await bot.say("/release resume"))["ok"]


async def test_one_silent_connection_does_not_make_the_bot_deaf(bot: Plugged) -> None:
    bot.link.silence(0)
    bot.link.choose = lambda _open: 1
    assert (await bot.say("/release start v1"))["ok"]
    bot.seconds_pass(SWIFT.silence + 2)
    await bot.up(greeted=3)
    await until(lambda: bot.link.connections == 2)
    bot.link.choose = None
    assert [(await bot.say("/release start v2"))["ok"] for _ in range(3)] == [True] * 3


async def test_a_connection_that_breaks_is_replaced_however_often_slack_fails(
    bot: Plugged,
) -> None:
    bot.space.add_fault("apps.connections.open", "500", 4)
    await bot.link.cut()
    await bot.up(greeted=4)
    await until(lambda: not bot.sockets.state().trouble)
    assert not bot.space.faults
    assert bot.sockets.state().trouble == ""
    assert (await bot.say("/release start v1"))["ok"]


async def test_too_many_connections_make_room_before_the_next_is_opened(bot: Plugged) -> None:
    await bot.link.refresh("too_many_websockets")
    await bot.up(greeted=4)
    await until(lambda: bot.link.connections == 2)


async def test_it_ends_after_what_has_arrived_was_acknowledged(bot: Plugged) -> None:
    bot.desk.held = asyncio.Event()
    said = asyncio.create_task(bot.say("/release start v1"))
    await until(lambda: bot.desk.deliveries)
    closing = asyncio.create_task(bot.sockets.close())
    for _ in range(100):
        await asyncio.sleep(0)
    bot.desk.held.set()
    assert (await said)["ok"]
    await closing
    await until(lambda: bot.link.connections == 0)
    assert bot.open[-1] == 0


# -- tokens that are refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "app_token", "advice"),
    [
        ("xapp-wrong", "xapp-practice", "Slack refuses SLACK_APP_TOKEN.*App-Level Tokens"),
        ("xoxb-practice", "xapp-practice", "is no app-level token"),
        ("xapp-practice", "", "Socket Mode is switched off for this app.*unset SLACK_APP_TOKEN"),
    ],
)
async def test_a_refused_token_is_told_with_what_to_do(
    given: str, app_token: str, advice: str
) -> None:
    async with plugged(start=False) as bot:
        if not app_token:
            bot.space.socket_url = ""
        sockets = Sockets(
            bot.web, Secret(given), _never, now=bot.clock, random=lambda: 0.5, pace=SWIFT
        )
        await sockets.start()
        with pytest.raises(PermanentError, match=advice):
            await sockets.first()
        receiving = Receiving(sockets=sockets)
        missing = receiving.missing()
        assert missing is not None
        assert missing.startswith("there is no connection to Slack yet: ")
        await sockets.close()


async def _never(_request: object) -> None:
    raise AssertionError("nothing arrives")


async def test_a_token_that_is_revoked_later_is_tried_again(bot: Plugged) -> None:
    bot.space.app_token = "xapp-another"
    await bot.link.cut()
    await until(lambda: "refuses SLACK_APP_TOKEN" in bot.sockets.state().trouble)
    await bot.sockets.first()
    bot.space.app_token = APP_TOKEN
    await bot.up(greeted=4)


# -- what others learn of it -----------------------------------------------------------------------


async def test_readiness_waits_for_the_first_connection_and_health_for_every_one() -> None:
    async with plugged(start=False) as bot:
        receiving = Receiving(sockets=bot.sockets)
        assert receiving.missing() == "there is no connection to Slack yet"
        assert receiving.checks()["slack"].status == "degraded"
        await receiving.start()
        assert await receiving.first()
        await bot.up()
        assert receiving.missing() is None
        assert receiving.checks()["slack"].status == "ok"
        await receiving.close()
        # Alerts and rollbacks come from elsewhere: they are let in while Slack is away.
        assert receiving.missing() is None
        assert receiving.checks()["slack"].detail["connections"] == "0 of 2"


async def test_while_nobody_can_press_anything_the_bot_counts_as_silent(tmp_path: Path) -> None:
    file = tmp_path / "countersign.yml"
    file.write_text(SMALL)
    env = {**SECRETS, "SLACK_APP_TOKEN": APP_TOKEN}
    async with plugged(start=False) as bot, httpx.AsyncClient() as http:
        session: Any = None
        outside = Outside(bot.clock, lambda: 0.5, lambda: "id", http, session)
        made = setup(*load(file, env), outside)
        way = receiving(made, outside, bot.web, bot.chat, bot.app, SWIFT)
        assert (way.route, way.sockets is None) == (None, False)
        await way.start()
        await way.first()
        assert (await bot.say("/release start v1"))["ok"]
        assert b'countersign_slack_requests_total{kind="command"' in made.telemetry.text()
        bot.space.app_token = "xapp-another"
        await bot.link.cut()
        await until(lambda: b"countersign_socket_connections 0.0" in made.telemetry.text())
        assert bot.chat.silent() == ""
        bot.clock.at += 120
        assert bot.chat.silent() == "no connection to Slack for 2 minutes, so no button works"
        bot.space.app_token = APP_TOKEN
        await until(lambda: not bot.chat.silent())
        await way.close()


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("wss://wss-primary.slack.com/link", "http://proxy.test:3128"),
        ("ws://127.0.0.1:1234/link", None),
    ],
)
def test_sockets_take_the_proxy_of_the_environment(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert proxy_for(url) == proxy


async def test_a_connection_that_is_never_greeted_is_given_up(bot: Plugged) -> None:
    bot.link.greets = False
    hasty = Pace(opening=0.05)
    line = Connection(bot.web, _never, bot.clock, hasty)
    with pytest.raises(Exception, match="did not answer the socket"):
        await line.open(Secret("xapp-practice"))
    await line.close()
