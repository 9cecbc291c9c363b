"""Holding plain data against the types it should have, and telling all that is wrong with it.

`msgspec.convert` stops at the first mistake and doesn't name the key of a map. A person who edits a
file wants all of them at once, each with its place and what to write instead.
"""

import re
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from bot.domain.documents import DocumentError, Path, nearest

T = TypeVar("T")

EXAMPLES: Mapping[str, str] = {
    r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$": "a duration; write a number and a unit, like 30s, 5m, 2h",
    r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)|next_business_day)$": (
        "a duration; write a number and a unit, like 30m, or next_business_day"
    ),
    r"^[0-9]+(\.[0-9]+)?%$": "a percentage; write it like 5% or 0.1%",
    r"^([0-9]+(\.[0-9]+)?%|strict|rollback)$": "a share; write 1%, or one of: strict, rollback",
    r"^[a-z][a-z0-9_]*$": "a name; write small letters, digits and _",
    r"^([a-z][a-z0-9_]*)?$": "a name; write small letters, digits and _",
    r"^[a-z0-9][a-z0-9-]*$": "a name; write small letters, digits and -",
    r"^[A-Za-z][A-Za-z0-9_-]*$": "a name; write letters, digits, - and _",
    r"^https?://[^\s]+$": "an address; write it like http://127.0.0.1:9090",
    r"^(https?://[^\s]+)?$": "an address; write it like http://127.0.0.1:9090",
    r"^[CGD][A-Z0-9]{2,}$": "the id of a channel; it is at the end of its details, like C0…",
    r"^[UW][A-Z0-9]{2,}$": "the id of an account; copy it from the person's profile, like U0…",
    r"^S[A-Z0-9]{2,}$": "the id of a user group; it is at the end of the group's link, like S0…",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": 'a time of the day; write it in quotes, like "09:00"',
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": 'a date; write it in quotes, like "2026-01-06"',
    r"^day [1-9][0-9]{0,2}$": "a day of the release; write it like day 3",
    r"^[+-][0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$": "a time before or after; write it like -7d or +1h",
    r"^[0-9]+(\.[0-9]+)?/(s|min|h)$": "a number of requests; write it like 200/min or 3.5/s",
    r"^/[a-z0-9_-]{1,31}$": "a slash command; write it like /release",
}
"""What a pattern asks for, in words. A pattern that is not listed is shown as it is."""

_LIMIT = re.compile(r"`(int|float|str|array|object)` (?:of length )?(>=|<=|>|<) (\S+)")
_WORDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def mistakes(
    data: Any, wanted: Any, path: Path = (), *, partial: bool = False
) -> list[DocumentError]:
    """Everything in `data` that is not as the type `wanted` says, in the order of the data.

    partial: keys that have to be there may be missing (a document that extends another).
    """
    return _Walk(partial).value(data, wanted, path)


def converted(data: Any, wanted: type[T]) -> T:
    """`data` as a value of that type. Raises DocumentError with the first mistake."""
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as error:
        found = mistakes(data, wanted)
        raise (found[0] if found else DocumentError((), str(error))) from error


class _Walk:
    def __init__(self, partial: bool) -> None:
        self._partial = partial

    def value(self, data: Any, wanted: Any, path: Path) -> list[DocumentError]:
        choices = _alternatives(wanted)
        if isinstance(data, Mapping):
            return self._mapping(data, wanted, choices, path)
        if isinstance(data, Sequence) and not isinstance(data, str):
            return self._sequence(data, wanted, choices, path)
        return _leaf(data, wanted, choices, path)

    def _mapping(
        self, data: Mapping[str, Any], wanted: Any, choices: Sequence[Any], path: Path
    ) -> list[DocumentError]:
        structs = [each for each in choices if _is_struct(each)]
        maps = [each for each in choices if get_origin(each) in _MAPS]
        if maps:
            key_type, value_type = get_args(maps[0])
            found: list[DocumentError] = []
            for key in data:
                found += _leaf(key, key_type, _alternatives(key_type), (*path, key))
            for key, value in data.items():
                found += self.value(value, value_type, (*path, key))
            return found or self._size(data, wanted, choices, path)
        if not structs:
            return _leaf(data, wanted, choices, path)
        chosen = structs[0] if len(structs) == 1 else _tagged(data, structs)
        if isinstance(chosen, DocumentError):
            return [DocumentError((*path, *chosen.path), chosen.problem, chosen.hint)]
        return self._struct(data, chosen, path)

    def _struct(self, data: Mapping[str, Any], struct: Any, path: Path) -> list[DocumentError]:
        fields = _fields(struct)
        config = struct.__struct_config__
        known = [*fields, *([config.tag_field] if config.tag_field else [])]
        found: list[DocumentError] = []
        for key, value in data.items():
            if key in fields:
                found += self.value(value, fields[key].type, (*path, key))
            elif key != config.tag_field:
                found.append(DocumentError((*path, key), "is unknown", nearest(key, known)))
            elif value != config.tag:
                problem = f"is {value!r}, and only {config.tag!r} can be here"
                found.append(DocumentError((*path, key), problem))
        if not self._partial:
            missing = [n for n, field in fields.items() if field.required and n not in data]
            found += [DocumentError(path, f"`{name}` is missing") for name in missing]
        return found

    def _sequence(
        self, data: Sequence[Any], wanted: Any, choices: Sequence[Any], path: Path
    ) -> list[DocumentError]:
        arrays = [each for each in choices if get_origin(each) in _ARRAYS]
        if not arrays:
            return _leaf(data, wanted, choices, path)
        args = get_args(arrays[0])
        fixed = get_origin(arrays[0]) is tuple and not (len(args) == 2 and args[1] is Ellipsis)
        if fixed and len(args) != len(data):
            return [DocumentError(path, f"takes exactly {len(args)} entries, not {len(data)}")]
        found: list[DocumentError] = []
        for index, value in enumerate(data):
            found += self.value(value, args[index if fixed else 0], (*path, index))
        return found or self._size(data, wanted, choices, path)

    def _size(
        self, data: Any, wanted: Any, choices: Sequence[Any], path: Path
    ) -> list[DocumentError]:
        """How many entries there have to be is written around the type of a list or a map."""
        return [] if self._partial else _leaf(data, wanted, choices, path)


