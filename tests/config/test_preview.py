"""The schedule that people see before they agree to it."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.plan_compile import compile_plan
from bot.domain.preview import Preview, preview
from bot.plans import library
from tests.config.plans import NOON, small


def of(*changes: Any) -> Preview:
    return preview(compile_plan(small(*changes)), NOON)


def test_waves_follow_one_another_by_their_soaks() -> None:
    first, last = of().waves
    assert (first.starts_at, first.ends_at) == (NOON, NOON + timedelta(minutes=10))
    assert (last.starts_at, last.ends_at) == (first.ends_at, NOON + timedelta(minutes=30))
    assert (first.traffic, last.traffic) == (5, 100)
    assert of().total == timedelta(minutes=30)
    assert (first.instances, last.instances) == ("", "")


def test_the_longest_release_is_the_one_in_which_every_gate_needs_more_evidence() -> None:
    """Only the first wave of the small plan has a gate that numbers decide."""
    assert of().longest == timedelta(minutes=40)
    half = (("evidence",), {"max_extend": "50%"})
    assert of(half).longest == timedelta(minutes=35)
    asks = (("evidence",), {"on_inconclusive": "ask"})
    assert of(asks).longest == of(asks).total


def test_the_version_before_is_there_until_the_watch_is_over() -> None:
    kept = (("watch",), {"keep_previous": "2h"})
    assert of(kept).can_go_back_until == NOON + timedelta(minutes=30, hours=2)


def test_gates_and_what_waits_for_a_person_are_told_apart() -> None:
    gates = [
        {"if": "error_rate < 1%"},
        {"attest": "All well?", "by": ["qa", "product"]},
        {"attest": "Nice?", "optional": True},
        {"check": "smoke"},
    ]
    seen = of((("waves", 0, "go_if"), gates), (("waves", 0, "advance"), "approve"))
    assert seen.waves[0].gates == ("error_rate < 1%", "All well?", "Nice?", "smoke")
    assert seen.waves[0].waits_for == ("All well? (qa or product)", "somebody presses Advance")
    assert seen.waves[1].waits_for == ()


def test_what_a_failed_gate_does_is_said_in_words() -> None:
    stepping = ((("waves", 1, "on_breach"), "step_back"), (("waves", 1, "step_back_to"), "5%"))
    words = [wave.on_breach for wave in of(*stepping, (("waves", 0, "on_breach"), "pause")).waves]
    assert words == ["it pauses", "back to 5 %"]
    assert of().waves[0].on_breach == "back to the version before"


def test_only_what_rolls_back_by_itself_is_listed_with_its_time() -> None:
    triggers = [
        {"if": "error_rate > 5%", "window": "1m", "consecutive": 3},
        {"if": "error_rate > 9%", "window": "1m", "for": "5m"},
        {"if": "memory > 99%"},
        {"if": "health != ok", "consecutive": 2},
        {"event": "data_loss"},
        {"if": "memory > 90%", "do": "notify"},
        {"if": "memory > 95%", "do": "pause"},
    ]
    wave = (("waves", 1, "triggers"), [{"if": "crashes > 3"}])
    seen = of((("triggers",), triggers), wave)
    assert seen.rollback_on == (
        "error_rate > 5% over 1m, 3 in a row",
        "error_rate > 9% for 5m",
        "memory > 99%",
        "health != ok, 2 in a row",
        "data loss",
        "crashes > 3",
    )
    assert seen.waves[1].rollback_on == ("crashes > 3",)
    assert seen.waves[0].rollback_on == ()


def test_every_seat_is_named() -> None:
    rules = (("approvals",), {"production": {"all_of": ["qa"], "any": 1}, "rollback": {"any": 2}})
    seen = of(rules)
    assert seen.signers == ("qa", "anybody with a role")
    assert seen.rollback_signers == ("anybody with a role",) * 2
    assert of().rollback_signers == ()


def test_the_canary_plan_takes_four_hours_and_at_most_six() -> None:
    seen = preview(library().get("whispercache-canary"), NOON)
    assert seen.total == timedelta(hours=4)
    assert seen.longest == timedelta(hours=6)
    assert [wave.instances for wave in seen.waves] == ["1", "5", "10", "all"]
    assert seen.waves[0].title == "First requests"
    assert len(seen.rollback_on) == 6


def test_a_schedule_behind_the_last_year_is_refused() -> None:
    with pytest.raises(OverflowError):
        preview(compile_plan(small()), NOON.replace(year=9999, month=12, day=31, hour=23))
