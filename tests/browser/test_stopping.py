"""How the practice workspace ends while a page waits for news; no browser needed."""

import asyncio
from datetime import UTC, datetime

import httpx
from starlette.applications import Starlette

from bot.practice.standin import slack_app
from bot.practice.workspace import Workspace


async def test_a_page_that_waits_is_answered_when_the_workspace_stops() -> None:
    workspace = Workspace.practice(lambda: datetime.now(UTC), "xoxb-practice")
    async with httpx.AsyncClient() as nowhere:
        standin = slack_app(
            workspace, bot_url="http://127.0.0.1:9", signing_secret="s", http=nowhere
        )
        transport = httpx.ASGITransport(Starlette(routes=standin.routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as page:
            address = f"/practice/state?after={workspace.revision}&wait=20"
            waiting = asyncio.create_task(page.get(address))
            while not workspace.listeners:
                await asyncio.sleep(0)
            await standin.aclose()
            answer = await waiting
            again = await page.get(address)
    assert answer.json()["revision"] == again.json()["revision"] == workspace.revision
    assert not workspace.listeners
