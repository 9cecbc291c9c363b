"""What the words of a wave mean when a plan is read, and what is said of those that mean nothing.

What they do in a release is tried in tests/domain/test_pace.py and test_facts.py.
"""

from datetime import time, timedelta
from typing import Any

import pytest

from bot.domain.plan import Plan, Ramp
from bot.domain.plan_compile import compile_plan, paced_for
from bot.domain.preview import preview
from bot.plans import library
from tests.config.plans import NOON, refused, small, with_gate, with_trigger

LIBRARY = library()
BUILT_IN = [name for name in LIBRARY.names() if name != "quickstart"]
LEVELS = {"error_rate": {"target": "< 1%", "critical": "> 9%"}}


def of(*changes: Any) -> Plan:
    return compile_plan(small(*changes))


def gates(*go_if: dict[str, str], **more: Any) -> Plan:
    """The small plan with these gates in its last wave."""
    return of((("waves", 1, "go_if"), list(go_if)), *(((key,), v) for key, v in more.items()))


def texts(plan: Plan, wave: int = 1) -> list[str]:
    return [gate.text for gate in plan.waves[wave].gates]


# --- taken over -----------------------------------------------------------------------------


def test_an_included_wave_is_asked_for_again_under_ids_of_its_own() -> None:
    plan = gates({"include": "first"}, {"if": "memory < 80%"})
    assert texts(plan) == ["error_rate < 1%", "memory < 80%"]
    assert plan.waves[1].gates[0].id == "last-first-error-rate-lt-1-pct"


def test_targets_are_all_asked_for_and_nothing_is_asked_for_twice() -> None:
    targets = {"fast": ["latency_p99 < 500ms", "memory < 80%"]}
    plan = gates({"if": "memory < 80%"}, {"targets": "fast"}, {"include": "first"}, targets=targets)
    assert texts(plan) == ["memory < 80%", "latency_p99 < 500ms", "error_rate < 1%"]
    other = gates({"targets": "fast"}, {"if": "memory < 80%"}, targets=targets)
    assert texts(other) == ["latency_p99 < 500ms", "memory < 80%"]


def test_a_stable_wave_says_for_how_long() -> None:
    (gate,) = gates({"stable": "24h"}).waves[1].gates
    assert (gate.kind, gate.text, gate.hold) == ("stable", "stable for 24h", timedelta(days=1))


def test_levels_make_alerts_and_targets_that_can_be_missed() -> None:
    plan = of((("levels",), LEVELS))
    assert [alert.text for alert in plan.alerts["critical"]] == ["error_rate > 9%"]
    assert [aim.text for aim in plan.aims] == ["error_rate >= 1%"]
    assert {c.window for c in (*plan.alerts["critical"], *plan.aims)} == {timedelta(minutes=1)}


# --- what means nothing ---------------------------------------------------------------------

SUBJECTS = {
    "alerst(critical) == 0": "the plan has no metric 'alerst' (did you mean 'alerts'?)",
    "alerts(critcal) == 0": "there is no level 'critcal' (did you mean 'critical'?)",
    "alerts == 0": "alerts needs something in brackets (write it like alerts(critical) == 0)",
    "alarms(x) == 0": "alarms takes nothing in brackets (write it like alarms == 0)",
    "alarms < 5%": "5% is not a number of alarms (write it like 0)",
    "reports(escalation) > 2x baseline": "reports has no baseline to compare with",
    "levels(target) == missed": "the plan has no `levels` (say there what is aimed at)",
    "trend(memry) < 0": "there is no metric 'memry' (did you mean 'memory'?)",
    "trend(memory) < 1": "a trend goes up or down, and is compared with 0"
    " (write trend(memory) < 0)",
    "traffic == 100": "100 is not a share (write it like 100%)",
    "alarms == missed": "missed and reached go with levels (write it like alarms == 0)",
    "memory == missed": "missed goes with levels (levels(target) == missed)",
}


@pytest.mark.parametrize("text", SUBJECTS)
def test_a_subject_that_means_nothing_is_refused_with_what_was_meant(text: str) -> None:
    assert refused(with_gate(text)) == f"waves[0].go_if[0].if: {SUBJECTS[text]}"


def test_levels_are_missed_or_reached() -> None:
    data = with_gate("levels(critical) == missed") | {"levels": LEVELS}
    assert refused(data).endswith("(write levels(critical) == reached)")


def test_what_is_known_at_once_takes_no_window() -> None:
    said = "goes with a metric (leave it out: this is known at once)"
    assert refused(with_trigger(**{"if": "alarms > 0", "window": "1m"})).endswith(f"window: {said}")


