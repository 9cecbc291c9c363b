"""From the conditions of a plan's file to conditions that can be judged.

What the file says is held against the plan's metrics here, so that a gate which could never pass
and a trigger which could never fire are refused before they are needed.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, NamedTuple

import msgspec

from bot.domain.conditions import Action, Comparison, Condition, LimitKind, Operator
from bot.domain.conditions import parse_comparison as parse
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan import Metric
from bot.domain.plan_terms import ConditionDocument
from bot.domain.subjects import SUBJECTS, check, is_subject
from bot.domain.units import parse_duration, parse_percent

Word = Literal["if", "event", "attest", "check", "include", "targets", "stable"]

_WORDS: Sequence[Word] = ("if", "event", "attest", "check", "include", "targets", "stable")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_SPELT = {"<=": " le ", ">=": " ge ", "==": " eq ", "!=": " ne ", "<": " lt ", ">": " gt "}
_SPELT |= {"%": " pct", "+": " plus ", " - ": " minus "}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "ratio": ("bad", "good", "total"),
    "quantile": ("q", "histogram"),
    "gauge": ("query",),
    "count": ("query",),
    "probe": ("url",),
}
_POINTS = frozenset({LimitKind.ABOVE_BASELINE, LimitKind.ABOVE_WAVE})


class Place(NamedTuple):
    """Where conditions stand.

    words: what may be asked there. do: what happens when nothing is said, None where a condition
    has no say in it (gates: the wave's on_breach decides). prefix: of the ids made from the text.
    traffic: percent of the wave, None outside of waves. waves: the ids of the earlier ones, None
    where none is earlier. levels: the metrics that the plan has levels for. subjects: what may be
    asked there besides metrics. proof: the condition at hand wants evidence. caused: it acts only
    on what the release has caused.
    """

    words: tuple[Word, ...]
    do: Action | None
    prefix: str
    traffic: float | None = None
    waves: tuple[str, ...] | None = None
    levels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = tuple(SUBJECTS)
    proof: bool = False
    caused: bool = False


def duration(text: str, path: Path, *, zero: bool = False) -> timedelta:
    """A duration. zero: none at all is allowed. Raises DocumentError."""
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise DocumentError(path, str(error)) from error
    if not span and not zero:
        raise DocumentError(path, "has to be longer than nothing")
    return span


def percent(text: str, path: Path) -> float:
    """A percentage, as percent. Raises DocumentError."""
    try:
        return parse_percent(text)
    except ValueError as error:
        raise DocumentError(path, str(error)) from error


def checked_metric(name: str, metric: Metric) -> Metric:
    """A metric with its name in it. Raises DocumentError."""
    path: Path = ("metrics", name)
    if metric.name not in {"", name}:
        raise DocumentError((*path, "name"), "is the key in front of it", "leave it out")
    allowed = _KEYS[metric.kind]
    for key in ("bad", "good", "total", "q", "histogram", "query", "url"):
        if getattr(metric, key) and key not in allowed:
            hint = f"it takes {' and '.join(allowed)}"
            raise DocumentError((*path, key), f"does not belong to a {metric.kind}", hint)
    if metric.per_weight and metric.kind != "gauge":
        hint = "ratios and quantiles don't grow with the traffic"
        raise DocumentError((*path, "per_weight"), f"does not belong to a {metric.kind}", hint)
    if metric.full and metric.kind != "gauge":
        hint = "it says what 100 % of a gauge is"
        raise DocumentError((*path, "full"), f"does not belong to a {metric.kind}", hint)
    if metric.outside and (metric.kind != "gauge" or metric.query or metric.per_weight):
        hint = "write kind: gauge, outside: failures"
        raise DocumentError((*path, "outside"), "takes the place of a gauge's query", hint)
    if metric.every:
        duration(metric.every, (*path, "every"))
    _complete(metric, path)
    return msgspec.structs.replace(metric, name=name)


def _complete(metric: Metric, path: Path) -> None:
    match metric.kind:
        case "ratio":
            if bool(metric.bad) == bool(metric.good):
                problem = "a ratio has either `bad` or `good`"
                raise DocumentError(path, problem, "the counter of failed, or of good requests")
            _need(path, metric.total, "total", "the counter of all requests")
        case "quantile":
            _need(path, metric.q, "q", "0.99 for the 99th percentile")
            _need(path, metric.histogram, "histogram", "its counter of buckets, in seconds")
        case "gauge" | "count":
            said = metric.query or metric.outside
            _need(path, said, "query", "an expression with one value")
        case "probe":
            pass


def _need(path: Path, value: object, key: str, hint: str) -> None:
    if not value:
        raise DocumentError(path, f"`{key}` is missing", hint)


def conditions(
    documents: Sequence[ConditionDocument], metrics: Mapping[str, Metric], path: Path, place: Place
) -> tuple[Condition, ...]:
    """The conditions of one list. Raises DocumentError."""
    return tuple(
        condition(document, metrics, (*path, index), place)
        for index, document in enumerate(documents)
    )


def condition(
    document: ConditionDocument, metrics: Mapping[str, Metric], path: Path, place: Place
) -> Condition:
    """One condition. Raises DocumentError."""
    word, text = _said(document, path, place)
    _fitting(document, word, path, place)
    comparison = None
    if word == "if":
        here = place._replace(proof=bool(document.evidence), caused=bool(document.cause))
        comparison = compared(text, metrics, (*path, "if"), here)
        if is_subject(comparison, metrics):
            _at_once(document, path)
    window = duration(document.window, (*path, "window")) if document.window else None
    hold = duration(document.for_, (*path, "for")) if document.for_ else None
    if window is not None and hold is not None and hold < window:
        raise DocumentError((*path, "for"), "is shorter than `window`")
    return Condition(
        id=_id(document, text, path, place),
        kind=word,
        text=text,
        comparison=comparison,
        window=window,
        hold=hold,
        consecutive=document.consecutive or 1,
        do=document.do or place.do or Action.PAUSE,
        say=document.say,
        act=document.act,
        by=document.by,
        optional=document.optional,
        proof=document.evidence == "require",
        caused=document.cause == "release",
    )


def _said(document: ConditionDocument, path: Path, place: Place) -> tuple[Word, str]:
    texts = (
        document.if_,
        document.event,
        document.attest,
        document.check,
        document.include,
        document.targets,
        document.stable,
    )
    given = [(word, text) for word, text in zip(_WORDS, texts, strict=True) if text]
    wanted = " or ".join(f"`{word}`" for word in place.words)
    if len(given) != 1:
        many = "several of" if given else "none of"
        raise DocumentError(path, f"has {many} {wanted}", "write exactly one")
    word, text = given[0]
    if word not in place.words:
        raise DocumentError((*path, word), "can't stand here", f"write {wanted}")
    return word, text


def _fitting(document: ConditionDocument, word: Word, path: Path, place: Place) -> None:
    """Refuse keys that would be read by nobody."""
    if document.for_ and document.consecutive is not None:
        raise DocumentError(path, "has both `for` and `consecutive`", "keep one of them")
    timed = {
        "window": document.window,
        "for": document.for_,
        "consecutive": document.consecutive,
    }
    for key, value in timed.items():
        if value and place.do is None:
            hint = "a gate is judged over the wave's whole soak"
            raise DocumentError((*path, key), "does not belong to a gate", hint)
        if value and word != "if":
            raise DocumentError((*path, key), f"goes with `if`, not with `{word}`")
    if document.evidence and (word != "if" or place.do in {None, Action.NOTIFY}):
        hint = "gates rest on evidence anyway, and alerts do nothing"
        raise DocumentError((*path, "evidence"), "belongs to a trigger on a metric", hint)
    taking = document.do or place.do
    if document.cause and (word != "if" or taking not in {Action.ROLLBACK, Action.STEP_BACK}):
        hint = "it says when traffic is taken away, and when that would not help"
        raise DocumentError((*path, "cause"), "belongs to a trigger that takes traffic away", hint)
    if document.do is not None and place.do is None:
        hint = "what a failed gate does is the wave's `on_breach`"
        raise DocumentError((*path, "do"), "does not belong to a gate", hint)
    if place.do is Action.NOTIFY and document.do not in {None, Action.NOTIFY}:
        raise DocumentError((*path, "do"), "an alert only tells people", "write a trigger instead")
    if document.by and word != "attest":
        raise DocumentError((*path, "by"), "names who attests, and goes with `attest`")
    if document.value or document.tells:
        key = "value" if document.value else "tells"
        hint = "it goes with `attest`, in `verify` and `signoffs`"
        raise DocumentError((*path, key), "does not belong here", hint)
    if document.optional and word not in {"attest", "check"}:
        raise DocumentError((*path, "optional"), "goes with `attest` or `check`")


def _id(document: ConditionDocument, text: str, path: Path, place: Place) -> str:
    if document.id:
        if not _ID.fullmatch(document.id):
            hint = "write small letters, digits, - and _, at most 80"
            raise DocumentError((*path, "id"), f"{document.id[:40]!r} is not an id", hint)
        return document.id
    words = text.lower()
    for sign, spelt in _SPELT.items():
        words = words.replace(sign, spelt)
    return f"{place.prefix}-{re.sub(r'[^a-z0-9]+', '-', words).strip('-')}"[:80].strip("-")


def compared(text: str, metrics: Mapping[str, Metric], path: Path, place: Place) -> Comparison:
    """What `METRIC OP LIMIT` says, if it can be said there. Raises DocumentError."""
    try:
        comparison = parse(text)
    except ValueError as error:
        raise DocumentError(path, str(error)) from error
    subject = comparison.subject
    if subject in place.subjects and subject not in metrics:
        check(comparison, metrics, place.levels, path)
        return comparison
    if subject not in metrics:
        known = nearest(subject, [*metrics, *place.subjects])
        raise DocumentError(path, f"the plan has no metric {subject!r}", known)
    if comparison.argument:
        raise DocumentError(path, f"{subject} is a metric and takes nothing in brackets")
    _possible(comparison, metrics[subject], path, place)
    return comparison


def _at_once(document: ConditionDocument, path: Path) -> None:
    """What the bot knows itself is known at every look."""
    timed = (("window", document.window), ("for", document.for_))
    for key, value in (*timed, ("consecutive", document.consecutive)):
        if value:
            hint = "leave it out: this is known at once"
            raise DocumentError((*path, key), "goes with a metric", hint)


def _possible(comparison: Comparison, metric: Metric, path: Path, place: Place) -> None:
    """Refuse a comparison that means nothing for this kind of metric or at this place."""
    limit, subject = comparison.limit, comparison.subject
    if limit.kind is LimitKind.STATE:
        raise DocumentError(path, f"{limit.text} goes with levels", "levels(target) == missed")
    if (limit.kind is LimitKind.OK) != (metric.kind == "probe"):
        problem = "`ok` goes with probes, and probes only with `ok`"
        raise DocumentError(path, problem, f"{subject} is a {metric.kind}")
    if metric.kind == "probe" and comparison.operator not in {Operator.EQUAL, Operator.NOT_EQUAL}:
        raise DocumentError(path, "a probe is ok or not", f"write {subject} != ok")
    if limit.relative and metric.outside:
        raise DocumentError(path, "a check from outside has no side", "compare with a number")
    if limit.relative and metric.kind not in {"ratio", "quantile", "gauge"}:
        raise DocumentError(path, f"a {metric.kind} has no baseline to compare with")
    if limit.kind in _POINTS and metric.kind == "quantile":
        hint = "write 2x baseline or baseline + 50%"
        raise DocumentError(path, "percentage points say nothing about a latency", hint)
    if limit.kind is LimitKind.ABOVE_WAVE and limit.wave not in (place.waves or ()):
        known = nearest(limit.wave, place.waves or ())
        raise DocumentError(path, f"there is no earlier wave {limit.wave!r}", known)
    if limit.kind is LimitKind.ABSOLUTE:
        _unit(comparison, metric, path)
    if place.caused and (metric.kind in {"probe", "count"} or limit.kind is not LimitKind.ABSOLUTE):
        hint = "the other side has to be able to break the same limit"
        raise DocumentError(path, "`cause` goes with a number, and with a fixed limit", hint)
    if place.proof and metric.kind not in {"ratio", "quantile"}:
        problem = f"a {metric.kind} counts no requests that could be evidence"
        raise DocumentError(path, problem, "leave `evidence: require` out")
    if place.traffic == 0 and metric.kind in {"ratio", "quantile"}:
        problem = f"at 0% there are no requests, and {subject} can't be measured"
        raise DocumentError(path, problem, "use a check or a probe here")


def _unit(comparison: Comparison, metric: Metric, path: Path) -> None:
    text, value = comparison.limit.text, comparison.limit.value
    if metric.kind == "quantile" and not text[-1].isalpha():
        raise DocumentError(path, f"{text} is not a time", "write it like 500ms or 2s")
    if metric.kind == "ratio" and (text[-1].isalpha() or value > 1):
        raise DocumentError(path, f"{text} is not a share", "write it like 0.1%")
    if metric.kind == "count" and not text[-1].isdigit():
        raise DocumentError(path, f"{text} is not a number of events", "write it like 10")
