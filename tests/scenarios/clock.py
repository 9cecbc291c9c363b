"""Time that passes only when a test says so, or when nothing is left to do but wait.

The event loop's clock, the bot's clock and the clock of the workspace are one: a bot that waits its
turn at Slack lets seconds pass for everybody, without a real one going by.
"""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class _Jumping(selectors.DefaultSelector):
    """Never waits for a timer: the loop's clock jumps to it, unless a program is under way."""

    loop: "PatientLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or self.loop.real:
            return super().select(timeout)
        if self.loop.programs_run:
            return super().select(0.01)
        ready = super().select(min(timeout, self.loop.linger))
        if not ready and timeout > 0:
            self.loop.skipped += timeout
        return ready


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be ahead of the machine's.

    real: wait for timers like any other loop, because something outside has to answer.
    skipped: seconds that were jumped over. linger: real seconds for which sockets are looked at
    before the clock jumps, for tests that speak to a server over a socket of this machine.
    """

    def __init__(self) -> None:
        selector = _Jumping()
        selector.loop = self
        self.real = False
        self.skipped = 0.0
        self.linger = 0.0
        self._programs: list[Any] = []
        super().__init__(selector)

    @property
    def programs_run(self) -> bool:
        """Whether a program is under way, which takes the time that it takes."""
        self._programs = [each for each in self._programs if each.get_returncode() is None]
        return bool(self._programs)

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        made = await super()._make_subprocess_transport(*args, **kwargs)  # type: ignore[misc]
        self._programs.append(made)
        return made

    def time(self) -> float:
        """Stands still between jumps, so that how fast a machine is makes no difference."""
        return super().time() if self.real else self.skipped


class TestClock:
    """`bot.engine.clock.Clock` over the running loop. ahead: what `now` has jumped by itself."""

    __test__ = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.ahead = timedelta()

    def now(self) -> datetime:
        """What the clock on the wall shows."""
        return NOON + timedelta(seconds=self.monotonic()) + self.ahead

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return round(self._loop.time() - self._began, 6)

    def timestamp(self) -> float:
        """`now` in epoch seconds."""
        return self.now().timestamp()
