"""Conditions on what the bot knows itself: alerts, reports, levels, trends, and being stable."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.events import HookFired, Measured, OptionChosen, PauseRequested, ResumeRequested
from bot.domain.evidence import Verdict
from bot.domain.rollout import Phase
from bot.domain.samples import Counts, Gauge, Measurement, Track, Unknown
from bot.domain.trends import FEWEST, Trend, falling, rising, slope
from tests.domain import builders as b
from tests.domain.going import OLGA, Going, document

HOT = Gauge(0.95)
ALERTS = {"critical": [{"id": "hot", "if": "memory > 90%", "window": "5m", "say": "Hot!",
                        "act": "Cool it."}]}  # fmt: skip
LEVELS = {
    "error_rate": {"target": "< 2%", "warning": "> 5%", "critical": "> 10%", "window": "5m"},
    "memory": {"target": "<= 70%", "window": "5m"},
}


def gated(gate: str, **more: Any) -> Going:
    """A first wave of an hour that ends with this gate."""
    return Going(document({"go_if": [{"if": gate}]}, **more))


def triggered(trigger: str, do: str = "rollback", wave: Any = None, **more: Any) -> Going:
    made = {"soak": "4h", "triggers": [{"id": "t", "if": trigger, "do": do}], **(wave or {})}
    return Going(document(made, **more))


def report(name: str, id_: str = "r1", **fields: Any) -> HookFired:
    return HookFired(name, "so people say", "notify", fields.pop("source", "report"), id_, **fields)


# --- alerts and levels ----------------------------------------------------------------------


def test_an_alert_that_is_active_is_counted_and_said_with_its_advice() -> None:
    going = triggered("alerts(critical) > 0", alerts=ALERTS)
    going.looks(4, memory=HOT)
    assert going.is_in(Phase.SOAKING)
    going.look(memory=HOT)
    assert going.is_in(Phase.ROLLING_BACK)
    assert "alerts(critical) > 0 (1 critical alert active (memory > 90%))" in going.pages[0]
    assert any("Hot!" in text and "Cool it." in text for text in going.posts)


def test_an_alert_of_another_level_is_not_counted() -> None:
    going = triggered("alerts(warning) > 0", alerts=ALERTS)
    going.looks(10, memory=HOT)
    assert going.is_in(Phase.SOAKING)


def test_a_critical_alert_of_another_system_is_counted_too() -> None:
    going = triggered("alerts(critical) > 0", alerts=ALERTS)
    going.happens(report("HighLatency", source="alarm", level="critical"))
    going.look()
    assert going.is_in(Phase.ROLLING_BACK)


@pytest.mark.requirement("B-036", "B-054", "B-071")
def test_a_gate_on_alerts_fails_while_one_is_active_and_passes_after() -> None:
    assert _ends(gated("alerts(critical) == 0", alerts=ALERTS), memory=HOT) is Phase.ROLLING_BACK
    going = gated("alerts(critical) == 0", alerts=ALERTS)
    going.looks(30, memory=HOT)
    going.looks(31)
    assert going.rollout.weight == 100


def _ends(going: Going, **values: Any) -> Phase:
    going.looks(61, **values)
    return going.phase


def test_an_alert_that_can_not_be_told_is_no_pass() -> None:
    alerts = {"critical": [{"id": "slow", "if": "health != ok", "window": "5m"}]}
    going = gated("alerts(critical) == 0", alerts=alerts)
    missing = Measurement("health", Track.CANARY, Unknown("no such metric"))
    for _ in range(70):
        going.now += timedelta(minutes=1)
        going.happens(Measured((missing,), timedelta(minutes=1), b.seen(going.rollout.weight)))
    assert going.rollout.weight == 10


def test_a_level_that_is_critical_is_a_critical_alert() -> None:
    going = triggered("alerts(critical) > 0", levels=LEVELS)
    going.looks(5, error_rate=Counts(110, 1000))
    assert going.is_in(Phase.ROLLING_BACK)


def test_a_level_at_its_limit_is_not_reached() -> None:
    going = triggered("levels(critical) == reached", levels=LEVELS)
    going.looks(10, error_rate=Counts(100, 1000))
    assert going.is_in(Phase.SOAKING)
    assert going.rollout.alerts == ("level-warning-error_rate",)


def test_a_target_is_missed_before_anything_warns() -> None:
    going = triggered("levels(target) == missed", levels=LEVELS)
    going.looks(4, error_rate=Counts(20, 1000))
    assert going.is_in(Phase.SOAKING)
    going.looks(1, error_rate=Counts(20, 1000))
    assert going.is_in(Phase.ROLLING_BACK)
    assert not any(post.startswith(("Warning", "Critical")) for post in going.posts)


def test_a_missed_target_by_itself_says_nothing() -> None:
    going = gated("error_rate < 9%", levels=LEVELS)
    going.looks(30, memory=Gauge(0.8))
    assert (going.rollout.alerts, going.pages) == ((), [])


# --- from outside ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "kind", "source"),
    [
        ("reports(escalation) > 2", "escalation", "report"),
        ("open_incidents(critical) > 2", "critical", "incident"),
        ("alarms > 2", "TooHot", "alarm"),
    ],
)
def test_what_is_reported_is_counted(trigger: str, kind: str, source: str) -> None:
    going = triggered(trigger)
    for number in range(3):
        going.look()
        assert going.is_in(Phase.SOAKING)
        going.happens(report(kind, f"r{number}", source=source))
    going.look()
    assert going.is_in(Phase.ROLLING_BACK)


def test_an_incident_that_is_closed_lets_the_wave_pass() -> None:
    going = gated("open_incidents(critical) == 0")
    going.happens(report("critical", source="incident"))
    going.looks(59)
    going.happens(report("critical", source="incident", open=False, at=going.now))
    going.look()
    assert going.rollout.weight == 100


def test_an_open_incident_fails_the_gate_at_the_end_of_the_soak() -> None:
    going = gated("open_incidents(critical) == 0")
    going.happens(report("critical", source="incident"))
    going.looks(59)
    assert going.is_in(Phase.SOAKING)
    going.look()
    assert going.is_in(Phase.ROLLING_BACK)


def test_what_paused_it_pauses_it_again_only_when_it_is_news() -> None:
    wave = {"on_breach": "pause", "options": ["observe", "rollback"]}
    going = triggered("reports(escalation) > 0", "pause", wave)
    going.happens(report("escalation"))
    going.look()
    assert (going.phase, going.rollout.options) == (Phase.PAUSED, ("observe", "rollback"))
    going.happens(OptionChosen(OLGA, "observe", "one is enough", "q1"))
    going.looks(5)
    assert going.is_in(Phase.SOAKING)


def test_the_share_of_the_traffic_can_be_asked_for() -> None:
    assert _ends(gated("traffic == 10%")) is Phase.SOAKING
    assert _ends(gated("traffic == 100%")) is Phase.ROLLING_BACK


# --- trends ---------------------------------------------------------------------------------


def course(value: Callable[[int], float], minutes: int = 60) -> Trend:
    """The trend of a metric with this value in each minute."""
    trend = Trend()
    for x in range(minutes):
        y = value(x)
        trend = Trend(
            x, None, trend.n + 1, trend.x + x, trend.y + y,
            trend.xx + x * x, trend.xy + x * y, trend.yy + y * y,
        )  # fmt: skip
    return trend


def test_the_slope_is_that_of_the_least_squares_line() -> None:
    found = slope(course(lambda x: 5 - 0.5 * x))
    assert found is not None
    assert (round(found.per_hour, 6), round(found.error, 6)) == (-30, 0)
    assert slope(course(float, FEWEST - 1)) is None


@pytest.mark.parametrize(
    ("value", "falls"),
    [
        (lambda x: 0.02 - 0.0001 * x, Verdict.PASS),
        (lambda x: 0.02 + 0.0001 * x, Verdict.FAIL),
        (lambda _: 0.02, Verdict.INCONCLUSIVE),
        (lambda _: 0.0, Verdict.PASS),
        (lambda x: 0.02 + 0.001 * (x % 2), Verdict.INCONCLUSIVE),
    ],
)
def test_falling_is_told_from_standing_still(value: Callable[[int], float], falls: Verdict) -> None:
    assert falling(course(value))[0] is falls


def test_nothing_all_the_time_is_no_rise() -> None:
    assert rising(course(lambda _: 0.0))[0] is Verdict.FAIL
    assert rising(course(lambda x: 0.1 * x))[0] is Verdict.PASS


def test_noise_is_seldom_taken_for_a_trend() -> None:
    """Three standard errors: 0.27 % of 1,000, about 3, for each side about half of it."""
    rng = random.Random(5)
    told = [falling(course(lambda _: rng.gauss(1, 0.1)))[0] for _ in range(1000)]
    assert sum(verdict is not Verdict.INCONCLUSIVE for verdict in told) < 12


@pytest.mark.requirement("B-055")
def test_a_wave_whose_errors_fall_from_minute_to_minute_passes() -> None:
    going = gated("trend(error_rate) < 0")
    for minute in range(61):
        going.look(error_rate=Counts(100 - minute, 10_000))
    assert going.rollout.weight == 100


@pytest.mark.requirement("B-055")
def test_a_wave_whose_errors_rise_fails_and_one_that_stands_still_asks() -> None:
    going = gated("trend(error_rate) < 0")
    for minute in range(61):
        going.look(error_rate=Counts(10 + minute, 10_000))
    assert going.is_in(Phase.ROLLING_BACK)
    still = gated("trend(error_rate) < 0")
    still.looks(63, error_rate=Counts(100, 10_000))
    assert (still.phase, still.rollout.weight) == (Phase.JUDGING, 10)
    assert still.rollout.reason == "A person has to decide: trend(error_rate) < 0"


# --- stable ---------------------------------------------------------------------------------


@pytest.mark.requirement("P-065")
def test_a_wave_waits_until_it_has_been_stable_for_long_enough() -> None:
    going = Going(document({"go_if": [{"stable": "1h"}]}, alerts=ALERTS))
    going.looks(30)
    going.looks(5, memory=HOT)
    going.looks(30)
    assert (going.phase, going.rollout.weight) == (Phase.JUDGING, 10)
    assert going.rollout.reason == "Waiting until it has been stable for 1h."
    going.looks(33)
    assert going.rollout.weight == 10
    going.looks(1)
    assert going.rollout.weight == 100


def test_a_pause_is_not_stable() -> None:
    going = Going(document({"go_if": [{"stable": "1h"}]}))
    going.looks(50)
    going.happens(PauseRequested(OLGA))
    going.looks(5)
    going.happens(ResumeRequested(OLGA))
    going.looks(59)
    assert going.rollout.weight == 10
    going.looks(1)
    assert going.rollout.weight == 100


def test_a_wave_without_trouble_is_stable_when_its_soak_ends() -> None:
    going = Going(document({"go_if": [{"stable": "1h"}]}))
    going.looks(59)
    assert going.rollout.weight == 10
    going.looks(1)
    assert going.rollout.weight == 100
