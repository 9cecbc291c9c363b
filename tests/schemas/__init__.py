"""JSON Schemas of shapes that other people define, ready to check with.

The files beside this module are generated (see README.md here). A schema of ours would only repeat
what our code believes; these say what Slack's SDK and the Compose specification accept.
"""

import json
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

FOLDER = Path(__file__).resolve().parent


@cache
def definitions(name: str) -> dict[str, Any]:
    """Read the definitions of one schema file, for example `blockkit`."""
    schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    found: dict[str, Any] = schema.get("definitions", {})
    return found


@cache
def validator(name: str, definition: str | None = None) -> Draft7Validator:
    """Build, once, the validator of a schema file or of one definition in it."""
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    if definition is not None:
        schema = {"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]}
    return Draft7Validator(schema)


def conform(instance: object, name: str, definition: str | None = None, at: str = "") -> None:
    """Assert that a value fits a schema.

    Args:
        instance: The value as it would be sent: dicts, lists, strings, numbers.
        name: A file beside this module, without its ending.
        definition: One definition in that file; None for the file's own root.
        at: Where the value sits in a larger one; the message's path starts with it.

    Raises:
        AssertionError: It does not fit; the message gives the path and the reason.
    """
    faults = [_fault(error) for error in validator(name, definition).iter_errors(instance)]
    if faults:
        raise AssertionError("; ".join(f"{at}{path}: {why}" for _, path, why in faults))


_Fault = tuple[bool, str, str]


def _fault(error: ValidationError) -> _Fault:
    """Explain an error as (is it about another kind of thing, path, reason).

    A union reports every branch that did not match. Only the branch whose `type` is the one in the
    value tells the writer anything, so the others are left out.
    """
    if not error.context:
        return _is_other_kind(error), _path(error), error.message
    branches = [list(group) for _, group in groupby(error.context, lambda e: e.schema_path[0])]
    explained = [min((_fault(each) for each in branch), key=_other_first) for branch in branches]
    best = min(explained, key=lambda fault: fault[0])
    return best if not best[0] else (True, _path(error), _unknown(error.instance))


def _other_first(fault: _Fault) -> bool:
    return not fault[0]


def _is_other_kind(error: ValidationError) -> bool:
    missing = error.validator == "required" and "'type' is" in error.message
    return missing or (error.validator == "const" and list(error.absolute_path)[-1:] == ["type"])


def _unknown(instance: object) -> str:
    kind = instance.get("type") if isinstance(instance, Mapping) else type(instance).__name__
    return f"{kind!r} is not allowed here"


def _path(error: ValidationError) -> str:
    steps = error.absolute_path
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
