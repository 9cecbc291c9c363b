"""Whatever is read and whenever: what is missing or can't be true never decides anything.

Properties over any course of readings. The numbers a source can get wrong are all in it: no answer,
NaN, infinity, less than none, more bad ones than requests, and readings that come late or twice.
"""

import math
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.conditions import Action, Condition
from bot.domain.events import Measured
from bot.domain.evidence import Verdict
from bot.domain.gates import gate
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.rollout import Phase
from bot.domain.samples import Buckets, Counts, Gauge, Measurement, Sample, Track, Unknown
from bot.domain.watching import Watcher, does, watch
from bot.metrics.increments import Place, Series, growth
from tests.domain import builders as b
from tests.domain.measuring import START, at, condition, errors, make_plan
from tests.domain.test_anticipation import planned

pytestmark = pytest.mark.thorough

PLAN = make_plan()
FAIL, PASS = Verdict.FAIL, Verdict.PASS
BASE = Track.BASELINE
NAN, INF = math.nan, math.inf

# --- what can be read -----------------------------------------------------------------------

sound = st.tuples(st.integers(0, 50), st.integers(0, 1000)).map(
    lambda pair: Counts(float(min(pair)), float(max(pair)))
)
impossible = st.sampled_from(
    [
        Counts(NAN, 10.0),
        Counts(1.0, NAN),
        Counts(INF, INF),
        Counts(0.0, INF),
        Counts(-1.0, 10.0),
        Counts(0.0, -10.0),
        Counts(11.0, 10.0),
        Counts(0.0, 1e300),
    ]
)
lost = st.one_of(st.just(None), impossible)
readings = st.one_of(sound, lost)


def measured(value: Counts | None, seconds: float = 0, track: Track = Track.CANARY) -> Measurement:
    reading = Unknown("no answer") if value is None else Sample(value, at(seconds))
    return Measurement("error_rate", track, reading)


def true(value: Counts | None) -> bool:
    if value is None:
        return False
    return 0 <= value.bad <= value.total <= 1e18


def gated(course: Sequence[Sequence[Measurement]]) -> tuple[Meter, Verdict]:
    meter = begin_wave(Meter(), "w", START)
    for second, look in enumerate(course):
        meter = fold(meter, look, at(second))
    found = gate(condition("error_rate < 5%"), PLAN, meter, at(len(course)))
    return meter, found.verdict


# --- gates ----------------------------------------------------------------------------------


@given(st.lists(readings, max_size=12))
def test_what_can_not_be_true_adds_nothing_to_a_gates_sum(course: list[Counts | None]) -> None:
    known = [value for value in course if value is not None and true(value)]
    meter, _ = gated([[measured(value)] for value in course])
    entry = meter.canary.get("error_rate")
    total = entry.total if entry else None
    if not known:
        assert total is None
        return
    assert total == Counts(sum(v.bad for v in known), sum(v.total for v in known))


@given(st.lists(readings, max_size=12), lost)
def test_a_gate_whose_newest_reading_says_nothing_neither_passes_nor_fails(
    course: list[Counts | None], last: Counts | None
) -> None:
    _, verdict = gated([[measured(value)] for value in [*course, last]])
    assert verdict is Verdict.UNKNOWN


@given(st.lists(lost, max_size=12))
def test_nothing_but_absence_never_passes(course: list[Counts | None]) -> None:
    _, verdict = gated([[measured(value)] for value in course])
    assert verdict is Verdict.UNKNOWN


@given(st.lists(sound, min_size=1, max_size=12))
def test_a_gate_says_the_same_however_its_requests_are_split_into_looks(
    course: list[Counts],
) -> None:
    whole = Counts(sum(v.bad for v in course), sum(v.total for v in course))
    meter = begin_wave(Meter(), "w", START)
    for second, value in enumerate(course):
        meter = fold(meter, [measured(value)], at(second))
    once = fold(begin_wave(Meter(), "w", START), [measured(whole)], at(len(course) - 1))
    for text in ("error_rate < 5%", "error_rate < 0.1%"):
        split, single = (gate(condition(text), PLAN, m, at(60)) for m in (meter, once))
        assert (split.verdict, split.shown, split.needs) == (
            single.verdict,
            single.shown,
            single.needs,
        )


