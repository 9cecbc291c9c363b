"""How calls to an HTTP deployer are signed, for those that make them and those that check."""

import hashlib
import hmac


def sign(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """The value of the header X-Countersign-Signature.

    timestamp: seconds since 1970 as text, as sent in X-Countersign-Timestamp. method: in capitals.
    path: path and query exactly as on the wire. body: the bytes sent, empty when there are none.
    """
    text = f"v1:{timestamp}:{method}:{path}:".encode() + body
    return "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
