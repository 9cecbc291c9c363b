"""Keys that are written in a plan and do nothing are named, and no others."""

import pytest

from bot.domain.advice_keys import passed_over, unheard
from bot.domain.plan_compile import compile_plan
from tests.domain.going import document
from tests.domain.test_duties import DOCUMENT
from tests.requirements.acting import plans


@pytest.mark.parametrize(
    ("keys", "places"),
    [
        ({}, []),
        ({"shift": {"by": "weight"}}, []),
        ({"shift": {"by": "feature_flag", "flag": "f", "sticky": "user", "backup": "lb"}}, []),
        ({"shift": {"by": "feature_flag"}}, ["shift"]),
        ({"shift": {"flag": "f"}}, ["shift.flag"]),
        ({"dashboard": {"every": "10s", "url": "https://boards.test/{service}"}}, []),
        ({"dashboard": {"buttons": ["continue", "rolback"]}}, ["dashboard.buttons.1"]),
        ({"channels": {"critical": "C0ALERTS", "email": "everybody"}}, []),
        (
            {"channels": {"critical": "#alerts", "warning": "#warn"}},
            ["channels.critical", "channels.warning"],
        ),
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


def test_an_audience_in_the_last_wave_and_a_gauge_that_grows_with_the_traffic_are_named() -> None:
    made = document({"audience": "beta group"}, {"audience": "the rest"})
    made["metrics"]["load"] = {"kind": "gauge", "query": "load", "per_weight": True}
    found = {".".join(map(str, each.path)) for each in passed_over(compile_plan(made))}
    assert found == {"waves.1.audience", "metrics.load.per_weight"}


def test_of_the_built_in_plans_only_one_names_channels_that_are_no_ids() -> None:
    have = {
        name: [".".join(map(str, each.path)) for each in passed_over(plans().get(name))]
        for name in plans().names()
    }
    channels = ["channels.critical", "channels.warning"]
    assert {name: keys for name, keys in have.items() if keys} == {"batch-patches-waves": channels}


def test_an_audience_that_nobody_can_reach_is_named_with_the_nearest_that_is_reached() -> None:
    comms = [{"when": "end"}, {"when": "end", "to": "support"}, {"at": "-1d", "to": "suport"}]
    plan = compile_plan({**DOCUMENT, "comms": comms})
    (found,) = unheard(plan, {"support"})
    assert found.path == ("comms", 2, "to")
    assert "did you mean 'support'?" in str(found)
    assert len(list(unheard(plan, ()))) == 2
