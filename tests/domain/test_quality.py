"""Figures over many releases: what became slower, bugs, and what people and checks have given."""

from datetime import timedelta

import pytest

from bot.domain.plan_compile import compile_plan
from bot.domain.quality import GIVEN, Given, bugs, compared, given, regressions
from bot.domain.release_record import Course, Record, Stretch
from bot.domain.samples import Buckets, Counts
from tests.domain.builders import NOW
from tests.domain.test_duties import DOCUMENT

WEEK = timedelta(weeks=1)
PLAN = compile_plan(
    {
        **DOCUMENT,
        "metrics": {
            **DOCUMENT.get("metrics", {}),
            "latency_p95": {"kind": "quantile", "q": 0.95, "histogram": "seconds_bucket{$track}"},
            "share": {"kind": "ratio", "bad": "bad{$track}", "total": "all{$track}"},
        },
    }
)


def quick(edge: float) -> Buckets:
    """A hundred requests, none of which took longer than that."""
    return Buckets(100, ((edge, 100), (edge * 2, 100)))


def record(version: str, new: float, old: float | None) -> Record:
    course = Course(quick(new), quick(old) if old is not None else None)
    courses = {"latency_p95": course, "share": Course(Counts(9, 10), Counts(1, 10))}
    first = Stretch(0, "p5", 5.0, NOW, NOW, 60.0, courses)
    last = Stretch(1, "p100", 100.0, NOW, NOW, 60.0, {"latency_p95": Course(quick(9))})
    return Record(
        id=version, service="checkout", environment="production", version=version,
        created_at=NOW, stretches=(first, last),
    )  # fmt: skip


@pytest.mark.requirement("S-099")
def test_a_release_that_takes_a_tenth_longer_than_the_one_before_is_named() -> None:
    every = [record("v1", 0.2, 0.2), record("v2", 0.3, 0.2), record("v3", 0.209, 0.2)]
    found = [each for one in every for each in compared(one, PLAN)]
    assert [each.metric for each in found] == ["latency p95"] * 3  # shares of errors are no times
    assert (
        regressions(found)
        == "What became slower: checkout v2 latency p95 300 ms instead of 200 ms (+50%)"
    )
    assert regressions(found[:1]) == "What became slower: nothing, in 1 release"
    assert "no release was compared" in regressions([])


def test_at_full_traffic_the_wave_before_tells_since_nothing_runs_beside_it() -> None:
    (found,) = compared(record("v1", 0.3, 0.2), PLAN)
    assert (found.new, found.old) == ("300 ms", "200 ms")
    assert not list(compared(record("v1", 0.3, None), PLAN))


@pytest.mark.requirement("S-098")
def test_bugs_are_reports_and_incidents_for_each_deployment() -> None:
    told = "Bugs: 3 (2 reports, 1 incident) in 4 deployments = 0.75 for each (in 1w)"
    assert bugs(2, 1, 4, WEEK) == told
    assert bugs(0, 0, 0, WEEK) == "Bugs: 0 (0 reports, 0 incidents) in 0 deployments (in 1w)"


def releases() -> list[Given]:
    return [
        Given("v3", NOW, {}),
        Given("v2", NOW, {"coverage": "87%", "week-score": "4.6"}),
        Given("v1", NOW, {"coverage": "85%"}),
    ]


@pytest.mark.parametrize(
    "figure",
    [
        pytest.param("test_coverage", marks=pytest.mark.requirement("S-097")),
        pytest.param("user_satisfaction", marks=pytest.mark.requirement("S-100")),
        *(
            pytest.param(each, marks=pytest.mark.requirement("S-101"))
            for each in ("adoption", "engagement", "revenue", "support_tickets")
        ),
    ],
)
def test_the_newest_that_was_given_is_told_beside_the_one_before_it(figure: str) -> None:
    assert list(given({figure: "coverage"}, releases())) == [
        f"{GIVEN[figure]}: 87% (v2), before it 85% (v1)"
    ]
    assert list(given({figure: "week-score"}, releases())) == [f"{GIVEN[figure]}: 4.6 (v2)"]
    assert list(given({figure: "other"}, releases())) == [
        f"{GIVEN[figure]}: nobody has said it yet"
    ]
