"""The five figures of delivery: a worked example, few deployments, and what belongs together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.metrics_dora import (
    METRICS,
    Change,
    Deployment,
    Incident,
    Report,
    lines,
    linked,
    name_of,
    report,
)

BEGINS = datetime(2026, 10, 26, tzinfo=UTC)
WEEK, DAY, MINUTE = timedelta(weeks=1), timedelta(days=1), timedelta(minutes=1)
ENDS = BEGINS + 4 * WEEK


def deployment(number: int, **fields: Any) -> Deployment:
    at = BEGINS + number * 2 * DAY + timedelta(hours=10)
    usual: dict[str, Any] = {"place": "shop production", "first_traffic_at": at}
    usual["reached_100_at"] = at + 4 * MINUTE
    return Deployment(id=f"d{number}", **(usual | fields))


def four_weeks() -> tuple[list[Deployment], list[Incident]]:
    """Ten planned and one hotfix; one canary taken back in 12 min, one incident fixed in 95."""
    planned = [deployment(n) for n in range(10)]
    broke = planned[3].first_traffic_at + MINUTE
    planned[3] = msgspec.structs.replace(
        planned[3],
        broke_at=broke,
        back_at=broke + 12 * MINUTE,
        max_weight=5.0,
        reached_100_at=None,
    )
    planned[9] = msgspec.structs.replace(planned[9], max_weight=5.0, reached_100_at=None)
    detected = planned[7].first_traffic_at + timedelta(hours=2)
    incident = Incident(id="i1", place="shop production", detected_at=detected)
    hotfix = deployment(
        11,
        kind="hotfix",
        first_traffic_at=detected + 90 * MINUTE,
        reached_100_at=detected + 95 * MINUTE,
    )
    return [*planned, hotfix], [incident]


def figures(
    deployments: list[Deployment], incidents: list[Incident], changes: list[Change] | None = None
) -> Report:
    return report(*linked(deployments, incidents), changes or [], BEGINS, ENDS)


@pytest.mark.requirement("X-32", "S-093", "S-095", "S-096")
def test_the_worked_example_of_four_weeks() -> None:
    found = figures(*four_weeks())
    assert found.deployments == 11
    assert found.per_week == 2.75
    assert found.failed == 2
    assert found.fail_rate == pytest.approx(2 / 11)
    assert found.recovery == 53.5 * MINUTE
    assert found.rework_rate == pytest.approx(1 / 11)
    assert lines(found) == (
        "Deployments: 11, 2.75 a week (in 4w)",
        "Lead time of changes: no commits are known",
        "Recovery of failed deployments: median 53m 30s of 2 recoveries",
        "Failed deployments: 2 of 11 = 18.2%, 1 of them contained at 5 % of the traffic",
        "Rework because of incidents: 1 of 11 = 9.09%",
        "Rollbacks, which are no deployments: 1",
    )


def test_below_five_deployments_only_counts_are_told() -> None:
    found = figures([deployment(n) for n in range(3)] + [deployment(4, broke_at=BEGINS)], [])
    assert (found.fail_rate, found.rework_rate) == (None, None)
    told = lines(found)
    assert told[0] == "Deployments: 4 (in 4w)"
    assert "Failed deployments: 1 of 4, 0 of them contained" in told[3]
    assert not any("= " in line for line in told)


def test_a_deployment_that_was_taken_back_and_caused_an_incident_failed_once() -> None:
    (one, two), _ = four_weeks()[0][3:5], None
    incident = Incident(
        id="i", place=one.place, detected_at=one.first_traffic_at + MINUTE, caused_by=one.id
    )
    found = figures([one, two], [incident])
    assert found.failed == 1
    assert found.recoveries == (12 * MINUTE,)


def test_what_began_before_or_after_the_time_is_left_out() -> None:
    inside = deployment(0, first_traffic_at=BEGINS)
    before = deployment(1, first_traffic_at=BEGINS - timedelta(microseconds=1))
    after = deployment(2, first_traffic_at=ENDS)
    assert figures([inside, before, after], []).deployments == 1


def test_the_lead_time_is_the_median_over_changes_and_not_over_deployments() -> None:
    one, two, never = deployment(0), deployment(1), deployment(2, reached_100_at=None)
    assert one.reached_100_at is not None
    assert two.reached_100_at is not None
    hours = [timedelta(hours=h) for h in (1, 2, 3, 4)]
    changes = [Change(f"a{n}", one.reached_100_at - h, one.id) for n, h in enumerate(hours)]
    changes += [Change("b", two.reached_100_at - 10 * DAY, two.id), Change("c", BEGINS, never.id)]
    found = figures([one, two, never], [], changes)
    assert found.lead_time == timedelta(hours=3)
    told = lines(found, ["lead_time"])[0]
    assert told == "Lead time of changes: median 3h of 5 changes, 9 of 10 within 1w 3d"


def test_an_incident_nobody_explained_is_put_down_to_the_newest_deployment_of_its_place() -> None:
    one, two = deployment(0), deployment(1)
    other = deployment(2, place="other production")
    at = other.first_traffic_at + DAY
    found, (incident,) = linked(
        [one, two, other], [Incident(id="i", place=one.place, detected_at=at)]
    )
    assert incident.caused_by == two.id
    late = Incident(id="l", place=one.place, detected_at=two.first_traffic_at + 8 * DAY)
    assert linked(found, [late])[1][0].caused_by == ""


def test_a_hotfix_without_an_incident_is_no_rework() -> None:
    found = figures([deployment(n) for n in range(5)] + [deployment(6, kind="hotfix")], [])
    assert found.rework == 0
    assert found.rework_rate == 0


def test_what_has_not_recovered_yet_is_not_counted_as_recovered() -> None:
    broken = deployment(0, broke_at=BEGINS, reached_100_at=None)
    told = lines(figures([broken], []), ["recovery_time"])
    assert told[0] == "Recovery of failed deployments: none has recovered yet"


@pytest.mark.requirement("X-32")
def test_mttr_is_the_mean_over_all_incidents_whatever_caused_them() -> None:
    def incident(name: str, minutes: int | None) -> Incident:
        restored = BEGINS + minutes * MINUTE if minutes is not None else None
        return Incident(id=name, place="p", detected_at=BEGINS, restored_at=restored)

    found = figures([], [incident("a", 10), incident("b", 35), incident("c", None)])
    assert found.mttr == 22.5 * MINUTE
    assert lines(found, ["mttr"]) == ("Mean time to recovery: 22m 30s, 2 of 3 incidents are over",)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("lead_time", "change_lead_time"),
        ("change_failure_rate", "change_fail_rate"),
        ("recovery_time", "failed_deployment_recovery_time"),
        ("rework_rate", "deployment_rework_rate"),
        ("mean_time_to_recovery", "mttr"),
        ("change_fail_rate", "change_fail_rate"),
    ],
)
def test_old_names_are_understood(word: str, name: str) -> None:
    assert name_of(word) == name


def test_the_names_of_the_plan_choose_the_figures() -> None:
    found = figures(*four_weeks())
    assert len(lines(found, ["change_fail_rate"])) == 2
    assert len(lines(found)) == len(METRICS) + 1


def test_a_report_about_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="needs some time"):
        report([], [], [], BEGINS, BEGINS)