@given(sound, st.lists(lost, min_size=1, max_size=5))
def test_a_baseline_that_says_nothing_never_lets_a_relative_gate_pass(
    canary: Counts, course: list[Counts | None]
) -> None:
    meter = begin_wave(Meter(), "w", START)
    meter = fold(meter, [measured(canary), measured(Counts(5.0, 1000.0), track=BASE)], START)
    for second, value in enumerate(course, start=1):
        meter = fold(meter, [measured(canary), measured(value, track=BASE)], at(second))
    found = gate(condition("error_rate < 2x baseline"), planned(), meter, at(60))
    assert found.verdict is Verdict.UNKNOWN


# --- triggers -------------------------------------------------------------------------------

RULES = (
    condition("error_rate > 5%", window=2, consecutive=2),
    condition("error_rate > 5%", window=60, hold=120),
    condition("error_rate > 2x baseline", window=60, hold=120, do=Action.PAUSE),
)

looks = st.tuples(readings, readings, st.sampled_from([1.0, 2.0, 20.0, 60.0, 61.0, 200.0]))


def followed(
    rule: Condition, course: Sequence[tuple[Counts | None, Counts | None, float]]
) -> list[tuple[Watcher, Verdict]]:
    """What a trigger says after each look, with the seconds since the look before it."""
    meter, watcher = begin_wave(Meter(), "w", START), Watcher(window_started_at=START)
    seconds, said = 0.0, []
    for canary, baseline, gap in course:
        seconds += gap
        row = [measured(canary, seconds), measured(baseline, seconds, BASE)]
        meter = fold(meter, row, at(seconds))
        watcher, verdict = watch(rule, planned(), watcher, meter, row, at(seconds))
        said.append((watcher, verdict))
    return said


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
@given(course=st.lists(looks, max_size=40), few=st.booleans())
def test_a_satisfied_trigger_stays_satisfied_whatever_comes_after(
    rule: Condition, course: list[tuple[Counts | None, Counts | None, float]], few: bool
) -> None:
    """few: by its own words alone, with so few requests that they are no evidence."""
    worse = Counts(1.0, 10.0) if few else Counts(900.0, 1000.0)
    bad = [(worse, Counts(0.0, 1000.0), 61.0)] * 4
    said = [verdict for _, verdict in followed(rule, [*bad, *course])]
    assert FAIL in said[:4]
    assert set(said[said.index(FAIL) :]) == {FAIL}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
