"""The rows: what is asked for, where it comes from, and whether it is due."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import yaml

FOLDER = Path(__file__).parent / "rows"

DUE = {
    "plan": "waves, their traffic, their soak and their order",
    "gate": "what a wave has to show before the next",
    "trigger": "what takes a release back by itself",
    "alert": "what is told or paged",
    "timer": "clocks, cadences and deadlines",
    "sign-off": "what people confirm after a release",
    "approval": "who signs before one",
    "checklist": "what has to be done before anybody signs",
    "rollback": "what happens when it goes back",
    "calendar": "days, windows and what comes again",
    "version": "forms of versions, tags and branches",
    "measure": "figures over many releases",
    "notice": "what customers and stakeholders are told",
    "record": "change log, version records, decisions",
    "standup": "the daily standup",
    "default": "how conflicts of the documents are read",
    "card": "what the card shows",
    "incident": "incidents, post-mortems, escalation",
}
"""The areas that are held to be complete, and what is in them."""

LATER = {
    "flag": "feature flags",
    "health": "health and readiness of a service",
    "integration": "systems of others",
    "load-test": "load tests before a release",
    "metric": "figures of a service",
    "migration": "changes of a database",
    "synthetic": "checks from outside",
}
"""The areas whose rows are counted and not yet asked for."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is asked for.

    mark: MUST is behaviour, CONFIG is a number or a name that stands in a file of data. says: the
    row in a line of our own words.
    """

    area: str
    mark: str
    says: str

    @property
    def due(self) -> bool:
        return self.area in DUE


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of one document, by id."""

    title: str
    rows: dict[str, Row]


class RowsError(Exception):
    """A file of rows can't be used; the text says where and why."""


class _Strict(yaml.SafeLoader):
    """YAML in which a key that is written twice is a mistake, not the last word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise RowsError(
                    f"{key} is there twice, at line {node.start_mark.line + 1} or after"
                )
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


def read(folder: Path = FOLDER) -> tuple[Source, ...]:
    """Read all files of a folder, in the order of their names. Raises RowsError."""
    sources = tuple(_source(path) for path in sorted(folder.glob("*.yaml")))
    _no_id_twice(sources)
    return sources


def by_id(sources: Iterable[Source]) -> dict[str, Row]:
    """All rows of all documents."""
    return {row_id: row for source in sources for row_id, row in source.rows.items()}


def _source(path: Path) -> Source:
    try:
        found = msgspec.convert(yaml.load(path.read_text("utf-8"), _Strict), Source)
    except (msgspec.ValidationError, RowsError) as error:
        raise RowsError(f"{path.name}: {error}") from error
    for row_id, row in found.rows.items():
        if row.area not in DUE and row.area not in LATER:
            raise RowsError(f"{path.name}: {row_id}: there is no area {row.area!r}")
        if row.mark not in {"MUST", "CONFIG"}:
            raise RowsError(f"{path.name}: {row_id}: {row.mark!r} is neither MUST nor CONFIG")
    return found


def _no_id_twice(sources: Iterable[Source]) -> None:
    seen: dict[str, str] = {}
    for source in sources:
        for row_id in source.rows:
            if row_id in seen:
                raise RowsError(f"{row_id} is in {seen[row_id]} and in {source.title}")
            seen[row_id] = source.title
