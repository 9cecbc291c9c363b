"""What Slack would say to a message or a view, without asking Slack.

Three judges, because each is blind to something: the schema generated from Slack's own types knows
which block, element and property exists and where; slack_sdk's models know many lengths; the table
here knows the lengths and the rules that those two let through. Everything a test renders for Slack
goes through `check_message` or `check_view`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests import schemas

MESSAGE_TEXT = 4000
MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
VIEW_BYTES = 250_000

# (kind of object, property) -> longest string or list. "*" stands for every kind.
LONGEST: Mapping[tuple[str, str], int] = {
    ("*", "action_id"): 255,
    ("*", "block_id"): 255,
    ("*", "callback_id"): 255,
    ("*", "external_id"): 255,
    ("*", "private_metadata"): 3000,
    ("*", "placeholder"): 150,
    ("*", "accessibility_label"): 75,
    ("*", "alt_text"): 2000,
    ("*", "url"): 3000,
    ("*", "image_url"): 3000,
    ("plain_text", "text"): 3000,
    ("mrkdwn", "text"): 3000,
    ("section", "text"): 3000,
    ("section", "fields"): 10,
    ("header", "text"): 150,
    ("markdown", "text"): 12_000,
    ("context", "elements"): 10,
    ("actions", "elements"): 25,
    ("image", "title"): 2000,
    ("input", "label"): 2000,
    ("input", "hint"): 2000,
    ("button", "text"): 75,
    ("button", "value"): 2000,
    ("static_select", "options"): 100,
    ("static_select", "option_groups"): 100,
    ("multi_static_select", "options"): 100,
    ("radio_buttons", "options"): 10,
    ("checkboxes", "options"): 10,
    ("overflow", "options"): 5,
    ("option", "text"): 75,
    ("option", "description"): 75,
    ("option", "value"): 150,
    ("confirm", "title"): 100,
    ("confirm", "text"): 300,
    ("confirm", "confirm"): 30,
    ("confirm", "deny"): 30,
    ("modal", "title"): 24,
    ("modal", "submit"): 24,
    ("modal", "close"): 24,
}
FIELD = 2000
# A text of no characters and a list of no entries are refused as well as too long ones.
NEVER_EMPTY = frozenset({"text", "elements", "fields", "options", "action_id", "label", "title"})
# Objects that carry no `type`: the property that holds them says what they are.
UNTYPED = {"confirm": "confirm", "options": "option", "initial_options": "option"}
UNTYPED |= {"initial_option": "option"}

Path = str
Found = tuple[Path, str, Mapping[str, Any]]


def check_message(payload: Mapping[str, Any]) -> None:
    """Assert that Slack would take this message.

    Args:
        payload: The arguments of chat.postMessage, chat.update, chat.postEphemeral or a reply to a
            response_url; `text` and `blocks` are read, the rest is left alone.

    Raises:
        AssertionError: Slack would refuse or spoil it; the message says where and why.
    """
    text = payload.get("text")
    _claim(isinstance(text, str) and bool(text.strip()), "text: every message stands alone in text")
    _claim(len(str(text)) <= MESSAGE_TEXT, f"text: over {MESSAGE_TEXT} characters")
    blocks = payload.get("blocks")
    if blocks is not None:
        _check_blocks(blocks, MESSAGE_BLOCKS)


def check_view(view: Mapping[str, Any]) -> None:
    """Assert that Slack would open or publish this modal or Home view.

    Args:
        view: The `view` argument of views.open, views.update or views.publish.

    Raises:
        AssertionError: Slack would refuse it; the message says where and why.
    """
    kind = view.get("type")
    _claim(kind in ("modal", "home"), f"type: {kind!r} is neither modal nor home")
    schemas.conform(dict(view) | {"blocks": []}, "blockkit", f"{str(kind).title()}Surface")
    _check_blocks(view.get("blocks"), VIEW_BLOCKS)
    _check_lengths({key: value for key, value in view.items() if key != "blocks"}, "", str(kind))
    _claim(len(json.dumps(view).encode()) <= VIEW_BYTES, f"view: over {VIEW_BYTES} bytes")
    inputs = any(block["type"] == "input" for block in view["blocks"])
    _claim(kind == "home" or not inputs or "submit" in view, "submit: missing beside an input")


def _check_blocks(blocks: object, most: int) -> None:
    _claim(isinstance(blocks, list) and bool(blocks), "blocks: a list of at least one block")
    assert isinstance(blocks, list)
    _claim(len(blocks) <= most, f"blocks: {len(blocks)}, at most {most}")
    for index, block in enumerate(blocks):
        _check_block(block, f"blocks[{index}]")
    _check_unique((b["block_id"] for b in blocks if "block_id" in b), "blocks: block_id")
    _ask_sdk(lambda: _render_all(blocks))


def _render_all(blocks: list[Any]) -> None:
    """Let the SDK's models check themselves; a block newer than the SDK comes out as None."""
    parsed: Sequence[Block | None] = Block.parse_all(blocks)
    for block in parsed:
        if block is not None:
            block.to_dict()


