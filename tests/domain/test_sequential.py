"""The sequential test against reference numbers, against scipy, and against what it promises."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, xlogy

from bot.domain.comparing import (
    Side,
    canary_share,
    difference,
    judge_points,
    judge_ratio,
    ratio_interval,
)
from bot.domain.early import Row, Trend, confirmed, convinced, observe, odds_of, sustained
from bot.domain.evidence import Verdict
from bot.domain.outlook import MINUTES, SLOW, SPLIT, Needs, minutes, needs, why
from bot.domain.questions import slower_than
from bot.domain.samples import Buckets
from bot.domain.sequential import (
    above,
    default_rule_out,
    excluded,
    interval,
    judge,
    judge_between,
    judge_minutes,
    log_odds,
    odds_above,
    odds_below,
)

VECTORS: dict[str, list[Any]] = json.loads(
    (Path(__file__).parent / "vectors" / "sequential.json").read_text()
)
PASS, FAIL = Verdict.PASS, Verdict.FAIL
INCONCLUSIVE, UNKNOWN = Verdict.INCONCLUSIVE, Verdict.UNKNOWN

limits = st.floats(1e-9, 1 - 1e-9)
plan_limits = st.floats(1e-4, 0.5)


@st.composite
def counts(draw: st.DrawFn, most: int = 10**9) -> tuple[int, int]:
    n = draw(st.integers(1, most))
    return n, draw(st.integers(0, n))


def about(expected: float, digits: float = 6) -> Any:
    return pytest.approx(expected, rel=2 * 10**-digits, abs=10**-digits)


def rows_of(name: str) -> list[Any]:
    return [pytest.param(row, id=f"{name}{i}") for i, row in enumerate(VECTORS[name])]


# --- reference numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("row", rows_of("abs"))
def test_absolute_limits_agree_with_the_reference(row: dict[str, Any]) -> None:
    n, k, target, rule_out = row["n"], row["k"], row["target"], row["rule_out"]
    assert log_odds(n, k, target) == about(row["log_odds_at_target"], 5)
    assert judge(n, k, target, rule_out) == row["verdict"]
    assert odds_above(n, k, target) == about(row["odds_above"], 5)
    assert odds_below(n, k, rule_out) == about(row["odds_below"], 5)
    found = interval(n, k, target, rule_out)
    assert (found.low, found.high) == (about(row["low"]), about(row["high"]))
    wanted = needs(n, k, target, rule_out)
    assert (wanted.expected, wanted.best) == (row["needs"], row["needs_clean"])


@pytest.mark.parametrize("row", rows_of("table"))
def test_the_worked_examples_agree_with_the_reference(row: dict[str, Any]) -> None:
    n, k, target, rule_out = row["n"], row["k"], row["target"], row["rule_out"]
    assert log_odds(n, k, target) == about(row["log_odds"])
    assert judge(n, k, target, rule_out) == row["verdict"]
    wanted = needs(n, k, target, rule_out)
    assert (wanted.expected, wanted.best) == (row["needs"], row["needs_clean"])


@pytest.mark.parametrize("row", [*rows_of("ratio"), *rows_of("ratio_table")])
def test_ratios_agree_with_the_reference(row: dict[str, Any]) -> None:
    canary, baseline = Side(row["nc"], row["kc"]), Side(row["nb"], row["kb"])
    ratio, errors = row["ratio"], row["kc"] + row["kb"]
    share = canary_share(ratio, canary.n, baseline.n)
    assert share == about(row["theta"])
    assert log_odds(errors, canary.k, share) == about(row["log_odds"], 4)
    assert judge_ratio(canary, baseline, ratio, ratio) == row["verdict"]
    if "low" in row:
        found = ratio_interval(canary, baseline, ratio, ratio)
        assert (found.low, found.high) == (about(row["low"], 5), about(row["high"], 5))
        assert odds_above(errors, canary.k, share) == about(row["odds_above"], 4)
        assert odds_below(errors, canary.k, share) == about(row["odds_below"], 4)
        wanted = needs(errors, canary.k, share, share)
        assert (wanted.expected, wanted.best) == (row["needs"], row["needs_clean"])


@pytest.mark.parametrize("row", rows_of("delta"))
def test_points_above_a_baseline_agree_with_the_reference(row: dict[str, Any]) -> None:
    canary, baseline = Side(row["nc"], row["kc"]), Side(row["nb"], row["kb"])
    found = difference(canary, baseline, row["delta"])
    assert found.low == pytest.approx(row["low"], rel=1e-5)
    assert found.high == pytest.approx(row["high"], rel=1e-5)
    assert judge_points(canary, baseline, row["delta"], row["delta"]) == row["verdict"]


@pytest.mark.parametrize("row", rows_of("quantile"))
def test_quantiles_are_judged_by_the_edges_around_the_limit(row: dict[str, Any]) -> None:
    histogram = Buckets(2000, ((0.1, 1500), (0.25, 1900), (0.5, 1990), (1.0, 2000)))
    least, most = slower_than(histogram, row["limit"])
    assert (least, most) == (row["k_fail"], row["k_pass"])
    share = round(1 - row["q"], 9)
    assert judge_between(row["n"], least, most, share, share) == row["verdict"]


@pytest.mark.parametrize("row", rows_of("sign"))
def test_minutes_agree_with_the_reference(row: dict[str, Any]) -> None:
    odds = math.exp(log_odds(row["minutes"], row["worse"], 0.5))
    assert odds == about(row["odds"], 5)
    assert judge_minutes(row["minutes"], row["worse"]) == row["verdict"]


@pytest.mark.parametrize("row", rows_of("zero_error_n"))
def test_as_many_requests_are_needed_as_the_reference_says(row: dict[str, Any]) -> None:
    limit = row["limit"]
    assert needs(0, 0, limit, limit).best == row["n_zero_errors_20to1"]
    assert needs(0, 0, limit, limit, odds_pass=100).best == row["n_zero_errors_100to1"]
    for rate, n in ((0.3, row["n_pass_if_rate_0.3x"]), (0.5, row["n_pass_if_rate_0.5x"])):
        assert excluded(n, n * rate * limit, limit)
        assert not excluded(n - 1, (n - 1) * rate * limit, limit)
    for times in (2, 3, 5, 10):
        n = row[f"n_fail_if_rate_{times}x"]
        assert above(n, n * times * limit, limit)
        assert not above(n - 1, (n - 1) * times * limit, limit)


@pytest.mark.parametrize(("limit", "clean"), VECTORS["clean"])
def test_four_over_the_limit_clean_requests_suffice(limit: float, clean: int) -> None:
    assert needs(0, 0, limit, limit).best == clean


@pytest.mark.parametrize("row", rows_of("trigger"))
def test_evidence_for_triggers_agrees_with_the_reference(row: dict[str, Any]) -> None:
    hold, limit, rows = row["for_min"], row["limit"], row["minutes"]
    trend = trend_of(rows, hold)
    found = odds_of(trend, limit, hold)
    assert found.since_start == about(row["odds_phase"], 5)
    assert found.hours == about(row["odds_hour"], 5)
    last = tuple((n, k) for n, k in rows[-hold:])
    assert odds_above(sum(n for n, _ in last), sum(k for _, k in last), limit) == about(
        row["odds_window"], 4
    )
    rule = len(last) == hold and all(k / n > limit for n, k in last)
    assert rule == row["plain"]
    acts = (rule and confirmed(last, limit)) or convinced(trend, limit, hold, 2)
    assert acts == (row["state"] == "rollback")


# --- the number itself ----------------------------------------------------------------------


def by_scipy(n: float, k: float, p0: float) -> float:
    if p0 > 0.5:
        k, p0 = n - k, 1 - p0
    a, b = 0.5, 0.5 * (1 - p0) / p0
    mixture = float(betaln(a + k, b + n - k)) - float(betaln(a, b))
    return mixture - float(xlogy(k, p0)) - (n - k) * math.log1p(-p0)


@given(counts(10**5), st.floats(1e-4, 1 - 1e-4))
def test_log_odds_are_those_of_scipy(nk: tuple[int, int], p0: float) -> None:
    expected = by_scipy(*nk, p0)
    assert log_odds(*nk, p0) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@given(counts(100), st.floats(0.01, 0.99))
def test_small_counts_are_exact(nk: tuple[int, int], p0: float) -> None:
    assert log_odds(*nk, p0) == pytest.approx(by_scipy(*nk, p0), rel=1e-12, abs=1e-11)


@pytest.mark.parametrize("p0", [1e-6, 0.1, 0.37, 0.9, 1 - 1e-6])
def test_a_billion_requests_at_the_limit_lose_no_digit(p0: float) -> None:
    n = 10**9
    k = round(n * p0)
    now = log_odds(n, k, p0)
    bad = p0 * math.exp(log_odds(n + 1, k + 1, p0) - now)
    good = (1 - p0) * math.exp(log_odds(n + 1, k, p0) - now)
    assert bad + good == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize(("n", "k", "p0"), [(20, 3, 0.1), (7, 0, 0.3), (12, 9, 0.5), (15, 1, 0.04)])
def test_log_odds_are_the_mean_likelihood_under_the_prior(n: int, k: int, p0: float) -> None:
    a, b = 0.5, 0.5 * (1 - p0) / p0

    def weighed(u: float) -> float:  # with p = u * u, because the density has a pole at 0
        p = u * u
        return math.exp(
            math.log(2) + (a + k - 0.5) * math.log(p) + (b + n - k - 1) * math.log(1 - p)
        )

    mean = quad(weighed, 0, 1)[0] / math.exp(betaln(a, b))
    assert math.exp(log_odds(n, k, p0)) == pytest.approx(mean / (p0**k * (1 - p0) ** (n - k)))


@given(counts(), limits)
def test_one_more_trial_changes_the_odds_by_its_own_surprise_at_any_size(
    nk: tuple[int, int], p0: float
) -> None:
    """No digit is lost among large gammas: one step of a billion is still right."""
    n, k = nk
    size = 0.5 / min(p0, 1 - p0)
    a, b = (0.5, size * (1 - p0)) if p0 <= 0.5 else (size * p0, 0.5)
    now = log_odds(n, k, p0)
    scale = 1e-13 * max(1.0, abs(now))
    bad = math.log((a + k) / (size + n)) - math.log(p0)
    assert log_odds(n + 1, k + 1, p0) - now == pytest.approx(bad, rel=1e-6, abs=scale + 1e-6)
    good = math.log((b + n - k) / (size + n)) - math.log1p(-p0)
    assert log_odds(n + 1, k, p0) - now == pytest.approx(good, rel=1e-6, abs=scale + 1e-6)


@given(st.integers(0, 10**6), limits)
def test_at_the_limit_the_odds_are_a_fair_game(n: int, p0: float) -> None:
    k = round(n * p0)
    now = log_odds(n, k, p0)
    bad = p0 * math.exp(log_odds(n + 1, k + 1, p0) - now)
    good = (1 - p0) * math.exp(log_odds(n + 1, k, p0) - now)
    assert bad + good == pytest.approx(1, rel=1e-6)


@given(counts(10**6), limits, st.data())
def test_more_bad_trials_never_speak_for_the_release(
    nk: tuple[int, int], p0: float, data: st.DataObject
) -> None:
    n, k = nk
    more = data.draw(st.integers(k, n))
    slack = 1e-9 * max(1.0, abs(log_odds(n, more, p0)), abs(log_odds(n, k, p0)))
    if k > n * p0:
        assert log_odds(n, more, p0) >= log_odds(n, k, p0) - slack
    if more < n * p0:
        assert log_odds(n, more, p0) <= log_odds(n, k, p0) + slack


order = [PASS, INCONCLUSIVE, FAIL]


@given(counts(10**6), plan_limits, st.floats(1, 20), st.data())
def test_more_bad_trials_never_give_a_better_verdict(
    nk: tuple[int, int], target: float, times: float, data: st.DataObject
) -> None:
    n, k = nk
    more = data.draw(st.integers(k, n))
    rule_out = min(1.0, times * target)
    few, many = judge(n, k, target, rule_out), judge(n, more, target, rule_out)
    assert order.index(few) <= order.index(many)


@given(counts(10**6), limits, limits, limits, st.floats(0, 1))
def test_odds_are_convex_in_the_limit_with_the_bottom_at_the_counted_share(
    nk: tuple[int, int], centre: float, one: float, other: float, between: float
) -> None:
    n, k = nk
    left, right = log_odds(n, k, one, centre), log_odds(n, k, other, centre)
    middle = min(max(one * between + other * (1 - between), 1e-9), 1 - 1e-9)
    slack = 1e-8 * max(1.0, abs(left), abs(right))
    chord = left * between + right * (1 - between)
    assert log_odds(n, k, middle, centre) <= chord + slack
    bottom = log_odds(n, k, k / n, centre) if 0 < k < n else -math.inf
    assert bottom <= left + slack
    assert bottom <= slack


@given(counts(), st.integers(1, 2**30 - 1))
def test_good_and_bad_are_mirror_images(nk: tuple[int, int], numerator: int) -> None:
    n, k = nk
    p0 = numerator / 2**30  # so that 1 - p0 is exact
    assert log_odds(n, k, p0) == pytest.approx(log_odds(n, n - k, 1 - p0), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("n", "k", "p0"), [(1, 2, 0.1), (5, -1, 0.1), (5, 1, 1.5), (5, 1, -0.1)])
def test_odds_of_what_cannot_be_are_refused(n: float, k: float, p0: float) -> None:
    with pytest.raises(ValueError, match="no odds"):
        log_odds(n, k, p0)


@pytest.mark.parametrize("centre", [0.0, 1.0, -0.1, math.nan])
def test_odds_around_an_impossible_centre_are_refused(centre: float) -> None:
    with pytest.raises(ValueError, match="centred"):
        log_odds(10, 1, 0.1, centre)


def test_limits_of_nothing_and_of_everything_are_broken_by_a_single_trial() -> None:
    assert judge(100, 1, 0, 0) is FAIL
    assert judge(100, 0, 0, 0) is INCONCLUSIVE
    assert judge(100, 99, 1, 1) is PASS
    assert judge(100, 100, 1, 1) is INCONCLUSIVE


# --- verdicts -------------------------------------------------------------------------------


@given(plan_limits, st.floats(1, 5), st.booleans())
def test_without_requests_nothing_ever_passes(target: float, times: float, over: bool) -> None:
    rule_out = min(1.0, target * times)
    assert judge(0, 0, target, rule_out, soak_over=over) is INCONCLUSIVE
    nothing = Side(0, 0)
    some = Side(10_000, 10)
    assert judge_ratio(nothing, some, times, times) is INCONCLUSIVE
    assert judge_ratio(some, nothing, times, times) is INCONCLUSIVE
    assert judge_points(nothing, some, target, target) is INCONCLUSIVE
    assert judge_points(some, nothing, target, target) is INCONCLUSIVE
    assert judge_minutes(0, 0) is INCONCLUSIVE


@pytest.mark.parametrize(
    ("n", "k"), [(10, 11), (10, -1), (math.nan, 0), (10, math.nan), (math.inf, 0), (0, 1)]
)
def test_counts_that_cannot_be_true_are_unknown(n: float, k: float) -> None:
    fine = Side(100, 1)
    assert judge(n, k, 0.01, 0.01) is UNKNOWN
    assert judge_ratio(Side(n, k), fine, 2, 2) is UNKNOWN
    assert judge_ratio(fine, Side(n, k), 2, 2) is UNKNOWN
    assert judge_points(Side(n, k), fine, 0.01, 0.01) is UNKNOWN
    assert judge_points(fine, Side(n, k), 0.01, 0.01) is UNKNOWN
    assert needs(n, k, 0.01, 0.01) == Needs(None, None)
    assert "can't be true" in why(n, k, 0.01, 0.01)


def test_a_limit_that_is_no_number_is_unknown() -> None:
    assert judge(100, 1, math.nan, 0.1) is UNKNOWN
    assert judge(100, 1, 0.1, math.nan) is UNKNOWN


def test_limits_outside_of_shares_are_read_as_the_nearest_share() -> None:
    assert judge(10_000, 1, 1.7, 2.5) is judge(10_000, 1, 1, 1) is PASS
    assert judge(10_000, 1, -0.1, 0) is judge(10_000, 1, 0, 0) is FAIL


@given(counts(10**5), plan_limits, st.floats(1, 20))
def test_nothing_passes_before_the_soak_is_over_but_it_can_fail(
    nk: tuple[int, int], target: float, times: float
) -> None:
    rule_out = min(1.0, target * times)
    during = judge(*nk, target, rule_out, soak_over=False)
    after = judge(*nk, target, rule_out)
    assert during is (INCONCLUSIVE if after is PASS else after)


def test_a_share_above_its_target_does_not_pass_although_the_rollback_limit_is_excluded() -> None:
    assert excluded(2000, 4, 0.01)
    assert judge(2000, 4, 0.001, 0.01) is INCONCLUSIVE


def test_more_traffic_at_a_healthy_rate_settles_it() -> None:
    assert judge(20_000, 6, 0.001, 0.001) is PASS
    assert judge(200, 0, 0.001, 0.001) is INCONCLUSIVE


@given(counts(10**6), plan_limits, st.floats(1, 20))
def test_the_interval_says_the_same_as_the_verdict(
    nk: tuple[int, int], target: float, times: float
) -> None:
    n, k = nk
    rule_out = min(1.0, target * times)
    found = interval(n, k, target, rule_out)
    assert found.low <= k / n <= found.high
    near = 1e-9
    if found.low > target * (1 + near):
        assert above(n, k, target)
    if found.low < target * (1 - near):
        assert not above(n, k, target)
    if rule_out < 1 and found.high < rule_out * (1 - near):
        assert excluded(n, k, rule_out)
    if rule_out < 1 and found.high > rule_out * (1 + near):
        assert not excluded(n, k, rule_out)


def test_nothing_is_excluded_by_no_requests() -> None:
    found = interval(0, 0, 0.01, 0.01)
    assert (found.low, found.high) == (0, 1)
    found = ratio_interval(Side(100, 0), Side(100, 0), 2, 2)
    assert (found.low, found.high) == (0, math.inf)


def test_what_is_ruled_out_is_the_rollback_limit_or_twice_the_target() -> None:
    assert default_rule_out(0.001, 0.01) == 0.01
    assert default_rule_out(0.001, 0.0001) == 0.001
    assert default_rule_out(0.001) == 0.002
    assert default_rule_out(0.8) == pytest.approx(0.9)


@given(st.integers(1, 10**5), plan_limits, st.data())
def test_a_limit_between_two_edges_is_judged_no_better_and_no_worse_than_both(
    n: int, target: float, data: st.DataObject
) -> None:
    least = data.draw(st.integers(0, n))
    most = data.draw(st.integers(least, n))
    both = judge_between(n, least, most, target, target)
    assert (both is FAIL) == (judge(n, least, target, target) is FAIL)
    assert (both is PASS) == (judge(n, most, target, target) is PASS)


# --- baseline -------------------------------------------------------------------------------


def test_an_outage_of_both_sides_says_nothing_against_the_canary() -> None:
    assert judge_ratio(Side(5000, 2500), Side(95_000, 47_500), 2, 2) is PASS
    assert judge(5000, 2500, 0.01, 0.01) is FAIL


def test_sides_without_errors_leave_a_ratio_open() -> None:
    assert judge_ratio(Side(5000, 0), Side(95_000, 0), 2, 2) is INCONCLUSIVE


@given(st.floats(0.01, 0.99), st.integers(0, 500), st.integers(0, 500))
def test_the_configured_weight_decides_only_what_is_thought_likely_beforehand(
    weight: float, canary: int, baseline: int
) -> None:
    """With traffic that is split as configured, giving the weight changes nothing."""
    one, other = Side(1e6 * weight, canary), Side(1e6 * (1 - weight), baseline)
    assert judge_ratio(one, other, 2, 2, weight=weight) is judge_ratio(one, other, 2, 2)


def test_the_same_errors_on_more_traffic_are_less_than_a_multiple() -> None:
    assert judge_ratio(Side(5000, 60), Side(95_000, 60), 2, 2, weight=0.05) is FAIL
    even = Side(50_000, 60)
    assert judge_ratio(even, even, 2, 2) is PASS
    assert judge_ratio(even, even, 2, 2, weight=0.05) is INCONCLUSIVE


def test_a_ratio_above_its_target_does_not_pass_although_the_rollback_limit_is_excluded() -> None:
    canary, baseline = Side(50_000, 150), Side(50_000, 50)
    assert judge_ratio(canary, baseline, 2, 10) is INCONCLUSIVE
    assert judge_ratio(canary, baseline, 4, 10) is PASS
    assert judge_ratio(canary, baseline, 4, 10, soak_over=False) is INCONCLUSIVE


def test_points_above_the_baseline_fail_pass_or_stay_open() -> None:
    usual = Side(95_000, 95)
    assert judge_points(Side(5000, 150), usual, 0.01, 0.01) is FAIL
    assert judge_points(Side(5000, 5), usual, 0.01, 0.01) is PASS
    assert judge_points(Side(5000, 5), usual, 0.01, 0.01, soak_over=False) is INCONCLUSIVE
    assert judge_points(Side(50, 0), usual, 0.01, 0.01) is INCONCLUSIVE


def test_points_below_the_baseline_can_be_asked_for() -> None:
    usual = Side(95_000, 9_500)
    assert judge_points(Side(5000, 100), usual, -0.05, -0.05) is PASS
    assert judge_points(Side(5000, 480), usual, -0.05, -0.05) is FAIL


# --- what it takes --------------------------------------------------------------------------


@given(counts(20_000), plan_limits, st.floats(1, 20), st.integers(0, 10**6))
def test_what_is_needed_is_enough_and_no_less_would_be(
    nk: tuple[int, int], target: float, times: float, beyond: int
) -> None:
    n, k = nk
    rule_out = min(1.0, target * times)
    wanted = needs(n, k, target, rule_out)
    for m, rate in ((wanted.best, 0.0), (wanted.expected, k / n)):
        if m is None:
            continue
        assert judge(n + m, k + m * rate, target, rule_out) is PASS
        assert judge(n + m + beyond, k + (m + beyond) * rate, target, rule_out) is PASS
        if m > 0:
            assert judge(n + m - 1, k + (m - 1) * rate, target, rule_out) is not PASS
    if wanted.failing:
        assert above(n + wanted.failing, k + wanted.failing, target)
        assert not above(n + wanted.failing - 1, k + wanted.failing - 1, target)


@given(counts(20_000), plan_limits)
def test_waiting_helps_unless_the_limit_is_broken_and_at_this_rate_only_below_it(
    nk: tuple[int, int], target: float
) -> None:
    n, k = nk
    wanted = needs(n, k, target, target)
    assert (wanted.best is None) == above(n, k, target)
    assert (wanted.expected is None) == (k / n >= target)


def test_nothing_is_expected_of_a_rate_that_is_not_known() -> None:
    assert needs(0, 0, 0.01, 0.01) == Needs(None, 410, 5)


def test_even_a_limit_of_one_in_ten_millions_can_be_reached() -> None:
    assert needs(0, 0, 1e-7, 1e-7).best == 41_059_839


def test_trials_become_minutes_only_while_there_is_traffic() -> None:
    assert minutes(701, 10) == 70.1
    assert minutes(0, None) == 0
    assert minutes(None, 10) is None
    assert minutes(701, 0) is None
    assert minutes(701, None) is None
    assert minutes(701, math.inf) is None


# --- triggers -------------------------------------------------------------------------------


def trend_of(rows: list[Row] | list[Any], hold: int) -> Trend:
    trend = Trend()
    for minute, (n, k) in enumerate(rows):
        trend = observe(trend, minute, n, k, hold)
    return trend


def capped_by_sorting(rows: list[Row], hold: int) -> float:
    """The same number from all the rows at once."""
    worst = sorted((row for row in rows if row[0]), key=lambda r: (r[1] / r[0], r[0]), reverse=True)
    if len(worst) < hold:
        return 0.0
    n, k = worst[hold - 1]
    return sum(b for _, b in worst[hold - 1 :]) + sum(t * k / n for t, _ in worst[: hold - 1])


a_minute = st.integers(0, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(a_minute, max_size=200), st.integers(1, 10))
def test_keeping_the_worst_minutes_is_as_good_as_keeping_all(rows: list[Row], hold: int) -> None:
    trend = trend_of(rows, hold)
    hour = max(0, len(rows) - 1) // 60
    stretches = (
        (trend.since_start, rows),
        (trend.this_hour, rows[60 * hour :]),
        (trend.last_hour, rows[60 * max(0, hour - 1) :]),
    )
    for stretch, part in stretches:
        assert stretch.n == sum(n for n, _ in part)
        assert sustained(stretch, hold) == pytest.approx(capped_by_sorting(part, hold))


@given(st.lists(a_minute, max_size=80), st.integers(1, 10))
def test_capping_only_ever_takes_away(rows: list[Row], hold: int) -> None:
    stretch = trend_of(rows, hold).since_start
    assert 0 <= sustained(stretch, hold) <= stretch.k
    if hold == 1:
        assert sustained(stretch, hold) == stretch.k


@given(st.integers(2, 10), st.integers(0, 100), st.data())
def test_a_burst_shorter_than_the_rule_cannot_fire(
    hold: int, quiet: int, data: st.DataObject
) -> None:
    burst = data.draw(st.integers(1, hold - 1))
    trend = trend_of([(1000, 0)] * quiet + [(1000, 1000)] * burst + [(1000, 0)] * quiet, hold)
    assert not convinced(trend, 0.01, hold, 4)


def test_a_burst_as_long_as_the_rule_fires() -> None:
    assert convinced(trend_of([(1000, 0)] * 62 + [(1000, 100)] * 5, 5), 0.01, 5, 4)


def test_errors_that_begin_late_are_found_in_their_own_hour() -> None:
    rows = [(10.0, 0.0)] * 1200 + [(10.0, float(i % 2)) for i in range(50)]
    found = odds_of(trend_of(rows, 5), 0.01, 5)
    assert found.since_start == 1
    assert found.hours > 200 * 24


def test_evidence_goes_on_over_the_turn_of_an_hour() -> None:
    rows = [(10.0, 0.0)] * 670 + [(10.0, float(i % 2)) for i in range(60)]
    trend = trend_of(rows, 5)
    assert trend.this_hour.n == 100
    assert trend.last_hour.n == 700
    assert convinced(trend, 0.01, 5, 24)


def test_an_hour_without_data_leaves_nothing_of_the_hour_before() -> None:
    trend = observe(trend_of([(10, 5)] * 70, 5), 200, 10, 0, 5)
    assert (trend.hour, trend.this_hour.n, trend.last_hour.n) == (3, 10, 10)
    assert trend.since_start.n == 710


def test_more_hours_ask_for_more_evidence_of_a_late_change_only() -> None:
    late = trend_of([(10.0, 0.0)] * 600 + [(10.0, float(i % 3 == 0)) for i in range(50)], 5)
    assert convinced(late, 0.01, 5, 3)
    assert not convinced(late, 0.01, 5, 4)


def test_the_whole_wave_has_half_of_the_allowed_error() -> None:
    assert 100 < odds_above(230, 10, 0.01) < 200 < odds_above(200, 10, 0.01)
    assert not convinced(trend_of([(230, 10)], 1), 0.01, 1, 1)
    assert convinced(trend_of([(200, 10)], 1), 0.01, 1, 1)


def test_a_minute_without_requests_changes_nothing() -> None:
    before = trend_of([(10, 1)] * 3, 5)
    assert observe(before, 3, 0, 0, 5) == before


def test_a_rule_met_by_a_handful_of_requests_is_not_confirmed() -> None:
    assert not confirmed(((1, 1), (20, 1)), 0.05)
    assert confirmed(((100, 2),) * 5, 0.001)
    assert not confirmed((), 0.01)


# --- sentences ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            why(300, 1, 0.001, 0.01, per_minute=10),
            "1 error in 300 requests (0.33%, limit 0.1%): needs about 701 more clean requests, "
            "about 70 min at 10/min; 5 more errors in a row would break the limit",
        ),
        (
            why(0, 0, 0.001, 0.001, per_minute=10),
            "no requests yet (limit 0.1%): needs about 4,105 more clean requests, about 7 h at "
            "10/min; 4 more errors in a row would break the limit",
        ),
        (
            why(10_000, 3, 0.001, 0.001, per_minute=1),
            "3 errors in 10,000 requests (0.03%, limit 0.1%): needs about 3,158 more requests at "
            "this rate, about 2 days at 1/min (1,371 without errors); 21 more errors in a row "
            "would break the limit",
        ),
        (
            why(200, 10, 0.01, 0.01),
            "10 errors in 200 requests (5%, limit 1%): 257 to 1 that the limit is broken, "
            "100 to 1 is enough",
        ),
        (
            why(100_000, 10_000, 0.01, 0.01),
            "10,000 errors in 100,000 requests (10%, limit 1%): more than 1,000,000 to 1 that the "
            "limit is broken, 100 to 1 is enough",
        ),
        (
            why(20_000, 6, 0.001, 0.001),
            "6 errors in 20,000 requests (0.03%, limit 0.1%): 167 to 1 that it is below 0.1%",
        ),
        (
            why(420, 0, 0.001, 0.01, soak_over=False),
            "0 errors in 420 requests (0%, limit 0.1%): 22 to 1 that it is below 1%; "
            "it would pass, but the soak goes on",
        ),
        (
            why(2000, 10, 0.01, 0.02, most=100, words=SLOW),
            "10 to 100 slow requests in 2,000 requests (0.5% to 5%, limit 1%): needs about 8,001 "
            "more fast requests; 30 more slow requests in a row would break the limit",
        ),
        (
            why(10, 0, 0.0952381, 0.0952381, words=SPLIT),
            "0 canary errors in 10 errors of both sides (0%, limit 9.52%): needs about 32 more "
            "baseline errors; 8 more canary errors in a row would break the limit",
        ),
        (
            why(9, 9, 0.5, 0.5, words=MINUTES, per_minute=1),
            "9 worse minutes in 9 minutes (100%, limit 50%): needs about 28 more good minutes, "
            "about 28 min at 1/min; 1 more worse minute would break the limit",
        ),
        (
            why(100, 0, 0, 0),
            "0 errors in 100 requests (0%, limit 0%): no number of clean requests settles it",
        ),
        (
            why(80, 0, 0.05, 0.05, per_minute=0),
            "0 errors in 80 requests (0%, limit 5%): needs about 1 more clean request; "
            "15 more errors in a row would break the limit",
        ),
        (why(1, 2, 0.1, 0.1), "2 of 1 requests can't be true"),
        (
            why(0.5, 0.2, 0.00001, 0.00001),
            "0.2 errors in 0.5 requests (40%, limit 0.001%): "
            "needs about 482,440 more clean requests; 4 more errors in a row would break the limit",
        ),
    ],
)
def test_a_verdict_is_said_with_what_would_change_it(said: str, expected: str) -> None:
    assert said == expected


@given(counts(10**6), plan_limits, st.floats(1, 20), st.floats(0, 1000), st.booleans())
def test_there_is_a_sentence_for_everything(
    nk: tuple[int, int], target: float, times: float, pace: float, over: bool
) -> None:
    said = why(*nk, target, min(1.0, times * target), per_minute=pace, soak_over=over)
    assert said
    assert "None" not in said
    assert "nan" not in said
    if judge(*nk, target, min(1.0, times * target)) is INCONCLUSIVE:
        assert "needs about" in said or "no number of" in said
