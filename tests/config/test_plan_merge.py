"""What a plan becomes that extends another, and where each part of it was written."""

from typing import Any

from bot.domain.plan_merge import merge, path_in

PARENT: dict[str, Any] = {
    "plan": "parent",
    "watch": {"keep_previous": "1h"},
    "use_for": ["risky", "usual"],
    "waves": [
        {"id": "a", "traffic": "5%", "triggers": [{"id": "x", "if": "1"}, {"if": "2"}]},
        {"id": "b", "traffic": "100%"},
    ],
    "triggers": [{"id": "one", "window": "1m"}, {"event": "fire"}, {"id": "two"}],
    "alerts": {"critical": [{"id": "c"}], "warning": [{"id": "w"}]},
}


def test_a_child_that_says_nothing_is_its_parent() -> None:
    assert merge(PARENT, {"extends": "parent"}) == PARENT


def test_maps_merge_and_other_values_replace() -> None:
    child = {"plan": "c", "watch": {"more": 1}, "use_for": [], "alerts": {"critical": []}}
    merged = merge(PARENT, child)
    assert merged["plan"] == "c"
    assert merged["watch"] == {"keep_previous": "1h", "more": 1}
    assert merged["use_for"] == []
    assert merged["alerts"] == {"critical": [], "warning": [{"id": "w"}]}


def test_neither_of_the_two_is_changed() -> None:
    child = {"waves": [{"id": "a", "traffic": "9%"}], "triggers": [{"id": "one", "window": "2m"}]}
    before = repr((PARENT, child))
    merge(PARENT, child)
    assert repr((PARENT, child)) == before


def test_triggers_are_changed_by_id_and_added_but_never_lost() -> None:
    merged = merge(PARENT, {"triggers": [{"id": "new"}, {"id": "one", "do": "pause"}, {"if": "3"}]})
    assert merged["triggers"] == [
        {"id": "one", "window": "1m", "do": "pause"},
        {"event": "fire"},
        {"id": "two"},
        {"id": "new"},
        {"if": "3"},
    ]
    assert merge(PARENT, {"triggers": []})["triggers"] == PARENT["triggers"]


def test_waves_are_the_child_s_and_start_out_as_the_parent_s_of_the_same_id() -> None:
    merged = merge(PARENT, {"waves": [{"id": "new"}, {"id": "b", "soak": "1m"}, {"title": "?"}]})
    assert merged["waves"] == [
        {"id": "new"},
        {"id": "b", "traffic": "100%", "soak": "1m"},
        {"title": "?"},
    ]


def test_triggers_of_a_wave_are_a_set_too() -> None:
    wave = {"id": "a", "triggers": [{"id": "x", "do": "pause"}]}
    merged = merge(PARENT, {"waves": [wave]})
    assert merged["waves"][0]["triggers"] == [{"id": "x", "if": "1", "do": "pause"}, {"if": "2"}]


def test_what_is_no_list_takes_the_place_of_a_list_and_is_refused_later() -> None:
    assert merge(PARENT, {"waves": "none", "triggers": None})["waves"] == "none"
    assert merge({"waves": 5}, {"waves": [{"id": "a"}]})["waves"] == [{"id": "a"}]


def test_a_path_leads_to_where_something_was_written() -> None:
    child = {"waves": [{"id": "b", "soak": "1m"}, {"id": "a", "title": "A"}], "poll": "1s"}
    merged = merge(PARENT, child)
    assert path_in(("waves", 1, "traffic"), merged, PARENT) == ("waves", 0, "traffic")
    assert path_in(("waves", 1, "traffic"), merged, child) == ("waves", 1)
    assert path_in(("waves", 1, "title"), merged, child) == ("waves", 1, "title")
    assert path_in(("waves", 1, "triggers", 1, "if"), merged, PARENT) == (
        "waves", 0, "triggers", 1, "if",
    )  # fmt: skip
    assert path_in(("poll",), merged, PARENT) == ()
    assert path_in(("poll",), merged, child) == ("poll",)
    assert path_in((), merged, child) == ()


def test_an_entry_without_an_id_is_found_by_being_the_same() -> None:
    merged = merge(PARENT, {"triggers": [{"event": "flood"}]})
    assert path_in(("triggers", 1, "event"), merged, PARENT) == ("triggers", 1, "event")
    assert path_in(("triggers", 3, "event"), merged, PARENT) == ("triggers",)
    assert path_in(("triggers", 3), merged, {"triggers": 5}) == ("triggers",)
