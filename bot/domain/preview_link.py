"""The signed links to the page that shows how a mail will look, for those who approve it.

A link names one message of one notice and when it ends. Whoever holds it can look and do nothing
else; there is nothing to log in to, since the words are meant for everybody anyway.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.domain import sealed
from bot.domain.secret import Secret

PATH = "/notices/preview"

VALID = timedelta(days=7)
"""How long a link works after the card that shows it was drawn."""


class Seen(NamedTuple):
    """What a link shows: the message with this number, of this notice."""

    notice: str
    number: int


def key_from(secret: Secret) -> bytes:
    """The key of the links, made from a secret that is used for something else, too."""
    return sealed.key_from(secret, "preview")


def link(base: str, key: bytes, seen: Seen, now: datetime) -> str:
    """The link to a message. base: where the bot is reached, with no path. now: aware."""
    until = int((now + VALID).timestamp())
    token = sealed.seal(key, f"{until}\n{seen.number}\n{seen.notice}")
    return f"{base.rstrip('/')}{PATH}?t={token}"


def read(key: bytes, token: str, now: datetime) -> Seen | None:
    """What a link shows; None when it is not ours, was changed, or has ended."""
    text = sealed.unseal(key, token)
    if text is None:
        return None
    until, number, notice = text.split("\n", 2)
    if now >= datetime.fromtimestamp(int(until), UTC):
        return None
    return Seen(notice, int(number))
