"""The plans that come with the program: each is sound, and WhisperCache's hold its numbers."""

import re
from datetime import timedelta
from importlib.resources import files

import pytest

from bot.domain.conditions import Action, Condition, LimitKind, Operator
from bot.domain.plan import Plan
from bot.domain.subjects import SUBJECTS
from bot.plans import library

LIBRARY = library()
TEXTS = {
    file.name: file.read_text("utf-8")
    for file in files("templates").joinpath("plans").iterdir()
    if file.name.endswith(".yaml")
}
CANARY = LIBRARY.get("whispercache-canary")
BLUE_GREEN = LIBRARY.get("whispercache-bluegreen")
QUICKSTART = LIBRARY.get("quickstart")

Seen = tuple[str, Operator, LimitKind, float]


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def seen(condition: Condition) -> Seen:
    """What a condition compares, in base units."""
    comparison = condition.comparison
    assert comparison is not None
    return comparison.subject, comparison.operator, comparison.limit.kind, comparison.limit.value


def below(metric: str, value: float) -> Seen:
    return metric, Operator.LESS, LimitKind.ABSOLUTE, value


def above(metric: str, value: float) -> Seen:
    return metric, Operator.GREATER, LimitKind.ABSOLUTE, value


def gates(plan: Plan, wave: int) -> list[Seen]:
    return [seen(gate) for gate in plan.waves[wave].gates if gate.kind == "if"]


@pytest.mark.parametrize("name", TEXTS)
def test_a_plan_is_called_like_its_file_and_can_be_carried_out(name: str) -> None:
    plan = LIBRARY.get(name.removesuffix(".yaml"))
    assert plan.waves[-1].traffic == 100
    assert plan.approval.seats >= 2
    assert plan.summary
    assert plan.summary.endswith(".")


@pytest.mark.parametrize("name", TEXTS)
def test_a_plan_explains_itself_in_comments(name: str) -> None:
    lines = TEXTS[name].splitlines()
    assert lines[0].startswith("# ")
    assert sum("# " in line for line in lines) >= 5


@pytest.mark.parametrize("name", LIBRARY.names())
def test_every_alert_says_what_is_wrong_and_what_to_do(name: str) -> None:
    for rules in LIBRARY.get(name).alerts.values():
        for alert in rules:
            assert alert.say
            assert alert.act.endswith(".")


@pytest.mark.parametrize("name", LIBRARY.names())
def test_every_metric_of_a_plan_is_looked_at(name: str) -> None:
    plan = LIBRARY.get(name)
    gates = [gate for wave in plan.waves for gate in (*wave.gates, *wave.triggers)]
    alerts = [alert for rules in plan.alerts.values() for alert in rules]
    used = {c.comparison.subject for c in (*gates, *plan.triggers, *alerts) if c.comparison}
    aimed = {text.split()[0] for texts in plan.sections.targets.values() for text in texts}
    success = {c.comparison.subject for c in plan.afterwards.success if c.comparison}
    after = success & set(plan.metrics)
    found = (used | aimed | after | set(plan.sections.levels)) - set(SUBJECTS)
    inherited = len(LIBRARY.lineage(name)) > 1  # a plan that extends one needs not all of it
    assert found <= set(plan.metrics) if inherited else found == set(plan.metrics)


def test_every_condition_with_a_track_can_tell_the_two_sides_apart() -> None:
    for metric in CANARY.metrics.values():
        for text in (metric.bad, metric.total, metric.histogram, metric.query):
            counters = re.findall(r"[a-z_]+\{[^}]*\}", text)
            assert all("$track" in counter for counter in counters)
            assert counters or not text


# --- quickstart -----------------------------------------------------------------------------


def test_quickstart_takes_about_a_minute() -> None:
    waves = [(wave.traffic, wave.soak) for wave in QUICKSTART.waves]
    assert waves == [(5, seconds(15)), (25, seconds(15)), (50, seconds(15)), (100, seconds(20))]
    assert [gates(QUICKSTART, wave) for wave in range(4)] == [[below("error_rate", 0.01)]] * 4
    assert (QUICKSTART.approval.roles, QUICKSTART.approval.any) == ((), 2)
    assert QUICKSTART.keep_previous == seconds(10)


