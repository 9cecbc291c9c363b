"""Block Kit as strictly as Slack reads it: unknown types and properties, lengths and counts.

The limits are those of Slack's reference. Two rules are stricter than the platform, on purpose:
one set of buttons may have a single `primary`, and block kinds that the bot has no use for
(rich text, tables, video) are refused rather than half checked.
"""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.practice.cast import Json
from bot.practice.shapes import (
    Check,
    Report,
    anything,
    boolean,
    by_type,
    every,
    integer,
    listing,
    obj,
    one_of,
    string,
)
from bot.practice.workspace import SlackError

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
VIEW_BYTES = 250_000
MESSAGE_TEXT = 40_000

KIND: Mapping[str, Check] = {"type": anything}


def plain(most: int) -> Check:
    """A plain_text object."""
    return obj(
        {"type": one_of("plain_text"), "text": string(most)},
        {"emoji": boolean},
    )


def text(most: int) -> Check:
    """A text object of either kind."""
    mrkdwn = obj({**KIND, "text": string(most)}, {"verbatim": boolean})
    return by_type({"plain_text": plain(most), "mrkdwn": mrkdwn}, "type of text object")


CONFIRM = obj(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
OPTION = obj(
    {"text": text(75), "value": string(150)},
    {"description": text(75), "url": string(3000)},
)
GROUP = obj({"label": plain(75), "options": listing(OPTION, 100)}, {})
ACTION: Mapping[str, Check] = {"action_id": string(255)}
ASKING: Mapping[str, Check] = {**ACTION, "confirm": CONFIRM, "focus_on_load": boolean}
PICKING: Mapping[str, Check] = {**ASKING, "placeholder": plain(150)}
TYPING: Mapping[str, Check] = {
    **ACTION,
    "focus_on_load": boolean,
    "placeholder": plain(150),
    "initial_value": string(3000, 0),
    "dispatch_action_config": anything,
}


def _either_options_or_groups(value: Json, path: str, report: Report) -> None:
    if ("options" in value) == ("option_groups" in value):
        report.add(path, "must define either `options` or `option_groups`")


def _known_initial_option(value: Json, path: str, report: Report) -> None:
    groups = [value, *value.get("option_groups", ())]
    offered = [option for group in groups for option in group.get("options", ())]
    chosen = [value["initial_option"]] if "initial_option" in value else []
    for option in [*chosen, *value.get("initial_options", ())]:
        if option not in offered:
            report.add(path, "initial option must be one of the options")


def _select(**own: Check) -> Check:
    lists: Mapping[str, Check] = {
        "options": listing(OPTION, 100),
        "option_groups": listing(GROUP, 100),
    }
    shape = obj(KIND, {**PICKING, **lists, **own})
    return every(shape, _either_options_or_groups, _known_initial_option)


def _choice(**own: Check) -> Check:
    shape = obj({**KIND, "options": listing(OPTION, 10)}, {**ASKING, **own})
    return every(shape, _known_initial_option)


def _picker(**own: Check) -> Check:
    return obj(KIND, {**PICKING, **own})


def _typed(**own: Check) -> Check:
    return obj(KIND, {**TYPING, **own})


BUTTON = obj(
    {**KIND, "text": plain(75)},
    {
        **ACTION,
        "url": string(3000),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
MANY = integer(1)
SINGLE: Mapping[str, Check] = {
    "static_select": _select(initial_option=OPTION),
    "users_select": _picker(initial_user=string(255)),
    "conversations_select": _picker(
        initial_conversation=string(255), default_to_current_conversation=boolean, filter=anything
    ),
    "channels_select": _picker(initial_channel=string(255)),
    "datepicker": _picker(initial_date=string(10)),
    "timepicker": _picker(initial_time=string(5), timezone=string(100)),
    "datetimepicker": obj(KIND, {**ASKING, "initial_date_time": integer()}),
    "checkboxes": _choice(initial_options=listing(OPTION, 10)),
    "radio_buttons": _choice(initial_option=OPTION),
}
SEVERAL: Mapping[str, Check] = {
    "multi_static_select": _select(initial_options=listing(OPTION, 100), max_selected_items=MANY),
    "multi_users_select": _picker(initial_users=listing(string(255), 100), max_selected_items=MANY),
}
TYPED: Mapping[str, Check] = {
    "plain_text_input": _typed(
        multiline=boolean, min_length=integer(0, 3000), max_length=integer(1, 3000)
    ),
    "email_text_input": _typed(),
    "url_text_input": _typed(),
    "number_input": obj(
        {**KIND, "is_decimal_allowed": boolean},
        {**TYPING, "min_value": string(64), "max_value": string(64)},
    ),
}
OVERFLOW = obj({**KIND, "options": listing(OPTION, 5)}, {**ACTION, "confirm": CONFIRM})
IMAGE = obj({**KIND, "image_url": string(3000), "alt_text": string(2000)}, {})

IN_ACTIONS: Mapping[str, Check] = {"button": BUTTON, "overflow": OVERFLOW, **SINGLE}
IN_SECTION: Mapping[str, Check] = {**IN_ACTIONS, **SEVERAL, "image": IMAGE}
IN_INPUT: Mapping[str, Check] = {**TYPED, **SINGLE, **SEVERAL}
IN_CONTEXT: Mapping[str, Check] = {
    "image": IMAGE,
    "plain_text": plain(3000),
    "mrkdwn": text(3000),
}


def _has_content(value: Json, path: str, report: Report) -> None:
    if "text" not in value and not value.get("fields"):
        report.add(path, "must define either `text` or `fields`")


def _one_primary(value: Json, path: str, report: Report) -> None:
    elements = [each for each in value.get("elements", ()) if isinstance(each, dict)]
    if sum(each.get("style") == "primary" for each in elements) > 1:
        report.add(path, "at most one primary button in a set")


def _distinct_actions(value: Json, path: str, report: Report) -> None:
    seen: set[str] = set()
    for place, element in elements_of(value):
        action_id = element.get("action_id")
        if isinstance(action_id, str) and action_id in seen:
            report.add(f"{path}{place}/action_id", f"`action_id` already exists: {action_id}")
        seen.add(str(action_id))


def _distinct_block_id(value: Json, path: str, report: Report) -> None:
    block_id = value.get("block_id")
    if isinstance(block_id, str) and block_id in report.block_ids:
        report.add(f"{path}/block_id", f"`block_id` already exists: {block_id}")
    report.block_ids.add(str(block_id) if block_id is not None else f"@{path}")


def _block(required: Mapping[str, Check], **optional: Check) -> Check:
    shape = obj({**KIND, **required}, {"block_id": string(255), **optional})
    return every(shape, _distinct_block_id, _distinct_actions)


BLOCKS: Mapping[str, Check] = {
    "section": every(
        _block(
            {},
            text=text(3000),
            fields=listing(text(2000), 10),
            accessory=by_type(IN_SECTION, "accessory"),
            expand=boolean,
        ),
        _has_content,
    ),
    "header": _block({"text": plain(150)}),
    "divider": _block({}),
    "context": _block({"elements": listing(by_type(IN_CONTEXT, "element"), 10)}),
    "actions": every(
        _block({"elements": listing(by_type(IN_ACTIONS, "element"), 25)}), _one_primary
    ),
    "image": _block({"image_url": string(3000), "alt_text": string(2000)}, title=plain(2000)),
    "input": _block(
        {"label": plain(2000), "element": by_type(IN_INPUT, "element")},
        hint=plain(2000),
        optional=boolean,
        dispatch_action=boolean,
    ),
}
MARKDOWN: Check = _block({"text": string(12_000)})
IN_MESSAGE = by_type({**BLOCKS, "markdown": MARKDOWN}, "type of block")
IN_VIEW = by_type(BLOCKS, "type of block")

COMMON_VIEW: Mapping[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
VIEWS: Mapping[str, Check] = {
    "modal": obj(
        {**KIND, "title": plain(24), "blocks": listing(IN_VIEW, VIEW_BLOCKS)},
        {
            **COMMON_VIEW,
            "submit": plain(24),
            "close": plain(24),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
        },
    ),
    "home": obj({**KIND, "blocks": listing(IN_VIEW, VIEW_BLOCKS, 0)}, COMMON_VIEW),
}
VIEW = by_type(VIEWS, "type of view")


def elements_of(block: Json) -> list[tuple[str, Json]]:
    """The interactive parts of a block with the JSON pointer from the block to each."""
    found: list[tuple[str, Any]] = [
        (f"/elements/{place}", each) for place, each in enumerate(block.get("elements") or ())
    ]
    found += [(f"/{name}", block[name]) for name in ("accessory", "element") if name in block]
    return [(path, each) for path, each in found if isinstance(each, dict)]


def is_interactive(element: Json) -> bool:
    """A person can click, choose or type here."""
    return element.get("type") in {**IN_SECTION, **IN_INPUT} and element.get("type") != "image"


def message_problems(blocks: object) -> list[str]:
    """What Slack would say against the blocks of a message; empty when they are fine."""
    report = Report()
    listing(IN_MESSAGE, MESSAGE_BLOCKS, 0)(blocks, "/blocks", report)
    return report.messages


def view_problems(view: object, kind: str) -> list[str]:
    """What Slack would say against a view. kind: modal or home."""
    report = Report()
    VIEW(view, "/view", report)
    if not isinstance(view, dict) or report.messages:
        return report.messages
    if view["type"] != kind:
        report.add("/view/type", f"must be {kind}")
    asks = any(block.get("type") == "input" for block in view["blocks"])
    if kind == "modal" and asks and "submit" not in view:
        report.add("/view", "missing required field: submit (the view has an input block)")
    return report.messages


def checked_blocks(blocks: object) -> list[Json]:
    """The blocks of a message; raises `invalid_blocks` naming each place."""
    problems = message_problems(blocks)
    if problems or not isinstance(blocks, list):
        raise SlackError(
            "invalid_blocks", errors=problems, response_metadata={"messages": problems}
        )
    return blocks


def checked_view(view: object, kind: str) -> Json:
    """The view; raises `invalid_arguments` naming each place, `view_too_large`."""
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    problems = view_problems(view, kind)
    if problems or not isinstance(view, dict):
        raise SlackError("invalid_arguments", response_metadata={"messages": problems})
    return view


def with_ids(blocks: list[Json], new_id: Callable[[str], str]) -> list[Json]:
    """A copy in which every block and interactive element has an id, as Slack hands them out."""
    filled = copy.deepcopy(blocks)
    for block in filled:
        block.setdefault("block_id", new_id("b"))
        for _, element in elements_of(block):
            if is_interactive(element):
                element.setdefault("action_id", new_id("a"))
    return filled
