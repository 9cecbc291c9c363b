"""How the legal acts look: what a button says, which one stands out, and what is asked twice."""

from collections.abc import Iterable

from bot.domain.policy import ActionButton, ButtonValue, Press
from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_weight
from bot.slack.blocks import Block, Style, actions, button, confirm, section
from bot.slack.text import bold, clean, escape

OPEN_CARD = "open_card"
"""A link to the card. Slack reports it like any button; there is nothing to do about it."""

DECLARE_FROM_CARD = "incident_from_card"
"""Opens the form of an incident, filled in with the release of the card."""

_LABELS: dict[Press, str] = {
    Press.APPROVE: "Approve",
    Press.REJECT: "Reject",
    Press.WITHDRAW: "Withdraw my signature",
    Press.PAUSE: "Pause",
    Press.RESUME: "Resume",
    Press.ADVANCE: "Advance",
    Press.STEP_BACK: "Step back",
    Press.EXTEND: "Extend the soak",
    Press.ROLLBACK: "Roll back",
    Press.BREAK_GLASS: "Break glass: roll back now",
    Press.CHOOSE: "Choose",
    Press.CANCEL: "Cancel the release",
    Press.TICK_ITEM: "Yes",
    Press.RELEASE_QUARANTINE: "Release from quarantine",
}
_STANDING_OUT = frozenset({Press.APPROVE, Press.RESUME, Press.ADVANCE})


def action_rows(rollout: Rollout, legal: Iterable[ActionButton]) -> list[Block]:
    """The row of buttons, or nothing."""
    elements = [_element(rollout, each) for each in legal]
    if rollout.live and rollout.touched and rollout.phase is not Phase.ROLLING_BACK:
        elements.append(_declare(rollout))
    return [actions(elements)] if elements else []


def _declare(rollout: Rollout) -> Block:
    """Everybody may press it, and nothing happens to the release before its form is sent."""
    text = "Declare an incident…"
    value = ButtonValue(rollout.id).encode()
    return button(text, DECLARE_FROM_CARD, value, label=f"{text} {named(rollout)}")


def question_rows(
    question: str, by: tuple[str, ...], yes: ActionButton, no: ActionButton
) -> list[Block]:
    """A question to a person: yes beside it, no below it (one block takes an action only once)."""
    whom = f" For {escape(' or '.join(by))}." if by else ""
    value = yes.value.encode(), no.value.encode()
    return [
        section(
            f"{bold(question)}{whom}",
            accessory=button("Yes", yes.press, value[0], label=f"Yes: {clean(question)}"),
        ),
        actions([button("No", no.press, value[1], label=f"No: {clean(question)}")]),
    ]


def link_row(url: str, text: str = "Open the card") -> list[Block]:
    """A link as a button, or nothing when there is no address."""
    return [actions([button(text, OPEN_CARD, url=url)])] if url else []


def _element(rollout: Rollout, act: ActionButton) -> Block:
    text = _label(rollout, act)
    return button(
        text,
        act.press,
        act.value.encode(),
        style=_style(act),
        confirm=_confirm(rollout, act),
        label=f"{text}: {named(rollout)}",
    )


def named(rollout: Rollout) -> str:
    """A rollout in plain text: service, version, environment."""
    return clean(f"{rollout.service} {rollout.version} in {rollout.environment}")


def _label(rollout: Rollout, act: ActionButton) -> str:
    match act.press:
        case Press.APPROVE | Press.REJECT if act.purpose == "rollback":
            return f"{_LABELS[act.press]} the rollback"
        case Press.RESUME if rollout.rollback_by and rollout.paused_from == "rolling_back":
            return "Retry the rollback"
        case Press.ADVANCE:
            return _advance_label(rollout)
        case Press.STEP_BACK:
            return f"Step back to {format_weight(rollout.the_plan.waves[rollout.wave - 1].traffic)}"
        case _:
            return _LABELS[act.press]


def _advance_label(rollout: Rollout) -> str:
    following = rollout.the_plan.waves[rollout.wave + 1 : rollout.wave + 2]
    return f"Advance to {format_weight(following[0].traffic)}" if following else "Make it current"


def _style(act: ActionButton) -> Style:
    if act.dangerous:
        return "danger"
    return "primary" if act.press in _STANDING_OUT else ""


def _confirm(rollout: Rollout, act: ActionButton) -> Block | None:
    if not act.dangerous:
        return None
    broken = act.press is Press.BREAK_GLASS
    return confirm(
        clean(f"Roll back {rollout.service} in {rollout.environment}?"),
        rollback_words(rollout, at_once=broken),
        "Break glass" if broken else "Roll back",
        "Don't",
        danger=True,
    )


def rollback_words(rollout: Rollout, *, at_once: bool = False) -> str:
    """What a rollback of this rollout will do, in plain text.

    at_once: by one person, without further signatures.
    """
    previous = rollout.previous or "the version before"
    head = f"{rollout.service} in {rollout.environment}: all traffic goes from {rollout.version}"
    rule = rollout.rollback_rule
    if at_once:
        how = "Nobody else has to sign. It is announced; review it within 24 h."
    elif rule is not None:
        how = f"The rise stops now; the switch waits for {rule.seats} signatures."
    else:
        how = "It happens now, without further signatures."
    return clean(f"{head} back to {previous}. {how}")
