"""Evidence that a canary is slower than its baseline: by requests, or by minutes with too few."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from scipy.stats import binom

from bot.domain.conditions import Action, Condition
from bot.domain.events import Measured
from bot.domain.evidence import Verdict
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.plan import Baseline, Metric
from bot.domain.rollout import Phase
from bot.domain.samples import Buckets, Measurement, Sample, Track
from bot.domain.sequential import odds_above
from bot.domain.slowness import Slowness, typical
from bot.domain.watching import Watcher, does, watch
from tests.domain import builders as b
from tests.domain.measuring import START, at, nothing
from tests.domain.test_anticipation import minutes_of, over, planned

BASE = Track.BASELINE
EDGES = (0.1, 0.25, 0.5, 1.0)
P99 = "latency_p99 > 2x baseline"

Row = list[Measurement]


def side(total: float, slow: float, track: Track, usual: float = 0.25) -> Measurement:
    """`total` requests: `slow` of them take a second, the others at most `usual`."""
    counts = tuple((edge, total - slow if usual <= edge < 1.0 else 0.0) for edge in EDGES[:3])
    value = Buckets(total, (*counts, (1.0, total)))
    return Measurement("latency_p99", track, Sample(value, START))


def both(n: float, slow: float, base: float, base_slow: float = 0.0) -> Row:
    return [side(n, slow, Track.CANARY), side(base, base_slow, BASE)]


def every_other(n: float, slow: float, base: float, minutes: int = 60) -> list[Row]:
    """Good and bad minutes in turn: a rule of five in a row is never satisfied."""
    return [both(n, slow * (minute % 2), base) for minute in range(minutes)]


def slow_of(watcher: Watcher) -> Slowness:
    assert watcher.slow is not None
    return watcher.slow


def first_proof(rows: Iterable[Row], rule: Condition | None = None) -> int | None:
    said, _ = minutes_of(rule or over(P99), rows)
    return said.index(Verdict.FAIL) + 1 if Verdict.FAIL in said else None


# --- by requests ----------------------------------------------------------------------------


def test_slow_requests_beside_a_quick_baseline_are_found_before_the_rule_is_satisfied() -> None:
    _, watcher = minutes_of(over(P99), every_other(100, 8, 1900))
    assert (watcher.satisfied_at, watcher.proven) == (None, "counts")
    assert does(over(P99), watcher) is Action.ROLLBACK
    assert watcher.shown == "40 slow ones of 1,000 (4%) in this wave, evidence 100 to 1"


def test_a_canary_as_quick_as_its_baseline_is_not_taken_back() -> None:
    assert first_proof([both(100, 1, 1900, 19)] * 120) is None
    assert first_proof([both(10, 0, 190, 1)] * 120) is None


def test_the_worst_minutes_count_as_much_as_the_fifth_whose_rule_asks_for_five() -> None:
    rows = every_other(100, 8, 1900)
    assert first_proof(rows) == 12  # at the end of the fifth bad one after the warm-up
    worse = [both(100, 90, 1900) if minute in {3, 5, 7, 9} else row
             for minute, row in enumerate(rows)]  # fmt: skip
    assert first_proof(worse) == 12
    counts = slow_of(minutes_of(over(P99), rows)[1]).counts.since_start
    assert (counts.n, counts.k) == (1000, 40)
    assert odds_above(counts.n, counts.k, 0.01) >= 200


def test_a_burst_that_is_shorter_than_the_rule_does_not_decide() -> None:
    calm = [both(100, 0, 1900)] * 10
    assert first_proof([*calm, *[both(100, 60, 1900)] * 4, *calm * 5]) is None
    assert first_proof([*calm, *[both(100, 60, 1900)] * 5, *calm]) == 15


def test_what_slows_both_sides_down_tells_nothing() -> None:
    calm, slow = [both(100, 0, 1900)] * 120, [both(100, 30, 1900, 30 * 19)] * 10
    assert first_proof([*calm, *slow]) is None
    few, slowly = [both(10, 0, 190)] * 120, [both(10, 3, 190, 57)] * 10
    assert first_proof([*few, *slowly]) is None


def test_requests_wait_until_the_baseline_has_a_thousand() -> None:
    rows = [both(10, 0, 190) for _ in range(30)]
    counted = []
    for minutes in range(1, 9):
        _, watcher = minutes_of(over(P99), rows[:minutes])
        counted.append(slow_of(watcher).counts.since_start.n)
    # 190 a minute: a thousand in the sixth, and the minutes after the warm-up are counted then.
    assert counted == [0, 0, 0, 0, 0, 40, 50, 60]


def test_a_limit_between_two_edges_counts_what_is_above_the_upper_one() -> None:
    """Twice 250 ms is an edge; 1.5 times is not, and who took 0.4 s may have kept it."""

    def row(canary: float) -> Row:
        value = Buckets(100.0, ((0.1, 0.0), (0.25, 100 - canary), (0.5, 100.0), (1.0, 100.0)))
        reading = Measurement("latency_p99", Track.CANARY, Sample(value, START))
        return [reading, side(1900, 0, BASE)]

    rule = over("latency_p99 > baseline + 50%")
    assert first_proof([row(40)] * 60, rule) is None
    assert first_proof(every_other(100, 8, 1900), rule) is not None


def test_more_requests_than_the_baseline_has_count_no_more_than_those() -> None:
    """The limit is known no better than by the baseline's requests."""
    _, watcher = minutes_of(over(P99), [both(9000, 0, 1000)] * 12)
    assert slow_of(watcher).counts.since_start.n == pytest.approx(10_000)


