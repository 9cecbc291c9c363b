"""The simulation plays what the product does, and the tables of the manual are what it prints."""

from pathlib import Path

import numpy as np
import pytest

from bot.domain.comparing import Side, judge_ratio
from bot.domain.early import Trend, convinced, observe
from bot.domain.evidence import Verdict
from bot.domain.sequential import above, judge
from tests.simulation import verdicts
from tests.simulation.beside import after, slower
from tests.simulation.soaks import (
    DAY,
    NEVER,
    against_baseline,
    early,
    fails,
    fails_from,
    failures,
    fired,
    first,
    moving,
    passes_up_to,
    plainly_significant,
    separate,
    totals,
)
from tests.simulation.tables import happened, percent, soon

pytestmark = pytest.mark.thorough


def test_the_edges_are_those_of_the_product() -> None:
    requests = totals(50, 60)
    broken = fails_from(requests, 0.01)
    fine = passes_up_to(requests, 0.01, 0.02)
    for n, edge, most in zip(requests.tolist(), broken.tolist(), fine.tolist(), strict=True):
        assert above(n, edge, 0.01)
        assert not above(n, edge - 1, 0.01)
        assert judge(n, most + 1, 0.01, 0.02) is not Verdict.PASS
        if most >= 0:
            assert judge(n, most, 0.01, 0.02) is Verdict.PASS


@pytest.mark.parametrize(("per_minute", "share"), [(10, 0.05), (10, 0.02), (200, 0.03)])
def test_evidence_in_bulk_comes_when_it_comes_to_a_single_soak(
    per_minute: int, share: float
) -> None:
    shares = np.full(200, 0.001)
    shares[90:] = share
    bad = failures((1, per_minute), 12, per_minute, shares, 200)
    whole, hours = early(bad, per_minute, 0.01, 5)
    found: list[int] = []
    for row in bad.tolist():
        trend, at = Trend(), NEVER
        for minute, k in enumerate(row):
            trend = observe(trend, minute, per_minute, k, 5)
            if at == NEVER and convinced(trend, 0.01, 5, 4):
                at = minute + 1
        found.append(at)
    assert np.minimum(whole, hours).tolist() == found
    assert any(at < NEVER for at in found)


def test_ratios_in_bulk_are_those_of_the_product() -> None:
    bad, fine = against_baseline((3,), 5, (100, 1900), 5, 2, 60)
    for run in range(5):
        ours = failures((3, 1), 5, 100, 0.005, 60)[run].cumsum()
        theirs = failures((3, 2), 5, 1900, 0.001, 60)[run].cumsum()
        said = [
            judge_ratio(
                Side(100.0 * (t + 1), float(ours[t])),
                Side(1900.0 * (t + 1), float(theirs[t])),
                2,
                2,
            )
            for t in range(60)
        ]
        for verdict, at in ((Verdict.FAIL, bad[run]), (Verdict.PASS, fine[run])):
            assert (said.index(verdict) + 1 if verdict in said else NEVER) == at


def test_a_moving_sum_and_the_first_flag_are_counted_from_one() -> None:
    assert moving(np.array([[1, 2, 3, 4]]), 2).tolist() == [[1, 3, 5, 7]]
    assert first(np.array([[False, True, True], [False, False, False]])).tolist() == [2, NEVER]
    rows = np.array([[0, 5, 5, 5, 0]])
    assert first(separate(rows, 100, 0.01, 3)).tolist() == [4]


def test_one_error_in_three_hundred_is_neither_refused_nor_promoted() -> None:
    healthy = verdicts.gated((4,), 2000, 10, 0.0003)
    assert healthy.refused == pytest.approx(0.086, abs=0.03)
    assert healthy.failed == healthy.passed == 0
    bad = verdicts.gated((5,), 2000, 10, 0.005)
    assert 1 - bad.refused == pytest.approx(0.22, abs=0.04)
    assert bad.passed == 0


def test_more_traffic_lets_a_healthy_canary_pass() -> None:
    assert verdicts.gated((6,), 2000, 50, 0.0003).passed == pytest.approx(0.93, abs=0.03)
    assert verdicts.gated((7,), 2000, 200, 0.0003).strictly == pytest.approx(0.17, abs=0.04)


def test_the_codings_of_one_sentence_are_different_systems() -> None:
    healthy = fired(failures((8,), 200, 10, 0.0003, DAY), 10)
    assert happened(healthy.ticks5) == pytest.approx(0.987, abs=0.03)
    assert happened(healthy.ticks6) == pytest.approx(0.06, abs=0.06)
    assert happened(healthy.rule_or_evidence) == 0
    bad = fired(failures((9,), 400, 10, 0.05, 480), 10)
    assert np.median(bad.rule) == pytest.approx(110, abs=25)
    assert np.median(bad.rule_or_evidence) == pytest.approx(28, abs=4)


def test_five_times_the_limit_is_found_soon() -> None:
    for per_minute, minutes in ((50, 34), (200, 9), (1000, 2)):
        at = fails(failures((10, per_minute), 300, per_minute, 0.005, 120), per_minute, 0.001)
        assert np.median(at) == pytest.approx(minutes, rel=0.15, abs=1)


def test_looking_every_minute_at_the_limit_is_harmless_for_the_product_alone() -> None:
    bad = failures((11,), 300, 200, 0.001, DAY)
    assert plainly_significant(bad, 200, 0.001).any(axis=1).mean() > 0.2
    assert happened(fails(bad, 200, 0.001)) <= 0.01


def test_a_canary_as_quick_as_its_baseline_is_left_alone_and_a_slow_one_found() -> None:
    for sides in ((10, 190), (50, 950)):
        healthy = slower((16, *sides), 150, sides, 1)
        assert happened(healthy.rule) == happened(healthy.evidence) == 0
    assert np.median(slower((17,), 30, (50, 950), 5, 60).evidence) <= 10


def test_five_times_the_errors_of_the_hour_before_are_found_in_minutes() -> None:
    assert happened(after((18,), 1000, 200, 1)) == 0
    assert happened(after((18,), 1000, 2000, 2)) <= 0.01
    assert np.median(after((18,), 200, 2000, 5)) <= 4


def test_every_table_is_whole_and_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "verdicts.md").read_text()
    for table in verdicts.all_tables(2):
        lines = table.markdown().splitlines()
        assert {line.count("|") for line in lines[2:]} == {len(table.heads) + 1}
        assert "\n".join(lines[:4]) in manual


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.0002, "0.02 %"),
        (0.018, "1.8 %"),
        (0.26, "26 %"),
        (0.987, "98.7 %"),
    ],
)
def test_shares_are_printed_with_the_digits_that_matter(share: float, words: str) -> None:
    assert percent(share) == words


def test_what_is_rarely_found_is_not_called_found() -> None:
    assert soon(np.array([NEVER, NEVER, 5])) == "never (33 % within 30)"
    assert soon(np.array([4, 5, 6])) == "5 min"
    assert soon(np.array([], dtype=np.int64)) == "-"
