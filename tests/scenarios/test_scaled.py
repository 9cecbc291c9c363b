"""A plan with faster time is the same plan in everything but time."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.conditions import Condition
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.plans import library
from tests.scenarios.scaled import Pace, built_in, scaled

PACE = Pace(by=300)


def conditions(plan: Plan) -> list[Condition]:
    found = [*plan.triggers, *(c for level in plan.alerts.values() for c in level)]
    return [*found, *(c for wave in plan.waves for c in (*wave.gates, *wave.triggers))]


@pytest.mark.parametrize("name", ["whispercache-canary", "sarvanom-feature"])
def test_only_time_is_shorter(name: str) -> None:
    usual, fast = library().get(name), compile_plan(built_in(name, PACE))
    assert [wave.traffic for wave in fast.waves] == [wave.traffic for wave in usual.waves]
    assert [wave.soak * 300 for wave in fast.waves] == [wave.soak for wave in usual.waves]
    assert fast.keep_previous * 300 == usual.keep_previous
    assert fast.approval.roles == usual.approval.roles
    for old, new in zip(conditions(usual), conditions(fast), strict=True):
        assert (new.comparison, new.do, new.consecutive) == (
            old.comparison,
            old.do,
            old.consecutive,
        )
        if old.window:
            assert new.window == max(old.window / 300, timedelta(seconds=PACE.least))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"soak": "30m"}, {"soak": "6000ms"}),
        ({"soak": "0m"}, {"soak": "0m"}),
        ({"every": "10s"}, {"every": "500ms"}),
        ({"every": "200ms"}, {"every": "200ms"}),
        ({"if": "latency_p99 < 500ms"}, {"if": "latency_p99 < 500ms"}),
        ({"id": "30m", "title": "1h", "traffic": "5%", "n": 3}, {}),
        ({"drain": ["30m", {"x": "1h"}]}, {"drain": ["6000ms", {"x": "12000ms"}]}),
    ],
)
def test_durations_wherever_they_are(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = scaled({"plan": "p", **given}, PACE)
    assert {key: found[key] for key in given} == {**given, **expected}
