"""Mail addresses: what may be written to, and who it comes from.

Only plain addresses are taken (RFC 5321's dot-strings, in ASCII): quoted local parts, comments and
routes are legal and are used by nobody but those who want to slip something into a header.
"""

import re
from typing import NamedTuple

LONGEST = 254
"""Characters of an address that can be used in SMTP (RFC 5321, 4.5.3.1.3 less the brackets)."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"
_SENDER = re.compile(
    rf'(?:"?(?P<name>[^"<>\x00-\x1f\x7f]*?)"? ?<)?(?P<address>{_ADDRESS})(?P<end>>?)'
)


class Sender(NamedTuple):
    """Who a mail is from. name: as people read it, may be empty."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.address.rpartition("@")[2].lower()


def is_address(text: str) -> bool:
    """Whether this is one plain address and nothing else."""
    local = text.partition("@")[0]
    return len(text) <= LONGEST and len(local) <= 64 and bool(re.fullmatch(_ADDRESS, text))


def same(address: str) -> str:
    """One spelling for addresses that reach the same person: nearly everybody ignores case."""
    return address.strip().lower()


def sender(text: str) -> Sender:
    """`Acme <status@example.com>`, or the address alone. Raises ValueError for anything else."""
    found = _SENDER.fullmatch(text.strip())
    if found is None or bool(found["end"]) != (found["name"] is not None):
        raise ValueError(f"{text!r} is not an address like Acme <status@example.com>")
    if not is_address(found["address"]):
        raise ValueError(f"{found['address']!r} is too long for an address")
    return Sender((found["name"] or "").strip(), found["address"])
