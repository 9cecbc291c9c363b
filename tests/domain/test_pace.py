"""Ramps, days, meetings and updates, retries and choices: how a wave goes, not how it is judged."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.conditions import Action
from bot.domain.events import (
    AdvanceRequested,
    HookFired,
    Measured,
    OptionChosen,
    PauseRequested,
    ResumeRequested,
    SwitchBack,
    Whisper,
)
from bot.domain.rollout import Phase
from bot.domain.samples import Counts, Gauge
from tests.domain import builders as b
from tests.domain.going import OLGA, Going, document

RAMP = {"ramp": {"step": "25%", "every": "1m"}, "traffic": "100%", "soak": "5m"}
BAD = Counts(500, 1000)


def ramping(**more: Any) -> Going:
    made = document(**more)
    made["waves"] = [{"id": "all", **RAMP}]
    return Going(made)


# --- ramps ----------------------------------------------------------------------------------


def test_a_ramp_rises_by_its_step_and_every_step_is_held() -> None:
    going = ramping()
    seen = [going.rollout.weight]
    for _ in range(16):
        going.look(0.25)
        seen.append(going.rollout.weight)
    assert seen == [25] * 4 + [50] * 4 + [75] * 4 + [100] * 5
    assert going.weights == [25, 50, 75, 100]


def test_the_soak_begins_when_the_last_step_has_been_held() -> None:
    going = ramping()
    going.looks(8)
    assert going.is_in(Phase.SOAKING)
    going.look()
    assert going.is_in(Phase.WATCHING)
    assert going.now - b.NOW == timedelta(minutes=9)


def test_time_beyond_a_step_does_not_shorten_the_next() -> None:
    going = ramping()
    going.look(10)
    assert going.rollout.weight == 50
    going.look(0.9)
    assert going.rollout.weight == 50
    going.look(0.1)
    assert going.rollout.weight == 75


def test_a_trigger_that_sees_two_windows_in_a_row_sees_them_across_steps() -> None:
    trigger = {"id": "t", "if": "error_rate > 5%", "window": "1m", "consecutive": 2}
    going = ramping(triggers=[trigger])
    going.looks(1, error_rate=BAD)
    assert (going.phase, going.rollout.weight) == (Phase.SOAKING, 50)
    going.looks(1, error_rate=BAD)
    assert going.is_in(Phase.ROLLING_BACK)


def test_a_ramp_that_nobody_sees_does_not_rise() -> None:
    going = ramping()
    for _ in range(3):
        going.now += timedelta(minutes=0.5)
        going.happens(Measured((), timedelta(minutes=0.5), None, "no answer"))
    assert going.rollout.weight == 25


def test_a_paused_ramp_goes_on_from_the_step_it_had() -> None:
    going = ramping()
    going.looks(1)
    going.happens(PauseRequested(OLGA))
    going.looks(30)
    assert going.rollout.weight == 50
    going.happens(ResumeRequested(OLGA))
    going.look()
    assert going.rollout.weight == 75
    assert going.weights == [25, 50, 75]


def test_a_ramp_begins_above_the_wave_before() -> None:
    going = Going(document({"soak": "1m"}, {"ramp": {"step": "40%", "every": "1m"}}))
    going.looks(4)
    assert going.weights == [10, 50, 90, 100]


# --- days -----------------------------------------------------------------------------------


def test_a_wave_waits_for_its_day_and_is_watched_meanwhile() -> None:
    going = Going(document({}, {"start": "day 3"}))
    going.looks(10, 60)
    assert (going.phase, going.rollout.weight) == (Phase.JUDGING, 10)
    opens = int((b.NOW + timedelta(days=2)).timestamp())
    assert going.rollout.reason == f"100 % opens on day 3, t[{opens}] (days of UTC)."
    assert going.posts.count(going.rollout.reason) == 1
    going.looks(37, 60)
    assert going.rollout.weight == 10
    going.look(60)
    assert going.rollout.weight == 100
    assert going.now == b.NOW + timedelta(days=2)


def test_nobody_opens_a_wave_before_its_day() -> None:
    going = Going(document({}, {"start": "day 2"}))
    going.looks(2, 60)
    (whisper,) = going.happens(AdvanceRequested(OLGA, "we are in a hurry"))
    assert isinstance(whisper, Whisper)
    assert whisper.text.startswith("100 % opens on day 2, t[")
    assert going.rollout.weight == 10


def test_a_gate_that_breaks_while_the_day_is_waited_for_is_a_breach() -> None:
    going = Going(document({"go_if": [{"if": "memory < 80%"}]}, {"start": "day 3"}))
    going.looks(10, 60)
    assert going.is_in(Phase.JUDGING)
    going.look(60, memory=Gauge(0.9))
    assert going.is_in(Phase.ROLLING_BACK)


def test_days_begin_at_the_same_time_of_the_day_in_the_zone_of_the_standup() -> None:
    """Los Angeles sets its clocks back on November 1st, 2026: this day has 25 hours."""
    standup = {"time": "09:00", "tz": "America/Los_Angeles"}
    began = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
    going = Going(document({}, {"start": "day 2"}, standup=standup), began)
    going.looks(24, 60)
    assert going.rollout.weight == 10
    going.look(60)
    assert going.rollout.weight == 100


# --- what is said regularly -----------------------------------------------------------------


def statuses(going: Going) -> list[str]:
    return [post for post in going.posts if post.startswith("Status at")]


def test_a_cadence_that_becomes_slower_posts_as_often_as_it_says() -> None:
    cadence = [{"every": "1m", "until": "10m"}, {"every": "5m", "until": "30m"}]
    going = Going(document({"cadence": cadence, "soak": "2h"}))
    counts = []
    for _ in range(4):
        going.looks(20, 0.5)
        counts.append(len(statuses(going)))
    assert counts == [10, 12, 14, 14]


@pytest.mark.requirement("P-055", "P-056")
def test_two_kinds_of_status_keep_their_own_time_and_share_a_message() -> None:
    cadence = [{"every": "5m", "what": "metrics"}, {"every": "15m", "what": "logs"}]
    going = Going(document({"cadence": cadence}))
    going.looks(30)
    said = [post.rsplit("Look at the ")[1] for post in statuses(going)]
    assert said == ["metrics.", "metrics.", "metrics and the logs."] * 2


def test_a_late_look_posts_once_and_the_next_is_on_time() -> None:
    going = Going(document({"cadence": [{"every": "5m"}], "soak": "2h"}))
    going.look(18)
    assert len(statuses(going)) == 1
    going.look(2)
    assert len(statuses(going)) == 2


@pytest.mark.requirement("B-060", "B-077", "B-095")
def test_people_are_called_to_their_meetings() -> None:
    """The release begins at ten in the morning, UTC: five in New York."""
    meetings = [
        {"at": "06:30", "who": ["team"]},
        {"every": "1d", "what": "review", "who": ["team", "stakeholders"]},
    ]
    standup = {"time": "09:00", "tz": "America/New_York"}
    going = Going(document({"soak": "3d", "meetings": meetings}, standup=standup))
    going.looks(49, 60)
    called = [post for post in going.posts if post.startswith("Time ")]
    assert called == [
        "Time to meet (06:30 America/New_York): team.",
        "Time for the review: team, stakeholders.",
        "Time to meet (06:30 America/New_York): team.",
        "Time for the review: team, stakeholders.",
    ]


@pytest.mark.requirement("B-093", "B-094")
def test_who_stands_by_is_told_when_it_begins_and_when_it_is_over() -> None:
    going = Going(document({"audience": "beta group", "standby": {"support": "30m"}}))
    until = int((b.NOW + timedelta(minutes=30)).timestamp())
    said = f"The share is one of everybody. Support stand by until t[{until}]."
    assert f"Meant for: beta group. {said}" in going.posts  # this deployer knows no audiences
    going.looks(29)
    assert not any("any longer" in post for post in going.posts)
    going.looks(5)
    assert going.posts.count("support need not stand by any longer.") == 1


# --- back, and again ------------------------------------------------------------------------


@pytest.mark.requirement("P-060")
def test_a_wave_that_stepped_back_is_tried_again() -> None:
    third = {"id": "w3", "traffic": "100%", "soak": "1h"}
    second = {"traffic": "50%", "on_breach": "step_back", "step_back_to": "10%",
              "go_if": [{"if": "memory < 80%"}]}  # fmt: skip
    going = Going(document({"soak": "1h"}, second, third))
    going.looks(1, 60)
    going.looks(1, 60, memory=Gauge(0.9))
    assert (going.phase, going.rollout.weight) == (Phase.PAUSED, 10)
    assert "Resume tries 50 % again" in going.posts[-1]
    going.looks(3, 60)
    assert going.is_in(Phase.PAUSED)
    going.happens(ResumeRequested(OLGA))
    assert (going.phase, going.rollout.weight) == (Phase.SOAKING, 50)
    going.look(60)
    assert going.weights == [10, 50, 10, 50, 100]


CHOICES = ["hotfix", "rollback", "workaround", "observe"]


def choosing() -> Going:
    wave = {"on_breach": "pause", "options": CHOICES, "go_if": [{"if": "memory < 80%"}]}
    going = Going(document(wave))
    going.looks(1, 60, memory=Gauge(0.9))
    assert going.is_in(Phase.PAUSED)
    return going


def chosen(going: Going, option: str, reason: str = "we have looked") -> list[Any]:
    return going.happens(OptionChosen(OLGA, option, reason, "q1"))


def test_after_a_pause_people_choose_how_to_go_on_before_anything_goes_on() -> None:
    going = choosing()
    (whisper,) = going.happens(ResumeRequested(OLGA))
    assert whisper == Whisper(
        OLGA.user_id, "First choose how to go on: hotfix, rollback, workaround, observe."
    )
    chosen(going, "workaround")
    assert going.is_in(Phase.PAUSED)
    assert "@[olga] chose workaround: we have looked." in going.posts[-1]
    going.happens(ResumeRequested(OLGA))
    assert going.is_in(Phase.SOAKING)


def test_choosing_the_rollback_rolls_back() -> None:
    going = choosing()
    effects = chosen(going, "rollback")
    assert going.is_in(Phase.ROLLING_BACK)
    assert any(isinstance(effect, SwitchBack) for effect in effects)


def test_choosing_to_observe_goes_on_with_the_wave() -> None:
    going = choosing()
    chosen(going, "observe")
    assert going.is_in(Phase.SOAKING)
    assert going.rollout.options == ()


def test_observing_begins_the_soak_and_its_counters_anew() -> None:
    gate = {"on_breach": "pause", "options": CHOICES, "go_if": [{"if": "error_rate < 1%"}]}
    going = Going(document(gate))
    going.looks(30)
    going.looks(10, error_rate=BAD)
    assert going.is_in(Phase.PAUSED)
    chosen(going, "observe")
    going.looks(59)
    assert (going.is_in(Phase.SOAKING), going.rollout.weight) == (True, 10)
    going.looks(2)
    assert going.rollout.weight == 100


@pytest.mark.parametrize("option", CHOICES)
def test_who_chose_what_and_why_is_kept(option: str) -> None:
    going = choosing()
    about = going.rollout.reason
    chosen(going, option)
    (choice,) = going.rollout.choices
    assert (choice.option, choice.person, choice.reason) == (option, "olga", "we have looked")
    assert (choice.at, choice.about) == (going.now, about)


@pytest.mark.parametrize(
    ("option", "reason", "said"),
    [
        ("hotfix", " ", "Say why, and it is kept: `choose hotfix REASON`."),
        ("hot_fix", "x", "'hot_fix' is not one of the ways here; did you mean 'hotfix'?"),
    ],
)
def test_a_choice_that_can_not_be_kept_is_told_to_the_one_who_made_it(
    option: str, reason: str, said: str
) -> None:
    going = choosing()
    assert chosen(going, option, reason) == [Whisper(OLGA.user_id, said)]
    assert going.rollout.choices == ()


# --- who decides ----------------------------------------------------------------------------

DECIDED = {
    "approvals": {
        "production": {"any": 2},
        "advance": {"all_of": ["release_manager"], "comment": "required"},
    }
}


@pytest.mark.requirement("P-123", "S3-03")
def test_only_the_role_that_the_plan_names_opens_the_next_wave() -> None:
    going = Going(document({"advance": "approve"}, **DECIDED))
    going.looks(2, 60)
    (whisper,) = going.happens(AdvanceRequested(b.ADA, "fine"))
    assert isinstance(whisper, Whisper)
    assert "is for release manager to decide" in whisper.text
    assert going.rollout.weight == 10
    going.happens(AdvanceRequested(OLGA, "all is well"))
    assert going.rollout.weight == 100
    assert any("@[olga] advanced it: all is well" in post for post in going.posts)


@pytest.mark.requirement("P-123", "S3-03")
def test_a_decision_that_has_to_be_explained_is_not_taken_without_a_reason() -> None:
    going = Going(document({"advance": "approve"}, **DECIDED))
    going.looks(2, 60)
    (whisper,) = going.happens(AdvanceRequested(OLGA))
    assert whisper == Whisper(OLGA.user_id, "Say why: type it with the command. It is kept.")


def test_a_report_from_outside_pauses_and_offers_the_ways_of_the_wave() -> None:
    going = Going(document({"on_breach": "pause", "options": CHOICES}))
    going.happens(HookFired("data_loss", "two orders", Action.PAUSE))
    assert going.rollout.options == tuple(CHOICES)


def test_what_is_counted_per_weight_is_compared_per_weight() -> None:
    metrics = {"served": {"kind": "gauge", "query": "rate", "per_weight": True}}
    gate = {"go_if": [{"if": "served > 900"}], "soak": "10m"}
    going = Going(document(gate, metrics={**document()["metrics"], **metrics}))
    going.looks(11, served=Gauge(95))
    assert going.rollout.weight == 100
    low = Going(document(gate, metrics={**document()["metrics"], **metrics}))
    low.looks(11, served=Gauge(85))
    assert low.is_in(Phase.ROLLING_BACK)