def _check_block(block: object, at: Path) -> None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    _claim(kind in _blocks_by_type(), f"{at}: {kind!r} is no block")
    assert isinstance(block, Mapping)
    schemas.conform(block, "blockkit", _blocks_by_type()[str(kind)], at)
    _claim(kind != "section" or "text" in block or "fields" in block, f"{at}: nothing to show")
    _check_lengths(block, at, str(kind))
    actions = [
        thing["action_id"] for _, _, thing in _objects(block, at, "") if "action_id" in thing
    ]
    _check_unique(actions, f"{at}: action_id")


@cache
def _blocks_by_type() -> Mapping[str, str]:
    """Map each block's `type` to its definition, to validate one branch instead of twenty."""
    found = {}
    known = schemas.definitions("blockkit")
    for branch in known["KnownBlock"]["anyOf"]:
        name = branch["$ref"].rsplit("/", 1)[-1]
        shape = known[name].get("anyOf", [known[name]])[0]
        found[shape["properties"]["type"]["const"]] = name
    return found


def _check_lengths(thing: Mapping[str, Any], at: Path, kind: str) -> None:
    for path, type_, each in _objects(thing, at, kind):
        for key, value in each.items():
            _check_length(f"{path}.{key}", type_, key, value)


def _check_length(path: Path, kind: str, key: str, value: object) -> None:
    """Hold one property against the table; a text object counts as its text."""
    measured = value.get("text") if isinstance(value, Mapping) else value
    if not isinstance(measured, str | list):
        return
    longest = LONGEST.get((kind, key), LONGEST.get(("*", key)))
    _claim(longest is None or len(measured) <= longest, f"{path}: {len(measured)} over {longest}")
    _claim(bool(measured) or key not in NEVER_EMPTY, f"{path}: empty")
    for index, field in enumerate(measured if (kind, key) == ("section", "fields") else ()):
        _claim(len(field["text"]) <= FIELD, f"{path}[{index}]: over {FIELD}")


def _objects(thing: Mapping[str, Any], path: Path, kind: str) -> Iterator[Found]:
    """Walk an object and all it holds, each with its path and what it is."""
    yield path, str(thing.get("type", kind)), thing
    for key, value in thing.items():
        inner = UNTYPED.get(key, "")
        if isinstance(value, Mapping):
            yield from _objects(value, f"{path}.{key}", inner)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for index, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _objects(item, f"{path}.{key}[{index}]", inner)


def _check_unique(names: Iterator[str] | Sequence[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    _claim(not twice, f"{what} used twice: {', '.join(twice)}")


def _ask_sdk(render: Callable[[], object]) -> None:
    try:
        render()
    except SlackObjectFormationError as refusal:
        raise AssertionError(f"slack_sdk: {refusal}") from refusal


def _claim(fact: bool, otherwise: str) -> None:
    if not fact:
        raise AssertionError(otherwise)
