"""Whether Slack still hears the bot, and the bot Slack: else traffic must not grow.

Who can't press a button can't stop a release, so a bot that nothing reaches counts as silent.
"""

from bot.ports import SHUT_OUT

PATIENCE = 120.0
"""Seconds without an answer after which the bot counts as unheard."""


class Hearing:
    """What came of the latest calls. Instants are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._refused = ""
        self._unheard_since: float | None = None
        self._deaf_since: float | None = None

    def answered(self, code: str = "", words: str = "") -> None:
        """Slack has answered. code: its word for a refusal, "" when it did what was asked."""
        self._refused = words if code in SHUT_OUT else ""
        self._unheard_since = None

    def lost(self, now: float) -> None:
        """There was no answer, or only that Slack is not well."""
        if self._unheard_since is None:
            self._unheard_since = now

    def connected(self, now: float, *, there: bool) -> None:
        """Whether what people do can arrive (Socket Mode; over HTTP nobody knows)."""
        if there:
            self._deaf_since = None
        elif self._deaf_since is None:
            self._deaf_since = now

    def silent(self, now: float) -> str:
        """Why nothing can be said, or nothing be heard, just now; "" when all is well."""
        if self._refused:
            return self._refused
        if (minutes := _minutes(self._unheard_since, now)) is not None:
            return f"Slack has not answered for {minutes} minutes"
        if (minutes := _minutes(self._deaf_since, now)) is not None:
            return f"no connection to Slack for {minutes} minutes, so no button works"
        return ""


def _minutes(since: float | None, now: float) -> int | None:
    if since is None or now - since < PATIENCE:
        return None
    return int((now - since) // 60)