@given(course=st.lists(st.tuples(lost, readings, st.sampled_from([1.0, 30.0, 61.0])), max_size=30))
def test_a_trigger_that_sees_no_canary_is_neither_satisfied_nor_fine(
    rule: Condition, course: list[tuple[Counts | None, Counts | None, float]]
) -> None:
    assert {verdict for _, verdict in followed(rule, course)} <= {
        Verdict.INCONCLUSIVE,
        Verdict.UNKNOWN,
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
@given(course=st.lists(looks, max_size=25), gaps=st.lists(st.integers(0, 24), max_size=6))
def test_looks_that_see_nothing_in_between_do_not_make_a_trigger_milder(
    rule: Condition, course: list[tuple[Counts | None, Counts | None, float]], gaps: list[int]
) -> None:
    """Blind looks at the same instants as others change nothing that was counted."""
    doubled = list(course)
    for place in sorted(gaps, reverse=True):
        if place < len(doubled):
            doubled.insert(place + 1, (None, None, 0.0))
    plain, blind = followed(rule, course), followed(rule, doubled)
    assert [v for _, v in plain if v is FAIL] == [] or FAIL in [v for _, v in blind]
    if plain and plain[-1][0].satisfied_at:
        assert does(rule, blind[-1][0]) is does(rule, plain[-1][0])


@given(st.lists(sound, min_size=3, max_size=30), st.data())
def test_the_minutes_of_evidence_are_the_same_however_often_one_looks(
    minutes: list[Counts], data: st.DataObject
) -> None:
    """Each minute's requests in one look at its end, or in several looks before."""
    rule = condition("error_rate > 5%", window=60, hold=300)
    once = [(value, Counts(0.0, 1000.0), 60.0) for value in minutes]
    often: list[tuple[Counts | None, Counts | None, float]] = []
    for value in minutes:
        cut = data.draw(st.integers(0, int(value.total)))
        bad = min(cut, int(value.bad))
        rest = Counts(value.bad - bad, value.total - cut)
        assume(rest.bad <= rest.total)
        often += [
            (Counts(float(bad), float(cut)), None, 25.0),
            (rest, Counts(0.0, 1000.0), 35.0),
        ]
    ends = (followed(rule, once)[-1], followed(rule, often)[-1])
    (single, said), (split, also) = ends
    assert single.minutes.trend == split.minutes.trend
    assert (said, single.runs, single.satisfied_at) == (also, split.runs, split.satisfied_at)


@given(st.lists(st.tuples(sound, lost), min_size=3, max_size=30))
def test_what_can_not_be_true_is_no_part_of_any_minute(
    minutes: list[tuple[Counts, Counts | None]],
) -> None:
    rule = condition("error_rate > 5%", window=60, hold=300)
    clean: list[tuple[Counts | None, Counts | None, float]] = []
    dirty: list[tuple[Counts | None, Counts | None, float]] = []
    for value, wrong in minutes:
        clean.append((value, None, 60.0))
        dirty += [(wrong, None, 30.0), (value, None, 30.0)]
    (single, said), (mixed, also) = followed(rule, clean)[-1], followed(rule, dirty)[-1]
    assert single.minutes.trend == mixed.minutes.trend
    assert (said, single.runs, single.satisfied_at) == (also, mixed.runs, mixed.satisfied_at)


@given(st.lists(st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.booleans())))
def test_a_level_that_is_no_number_or_was_seen_before_is_no_reading_of_its_own(
    course: list[tuple[float, bool]],
) -> None:
    """One reading over the limit, then only what is late, repeated or no number."""
    rule = condition("db_pool > 90%", consecutive=2)
    meter, watcher = begin_wave(Meter(), "w", START), Watcher(window_started_at=START)
    first = Measurement("db_pool", Track.CANARY, Sample(Gauge(0.95), at(10)))
    watcher, _ = watch(rule, PLAN, watcher, meter, [first], at(10))
    for second, (value, late) in enumerate(course, start=11):
        number = value if not late and not abs(value) <= 1e18 else 0.95
        when = at(second) if not late and not abs(value) <= 1e18 else at(10)
        look = Measurement("db_pool", Track.CANARY, Sample(Gauge(number), when))
        watcher, verdict = watch(rule, PLAN, watcher, meter, [look], at(second))
        assert verdict is not FAIL
        assert watcher.runs == 1


slow_readings = st.one_of(
    st.none(),
    st.sampled_from(
        [
            Buckets(NAN, ((0.25, 1.0),)),
            Buckets(10.0, ((0.25, NAN),)),
            Buckets(10.0, ((0.25, 11.0),)),
            Buckets(-1.0, ((0.25, -1.0),)),
            Buckets(INF, ((0.25, 0.0),)),
        ]
    ),
)


@given(st.lists(st.tuples(slow_readings, st.booleans()), max_size=40))
def test_latencies_that_can_not_be_true_are_no_evidence(
    course: list[tuple[Buckets | None, bool]],
) -> None:
    rule = condition("latency_p99 > 2x baseline", window=60, hold=300)
    meter, watcher = begin_wave(Meter(), "w", START), Watcher(window_started_at=START)
    fine = Buckets(5000.0, ((0.25, 5000.0), (0.5, 5000.0), (1.0, 5000.0)))
    for minute, (value, both) in enumerate(course, start=1):
        now = at(60 * minute)
        row = [
            Measurement("latency_p99", track, Unknown("lost") if one is None else Sample(one, now))
            for track, one in ((Track.CANARY, value), (BASE, value if both else fine))
        ]
        meter = fold(meter, row, now)
        watcher, verdict = watch(rule, planned(), watcher, meter, row, now)
        assert verdict in {Verdict.INCONCLUSIVE, Verdict.UNKNOWN}
        assert not watcher.proven


