"""Which of many like cases run every day."""

from collections.abc import Sequence
from typing import Any

import pytest


def one_of(*values: Any) -> Sequence[Any]:
    """The values of a parameter: the first one runs every day, the others in the thorough tests.

    For scenarios of a second each, of which all go the same way unless something is very wrong.
    """
    first, *others = values
    return [first, *(pytest.param(value, marks=pytest.mark.thorough) for value in others)]
