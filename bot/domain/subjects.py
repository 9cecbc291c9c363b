"""What can stand on the left of a condition besides the plan's metrics: what the bot itself knows.

    alerts(critical) == 0       alerts of that level that are active, by `alerts:` and `levels:`
    alarms == 0                 alerts from outside that are firing
    reports(escalation) > 5     what people and programs reported of that kind during the release
    open_incidents(new) == 0    reports of that kind that are not closed
    levels(target) == missed    whether a metric of `levels:` misses its target
    trend(error_rate) < 0       whether a metric falls from minute to minute during the wave
    traffic == 100%             the share that the new version has, as last read back

They are known at every look, so they take no window.
"""

from collections.abc import Collection, Mapping

from bot.domain.conditions import STATES, Comparison, LimitKind, Operator
from bot.domain.documents import DocumentError, Path, nearest

SUBJECTS: Mapping[str, str] = {
    "alerts": "alerts(critical) == 0",
    "alarms": "alarms == 0",
    "reports": "reports(escalation) > 5",
    "open_incidents": "open_incidents(critical) == 0",
    "levels": "levels(target) == missed",
    "trend": "trend(error_rate) < 0",
    "traffic": "traffic == 100%",
}
"""The subjects, each with an example."""

ALERT_LEVELS = ("critical", "warning")
LEVELS = ("target", "warning", "critical")

COUNTED = frozenset({"alerts", "alarms", "reports", "open_incidents"})
"""Subjects that are a number of things."""

FROM_OUTSIDE = ("alarms", "reports", "open_incidents", "traffic")
"""Subjects that don't rest on alerts, and so can raise one."""

_BARE = frozenset({"alarms", "traffic"})
_TRENDS = frozenset({Operator.LESS, Operator.GREATER})
_EQUALITY = frozenset({Operator.EQUAL, Operator.NOT_EQUAL})


def is_subject(comparison: Comparison | None, metrics: Collection[str]) -> bool:
    """Whether a comparison is about something that the bot knows itself.

    metrics: of the plan; a metric of the same name comes first.
    """
    if comparison is None or comparison.subject in metrics:
        return False
    return comparison.subject in SUBJECTS


def check(
    comparison: Comparison, metrics: Collection[str], levels: Collection[str], path: Path
) -> None:
    """Refuse what can't be said of a subject.

    metrics: of the plan. levels: the metrics that have levels. Raises DocumentError.
    """
    subject, argument = comparison.subject, comparison.argument
    example = f"write it like {SUBJECTS[subject]}"
    if subject in _BARE and argument:
        raise DocumentError(path, f"{subject} takes nothing in brackets", example)
    if subject not in _BARE and not argument:
        raise DocumentError(path, f"{subject} needs something in brackets", example)
    match subject:
        case "alerts":
            _known(argument, ALERT_LEVELS, "level", path)
        case "levels":
            _levels(comparison, levels, path)
        case "trend":
            _trend(comparison, metrics, path)
        case _:
            pass
    _limit(comparison, path)


def _known(argument: str, known: Collection[str], what: str, path: Path) -> None:
    if argument not in known:
        raise DocumentError(path, f"there is no {what} {argument!r}", nearest(argument, known))


def _levels(comparison: Comparison, levels: Collection[str], path: Path) -> None:
    _known(comparison.argument, LEVELS, "level", path)
    if not levels:
        raise DocumentError(path, "the plan has no `levels`", "say there what is aimed at")
    word = "missed" if comparison.argument == "target" else "reached"
    if comparison.limit.text != word or comparison.operator not in _EQUALITY:
        hint = f"write levels({comparison.argument}) == {word}"
        raise DocumentError(path, "a target is missed, another level is reached", hint)


def _trend(comparison: Comparison, metrics: Collection[str], path: Path) -> None:
    _known(comparison.argument, metrics, "metric", path)
    if comparison.operator not in _TRENDS or comparison.limit.text != "0":
        hint = f"write trend({comparison.argument}) < 0"
        raise DocumentError(path, "a trend goes up or down, and is compared with 0", hint)


def _limit(comparison: Comparison, path: Path) -> None:
    subject, limit = comparison.subject, comparison.limit
    if limit.kind is LimitKind.STATE:
        if subject != "levels":
            hint = f"write it like {SUBJECTS[subject]}"
            raise DocumentError(path, f"{' and '.join(STATES)} go with levels", hint)
        return
    if limit.kind is not LimitKind.ABSOLUTE:
        raise DocumentError(path, f"{subject} has no baseline to compare with")
    if subject in COUNTED and not limit.text[-1].isdigit():
        raise DocumentError(path, f"{limit.text} is not a number of {subject}", "write it like 0")
    if subject == "traffic" and not limit.text.endswith("%"):
        raise DocumentError(path, f"{limit.text} is not a share", "write it like 100%")
