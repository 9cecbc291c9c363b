"""A limit that is an edge of the histogram is judged exactly, however the limit came about."""

from bot.domain.questions import slower_than
from bot.domain.samples import Buckets

BUCKETS = Buckets(100, ((0.4, 50), (0.6, 90), (1.0, 100)))


def test_a_limit_made_of_a_baseline_meets_the_edge_that_it_means() -> None:
    assert 0.4 * 1.5 != 0.6
    assert slower_than(BUCKETS, 0.4 * 1.5) == slower_than(BUCKETS, 0.6) == (10, 10)


def test_a_limit_between_two_edges_is_never_taken_for_one() -> None:
    assert slower_than(BUCKETS, 0.6001) == (0, 10)
    assert slower_than(BUCKETS, 0.5999) == (10, 50)
