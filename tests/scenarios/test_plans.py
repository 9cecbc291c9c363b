"""Each of the eight plans, from the request to its end: every wave, soak, day, gate and update."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache

import pytest

from bot.domain.events import Retire
from bot.domain.plan_compile import compile_plan
from bot.domain.plan_merge import merge
from bot.domain.rollout import Phase
from tests.domain import builders as b
from tests.requirements import batch_patches, crypto_watch, proofile, sarvanom, whispercache
from tests.requirements.acting import Side, level
from tests.scenarios.courses import LIBRARY, Course, released

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Wave = tuple[float, timedelta, timedelta]
NOTHING = timedelta()

GOOD: Mapping[str, Mapping[str, Side]] = {
    "whispercache-canary": whispercache.GOOD,
    "whispercache-bluegreen": whispercache.GOOD,
    "proofile-staged": proofile.GOOD,
    "batch-patches-waves": batch_patches.GOOD,
    "crypto-watch-linear": crypto_watch.GOOD,
    "sarvanom-feature": sarvanom.GOOD,
    "sarvanom-hotfix": sarvanom.GOOD,
    "sarvanom-major": sarvanom.GOOD,
}


@cache
def course(plan: str) -> Course:
    """The release by this plan, once for all that is asked of it."""
    return released(plan, GOOD[plan], *LIBRARY.get(plan).approval.roles)


@cache
def watched_closely(plan: str) -> Course:
    """The same, looked at whenever an update is due: thousands of looks."""
    roles = LIBRARY.get(plan).approval.roles
    return released(plan, GOOD[plan], *roles, every_update=True)


# plan: (percent, began after the first wave, lasted) of each wave
WAVES: Mapping[str, Sequence[Wave]] = {
    "whispercache-canary": [
        (5, NOTHING, 30 * MINUTE),
        (25, 30 * MINUTE, 30 * MINUTE),
        (50, HOUR, HOUR),
        (100, 2 * HOUR, 2 * HOUR),
    ],
    "proofile-staged": [
        (5, NOTHING, 2 * DAY),
        (25, 2 * DAY, 3 * DAY),
        (100, 5 * DAY, DAY),
    ],
    "batch-patches-waves": [  # a day's soak, and a day's wait for day 3
        (10, NOTHING, 2 * DAY),
        (25, 2 * DAY, 2 * DAY),
        (50, 4 * DAY, 2 * DAY),
        (100, 6 * DAY, 2 * DAY),
    ],
    "crypto-watch-linear": [(100, NOTHING, 15 * MINUTE)],
    "sarvanom-feature": [
        (5, NOTHING, 30 * MINUTE),
        (25, 30 * MINUTE, HOUR),
        (50, 90 * MINUTE, 2 * HOUR),
    ],
    "sarvanom-major": [
        (5, NOTHING, HOUR),
        (25, HOUR, 2 * HOUR),
        (50, 3 * HOUR, 4 * HOUR),
    ],
}


@pytest.mark.thorough
@pytest.mark.parametrize("plan", GOOD)
def test_a_release_goes_from_the_request_to_its_end(plan: str) -> None:
    done = course(plan)
    assert done.is_in(Phase.COMPLETED)
    assert done.rollout.version in done.rollout.reason
    assert [e.version for _, e in done.effects if isinstance(e, Retire)] == ["v1.1.0"]


@pytest.mark.thorough
@pytest.mark.parametrize("plan", WAVES)
def test_waves_have_their_traffic_begin_when_they_should_and_last_as_long(plan: str) -> None:
    assert course(plan).waves[: len(WAVES[plan])] == WAVES[plan]


def test_blue_green_goes_on_at_the_first_good_look_and_stays_an_hour() -> None:
    waves = course("whispercache-bluegreen").waves
    assert [weight for weight, _, _ in waves] == [0, 5, 25, 50, 100]
    assert all(lasted <= 30 * MINUTE for _, _, lasted in waves[:4])
    assert waves[4][2] == HOUR


def test_a_hotfix_and_the_last_wave_of_a_feature_have_no_soak() -> None:
    for plan in ("sarvanom-hotfix", "sarvanom-feature", "sarvanom-major"):
        weight, _, lasted = course(plan).waves[-1]
        assert (weight, lasted <= 30 * MINUTE) == (100, True)


def test_instances_are_asked_for_with_the_traffic() -> None:
    assert course("whispercache-canary").asked == [(5, 1), (25, 5), (50, 10), (100, None)]


def test_the_linear_plan_moves_a_tenth_every_minute() -> None:
    done = course("crypto-watch-linear")
    assert [weight for weight, _ in done.asked] == [10.0 * step for step in range(1, 11)]
    confirmed = [at - b.NOW for at in done.posts("")]
    first = next(at for at in done.posts("10 % confirmed"))
    steps = [done.posts(f"{step}0 % confirmed")[0] - first for step in range(1, 11)]
    assert steps == [MINUTE * n for n in range(10)]
    assert confirmed


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("plan", "wave", "count"),
    [
        ("proofile-staged", 0, 2 * 24 * 4),
        ("proofile-staged", 1, 3 * 24 * 12),
        ("proofile-staged", 2, 60 + 7 * 12 + 16 * 4),
        ("batch-patches-waves", 0, 2 * 24 * 4 - 1),  # its last look opens the next wave
        ("batch-patches-waves", 1, 2 * 24 * 6),
        ("batch-patches-waves", 2, 2 * 24 * 12),
        ("batch-patches-waves", 3, 8 * 60 + 40 * 12),
    ],
)
def test_updates_are_posted_in_every_wave_as_often_as_it_says(
    plan: str, wave: int, count: int
) -> None:
    assert watched_closely(plan).statuses(wave) == count


@pytest.mark.thorough
def test_people_are_called_to_the_meetings_of_their_waves() -> None:
    """The release begins at ten in the morning, UTC: two at night in Los Angeles."""
    done = course("batch-patches-waves")
    first = done.rollout.marks[0].applied_at
    reviews = [at - first for at in done.posts("Time for the review")]
    assert reviews == [3 * DAY, 4 * DAY]
    zone = "America/Los_Angeles"
    mornings = [at - first for at in done.posts(f"Time to meet (09:00 {zone})")]
    evenings = [at - first for at in done.posts(f"Time to meet (17:00 {zone})")]
    assert mornings == [4 * DAY + 7 * HOUR, 5 * DAY + 7 * HOUR]
    assert evenings == [4 * DAY + 15 * HOUR, 5 * DAY + 15 * HOUR]
    assert done.posts("Time for the retrospective")[0] - first == 7 * DAY
    assert len(done.posts("For: everybody. Incident commander stand by until")) == 1


GATES: Mapping[str, Sequence[Sequence[str]]] = {
    "whispercache-canary": [
        ["error_rate < 0.1%", "latency_p99 < 500ms"],
        ["error_rate < 0.1%"],
        ["error_rate < 0.1%"],
        ["Does the release do what it was made for?"],
    ],
    "whispercache-bluegreen": [
        ["smoke_tests", "connectivity", "cache_warm"],
        ["error_rate < 0.1%"],
        ["latency_p99 < 500ms"],
        [],
        [],
    ],
    "crypto-watch-linear": [["alarms == 0", "health == ok"]],
    "sarvanom-hotfix": [[]],
}
TARGETS = [
    "latency_p50 < 200ms", "latency_p95 < 500ms", "latency_p99 < 2s", "fcp < 1.5s", "lcp < 2.5s",
    "cls < 0.1", "cpu < 60%", "memory < 80%", "db_connections < 50", "cache_hit > 80%",
    "availability > 99.9%",
]  # fmt: skip
AGAINST = [
    "error_rate < baseline + 0.1pp",
    "response_time < baseline + 10%",
    "throughput > baseline - 20%",
    "open_incidents(critical) == 0",
]


@pytest.mark.parametrize("plan", GATES)
def test_gates_are_asked_for_in_the_order_of_the_document(plan: str) -> None:
    assert [[gate.text for gate in wave.gates] for wave in LIBRARY.get(plan).waves] == GATES[plan]


def test_proofile_asks_for_every_target_of_its_performance_in_every_wave() -> None:
    for wave in LIBRARY.get("proofile-staged").waves:
        texts = [gate.text for gate in wave.gates]
        assert [text for text in texts if text in TARGETS] == TARGETS
        assert len(texts) == len(set(texts))
    assert LIBRARY.get("proofile-staged").waves[2].gates[-1].text == "stable for 24h"


def test_batch_patches_asks_again_for_what_earlier_waves_asked() -> None:
    w1, w2, w3, w4 = (
        [gate.text for gate in wave.gates] for wave in LIBRARY.get("batch-patches-waves").waves
    )
    assert w1[:4] == ["alerts(critical) == 0", "error_rate < 5%", "latency_p95 < 500ms",
                      "alarm_tests"]  # fmt: skip
    assert w2[: len(w1)] == w1
    assert "trend(error_rate) < 0" in w2
    assert w3[: len(w2)] == w2
    assert w4[: len(w3)] == w3
    assert len(w4) == len(set(w4)) == 17


@pytest.mark.parametrize("plan", ["sarvanom-feature", "sarvanom-major"])
def test_sarvanom_compares_three_waves_with_the_version_before(plan: str) -> None:
    for wave in LIBRARY.get(plan).waves[:3]:
        assert [gate.text for gate in wave.gates][:4] == AGAINST


# --- and when it does not go well -----------------------------------------------------------


@pytest.mark.thorough
def test_proofile_steps_back_to_five_percent_and_tries_the_quarter_again() -> None:
    done = Course("proofile-staged", proofile.GOOD)
    done.tick_all()
    done.sign("release_manager", "devops")
    while done.rollout.wave == 0:
        done.step()
    done.good = {**proofile.GOOD, "cpu": level(0.9)}
    while not done.is_in(Phase.PAUSED):
        done.step()
    assert "alerts(critical) > 0" in done.rollout.reason
    assert (done.rollout.weight, done.asked[-1]) == (5, (5, None))
    done.good = proofile.GOOD
    done.choose("fix")
    done.resume()
    done.run()
    assert done.is_in(Phase.COMPLETED)
    assert [weight for weight, _ in done.asked] == [5, 25, 5, 25, 100]


def test_any_plan_can_be_extended_and_says_the_same() -> None:
    for name in GOOD:
        plan = LIBRARY.get(name)
        own = compile_plan(merge(plan.document, {"schema": 1, "plan": "ours", "extends": name}))
        assert own.waves == plan.waves
        assert own.triggers == plan.triggers
