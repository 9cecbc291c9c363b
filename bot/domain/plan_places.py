"""Where an environment differs from the rest of a plan: other limits, and other sizes.

    environments:
      staging:
        limits: {critical-errors: error_rate > 5%}
        full: {db_pool: 20}

What is released into `staging` is judged by a document in which that has been put in its place, and
that is what is pinned and signed.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from bot.domain.documents import DocumentError, Path, nearest

KEY = "environments"


def for_environment(document: Mapping[str, Any], environment: str) -> Mapping[str, Any]:
    """The document as it is meant in one environment.

    Raises DocumentError for a limit of a condition, or a size of a metric, that is not there.
    """
    differs = document.get(KEY, {}).get(environment)
    if differs is None:
        return document
    ours = deepcopy({key: value for key, value in document.items() if key != KEY})
    here: Path = (KEY, environment)
    for name, text in differs.get("limits", {}).items():
        _limited(ours, name, text, (*here, "limits", name))
    for name, full in differs.get("full", {}).items():
        metric = ours.get("metrics", {}).get(name)
        if metric is None:
            hint = nearest(name, ours.get("metrics", {}))
            raise DocumentError((*here, "full", name), f"there is no metric {name!r}", hint)
        if "full" in metric:  # not where an installation measures it in its own way
            metric["full"] = full
    return ours


def without_outside(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document without what rests on checks from outside, where there are none."""
    gone = {name for name, m in document.get("metrics", {}).items() if m.get("outside")}
    if not gone:
        return document
    ours = deepcopy(dict(document))
    ours["metrics"] = {name: m for name, m in ours["metrics"].items() if name not in gone}

    def kept(rules: Iterable[Any]) -> list[Any]:
        return [rule for rule in rules if _subject(str(rule.get("if", ""))) not in gone]

    ours["triggers"] = kept(ours.get("triggers", ()))
    ours["alerts"] = {level: kept(rules) for level, rules in ours.get("alerts", {}).items()}
    for wave in ours.get("waves", ()):
        for key in ("go_if", "triggers"):
            wave[key] = kept(wave.get(key, ()))
    return ours


def _limited(document: dict[str, Any], name: str, text: str, path: Path) -> None:
    """Put another limit on every condition of that id."""
    found = [each for each in _conditions(document) if each.get("id") == name]
    if not found:
        known = [str(each["id"]) for each in _conditions(document) if each.get("id")]
        hint = nearest(name, known) or "give the condition an `id`"
        raise DocumentError(path, f"no condition is called {name!r}", hint)
    for each in found:
        if _subject(text) != _subject(str(each.get("if", ""))):
            problem = f"is about another metric than {each.get('if')!r}"
            raise DocumentError(path, problem, "only the limit can differ")
        each["if"] = text


def _subject(text: str) -> str:
    return text.split(maxsplit=1)[0] if text.split() else ""


def _conditions(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document.get("triggers", ())
    for level in document.get("alerts", {}).values():
        yield from level
    for wave in document.get("waves", ()):
        yield from wave.get("go_if", ())
        yield from wave.get("triggers", ())