def test_quickstart_goes_back_after_two_bad_windows_of_two_seconds() -> None:
    (trigger,) = QUICKSTART.triggers
    assert seen(trigger) == above("error_rate", 0.05)
    assert (trigger.window, trigger.consecutive) == (seconds(2), 2)
    assert trigger.do is Action.ROLLBACK


# --- the canary plan ------------------------------------------------------------------------


@pytest.mark.requirement(
    "whispercache-canary",
    "W-007",
    "W-008",
    "W-068",
    "W-071",
    "W-082",
    "W-083",
    "W-084",
    "W-087",
    "W-088",
    "W-089",
    "W-090",
    "X-04",
)
def test_the_canary_plan_has_four_waves_with_their_instances_and_soaks() -> None:
    waves = [(wave.traffic, wave.instances, wave.soak) for wave in CANARY.waves]
    assert waves == [
        (5, 1, minutes(30)),
        (25, 5, minutes(30)),
        (50, 10, minutes(60)),
        (100, "all", minutes(120)),
    ]


@pytest.mark.requirement("W-084", "W-085", "W-086")
def test_the_canary_plan_goes_on_below_a_tenth_of_a_percent() -> None:
    assert gates(CANARY, 0) == [below("error_rate", 0.001), below("latency_p99", 0.5)]
    assert gates(CANARY, 1) == [below("error_rate", 0.001)]
    assert gates(CANARY, 2) == [below("error_rate", 0.001)]
    assert gates(CANARY, 3) == []
    assert {wave.on_breach for wave in CANARY.waves} == {"rollback"}


def test_a_responsible_person_ends_the_last_wave_of_the_canary_plan() -> None:
    (gate,) = CANARY.waves[3].gates
    assert (gate.kind, gate.by, gate.optional) == ("attest", ("release_manager",), False)


@pytest.mark.requirement("W-060", "W-061", "W-062", "S3-01", "S3-02")
def test_three_roles_sign_a_release_and_any_two_people_a_rollback() -> None:
    assert CANARY.approval.roles == ("security", "operations", "product")
    assert CANARY.approval.any == 0
    assert CANARY.rollback_approval is not None
    assert (CANARY.rollback_approval.roles, CANARY.rollback_approval.any) == ((), 2)


@pytest.mark.requirement("S2-05")
def test_six_triggers_roll_back_without_asking() -> None:
    triggers = {trigger.id: trigger for trigger in CANARY.triggers}
    assert {each.do for each in CANARY.triggers} == {Action.ROLLBACK}
    found = {name: (seen(t), t.window, t.consecutive) for name, t in triggers.items()}
    greater = Operator.GREATER
    assert found == {
        "errors": (
            ("error_rate", greater, LimitKind.ABOVE_BASELINE, 0.01),
            minutes(5),
            1,
        ),
        "spike": (above("error_rate", 0.02), minutes(1), 1),
        "latency": (("latency_p99", greater, LimitKind.TIMES_BASELINE, 2), minutes(5), 1),
        "health": (("health", Operator.NOT_EQUAL, LimitKind.OK, 0), None, 3),
        "db-pool": (
            ("db_pool", Operator.GREATER_EQUAL, LimitKind.ABSOLUTE, 1),
            None,
            1,
        ),
        "oom": (above("oom_share", 0.2), None, 1),
    }
    assert [name for name, trigger in triggers.items() if trigger.caused] == ["spike"]


def test_five_critical_alerts_page() -> None:
    alerts = CANARY.alerts["critical"]
    assert [(seen(each), each.window, each.consecutive) for each in alerts] == [
        (above("error_rate", 0.01), minutes(5), 1),
        (above("latency_p99", 2), None, 1),
        (("health", Operator.NOT_EQUAL, LimitKind.OK, 0), None, 2),
        (("db_pool", Operator.GREATER_EQUAL, LimitKind.ABSOLUTE, 1), None, 1),
        (above("memory", 0.9), None, 1),
    ]


