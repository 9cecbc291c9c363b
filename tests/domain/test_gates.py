"""Gates: what the sums of a soak say about the plan's conditions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conditions import Condition, Operator
from bot.domain.evidence import judge_share
from bot.domain.gates import Finding, Verdict, gate, needs
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.samples import Counts, Measurement, Track, Value
from bot.domain.totals import LARGEST
from tests.domain.measuring import (
    METRICS,
    PLAN,
    START,
    at,
    condition,
    errors,
    health,
    latency,
    make_plan,
    measured,
    nothing,
    pool,
)

BASE = Track.BASELINE
PASS, FAIL = Verdict.PASS, Verdict.FAIL
INCONCLUSIVE, UNKNOWN = Verdict.INCONCLUSIVE, Verdict.UNKNOWN


def judge(text: str, *measurements: Measurement, min_requests: int = 1) -> Finding:
    meter = fold(begin_wave(Meter(), "w", START), measurements, at(1))
    return gate(condition(text), make_plan(min_requests), meter, at(2))


@pytest.mark.parametrize(
    ("text", "bad", "total", "verdict"),
    [
        ("error_rate < 0.1%", 0, 1000, PASS),
        ("error_rate < 0.1%", 1, 1000, FAIL),  # exactly the limit is not below it
        ("error_rate <= 0.1%", 1, 1000, PASS),
        ("error_rate < 0.1%", 2, 1000, FAIL),
        ("error_rate < 0.1%", 0, 0, INCONCLUSIVE),
        ("error_rate < 0.1%", 0, 1, PASS),
        ("error_rate > 1%", 1, 100, FAIL),
    ],
)
@pytest.mark.requirement("X-13", "X-34")
def test_a_share_is_compared_strictly(
    text: str, bad: float, total: float, verdict: Verdict
) -> None:
    assert judge(text, errors(bad, total)).verdict is verdict


@pytest.mark.parametrize(("bad", "verdict"), [(1, PASS), (2, FAIL), (3, FAIL)])
def test_a_metric_of_good_events_is_the_share_of_the_good_ones(
    bad: float, verdict: Verdict
) -> None:
    found = judge("success_rate > 98%", measured("success_rate", Counts(bad, 100)))
    assert found.verdict is verdict
    assert found.value == pytest.approx(1 - bad / 100)


def test_the_finding_says_the_value_the_requests_and_the_limit() -> None:
    found = judge("error_rate < 0.1%", errors(1, 2310))
    assert found.shown == "0.0433% of 2,310 requests, limit 0.1%"
    assert found.limit == 0.001
    assert found.text == "error_rate < 0.1%"


def test_fewer_requests_than_the_plan_asks_for_conclude_nothing() -> None:
    found = judge("error_rate < 1%", errors(0, 99), min_requests=100)
    assert found.verdict is INCONCLUSIVE
    assert found.why == "99 of at least 100 requests"
    assert judge("error_rate < 1%", errors(0, 100), min_requests=100).verdict is PASS


def test_what_was_never_measured_is_unknown() -> None:
    assert judge("error_rate < 1%").verdict is UNKNOWN


def test_what_can_not_be_read_now_is_unknown_whatever_was_read_before() -> None:
    found = judge("error_rate < 1%", errors(0, 5000), nothing("error_rate", "timed out"))
    assert found.verdict is UNKNOWN
    assert "timed out" in found.shown


def test_a_metric_that_the_plan_does_not_define_is_unknown() -> None:
    assert judge("alerts(critical) == 0").verdict is UNKNOWN


@pytest.mark.parametrize(
    ("text", "canary", "baseline", "verdict"),
    [
        ("error_rate < 2x baseline", (3, 100), (2, 100), PASS),
        ("error_rate < 2x baseline", (4, 100), (2, 100), FAIL),
        ("error_rate < 2x baseline", (4, 100), (0, 0), INCONCLUSIVE),
        ("error_rate < 2x baseline", (0, 0), (2, 100), INCONCLUSIVE),
        ("error_rate < baseline + 1pp", (25, 1000), (20, 1000), PASS),
        ("error_rate < baseline + 1pp", (31, 1000), (20, 1000), FAIL),
        ("error_rate < baseline + 50%", (29, 1000), (20, 1000), PASS),
        ("error_rate < baseline + 50%", (31, 1000), (20, 1000), FAIL),
        ("success_rate > baseline - 1pp", (25, 1000), (20, 1000), PASS),
        ("success_rate > baseline - 1pp", (31, 1000), (20, 1000), FAIL),
    ],
)
@pytest.mark.requirement("X-03")
def test_relative_limits_compare_with_the_baseline(
    text: str, canary: tuple[float, float], baseline: tuple[float, float], verdict: Verdict
) -> None:
    name = text.split()[0]
    found = judge(
        text,
        measured(name, Counts(*canary)),
        measured(name, Counts(*baseline), track=BASE),
    )
    assert found.verdict is verdict


def test_a_relative_limit_is_shown_as_the_number_it_comes_to() -> None:
    found = judge("error_rate < 2x baseline", errors(3, 100), errors(2, 100, track=BASE))
    assert found.shown == "3% of 100 requests, limit 2x baseline = 4%"


def test_a_baseline_that_can_not_be_read_leaves_a_relative_limit_unknown() -> None:
    lost = nothing("error_rate", "down", BASE)
    assert judge("error_rate < 2x baseline", errors(0, 100), lost).verdict is UNKNOWN
    assert judge("error_rate < 1%", errors(0, 100), lost).verdict is PASS


def test_a_limit_may_refer_to_an_earlier_wave() -> None:
    meter = fold(begin_wave(Meter(), "w1", START), [errors(2, 100)], at(1))
    meter = fold(begin_wave(meter, "w2", at(2)), [errors(6, 100)], at(3))
    rule = condition("error_rate < wave(w1) + 5pp")
    assert gate(rule, PLAN, meter, at(4)).verdict is PASS
    worse = fold(meter, [errors(9, 100)], at(4))
    assert gate(rule, PLAN, worse, at(5)).verdict is FAIL
    unmeasured = condition("error_rate < wave(w0) + 5pp")
    assert gate(unmeasured, PLAN, worse, at(5)).verdict is INCONCLUSIVE


EDGES = ((0.1, 900.0), (0.25, 980.0), (0.5, 991.0), (1.0, 1000.0))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("latency_p99 < 500ms", PASS),  # an edge: 9 of 1000 are slower
        ("latency_p99 < 250ms", FAIL),  # an edge: 20 of 1000 are slower
        ("latency_p99 < 300ms", INCONCLUSIVE),  # 9 or up to 20: nobody can know
        ("latency_p99 < 600ms", PASS),  # the edge below says 9 already
        ("latency_p99 < 200ms", FAIL),  # the edge above says 20 at least
        ("latency_p99 < 2s", PASS),  # beyond the highest edge, the edge below decides
        ("latency_p99 < 50ms", FAIL),  # below the lowest edge
        ("latency_p99 > 300ms", INCONCLUSIVE),
        ("latency_p99 > 250ms", PASS),
    ],
)
def test_a_quantile_is_read_from_edges_and_never_interpolated(text: str, verdict: Verdict) -> None:
    assert judge(text, latency(1000, *EDGES)).verdict is verdict


def test_exactly_the_allowed_share_of_slow_requests_is_not_below_the_limit() -> None:
    assert judge("latency_p99 < 500ms", latency(100, (0.5, 99))).verdict is FAIL
    assert judge("latency_p99 <= 500ms", latency(100, (0.5, 99))).verdict is PASS


def test_latency_without_requests_is_inconclusive() -> None:
    found = judge("latency_p99 < 500ms", latency(0, (0.5, 0)))
    assert found.verdict is INCONCLUSIVE
    assert found.value is None


def test_requests_slower_than_every_edge_fail_only_what_the_edges_can_tell() -> None:
    slow = latency(100, (0.5, 50), (1.0, 60))
    assert judge("latency_p99 < 1s", slow).verdict is FAIL
    assert judge("latency_p99 < 5s", slow).verdict is INCONCLUSIVE


def test_a_quantile_is_shown_as_an_upper_bound() -> None:
    found = judge("latency_p99 < 500ms", latency(1000, *EDGES))
    assert found.shown == "p99 at most 500ms, 1,000 requests, limit 500ms"
    assert found.value == 0.5


@pytest.mark.parametrize(
    ("canary", "verdict"),
    [
        (((0.25, 995.0), (0.5, 1000.0)), PASS),
        (((0.25, 900.0), (0.5, 999.0)), PASS),  # twice 250 ms is an edge
        (((0.25, 900.0), (0.5, 950.0)), FAIL),
    ],
)
def test_twice_the_baseline_means_twice_its_upper_edge(
    canary: tuple[tuple[float, float], ...], verdict: Verdict
) -> None:
    baseline = latency(2000, (0.1, 100), (0.25, 1990), (0.5, 2000), track=BASE)
    found = judge("latency_p99 < 2x baseline", latency(1000, *canary), baseline)
    assert found.verdict is verdict
    assert found.limit == 0.5


def test_a_baseline_quantile_needs_enough_requests_to_have_slow_ones() -> None:
    thin = latency(999, (0.25, 999), track=BASE)
    found = judge("latency_p99 < 2x baseline", latency(1000, (0.5, 1000)), thin)
    assert found.verdict is INCONCLUSIVE
    assert found.why == "baseline: 999 of at least 1,000 requests"


def test_percentage_points_on_a_latency_conclude_nothing() -> None:
    baseline = latency(2000, (0.25, 2000), track=BASE)
    found = judge("latency_p99 < baseline + 1pp", latency(1000, (0.25, 1000)), baseline)
    assert found.verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    ("text", "value", "verdict"),
    [
        ("db_pool < 50", 49, PASS),
        ("db_pool < 50", 50, FAIL),
        ("db_pool >= 100%", 1.0, PASS),
        ("db_pool == 0", 0, PASS),
        ("db_pool != 0", 0, FAIL),
    ],
)
def test_a_gauge_is_judged_by_its_newest_value(text: str, value: float, verdict: Verdict) -> None:
    assert judge(text, pool(7777), pool(value)).verdict is verdict


def test_a_gauge_may_be_compared_with_the_baseline() -> None:
    sides = (pool(70), pool(100, track=BASE))
    assert judge("db_pool > baseline - 20%", *sides).verdict is FAIL
    assert judge("db_pool < baseline + 10%", *sides).verdict is PASS


def test_a_count_is_judged_as_a_number() -> None:
    def events(n: float) -> Measurement:
        return measured("violations", Counts(n, n))

    assert judge("violations == 0", events(0)).verdict is PASS
    assert judge("violations == 0", events(1)).verdict is FAIL
    assert judge("violations < 5", events(3), events(3)).shown == "6 times, limit 5"


def test_a_probe_is_ok_or_not_and_says_why() -> None:
    assert judge("health == ok", health(True)).verdict is PASS
    found = judge("health == ok", health(False, detail="database down"))
    assert (found.verdict, found.shown) == (FAIL, "database down")
    assert judge("health != ok", health(True)).verdict is FAIL


def test_needs_names_each_metric_and_track_once_and_leaves_out_other_subjects() -> None:
    rules = [
        condition("error_rate < 1%"),
        condition("error_rate < 2x baseline"),
        condition("health == ok"),
        condition("alerts(critical) == 0"),
        condition("error_rate > wave(w1) + 5pp"),
        Condition(id="a", kind="attest", text="All well?"),
    ]
    assert needs(rules, METRICS) == (
        ("error_rate", Track.CANARY),
        ("error_rate", BASE),
        ("health", Track.CANARY),
    )


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5000).map(float)
)


@given(
    st.builds(Counts, numbers, numbers),
    st.sampled_from(["error_rate < 1%", "error_rate > 1%", "success_rate > 1%", "error_rate != 1"]),
)
def test_impossible_numbers_never_pass(value: Value, text: str) -> None:
    assert isinstance(value, Counts)
    found = judge(text, measured(text.split()[0], value))
    true = 0 <= value.bad <= value.total <= LARGEST
    if not true:
        assert found.verdict is UNKNOWN
    elif value.total < 1:
        assert found.verdict is INCONCLUSIVE
    else:
        assert found.verdict in {PASS, FAIL}


@given(numbers, numbers, numbers, st.sampled_from(Operator), st.integers(0, 100))
def test_a_share_that_passes_rests_on_enough_finite_requests(
    bad: float, total: float, limit: float, operator: Operator, least: int
) -> None:
    if judge_share(bad, total, limit, operator, least) in {PASS, FAIL}:
        assert 0 <= bad <= total
        assert total > 0
        assert total >= least
        assert math.isfinite(limit)


@given(
    st.lists(st.tuples(st.floats(0.001, 10), st.integers(0, 100)), min_size=1, max_size=6),
    st.integers(0, 20),
    st.floats(0.001, 20),
)
def test_a_pass_and_a_fail_of_one_latency_limit_exclude_each_other(
    steps: list[tuple[float, int]], beyond: int, limit: float
) -> None:
    count = 0.0
    edges: dict[float, float] = {}
    for edge, more in sorted(steps):
        count += more
        edges[edge] = count
    reading = latency(count + beyond, *edges.items())
    below = judge(f"latency_p99 < {limit:.3f}s", reading).verdict
    reached = judge(f"latency_p99 >= {limit:.3f}s", reading).verdict
    opposite = {PASS: FAIL, FAIL: PASS, INCONCLUSIVE: INCONCLUSIVE}
    assert reached is opposite[below]
