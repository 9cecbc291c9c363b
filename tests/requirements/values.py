"""Numbers of the built-in plans, place by place: `values/*.yaml` says which row wants which.

    - {rows: [P-034], at: waves.canary.traffic, is: 5%}
    - {rows: [P-039], at: waves.canary.go_if, has: {if: error_rate < 0.5%}}

A place is a path in the plan's document as it is carried out, `extends` resolved: names of keys,
ids of entries, or their numbers. `is` compares, `has` looks for an entry with at least these keys
(or, for a plain value, for that value). 60m is 1h.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bot.domain.units import parse_duration

FOLDER = Path(__file__).parent / "values"


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"is_": "is"}):
    """One number and the rows that ask for it."""

    rows: tuple[str, ...]
    at: str
    is_: Any = msgspec.UNSET
    has: Any = msgspec.UNSET
    plan: str = ""

    @property
    def name(self) -> str:
        return f"{self.rows[0]}-{self.plan}-{self.at}".replace(" ", "")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: str
    values: tuple[Wanted, ...]


def wanted() -> Iterator[Wanted]:
    """All numbers of all plans."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for data in yaml.safe_load_all(path.read_text("utf-8")):
            found = msgspec.convert(data, _File)
            for value in found.values:
                yield msgspec.structs.replace(value, plan=found.plan)


def found_at(document: Any, place: str) -> Any:
    """What stands at a place. Raises KeyError with the part of the path that isn't there."""
    here = document
    for part in place.split("."):
        here = _step(here, part, place)
    return here


def is_met(value: Wanted, document: Mapping[str, Any]) -> bool:
    """Whether the document says what is wanted."""
    here = found_at(document, value.at)
    if value.has is msgspec.UNSET:
        return bool(_plain(here) == _plain(value.is_))
    return any(_within(value.has, entry) for entry in here)


def _step(here: Any, part: str, place: str) -> Any:
    if isinstance(here, Mapping) and part in here:
        return here[part]
    if isinstance(here, Sequence) and not isinstance(here, str):
        if part.isdigit() and int(part) < len(here):
            return here[int(part)]
        for entry in here:
            if isinstance(entry, Mapping) and entry.get("id") == part:
                return entry
    raise KeyError(f"{part} of {place}")


def _within(wanted: Any, entry: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(_plain(wanted) == _plain(entry))
    if not isinstance(entry, Mapping):
        return False
    return all(key in entry and _plain(entry[key]) == _plain(w) for key, w in wanted.items())


def _plain(value: Any) -> Any:
    """A value in one form: durations as such, texts without needless spaces."""
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError:
            return " ".join(value.split())
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    return value
