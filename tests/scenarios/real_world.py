"""A whole installation on loopback: HAProxy, Prometheus, people in a chat, load, and the bot.

Only Slack is a stand-in. Everything between a typed command and the request that arrives at a
server of the new version is what an installation has, configured by a file as an operator would.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from bot.app import Bot, running
from bot.domain.rollout import Phase, Rollout
from bot.practice.deliveries import Pick
from bot.practice.standin import StandIn, slack_app
from bot.practice.workspace import Message, Workspace
from bot.serving import listening, served
from bot.setup import load, real_world, setup
from tests.contract.haproxy import HaproxyFleet, Process, Slot
from tests.contract.prometheus import PrometheusServer

HOST = "127.0.0.1"
CARDS = "C0CHECKOUT"
CRITICAL = "C0CRITICAL"
TOKEN, SIGNING = "xoxb-of-these-tests", "signing of these tests"

Json = dict[str, Any]


class Load:
    """Requests at a steady rate over keep-alive connections, which come back when cut."""

    def __init__(self, port: int, rate: float, connections: int = 4) -> None:
        """port: of the frontend. rate: requests per second, over all connections."""
        self.sent = 0
        self._port = port
        self._pause = connections / rate
        self._connections = connections
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Load":
        for number in range(self._connections):
            begin = self._pause * number / self._connections
            self._tasks.append(asyncio.create_task(self._run(begin)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, begin: float) -> None:
        await asyncio.sleep(begin)
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._visit()
            await asyncio.sleep(0.05)

    async def _visit(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._port)
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while True:
                writer.write(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                self.sent += 1
                # What was late is not made up for: a stall must not end in a burst.
                due = max(due + self._pause, loop.time())
                await asyncio.sleep(due - loop.time())
        finally:
            writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise AssertionError(f"an answer without a length: {head!r}")


class Team:
    """The people in front of the stand-in for Slack, and what they see."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.space = standin.workspace

    async def say(self, person: str, text: str) -> Json:
        space = self.space
        said = await self.standin.deliveries.say(space.people[person], space.channel(CARDS), text)
        assert said["ok"], said
        return said

    async def click(self, person: str, action_id: str, version: str) -> None:
        """Click a button on the card of a version, as soon as it is there."""
        await until(lambda: self._shows(action_id, version))
        space, card = self.space, self.cards(version)[-1]
        answer = await self.standin.deliveries.click_message(
            space.people[person], space.channel(CARDS), card.ts, Pick(action_id)
        )
        assert answer["ok"], answer

    def cards(self, version: str) -> list[Message]:
        """The cards of a version, as they are now."""
        return [m for m in self._said(CARDS) if not m.thread_ts and version in _words(m)]

    def log(self, version: str) -> list[str]:
        """What was said under the card of a version."""
        threads = {card.ts for card in self.cards(version)}
        return [m.text for m in self._said(CARDS) if m.thread_ts in threads]

    def pages(self) -> list[str]:
        """Everything that was said where emergencies are."""
        return [message.text for message in self._said(CRITICAL)]

    def buttons(self, version: str) -> set[str]:
        """The action ids on the newest card of a version."""
        return {
            element["action_id"]
            for card in self.cards(version)[-1:]
            for block in card.blocks
            for element in block.get("elements", ())
            if "action_id" in element
        }

    async def _shows(self, action_id: str, version: str) -> bool:
        return action_id in self.buttons(version)

    def _said(self, channel: str) -> list[Message]:
        bot = self.space.bot_user_id
        return [m for m in self.space.messages.get(channel, ()) if m.user == bot]


def _words(message: Message) -> str:
    return message.text + json.dumps(message.blocks)


@asynccontextmanager
async def a_team(bot_url: Callable[[], str]) -> AsyncIterator[tuple[Team, str]]:
    """People, and the address of their Slack. bot_url: where deliveries go, asked each time."""
    async with AsyncExitStack() as stack:
        bound = stack.enter_context(listening(HOST, 0))
        url = f"http://{HOST}:{bound.getsockname()[1]}"
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        space = Workspace.practice(lambda: datetime.now(UTC), TOKEN, base_url=url)
        standin = slack_app(space, bot_url=bot_url, signing_secret=SIGNING, http=http)
        await stack.enter_async_context(served(Starlette(routes=[*standin.routes]), bound, 1))
        stack.push_async_callback(standin.aclose)
        yield Team(standin), url