MISTAKES: list[tuple[tuple[Any, Any], str]] = [
    (
        (("waves", 1, "go_if"), [{"include": "frist"}]),
        "waves[1].go_if[0].include: there is no earlier wave 'frist' (did you mean 'first'?)",
    ),
    (
        (("waves", 0, "go_if"), [{"include": "last"}]),
        "waves[0].go_if[0].include: there is no earlier wave 'last'"
        " (the first wave has none before it)",
    ),
    (
        (("waves", 1, "go_if"), [{"targets": "fast"}]),
        "waves[1].go_if[0].targets: there are no targets 'fast' (the plan has no `targets`)",
    ),
    (
        (("waves", 0, "start"), "day 2"),
        "waves[0].start: the first wave begins on day 1"
        " (days are counted from the first wave's beginning)",
    ),
    (
        (("waves", 1, "ramp"), {"step": "0.1%", "every": "1m"}),
        "waves[1].ramp.step: 0.1% makes more than 100 steps (take larger ones)",
    ),
    (
        (("waves", 1, "meetings"), [{"at": "09:00", "every": "1d"}]),
        'waves[1].meetings[0]: a meeting has either `at` or `every` (as in at: "09:00")',
    ),
    (
        (("waves", 1, "options"), ["observe"]),
        "waves[1].options: goes with a pause (people choose where it is held:"
        " write `on_breach: pause`, or step_back)",
    ),
    (
        (("approvals", "advance"), {"any": 2}),
        "approvals.advance: one person opens the next wave"
        " (name one role in `all_of`, or write `any: 1`)",
    ),
    (
        (("metrics", "error_rate", "per_weight"), True),
        "metrics.error_rate.per_weight: does not belong to a ratio"
        " (ratios and quantiles don't grow with the traffic)",
    ),
    (
        (("levels",), {"memory": {"critical": "> wave(first) + 5pp"}}),
        "levels.memory.critical[0].if: there is no earlier wave 'first'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_wave_that_can_not_be_carried_out_is_refused(change: tuple[Any, Any], said: str) -> None:
    assert refused(small(change)).startswith(said)


def test_a_zone_that_is_none_is_refused_where_a_day_depends_on_it() -> None:
    standup = {"time": "09:00", "tz": "America/Los_Angles"}
    data = small((("standup",), standup), (("waves", 1, "start"), "day 2"))
    assert refused(data).startswith("standup.tz: 'America/Los_Angles' is not a time zone")


# --- pace -----------------------------------------------------------------------------------


def test_a_ramp_ends_at_its_wave_s_traffic() -> None:
    plan = of((("waves", 1, "ramp"), {"step": "40%", "every": "2m"}))
    assert plan.waves[1].ramp == Ramp((45, 85, 100), timedelta(minutes=2))
    assert plan.waves[1].lasts == timedelta(minutes=26)


def test_the_soak_factor_multiplies_every_soak() -> None:
    plan = of((("soak_factor",), 2.5))
    assert [wave.soak for wave in plan.waves] == [timedelta(minutes=25), timedelta(minutes=50)]


def test_meetings_days_and_standby_are_read() -> None:
    wave = {"start": "day 3", "meetings": [{"at": "09:00"}, {"every": "1d"}],
            "standby": {"support": "48h"}, "audience": "all"}  # fmt: skip
    last = of(*(((("waves", 1, key)), value) for key, value in wave.items())).waves[1]
    assert (last.day, last.audience) == (3, "all")
    assert [meeting.at for meeting in last.meetings] == [time(9, 0), None]
    assert last.standby == {"support": timedelta(days=2)}


def test_probes_ask_as_often_as_the_environment_says() -> None:
    plan = of((("intervals",), {"development": "30s", "production": "10s"}))
    assert paced_for(plan, "development").metrics["health"].every == "30s"
    assert paced_for(plan, "production") == plan
    assert paced_for(plan, "staging") == plan


# --- the built-in ones ----------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_plan_previews_and_is_looked_at_at_least_once_a_minute(name: str) -> None:
    plan = LIBRARY.get(name)
    seen = preview(plan, NOON)
    assert [wave.traffic for wave in seen.waves] == [wave.traffic for wave in plan.waves]
    assert all(a.ends_at <= b.starts_at for a, b in zip(seen.waves, seen.waves[1:], strict=False))
    assert plan.poll <= timedelta(minutes=1)


def test_the_preview_waits_for_days_and_tells_how_a_wave_goes() -> None:
    seen = preview(LIBRARY.get("batch-patches-waves"), NOON)
    assert [(wave.starts_at - NOON).days for wave in seen.waves] == [0, 2, 4, 6]
    assert seen.total == timedelta(days=8)
    last = seen.waves[3]
    assert (last.day, last.audience) == (7, "everybody")
    assert last.posts == ("every 1m until 8h", "every 5m")
    assert last.meetings == ("every 1d (retrospective)",)
    assert last.standby == ("incident_commander, 2d", "support, 2d")


def test_the_preview_of_a_ramp_names_its_steps() -> None:
    (wave,) = preview(LIBRARY.get("crypto-watch-linear"), NOON).waves
    assert wave.ramp == "10, 20, 30, 40, 50, 60, 70, 80, 90, 100 %, a step every 1m"
    assert wave.ends_at - wave.starts_at == timedelta(minutes=15)


def test_the_preview_says_what_people_do_and_choose_from() -> None:
    canary, graduated, full = preview(LIBRARY.get("proofile-staged"), NOON).waves
    assert canary.steps[-2:] == ("retest: staging", "reschedule")
    assert graduated.on_breach == "back to 5 %"
    assert full.options == ("hotfix", "rollback", "workaround", "observe")
