"""What a person has chosen and typed: the `state.values` of views and messages.

Also the checks that Slack's own client does before it lets a form go: required fields, lengths,
options that exist. A submission that fails them never reaches the app.
"""

import re
from datetime import date, time
from typing import Any

from bot.practice.blocks import elements_of, is_interactive
from bot.practice.cast import Json

Values = dict[str, dict[str, Json]]

# Which key of the state carries the choice, and which property of the element the first choice.
KEYS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
}
CHOSEN_AMONG = {"static_select", "radio_buttons", "overflow"}
CHOSEN_SEVERAL = {"checkboxes", "multi_static_select"}
MUST_PARSE = {"datepicker": date.fromisoformat, "timepicker": time.fromisoformat}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class FormError(Exception):
    """The client would not accept this; the message is what the person reads."""


def initial(element: Json) -> Json:
    """The state of an element that nobody has touched."""
    kind = element["type"]
    key, first = KEYS[kind]
    empty: Any = [] if key.endswith("s") else None
    return {"type": kind, key: element.get(first, empty)}


def values_of(blocks: list[Json], earlier: Values | None = None) -> Values:
    """The state of all inputs; what was filled in `earlier` stays where the ids are the same."""
    found: Values = {}
    for block in blocks:
        for _, element in elements_of(block):
            if is_interactive(element) and element["type"] in KEYS:
                kept = (earlier or {}).get(block["block_id"], {}).get(element["action_id"])
                same = kept is not None and kept["type"] == element["type"]
                entry = kept if same and kept is not None else initial(element)
                found.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return found


def filled(element: Json, raw: object) -> Json:
    """The state of an element after a person gave `raw`: a string, an option's value, or a list.

    Raises FormError when the client would refuse it.
    """
    kind = element["type"]
    if kind in CHOSEN_AMONG:
        return {"type": kind, "selected_option": _option(element, raw) if raw else None}
    if kind in CHOSEN_SEVERAL:
        chosen = [_option(element, each) for each in _list(raw)]
        return {"type": kind, "selected_options": _at_most(element, chosen)}
    if kind == "multi_users_select":
        return {"type": kind, "selected_users": _at_most(element, _list(raw))}
    if kind == "datetimepicker":
        return {"type": kind, "selected_date_time": int(str(raw)) if raw else None}
    return {"type": kind, KEYS[kind][0]: _written(element, str(raw)) if raw else None}


def _list(raw: object) -> list[Any]:
    if isinstance(raw, list):
        return raw
    return [raw] if raw else []


def _at_most(element: Json, chosen: list[Any]) -> list[Any]:
    most = element.get("max_selected_items")
    if most is not None and len(chosen) > most:
        raise FormError(f"choose at most {most}")
    return chosen


def _option(element: Json, raw: object) -> Json:
    wanted = raw.get("value") if isinstance(raw, dict) else raw
    groups = [element, *element.get("option_groups", ())]
    for group in groups:
        for option in group.get("options", ()):
            if option["value"] == wanted:
                return dict(option)
    raise FormError(f"there is no option {wanted!r}")


def _written(element: Json, raw: str) -> str:
    kind = element["type"]
    if kind == "number_input":
        _number(element, raw)
    if kind == "email_text_input" and not EMAIL.fullmatch(raw):
        raise FormError("not an e-mail address")
    if kind == "url_text_input" and "://" not in raw:
        raise FormError("not a URL")
    if len(raw) < element.get("min_length", 0):
        raise FormError(f"at least {element['min_length']} characters")
    if len(raw) > element.get("max_length", 3000):
        raise FormError(f"at most {element.get('max_length', 3000)} characters")
    if kind in MUST_PARSE:
        _parsed(kind, raw)
    return raw


def _parsed(kind: str, raw: str) -> None:
    try:
        MUST_PARSE[kind](raw)
    except ValueError as error:
        raise FormError(str(error)) from error


def _number(element: Json, raw: str) -> None:
    try:
        number = float(raw)
    except ValueError as error:
        raise FormError("not a number") from error
    if not element["is_decimal_allowed"] and not number.is_integer():
        raise FormError("not a whole number")
    if "min_value" in element and number < float(element["min_value"]):
        raise FormError(f"at least {element['min_value']}")
    if "max_value" in element and number > float(element["max_value"]):
        raise FormError(f"at most {element['max_value']}")


def is_empty(entry: Json) -> bool:
    """Nothing was chosen or typed."""
    return entry[KEYS[entry["type"]][0]] in (None, "", [])


def missing(blocks: list[Json], values: Values) -> dict[str, str]:
    """Per block_id, the complaint about a required field that is empty."""
    found: dict[str, str] = {}
    for block in blocks:
        if block["type"] == "input" and not block.get("optional", False):
            entry = values[block["block_id"]][block["element"]["action_id"]]
            if is_empty(entry):
                found[block["block_id"]] = "Please complete this required field."
    return found


def fill_in(blocks: list[Json], values: Values, given: Json) -> tuple[Values, dict[str, str]]:
    """Put what a person typed into the state of a view.

    given: by block_id then action_id, or flat by block_id or action_id.
    Answers the new state and, per block_id, what the client complains about. A name that is in no
    block is a complaint under that name.
    """
    result: Values = {block: dict(entries) for block, entries in values.items()}
    errors: dict[str, str] = {}
    for name, raw in given.items():
        place = _place(blocks, name, raw)
        if place is None:
            errors[name] = f"the form has no field {name!r}"
            continue
        block_id, element, value = place
        try:
            result[block_id][element["action_id"]] = filled(element, value)
        except FormError as error:
            errors[block_id] = str(error)
    return result, {**missing(blocks, result), **errors}


def _place(blocks: list[Json], name: str, raw: Any) -> tuple[str, Json, object] | None:
    for block in blocks:
        for _, element in elements_of(block):
            action = element.get("action_id")
            if element.get("type") not in KEYS or name not in (block["block_id"], action):
                continue
            nested = name == block["block_id"] and isinstance(raw, dict) and action in raw
            return block["block_id"], element, raw[action] if nested else raw
    return None