# --- the soak's clock -----------------------------------------------------------------------

LOOK = st.tuples(st.booleans(), st.booleans(), st.integers(0, 90))


@given(st.lists(LOOK, max_size=25))
def test_the_clock_of_a_soak_counts_what_was_seen_and_nothing_else(
    course: list[tuple[bool, bool, int]],
) -> None:
    """Each look: whether the target was seen, whether the metric was, and the seconds covered."""
    rollout = b.soaking()
    seen, seconds = timedelta(), 0
    for target, metric, covered in course:
        seconds += covered
        now = b.NOW + timedelta(seconds=seconds)
        value = Counts(0.0, 100.0) if metric else None
        reading = Unknown("no answer") if value is None else Sample(value, now)
        event = Measured(
            (Measurement("error_rate", Track.CANARY, reading),),
            timedelta(seconds=covered),
            b.seen(5.0) if target else None,
        )
        rollout = b.step(rollout, event, now)
        if rollout.phase is not Phase.SOAKING:
            break
        if target and metric:
            seen += timedelta(seconds=covered)
        assert rollout.soak_done == seen
    if rollout.phase is Phase.SHIFTING:
        assert seen + timedelta(seconds=90) >= rollout.the_plan.waves[0].soak


@given(st.lists(LOOK, max_size=25))
def test_nothing_rises_while_nothing_is_known(course: list[tuple[bool, bool, int]]) -> None:
    rollout = b.soaking()
    for minute, (target, _, covered) in enumerate(course, start=1):
        reading = Measurement("error_rate", Track.CANARY, Unknown("no answer"))
        event = Measured((reading,), timedelta(minutes=covered), b.seen(5.0) if target else None)
        rollout = b.step(rollout, event, b.NOW + timedelta(minutes=minute))
    assert rollout.wave == 0
    assert rollout.phase in {Phase.SOAKING, Phase.PAUSED}
    assert rollout.soak_done == timedelta()


# --- counters -------------------------------------------------------------------------------

STEPS = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=40)


@given(STEPS, st.sets(st.integers(0, 39)))
def test_each_event_is_counted_once_however_counters_restart_and_reads_fall(
    steps: list[tuple[int, bool]], reads: set[int]
) -> None:
    """Each step: how much a counter grows before the next scrape, and whether it restarts first."""
    value, points, grown = 1000.0, [(0, 1000.0)], 0.0
    for number, (more, restarts) in enumerate(steps, start=1):
        value = float(more) if restarts else value + more
        grown += more
        points.append((number * 1000, value))
    assume(not any(r and m and m >= points[i][1] for i, (m, r) in enumerate(steps)))
    labels = {"__name__": "requests_total", "job": "app", "instance": "a"}
    place, counted = Place(0), 0.0
    for last in sorted({read for read in reads if read < len(points)} | {len(points) - 1}):
        series = Series(labels, points[: last + 1])
        until = {series.target: points[last][0]}
        counted += growth(series, place, until, {})
        place = place.moved(until, bad_seen=True)
    assert counted == grown
    late = Series(labels, points)
    assert growth(late, place, {late.target: points[-1][0]}, {}) == 0


def test_a_meter_with_any_of_this_in_it_can_be_written_down() -> None:
    meter = begin_wave(Meter(), "w", START)
    for second, value in enumerate((Counts(NAN, 1.0), Counts(1.0, 2.0), Counts(INF, INF))):
        meter = fold(meter, [measured(value)], at(second))
    meter = fold(meter, [errors(1, 10)], at(9))
    assert msgspec.json.decode(msgspec.json.encode(meter), type=Meter) == meter
