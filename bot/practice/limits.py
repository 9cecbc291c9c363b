"""Slack's rate limits, for the runs that ask for them: tiers per minute, one post per second."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
WINDOW = timedelta(minutes=1)
ONE_POST = timedelta(seconds=1)


class RateLimits:
    """Counts calls per method and posts per channel. `now`: the present instant, aware."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)
        self._posts: dict[str, datetime] = {}

    def wait(self, method: str, tier: int, channel: str) -> int:
        """Whole seconds to wait before this call; 0: it may go, and has been counted."""
        if method == "chat.postMessage":
            return self._post(channel)
        return self._tiered(method, tier) if tier else 0

    def _post(self, channel: str) -> int:
        now = self._now()
        last = self._posts.get(channel)
        if last is not None and now - last < ONE_POST:
            return 1
        self._posts[channel] = now
        return 0

    def _tiered(self, method: str, tier: int) -> int:
        now, calls = self._now(), self._calls[method]
        while calls and now - calls[0] >= WINDOW:
            calls.popleft()
        if len(calls) >= PER_MINUTE[tier]:
            return max(1, math.ceil((calls[0] + WINDOW - now).total_seconds()))
        calls.append(now)
        return 0
