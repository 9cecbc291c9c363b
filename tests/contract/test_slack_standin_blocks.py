"""Each Block Kit rule of the stand-in, with the complaint and the place it names."""

import copy
from typing import Any

import pytest

from bot.practice.blocks import message_problems, view_problems, with_ids

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str = "approve", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain("Approve"), **more}


def option(value: str = "a", text: str = "A") -> Json:
    return {"text": plain(text), "value": value}


def select(**more: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "options": [option()], **more}


def section(text: str = "hello", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def entry(**more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "t", **more}
    return {"type": "input", "label": plain("Text"), "element": element}


def confirm(**more: Any) -> Json:
    texts = {"title": plain("Sure?"), "text": mrkdwn("checkout v1.2.0")}
    return {**texts, "confirm": plain("Yes"), "deny": plain("No"), **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("Release"), "blocks": list(blocks), **more}


FULL_CARD = [
    {"type": "header", "text": plain("checkout v1.2.0")},
    {"type": "context", "elements": [mrkdwn("wave 2 of 4"), plain("10:00")]},
    section(fields=[mrkdwn("*errors*"), mrkdwn("0.1 %")]),
    section(accessory=button("tick_item", value="x", accessibility_label="Tick the item")),
    {"type": "divider"},
    actions(
        button("approve", style="primary", confirm=confirm(style="danger")),
        button("reject", style="danger", url="https://example.com"),
        select(initial_option=option(), placeholder=plain("Pick one")),
        {"type": "overflow", "action_id": "more", "options": [option(), option("b")]},
        {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-21"},
        {"type": "users_select", "action_id": "who"},
        {"type": "radio_buttons", "action_id": "radio", "options": [option()]},
    ),
    {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a chart"},
]
FULL_FORM = modal(
    entry(multiline=True, max_length=100, placeholder=plain("why")),
    {
        "type": "input",
        "label": plain("Number"),
        "optional": True,
        "hint": plain("percent"),
        "element": {"type": "number_input", "is_decimal_allowed": False, "action_id": "n"},
    },
    {
        "type": "input",
        "label": plain("Checks"),
        "element": {"type": "checkboxes", "action_id": "c", "options": [option(), option("b")]},
    },
    {
        "type": "input",
        "label": plain("Many"),
        "element": {
            "type": "multi_static_select",
            "action_id": "m",
            "option_groups": [{"label": plain("G"), "options": [option()]}],
            "initial_options": [option()],
        },
    },
    submit=plain("Start"),
    close=plain("Cancel"),
    callback_id="release_start",
    private_metadata="{}",
    notify_on_close=True,
)


def test_a_full_card_and_a_full_form_are_fine() -> None:
    assert message_problems(FULL_CARD) == []
    assert view_problems(FULL_FORM, "modal") == []
    assert view_problems({"type": "home", "blocks": FULL_CARD}, "home") == []


WRONG: list[tuple[str, list[Any], str, str]] = [
    ("unknown block", [{"type": "sofa"}], "/blocks/0", "unsupported type of block: sofa"),
    ("no object", ["text"], "/blocks/0", "unsupported type of block: None"),
    ("property", [section(colour="red")], "/blocks/0/colour", "unexpected property"),
    ("fifty-one", [{"type": "divider"}] * 51, "/blocks", "no more than 50 items"),
    ("long section", [section("x" * 3001)], "/blocks/0/text/text", "less than 3001"),
    ("empty text", [section("")], "/blocks/0/text/text", "more than 0"),
    ("bare section", [{"type": "section"}], "/blocks/0", "either `text` or `fields`"),
    (
        "eleven fields",
        [section(fields=[mrkdwn("a")] * 11)],
        "/blocks/0/fields",
        "no more than 10 items",
    ),
    (
        "long field",
        [section(fields=[mrkdwn("x" * 2001)])],
        "/blocks/0/fields/0/text",
        "less than 2001",
    ),
    (
        "long header",
        [{"type": "header", "text": plain("x" * 151)}],
        "/blocks/0/text/text",
        "less than 151",
    ),
    (
        "mrkdwn header",
        [{"type": "header", "text": mrkdwn("a")}],
        "/blocks/0/text/type",
        "must be one of: plain_text",
    ),
    (
        "long button",
        [actions({**button(), "text": plain("x" * 76)})],
        "/blocks/0/elements/0/text/text",
        "less than 76",
    ),
    (
        "long value",
        [actions(button(value="x" * 2001))],
        "/blocks/0/elements/0/value",
        "less than 2001",
    ),
    (
        "long action id",
        [actions(button("x" * 256))],
        "/blocks/0/elements/0/action_id",
        "less than 256",
    ),
    ("long block id", [section(block_id="x" * 256)], "/blocks/0/block_id", "less than 256"),
    (
        "long label",
        [actions(button(accessibility_label="x" * 76))],
        "/blocks/0/elements/0/accessibility_label",
        "less than 76",
    ),
    ("style", [actions(button(style="loud"))], "/blocks/0/elements/0/style", "must be one of"),
    (
        "twenty-six buttons",
        [actions(*(button(f"a{n}") for n in range(26)))],
        "/blocks/0/elements",
        "no more than 25 items",
    ),
    ("no elements", [actions()], "/blocks/0/elements", "at least 1 item"),
    (
        "eleven in context",
        [{"type": "context", "elements": [mrkdwn("a")] * 11}],
        "/blocks/0/elements",
        "no more than 10 items",
    ),
    (
        "button in context",
        [{"type": "context", "elements": [button()]}],
        "/blocks/0/elements/0",
        "unsupported element: button",
    ),
    (
        "input in actions",
        [actions({"type": "plain_text_input", "action_id": "t"})],
        "/blocks/0/elements/0",
        "unsupported element: plain_text_input",
    ),
    (
        "same action twice",
        [actions(button("a"), button("a"))],
        "/blocks/0/elements/1/action_id",
        "`action_id` already exists: a",
    ),
    (
        "same block twice",
        [section(block_id="b"), section(block_id="b")],
        "/blocks/1/block_id",
        "`block_id` already exists: b",
    ),
    (
        "two primaries",
        [actions(button("a", style="primary"), button("b", style="primary"))],
        "/blocks/0",
        "at most one primary",
    ),
    (
        "101 options",
        [actions(select(options=[option(str(n)) for n in range(101)]))],
        "/blocks/0/elements/0/options",
        "no more than 100 items",
    ),
    (
        "long option",
        [actions(select(options=[option(text="x" * 76)]))],
        "/blocks/0/elements/0/options/0/text/text",
        "less than 76",
    ),
    (
        "long option value",
        [actions(select(options=[option("x" * 151)]))],
        "/blocks/0/elements/0/options/0/value",
        "less than 151",
    ),
    (
        "no options",
        [actions({"type": "static_select", "action_id": "s"})],
        "/blocks/0/elements/0",
        "either `options` or `option_groups`",
    ),
    (
        "initial option",
        [actions(select(initial_option=option("z")))],
        "/blocks/0/elements/0",
        "must be one of the options",
    ),
    (
        "confirm without deny",
        [actions(button(confirm={k: v for k, v in confirm().items() if k != "deny"}))],
        "/blocks/0/elements/0/confirm",
        "missing required field: deny",
    ),
    (
        "long confirm title",
        [actions(button(confirm=confirm(title=plain("x" * 101))))],
        "/blocks/0/elements/0/confirm/title/text",
        "less than 101",
    ),
    (
        "long confirm text",
        [actions(button(confirm=confirm(text=mrkdwn("x" * 301))))],
        "/blocks/0/elements/0/confirm/text/text",
        "less than 301",
    ),
    (
        "long confirm button",
        [actions(button(confirm=confirm(confirm=plain("x" * 31))))],
        "/blocks/0/elements/0/confirm/confirm/text",
        "less than 31",
    ),
    (
        "image without alt text",
        [{"type": "image", "image_url": "https://example.com/a.png"}],
        "/blocks/0",
        "missing required field: alt_text",
    ),
    (
        "emoji in mrkdwn",
        [section("a") | {"text": {**mrkdwn("a"), "emoji": True}}],
        "/blocks/0/text/emoji",
        "unexpected property",
    ),
    ("flag", [{**entry(), "optional": "yes"}], "/blocks/0/optional", "must be a boolean"),
    ("number", [entry(min_length="1")], "/blocks/0/element/min_length", "must be an integer"),
    ("bounds", [entry(max_length=3001)], "/blocks/0/element/max_length", "between 1 and 3000"),
    ("elements", [{"type": "actions", "elements": 7}], "/blocks/0/elements", "must be an array"),
]


@pytest.mark.parametrize(
    ("blocks", "path", "what"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_what_slack_refuses_in_a_message(blocks: list[Json], path: str, what: str) -> None:
    problems = message_problems(blocks)
    assert len(problems) == 1, problems
    assert problems[0].endswith(f"[json-pointer:{path}]")
    assert what in problems[0]


WRONG_VIEWS: list[tuple[str, Any, str, str]] = [
    ("no object", "modal", "/view", "unsupported type of view"),
    ("kind", {"type": "home", "blocks": []}, "/view/type", "must be modal"),
    ("input without submit", modal(entry()), "/view", "missing required field: submit"),
    ("untitled", {"type": "modal", "blocks": [section()]}, "/view", "required field: title"),
    ("long title", modal(section(), title=plain("x" * 25)), "/view/title/text", "than 25"),
    ("long submit", modal(section(), submit=plain("x" * 25)), "/view/submit/text", "than 25"),
    ("empty", modal(), "/view/blocks", "at least 1 item"),
    ("101 blocks", modal(*[section()] * 101), "/view/blocks", "no more than 100 items"),
    (
        "long metadata",
        modal(section(), private_metadata="x" * 3001),
        "/view/private_metadata",
        "less than 3001",
    ),
    (
        "long label",
        modal({**entry(), "label": plain("x" * 2001)}, submit=plain("Go")),
        "/view/blocks/0/label/text",
        "less than 2001",
    ),
    ("markdown", modal({"type": "markdown", "text": "a"}), "/view/blocks/0", "unsupported"),
]


@pytest.mark.parametrize(
    ("view", "path", "what"),
    [case[1:] for case in WRONG_VIEWS],
    ids=[case[0] for case in WRONG_VIEWS],
)
def test_what_slack_refuses_in_a_modal(view: Any, path: str, what: str) -> None:
    problems = view_problems(view, "modal")
    assert len(problems) == 1, problems
    assert problems[0].endswith(f"[json-pointer:{path}]")
    assert what in problems[0]


def test_one_action_id_may_appear_in_several_blocks() -> None:
    assert message_problems([actions(button("tick")), actions(button("tick"))]) == []


def test_a_home_has_no_title() -> None:
    problems = view_problems({"type": "home", "title": plain("Home"), "blocks": []}, "home")
    assert problems == ["[ERROR] unexpected property [json-pointer:/view/title]"]


def test_ids_are_handed_out_where_they_are_missing_and_the_original_stays() -> None:
    given = [actions({"type": "button", "text": plain("A")}), section(block_id="mine")]
    before = copy.deepcopy(given)
    numbers = iter(range(10))
    filled = with_ids(given, lambda prefix: f"{prefix}{next(numbers)}")
    assert given == before
    assert [block["block_id"] for block in filled] == ["b0", "mine"]
    assert filled[0]["elements"][0]["action_id"] == "a1"
