"""The signed links by which somebody stops the notices that reach them.

A link carries the address and the service; nothing has to be looked up to believe it, and it works
for as long as the key is the same.
"""

from typing import NamedTuple

from bot.domain import sealed
from bot.domain.addresses import is_address, same
from bot.domain.secret import Secret

EVERYTHING = ""
"""In place of a service: all of them."""

PATH = "/unsubscribe"


class Leaving(NamedTuple):
    """Who wants no more notices, and about what."""

    address: str
    service: str


def key_from(secret: Secret) -> bytes:
    """The key of the links, made from a secret that is used for something else, too."""
    return sealed.key_from(secret, "unsubscribe")


def link(base: str, key: bytes, address: str, service: str) -> str:
    """The link for one address and one service. base: where the bot is reached, with no path."""
    token = sealed.seal(key, f"{same(address)}\n{service}")
    return f"{base.rstrip('/')}{PATH}?t={token}"


def read(key: bytes, token: str) -> Leaving | None:
    """What a link says; None when it was not made with this key, or has been cut short."""
    text = sealed.unseal(key, token)
    if text is None:
        return None
    address, _, service = text.partition("\n")
    return Leaving(address, service) if is_address(address) else None
