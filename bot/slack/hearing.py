"""Whether Slack still hears the bot: what is not heard must not lead to more traffic."""

from bot.ports import SHUT_OUT

PATIENCE = 120.0
"""Seconds without an answer after which the bot counts as unheard."""


class Hearing:
    """What came of the latest calls. Instants are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._refused = ""
        self._unheard_since: float | None = None

    def answered(self, code: str = "", words: str = "") -> None:
        """Slack has answered. code: its word for a refusal, "" when it did what was asked."""
        self._refused = words if code in SHUT_OUT else ""
        self._unheard_since = None

    def lost(self, now: float) -> None:
        """There was no answer, or only that Slack is not well."""
        if self._unheard_since is None:
            self._unheard_since = now

    def silent(self, now: float) -> str:
        """Why nothing can be said just now, "" when it can."""
        if self._refused:
            return self._refused
        since = self._unheard_since
        if since is None or now - since < PATIENCE:
            return ""
        return f"Slack has not answered for {int((now - since) // 60)} minutes"
