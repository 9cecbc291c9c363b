"""The signed links by which somebody stops the notices that reach them.

A link carries the address and the service; nothing has to be looked up to believe it, and it works
for as long as the key is the same.
"""

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

from bot.domain.addresses import is_address, same
from bot.domain.secret import Secret

EVERYTHING = ""
"""In place of a service: all of them."""

PATH = "/unsubscribe"

_SIGNED = 16
"""Bytes of the signature: 128 bits."""


class Leaving(NamedTuple):
    """Who wants no more notices, and about what."""

    address: str
    service: str


def key_from(secret: Secret) -> bytes:
    """The key of the links, made from a secret that is used for something else, too."""
    return hmac.digest(secret.reveal().encode(), b"countersign: unsubscribe", hashlib.sha256)


def link(base: str, key: bytes, address: str, service: str) -> str:
    """The link for one address and one service. base: where the bot is reached, with no path."""
    body = f"{same(address)}\n{service}".encode()
    token = f"{_text(body)}.{_text(_signature(key, body))}"
    return f"{base.rstrip('/')}{PATH}?t={token}"


def read(key: bytes, token: str) -> Leaving | None:
    """What a link says; None when it was not made with this key, or has been cut short."""
    words, _, signature = token.partition(".")
    try:
        body, signed = _bytes(words), _bytes(signature)
    except (ValueError, binascii.Error):
        return None
    if not hmac.compare_digest(signed, _signature(key, body)):
        return None
    address, _, service = body.decode().partition("\n")
    return Leaving(address, service) if is_address(address) else None


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_SIGNED]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
