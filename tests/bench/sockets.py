"""How soon Socket Mode is whole again after a connection ended, and what people noticed of it.

The real program with its real pace, against the stand-in's WebSockets. Somebody types a command
five times a second all along; what failed for them is counted.

    python -m tests.bench.sockets
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bot.practice.deliveries import Deliveries
from tests.config.test_serving import line, serving
from tests.config.test_serving_sockets import Slack, slack

EVERY = 0.2
"""Seconds between two commands."""

GRACE = 10.0
"""Seconds from Slack's warning until it closes the connection."""

SETTLED = 1.0
"""Seconds for which commands are typed after both connections are there again."""


@dataclass
class Typist:
    """Types the same harmless command again and again. sent, failed: how many."""

    deliveries: Deliveries
    sent: int = 0
    failed: int = 0
    done: bool = False

    async def type(self) -> None:
        """Until it is done; a command that hangs does not keep the next one back."""
        async with asyncio.TaskGroup() as typing:
            while not self.done:
                typing.create_task(self._one())
                await asyncio.sleep(EVERY)

    async def _one(self) -> None:
        space = self.deliveries._space
        ada, channel = space.people["U0ADA"], space.channels["C0CHECKOUT"]
        self.sent += 1
        answer = await self.deliveries.say(ada, channel, "/release help")
        self.failed += not answer["ok"]


@dataclass(frozen=True)
class Case:
    """What ends connections. greeted: how many new ones it takes."""

    name: str
    greeted: int
    cause: Callable[[Slack], Awaitable[None]]


async def _warned(far: Slack) -> None:
    await far.link.refresh("warning")
    asyncio.get_running_loop().call_later(GRACE, lambda: asyncio.ensure_future(far.link.part()))


async def _broken(far: Slack) -> None:
    await far.link.cut()


async def _one_silent(far: Slack) -> None:
    far.link.silence(0)


async def _all_silent(far: Slack) -> None:
    far.link.silence()


CASES = (
    Case("Slack warns that both will be closed", 2, _warned),
    Case("both break", 2, _broken),
    Case("one falls silent", 1, _one_silent),
    Case("both fall silent", 2, _all_silent),
)


async def measured(case: Case, far: Slack) -> str:
    """One row: seconds until both are there again, commands that were typed and that failed."""
    typist = Typist(far.standin.deliveries)
    typing = asyncio.create_task(typist.type())
    await asyncio.sleep(SETTLED)
    wanted, began = far.link.greeted + case.greeted, time.monotonic()
    await case.cause(far)
    while far.link.greeted < wanted:
        await asyncio.sleep(0.01)
    took = time.monotonic() - began
    while far.link.connections != 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(SETTLED)
    typist.done = True
    await typing
    return f"| {case.name} | {took:.1f} s | {typist.sent} | {typist.failed} |"


async def table(rounds: int) -> None:
    """Print the table."""
    print("| What happens | until whole again | commands typed | failed |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        async with slack() as far, serving(Path(folder), **far.env) as process:
            await line(process)
            while far.link.connections != 2:
                await asyncio.sleep(0.01)
            for case in CASES * rounds:
                print(await measured(case, far), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each case is tried")
    asyncio.run(table(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
