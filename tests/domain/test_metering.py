"""Meters and watchers: every reading counts once, in one wave, in one window."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conditions import Action, Condition
from bot.domain.evidence import Verdict
from bot.domain.gates import gate
from bot.domain.metering import SPARK, Meter, begin_wave, due, fold
from bot.domain.samples import (
    Buckets,
    Counts,
    Gauge,
    Measurement,
    Sample,
    Track,
    Unknown,
    Value,
)
from bot.domain.totals import Level
from bot.domain.watching import Watcher, watch
from tests.domain.measuring import (
    METRICS,
    PLAN,
    START,
    at,
    condition,
    errors,
    health,
    latency,
    measured,
    nothing,
    pool,
)

BASE = Track.BASELINE
PASS, FAIL = Verdict.PASS, Verdict.FAIL
INCONCLUSIVE, UNKNOWN = Verdict.INCONCLUSIVE, Verdict.UNKNOWN
Tick = tuple[float, Sequence[Measurement]]


def started() -> Meter:
    return begin_wave(Meter(), "w1", START)


def follow(rule: Condition, ticks: Sequence[Tick], meter: Meter | None = None) -> list[Verdict]:
    """The verdicts of a trigger, tick by tick (seconds after the wave's start, readings)."""
    return [verdict for _, verdict in trace(rule, ticks, meter)]


def trace(
    rule: Condition, ticks: Sequence[Tick], meter: Meter | None = None
) -> list[tuple[Watcher, Verdict]]:
    watcher = Watcher(window_started_at=START)
    seen: list[tuple[Watcher, Verdict]] = []
    for seconds, readings in ticks:
        kept = msgspec.json.decode(msgspec.json.encode(watcher), type=Watcher)
        watcher, verdict = watch(rule, PLAN, kept, meter or Meter(), readings, at(seconds))
        seen.append((watcher, verdict))
    return seen


# --- the meter ------------------------------------------------------------------------------


def test_readings_of_a_wave_add_up() -> None:
    meter = fold(started(), [errors(1, 10), errors(2, 20, track=BASE)], at(1))
    meter = fold(meter, [errors(1, 5)], at(2))
    assert meter.canary["error_rate"].total == Counts(2, 15)
    assert meter.baseline["error_rate"].total == Counts(2, 20)


def test_a_new_wave_starts_from_nothing_and_keeps_the_cursors() -> None:
    meter = fold(started(), [measured("error_rate", Counts(1, 9), cursor="here")], at(1))
    fresh = begin_wave(meter, "w2", at(2))
    assert fresh.canary["error_rate"].total is None
    assert fresh.cursor("error_rate", Track.CANARY) == "here"
    assert fresh.finals == {"w1": {"error_rate": Counts(1, 9)}}


def test_an_unknown_reading_keeps_the_sums_and_remembers_since_when() -> None:
    meter = fold(started(), [errors(1, 10)], at(1))
    meter = fold(meter, [nothing("error_rate", "timed out")], at(2))
    meter = fold(meter, [nothing("error_rate", "timed out again")], at(3))
    entry = meter.canary["error_rate"]
    assert (entry.total, entry.unknown_since) == (Counts(1, 10), at(2))
    assert entry.reason == "timed out again"
    assert fold(meter, [errors(0, 1)], at(4)).canary["error_rate"].unknown_since is None


def test_an_unknown_reading_may_move_the_cursor_but_never_clears_it() -> None:
    def unknown(cursor: str) -> Measurement:
        return Measurement("error_rate", Track.CANARY, Unknown("no series yet", cursor))

    meter = fold(started(), [unknown("marked")], at(1))
    assert meter.cursor("error_rate", Track.CANARY) == "marked"
    meter = fold(meter, [unknown("")], at(2))
    assert meter.cursor("error_rate", Track.CANARY) == "marked"


@pytest.mark.parametrize(
    "value",
    [
        Counts(float("nan"), 1),
        Counts(2, 1),
        Counts(-1, 1),
        Gauge(float("inf")),
        Buckets(1, ((0.1, 2.0),)),
    ],
)
def test_impossible_values_are_unknown_and_not_added(value: Value) -> None:
    meter = fold(started(), [measured("error_rate", value)], at(1))
    entry = meter.canary["error_rate"]
    assert (entry.total, entry.unknown_since) == (None, at(1))


def test_histograms_are_added_edge_by_edge_and_lose_edges_that_one_side_lacks() -> None:
    meter = fold(started(), [latency(10, (0.1, 5), (0.5, 9))], at(1))
    meter = fold(meter, [latency(10, (0.5, 10), (1.0, 10))], at(2))
    assert meter.canary["latency_p99"].total == Buckets(20, ((0.5, 19.0),))


def test_a_metric_that_changes_its_kind_starts_anew() -> None:
    meter = fold(started(), [errors(1, 10)], at(1))
    meter = fold(meter, [measured("error_rate", Gauge(3))], at(2))
    assert meter.canary["error_rate"].total == Level(3, 1, 3)


def test_the_meter_survives_being_written_down() -> None:
    meter = fold(started(), [errors(1, 10), latency(3, (0.1, 2)), pool(0.5), health(False)], at(3))
    meter = begin_wave(fold(meter, [nothing("db_pool")], at(4)), "w2", at(5))
    assert msgspec.json.decode(msgspec.json.encode(meter), type=Meter) == meter


def test_a_probe_is_due_again_after_its_own_interval() -> None:
    meter = fold(started(), [health(True), errors(0, 1)], at(0))
    assert not due(METRICS["health"], meter, Track.CANARY, at(9.9))
    assert due(METRICS["health"], meter, Track.CANARY, at(10))
    assert due(METRICS["error_rate"], meter, Track.CANARY, at(0))
    assert due(METRICS["health"], Meter(), Track.CANARY, at(0))


def test_the_sparkline_shows_gaps_and_coarsens_as_the_wave_grows() -> None:
    meter = started()
    for second in range(10):
        if second != 4:
            meter = fold(meter, [errors(second, 10)], at(second))
    rule = condition("error_rate < 50%")
    line = gate(rule, PLAN, meter, at(10)).spark
    assert line == (0.0, 0.1, 0.2, 0.3, None, 0.5, 0.6, 0.7, 0.8, 0.9)
    meter = fold(meter, [errors(10, 10)], at(20))
    line = gate(rule, PLAN, meter, at(21)).spark
    assert line == (0.05, 0.25, 0.5, 0.65, 0.85, None, None, None, None, None, 1.0)


@given(st.lists(st.tuples(st.floats(0, 100_000), st.integers(0, 9)), max_size=30))
def test_the_sparkline_stays_short_and_accounts_for_every_request(
    steps: list[tuple[float, int]],
) -> None:
    meter = started()
    for second, total in sorted(steps):
        meter = fold(meter, [errors(0, total)], at(second))
    entry = meter.canary.get("error_rate")
    if entry is not None:
        assert len(entry.trail) <= SPARK
        assert sum(point[1] for point in entry.trail if point) == sum(n for _, n in steps)


finite = st.floats(0, 1e9)


@given(
    st.lists(
        st.one_of(
            st.builds(Counts, finite, finite),
            st.builds(Counts, st.floats(), st.floats()),
            st.none(),
        )
    )
)
def test_sums_are_never_negative_nor_more_bad_than_all(values: list[Counts | None]) -> None:
    meter = started()
    for value in values:
        one = nothing("error_rate") if value is None else measured("error_rate", value)
        meter = fold(meter, [one], at(1))
    entry = meter.canary.get("error_rate")
    if entry is not None and entry.total is not None:
        assert isinstance(entry.total, Counts)
        assert 0 <= entry.total.bad <= entry.total.total


# --- watchers -------------------------------------------------------------------------------


def test_a_window_is_judged_when_it_is_over_and_not_before() -> None:
    rule = condition("error_rate > 5%", window=2)
    ticks: list[Tick] = [(1, [errors(10, 10)]), (1.9, []), (2, [])]
    assert follow(rule, ticks) == [INCONCLUSIVE, INCONCLUSIVE, FAIL]


def test_two_windows_in_a_row_are_two_windows_without_overlap() -> None:
    rule = condition("error_rate > 5%", window=2, consecutive=2)
    burst: list[Tick] = [(1, [errors(9, 10)]), (2, []), (3, [errors(0, 10)]), (4, [])]
    assert FAIL not in follow(rule, burst)
    lasting: list[Tick] = [(1, [errors(9, 10)]), (2, []), (3, [errors(9, 10)]), (4, [])]
    assert follow(rule, lasting) == [INCONCLUSIVE, PASS, PASS, FAIL]


def test_one_error_counts_in_one_window_only() -> None:
    rule = condition("error_rate > 5%", window=1, consecutive=2)
    ticks: list[Tick] = [(s, [errors(1 if s == 3 else 0, 10)]) for s in range(1, 9)]
    assert FAIL not in follow(rule, ticks)


def test_for_is_served_in_full_windows() -> None:
    rule = condition("error_rate > 10%", window=60, hold=300)
    ticks: list[Tick] = [(60 * n, [errors(2, 10)]) for n in range(1, 6)]
    assert follow(rule, ticks) == [PASS, PASS, PASS, PASS, FAIL]


def test_counts_without_a_window_are_judged_by_the_minute() -> None:
    rule = condition("error_rate > 0.5%")
    ticks: list[Tick] = [(1, [errors(1, 10)]), (60, [errors(0, 990)])]
    assert follow(rule, ticks) == [INCONCLUSIVE, PASS]


def test_a_late_tick_closes_one_window_and_the_short_remainder_joins_the_next() -> None:
    rule = condition("error_rate > 5%", window=10, consecutive=2)
    late = trace(rule, [(5, [errors(9, 10)]), (38, [errors(9, 10)])])
    assert late[-1][0].runs == 1
    assert late[-1][0].window_ends_at == at(50)  # 40 is too near to make a window of its own
    on_time = trace(rule, [(10.4, [errors(9, 10)])])
    assert on_time[-1][0].window_ends_at == at(20)


def test_a_window_without_data_neither_counts_nor_resets() -> None:
    rule = condition("error_rate > 5%", window=1, consecutive=2)
    ticks: list[Tick] = [
        (1, [errors(9, 10)]),
        (2, [nothing("error_rate")]),
        (3, [errors(0, 0)]),
        (4, [errors(9, 10)]),
    ]
    assert follow(rule, ticks) == [PASS, PASS, PASS, FAIL]


def test_three_windows_in_a_row_without_data_are_unknown_and_one_with_data_heals() -> None:
    rule = condition("error_rate > 5%", window=1)
    ticks: list[Tick] = [(s, [nothing("error_rate")]) for s in (1, 2, 3)]
    ticks.append((4, [errors(0, 10)]))
    assert follow(rule, ticks) == [INCONCLUSIVE, INCONCLUSIVE, UNKNOWN, PASS]


def test_no_requests_are_inconclusive_however_long() -> None:
    rule = condition("error_rate > 5%", window=1)
    ticks: list[Tick] = [(s, [errors(0, 0)]) for s in range(1, 9)]
    assert set(follow(rule, ticks)) == {INCONCLUSIVE}


def test_a_satisfied_condition_stays_so_and_keeps_saying_what_satisfied_it() -> None:
    rule = condition("error_rate > 5%", window=1)
    seen = trace(rule, [(1, [errors(9, 10)]), (2, [errors(0, 10)]), (3, [errors(0, 10)])])
    assert [verdict for _, verdict in seen] == [FAIL, FAIL, FAIL]
    assert seen[-1][0].shown == "90% of 10 requests, limit 5% over 1s"
    assert seen[-1][0].satisfied_at == at(1)


def test_a_condition_that_only_notifies_ends_with_the_first_good_row() -> None:
    rule = condition("error_rate > 5%", window=1, do=Action.NOTIFY)
    ticks: list[Tick] = [
        (1, [errors(9, 10)]),
        (2, [nothing("error_rate")]),
        (3, [errors(0, 10)]),
        (4, [errors(9, 10)]),
    ]
    assert follow(rule, ticks) == [FAIL, FAIL, PASS, FAIL]


@pytest.mark.requirement("X-34")
def test_a_limit_that_is_met_exactly_is_not_exceeded() -> None:
    rule = condition("error_rate > 5%", window=1)
    assert follow(rule, [(1, [errors(5, 100)])]) == [PASS]
    assert follow(rule, [(1, [errors(6, 100)])]) == [FAIL]


def test_a_relative_trigger_compares_the_same_window_of_both_sides() -> None:
    rule = condition("error_rate > baseline + 1pp", window=2)
    shared: list[Tick] = [
        (1, [errors(5, 100), errors(50, 1000, track=BASE)]),
        (2, []),
    ]
    assert follow(rule, shared)[-1] is PASS
    alone: list[Tick] = [(1, [errors(5, 100)]), (2, [errors(1, 1000, track=BASE)])]
    assert follow(rule, alone)[-1] is FAIL
    blind: list[Tick] = [(s, [errors(9, 10), nothing("error_rate", track=BASE)]) for s in (2, 4, 6)]
    assert follow(rule, blind) == [INCONCLUSIVE, INCONCLUSIVE, UNKNOWN]


def test_a_trigger_may_refer_to_an_earlier_wave() -> None:
    meter = begin_wave(fold(started(), [errors(1, 100)], at(-5)), "w2", START)
    rule = condition("error_rate > wave(w1) + 5pp", window=1)
    assert follow(rule, [(1, [errors(6, 100)])], meter) == [PASS]
    assert follow(rule, [(1, [errors(7, 100)])], meter) == [FAIL]


def test_latency_triggers_fire_only_on_what_the_buckets_prove() -> None:
    rule = condition("latency_p99 > 300ms", window=1)
    unclear = latency(100, (0.25, 90), (0.5, 100))
    assert follow(rule, [(1, [unclear])]) == [INCONCLUSIVE]
    clear = latency(100, (0.25, 90), (0.5, 95))
    assert follow(rule, [(1, [clear])]) == [FAIL]


def test_a_latency_trigger_relative_to_the_baseline_takes_the_plan_at_its_word() -> None:
    rule = condition("latency_p99 > 2x baseline", window=1)
    baseline = latency(50, (0.1, 50), (0.2, 50), (1.0, 50), track=BASE)
    assert follow(rule, [(1, [latency(50, (0.1, 40), (0.2, 45), (1.0, 50)), baseline])]) == [FAIL]
    assert follow(rule, [(1, [latency(50, (0.1, 40), (0.2, 50), (1.0, 50)), baseline])]) == [PASS]


def test_gauges_without_a_window_are_judged_reading_by_reading() -> None:
    rule = condition("db_pool >= 100%")
    assert follow(rule, [(1, [pool(0.5, 1)]), (2, [pool(1.0, 2)])]) == [PASS, FAIL]


def test_one_scrape_of_a_gauge_that_is_read_twice_counts_once() -> None:
    rule = condition("db_pool >= 100%", consecutive=2)
    repeated: list[Tick] = [(s, [pool(1.0, 1)]) for s in range(1, 6)]
    assert FAIL not in follow(rule, repeated)
    assert follow(rule, [(1, [pool(1.0, 1)]), (2, [pool(1.0, 2)])]) == [PASS, FAIL]


def test_a_gauge_with_a_window_is_judged_by_its_mean() -> None:
    rule = condition("db_pool > 50", window=3)
    ticks: list[Tick] = [(1, [pool(90, 1)]), (2, [pool(20, 2)]), (3, [pool(31, 3)])]
    assert follow(rule, ticks)[-1] is PASS
    ticks = [(1, [pool(90, 1)]), (2, [pool(30, 2)]), (3, [pool(31, 3)])]
    assert follow(rule, ticks)[-1] is FAIL


def test_three_failures_of_a_probe_are_three_readings_that_were_due() -> None:
    rule = condition("health != ok", consecutive=3)
    eager: list[Tick] = [(s, [health(False, s)]) for s in range(20)]
    assert FAIL not in follow(rule, eager)
    due_ones: list[Tick] = [
        (0, [health(False)]),
        (10, [health(False, 10)]),
        (20, [health(False, 20)]),
    ]
    assert follow(rule, due_ones) == [PASS, PASS, FAIL]


def test_one_good_answer_of_a_probe_starts_the_row_anew() -> None:
    rule = condition("health != ok", consecutive=2)
    answers = [False, True, False, True, False, False]
    ticks: list[Tick] = [(10 * n, [health(ok, 10 * n)]) for n, ok in enumerate(answers)]
    assert follow(rule, ticks) == [PASS, PASS, PASS, PASS, PASS, FAIL]


def test_a_trigger_on_a_metric_that_the_plan_lacks_is_unknown() -> None:
    assert follow(condition("alerts(critical) > 0"), [(1, [])]) == [UNKNOWN]


@given(
    st.lists(st.floats(0.05, 40), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_every_request_is_in_exactly_one_window(gaps: list[float], window: int) -> None:
    rule = condition("error_rate < 0.0001%", window=window)
    watcher = Watcher(window_started_at=START)
    judged, second, ends = 0.0, 0.0, []
    for gap in gaps:
        second += gap
        before = watcher.canary
        held = before.total if isinstance(before, Counts) else 0.0
        watcher, _ = watch(rule, PLAN, watcher, Meter(), [errors(1, 7)], at(second))
        if watcher.canary is None:
            judged += held + 7
            ends.append(second)
    left = watcher.canary.total if isinstance(watcher.canary, Counts) else 0.0
    assert judged + left == 7 * len(gaps)
    apart = [b - a for a, b in zip([0.0, *ends], ends, strict=False)]
    assert all(length >= window / 2 - 1e-6 for length in apart)


@given(st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=40), st.integers(1, 4))
def test_a_trigger_fires_exactly_when_enough_rows_with_data_are_over_in_a_row(
    rows: list[int | None], needed: int
) -> None:
    rule = condition("error_rate > 50%", window=1, consecutive=needed)
    ticks: list[Tick] = [
        (n + 1, [nothing("error_rate") if bad is None else errors(bad, 10)])
        for n, bad in enumerate(rows)
    ]
    over = [bad > 5 for bad in rows if bad is not None]
    expected = any(all(over[n : n + needed]) for n in range(len(over) - needed + 1))
    assert (FAIL in follow(rule, ticks)) is expected


def test_a_suspended_night_is_one_row() -> None:
    rule = condition("error_rate > 5%", window=60, hold=300)
    night = timedelta(hours=8).total_seconds()
    assert follow(rule, [(night, [errors(500, 1000)])]) == [PASS]


def test_a_clock_that_is_put_back_delays_no_trigger() -> None:
    rule = condition("error_rate > 5%", window=2)
    ticks: list[Tick] = [(2, [errors(0, 10)]), (-3600, [errors(9, 10)]), (-3598, [errors(9, 10)])]
    assert follow(rule, ticks) == [PASS, PASS, FAIL]
    probe = condition("health != ok", consecutive=2)
    answers: list[Tick] = [(0, [health(False)]), (-3600, [health(False, -3600)])]
    assert follow(probe, answers) == [PASS, FAIL]


def test_a_window_in_which_nothing_was_due_is_not_missing_anything() -> None:
    rule = condition("db_pool > 50", window=1)
    ticks: list[Tick] = [(1, [pool(40, 1)]), *((s, []) for s in range(2, 9))]
    assert set(follow(rule, ticks)) == {PASS}


@pytest.mark.parametrize("value", [Counts(1e308, 1e308), Gauge(-1e308)])
def test_numbers_that_no_sum_can_hold_are_unknown(value: Counts | Gauge) -> None:
    meter = started()
    for _ in range(3):
        meter = fold(meter, [Measurement("errors", Track.CANARY, Sample(value, START))], START)
    entry = meter.canary["errors"]
    assert entry.total is None
    assert entry.unknown_since == START
