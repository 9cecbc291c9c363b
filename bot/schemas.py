"""JSON Schemas of the two files that people write, so that an editor completes and checks them.

They are made from the very types the files are read into, and say the same except for what only
the whole file can tell (a plan that extends another, conditions, whether a name exists).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bot.domain.plan import PlanDocument
from bot.settings import ConfigDocument
from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"
_OPTIONAL_WHEN_EXTENDING = ("WaveDocument",)


def config_schema() -> dict[str, Any]:
    """The schema of countersign.yml, with every kind of deployer and metric source there is."""
    kinds = [*DEPLOYER_OPTIONS.values(), *METRICS_OPTIONS.values()]
    _, found = msgspec.json.schema_components([ConfigDocument, *kinds], ref_template=_REF)
    parts = _readable(found)
    environment = parts["EnvironmentDocument"]["properties"]
    environment["deployer"] = _one_of(DEPLOYER_OPTIONS.values())
    environment["metrics"] = _one_of(METRICS_OPTIONS.values())
    probe = dict(parts[METRICS_OPTIONS["probe"].__name__])
    probe["required"] = [name for name in probe["required"] if name != "kind"]
    parts["Probe"] = probe
    environment["probe"] = {"$ref": _REF.format(name="Probe")}
    return _schema("countersign.yml", "ConfigDocument", parts)


def plan_schema() -> dict[str, Any]:
    """The schema of a plan file."""
    _, found = msgspec.json.schema_components([PlanDocument], ref_template=_REF)
    parts = _readable(found)
    # `name` is the key under which a metric stands; a file may not give another one.
    del parts["Metric"]["properties"]["name"]
    for name in _OPTIONAL_WHEN_EXTENDING:
        # What is not said comes from the plan that is extended.
        parts[name]["required"] = ["id"]
    return _schema("A release plan", "PlanDocument", parts)


def _schema(title: str, root: str, parts: dict[str, Any]) -> dict[str, Any]:
    top = parts.pop(root)
    return {"$schema": DIALECT, **top, "title": title, "$defs": dict(sorted(parts.items()))}


def _readable(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _described(_cleaned(part)) for name, part in parts.items()}


def _cleaned(part: Any) -> Any:
    """Without the defaults that stand for "nothing", which tell nobody anything."""
    if isinstance(part, list):
        return [_cleaned(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value
        if key in ("default", "enum") and not isinstance(value, dict)
        else _cleaned(value)
        for key, value in part.items()
        if key != "default" or _tells(value, part)
    }


def _tells(value: Any, part: Mapping[str, Any]) -> bool:
    """Whether a default is worth showing; a property may itself be called `default`."""
    if "$ref" in part:
        return False
    return value not in ("", None, [], {})


def _described(part: dict[str, Any]) -> dict[str, Any]:
    """What the type's description says of its keys ("url: what comes before /v1.") goes to them."""
    text = " ".join(str(part.get("description", "")).split())
    properties: dict[str, Any] = part.get("properties", {})
    if not text or not properties:
        return part
    names = "|".join(map(re.escape, properties))
    said = re.split(rf"(?:^|(?<=[.;:] ))((?:{names})(?:, (?:{names}))*): ", text)
    described = {
        name: {**properties[name], "description": words.strip(" ;")}
        for keys, words in zip(said[1::2], said[2::2], strict=True)
        for name in keys.split(", ")
    }
    return {**part, "description": said[0].strip() or text, "properties": properties | described}


def _one_of(kinds: Iterable[type]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(name=kind.__name__)} for kind in kinds]
    return {"anyOf": refs}
