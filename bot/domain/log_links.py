"""Links to the logs of a service, for the time and the version of an incident.

The address is a template of the configuration. What stands in braces is filled in, encoded as a
part of an address: {service}, {environment}, {version}; {from} and {until} as 2026-11-21T10:00:00Z,
{from_ms} and {until_ms} as milliseconds since 1970.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from bot.domain.documents import DocumentError, Path, nearest

BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=5)
"""How much more is looked at than the incident itself."""

PLACES = ("service", "environment", "version", "from", "until", "from_ms", "until_ms")

_PLACE = re.compile(r"\{([^{}]*)\}")


def mistakes_of_logs(template: str, path: Path) -> Iterator[DocumentError]:
    """What is wrong with an address of logs; "" is fine and means that there is none."""
    if not template:
        return
    if not template.startswith(("https://", "http://")):
        hint = "write it like https://logs.example.com/?q={version}&from={from}&to={until}"
        yield DocumentError(path, "is no address", hint)
    elif set(template) & set(" <>|\n"):
        yield DocumentError(path, "an address has no blanks and no < > |", "encode them as %20 …")
    for name in _PLACE.findall(template):
        if name not in PLACES:
            yield DocumentError(path, f"nothing is known as {{{name}}}", nearest(name, PLACES))


def filled(
    template: str,
    *,
    service: str,
    environment: str,
    version: str,
    began_at: datetime,
    ended_at: datetime,
) -> str:
    """The address for a stretch of time, a little widened at both ends; "" without a template."""
    begins, ends = began_at - BEFORE, ended_at + AFTER
    words = {
        "service": service,
        "environment": environment,
        "version": version,
        "from": _instant(begins),
        "until": _instant(ends),
        "from_ms": str(int(begins.timestamp()) * 1000),
        "until_ms": str(int(ends.timestamp()) * 1000),
    }
    return _PLACE.sub(lambda found: quote(words.get(found[1], ""), safe=""), template)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
