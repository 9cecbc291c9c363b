"""How fast one channel may be written to.

Slack takes about one message per second and channel and forgives short bursts. This is the
generic cell rate algorithm (ITU-T I.371) as a calculation: the clock is passed in.
"""

INTERVAL = 1.0
"""Seconds between messages in the long run."""

BURST = 3
"""How many messages may come at once after a silence."""


class Pacer:
    """When the next message to a channel may leave; times are seconds of a monotonic clock."""

    def __init__(self, interval: float = INTERVAL, burst: int = BURST) -> None:
        self._interval = interval
        self._slack = interval * (burst - 1)
        self._due: dict[str, float] = {}

    def wait(self, channel: str, now: float) -> float:
        """Seconds until the channel takes a message, 0 for at once. Reserves nothing."""
        return max(0.0, self._due.get(channel, now) - self._slack - now)

    def reserve(self, channel: str, now: float) -> float:
        """Take the next place in the channel; returns the seconds to wait before using it."""
        wait = self.wait(channel, now)
        self._due[channel] = max(self._due.get(channel, now), now) + self._interval
        self._forget(now)
        return wait

    def hold(self, channel: str, now: float, seconds: float) -> None:
        """The channel takes nothing for `seconds`, because Slack said so."""
        self._due[channel] = max(self._due.get(channel, now), now + seconds + self._slack)

    def _forget(self, now: float) -> None:
        """Keep only channels with something to remember."""
        if len(self._due) > 1000:
            self._due = {name: due for name, due in self._due.items() if due > now}