ROLES = {"release_manager": "mary", "security": "ada", "operations": "grace", "product": "alan"}


def configuration(
    deployer: Mapping[str, Any],
    metrics: Mapping[str, Any],
    plan: str = "swift",
    roles: Mapping[str, str] = ROLES,
    **more: Any,
) -> Json:
    """countersign.yml of one service (JSON is YAML). more: further keys of its environment."""
    people = {"mary": "U0MARY", "ada": "U0ADA", "grace": "U0GRACE", "alan": "U0ALAN"}
    place = {"deployer": deployer, "metrics": metrics, **more}
    return {
        "schema": 1,
        "plans": ["./plans"],
        "channels": {"default": "C0RELEASES", "critical": CRITICAL, "warning": "C0WARNING"},
        "people": {name: {"slack": [account]} for name, account in people.items()},
        "roles": {role: {"people": [name]} for role, name in roles.items()},
        "services": {
            "checkout": {"channel": CARDS, "plan": plan, "environments": {"production": place}}
        },
    }


def swift(soaks: Sequence[tuple[float, float]], *, gates: bool = True, **more: Any) -> Json:
    """A plan of short waves. soaks: (percent, seconds) of each wave. more: further keys."""
    waves = [
        {
            "id": f"p{percent:g}",
            "traffic": f"{percent:g}%",
            "soak": f"{seconds:g}s",
            "go_if": [{"if": "error_rate < 20%"}] if gates else [],
        }
        for percent, seconds in soaks
    ]
    trigger = {"id": "spike", "if": "error_rate > 5%", "window": "1s", "do": "rollback"}
    return {
        "schema": 1,
        "plan": "swift",
        "metrics": {"error_rate": {"kind": "ratio", "bad": "errors", "total": "requests"}},
        "approvals": {"production": {"any": 2}},
        "waves": waves,
        "triggers": [trigger | {"consecutive": 1}],
        "watch": {"keep_previous": "2s"},
        **more,
    }


def write(folder: Path, config: Json, plan: Json) -> Path:
    """Put the configuration and its plan into a folder; the path of countersign.yml."""
    (folder / "plans").mkdir(exist_ok=True)
    (folder / "plans" / "swift.yaml").write_text(json.dumps(plan))
    path = folder / "countersign.yml"
    path.write_text(json.dumps(config))
    return path


def environment(folder: Path, slack: str, **more: str) -> dict[str, str]:
    """The variables of a bot whose files are in `folder`."""
    return {
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING,
        "SLACK_API_URL": f"{slack}/api/",
        "COUNTERSIGN_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'countersign.db'}",
        **more,
    }


@dataclass
class Installation:
    """Everything that runs, and the people in front of it."""

    fleet: HaproxyFleet
    prometheus: PrometheusServer
    load: Load
    team: Team
    bot: Bot

    @property
    def haproxy(self) -> Process:
        return self.fleet.processes[0]

    async def start(self, version: str, signers: Sequence[str] = ("U0ADA", "U0GRACE")) -> str:
        """Ask for a release, have it signed; its id."""
        await self.team.say("U0MARY", f"/release start {version}")
        for person in signers:
            await self.team.click(person, "approve", version)
        return (await self.newest()).id

    async def newest(self) -> Rollout:
        found = await self.bot.finder.recent(["checkout"], 1)
        return found[0]

    async def reached(self, rollout_id: str, *phases: Phase, wave: int | None = None) -> Rollout:
        """Wait for a phase (and a wave); raises AssertionError when it ends in another way."""
        while True:
            rollout = await self.bot.engine.rollout(rollout_id)
            if rollout.phase in phases and wave in (None, rollout.wave):
                return rollout
            assert not rollout.ended, f"{rollout.phase}: {rollout.reason}"
            await asyncio.sleep(0.02)

    async def weights(self, process: int = 0) -> dict[str, int]:
        """The weights in force, by slot, as the runtime API says."""
        return await weights_at(self.fleet.processes[process])

    def slot_of(self, version: str) -> Slot:
        return next(s for s in (self.fleet.blue, self.fleet.green) if s.version == version)

    async def counted(self, version: str, seconds: float) -> float:
        """The share of the requests, in percent, that reach a version during some seconds."""
        slots = (self.fleet.blue, self.fleet.green)
        before = [slot.requests for slot in slots]
        await asyncio.sleep(seconds)
        grown = [slot.requests - old for slot, old in zip(slots, before, strict=True)]
        return 100 * grown[slots.index(self.slot_of(version))] / sum(grown)


