"""A real HAProxy fleet on loopback: two slots of small servers, runtime sockets, an exporter.

The servers answer with the name of the version in their slot, so that a test counts what really
arrived where. Everything ends with `stop`; what was started is stopped by its own process object.
"""

import asyncio
import http.client
import socket
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random, SystemRandom

from tests.parts import require

HOST = "127.0.0.1"
SLOTS = ("blue", "green")


class Slot:
    """What runs in one slot: `servers` HTTP servers that share a version and an error rate.

    An empty version answers 503 everywhere, health included: nothing is installed. Clear `gate` to
    hold requests back; `reached` is set by the first one. `requests` and `failed` are counted.
    """

    def __init__(self, name: str, servers: int, randomness: Random, folder: Path) -> None:
        self.name = name
        self._file = folder / f"{name}.version"
        self.error_rate = 0.0
        self.healthy = True
        self.requests = 0
        self.failed = 0
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.delay = 0.0
        self.ports: list[int] = []
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._count = servers
        self._randomness = randomness

    @property
    def version(self) -> str:
        """Kept in a file, so that an install command, a process of its own, can change it."""
        return self._file.read_text() if self._file.exists() else ""

    @version.setter
    def version(self, version: str) -> None:
        self._file.write_text(version)

    async def start(self) -> None:
        for _ in range(self._count):
            server = await asyncio.start_server(self._serve, HOST, 0)
            self._servers.append(server)
            self.ports.append(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        self.gate.set()
        for writer in tuple(self._writers):
            writer.close()
        for server in self._servers:
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1]
                status = await self._status(path)
                body = b'{"status": "healthy"}' if path == b"/health" else self.version.encode()
                writer.write(
                    f"HTTP/1.1 {status} .\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
                )
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _status(self, path: bytes) -> int:
        if not self.version or not self.healthy:
            return 503
        if path == b"/health":
            return 200
        self.requests += 1
        self.reached.set()
        await asyncio.sleep(self.delay)
        await self.gate.wait()
        if self._randomness.random() >= self.error_rate:
            return 200
        self.failed += 1
        return 500


class Process:
    """One HAProxy process: its runtime sockets, its frontend, its Prometheus exporter."""

    def __init__(self, folder: Path, index: int, configuration: Callable[["Process"], str]) -> None:
        self.folder = folder
        self.socket = folder / f"{index}.sock"
        self.port, self.front, self.stats = (free_port() for _ in range(3))
        self._configuration = configuration
        self._known = False
        self._file = folder / f"{index}.cfg"
        self._log = folder / f"{index}.log"
        self._child: asyncio.subprocess.Process | None = None

    @property
    def unix(self) -> str:
        return f"unix:{self.socket}"

    @property
    def tcp(self) -> str:
        return f"tcp:{HOST}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.front}/"

    @property
    def metrics_url(self) -> str:
        return f"http://{HOST}:{self.stats}/metrics"

    async def start(self) -> None:
        """Start it and wait until it answers on its runtime socket.

        Somebody may take a port just before HAProxy does. The first start then tries others; later
        ones have to come back where they were.
        """
        for _ in range(1 if self._known else 5):
            if await self._started():
                self._known = True
                return
            if not self._known:
                self.port, self.front, self.stats = (free_port() for _ in range(3))
        raise AssertionError(f"HAProxy did not start: {self._log.read_text()}")

    async def _started(self) -> bool:
        self._file.write_text(self._configuration(self))
        with self._log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                require("haproxy"), "-db", "-f", str(self._file), stdout=log, stderr=log
            )
        for _ in range(500):
            with suppress(OSError):
                if await self.ask("show info"):
                    return True
            if self._child.returncode is not None:
                break
            await asyncio.sleep(0.02)
        await self.stop()
        return False

    async def stop(self) -> None:
        """Kill it; nothing is left of its runtime state."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.kill()
            await self._child.wait()
            self._child = None

    async def ask(self, command: str) -> str:
        """What an operator types into the runtime socket."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        writer.write(command.encode() + b"\n")
        answer = await reader.read()
        writer.close()
        return answer.decode()


