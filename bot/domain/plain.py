"""The domain's texts without their tokens, for files and pictures: names, and times in UTC."""

import re
from datetime import UTC, datetime

_TOKEN = re.compile(r"@\[([^\[\]\s]{1,100})\]|(?<![A-Za-z0-9])t\[([0-9]{1,11})\]")


def plain(text: str) -> str:
    """`@[ada]` becomes ada, `t[0]` becomes 1970-01-01 00:00 UTC."""

    def fill(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        return f"{datetime.fromtimestamp(int(found[2]), UTC):%Y-%m-%d %H:%M} UTC"

    return _TOKEN.sub(fill, text)