_MAPS = (dict, Mapping, types.MappingProxyType)
_ARRAYS = (tuple, list, frozenset, set, Sequence)


@cache
def _fields(struct: Any) -> Mapping[str, Any]:
    """The fields of a struct by their keys; looking up their types takes its time."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def _alternatives(wanted: Any) -> list[Any]:
    """The members of a union, without what Annotated puts around them."""
    if get_origin(wanted) is Annotated:
        return _alternatives(get_args(wanted)[0])
    if get_origin(wanted) in (Union, types.UnionType):
        return [found for part in get_args(wanted) for found in _alternatives(part)]
    return [wanted]


def _is_struct(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)


def _tagged(data: Mapping[str, Any], structs: Sequence[Any]) -> Any:
    field = structs[0].__struct_config__.tag_field
    by_tag = {each.__struct_config__.tag: each for each in structs}
    names = ", ".join(sorted(by_tag))
    if field not in data:
        return DocumentError((), f"`{field}` is missing", f"one of: {names}")
    tag = data[field]
    if isinstance(tag, str) and tag in by_tag:
        return by_tag[tag]
    return DocumentError((field,), f"{tag!r} is unknown", nearest(str(tag), by_tag))


def _leaf(data: Any, wanted: Any, choices: Sequence[Any], path: Path) -> list[DocumentError]:
    try:
        msgspec.convert(data, wanted)
    except msgspec.ValidationError as error:
        return [DocumentError(path, *_explained(str(error), data, wanted, choices))]
    # The $ of a pattern is satisfied before a last line break, too.
    if isinstance(data, str) and data.endswith("\n") and _pattern_in(wanted):
        return [
            DocumentError(path, f"{_shown(data)} ends with a line break", "write it in one line")
        ]
    return []


def _explained(message: str, data: Any, wanted: Any, choices: Sequence[Any]) -> tuple[str, str]:
    """What msgspec says about one value, in words for people: the problem and what to do."""
    words = _words(choices)
    pattern = _pattern_in(wanted)
    if pattern and isinstance(data, (str, int, float)) and not isinstance(data, bool):
        described = EXAMPLES.get(pattern, f"of the form {pattern}")
        problem, _, hint = f"{_shown(data)} is not {described}".partition("; ")
        return problem, hint
    if words and isinstance(data, str):
        return f"{_shown(data)} is not known here", nearest(data, map(str, words))
    if match := _LIMIT.search(message):
        limit = f"{_WORDS[match[2]]} {match[3]}"
        if match[1] in {"array", "object", "str"}:
            return f"has to have {limit} {'characters' if match[1] == 'str' else 'entries'}", ""
        return f"has to be {limit.removesuffix('.0')}", ""
    return f"is {_kind(data)}, but has to be {_wanted(message, choices)}", _how(data, choices)


def _wanted(message: str, choices: Sequence[Any]) -> str:
    if any(_is_struct(c) or get_origin(c) in _MAPS for c in choices):
        return "a map of keys"
    if any(get_origin(c) in _ARRAYS for c in choices):
        return "a list"
    words = [str(w).lower() if isinstance(w, bool) else repr(w) for w in _words(choices)]
    for kind, name in ((bool, "true or false"), (int, "a whole number"), (float, "a number")):
        words += [name] if kind in choices else []
    words += ["text"] if str in choices else []
    return " or ".join(words) or message


def _words(choices: Sequence[Any]) -> list[Any]:
    """The fixed values that are allowed, apart from the empty text that stands for none."""
    found = [word for c in choices if get_origin(c) is Literal for word in get_args(c)]
    for choice in choices:
        if isinstance(choice, type) and issubclass(choice, Enum):
            found += [member.value for member in choice]
    return [word for word in found if word != ""]


def _pattern_in(wanted: Any) -> str:
    """The pattern that a text has to match, "" when there is none."""
    if get_origin(wanted) is Annotated:
        metas = [each for each in get_args(wanted)[1:] if isinstance(each, msgspec.Meta)]
        return next((meta.pattern for meta in metas if meta.pattern), "")
    if get_origin(wanted) in (Union, types.UnionType):
        return next(filter(None, map(_pattern_in, get_args(wanted))), "")
    return ""


def _how(data: Any, choices: Sequence[Any]) -> str:
    if any(get_origin(c) in _ARRAYS for c in choices) and isinstance(data, (str, int, float)):
        return f"write [{data}]"
    if str in choices and isinstance(data, (int, float)) and not isinstance(data, bool):
        return f'if it is text, put it in quotes: "{data}"'
    return ""


def _kind(data: Any) -> str:
    match data:
        case None:
            return "empty"
        case bool():
            return "true" if data else "false"
        case int() | float():
            return f"the number {data}"
        case str():
            return f"the text {_shown(data)}"
        case Mapping():
            return "a map of keys"
        case _:
            return "a list"


def _shown(data: Any) -> str:
    text = data if isinstance(data, str) else str(data)
    return repr(text if len(text) <= 60 else f"{text[:57]}…")
