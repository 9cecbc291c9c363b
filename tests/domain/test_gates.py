"""Gates: what the sums of a soak say about the plan's conditions."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conditions import Action, Condition, Operator
from bot.domain.early import Stretch, Trend
from bot.domain.evidence import judge_share
from bot.domain.gates import Finding, Verdict, gate, needs
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.minutes import Minutes
from bot.domain.questions import slower_than
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


def judge(
    text: str,
    *measurements: Measurement,
    min_requests: int = 1,
    soak_over: bool = True,
    **fields: Any,
) -> Finding:
    """The finding of a gate; fields: of the plan."""
    meter = fold(begin_wave(Meter(), "w", START), measurements, at(1))
    plan = msgspec.structs.replace(make_plan(min_requests), **fields)
    return gate(condition(text), plan, meter, at(2), soak_over=soak_over)


@pytest.mark.parametrize(
    ("text", "bad", "total", "verdict"),
    [
        ("error_rate < 0.1%", 0, 5000, PASS),
        ("error_rate < 0.1%", 0, 1000, INCONCLUSIVE),  # too few to tell 0.1 % from 0.2 %
        ("error_rate < 0.1%", 2, 1000, INCONCLUSIVE),  # twice the limit, and chance would do it
        ("error_rate < 0.1%", 10, 2000, FAIL),
        ("error_rate < 0.1%", 0, 0, INCONCLUSIVE),
        ("error_rate < 0.1%", 0, 1, INCONCLUSIVE),
        ("error_rate <= 0.1%", 20, 20_000, PASS),
        ("error_rate < 0.1%", 20, 20_000, INCONCLUSIVE),  # exactly the limit is not below it
        ("error_rate > 1%", 0, 10_000, FAIL),
        ("error_rate > 99%", 9_999, 10_000, PASS),
        ("error_rate == 0%", 0, 1, PASS),  # equality is no question of evidence
        ("error_rate != 0%", 0, 1, FAIL),
    ],
)
@pytest.mark.requirement("X-13", "X-34")
def test_a_share_needs_evidence_to_pass_and_to_fail(
    text: str, bad: float, total: float, verdict: Verdict
) -> None:
    assert judge(text, errors(bad, total)).verdict is verdict


@pytest.mark.parametrize(("bad", "verdict"), [(1, PASS), (21, INCONCLUSIVE), (60, FAIL)])
def test_a_metric_of_good_events_is_judged_by_the_bad_ones(bad: float, verdict: Verdict) -> None:
    found = judge("success_rate > 98%", measured("success_rate", Counts(bad, 1000)))
    assert found.verdict is verdict
    assert found.value == pytest.approx(1 - bad / 1000)
    assert found.said.startswith(f"{bad:g} error")


def test_the_finding_says_the_value_the_requests_and_the_limit() -> None:
    found = judge("error_rate < 0.1%", errors(1, 2310))
    assert found.shown == "0.0433% of 2,310 requests, limit 0.1%"
    assert found.limit == 0.001
    assert found.text == "error_rate < 0.1%"


def test_the_finding_says_what_would_change_it_and_how_long_that_takes() -> None:
    meter = fold(begin_wave(Meter(), "w", START), [errors(1, 300)], at(1800))
    plan = msgspec.structs.replace(PLAN, rule_out=0.01)
    found = gate(condition("error_rate < 0.1%"), plan, meter, at(1800))
    assert found.said == (
        "1 error in 300 requests (0.33%, limit 0.1%): needs about 701 more clean requests, "
        "about 70 min at 10/min; 5 more errors in a row would break the limit"
    )
    assert found.needs is not None
    assert (found.needs.expected, found.needs.best) == (None, 701)
    assert found.per_minute == 10


def test_what_would_pass_does_not_before_the_soak_is_over() -> None:
    early = judge("error_rate < 1%", errors(0, 5000), soak_over=False)
    assert (early.verdict, early.early) == (INCONCLUSIVE, True)
    assert early.said.endswith("it would pass, but the soak goes on")
    over = judge("error_rate < 1%", errors(0, 5000))
    assert (over.verdict, over.early) == (PASS, False)
    plain = judge("health == ok", health(True), soak_over=False)
    assert (plain.verdict, plain.early) == (INCONCLUSIVE, True)


def test_only_evidence_of_requests_lets_a_gate_fail_before_the_soak_is_over() -> None:
    assert judge("error_rate < 1%", errors(50, 1000), soak_over=False).evident
    assert not judge("health == ok", health(False), soak_over=False).evident
    assert not judge("violations == 0", measured("violations", Counts(9, 9))).evident


# --- what has to be excluded ----------------------------------------------------------------


def tripped(text: str, **fields: Any) -> Condition:
    return msgspec.structs.replace(condition(text), **fields)


@pytest.mark.parametrize(
    ("rule_out", "triggers", "clean"),
    [
        ("strict", (), 4105),
        ("rollback", (), 2052),  # twice the limit
        ("rollback", (tripped("error_rate > 1%"),), 410),
        ("rollback", (tripped("error_rate > 5%"), tripped("error_rate > 1%")), 410),
        ("rollback", (tripped("error_rate > 1%", do=Action.PAUSE),), 2052),
        ("rollback", (tripped("latency_p99 > 2s"), tripped("success_rate < 9%")), 2052),
        ("rollback", (tripped("error_rate > baseline + 1pp"),), 2052),
        (0.05, (tripped("error_rate > 1%"),), 81),
        (0.0001, (), 4105),  # less than the gate's own limit is never asked for
    ],
)
def test_a_gate_excludes_what_the_plan_would_roll_back_for(
    rule_out: Any, triggers: tuple[Condition, ...], clean: int
) -> None:
    plan = {"rule_out": rule_out, "triggers": triggers}
    enough = judge("error_rate < 0.1%", errors(0, clean), **plan)
    short = judge("error_rate < 0.1%", errors(0, clean - 1), **plan)
    assert (short.verdict, enough.verdict) == (INCONCLUSIVE, PASS)
    assert short.needs is not None
    assert short.needs.best == 1


def test_the_odds_are_the_plans() -> None:
    found = judge("error_rate < 1%", errors(4, 100), odds_fail=5)
    assert found.verdict is INCONCLUSIVE
    assert judge("error_rate < 1%", errors(4, 100), odds_fail=2).verdict is FAIL
    assert judge("error_rate < 1%", errors(0, 120), odds_pass=2).verdict is PASS


def test_a_share_of_failed_requests_says_nothing_about_latencies() -> None:
    fast = latency(230, (0.5, 230))
    assert judge("latency_p99 < 500ms", fast, rule_out=0.5).verdict is PASS
    assert judge("latency_p99 < 500ms", latency(150, (0.5, 150)), rule_out=0.5).verdict is (
        INCONCLUSIVE
    )
    assert judge("latency_p99 < 500ms", fast, rule_out="strict").verdict is INCONCLUSIVE


VECTORS = msgspec.json.decode((Path(__file__).parent / "vectors" / "sequential.json").read_bytes())


@pytest.mark.parametrize("row", [*VECTORS["abs"], *VECTORS["table"]])
def test_the_reference_says_the_same_when_asked_through_a_plan(row: dict[str, Any]) -> None:
    found = judge(
        f"error_rate < {row['target'] * 100:g}%",
        errors(row["k"], row["n"]),
        rule_out="strict" if row["rule_out"] == row["target"] else row["rule_out"],
    )
    assert found.verdict == row["verdict"]
    if found.verdict is INCONCLUSIVE and found.needs is not None:
        assert found.needs.expected == row["needs"]
        assert found.needs.best == row["needs_clean"]


@pytest.mark.parametrize("row", VECTORS["ratio"])
def test_ratios_of_the_reference_through_a_plan(row: dict[str, Any]) -> None:
    found = judge(
        f"error_rate < {row['ratio']:g}x baseline",
        errors(row["kc"], row["nc"]),
        errors(row["kb"], row["nb"], track=BASE),
        rule_out="strict",
    )
    assert found.verdict == row["verdict"]


@pytest.mark.parametrize("row", VECTORS["delta"])
def test_points_of_the_reference_through_a_plan(row: dict[str, Any]) -> None:
    found = judge(
        f"error_rate < baseline + {row['delta'] * 100:g}pp",
        errors(row["kc"], row["nc"]),
        errors(row["kb"], row["nb"], track=BASE),
        rule_out="strict",
    )
    assert found.verdict == row["verdict"]


# --- too little, nothing, and wrong ---------------------------------------------------------


def test_fewer_requests_than_the_plan_asks_for_conclude_nothing() -> None:
    found = judge("error_rate < 1%", errors(90, 99), min_requests=100)
    assert found.verdict is INCONCLUSIVE
    assert found.why == "99 of at least 100 requests"
    assert judge("error_rate < 1%", errors(90, 100), min_requests=100).verdict is FAIL


def test_a_canary_without_requests_for_minutes_is_nobodys_proof() -> None:
    meter = fold(begin_wave(Meter(), "w", START), [errors(0, 9000)], at(1))
    rule = condition("error_rate < 1%")
    later = fold(meter, [errors(0, 0)], at(100))
    assert gate(rule, PLAN, later, at(100)).verdict is PASS
    silent = fold(later, [errors(0, 0)], at(130))
    found = gate(rule, PLAN, silent, at(130))
    assert found.verdict is INCONCLUSIVE
    assert found.why == "no requests for 2m 9s: no traffic, or a wrong label"
    back = fold(silent, [errors(0, 5)], at(131))
    assert gate(rule, PLAN, back, at(131)).verdict is PASS


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
        ("error_rate < 2x baseline", (40, 10_000), (40, 10_000), PASS),
        ("error_rate < 2x baseline", (8, 500), (10, 9500), FAIL),
        ("error_rate < 2x baseline", (3, 1000), (2, 1000), INCONCLUSIVE),
        ("error_rate < 2x baseline", (4, 100), (0, 0), INCONCLUSIVE),
        ("error_rate < 2x baseline", (0, 0), (2, 100), INCONCLUSIVE),
        ("error_rate < 2x baseline", (0, 1000), (0, 1000), INCONCLUSIVE),
        ("error_rate < baseline + 50%", (200, 100_000), (200, 100_000), PASS),
        ("error_rate < baseline + 50%", (900, 100_000), (200, 100_000), FAIL),
        ("error_rate < baseline + 1pp", (25, 10_000), (20, 10_000), PASS),
        ("error_rate < baseline + 1pp", (400, 10_000), (20, 10_000), FAIL),
        ("error_rate < baseline + 1pp", (25, 100), (20, 100), INCONCLUSIVE),
        ("success_rate > baseline - 1pp", (25, 10_000), (20, 10_000), PASS),
        ("success_rate > baseline - 1pp", (400, 10_000), (20, 10_000), FAIL),
        ("success_rate > 0.99x baseline", (25, 10_000), (20, 10_000), PASS),
        ("success_rate > 0.99x baseline", (400, 10_000), (20, 10_000), FAIL),
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
    assert found.why


def test_an_outage_of_both_sides_fails_no_canary() -> None:
    ours, theirs = errors(500, 1000), errors(9500, 19_000, track=BASE)
    assert judge("error_rate < 2x baseline", ours, theirs).verdict is PASS


def test_a_relative_gate_may_exclude_what_the_plan_rolls_back_for() -> None:
    rollback = (condition("error_rate > 1%"),)
    sides = (errors(0, 500), errors(4, 9500, track=BASE))
    passed = judge("error_rate < baseline + 0.1pp", *sides, triggers=rollback)
    assert passed.verdict is PASS
    assert passed.said.endswith("20 to 1 that it is below 1%")
    strict = judge("error_rate < baseline + 0.1pp", *sides, rule_out="strict")
    assert strict.verdict is INCONCLUSIVE
    worse = (errors(40, 500), errors(4, 9500, track=BASE))
    assert judge("error_rate < baseline + 0.1pp", *worse, triggers=rollback).verdict is FAIL
    none = (errors(0, 500), errors(0, 9500, track=BASE))
    assert judge("error_rate < 2x baseline", *none, rule_out=0.01).verdict is PASS
    above = judge(
        "error_rate < 2x baseline", errors(2, 100), errors(90, 9000, track=BASE), rule_out=0.01
    )
    assert "over the limit so far" in above.said
    thin = judge(
        "error_rate < 2x baseline", errors(0, 100), errors(9, 9000, track=BASE), rule_out=0.01
    )
    assert "needs about 310 more clean requests" in thin.said
    assert thin.needs is not None
    assert thin.needs.best == 310


def test_points_say_how_many_more_requests_it_takes() -> None:
    sides = (errors(1, 1000), errors(20, 19_000, track=BASE))
    found = judge("error_rate < baseline + 0.1pp", *sides)
    assert found.verdict is INCONCLUSIVE
    assert found.needs is not None
    assert found.needs.expected is not None
    more = 1 + found.needs.expected / 1000
    enough = (errors(more, 1000 * more), errors(20 * more, 19_000 * more, track=BASE))
    assert judge("error_rate < baseline + 0.1pp", *enough).verdict is PASS
    assert judge("error_rate < baseline + 0.1pp", *sides, soak_over=False).needs is None


def test_a_relative_limit_is_shown_as_the_number_it_comes_to() -> None:
    found = judge("error_rate < 2x baseline", errors(3, 100), errors(2, 100, track=BASE))
    assert found.shown == "3% of 100 requests, limit 2x baseline = 4%"


def test_a_baseline_that_can_not_be_read_leaves_a_relative_limit_unknown() -> None:
    lost = nothing("error_rate", "down", BASE)
    assert judge("error_rate < 2x baseline", errors(0, 1000), lost).verdict is UNKNOWN
    assert judge("error_rate < 1%", errors(0, 1000), lost).verdict is PASS


def test_a_limit_may_refer_to_an_earlier_wave() -> None:
    meter = fold(begin_wave(Meter(), "w1", START), [errors(20, 1000)], at(1))
    meter = fold(begin_wave(meter, "w2", at(2)), [errors(30, 1000)], at(3))
    rule = condition("error_rate < wave(w1) + 5pp")
    assert gate(rule, PLAN, meter, at(4)).verdict is PASS
    worse = fold(meter, [errors(300, 1000)], at(4))
    assert gate(rule, PLAN, worse, at(5)).verdict is FAIL
    unmeasured = gate(condition("error_rate < wave(w0) + 5pp"), PLAN, worse, at(5))
    assert unmeasured.verdict is INCONCLUSIVE
    assert unmeasured.why == "nothing is known of wave w0"


EDGES = ((0.1, 9000.0), (0.25, 9600.0), (0.5, 9970.0), (1.0, 10_000.0))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("latency_p99 < 500ms", PASS),  # an edge: 30 of 10,000 are slower
        ("latency_p99 < 250ms", FAIL),  # an edge: 400 of 10,000 are slower
        ("latency_p99 < 300ms", INCONCLUSIVE),  # 30 or up to 400: nobody can know
        ("latency_p99 < 600ms", PASS),  # the edge below says 30 already
        ("latency_p99 < 200ms", FAIL),  # the edge above says 400 at least
        ("latency_p99 < 2s", PASS),  # beyond the highest edge, the edge below decides
        ("latency_p99 < 50ms", FAIL),  # below the lowest edge
        ("latency_p99 > 300ms", INCONCLUSIVE),
        ("latency_p99 > 250ms", PASS),
    ],
)
def test_a_quantile_is_read_from_edges_and_never_interpolated(text: str, verdict: Verdict) -> None:
    assert judge(text, latency(10_000, *EDGES)).verdict is verdict


def test_a_limit_between_two_edges_says_so() -> None:
    found = judge("latency_p99 < 300ms", latency(10_000, *EDGES))
    assert found.said.startswith(
        "30 to 400 slow requests in 10,000 requests (0.3% to 4%, limit 1%)"
    )
    assert found.said.endswith("the limit lies between two edges of the histogram")


@pytest.mark.parametrize("row", VECTORS["quantile"])
def test_quantiles_of_the_reference_through_a_plan(row: dict[str, Any]) -> None:
    n = row["n"]
    edges = {row["edge_pass"]: n - row["k_pass"], row["edge_fail"]: n - row["k_fail"]}
    found = judge(
        f"latency_p99 < {row['limit']}s", latency(n, *sorted(edges.items())), rule_out="strict"
    )
    assert found.verdict == row["verdict"]


def test_latency_without_requests_is_inconclusive() -> None:
    found = judge("latency_p99 < 500ms", latency(0, (0.5, 0)))
    assert found.verdict is INCONCLUSIVE
    assert found.value is None


def test_requests_slower_than_every_edge_fail_only_what_the_edges_can_tell() -> None:
    slow = latency(100, (0.5, 50), (1.0, 60))
    assert judge("latency_p99 < 1s", slow).verdict is FAIL
    assert judge("latency_p99 < 5s", slow).verdict is INCONCLUSIVE


def test_a_quantile_is_shown_as_an_upper_bound() -> None:
    found = judge("latency_p99 < 500ms", latency(10_000, *EDGES))
    assert found.shown == "p99 at most 500ms, 10,000 requests, limit 500ms"
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


def test_a_level_beside_the_baseline_is_judged_by_its_minutes() -> None:
    meter = fold(begin_wave(Meter(), "w", START), [pool(70), pool(100, track=BASE)], at(1))
    rule = condition("db_pool < baseline + 10%")

    def by(n: float, worse: float, *, soak_over: bool = True) -> Finding:
        counted = Minutes(trend=Trend(since_start=Stretch(n, worse)))
        return gate(rule, PLAN, meter, at(2), soak_over=soak_over, minutes=counted)

    assert by(0, 0).said == (
        "no whole minute has been compared yet; the first two of a wave don't count"
    )
    assert (by(6, 0).verdict, by(7, 0).verdict) == (INCONCLUSIVE, PASS)
    assert by(7, 0, soak_over=False).early
    failed = by(10, 10, soak_over=False)
    assert (failed.verdict, failed.evident) == (FAIL, False)  # minutes resemble each other
    assert "worse minutes" in failed.said


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
    elif value.total == 0:
        assert found.verdict is INCONCLUSIVE
    elif "!=" in text and value.total >= 1:
        assert found.verdict in {PASS, FAIL}
    else:
        assert found.verdict in {PASS, FAIL, INCONCLUSIVE}


def test_counts_too_large_to_add_one_to_are_judged_all_the_same() -> None:
    assert judge("error_rate < 1%", errors(2.0**59, 2.0**59)).verdict is FAIL
    assert judge("error_rate < 1%", errors(0, 2.0**59)).verdict is PASS


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
def test_what_is_said_of_a_latency_limit_is_true_at_both_edges(
    steps: list[tuple[float, int]], beyond: int, limit: float
) -> None:
    count = 0.0
    edges: dict[float, float] = {}
    for edge, more in sorted(steps):
        count += more
        edges[edge] = count
    reading = latency(count + beyond, *edges.items())
    found = judge(f"latency_p99 < {limit:.3f}s", reading).verdict
    least, most = slower_than(reading.reading.value, round(limit, 3))  # type: ignore[union-attr,arg-type]
    plainly = {judge_share(k, count + beyond, 0.01, Operator.LESS, 1) for k in (least, most)}
    if found in {PASS, FAIL}:
        assert plainly == {found}