def test_a_baseline_beyond_its_highest_edge_tells_no_limit() -> None:
    def row(slow: float) -> Row:
        beyond = Buckets(1900.0, tuple((edge, 0.0) for edge in EDGES))
        reading = Measurement("latency_p99", BASE, Sample(beyond, START))
        return [side(100, slow, Track.CANARY), reading]

    said, watcher = minutes_of(over(P99), [row(100)] * 30)
    assert Verdict.FAIL not in said
    assert slow_of(watcher).counts.since_start.n == 0


# --- by minutes -----------------------------------------------------------------------------


def test_with_too_little_traffic_minutes_are_counted_and_only_pause() -> None:
    rule = over(P99, minutes=10)
    _, watcher = minutes_of(rule, [both(40, 4 * (minute % 9 > 0), 30) for minute in range(33)])
    assert watcher.satisfied_at is None
    assert watcher.proven == "levels"
    assert does(rule, watcher) is Action.PAUSE
    assert "worse in" in watcher.shown
    assert first_proof([both(40, 0, 30)] * 120, rule) is None


def test_a_minute_is_either_a_trial_or_counted_by_its_requests() -> None:
    rows = [*[both(20, 0, 20)] * 22, *[both(100, 0, 1900)] * 10]
    found = slow_of(minutes_of(over(P99), rows)[1])
    # The first two warm up, and before the fifth nothing is known of one request in a hundred.
    assert (found.minutes.since_start.n, found.counts.since_start.n) == (18, 1000)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_a_minute_at_the_limit_is_worse_in_at_most_half_of_all_cases(share: float) -> None:
    for n in (1, 2, 5, 10, 19, 60, 61, 99, 100, 250, 999):
        edge = typical(n, share)
        assert binom.sf(edge, n, share) <= 0.5 + 1e-9
        assert edge == 0 or binom.sf(edge - 1, n, share) > 0.5 - 1e-9
    assert typical(10_000_000, share) >= 10_000_000 * share


# --- the frozen past, and what is missing ---------------------------------------------------


def frozen_rows(past: float, rows: Sequence[Row]) -> Watcher:
    """At 100 %, held against `past` requests that were counted before."""
    plan = planned(baseline=Baseline("historical"))
    meter = fold(Meter(), [side(past, 0, BASE)], START, timedelta(hours=1))
    meter = begin_wave(meter, "w", START)
    watcher = Watcher(window_started_at=START)
    for minute, row in enumerate(rows, start=1):
        now = at(60 * minute)
        meter = fold(meter, row, now)
        watcher, _ = watch(over(P99), plan, watcher, meter, row, now)
    return watcher


def test_the_past_of_a_baseline_is_a_limit_too_when_it_has_a_thousand_requests() -> None:
    rows = [[side(100, 8 * (minute % 2), Track.CANARY)] for minute in range(60)]
    assert frozen_rows(5000, rows).proven == "counts"
    few = frozen_rows(900, rows)
    assert (few.proven, slow_of(few).counts.since_start.n) == ("", 0)


def test_minutes_without_data_on_a_side_are_no_evidence() -> None:
    lost = [side(100, 100, Track.CANARY), nothing("latency_p99", track=BASE)]
    said, watcher = minutes_of(over(P99), [lost] * 60)
    assert Verdict.FAIL not in said
    assert slow_of(watcher).counts.since_start.n == 0
    blind = [nothing("latency_p99"), side(1900, 0, BASE)]
    assert first_proof([*[blind] * 30]) is None


def test_evidence_of_latency_stays_small_and_survives_being_written_down() -> None:
    rows = [both(40, 1, 40)] * 9
    _, watcher = minutes_of(over(P99), rows)
    stored = msgspec.json.encode(watcher)
    assert len(stored) < 4000
    assert msgspec.json.decode(stored, type=Watcher) == watcher


def test_an_absolute_limit_keeps_its_own_counts() -> None:
    _, watcher = minutes_of(over("latency_p99 > 500ms"), every_other(100, 8, 1900))
    assert (watcher.slow, watcher.proven) == (None, "counts")


def test_a_rule_of_more_than_an_hour_waits_for_its_own_words() -> None:
    assert minutes_of(over(P99, minutes=61), every_other(100, 8, 1900))[1].slow is None


# --- the rollout ----------------------------------------------------------------------------


def test_a_release_is_taken_back_for_slowness_before_its_rule_is_satisfied() -> None:
    rule = over(P99)
    metrics = {"latency_p99": Metric(kind="quantile", q=0.99, histogram="h", name="latency_p99")}
    waves = (b.wave("p5", 5.0, gates=()), b.wave("p100", 100.0))
    plan: dict[str, Any] = {"metrics": metrics, "triggers": (rule,), "waves": waves}
    rollout = b.soaking(b.plan(**plan))
    for minute, row in enumerate(every_other(100, 8, 1900), start=1):
        event = Measured(tuple(row), timedelta(minutes=1), b.seen(5.0))
        rollout = b.step(rollout, event, b.NOW + timedelta(minutes=minute))
        if rollout.phase is not Phase.SOAKING:
            break
    assert rollout.phase is Phase.ROLLING_BACK
    assert rollout.rollback_reason.startswith(f"{P99} (40 slow ones of 1,000")
