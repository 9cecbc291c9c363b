"""What `extends` does: a plan that says only what is different.

Maps merge key by key. A list of the child replaces the parent's, with two exceptions:

* `triggers` are a set: an entry with the `id` of one of the parent's changes that one, any other is
  added, and none can be lost by accident.
* `waves` are a sequence: the child's list is the list, but an entry with the `id` of one of the
  parent's waves starts out as that wave and may say only what is different.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from bot.domain.documents import Path

SET = "triggers"
SEQUENCE = "waves"


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a plan that extends another; the result extends nothing any more."""
    merged = _maps(parent, child)
    merged.pop("extends", None)
    return merged


def _maps(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(parent)
    for key, value in child.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _maps(old, value)
        elif key == SET and _is_list(old) and _is_list(value):
            merged[key] = _set(old, value)
        elif key == SEQUENCE and _is_list(old) and _is_list(value):
            merged[key] = _sequence(old, value)
        else:
            merged[key] = value
    return merged


def _set(parent: Sequence[Any], child: Sequence[Any]) -> list[Any]:
    changes = {_id(entry): entry for entry in child if _id(entry)}
    kept = [_entry(old, changes.get(_id(old))) for old in parent]
    known = {_id(old) for old in parent} - {""}
    return [*kept, *(entry for entry in child if _id(entry) not in known)]


def _sequence(parent: Sequence[Any], child: Sequence[Any]) -> list[Any]:
    known = {_id(old): old for old in parent if _id(old)}
    return [_entry(known[_id(e)], e) if _id(e) in known else e for e in child]


def _entry(old: Any, new: Any) -> Any:
    return _maps(old, new) if isinstance(new, Mapping) else old


def _id(entry: Any) -> str:
    found = entry.get("id") if isinstance(entry, Mapping) else None
    return found if isinstance(found, str) else ""


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def path_in(path: Path, merged: Any, source: Any) -> Path:
    """How far a path of a merged document can be followed in a document it was merged from.

    path: has to exist in `merged`, apart from its last part. Entries of lists are found by their
    ids, those without one by being the same. Returns the path in the source, which is shorter when
    the rest comes from elsewhere.
    """
    if not path:
        return ()
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        index = _index(head, merged, source)
        if index is None:
            return ()
        return (index, *path_in(rest, merged[head], source[index]))
    if not isinstance(source, Mapping) or head not in source:
        return ()
    below = merged.get(head) if isinstance(merged, Mapping) else None
    return (head, *path_in(rest, below, source[head]))


def _index(index: int, merged: Any, source: Any) -> int | None:
    if not _is_list(source):
        return None
    entry = merged[index]
    name = _id(entry)
    same = (at for at, e in enumerate(source) if (_id(e) == name if name else e == entry))
    return next(same, None)
