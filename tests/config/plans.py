"""Plans for tests of plans: a small whole one, and ways to change it."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.documents import DocumentError, Path
from bot.domain.plan_compile import compile_plan

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

SMALL: dict[str, Any] = {
    "schema": 1,
    "plan": "small",
    "metrics": {
        "error_rate": {"kind": "ratio", "bad": "bad_total", "total": "all_total"},
        "latency_p99": {"kind": "quantile", "q": 0.99, "histogram": "seconds_bucket"},
        "memory": {"kind": "gauge", "query": "memory_share"},
        "crashes": {"kind": "count", "query": "crashes_total"},
        "health": {"kind": "probe", "url": "/health", "every": "10s"},
    },
    "approvals": {"production": {"any": 2}},
    "waves": [
        {"id": "first", "traffic": "5%", "soak": "10m", "go_if": [{"if": "error_rate < 1%"}]},
        {"id": "last", "traffic": "100%", "soak": "20m"},
    ],
    "triggers": [{"id": "errors", "if": "error_rate > 5%", "window": "1m"}],
}


def small(*changes: tuple[Path, Any]) -> dict[str, Any]:
    """The small plan with values put at paths; None takes a key out."""
    data = copy.deepcopy(SMALL)
    for path, value in changes:
        target: Any = data
        for key in path[:-1]:
            target = target[key] if isinstance(key, int) else target.setdefault(key, {})
        last = path[-1]
        if value is None:
            del target[last]
        elif isinstance(last, int) and last == len(target):
            target.append(value)
        else:
            target[last] = value
    return data


def refused(data: dict[str, Any]) -> str:
    """What is said about a plan that can't be used."""
    with pytest.raises(DocumentError) as caught:
        compile_plan(data)
    return str(caught.value)


def with_gate(text: str, **more: Any) -> dict[str, Any]:
    """The small plan with another gate in its first wave."""
    return small((("waves", 0, "go_if", 0), {"if": text, **more}))


def with_trigger(**condition: Any) -> dict[str, Any]:
    """The small plan with a second trigger."""
    return small((("triggers", 1), condition))
