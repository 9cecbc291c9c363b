"""What can be kept as text, by every database and in every encoding."""

import re
from collections.abc import Mapping
from typing import Any

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def is_storable(data: Any) -> bool:
    """Whether no text in plain data, keys included, holds a NUL or half a character.

    JSON can write both (`\\u0000`, `\\ud800`); PostgreSQL refuses the one and UTF-8 the other.
    """
    left = [data]
    while left:
        each = left.pop()
        if isinstance(each, str):
            if _NO_TEXT.search(each):
                return False
        elif isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            left += each
    return True