def test_seven_warnings_are_posted() -> None:
    alerts = CANARY.alerts["warning"]
    assert [(seen(each), each.consecutive) for each in alerts] == [
        (above("error_rate", 0.005), 1),
        (above("latency_p99", 1), 1),
        (("outside_failures", Operator.GREATER_EQUAL, LimitKind.ABSOLUTE, 2), 1),
        (above("outside_slowness", 2), 1),
        (above("outside_malformed", 0), 1),
        (below("disk_free", 0.2), 1),
        (below("cache_hit", 0.8), 1),
    ]


@pytest.mark.requirement("S4-02a", "W-023", "W-100")
def test_health_is_asked_every_ten_seconds_and_the_99th_percentile_is_watched() -> None:
    assert (CANARY.metrics["health"].url, CANARY.metrics["health"].every) == ("/health", "10s")
    assert CANARY.metrics["latency_p99"].q == 0.99


@pytest.mark.requirement("S4-04c", "S4-04a")
def test_the_losing_side_drains_for_half_a_minute_and_stays_for_an_hour() -> None:
    assert CANARY.drain == seconds(30)
    assert CANARY.keep_previous == minutes(60)


def test_only_the_three_usual_prereleases_are_released() -> None:
    assert CANARY.prerelease == ("rc", "beta", "alpha")
    assert CANARY.document["version"]["tag"] == "v{version}"


def test_a_wave_that_can_not_be_judged_soaks_for_at_most_twice_its_time() -> None:
    assert {wave.on_inconclusive for wave in CANARY.waves} == {"extend"}
    assert CANARY.max_extend == 1.0
    assert CANARY.use_for == ("risky",)


# --- the blue-green plan --------------------------------------------------------------------


@pytest.mark.requirement("whispercache-bluegreen", "W-076", "W-078", "X-02")
def test_blue_green_tries_out_without_traffic_and_then_moves_over() -> None:
    waves = [(wave.traffic, wave.soak, wave.on_breach) for wave in BLUE_GREEN.waves]
    none = seconds(0)
    assert waves == [
        (0, none, "pause"),
        (5, none, "rollback"),
        (25, none, "rollback"),
        (50, none, "rollback"),
        (100, minutes(60), "rollback"),
    ]
    assert all(wave.instances is None for wave in BLUE_GREEN.waves)


@pytest.mark.requirement("W-075", "W-077")
def test_blue_green_checks_first_then_errors_then_latency() -> None:
    first = [(gate.kind, gate.text) for gate in BLUE_GREEN.waves[0].gates]
    assert first == [("check", "smoke_tests"), ("check", "connectivity"), ("check", "cache_warm")]
    assert gates(BLUE_GREEN, 1) == [below("error_rate", 0.001)]
    assert gates(BLUE_GREEN, 2) == [below("latency_p99", 0.5)]
    assert gates(BLUE_GREEN, 3) == gates(BLUE_GREEN, 4) == []


@pytest.mark.requirement("W-079", "X-02")
def test_the_old_side_of_blue_green_is_idle_for_one_hour_in_all() -> None:
    assert BLUE_GREEN.waves[-1].soak + BLUE_GREEN.keep_previous == minutes(60)


@pytest.mark.requirement("W-060", "W-061", "W-062")
def test_blue_green_shares_everything_else_with_the_canary_plan() -> None:
    assert BLUE_GREEN.triggers == CANARY.triggers
    assert BLUE_GREEN.alerts == CANARY.alerts
    assert BLUE_GREEN.metrics == CANARY.metrics
    assert BLUE_GREEN.approval == CANARY.approval
    assert BLUE_GREEN.rollback_approval == CANARY.rollback_approval
    assert BLUE_GREEN.drain == CANARY.drain
    assert BLUE_GREEN.use_for == ("default",)
