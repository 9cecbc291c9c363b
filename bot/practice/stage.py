"""The practice workspace: the real bot, against a stand-in for Slack and a small shop.

Everything between the page and the shop is the production code path: deliveries are really signed,
really travel over sockets, and the bot really asks a deployer over HTTP to move the traffic.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import signal
import tempfile
import time
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware

from bot.app import Bot, running
from bot.ports import Target
from bot.practice.deployer import PracticeDeployer
from bot.practice.guard import LoopbackOnly
from bot.practice.link import Link
from bot.practice.pages import page_routes
from bot.practice.shop import ShopModel
from bot.practice.shop_routes import shop_routes
from bot.practice.shop_traffic import ShopTraffic
from bot.practice.standin import slack_app
from bot.practice.workspace import Workspace
from bot.serving import listening, served
from bot.settings import DEFAULT_FILE
from bot.setup import Outside, Setup, load, real_world, setup

HOST = "127.0.0.1"
SERVICE = "checkout"
GRACE = 1
"""Seconds; pages wait for news in long requests, and nobody waits for them at the end."""


@dataclass(frozen=True)
class Keys:
    """The secrets between the parts; made anew each time, good for nothing else.

    slack_app: "" for HTTP.
    """

    slack_token: str
    slack_secret: str
    deployer: str
    slack_app: str = ""


@asynccontextmanager
async def open_stage(port: int, folder: Path, *, sockets: bool = False) -> AsyncIterator[Bot]:
    """Everything running, until the block ends. port: of the page (0 is not allowed).

    sockets: deliveries go through Socket Mode. Raises OSError when the port is taken.
    """
    keys = Keys(
        f"xoxb-{secrets.token_hex(8)}",
        secrets.token_hex(16),
        secrets.token_hex(16),
        f"xapp-{secrets.token_hex(8)}" if sockets else "",
    )
    shop = ShopModel(now=time.time(), randomness=random.SystemRandom())
    traffic = ShopTraffic(shop, now=time.time)
    page = listening(HOST, port)
    bot_socket = listening(HOST, 0)
    bot_base = f"http://{HOST}:{bot_socket.getsockname()[1]}"
    base = f"http://{HOST}:{port}"
    async with contextlib.AsyncExitStack() as stack:
        for bound in (page, bot_socket):  # for a start that fails before they are served
            stack.callback(bound.close)
        to_bot = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        workspace = Workspace.practice(lambda: datetime.now(UTC), keys.slack_token, base_url=base)
        link = await stack.enter_async_context(_linked(workspace, keys.slack_app))
        standin = slack_app(
            workspace,
            bot_url=f"{bot_base}/slack/events",
            signing_secret=keys.slack_secret,
            http=to_bot,
            link=link,
        )
        deployer = PracticeDeployer(
            {Target(SERVICE, "production"): shop}, secret=keys.deployer, now=time.time
        )
        site = Starlette(
            routes=[
                *standin.routes,
                *shop_routes(shop, now=time.time),
                *deployer.routes(),
                *page_routes(),
            ],
            middleware=[Middleware(LoopbackOnly)],
        )
        await traffic.start()
        stack.push_async_callback(traffic.stop)
        await stack.enter_async_context(served(site, page, GRACE))
        stack.push_async_callback(standin.aclose)
        outside = await stack.enter_async_context(real_world())
        setup = _setup(keys, base, bot_base, folder, outside)
        bot = await stack.enter_async_context(running(setup, outside))
        await bot.slack.first()
        await stack.enter_async_context(served(bot.web, bot_socket, GRACE))
        yield bot


@asynccontextmanager
async def _linked(workspace: Workspace, token: str) -> AsyncIterator[Link | None]:
    """The WebSockets of Socket Mode; None without a token."""
    if not token:
        yield None
        return
    workspace.app_token = token
    link = Link(workspace)
    await link.start()
    try:
        yield link
    finally:
        await link.aclose()


CONFIG = """\
# The practice workspace: four people, one service, the shop's own deployer.
schema: 1
channels: {default: C0RELEASES, critical: C0CRITICAL, warning: C0WARNING}
people:
  mary:  {slack: [U0MARY]}
  ada:   {slack: [U0ADA]}
  grace: {slack: [U0GRACE]}
  alan:  {slack: [U0ALAN]}
roles:
  release_manager: {people: [mary]}
  security:        {people: [ada]}
  operations:      {people: [grace]}
  product:         {people: [alan]}
notices:
  channels: [C0RELEASES]
  url: "BOT"
  zones: [UTC]
  support: support@shop.example
  status_page: https://status.shop.example
standups:                                  # without a time: when somebody types /standup now
  - {channel: C0CHECKOUT, plan: quickstart, zone: UTC}
services:
  checkout:
    channel: C0CHECKOUT
    plan: quickstart
    environments:
      production:
        deployer: {kind: http, url: "BASE"}
        metrics: {kind: deployer, url: "BASE"}
"""


def _setup(keys: Keys, base: str, bot_base: str, folder: Path, outside: Outside) -> Setup:
    """Made in the way of every installation: by a file and an environment."""
    file = folder / DEFAULT_FILE
    file.write_text(CONFIG.replace("BOT", bot_base).replace("BASE", base), encoding="utf-8")
    settings, plans = load(
        file,
        {
            "SLACK_BOT_TOKEN": keys.slack_token,
            "SLACK_SIGNING_SECRET": keys.slack_secret,
            "SLACK_APP_TOKEN": keys.slack_app,
            "SLACK_API_URL": f"{base}/api/",
            "COUNTERSIGN_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'countersign.db'}",
            "COUNTERSIGN_DEPLOYER_SECRET": keys.deployer,
        },
    )
    return setup(settings, plans, outside)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What is practised with is thrown away: how well this SQLite would keep it is no news here."""
    about = logging.getLogger("bot.store.files")
    before = about.level
    about.setLevel(logging.ERROR)
    try:
        yield
    finally:
        about.setLevel(before)


async def run(port: int, *, open_browser: bool, sockets: bool = False) -> None:
    """`countersign demo`: until it is interrupted. Raises OSError when the port is taken."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Where a loop takes no signals (Windows), Ctrl-C cancels this task instead.
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _quiet(), tempfile.TemporaryDirectory(prefix="countersign-practice-") as folder:
        async with open_stage(port, Path(folder), sockets=sockets):
            url = f"http://{HOST}:{port}"
            print(f"practice workspace ready: {url}", flush=True)  # noqa: T201
            if open_browser:
                await asyncio.to_thread(webbrowser.open, url)
            await stop.wait()
