"""`countersign serve` in Socket Mode: the real program, against the stand-in's WebSockets."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bot.practice.link import Link
from bot.practice.standin import StandIn, slack_app
from bot.practice.workspace import Workspace
from bot.serving import listening, served, url_of
from tests.config.examples import SECRETS
from tests.config.test_serving import line, log, serving

pytestmark = pytest.mark.thorough

APP_TOKEN = "xapp-never-shown-app-token"


@dataclass
class Slack:
    """A stand-in for Slack with WebSockets. env: what a bot needs to find it."""

    link: Link
    standin: StandIn
    env: Mapping[str, str]


@asynccontextmanager
async def slack() -> AsyncIterator[Slack]:
    with listening("127.0.0.1", 0) as bound:
        base = url_of("127.0.0.1", bound)
        now = lambda: datetime.now(UTC)  # noqa: E731
        space = Workspace.practice(now, SECRETS["SLACK_BOT_TOKEN"], base_url=base)
        space.app_token = APP_TOKEN
        link = Link(space)
        await link.start()
        async with httpx.AsyncClient() as unused:
            standin = slack_app(
                space, bot_url="http://127.0.0.1:1/", signing_secret="x", http=unused, link=link
            )
            async with served(Starlette(routes=standin.routes), bound, 1):
                env = {
                    "SLACK_API_URL": f"{base}/api/",
                    "SLACK_APP_TOKEN": APP_TOKEN,
                    "SLACK_SIGNING_SECRET": "",
                }
                yield Slack(link, standin, env)
            await standin.aclose()
        await link.aclose()


async def text(client: httpx.AsyncClient, url: str) -> str:
    """What is answered, "" while nobody listens there."""
    try:
        return (await client.get(url)).text
    except httpx.ConnectError:
        return ""


async def test_it_is_ready_when_slack_has_greeted_it_and_serves_the_rest(tmp_path: Path) -> None:
    async with (
        slack() as far,
        serving(tmp_path, **far.env) as process,
        httpx.AsyncClient() as client,
    ):
        base = (await line(process)).removeprefix("ready on ")
        assert far.link.greeted >= 1
        assert (await client.get(f"{base}/ready")).status_code == 200
        assert (await client.post(f"{base}/slack/events", content=b"{}")).status_code == 404
        assert (await client.post(f"{base}/hooks/events", content=b"{}")).status_code == 401
        while "2 of 2" not in await text(client, f"{base}/health"):
            await asyncio.sleep(0.02)
        assert "countersign_socket_connections 2.0" in await text(client, f"{base}/metrics")
        space = far.standin.workspace
        ada, channel = space.people["U0ADA"], space.channels["C0CHECKOUT"]
        assert (await far.standin.deliveries.say(ada, channel, "/release help"))["ok"]
        assert "start" in space.ephemerals[-1].text
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert far.link.connections == 0
        assert "never-shown" not in await log(process)


async def test_before_that_it_is_not_ready_says_why_and_can_be_stopped(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
    async with slack() as far, httpx.AsyncClient() as client:
        far.link.greets = False
        async with serving(tmp_path, **far.env, COUNTERSIGN_PORT=port) as process:
            url = f"http://127.0.0.1:{port}/ready"
            while "no connection to Slack yet" not in await text(client, url):
                await asyncio.sleep(0.02)
            assert (await client.get(url)).status_code == 503
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def test_it_refuses_to_start_with_a_token_that_slack_refuses(tmp_path: Path) -> None:
    async with slack() as far:
        far.standin.workspace.app_token = "xapp-another"
        async with serving(tmp_path, **far.env) as process:
            assert await process.wait() == 1
            said = await log(process)
    assert "Slack refuses SLACK_APP_TOKEN" in said
    assert "Traceback" not in said
