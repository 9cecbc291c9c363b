"""Mistakes in the checklists, types and labels of a plan file, told with their place."""

# A row of a table is one line, however long.
# ruff: noqa: E501

from typing import Any

import pytest

from bot.domain.documents import DocumentError
from bot.domain.plan_compile import compile_plan

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "plan": "own",
    "summary": "Ours.",
    "metrics": {"error_rate": {"kind": "ratio", "bad": "b", "total": "t"}},
    "approvals": {"production": {"any": 2}},
    "waves": [{"id": "all", "traffic": "100%", "soak": "1m"}],
}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"preflight": {"checklists": ["cod"]}, "checklists": {"code": {}}}, "preflight.checklists[0]: there is no checklist 'cod' (did you mean 'code'?)"),
        ({"preflight": {"pass_rate": "101%"}}, "preflight.pass_rate: 101% is more than all"),
        ({"checklists": {"stages": {}}}, "checklists.stages: 'stages' is a list of the bot's own (rename it)"),
        ({"checklists": {"code": {"items": [{"id": "a", "text": "A"}, {"id": "a", "text": "B"}]}}}, "checklists.code.items[1].id: 'a' is used twice"),
        ({"checklists": {"code": {"items": [{"id": "a", "text": "A", "check": "x", "seat": "qa"}]}}}, "checklists.code.items[0]: has check and seat (one of them is enough)"),
        ({"checklists": {"code": {"items": [{"id": "a", "text": "A", "value": "lots"}]}}}, "checklists.code.items[0].value: 'lots' is no limit (like `>= 95%`)"),
        ({"checklists": {"code": {"items": [{"id": "a", "text": "A", "value": "> 1", "ask": "who"}]}}}, "checklists.code.items[0].ask: asks for words, and `value` for a number (keep one)"),
        ({"checklists": {"code": {"items": [{"id": "a", "text": "A", "live_for": "1d"}]}}}, "checklists.code.items[0].live_for: needs `check: staging_live`"),
        ({"labels": {"sensitive": []}}, "labels.sensitive: adds nobody (list the roles that sign in addition, or leave it out)"),
        ({"labels": {"all": [f"r{n}" for n in range(30)]}}, "labels: with all of them 32 people would have to sign"),
    ],
)  # fmt: skip
def test_lists_and_seats_that_can_not_work_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentError) as error:
        compile_plan({**DOCUMENT, **more})
    assert str(error.value) == said
