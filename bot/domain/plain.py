"""The domain's plain text where nothing can be linked: dialogs, terminals, tickets, files.

In it `@[person]` stands for a person and `t[unix seconds]` for an instant.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

TOKEN = re.compile(r"@\[([^\[\]\s]{1,100})\]|(?<![A-Za-z0-9])t\[([0-9]{1,11})\]")
"""A person, or an instant."""

LAST_INSTANT = 253_402_300_799
"""Unix seconds: the end of the year 9999."""


def plain(text: str, names: Mapping[str, str] | None = None, *, seconds: bool = False) -> str:
    """The text with names for people, and UTC for instants."""
    form = "%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC"

    def fill(found: re.Match[str]) -> str:
        if found[1] is not None:
            return (names or {}).get(found[1], found[1])
        unix = min(int(found[2]), LAST_INSTANT)
        return datetime.fromtimestamp(unix, UTC).strftime(form)

    return TOKEN.sub(fill, text)
