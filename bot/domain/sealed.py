"""Short texts that travel outside and come back: whoever has no key can't make or change one."""

import base64
import binascii
import hashlib
import hmac

from bot.domain.secret import Secret

_SIGNED = 16
"""Bytes of the signature: 128 bits."""


def key_from(secret: Secret, purpose: str) -> bytes:
    """A key made from a secret that is used for something else, too; another for each purpose."""
    return hmac.digest(secret.reveal().encode(), f"countersign: {purpose}".encode(), hashlib.sha256)


def seal(key: bytes, text: str) -> str:
    """The text with its signature, fit for a link."""
    body = text.encode()
    return f"{_text(body)}.{_text(_signature(key, body))}"


def unseal(key: bytes, token: str) -> str | None:
    """The text; None when it was not sealed with this key, or has been cut short."""
    words, _, signature = token.partition(".")
    try:
        body, signed = _bytes(words), _bytes(signature)
    except (ValueError, binascii.Error):
        return None
    return body.decode() if hmac.compare_digest(signed, _signature(key, body)) else None


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_SIGNED]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
