"""`countersign serve`: the real program, against the stand-in for Slack."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bot.practice.standin import slack_app
from bot.practice.workspace import Workspace
from bot.serving import Front, Site, listening, served, url_of
from bot.store.migrations import upgrade
from tests.config.examples import SECRETS, SMALL

pytestmark = pytest.mark.thorough

Process = asyncio.subprocess.Process


@asynccontextmanager
async def slack(token: str) -> AsyncIterator[str]:
    """A stand-in for Slack on a socket; gives the address of its API."""
    bound = listening("127.0.0.1", 0)
    base = url_of("127.0.0.1", bound)
    async with httpx.AsyncClient() as to_bot:
        space = Workspace.practice(lambda: datetime.now(UTC), token, base_url=base)
        standin = slack_app(space, bot_url="http://127.0.0.1:1/", signing_secret="x", http=to_bot)
        async with served(Starlette(routes=standin.routes), bound, 1):
            yield f"{base}/api/"
        await standin.aclose()


@asynccontextmanager
async def serving(folder: Path, **env: str) -> AsyncIterator[Process]:
    """`countersign serve` in a folder, ended at the latest with the block."""
    (folder / "countersign.yml").write_text(SMALL, encoding="utf-8")
    secrets = {key: value for key, value in SECRETS.items() if "DATABASE" not in key}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "serve"),
        cwd=folder,
        env={**os.environ, **secrets, "COUNTERSIGN_PORT": "0", "PYTHONPATH": os.getcwd(), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def log(process: Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.read()).decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_when_it_is_ready_and_ends_when_asked(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with (
        slack(SECRETS["SLACK_BOT_TOKEN"]) as api,
        serving(tmp_path, SLACK_API_URL=api) as process,
        httpx.AsyncClient() as client,
    ):
        said = await line(process)
        assert said.startswith("ready on http://127.0.0.1:")
        base = said.removeprefix("ready on ")
        assert (await client.get(f"{base}/ready")).status_code == 200
        assert (await client.get(f"{base}/health")).json()["version"]
        assert (await client.post(f"{base}/slack/events", content=b"{}")).status_code == 401
        process.send_signal(number)
        assert await process.wait() == 0
        assert "never-shown" not in await log(process)


async def test_while_slack_is_away_it_is_alive_but_not_ready_and_can_be_stopped(
    tmp_path: Path,
) -> None:
    port = listening("127.0.0.1", 0)
    number = str(port.getsockname()[1])
    port.close()
    env = {"SLACK_API_URL": "http://127.0.0.1:1/api/", "COUNTERSIGN_PORT": number}
    async with serving(tmp_path, **env) as process, httpx.AsyncClient() as client:
        assert process.stderr is not None
        async for said in process.stderr:
            if b"asking again" in said:
                break
        health = await client.get(f"http://127.0.0.1:{number}/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert (await client.get(f"http://127.0.0.1:{number}/ready")).status_code == 503
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_it_refuses_to_start_without_a_signing_secret(tmp_path: Path) -> None:
    async with serving(tmp_path, SLACK_SIGNING_SECRET="") as process:
        assert await process.wait() == 1
        said = await log(process)
    assert "SLACK_SIGNING_SECRET is missing" in said
    assert "Traceback" not in said


async def test_an_older_version_on_a_newer_database_says_what_to_do(tmp_path: Path) -> None:
    await upgrade(f"sqlite+aiosqlite:///{tmp_path / 'countersign.db'}")
    with closing(sqlite3.connect(tmp_path / "countersign.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    async with (
        slack(SECRETS["SLACK_BOT_TOKEN"]) as api,
        serving(tmp_path, SLACK_API_URL=api) as process,
    ):
        assert await process.wait() == 1
        said = await log(process)
    assert "the database is at revision 9999" in said
    assert "Run that version again" in said
    assert "Traceback" not in said


async def test_it_says_which_port_is_taken(tmp_path: Path) -> None:
    bound = listening("127.0.0.1", 0)
    number = bound.getsockname()[1]
    with bound:
        async with serving(tmp_path, COUNTERSIGN_PORT=str(number)) as process:
            assert await process.wait() == 1
            said = await log(process)
    assert f"port {number}" in said
    assert "Traceback" not in said


async def test_requests_under_way_are_answered_before_a_site_closes() -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(scope: object, receive: object, send: object) -> None:
        begun.set()
        await finish.wait()
        front = Front("1.0", lambda: datetime.now(UTC))
        await front({"type": "http", "path": "/health"}, receive, send)  # type: ignore[arg-type]

    bound = listening("127.0.0.1", 0)
    site = Site(slow, bound)
    await site.start()
    async with httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.get(url_of("127.0.0.1", bound)))
        await begun.wait()
        closing = asyncio.create_task(site.close())
        await asyncio.sleep(0)
        finish.set()
        assert (await asked).status_code == 200
        await closing
        await site.close()
    bound.close()


def test_an_address_of_six_has_brackets() -> None:
    with listening("127.0.0.1", 0) as bound:
        assert url_of("::1", bound) == f"http://[::1]:{bound.getsockname()[1]}"
