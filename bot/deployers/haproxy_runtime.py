"""The runtime socket of one HAProxy process: one command line per connection, plain text back.

HAProxy answers success with an empty reply and a mistake with a sentence, both without any code;
so whoever changes something reads it back afterwards.
"""

import asyncio
import csv
import io
from collections.abc import Iterable

import msgspec

from bot.ports import PermanentError, TemporaryError

MAX_WEIGHT = 256
"""HAProxy's own limit for the weight of a server."""

_UP = 2
_MAINT = 0x01 | 0x02 | 0x04 | 0x20 | 0x40  # forced, inherited, by configuration, by resolution
_DRAIN = 0x08 | 0x10
_CHECKED = 0x04
_LIMIT = 1 << 22


class RuntimeAddress(msgspec.Struct, frozen=True):
    """Where a process listens: a path, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"


def parse_address(text: str) -> RuntimeAddress:
    """`unix:/path` or `tcp:host:port` ([::1] for IPv6). Raises ValueError saying what is wrong."""
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return RuntimeAddress(path=rest)
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return RuntimeAddress(host=host.strip("[]"), port=int(port))
    raise ValueError(f"{text!r} is no socket; write unix:/run/haproxy/admin.sock or tcp:host:port")


class Server(msgspec.Struct, frozen=True):
    """One server line of a backend, as one process sees it.

    weight: as set at runtime, 0..256. up: its checks say so. maint, drain: by whoever forced it.
    checked: HAProxy checks its health, so that `up` means something.
    """

    name: str
    weight: int
    up: bool
    maint: bool
    drain: bool
    checked: bool

    @property
    def share(self) -> int:
        """The weight that counts: none while in maintenance or drained."""
        return 0 if self.maint or self.drain else self.weight

    @property
    def ready(self) -> bool:
        return self.up and not self.maint


class HaproxyProcess:
    """Talks to one process. Never retries; one connection per command, as HAProxy expects."""

    def __init__(self, address: RuntimeAddress, *, limit: float) -> None:
        """limit: seconds for one command, connecting included."""
        self.address = address
        self._limit = limit

    async def ask(self, command: str) -> str:
        """Send one line (commands separated by `;`) and return the whole answer.

        Raises TemporaryError when the process can't be reached or does not answer in time.
        """
        sent = False
        try:
            async with asyncio.timeout(self._limit):
                reader, writer = await self._connect()
                try:
                    writer.write(command.encode() + b"\n")
                    sent = True
                    await writer.drain()
                    answer = await reader.read(_LIMIT)
                    while chunk := await reader.read(_LIMIT):
                        answer += chunk
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            raise TemporaryError(f"{self.address}: {why}", unknown=sent) from error
        return answer.decode("utf-8", "replace").strip()

    async def change(self, commands: Iterable[str]) -> None:
        """Send changes in one line, so that no request falls between them.

        Raises PermanentError with HAProxy's own words when it refuses one of them.
        """
        line = "; ".join(commands)
        if not line:
            return
        answer = await self.ask(line)
        if answer:
            raise PermanentError(f"{self.address} refused: {answer}", code="refused")

    async def servers(self, backend: str) -> dict[str, Server]:
        """The servers of a backend by name. Raises PermanentError when there is no such backend."""
        answer = await self.ask(f"show servers state {backend}")
        lines = answer.splitlines()
        if len(lines) < 2 or not lines[1].startswith("# "):
            raise PermanentError(f"{self.address}: {answer or 'no answer'}", code="no_backend")
        names = lines[1][2:].split(" ")
        rows = (dict(zip(names, line.split(" "), strict=False)) for line in lines[2:] if line)
        return {row["srv_name"]: _server(row) for row in rows}

    async def sessions(self, backend: str) -> dict[str, int]:
        """Sessions now open to each server of a backend."""
        answer = await self.ask(f"show stat {backend} 4 -1")
        rows = csv.DictReader(io.StringIO(answer.removeprefix("# ")))
        return {row["svname"]: int(row["scur"] or 0) for row in rows}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.address.path:
            return await asyncio.open_unix_connection(self.address.path)
        return await asyncio.open_connection(self.address.host, self.address.port)


def _server(row: dict[str, str]) -> Server:
    admin = int(row["srv_admin_state"])
    return Server(
        name=row["srv_name"],
        weight=int(row["srv_uweight"]),
        up=int(row["srv_op_state"]) == _UP,
        maint=bool(admin & _MAINT),
        drain=bool(admin & _DRAIN),
        checked=bool(int(row["srv_check_state"]) & _CHECKED),
    )
