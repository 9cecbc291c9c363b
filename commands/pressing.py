"""The buttons and forms of other things than rollouts, and who takes them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bot.engine.intents import Intent
from commands import chores, incident, incident_dialog, notice_forms, responding, standup
from commands.context import Context

_TAKERS: Sequence[tuple[Callable[[str], bool], Callable[[Context, Intent], Awaitable[None]]]] = (
    (responding.BUTTONS.__contains__, responding.pressed),
    (chores.BUTTONS.__contains__, chores.pressed),
    (incident.BUTTONS.__contains__, incident.pressed),
    (incident_dialog.OPENS.__contains__, incident_dialog.pressed),
    (standup.is_button, standup.pressed),
    (notice_forms.BUTTONS.__contains__, notice_forms.pressed),
)


async def elsewhere(context: Context, intent: Intent) -> bool:
    """Whether a button belongs to one of them; then it is done. Raises Refuse."""
    for is_theirs, pressed in _TAKERS:
        if is_theirs(intent.name):
            await pressed(context, intent)
            return True
    return False


def form_behind(context: Context, intent: Intent) -> Awaitable[Mapping[str, Any] | None] | None:
    """The form that a click or a command opens there; None when it is none of theirs."""
    if intent.kind == "action" and standup.is_button(intent.name):
        return standup.form(context, intent)
    if intent.kind == "action" and intent.name in {*incident.DIALOGS, *incident_dialog.OPENS}:
        return incident.form(context, intent)
    return notice_forms.form(context, intent) if notice_forms.opens(context, intent) else None


async def problems(
    context: Context, intent: Intent, fields: Mapping[str, str]
) -> Mapping[str, str]:
    """What is wrong with one of their forms, by field."""
    if intent.name in incident.FORMS:
        return incident.problems(context, intent)
    return await notice_forms.problems(context, intent, fields)
