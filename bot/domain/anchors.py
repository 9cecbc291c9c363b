"""Anchors: ends of the record that are kept where nobody who can write to the record can.

A chain of hashes shows what was altered inside it. That its end was cut off, or that all of it was
written anew, shows only against an end of it that lies elsewhere.
"""

import re
from collections.abc import Iterator

import msgspec

_WRITTEN = re.compile(r"(?<![0-9A-Za-z])([0-9]{1,18}):([0-9a-f]{64})(?![0-9A-Za-z])")


class Anchor(msgspec.Struct, frozen=True):
    """The head of the chain at some time. id: 0 for an empty one. hash: 64 hex digits."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"


def anchors_in(text: str) -> Iterator[Anchor]:
    """Every anchor that stands anywhere in a text, such as messages copied from Slack."""
    return (Anchor(int(id_), hash_) for id_, hash_ in _WRITTEN.findall(text))
