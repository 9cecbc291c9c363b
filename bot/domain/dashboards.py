"""Where people look: the plan's own dashboard, and how fresh the card has to be."""

from datetime import timedelta
from urllib.parse import quote

from bot.domain.plan import Plan
from bot.domain.units import parse_duration

BUTTONS = frozenset(
    {
        "approve",
        "reject",
        "continue",
        "resume",
        "advance",
        "extend",
        "pause",
        "step_back",
        "rollback",
        "cancel",
    }
)
"""What the card has a button for; `continue` is Resume or Advance, whichever is legal."""


def link(plan: Plan, service: str, environment: str, version: str) -> str:
    """The address of the plan's dashboard for a release, "" when it names none."""
    dashboard = plan.sections.dashboard
    if dashboard is None:
        return ""
    found = dashboard.url
    names = {"service": service, "environment": environment, "version": version}
    for name, value in names.items():
        found = found.replace("{" + name + "}", quote(value, safe=""))
    return found


def pace(plan: Plan, usual: timedelta) -> timedelta:
    """How old the numbers of a card may get. usual: where the plan does not say."""
    dashboard = plan.sections.dashboard
    if dashboard is None or not dashboard.every:
        return usual
    return max(usual, parse_duration(dashboard.every))
