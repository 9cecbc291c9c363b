"""What other systems and people report, on the card of a rollout."""

from collections import Counter

from bot.domain.reports import STANDING, Report, words
from bot.domain.rollout import Rollout
from bot.slack.blocks import Block, section
from bot.slack.text import bold, cut, escape

LINES = 5
"""How many alarms and incidents are named; the rest is counted."""

_LINE = 280


def reported(rollout: Rollout) -> list[Block]:
    """Alerts that fire, open incidents, and how often something else was reported."""
    if rollout.ended:
        return []
    holding = [report for report in rollout.reports if report.open]
    named = [report for report in holding if report.source in STANDING]
    lines = [_line(report) for report in named[-LINES:]]
    if len(named) > LINES:
        lines.append(f"… and {len(named) - LINES} more")
    counts = Counter(words(r.kind) for r in holding if r.source not in STANDING)
    if counts:
        shown = ", ".join(f"{n} {escape(kind)}" for kind, n in counts.most_common(LINES))
        lines.append(f"• {shown}")
    return [section("\n".join(["*Reported*", *lines]))] if lines else []


def _line(report: Report) -> str:
    level = f" ({escape(report.level)})" if report.level else ""
    what = "Incident" if report.source == "incident" else "Alert"
    detail = f": {escape(report.detail)}" if report.detail else ""
    return cut(f"! {what} {bold(words(report.kind))}{level}{detail}", _LINE)
