"""Block Kit in small pieces that keep Slack's limits by themselves.

Too long a text is cut where everybody sees it (…) rather than refused when it is sent. Only what
must never be cut (a value that comes back to us) is an error, and a programming one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from bot.slack.text import cut

Block = dict[str, Any]
Style = Literal["", "primary", "danger"]

_REFERENCE = re.compile(r"<(?=[!@#A-Za-z])")

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
SECTION_TEXT = 3000
FIELD_TEXT = 2000
FIELDS = 10
HEADER_TEXT = 150
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
BUTTONS = 25
CONTEXT_ELEMENTS = 10
OPTIONS = 100
OPTION_TEXT = 75
OPTION_VALUE = 150
TITLE = 24
HINT = 2000
METADATA = 3000


def plain(text: str, most: int = SECTION_TEXT) -> Block:
    """A plain_text object: shown as it is, nothing in it means anything.

    What would be a mention or a link elsewhere is taken apart all the same, for the places where
    Slack reuses the text (notifications, exports).
    """
    return {"type": "plain_text", "text": cut(_literal(text), most) or " ", "emoji": False}


def _literal(text: str) -> str:
    return _REFERENCE.sub("‹", text)  # noqa: RUF001 - it looks the same, and that is the point


def mrkdwn(text: str, most: int = SECTION_TEXT) -> Block:
    """A mrkdwn object of text that is escaped already; bare @names and #channels stay text."""
    return {"type": "mrkdwn", "text": cut(text, most) or " ", "verbatim": True}


def header(text: str) -> Block:
    """A headline, plain text."""
    return {"type": "header", "text": plain(text, HEADER_TEXT)}


