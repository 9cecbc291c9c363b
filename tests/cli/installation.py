"""A whole installation for tests: a configuration, a stand-in for Slack, a practice deployer."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.applications import Starlette

from bot.ports import Target
from bot.practice.deployer import PracticeDeployer
from bot.practice.shop import ShopModel
from bot.practice.standin import slack_app
from bot.practice.workspace import ALL_SCOPES, Workspace
from bot.serving import listening, served
from tests.cli.typed import Typed, typed_aside

TOKEN = "xoxb-practice"
KEY = "between-bot-and-deployer"

CONFIG = """\
schema: 1
channels: {default: C0RELEASES, critical: C0CRITICAL}
people:
  mary: {slack: [U0MARY]}
  ada: {slack: [U0ADA], email: ada@example.com}
  grace: {slack: [U0GRACE]}
roles:
  release_manager: {people: [mary]}
  security: {people: [ada]}
  operations: {people: [grace]}
services:
  checkout:
    channel: C0CHECKOUT
    plan: quickstart
    environments:
      production:
        deployer: {kind: http, url: "BASE"}
        metrics: {kind: deployer, url: "BASE"}
"""


@dataclass
class Installation:
    """A configuration, its environment, and the world it looks at."""

    file: Path
    env: dict[str, str]
    space: Workspace

    def write(self, *changes: tuple[str, str]) -> None:
        """Change the configuration, each part that is named exactly."""
        text = self.file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    async def typed(self, *words: str) -> Typed:
        """Type a command line here."""
        return await typed_aside(*words, "--config", self.file, env=self.env)


@asynccontextmanager
async def installation(
    folder: Path, scopes: frozenset[str] = ALL_SCOPES
) -> AsyncIterator[Installation]:
    shop = ShopModel(now=time.time(), randomness=random.Random(1))
    deployer = PracticeDeployer({Target("checkout", "production"): shop}, secret=KEY, now=time.time)
    bound = listening("127.0.0.1", 0)
    base = f"http://127.0.0.1:{bound.getsockname()[1]}"
    space = Workspace.practice(lambda: datetime.now(UTC), TOKEN, scopes=scopes, base_url=base)
    for channel in space.channels.values():
        channel.members -= {"U0EVE"}
    async with httpx.AsyncClient() as http:
        standin = slack_app(space, bot_url=base, signing_secret="secret", http=http)
        async with served(Starlette(routes=[*standin.routes, *deployer.routes()]), bound):
            file = folder / "countersign.yml"
            file.write_text(CONFIG.replace("BASE", base))
            env = {
                "SLACK_BOT_TOKEN": TOKEN,
                "SLACK_SIGNING_SECRET": "secret",
                "SLACK_API_URL": f"{base}/api",
                "COUNTERSIGN_DEPLOYER_SECRET": KEY,
                "COUNTERSIGN_HOOK_TOKEN": "a-long-random-text",
                "COUNTERSIGN_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'bot.db'}",
            }
            yield Installation(file, env, space)
            await standin.aclose()
