"""The hour before a release that goes straight to 100 %: asked for, kept, and held against."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.baselines import Bygone
from bot.domain.bygone import ReadPast, asked, held_against
from bot.domain.bygone_events import PastRead
from bot.domain.conditions import parse_limit
from bot.domain.decisions import decide
from bot.domain.events import Measured, PostThread, Prepared, WaveApplied
from bot.domain.gates import Verdict
from bot.domain.metering import reference_of
from bot.domain.plan import Baseline, Metric, Plan
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Counts, Gauge, Measurement, Sample, Track, Unknown
from bot.domain.totals import Level
from tests.domain import builders as b

HOUR = timedelta(hours=1)
RATE = b.condition("error_rate < 2x baseline", id="rate")
WORSE = b.condition(
    "error_rate > 3x baseline", id="worse", window=timedelta(minutes=1), consecutive=2
)
HISTORICAL = Baseline(fallback="historical")


def hotfix(**fields: Any) -> Plan:
    """A plan with one wave, which has all traffic at once."""
    defaults: dict[str, Any] = {
        "waves": (b.wave("all", 100.0, gates=(RATE,)),),
        "triggers": (WORSE,),
        "baseline": HISTORICAL,
    }
    return b.plan(**(defaults | fields))


def moved(plan: Plan) -> tuple[Rollout, list[ReadPast]]:
    """A release whose traffic has moved, and what was asked for when it began to."""
    rollout, effects = decide(ready := b.preparing(plan), Prepared(ready.op_key, b.seen(0)), b.NOW)
    rollout = msgspec.structs.replace(rollout, revision=ready.revision + 1)
    past = [effect for effect in effects if isinstance(effect, ReadPast)]
    return b.step(rollout, WaveApplied(rollout.op_key, b.seen(rollout.target_weight))), past


def told(rollout: Rollout, read: Mapping[str, Bygone], *left: str) -> tuple[Rollout, list[Any]]:
    after, effects = decide(rollout, PastRead(read, b.NOW - HOUR, b.NOW, left), b.NOW)
    return msgspec.structs.replace(after, revision=rollout.revision + 1), list(effects)


def look(rollout: Rollout, minute: int, canary: Counts, minutes: float = 1) -> Rollout:
    """The old version has no traffic any more, and nothing is known of it."""
    now = b.NOW + timedelta(minutes=minute)
    found = (
        Measurement("error_rate", Track.CANARY, Sample(canary, now)),
        Measurement("error_rate", Track.BASELINE, Unknown("no such series")),
    )
    return b.step(rollout, Measured(found, timedelta(minutes=minutes), b.seen(100.0)), now)


USUAL = {"error_rate": Bygone(Counts(40, 10_000))}


def test_the_hour_before_is_asked_for_when_the_traffic_moves_and_ends_there() -> None:
    _, past = moved(hotfix())
    assert past == [ReadPast(("error_rate",), b.NOW - HOUR, b.NOW)]
    _, longer = moved(hotfix(baseline=Baseline("historical", window=timedelta(hours=3))))
    assert longer[0].since == b.NOW - 3 * HOUR


@pytest.mark.parametrize(
    "fields",
    [
        {"baseline": Baseline()},
        {"baseline": Baseline("previous_wave")},
        {"waves": (b.wave("p5", 5.0, gates=(RATE,)), b.wave("all", 100.0, gates=(RATE,)))},
        {"waves": (b.wave("all", 100.0),), "triggers": (b.SPIKE,)},
    ],
)
def test_a_plan_that_has_something_beside_it_or_compares_nothing_asks_for_no_past(
    fields: dict[str, Any],
) -> None:
    assert moved(hotfix(**fields))[1] == []


def test_a_plan_that_compares_with_the_past_alone_asks_for_it_from_its_first_wave_on() -> None:
    waves = (b.wave("none", 0.0), b.wave("p5", 5.0, gates=(RATE,)), b.wave("all", 100.0))
    plan = b.plan(waves=waves, baseline=Baseline("historical"), triggers=())
    assert asked(plan, b.NOW) == (ReadPast(("error_rate",), b.NOW - HOUR, b.NOW),)
    assert list(held_against(hotfix(triggers=()))) == ["error_rate"]


@pytest.mark.parametrize(
    ("canary", "phase"),
    [(Counts(40, 10_000), Phase.PROMOTING), (Counts(400, 10_000), Phase.ROLLING_BACK)],
)
def test_a_gate_at_once_at_100_percent_is_judged_by_the_hour_before(
    canary: Counts, phase: Phase
) -> None:
    rollout, _ = moved(hotfix())
    rollout, _ = told(rollout, USUAL)
    after = look(rollout, 30, canary, 30)
    assert after.phase is phase
    assert "(baseline: historical)" in after.findings[0].said or phase is Phase.ROLLING_BACK


def test_a_trigger_at_once_at_100_percent_is_held_against_the_hour_before() -> None:
    rollout, _ = moved(hotfix(waves=(b.wave("all", 100.0, gates=()),)))
    rollout, _ = told(rollout, USUAL)
    for minute in (1, 2):
        rollout = look(rollout, minute, Counts(20, 1000))
    assert rollout.phase is Phase.ROLLING_BACK
    assert "3x baseline = 1.2% (historical)" in rollout.rollback_reason


def test_without_the_hour_before_nothing_passes_and_nothing_is_taken_back() -> None:
    rollout, _ = moved(hotfix())
    for minute in range(1, 31):
        rollout = look(rollout, minute, Counts(20, 1000))
    assert rollout.phase is Phase.SOAKING
    assert rollout.soak_extra > timedelta()
    assert rollout.findings[0].verdict is Verdict.INCONCLUSIVE
    assert "nothing is known of the old version's past" in rollout.findings[0].said


def test_what_can_not_be_read_is_told_and_keeps_the_limit_open() -> None:
    rollout, _ = moved(hotfix())
    after, effects = told(rollout, {"error_rate": Bygone(None, "no series requests")})
    said = next(effect.text for effect in effects if isinstance(effect, PostThread))
    assert said == (
        "What v1.1.0 did in the 1h before can't be read (error_rate: no series requests). "
        "Limits relative to it stay open."
    )
    judged = look(after, 30, Counts(0, 10_000), 30)
    assert judged.phase is Phase.SOAKING
    assert "can't be read: no series requests" in judged.findings[0].said


def test_what_is_not_known_yet_is_asked_again_for_the_same_hour() -> None:
    rollout, _ = moved(hotfix())
    after, effects = told(rollout, USUAL, "latency")
    assert effects == [ReadPast(("latency",), b.NOW - HOUR, b.NOW)]
    assert after.meter.bygone == USUAL


def test_the_hour_before_outlives_a_restart_and_the_next_wave() -> None:
    waves = (b.wave("all", 100.0, gates=(RATE,)), b.wave("later", 100.0, gates=(RATE,)))
    rollout, _ = moved(hotfix(waves=waves))
    rollout, _ = told(rollout, USUAL)
    stored = msgspec.json.encode(msgspec.structs.replace(rollout, plan=None))
    again = msgspec.structs.replace(
        msgspec.json.decode(stored, type=Rollout), plan=rollout.plan, revision=rollout.revision
    )
    again = look(again, 30, Counts(40, 10_000), 30)
    again = b.step(again, WaveApplied(again.op_key, b.seen(100.0)), b.NOW + HOUR)
    again = look(again, 90, Counts(40, 10_000), 30)
    assert again.phase is Phase.PROMOTING


def test_what_was_read_too_late_or_for_nobody_changes_nothing() -> None:
    for rollout in (b.rolled_back(hotfix()), b.queued(hotfix())):
        assert told(rollout, USUAL)[0].meter.bygone == {}


CPU = {"cpu": Metric(kind="gauge", query="cpu", name="cpu")}


def test_a_level_is_held_against_its_mean_of_the_hour_before() -> None:
    busier = b.condition("cpu > baseline + 50%", id="busier")
    plan = hotfix(metrics=CPU, triggers=(busier,), waves=(b.wave("all", 100.0, gates=()),))
    rollout, _ = moved(plan)
    rollout, _ = told(rollout, {"cpu": Bygone(Level(120.0, 60, 9.0))})
    for value, phase in ((2.9, Phase.SOAKING), (3.1, Phase.ROLLING_BACK)):
        reading = (Measurement("cpu", Track.CANARY, Sample(Gauge(value), b.NOW)),)
        after = b.step(rollout, Measured(reading, timedelta(), b.seen(100.0)))
        assert after.phase is phase


def test_the_hour_before_counts_until_a_whole_one_has_been_seen_beside_the_canary() -> None:
    plan = b.plan(
        waves=(b.wave("p50", 50.0, gates=(RATE,)), b.wave("all", 100.0)),
        baseline=Baseline("historical"),
        triggers=(),
        max_extend=9.0,
    )
    rollout, _ = moved(plan)
    rollout, _ = told(rollout, {"error_rate": Bygone(Counts(1000, 10_000))})
    limit = parse_limit("2x baseline")
    known: list[Counts] = []
    for minute in range(1, 151):
        now = b.NOW + timedelta(minutes=minute)
        beside = Measurement("error_rate", Track.BASELINE, Sample(Counts(0, 10), now))
        rollout = b.step(rollout, Measured((beside,), timedelta(), b.seen(50.0)), now)
        found = reference_of(limit, "error_rate", plan, rollout.meter)
        assert found.label == "historical"
        assert isinstance(found.total, Counts)
        known.append(found.total)
    assert known[29] == Counts(1000, 10_300)
    assert (known[59].bad, known[149].bad) == (1000, 0)
    assert 600 <= known[149].total <= 1200
