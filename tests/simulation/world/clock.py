"""Time that jumps to the next thing that happens; nothing here ever waits."""

import asyncio
import selectors
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval

if TYPE_CHECKING:
    from tests.simulation.world.process import Process

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)
"""The bot's process that the running task belongs to; tasks hand it on to those they start."""


class DeadlockError(AssertionError):
    """Everybody waits, and nothing is going to happen any more."""


class _Jumping(selectors.DefaultSelector):
    loop: "SimLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError("everybody waits, and nothing is going to happen any more")
        if timeout > 0:
            self.loop.seconds += timeout
        return super().select(0)


class SimLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; knows which process of the bot a task belongs to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)
        self.set_task_factory(_owned)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self.seconds

    def run_in_executor(self, *_: Any) -> Any:  # type: ignore[override]
        """A thread would finish when the machine likes, not when the seed says."""
        raise AssertionError("a thread was asked for in simulated time")


def _owned(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    *,
    context: Context | None = None,
) -> "asyncio.Task[Any]":
    """Tell the process of every task that is its."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, context=context)
    process = PROCESS.get() if context is None else context.get(PROCESS)
    if process is not None:
        process.own(task)
    return task


class SimClock:
    """`bot.engine.clock.Clock` of one process. ahead: by how much its wall clock was set."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead = timedelta()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.monotonic()) + self.ahead

    def monotonic(self) -> float:
        return round(self._loop.time(), 6)

    def timestamp(self) -> float:
        """`now` in epoch seconds."""
        return self.now().timestamp()


class _Simulated(datetime):
    """What APScheduler takes the time from."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        loop = asyncio.get_running_loop()
        return (NOON + timedelta(seconds=round(loop.time(), 6))).astimezone(tz)


def take_over_apscheduler() -> None:
    """It reads the machine's clock by name; from now on it reads the simulation's."""
    for module in (
        apscheduler.schedulers.base,
        apscheduler.triggers.interval,
        apscheduler.executors.base,
    ):
        module.datetime = _Simulated
