"""The far side of each deployer: the worlds in which all of them keep the same promises."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx
import msgspec
from starlette.applications import Starlette

from bot.deployers import KINDS, build_deployer
from bot.domain.plan_terms import Closed
from bot.ports import Deployer, Op, Target
from bot.practice.deployer import PracticeDeployer
from bot.practice.shop import ShopModel
from tests.contract.haproxy import HaproxyFleet

TARGET = Target("checkout", "production")
SECRET = "a secret of the contract tests"
EPOCH = 1_763_716_800.0


class Clock:
    """Epoch seconds that move only when somebody looks: each look is a tenth of a second later."""

    def __init__(self) -> None:
        self.time = EPOCH

    def __call__(self) -> float:
        self.time += 0.1
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


class World:
    """A target and the way to an adapter for it; `adapter` gives a new one, as after a restart."""

    def __init__(self, options: Closed, http: httpx.AsyncClient, clock: Clock) -> None:
        self.options = options
        self.http = http
        self.clock = clock
        self._seq = 0

    def adapter(self, **changes: object) -> Deployer:
        """An adapter, with some options changed."""
        options = msgspec.structs.replace(self.options, **changes)
        return build_deployer(options, http=self.http, secret=SECRET, now=self.clock.now)

    def op(self) -> Op:
        """The next change: numbers rise, keys differ."""
        self._seq += 1
        return Op(f"change-{self._seq}", self._seq)


class HttpWorld(World):
    def __init__(self, options: Closed, http: httpx.AsyncClient, clock: Clock) -> None:
        super().__init__(options, http, clock)
        self.shop = ShopModel(now=EPOCH, randomness=Random(1))
        self.far = PracticeDeployer({TARGET: self.shop}, secret=SECRET, now=clock)


class HaproxyWorld(World):
    fleet: HaproxyFleet


def options_of(kind: str, **said: object) -> Closed:
    """Options as the configuration gives them: plain data, checked against their type."""
    options = msgspec.convert({"kind": kind, **said}, KINDS[kind].options)
    assert isinstance(options, Closed)
    return options


@asynccontextmanager
async def http_world(folder: Path) -> AsyncIterator[HttpWorld]:
    """The HTTP client against the reference deployer, in process."""
    app, clock = Starlette(), Clock()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as http:
        options = options_of("http", url="http://deployer.test/base", poll="1ms")
        world = HttpWorld(options, http, clock)
        app.mount("/base", Starlette(routes=world.far.routes()))
        yield world


@asynccontextmanager
async def command_world(folder: Path) -> AsyncIterator[World]:
    """Commands against a script that keeps its state in a file."""
    script = str(Path(__file__).with_name("script.py"))
    base = [sys.executable, "-S", "-E", script, str(folder / "state.json")]
    commands = {name: {"command": [*base, name]} for name in ("observe",)}
    for name in ("resolve", "prepare", "promote", "retire", "rollback"):
        commands[name] = {"command": [*base, name, "{version}"]}
    commands["shift"] = {"command": [*base, "shift", "{version}", "{weight}"]}
    async with httpx.AsyncClient(transport=httpx.MockTransport(_nobody)) as http:
        yield World(options_of("command", **commands), http, Clock())


@asynccontextmanager
async def haproxy_world(
    folder: Path, *, tcp: bool = False, processes: int = 1, servers: int = 1, groups: bool = False
) -> AsyncIterator[HaproxyWorld]:
    """HAProxy processes in front of two slots."""
    async with HaproxyFleet(folder, processes=processes, servers=servers) as fleet:
        script = 'case "$1" in v*) printf "sha256:%s" "$1";; *) exit 66;; esac'
        options = options_of(
            "haproxy",
            sockets=[each.tcp if tcp else each.unix for each in fleet.processes],
            backend=fleet.backend,
            slots=[f"{slot}*" if groups else slot for slot in fleet.slots],
            prepare={"command": list(fleet.install), "timeout": "10s"},
            resolve={"command": ["sh", "-c", script, "resolve", "{version}"]},
            state=str(folder / "state"),
            initial="v1.0.0",
            drain="1s",
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(_nobody)) as http:
            world = HaproxyWorld(options, http, Clock())
            world.fleet = fleet
            yield world


def _two_over_tcp(folder: Path) -> AbstractAsyncContextManager[World]:
    return haproxy_world(folder, tcp=True, processes=2)


WORLDS: dict[str, Callable[[Path], AbstractAsyncContextManager[World]]] = {
    "http": http_world,
    "command": command_world,
    "haproxy-unix": haproxy_world,
    "haproxy-tcp-two": _two_over_tcp,
}


def _nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nobody should be asked for {request.url}")
