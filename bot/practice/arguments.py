"""Reading the arguments of a Web API method, which come as JSON or as a form."""

import json

from bot.practice.cast import Json
from bot.practice.workspace import SlackError


def required(args: Json, *names: str) -> None:
    """Raises `invalid_arguments` for the first of these that is missing."""
    for name in names:
        if args.get(name) in (None, ""):
            problem = f"[ERROR] missing required field: {name}"
            raise SlackError("invalid_arguments", response_metadata={"messages": [problem]})


def flag(args: Json, name: str, default: bool = False) -> bool:
    """A boolean, which may come as text."""
    value = args.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true")


def number(args: Json, name: str, default: int) -> int:
    """A whole number, which may come as text; raises `invalid_arguments`."""
    value = str(args.get(name) or default)
    if not value.isdecimal():
        problem = f"[ERROR] must be an integer [json-pointer:/{name}]"
        raise SlackError("invalid_arguments", response_metadata={"messages": [problem]})
    return int(value)


def decoded(args: Json, name: str, error: str) -> object:
    """A structure that may come as JSON text; raises `error` when that text is not JSON."""
    value = args.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as problem:
        raise SlackError(error) from problem
