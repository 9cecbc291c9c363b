"""What relative limits are held against: the old version, its past, or an earlier wave."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.baselines import Past, before, remember, source_of
from bot.domain.events import Measured, WaveApplied
from bot.domain.evidence import Verdict
from bot.domain.gates import Finding, gate, needs
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.plan import Baseline, Plan
from bot.domain.rollout import Phase
from bot.domain.samples import Counts, Measurement, Sample, Track
from bot.domain.totals import Level, add
from bot.domain.watching import Watcher, watch
from tests.domain import builders as b
from tests.domain.measuring import START, at, condition, errors, make_plan, nothing, pool

BASE = Track.BASELINE
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
HOUR = timedelta(hours=1)
WAVES = (b.wave("p5", 5.0), b.wave("p50", 50.0), b.wave("p100", 100.0))


def planned(**rule: Any) -> Plan:
    return msgspec.structs.replace(make_plan(), waves=WAVES, baseline=Baseline(**rule))


def through(*looks: tuple[str, list[Measurement]], window: timedelta = HOUR) -> Meter:
    """The meter after waves of one look each; the old version has no traffic at 100 %."""
    meter = Meter()
    for second, (wave, found) in enumerate(looks):
        meter = begin_wave(meter, wave, at(second))
        meter = fold(meter, found, at(second), None if wave == "p100" else window)
    return meter


def judged(plan: Plan, meter: Meter, text: str = "error_rate < 2x baseline") -> Finding:
    return gate(condition(text), plan, meter, at(100))


BESIDE = [errors(40, 10_000), errors(40, 10_000, track=BASE)]
ALONE = [errors(40, 10_000), errors(0, 0, track=BASE)]
ALONE_AND_BAD = [errors(400, 10_000), errors(0, 0, track=BASE)]


def test_the_old_version_beside_it_is_what_counts_while_it_has_traffic() -> None:
    for kind in ("concurrent", "previous_version"):
        found = judged(planned(kind=kind), through(("p5", BESIDE), ("p50", BESIDE)))
        assert (found.verdict, "historical" in found.said) == (PASS, False)


@pytest.mark.parametrize(
    ("rule", "verdict", "label"),
    [
        ({"kind": "concurrent", "fallback": "historical"}, PASS, "historical"),
        ({"kind": "previous_version"}, PASS, "historical"),
        ({"kind": "historical"}, PASS, "historical"),
        ({"kind": "concurrent", "fallback": "previous_wave"}, PASS, "wave p50"),
        ({"kind": "previous_wave"}, PASS, "wave p50"),
        ({"kind": "concurrent"}, INCONCLUSIVE, ""),
    ],
)
def test_at_100_percent_something_else_takes_its_place_and_is_named(
    rule: dict[str, str], verdict: Verdict, label: str
) -> None:
    meter = through(("p5", BESIDE), ("p50", BESIDE), ("p100", ALONE))
    found = judged(planned(**rule), meter)
    assert found.verdict is verdict
    assert f"(baseline: {label})" in found.said if label else "names no fallback" in found.said
    worse = through(("p5", BESIDE), ("p50", BESIDE), ("p100", ALONE_AND_BAD))
    assert judged(planned(**rule), worse).verdict is (FAIL if label else INCONCLUSIVE)


def test_a_source_that_says_nothing_of_the_old_version_at_100_percent_does_no_harm() -> None:
    gone = [errors(40, 10_000), nothing("error_rate", "no such series", BASE)]
    meter = through(("p50", BESIDE), ("p100", gone))
    assert judged(planned(fallback="historical"), meter).verdict is PASS
    assert judged(planned(), meter).verdict is INCONCLUSIVE
    assert judged(planned(), through(("p50", gone))).verdict is Verdict.UNKNOWN


def test_a_baseline_that_has_no_requests_any_more_lets_nothing_pass() -> None:
    """What it had before says nothing about the requests that the canary has now."""
    meter = fold(begin_wave(Meter(), "p50", START), BESIDE, at(0), HOUR)
    for second in (60, 110, 130):
        meter = fold(meter, [errors(1, 100), errors(0, 0, track=BASE)], at(second), HOUR)
    plan, rule = planned(), condition("error_rate < 2x baseline")
    assert gate(rule, plan, meter, at(119)).verdict is PASS
    found = gate(rule, plan, meter, at(130))
    assert (found.verdict, found.early) == (INCONCLUSIVE, False)
    assert found.why == "baseline: no requests for 2m 10s: no traffic, or a wrong label"
    absolute = gate(condition("error_rate < 5%"), plan, meter, at(130))
    assert absolute.verdict is PASS


def test_a_first_wave_has_no_wave_before_and_no_past() -> None:
    meter = through(("p5", [errors(0, 9000)]))
    found = judged(planned(kind="previous_wave"), meter)
    assert (found.verdict, "this is the first" in found.said) == (INCONCLUSIVE, True)
    found = judged(planned(kind="historical"), meter)
    assert (found.verdict, "nothing is known of the old" in found.said) == (INCONCLUSIVE, True)


def test_the_past_of_a_level_is_its_mean() -> None:
    looks = [pool(80), pool(100, track=BASE)], [pool(80), pool(300, track=BASE)]
    meter = through(("p5", looks[0]), ("p50", looks[1]), ("p100", [pool(80)]))
    rule = condition("db_pool > 2x baseline", consecutive=1)
    plan = planned(fallback="historical")
    start = Watcher(window_started_at=START)
    row = [pool(401, 50)]
    watcher, verdict = watch(rule, plan, start, meter, row, at(50))
    assert (verdict, watcher.shown) == (FAIL, "401, limit 2x baseline = 400 (historical)")
    _, verdict = watch(rule, plan, start, meter, [pool(399, 50)], at(50))
    assert verdict is PASS


def test_a_window_at_100_percent_is_compared_with_the_frozen_numbers() -> None:
    meter = through(("p50", BESIDE), ("p100", ALONE))
    rule = condition("error_rate > baseline + 1pp", window=60)
    for plan, bad, verdict in (
        (planned(fallback="historical"), 20, FAIL),
        (planned(fallback="historical"), 1, PASS),
        (planned(), 20, INCONCLUSIVE),
    ):
        start = Watcher(window_started_at=START)
        row = [errors(bad, 1000), errors(0, 0, track=BASE)]
        _, said = watch(rule, plan, start, meter, row, at(60))
        assert said is verdict


def test_evidence_at_100_percent_counts_the_frozen_numbers_once() -> None:
    meter = through(("p50", BESIDE), ("p100", ALONE))
    rule = condition("error_rate > baseline + 1pp", window=60, hold=300)

    def watched(plan: Plan) -> Watcher:
        watcher = Watcher(window_started_at=START)
        for minute in range(1, 60):  # never five bad ones in a row
            row = [errors(8 * (minute % 2), 100), errors(0, 0, track=BASE)]
            watcher, _ = watch(rule, plan, watcher, meter, row, at(60 * minute))
        return watcher

    frozen = watched(planned(fallback="historical"))
    assert (frozen.satisfied_at, frozen.proven) == (None, "counts")
    assert frozen.minutes.trend.since_start.base == (0.0, 0.0)
    assert not watched(planned()).proven


def test_the_past_keeps_at_least_a_window_and_at_most_two() -> None:
    past: Past | None = None
    for minute in range(0, 300, 10):
        past = remember(past, Counts(0, 1), at(60 * minute), HOUR)
        kept = past.total
        assert isinstance(kept, Counts)
        assert min(6, minute / 10 + 1) <= kept.total <= 12
    back = remember(past, Counts(0, 1), START - HOUR, HOUR)
    assert back.since == START - HOUR


def test_a_release_keeps_the_past_of_the_old_version_until_that_has_no_traffic() -> None:
    gates = (b.condition("error_rate < 2x baseline", id="rate"),)
    waves = tuple(b.wave(f"p{n}", float(n), gates=gates) for n in (5, 100))
    rollout = b.soaking(b.plan(triggers=(), waves=waves, baseline=Baseline(fallback="historical")))

    def look(canary: Counts, old: Counts) -> Measured:
        sides = ((Track.CANARY, canary), (BASE, old))
        found = tuple(Measurement("error_rate", t, Sample(c, b.NOW)) for t, c in sides)
        return Measured(found, timedelta(minutes=30), b.seen(rollout.weight))

    rollout = b.step(rollout, look(Counts(40, 10_000), Counts(40, 10_000)))
    rollout = b.step(rollout, WaveApplied(rollout.op_key, b.seen(100.0)))
    assert rollout.weight == 100
    rollout = b.step(rollout, look(Counts(40, 10_000), Counts(9, 9)))
    assert rollout.meter.past["error_rate"].total == Counts(40, 10_000)
    assert rollout.phase is Phase.PROMOTING


def test_the_past_is_written_down_with_the_rollout() -> None:
    meter = through(("p50", BESIDE), ("p100", ALONE))
    again = msgspec.json.decode(msgspec.json.encode(meter), type=Meter)
    assert again == meter
    assert again.past["error_rate"].total == Counts(40, 10_000)


def test_only_waves_of_the_plan_have_a_wave_before() -> None:
    plan = planned()
    assert [before(plan, wave) for wave in ("p5", "p50", "p100", "gone")] == ["", "p5", "p50", ""]
    assert source_of(plan, "p5") == "concurrent"
    assert source_of(plan, "p100") == ""


def test_the_old_version_is_not_read_when_nothing_is_held_against_it() -> None:
    rules = [condition("error_rate < 2x baseline")]
    metrics = make_plan().metrics
    assert needs(rules, metrics, baseline=False) == (("error_rate", Track.CANARY),)


def test_two_halves_of_a_past_are_one() -> None:
    level = add(Level(10, 1, 10), Level(20, 1, 20))
    assert level == Level(30, 2, 20)
