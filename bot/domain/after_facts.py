"""What the bot knows itself about a release: its traffic, its rollbacks, what was reported."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bot.domain.after_state import Aftercare
from bot.domain.conditions import Comparison
from bot.domain.reports import Report, alarms, open_of, reports_of


class Known(msgspec.Struct, frozen=True):
    """share: of the traffic that the version has, 0..1. rollbacks: how often it was taken back.

    reports: what holds on the service now. happened: what was reported since the release, over or
    not. recoveries: how long each incident since then took that is over, in seconds. late: how many
    duties of the release nobody did in time, by what was due.
    """

    share: float
    rollbacks: int
    reports: tuple[Report, ...] = ()
    happened: tuple[Report, ...] = ()
    recoveries: tuple[float, ...] = ()
    late: Mapping[str, int] = {}


def facts(care: Aftercare, known: Known) -> Mapping[str, float]:
    """The value of each subject that the plan asks for and the bot can tell, by its text."""
    found: dict[str, float] = {}
    for comparison in _asked(care):
        value = _value(comparison, known)
        if value is not None:
            found[subject_of(comparison)] = value
    return found


def subject_of(comparison: Comparison) -> str:
    """The left side as the plan writes it: alerts(critical)."""
    argument = f"({comparison.argument})" if comparison.argument else ""
    return f"{comparison.subject}{argument}"


def _asked(care: Aftercare) -> Iterator[Comparison]:
    written = [item.comparison for _, item in care.after.items()]
    written += [criterion.comparison for criterion in care.after.success]
    for comparison in written:
        if comparison is not None and comparison.subject not in care.the_plan.metrics:
            yield comparison


def _value(comparison: Comparison, known: Known) -> float | None:
    kind = comparison.argument
    match comparison.subject:
        case "traffic":
            return known.share
        case "unplanned_rollbacks":
            return float(known.rollbacks)
        case "alarms":
            return float(alarms(known))
        case "alerts":
            return float(alarms(known, kind))
        case "open_incidents":
            return float(open_of(known, kind))
        case "reports":
            return float(reports_of(known, kind))
        case "incidents":
            return float(_incidents(known.happened, kind))
        case "mttr":
            return sum(known.recoveries) / max(1, len(known.recoveries))
        case "late":
            return float(known.late.get(kind, 0) if kind else sum(known.late.values()))
        case _:
            return None


def _incidents(happened: Sequence[Report], kind: str) -> int:
    """Everything of a kind that was reported since, whether or not it is over."""
    return sum(report.source != "alarm" and kind in ("", report.kind) for report in happened)
