"""An environment may measure a plan's metric in its own way; what is judged is what is signed."""

import pytest

from bot.domain.documents import DocumentError
from bot.domain.plan import Metric, Plan
from bot.domain.plan_compile import compile_plan, measured_by

DOCUMENT = {
    "schema": 1,
    "plan": "small",
    "metrics": {"error_rate": {"kind": "ratio", "good": "fine_total", "total": "all_total"}},
    "approvals": {"production": {"any": 2}},
    "waves": [{"id": "all", "traffic": "100%", "soak": "1m", "go_if": [{"if": "error_rate < 1%"}]}],
}
OURS = Metric(kind="ratio", bad="errors_total{$track}", total="requests_total{$track}")


@pytest.fixture
def plan() -> Plan:
    return compile_plan(DOCUMENT)


def test_a_definition_of_the_environment_replaces_the_plans_as_a_whole(plan: Plan) -> None:
    ours = measured_by(plan, {"error_rate": OURS})
    assert ours.metrics["error_rate"].bad == "errors_total{$track}"
    assert ours.metrics["error_rate"].good == ""


def test_another_definition_is_another_digest_so_that_nobody_signs_something_else(
    plan: Plan,
) -> None:
    ours = measured_by(plan, {"error_rate": OURS})
    assert ours.digest != plan.digest
    assert compile_plan(ours.document) == ours


def test_definitions_the_plan_does_not_use_change_nothing(plan: Plan) -> None:
    assert measured_by(plan, {"latency": OURS}) is plan


def test_a_definition_that_does_not_fit_the_conditions_is_refused(plan: Plan) -> None:
    with pytest.raises(DocumentError, match="probe"):
        measured_by(plan, {"error_rate": Metric(kind="probe")})
