"""As much of PromQL as is needed to read counters exactly and to know how old a gauge is."""

import re
from collections.abc import Mapping

TRACK = "$track"

_STRING = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`'
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_MATCHERS = r"\{(?:" + _STRING + r"|[^{}\"'`])*\}"
_SELECTOR = re.compile(rf"({_NAME})?\s*({_MATCHERS})?")
_LABEL = re.compile(rf"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*(?:{_STRING})")
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})"
    r"|(?P<grouping>\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\))"
    r"|(?P<range>\[[^\]]*\])"
    rf"|(?P<selector>{_NAME}(?:\s*{_MATCHERS})?|{_MATCHERS})"
    r"|(?P<number>[0-9][0-9a-zA-Z_.]*)"
)
_OPERATORS = {"and", "or", "unless", "bool", "offset", "start", "end", "inf", "nan"}
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_AGGREGATIONS = {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "quantile"}
_AGGREGATIONS |= {"count_values", "bottomk", "topk"}
_WORDS = frozenset(_OPERATORS | _GROUPING | _AGGREGATIONS)

PLACEHOLDERS = frozenset({"candidate", "current", "version", "service", "environment"})


def unknown_placeholders(text: str) -> frozenset[str]:
    """Names in braces that nobody fills."""
    return frozenset(_PLACEHOLDER.findall(text)) - PLACEHOLDERS


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace {candidate} and the like, escaped for the inside of a quoted PromQL string."""

    def value(match: re.Match[str]) -> str:
        known = values.get(match[1])
        if known is None:
            return match[0]
        return known.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return _PLACEHOLDER.sub(value, text)


def without_track(query: str) -> str:
    """The query over both tracks: `$track` and the comma beside it are left out."""
    return re.sub(r"\$track\s*,?", "", query)


def is_selector(query: str) -> bool:
    """Whether a query is nothing but a metric name and matchers."""
    match = _SELECTOR.fullmatch(query.strip())
    return match is not None and bool(match[1] or match[2])


def metric_name(selector: str) -> str:
    """The name of the metric in a selector, "" when it has none."""
    match = _SELECTOR.fullmatch(selector.strip())
    return (match[1] or "") if match else ""


def label_names(selector: str) -> frozenset[str]:
    """The labels that a selector's matchers look at."""
    match = _SELECTOR.fullmatch(selector.strip())
    return frozenset(_LABEL.findall(match[2] or "")) if match else frozenset()


def selectors_in(expression: str) -> tuple[str, ...]:
    """The series that an expression reads, each once, without ranges and offsets."""
    found: dict[str, None] = {}
    for match in _TOKEN.finditer(expression):
        text = match["selector"]
        if text is None:
            continue
        called = expression[match.end() :].lstrip().startswith("(")
        if not called and text.lower() not in _WORDS:
            found[text] = None
    return tuple(found)