def section(text: str, *, accessory: Block | None = None, block_id: str = "") -> Block:
    """A paragraph of mrkdwn."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    if accessory is not None:
        block["accessory"] = accessory
    return _named(block, block_id)


def fields(pairs: Sequence[str]) -> Block:
    """Up to ten short mrkdwn texts in two columns; the tenth says how many more there were."""
    shown = list(pairs)
    if len(shown) > FIELDS:
        shown = [*shown[: FIELDS - 1], f"… and {len(shown) - FIELDS + 1} more"]
    return {"type": "section", "fields": [mrkdwn(text, FIELD_TEXT) for text in shown]}


def context(*texts: str | Block) -> Block:
    """Small print; strings are mrkdwn. Ten parts are shown at most."""
    elements = [mrkdwn(each) if isinstance(each, str) else each for each in texts]
    return {"type": "context", "elements": elements[:CONTEXT_ELEMENTS]}


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def actions(buttons: Sequence[Block], *, block_id: str = "") -> Block:
    """A row of buttons, at least one."""
    if not buttons:
        raise ValueError("a row of buttons needs a button")
    return _named({"type": "actions", "elements": list(buttons[:BUTTONS])}, block_id)


def button(
    text: str,
    action_id: str,
    value: str = "",
    *,
    style: Style = "",
    confirm: Block | None = None,
    label: str = "",
    url: str = "",
) -> Block:
    """A button.

    label: what a screen reader says when the text alone is not enough.
    Raises ValueError when `value` is longer than Slack gives back.
    """
    if len(value) > BUTTON_VALUE:
        raise ValueError(f"the value of {action_id} has {len(value)} characters")
    element: Block = {
        "type": "button",
        "text": plain(text, BUTTON_TEXT),
        "action_id": action_id,
    }
    optional: Mapping[str, Any] = {
        "value": value,
        "style": style,
        "confirm": confirm,
        "accessibility_label": cut(_literal(label), BUTTON_TEXT),
        "url": url,
    }
    return element | {name: given for name, given in optional.items() if given}


def confirm(title: str, text: str, yes: str, no: str, *, danger: bool = False) -> Block:
    """The question before a button acts; all plain text."""
    dialog: Block = {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }
    return dialog | ({"style": "danger"} if danger else {})


def text_input(
    name: str,
    label: str,
    *,
    hint: str = "",
    initial: str = "",
    placeholder: str = "",
    multiline: bool = False,
    optional: bool = False,
    focus: bool = False,
    most: int = 3000,
) -> Block:
    """A field to type in.

    name: its block_id and action_id, the key of its error. focus: typing begins here.
    """
    element: Block = {
        "type": "plain_text_input",
        "action_id": name,
        "multiline": multiline,
        "max_length": most,
    }
    if initial:
        element["initial_value"] = cut(initial, most)
    if placeholder:
        element["placeholder"] = plain(placeholder, 150)
    if focus:
        element["focus_on_load"] = True
    return _input(name, label, element, hint, optional)


def choice(
    name: str,
    label: str,
    options: Iterable[tuple[str, str]],
    *,
    hint: str = "",
    initial: str = "",
    optional: bool = False,
    dispatch: bool = False,
) -> Block:
    """A field to choose in.

    options: (value, text), at least one; what does not fit into Slack's list is left out. initial:
    the value chosen at first, ignored when it is not offered. dispatch: a choice is sent at once.
    """
    offered = [option(value, text) for value, text in options if len(value) <= OPTION_VALUE]
    element: Block = {"type": "static_select", "action_id": name, "options": offered[:OPTIONS]}
    chosen = next((each for each in element["options"] if each["value"] == initial), None)
    if chosen is not None:
        element["initial_option"] = chosen
    block = _input(name, label, element, hint, optional)
    return block | ({"dispatch_action": True} if dispatch else {})


def boxes(
    name: str,
    label: str,
    options: Sequence[Block],
    *,
    ticked: Sequence[Block] = (),
    action_id: str = "",
) -> Block:
    """Boxes to tick, none of them required.

    options: of `option`, one to ten. ticked: those of them that are ticked at first.
    """
    element: Block = {"type": "checkboxes", "action_id": action_id or name, "options": [*options]}
    element |= {"initial_options": [*ticked]} if ticked else {}
    return _input(name, label, element, "", optional=True)


def choices(name: str, label: str, options: Iterable[tuple[str, str]], *, hint: str = "") -> Block:
    """A field in which several can be chosen, or none. options: (value, text), at least one."""
    offered = [option(value, text) for value, text in options if len(value) <= OPTION_VALUE]
    element: Block = {
        "type": "multi_static_select",
        "action_id": name,
        "options": offered[:OPTIONS],
    }
    return _input(name, label, element, hint, optional=True)


def option(value: str, text: str) -> Block:
    """One entry of a list."""
    return {"text": plain(text, OPTION_TEXT), "value": value}


def _input(name: str, label: str, element: Block, hint: str, optional: bool) -> Block:
    block: Block = {
        "type": "input",
        "block_id": name,
        "label": plain(label, HINT),
        "element": element,
        "optional": optional,
    }
    return block | ({"hint": plain(hint, HINT)} if hint else {})


def modal(
    callback_id: str,
    title: str,
    blocks: Sequence[Block],
    *,
    submit: str = "",
    close: str = "Cancel",
    metadata: str = "",
) -> Block:
    """A modal view. metadata: comes back with the submission.

    Raises ValueError when `metadata` is longer than Slack keeps.
    """
    if len(metadata) > METADATA:
        raise ValueError(f"the metadata of {callback_id} has {len(metadata)} characters")
    view: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, TITLE),
        "close": plain(close, TITLE),
        "private_metadata": metadata,
        "blocks": fit(blocks, VIEW_BLOCKS),
    }
    return view | ({"submit": plain(submit, TITLE)} if submit else {})


def fit(blocks: Sequence[Block], most: int = MESSAGE_BLOCKS) -> list[Block]:
    """At most `most` blocks; when some are left out, the last one says how many."""
    if len(blocks) <= most:
        return list(blocks)
    missing = len(blocks) - most + 1
    return [*blocks[: most - 1], context(f"… {missing} more parts do not fit here")]


def _named(block: Block, block_id: str) -> Block:
    return block | ({"block_id": cut(block_id, 255)} if block_id else {})
