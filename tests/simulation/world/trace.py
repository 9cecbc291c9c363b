"""Everything that happened, in order: what a person reads, and a fingerprint of it."""

import hashlib
from collections.abc import Callable


class Trace:
    """now: seconds since the beginning. Lines are kept; marks only count for the fingerprint."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._hash = hashlib.sha256()
        self.lines: list[str] = []
        self.marks = 0

    def say(self, who: str, what: str) -> None:
        """Something worth reading."""
        line = f"{_clock(self._now())}  {who:<8} {what}"
        self.lines.append(line)
        self._hash.update(line.encode())

    def mark(self, what: str) -> None:
        """Something too small to read."""
        self.marks += 1
        self._hash.update(f"{self._now():.6f} {what}\n".encode())

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()[:16]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):3d}:{rest:06.3f}"
