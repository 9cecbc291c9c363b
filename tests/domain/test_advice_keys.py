"""Keys that are written in a plan and do nothing are named, and no others."""

import pytest

from bot.domain.advice_keys import passed_over, unheard
from bot.domain.plan_compile import compile_plan
from tests.domain.test_duties import DOCUMENT
from tests.requirements.acting import plans


@pytest.mark.parametrize(
    ("keys", "places"),
    [
        ({}, []),
        ({"shift": {"by": "weight"}}, []),
        (
            {"shift": {"by": "feature_flag", "flag": "f", "sticky": "user", "backup": "lb"}},
            ["shift.by", "shift.flag", "shift.sticky", "shift.backup"],
        ),
        ({"dashboard": {"every": "10s"}}, ["dashboard"]),
        ({"version": {"tag_message": "v{version}"}}, ["version.tag_message"]),
        ({"version": {"tag_message": "v{version}"}, "branches": {"production": "main"}}, []),
        (
            {"version": {"increment": {"major": "quartely", "minor": "6w", "patch": "weekly"}}},
            ["version.increment.major"],
        ),
        ({"dora": ["lead_time", "mttr", "bug_rate", "lead_tine"]}, ["dora.3"]),
        ({"comms": [{"when": "end"}, {"when": "weave"}]}, ["comms.1.when"]),
        ({"report": {"adoption": "a", "adoptoin": "b"}}, ["report.adoptoin"]),
        (
            {
                "standup": {
                    "time": "09:00",
                    "tz": "UTC",
                    "agenda": ["health", "isues"],
                    "decisions": ["pause", "next_wve"],
                }
            },
            ["standup.agenda.1", "standup.decisions.1"],
        ),
    ],
)
def test_what_the_bot_passes_over_is_named_with_its_place(
    keys: dict[str, object], places: list[str]
) -> None:
    found = list(passed_over(compile_plan({**DOCUMENT, **keys})))
    assert [".".join(map(str, each.path)) for each in found] == places
    assert all(each.hint for each in found)


def test_a_mistyped_pace_is_told_the_nearest_word() -> None:
    words = {"version": {"increment": {"major": "quartely"}}}
    (found,) = passed_over(compile_plan({**DOCUMENT, **words}))
    assert "did you mean 'quarterly'?" in str(found)


def test_of_the_built_in_plans_only_the_one_behind_a_flag_has_such_keys() -> None:
    have = {name for name in plans().names() if list(passed_over(plans().get(name)))}
    assert have == {"batch-patches-waves"}


def test_an_audience_that_nobody_can_reach_is_named_with_the_nearest_that_is_reached() -> None:
    comms = [{"when": "end"}, {"when": "end", "to": "support"}, {"at": "-1d", "to": "suport"}]
    plan = compile_plan({**DOCUMENT, "comms": comms})
    (found,) = unheard(plan, {"support"})
    assert found.path == ("comms", 2, "to")
    assert "did you mean 'support'?" in str(found)
    assert len(list(unheard(plan, ()))) == 2
