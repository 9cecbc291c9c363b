"""What is said of the numbers that are kept for a post-mortem."""

import pytest

from bot.engine.wellbeing import kept_words
from tests.domain.builders import soaking


@pytest.mark.parametrize(
    ("entries", "looks", "words"),
    [
        (1, 1, "1 audit entry and 1 measurement of"),
        (10, 0, "10 audit entries and 0 measurements of"),
    ],
)
def test_one_is_not_said_like_many(entries: int, looks: int, words: str) -> None:
    short, all_of_it = kept_words(soaking(), entries, looks)
    assert short.startswith(words)
    assert short in all_of_it
