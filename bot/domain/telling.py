"""Alerts: what is said, and to whom, when a condition that only tells people begins to hold."""

import re

from bot.domain.conditions import Action, Condition
from bot.domain.plan import Plan, Wave
from bot.domain.watching import Watcher

SLACK_CHANNELS = ("critical", "warning")
"""What a plan's `channels` can say of Slack; its other words are for people."""

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,30}")

Leveled = tuple[str, Condition]
"""An alert's level (critical, warning) and its condition."""


def levels_of(plan: Plan, wave: Wave) -> list[Leveled]:
    """Everything that is told during a wave: the plan's alerts, and triggers that only notify."""
    notify = [("warning", t) for t in plan.triggers_of(wave) if t.do is Action.NOTIFY]
    return [*((level, each) for level, all_ in plan.alerts.items() for each in all_), *notify]


def alert_text(level: str, condition: Condition, watcher: Watcher | None) -> str:
    """What is said when an alert begins: level, what, the number, and what to do about it."""
    shown = f" ({watcher.shown})" if watcher is not None and watcher.shown else ""
    advice = f" {condition.act}" if condition.act else ""
    return f"{level.capitalize()}: {condition.say or condition.text}{shown}.{advice}"


def channel_id(text: str) -> str:
    """The id of a Slack channel, "" for a name, which does not say which channel is meant."""
    return text if _CHANNEL.fullmatch(text) else ""


def channel_of(plan: Plan | None, level: str) -> str:
    """Where a plan wants a level of alerts said, "" where the installation says it."""
    return channel_id(plan.sections.channels.get(level, "")) if plan is not None else ""
