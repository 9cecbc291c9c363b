"""What a plan may say about the time after 100 %, and what is refused with its place."""

from typing import Any

import pytest

from bot.domain.documents import DocumentError
from bot.domain.plan_compile import compile_plan
from tests.domain.aftercare_world import document, plan

WINDOW = {"id": "first", "from": "0m", "until": "15m", "items": [{"if": "health == ok"}]}
DAY1 = {"id": "day1", "after": "24h"}
NOBODY = {"production": {"any": 2}, "signoff": {}}


@pytest.mark.parametrize(
    ("sections", "place", "problem"),
    [
        ({"after": [{"id": "a"}]}, "after[0]", "neither `for` nor `after`"),
        ({"after": [{"id": "a", "for": "1d", "after": "1d"}]}, "after[0]", "both `for`"),
        ({"after": [{"id": "a", "after": "1d", "every": "1h"}]}, "after[0].every", "with `for`"),
        ({"after": [{"id": "a", "for": "1h", "every": "1d"}]}, "after[0].every", "longer than"),
        ({"after": [{"id": "a", "after": "1d", "then": "b"}]}, "after[0].then", "end of a `for`"),
        ({"after": [{"id": "a", "for": "1d"}] * 2}, "after[1].id", "used twice"),
        (
            {"after": [{"id": "a", "after": "1h", "if_stable": "scale_down"}]},
            "after[0]",
            "go together",
        ),
        (
            {"after": [{"id": "a", "after": "1h", "if_stable": "delete", "else": "switch_back"}]},
            "after[0].if_stable",
            "write scale_down",
        ),
        ({"verify": [{**WINDOW, "until": "0s"}]}, "verify[0].until", "longer than nothing"),
        ({"verify": [{**WINDOW, "from": "1h"}]}, "verify[0].until", "not after `from`"),
        ({"verify": [{**WINDOW, "items": []}]}, "verify[0].items", "missing"),
        ({"verify": [WINDOW, WINDOW]}, "verify", "two of the name 'first'"),
        (
            {"verify": [{**WINDOW, "items": [{"if": "error_rate < 2x baseline"}]}]},
            "verify[0].items[0].if",
            "the old version is gone",
        ),
        (
            {"verify": [{**WINDOW, "items": [{"check": "x"}, {"if": "eror_rate < 1%"}]}]},
            "verify[0].items[1].if",
            "did you mean 'error_rate'",
        ),
        (
            {"verify": [{**WINDOW, "items": [{"if": "trend(error_rate) < 0"}]}]},
            "verify[0].items[0].if",
            "trend",
        ),
        (
            {"verify": [{**WINDOW, "items": [{"if": "traffic(all) == 100%"}]}]},
            "verify[0].items[0].if",
            "traffic",
        ),
        (
            {"signoffs": [{**DAY1, "items": [{"targets": "speed"}]}]},
            "signoffs[0].items[0].targets",
            "no targets 'speed'",
        ),
        ({"signoffs": [DAY1, {**DAY1, "id": "x"}]}, "signoffs[1].after", "not later than"),
        ({"signoffs": [{**DAY1, "until": "1h"}]}, "signoffs[0].until", "not later than"),
        ({"signoffs": [{**DAY1, "then": "day1"}]}, "signoffs[0].then", "itself"),
        ({"approvals": NOBODY, "signoffs": [DAY1]}, "approvals.signoff", "asks nobody"),
        (
            {"signoffs": [{**DAY1, "items": [{"attest": "Fine?"}, {"attest": "Fine?"}]}]},
            "signoffs",
            "two items 'day1-fine'",
        ),
        ({"success": ["error_rate < 2x baseline"]}, "success[0]", "the old version is gone"),
    ],
)
def test_a_mistake_is_refused_where_it_stands(
    sections: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        compile_plan(document(**sections))
    assert str(refused.value).startswith(f"{place}: "), refused.value
    assert problem in str(refused.value)


def test_roles_come_from_the_sign_off_else_from_the_plan_else_anybody() -> None:
    rule = {"production": {"any": 2}, "signoff": {"all_of": ["a", "b"], "any": 1}}
    both = [DAY1, {"id": "day7", "after": "7d", "by": ["c"]}]
    assert [s.seats for s in plan(signoffs=both).afterwards.signoffs] == [("*",), ("c",)]
    made = plan(signoffs=both, approvals=rule).afterwards.signoffs
    assert [s.seats for s in made] == [("a", "b", "*"), ("c",)]


def test_criteria_that_nobody_measures_are_for_people() -> None:
    made = plan(success=["cost < 300", "people like it", "error_rate < 1%"]).afterwards
    assert [each.comparison is not None for each in made.success] == [True, False, True]


def test_targets_stand_for_all_that_is_under_their_name() -> None:
    targets = {"speed": ["error_rate < 1%", "cache_hit > 80%"]}
    items = [{"targets": "speed"}, {"attest": "Fine?"}]
    made = plan(targets=targets, signoffs=[{**DAY1, "items": items}]).afterwards
    assert [item.text for item in made.signoffs[0].items] == [*targets["speed"], "Fine?"]
