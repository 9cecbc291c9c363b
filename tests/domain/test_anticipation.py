"""Triggers that act by evidence before their own rule, and levels judged by their minutes."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.domain.conditions import Action, Condition
from bot.domain.decisions import decide
from bot.domain.events import Measured, Page, ResumeRequested
from bot.domain.evidence import Verdict
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.plan import Baseline, Metric, Plan, Wave
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Counts, Gauge, Measurement, Sample, Track, Value
from bot.domain.watching import Watcher, does, watch
from tests.domain import builders as b
from tests.domain.measuring import START, at, condition, errors, latency, make_plan, pool

VECTORS = msgspec.json.decode((Path(__file__).parent / "vectors" / "sequential.json").read_bytes())
BASE = Track.BASELINE
FAIL, PASS = Verdict.FAIL, Verdict.PASS


def planned(hours: float = 0.5, **fields: Any) -> Plan:
    """The plan of these tests with one wave of 5 %, which is not extended."""
    wave = Wave(
        id="w",
        title="",
        traffic=5.0,
        instances=None,
        soak=timedelta(hours=hours),
        cadence=(),
        gates=(),
        triggers=(),
        on_breach="rollback",
        step_back_to=None,
        on_inconclusive="ask",
        asks=False,
    )
    more: dict[str, Any] = {"waves": (wave,), "max_extend": 0.0, "keep_previous": timedelta()}
    return msgspec.structs.replace(make_plan(), **(more | fields))


def minutes_of(
    rule: Condition, rows: Iterable[Sequence[Measurement]], plan: Plan | None = None
) -> tuple[list[Verdict], Watcher]:
    """What is said at the end of each minute; all of a minute is read at its end."""
    meter = begin_wave(Meter(), "w", START)
    watcher = Watcher(window_started_at=START)
    said: list[Verdict] = []
    for minute, row in enumerate(rows, start=1):
        now = at(60 * minute)
        meter = fold(meter, row, now)
        watcher, verdict = watch(rule, plan or planned(), watcher, meter, row, now)
        said.append(verdict)
    return said, watcher


def first(said: Sequence[Verdict]) -> int | None:
    """The minute at whose end it was satisfied."""
    return said.index(FAIL) + 1 if FAIL in said else None


def over(limit: str = "error_rate > 1%", minutes: float = 5, **fields: Any) -> Condition:
    return msgspec.structs.replace(condition(limit, window=60, hold=60 * minutes), **fields)


# --- counts ---------------------------------------------------------------------------------


def test_little_traffic_that_never_fills_five_bad_minutes_is_found_by_its_sum() -> None:
    """Ten requests a minute of which every second minute has one failure: 5 % in all."""
    rows = [[errors(minute % 2, 10)] for minute in range(40)]
    said, watcher = minutes_of(over(), rows)
    assert watcher.satisfied_at is None
    assert first(said) is not None
    assert watcher.proven == "counts"
    assert does(over(), watcher) is Action.ROLLBACK
    assert "bad ones of" in watcher.shown
    assert "evidence 100 to 1" in watcher.shown


def test_the_first_two_minutes_are_no_evidence_and_are_watched_all_the_same() -> None:
    cold = [[errors(10, 10)]] * 2
    said, watcher = minutes_of(over(), [*cold, *[[errors(0, 10)]] * 20])
    assert FAIL not in said
    assert watcher.minutes.trend.since_start.k == 0
    rule = condition("error_rate > 1%", window=60, consecutive=2)
    assert first(minutes_of(rule, cold)[0]) == 2


def test_a_burst_that_is_shorter_than_the_rule_does_not_fire() -> None:
    calm, burst = [[errors(0, 200)]] * 10, [[errors(20, 200)]]
    assert FAIL not in minutes_of(over(), [*calm, *burst, *calm])[0]
    assert first(minutes_of(over(), [*calm, *burst * 5, *calm])[0]) == 15


def test_what_breaks_late_is_found_by_its_own_hours() -> None:
    calm, bad = [[errors(0, 10)]] * 720, [[errors(minute % 2, 10)] for minute in range(70)]
    found = first(minutes_of(over(), [*calm, *bad], planned(24))[0])
    assert found is not None
    assert found - 720 < 60


@pytest.mark.parametrize("row", VECTORS["trigger"])
def test_triggers_of_the_reference_through_a_plan(row: dict[str, Any]) -> None:
    found = [[errors(k, n)] for n, k in row["minutes"]]
    warm = [[errors(0, n)] for n, _ in row["minutes"][:2]]
    limit = f"error_rate > {row['limit'] * 100:g}%"
    rule = over(limit, minutes=row["for_min"])
    said, _ = minutes_of(rule, [*warm, *found], planned(row["phase_hours"]))
    assert (FAIL in said) == (row["state"] == "rollback")


def test_a_rule_of_more_than_an_hour_is_not_anticipated() -> None:
    rows = [[errors(minute % 2, 10)] for minute in range(60)]
    said, watcher = minutes_of(over(minutes=61), rows)
    assert FAIL not in said
    assert watcher.minutes.trend.since_start.n == 0


def test_what_only_tells_people_waits_for_its_own_rule() -> None:
    rows = [[errors(minute % 2, 10)] for minute in range(40)]
    assert FAIL not in minutes_of(over(do=Action.NOTIFY), rows)[0]


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("success_rate < 99%", Counts(5, 100), Counts(0, 100)),
        ("error_rate > baseline + 1pp", Counts(8, 100), Counts(0, 100)),
        ("error_rate > 2x baseline", Counts(5, 100), Counts(1, 100)),
    ],
)
def test_each_kind_of_limit_on_a_share_can_be_anticipated(
    rule: str, bad: Value, good: Value
) -> None:
    name = rule.split()[0]

    def row(minute: int, canary: Value) -> list[Measurement]:
        beside = Counts(20.0, 1900)
        now = at(60 * minute)
        return [
            Measurement(name, Track.CANARY, Sample(canary, now)),
            Measurement(name, BASE, Sample(beside, now)),
        ]

    # Good and bad minutes in turn: the rule of five in a row is never satisfied.
    turns = [row(m, bad if m % 2 else good) for m in range(60)]
    _, watcher = minutes_of(over(rule), turns)
    assert watcher.satisfied_at is None
    assert watcher.proven == "counts"
    fine = [row(m, good) for m in range(60)]
    assert FAIL not in minutes_of(over(rule), fine)[0]


def test_slow_requests_are_counted_by_the_edge_that_is_surely_over_the_limit() -> None:
    rows = [
        [latency(100, (0.25, 90.0), (0.5, 100.0 - 4 * (m % 2)), (1.0, 100.0))] for m in range(60)
    ]
    _, watcher = minutes_of(over("latency_p99 > 500ms"), rows)
    assert (watcher.satisfied_at, watcher.proven) == (None, "counts")
    assert "slow ones of" in watcher.shown
    # 10 % are slower than 250 ms, and nobody knows how many of them than 300 ms.
    assert (
        FAIL
        not in minutes_of(
            over("latency_p99 > 300ms"), [[latency(100, (0.25, 90.0), (0.5, 100.0))]] * 60
        )[0]
    )


def test_a_trend_stays_small_however_long_the_wave() -> None:
    rule = over(minutes=5)
    _, watcher = minutes_of(rule, [[errors(0, 10)]] * 600, planned(24))
    assert len(msgspec.json.encode(watcher)) < 1500


def test_a_minute_that_is_read_late_is_one_longer_minute() -> None:
    meter, watcher = begin_wave(Meter(), "w", START), Watcher(window_started_at=START)
    for seconds in (30, 200, 210, 241):
        row = [errors(1, 10)]
        watcher, _ = watch(over(), planned(), watcher, meter, row, at(seconds))
    assert watcher.minutes.trend.since_start.n == 20  # of the minutes that end at 4:00 and later
    back, _ = watch(over(), planned(), watcher, meter, [errors(1, 10)], at(-5))
    assert back.minutes.ends_at == at(55)


# --- evidence that is asked for -------------------------------------------------------------


def test_a_rule_that_needs_evidence_pauses_without_it_and_rolls_back_with_it() -> None:
    rule = msgspec.structs.replace(
        condition("error_rate > 5%", window=60, consecutive=2), proof=True
    )
    _, thin = minutes_of(rule, [[errors(1, 10)]] * 2)
    assert thin.satisfied_at is not None
    assert does(rule, thin) is Action.PAUSE
    _, thick = minutes_of(rule, [[errors(20, 100)]] * 2)
    assert does(rule, thick) is Action.ROLLBACK
    _, sure = minutes_of(rule, [*[[errors(1, 10)]] * 2, *[[errors(40, 100)]]])
    assert does(rule, sure) is Action.ROLLBACK
    again = minutes_of(rule, [[errors(1, 10)], [errors(0, 10)], *[[errors(1, 10)]] * 2])[1]
    assert again.run.n == 20  # a broken row counts no more


def test_a_relative_rule_that_needs_evidence_weighs_both_sides() -> None:
    rule = msgspec.structs.replace(
        condition("error_rate > 2x baseline", window=60, consecutive=1), proof=True
    )
    few = [errors(1, 10), errors(1, 100, track=BASE)]
    many = [errors(90, 100), errors(10, 100, track=BASE)]
    assert does(rule, minutes_of(rule, [few])[1]) is Action.PAUSE
    assert does(rule, minutes_of(rule, [many])[1]) is Action.ROLLBACK


# --- levels ---------------------------------------------------------------------------------


def level_rows(ratios: Iterable[float]) -> list[list[Measurement]]:
    return [
        [pool(100 * ratio, 60 * m), pool(100, 60 * m, track=BASE)]
        for m, ratio in enumerate(ratios, start=1)
    ]


def test_a_level_that_is_worse_minute_by_minute_pauses_before_its_rule_rolls_back() -> None:
    rule = over("db_pool > baseline + 50%", minutes=30)
    said, _ = minutes_of(rule, level_rows([2.0] * 20))
    assert first(said) is None  # thirty minutes are asked for, and a shorter burst can't decide
    rule = over("db_pool > baseline + 50%", minutes=3)
    _, watcher = minutes_of(rule, level_rows([2.0, 2.0, 1.0] * 80))
    assert (watcher.satisfied_at, watcher.proven) == (None, "levels")
    assert does(rule, watcher) is Action.PAUSE
    assert "minutes, evidence 100 to 1" in watcher.shown


# --- the rollout ----------------------------------------------------------------------------

SLOW_RULE = b.condition(
    "error_rate > 1%",
    id="slow",
    window=timedelta(minutes=1),
    hold=timedelta(minutes=5),
    do=Action.ROLLBACK,
)


def live(rollout: Rollout, rows: Iterable[Measurement | Sequence[Measurement]]) -> Rollout:
    """One look a minute, as long as it soaks."""
    for minute, row in enumerate(rows, start=1):
        now = b.NOW + timedelta(minutes=minute)
        found = tuple(row) if isinstance(row, Sequence) else (row,)
        event = Measured(found, timedelta(minutes=1), b.seen(rollout.weight))
        if rollout.phase is not Phase.SOAKING:
            break
        rollout = b.step(rollout, event, now)
    return rollout


def test_a_rollout_is_taken_back_by_evidence_before_the_rule_is_satisfied() -> None:
    waves = (b.wave("p5", 5.0, gates=()), b.wave("p100", 100.0))
    start = b.soaking(b.plan(triggers=(SLOW_RULE,), waves=waves))
    rows = [errors(5 * (minute % 2), 100) for minute in range(30)]
    after = live(start, rows)
    assert after.phase is Phase.ROLLING_BACK
    assert "error_rate > 1%" in after.rollback_reason
    assert "evidence 100 to 1" in after.rollback_reason


def test_a_rule_without_evidence_pauses_and_does_not_pause_again_after_resume() -> None:
    rule = msgspec.structs.replace(SLOW_RULE, hold=None, consecutive=1, proof=True)
    waves = (b.wave("p5", 5.0, gates=()), b.wave("p100", 100.0))
    held = live(b.soaking(b.plan(triggers=(rule,), waves=waves)), [errors(1, 10)])
    assert held.phase is Phase.PAUSED
    resumed = b.step(held, ResumeRequested(b.ADA), b.NOW + timedelta(minutes=2))
    assert resumed.phase is Phase.SOAKING
    event = Measured((errors(0, 10),), timedelta(seconds=5), b.seen(5.0))
    again, effects = decide(resumed, event, b.NOW + timedelta(minutes=2, seconds=5))
    assert again.phase is Phase.SOAKING
    assert not [effect for effect in effects if isinstance(effect, Page)]


def test_a_paused_release_is_taken_back_once_the_rule_is_evidence() -> None:
    rule = msgspec.structs.replace(SLOW_RULE, hold=None, consecutive=1, proof=True)
    waves = (b.wave("p5", 5.0, gates=()), b.wave("p100", 100.0))
    held = live(b.soaking(b.plan(triggers=(rule,), waves=waves)), [errors(1, 10)])
    worse = Measured((errors(50, 100),), timedelta(minutes=1), b.seen(5.0))
    assert b.step(held, worse, b.NOW + timedelta(minutes=2)).phase is Phase.ROLLING_BACK


CPU = {"cpu": Metric(kind="gauge", query="cpu", name="cpu")}


def level_look(ratio: float) -> tuple[Measurement, ...]:
    return (
        Measurement("cpu", Track.CANARY, Sample(Gauge(ratio), b.NOW)),
        Measurement("cpu", BASE, Sample(Gauge(1.0), b.NOW)),
    )


@pytest.mark.parametrize(
    ("ratios", "phase"),
    [
        ([1.0] * 30, Phase.SHIFTING),
        ([2.0] * 30, Phase.ROLLING_BACK),
        ([1.0, 2.0] * 15, Phase.SOAKING),
    ],
)
def test_a_gate_on_a_level_is_judged_by_its_minutes_at_the_end_of_the_soak(
    ratios: list[float], phase: Phase
) -> None:
    gates = (b.condition("cpu < baseline + 40%", id="cpu"),)
    waves = (b.wave("p5", 5.0, gates=gates), b.wave("p100", 100.0))
    start = b.soaking(b.plan(metrics=CPU, triggers=(), waves=waves, baseline=Baseline()))
    before = live(start, [level_look(ratio) for ratio in ratios[:-1]])
    assert before.phase is Phase.SOAKING  # minutes alone end nothing
    event = Measured(level_look(ratios[-1]), timedelta(minutes=1), b.seen(5.0))
    after = b.step(before, event, b.NOW + timedelta(minutes=30))
    assert after.phase is phase
    assert after.soak_extra > timedelta() if phase is Phase.SOAKING else not after.soak_extra
    if phase is not Phase.SHIFTING:
        assert "minutes" in after.findings[0].said