async def weights_at(process: Process) -> dict[str, int]:
    """The weights in force at one HAProxy, by server; 0 for one that is drained or stopped."""
    answer = await process.ask("show stat checkout 4 -1")
    rows = [line.split(",") for line in answer.splitlines() if line and line[0] != "#"]
    taking = ("UP", "no check")
    return {row[1]: int(row[18]) if row[17].startswith(taking) else 0 for row in rows}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; the test's own time limit ends a wait in vain."""
    while not await condition():
        await asyncio.sleep(0.02)


def scraped(url: str, targets: int) -> bool:
    with urllib.request.urlopen(f"{url}/api/v1/query?query=up==1", timeout=5) as answer:
        return len(json.load(answer)["data"]["result"]) == targets


def haproxy_part(fleet: HaproxyFleet, folder: Path) -> Json:
    """`deployer:` for a fleet."""
    return {
        "kind": "haproxy",
        "sockets": [process.unix for process in fleet.processes],
        "backend": fleet.backend,
        "slots": list(fleet.slots),
        "prepare": {"command": list(fleet.install), "timeout": "10s"},
        "resolve": {"command": ["printf", "sha256:%s", "{version}"]},
        "state": str(folder / "state"),
        "initial": "v1.0.0",
        "drain": "1s",
    }


def prometheus_part(prometheus: PrometheusServer) -> Json:
    """`metrics:` by HAProxy's own counters, which exist from zero on."""
    counter = "haproxy_server_http_responses_total"
    return {
        "kind": "prometheus",
        "url": prometheus.url,
        "scrape_interval": "1s",
        "tracks": {"canary": 'server="{candidate}"', "baseline": 'server="{current}"'},
        "define": {
            "error_rate": {
                "kind": "ratio",
                "bad": f'{counter}{{proxy="checkout",code="5xx",$track}}',
                "total": f'{counter}{{proxy="checkout",$track}}',
            }
        },
    }


@asynccontextmanager
async def installation(
    folder: Path, plan: Json, *, processes: int = 1, rate: float = 300
) -> AsyncIterator[Installation]:
    """Everything running until the block ends. rate: requests per second at the frontend."""
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(HaproxyFleet(folder, processes=processes))
        prometheus = PrometheusServer()
        prometheus.scrape("haproxy", *(f"{HOST}:{each.stats}" for each in fleet.processes))
        await asyncio.to_thread(prometheus.start)
        stack.push_async_callback(asyncio.to_thread, prometheus.stop)
        # It takes some seconds until it knows its targets, which no installation begins with.
        await until(lambda: asyncio.to_thread(scraped, prometheus.url, processes))
        bound = stack.enter_context(listening(HOST, 0))
        bot_url = f"http://{HOST}:{bound.getsockname()[1]}/slack/events"
        team, slack = await stack.enter_async_context(a_team(lambda: bot_url))
        config = configuration(haproxy_part(fleet, folder), prometheus_part(prometheus))
        outside = await stack.enter_async_context(real_world())
        made = setup(*load(write(folder, config, plan), environment(folder, slack)), outside)
        bot = await stack.enter_async_context(running(made, outside))
        await stack.enter_async_context(served(bot.web, bound, 1))
        traffic = await stack.enter_async_context(Load(fleet.processes[0].front, rate))
        yield Installation(fleet, prometheus, traffic, team, bot)
