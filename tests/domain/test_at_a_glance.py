"""One word of how a release is, its five numbers and how they changed, what was reported."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.at_a_glance import (
    Figure,
    Health,
    against,
    counted,
    days,
    figures,
    health,
    planned_days,
)
from bot.domain.gates import Finding, Verdict
from bot.domain.metering import Entry, Meter
from bot.domain.plan import Metric
from bot.domain.reports import Report
from bot.domain.rollout import Mark, Rollout
from bot.domain.samples import Buckets, Counts
from bot.domain.totals import Level, Total
from bot.domain.watching import Watcher
from tests.domain import builders as b
from tests.domain.builders import NOW, soaking
from tests.requirements.acting import plans

HOUR = timedelta(hours=1)
BATCHES = "batch-patches-waves"


def second_wave(**fields: Any) -> Rollout:
    """An hour into the second wave of the plan in four waves, which has five numbers."""
    plan = plans().get(BATCHES)
    before: dict[str, Total] = {
        "error_rate": Counts(28, 1000),
        "success_rate": Counts(28, 1000),
        "latency_p99": Buckets(1000, ((0.4, 900), (0.5, 999))),
        "memory": Level(120e6, 1, 120e6),
    }
    now: dict[str, Total] = {
        "error_rate": Counts(23, 7200),
        "success_rate": Counts(23, 7200),
        "latency_p99": Buckets(7200, ((0.4, 7199), (0.5, 7200))),
        "memory": Level(125e6, 1, 125e6),
    }
    meter = Meter(
        wave="w2",
        began_at=NOW,
        canary={name: Entry(total, measured_at=NOW + HOUR) for name, total in now.items()},
        finals={"w1": before},
    )
    marks = (Mark(0, 10.0, NOW - 2 * HOUR, NOW - HOUR), Mark(1, 25.0, NOW))
    usual = {"plan": plan, "wave": 1, "weight": 25.0, "meter": meter, "marks": marks}
    return msgspec.structs.replace(soaking(), **(usual | fields))


@pytest.mark.requirement("B-107")
def test_five_numbers_are_shown_each_with_how_it_changed_since_the_wave_before() -> None:
    assert figures(second_wave()) == (
        Figure("error rate", "0.319%", "↓ 2.48 pp"),
        Figure("success rate", "99.7%", "↑ 2.48 pp"),
        Figure("latency p99", "400ms", "↓ 100ms"),
        Figure("memory", "125 MB", "↑ 5 MB"),
        Figure("requests per second", "2", "↑ 1.722"),
    )
    assert against(second_wave()) == "wave 1"


def test_in_the_first_wave_the_numbers_are_held_against_the_old_version_beside_it() -> None:
    first = second_wave(wave=0)
    beside = {"error_rate": Entry(Counts(23, 7200), measured_at=NOW)}
    meter = msgspec.structs.replace(first.meter, wave="w1", finals={}, baseline=beside)
    found = figures(msgspec.structs.replace(first, meter=meter))
    assert [each.change for each in found] == ["=", "", "", "", ""]
    assert against(msgspec.structs.replace(first, meter=meter)) == "v1.1.0 at the same time"
    alone = msgspec.structs.replace(meter, baseline={})
    assert against(msgspec.structs.replace(first, meter=alone)) == ""


def test_what_is_not_measured_is_left_out_and_others_of_the_plan_take_its_place() -> None:
    few = second_wave(meter=Meter(wave="w2", began_at=NOW))
    assert figures(few) == ()
    plan = b.plan(metrics={"queue": Metric(kind="gauge", query="queue_length")})
    meter = Meter("w", NOW, canary={"queue": Entry(Level(12345.6, 1, 12345.6))})
    found = figures(msgspec.structs.replace(soaking(), plan=plan, meter=meter))
    assert found == (Figure("queue", "12,346"),)


# --- one word ---------------------------------------------------------------------------------


def finding(verdict: Verdict) -> Finding:
    return Finding("w2-a", "error_rate < 5%", verdict, 0.0, 0.05, "0%", "")


def report(kind: str, source: Any, level: str = "", **fields: Any) -> Report:
    return Report(kind, f"{kind}{level}", NOW, source=source, level=level, **fields)


@pytest.mark.requirement("B-106")
@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, Health.HEALTHY),
        ({"findings": (finding(Verdict.INCONCLUSIVE),)}, Health.HEALTHY),
        ({"findings": (finding(Verdict.FAIL),)}, Health.FAILING),
        ({"findings": (finding(Verdict.UNKNOWN),)}, Health.UNKNOWN),
        ({"blind_since": NOW}, Health.UNKNOWN),
        ({"meter": Meter()}, Health.UNMEASURED),
        ({"meter": Meter(), "blind_since": NOW}, Health.UNKNOWN),
        ({"reports": (report("Disk", "alarm", "warning"),)}, Health.STRAINED),
        ({"reports": (report("Disk", "alarm", "critical"),)}, Health.FAILING),
        ({"reports": (report("Disk", "alarm", "critical", open=False),)}, Health.HEALTHY),
        ({"reports": (report("major", "incident"),)}, Health.STRAINED),
        ({"reports": (report("critical", "incident"),)}, Health.FAILING),
        ({"alerts": ("level-warning-memory",)}, Health.STRAINED),
        ({"alerts": ("level-critical-memory",)}, Health.FAILING),
        ({"watchers": {"w2-errors": Watcher(window_started_at=NOW, runs=1)}}, Health.STRAINED),
    ],
)
def test_one_word_says_how_a_release_is(fields: dict[str, Any], word: Health) -> None:
    assert health(second_wave(**fields)) is word


def test_a_plan_that_measures_nothing_is_not_unknown_for_that() -> None:
    questions_only = msgspec.structs.replace(soaking(), plan=b.plan(metrics={}, triggers=()))
    assert health(questions_only) is Health.HEALTHY


@pytest.mark.requirement("B-108")
def test_what_is_open_is_counted_by_how_bad_it_is_and_the_newest_is_named() -> None:
    assert counted(second_wave()).last is None
    newest = Report("DiskFull", "f9", NOW + HOUR, source="alarm", level="warning", open=False)
    several = (
        report("critical", "incident"),
        report("Slow", "alarm", "warning"),
        report("Slower", "alarm"),
        newest,
    )
    found = counted(second_wave(reports=several, alerts=("level-warning-cpu",)))
    assert (dict(found.incidents), dict(found.alerts)) == ({"critical": 1}, {"warning": 3})
    assert found.last == newest


# --- days -------------------------------------------------------------------------------------


@pytest.mark.requirement("B-105")
def test_the_day_is_told_of_how_many_and_never_more_than_there_are() -> None:
    release = second_wave()
    began = release.marks[0].applied_at
    assert planned_days(release.the_plan) == 8
    assert days(release, began) == (1, 8)
    assert days(release, began + timedelta(days=2)) == (3, 8)
    assert days(release, began + timedelta(days=11)) == (12, 12)
    assert days(soaking(), NOW) is None


@pytest.mark.parametrize(
    ("plan", "whole"), [("proofile-staged", 6), ("sarvanom-feature", 1), ("quickstart", 1)]
)
def test_how_many_days_a_plan_takes_follows_from_its_waves(plan: str, whole: int) -> None:
    assert planned_days(plans().get(plan)) == whole
