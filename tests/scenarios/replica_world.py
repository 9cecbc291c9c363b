"""Several replicas of `countersign serve` on one PostgreSQL, each of which may be killed or paused.

Over HTTP a real HAProxy stands in front of them, with the configuration that docs/ gives people; in
Socket Mode each holds its connections to the stand-in for Slack.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import msgspec
import psutil
from sqlalchemy import select
from starlette.applications import Starlette

from bot.practice.deliveries import Pick
from bot.practice.link import Link
from bot.practice.shop import ShopModel
from bot.practice.standin import slack_app
from bot.practice.workspace import Workspace
from bot.serving import listening, served
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import audit
from tests.contract.haproxy import free_port
from tests.parts import require
from tests.scenarios.kill_world import SECRET, Child, Keeper, Logged, Row
from tests.scenarios.real_world import (
    HOST,
    SIGNING,
    TOKEN,
    Json,
    Team,
    configuration,
    environment,
    until,
    write,
)
from tests.store.databases import Databases

BALANCER = Path(__file__).resolve().parents[2] / "docs" / "haproxy.replicas.cfg"
APP_TOKEN = "xapp-of-these-tests"
HOOK_TOKEN = "a hook token of these tests"


class Replica(Child):
    """One process of several. port: where it serves HTTP. next_home: of the next version."""

    next_home: Path | None = None

    def __init__(self, folder: Path, variables: dict[str, str], port: int) -> None:
        super().__init__(folder, {**variables, "COUNTERSIGN_PORT": str(port)})
        self.url = f"http://{HOST}:{port}"

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT, SIGTERM."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    def holds(self, port: int) -> bool:
        """Whether one of its connections begins at this port."""
        assert self._process is not None
        found = psutil.Process(self._process.pid).net_connections("tcp")
        return any(each.laddr[1:] == (port,) for each in found)

    async def ended(self) -> int:
        """Wait for its end; the exit status."""
        assert self._process is not None
        return await self._process.wait()


@dataclass
class ReplicaWorld:
    """Replicas, the people before them, the deployer behind them."""

    team: Team
    replicas: Sequence[Replica]
    deployer: Logged
    keeper: Keeper
    store: Store
    link: Link | None
    public: str
    inside: str
    database: str
    refused: list[Json] = field(default_factory=list)

    async def rollouts(self) -> list[Row]:
        """Every rollout there is, oldest first."""
        columns = (tables.rollout.c.id, tables.rollout.c.phase, tables.rollout.c.state)
        asked = select(*columns).order_by(tables.rollout.c.created_at)
        rows = await self.store.transact(lambda conn: conn.execute(asked).all())
        return [Row(id_, phase, msgspec.json.decode(state)) for id_, phase, state in rows]

    async def reached(self, phase: str, wave: int | None = None) -> Row:
        """Wait until the newest rollout is in a phase (and in a wave)."""
        while True:
            rows = await self.rollouts()
            if rows and rows[-1].phase == phase and wave in (None, rows[-1].state.get("wave", 0)):
                return rows[-1]
            ended = rows and rows[-1].state.get("ended_at")
            assert not ended, f"{rows[-1].phase}: {rows[-1].state.get('reason')}"
            await asyncio.sleep(0.05)

    async def insist(self, act: Callable[[], Awaitable[Json]]) -> int:
        """What a person does who is told that it failed: the same again. How often it took."""
        for tries in range(1, 20):
            if (answer := await act())["ok"]:
                return tries
            self.refused.append(answer)
        raise AssertionError("it never worked")

    async def say(self, person: str, text: str) -> int:
        """Type a command until it is taken; how often it took."""
        space, deliveries = self.team.space, self.team.standin.deliveries
        channel = space.channels["C0CHECKOUT"]
        return await self.insist(lambda: deliveries.say(space.people[person], channel, text))

    async def click(self, person: str, action_id: str, version: str) -> int:
        """Press a button until it is taken, as soon as it is there; how often it took."""

        async def shown() -> bool:
            return action_id in self.team.buttons(version)

        await until(shown)
        space, deliveries = self.team.space, self.team.standin.deliveries
        channel, ts = space.channels["C0CHECKOUT"], self.team.cards(version)[-1].ts
        return await self.insist(
            lambda: deliveries.click_message(space.people[person], channel, ts, Pick(action_id))
        )

    async def verify_audit(self) -> int:
        """How many entries the chain has. Raises BrokenChainError."""
        return (await self.store.transact(audit.verify)).id


async def _traffic(shop: ShopModel) -> None:
    while True:
        shop.serve_traffic(0.05, start=time.time())
        await asyncio.sleep(0.05)


def balancer(ports: Sequence[int], public: int, inside: int) -> str:
    """The configuration of docs/ with the ports of this test."""
    text = BALANCER.read_text("utf-8").replace("bind :8080", f"bind {HOST}:{public}")
    text = text.replace("bind :8081", f"bind {HOST}:{inside}")
    for number, port in enumerate(ports, start=1):
        text, found = re.subn(rf"(bot{number}) \1:3000", rf"\1 {HOST}:{port}", text)
        assert found == 2
    return text


@asynccontextmanager
async def _balanced(folder: Path, ports: Sequence[int]) -> AsyncIterator[tuple[str, str]]:
    """A real HAProxy before the replicas: its public address, and the one for the inside."""
    public, inside = free_port(), free_port()
    file = folder / "haproxy.cfg"
    file.write_text(balancer(ports, public, inside))
    with (folder / "haproxy.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            require("haproxy"), "-db", "-f", str(file), stdout=log, stderr=log
        )
    try:
        yield f"http://{HOST}:{public}", f"http://{HOST}:{inside}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def _slack(public: str, *, socket_mode: bool) -> AsyncIterator[tuple[Team, str, Link | None]]:
    """People, the address of their Slack, and its WebSockets in Socket Mode."""
    async with AsyncExitStack() as stack:
        bound = stack.enter_context(listening(HOST, 0))
        url = f"http://{HOST}:{bound.getsockname()[1]}"
        space = Workspace.practice(lambda: datetime.now(UTC), TOKEN, base_url=url)
        space.app_token = APP_TOKEN
        link = Link(space) if socket_mode else None
        if link is not None:
            await link.start()
            stack.push_async_callback(link.aclose)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        standin = slack_app(
            space,
            bot_url=f"{public}/slack/events",
            signing_secret=SIGNING,
            http=http,
            # Slack's three seconds would measure how busy the machine is that runs this.
            ack_limit=timedelta(seconds=8),
            link=link,
        )
        await stack.enter_async_context(served(Starlette(routes=standin.routes), bound, 1))
        stack.push_async_callback(standin.aclose)
        yield Team(standin), url, link


@asynccontextmanager
async def _shop() -> AsyncIterator[tuple[Logged, Keeper, str]]:
    """A deployer with traffic, what can swallow its answers, and its address."""
    shop = ShopModel(now=time.time(), randomness=Random(1), preparing=0.1)
    deployer = Logged(shop)
    keeper = Keeper(Starlette(routes=deployer.routes()))
    traffic = asyncio.create_task(_traffic(shop))
    with listening(HOST, 0) as bound:
        async with served(keeper, bound, 1):
            yield deployer, keeper, f"http://{HOST}:{bound.getsockname()[1]}"
            keeper.close()
            traffic.cancel()


@asynccontextmanager
async def replica_world(
    folder: Path,
    plan: Json,
    databases: Databases,
    *,
    replicas: int = 3,
    socket_mode: bool = False,
    migrate: bool = False,
) -> AsyncIterator[ReplicaWorld]:
    """Replicas that run until the block ends.

    databases: of PostgreSQL. migrate: in a database of their own, which is empty.
    """
    database = await (databases.empty() if migrate else databases.migrated())
    ports = [free_port() for _ in range(replicas)]
    async with AsyncExitStack() as stack:
        public, inside = await stack.enter_async_context(_balanced(folder, ports))
        deployer, keeper, shop = await stack.enter_async_context(_shop())
        team, slack, link = await stack.enter_async_context(_slack(public, socket_mode=socket_mode))
        variables = {
            "COUNTERSIGN_DEPLOYER_SECRET": SECRET,
            "COUNTERSIGN_HOOK_TOKEN": HOOK_TOKEN,
            "COUNTERSIGN_DATABASE_URL": database,
        } | ({"SLACK_APP_TOKEN": APP_TOKEN} if socket_mode else {})
        config = configuration(
            {"kind": "http", "url": shop, "poll": "50ms"}, {"kind": "deployer", "url": shop}
        )
        made: list[Replica] = []
        for number, port in enumerate(ports, start=1):
            own = folder / f"bot{number}"
            own.mkdir()
            write(own, config, plan)
            made.append(Replica(own, environment(own, slack, **variables), port))
            stack.push_async_callback(made[-1].end)
            await made[-1].start()
            if link is not None:
                await until_connected(link, 2 * number)
        store = await Store.open(database)
        stack.push_async_callback(store.close)
        yield ReplicaWorld(team, made, deployer, keeper, store, link, public, inside, database)


async def until_connected(link: Link, connections: int) -> None:
    """Wait until exactly so many connections are open."""
    while link.connections != connections:
        await asyncio.sleep(0.02)