class HaproxyFleet:
    """Processes in front of the same two slots of backend `checkout`."""

    backend = "checkout"
    slots = SLOTS

    def __init__(
        self, folder: Path, *, processes: int = 1, servers: int = 1, seed: int = 1
    ) -> None:
        """folder: for configurations and logs. servers: per slot; more than one are named blue1,
        blue2 and so on."""
        self._sockets = tempfile.TemporaryDirectory(prefix="hx")  # socket paths must be short
        self.folder = folder
        randomness = Random(seed)
        self.blue, self.green = (Slot(name, servers, randomness, folder) for name in SLOTS)
        self.blue.version = "v1.0.0"
        place = Path(self._sockets.name)
        self.processes = [Process(place, index, self._configured) for index in range(processes)]

    async def __aenter__(self) -> "HaproxyFleet":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        for slot in (self.blue, self.green):
            await slot.start()
        for process in self.processes:
            await process.start()
        await self.until(lambda states: states["blue"] == "UP")

    async def stop(self) -> None:
        for process in self.processes:
            await process.stop()
        for slot in (self.blue, self.green):
            await slot.stop()
        self._sockets.cleanup()

    async def restart(self) -> None:
        """Every process from scratch: weights as configured, blue 100 and green 0."""
        for process in self.processes:
            await process.stop()
            await process.start()

    def slot(self, name: str) -> Slot:
        return self.blue if name == "blue" else self.green

    @property
    def install(self) -> tuple[str, ...]:
        """A command that installs {version} in {slot}, for the options of the deployer."""
        script = 'printf %s "$2" > "$3/$1.version"'
        return ("sh", "-c", script, "install", "{slot}", "{version}", str(self.folder))

    @property
    def url(self) -> str:
        return self.processes[0].url

    @property
    def metrics_url(self) -> str:
        return self.processes[0].metrics_url

    async def until(self, wanted: Callable[[dict[str, str]], bool]) -> None:
        """Wait until the states of the slots, by slot, are what is wanted on every process."""
        for _ in range(1000):
            states = [await self._states(process) for process in self.processes]
            if all(wanted(each) for each in states):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"HAProxy never got there: {states}")

    async def split(self, count: int, process: int = 0) -> Counter[str]:
        """Send requests one after the other and count the versions that answered."""
        return await asyncio.to_thread(_visit, self.processes[process].front, count)

    async def _states(self, process: Process) -> dict[str, str]:
        answer = await process.ask(f"show stat {self.backend} 4 -1")
        rows = [line.split(",") for line in answer.splitlines() if line and line[0] != "#"]
        return {row[1].rstrip("0123456789"): row[17].split(" ")[0] for row in rows}

    def _configured(self, process: Process) -> str:
        servers = "\n".join(
            f"    server {slot.name}{number if len(slot.ports) > 1 else ''} {HOST}:{port}"
            f" weight {weight} check inter 50ms rise 2 fall 2"
            for slot, weight in ((self.blue, 100), (self.green, 0))
            for number, port in enumerate(slot.ports, 1)
        )
        return f"""
global
    nbthread 1
    noreuseport
    stats socket {process.socket} mode 600 level admin
    stats socket ipv4@{HOST}:{process.port} level admin
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    timeout check 5s
frontend shop
    bind {HOST}:{process.front}
    default_backend {self.backend}
frontend exporter
    bind {HOST}:{process.stats}
    http-request use-service prometheus-exporter if {{ path /metrics }}
backend {self.backend}
    balance roundrobin
    option httpchk GET /health
{servers}
"""


def free_port() -> int:
    """A port nobody listens on now, below those that outgoing connections take for themselves:
    one of those could be gone again before HAProxy binds it."""
    anywhere = SystemRandom()
    while True:
        port = anywhere.randrange(10_240, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port


def _visit(port: int, count: int) -> Counter[str]:
    """Keep-alive requests over one connection; HAProxy balances each by itself."""
    seen: Counter[str] = Counter()
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    for _ in range(count):
        connection.request("GET", "/")
        seen[connection.getresponse().read().decode()] += 1
    connection.close()
    return seen
