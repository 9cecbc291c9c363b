"""Who may do what: the one policy for button, slash command, command line and HTTP alike.

Falling traffic asks for little, rising traffic for a role that is known for certain now.
Whether somebody is a full member of the home workspace is established before an actor exists;
guests and outsiders never get this far.
"""

from enum import StrEnum

from bot.domain.people import Actor
from bot.domain.rollout import Rollout


class Act(StrEnum):
    """Something a person can ask of a rollout."""

    SIGN = "approve"
    REJECT = "reject"
    TURN_DOWN = "turn a rollback down"
    WITHDRAW = "withdraw"
    PAUSE = "pause"
    RESUME = "resume"
    ADVANCE = "advance"
    CHOOSE = "choose"
    EXTEND = "extend"
    STEP_BACK = "step back"
    CANCEL = "cancel"
    ROLLBACK = "roll back"
    BREAK_GLASS = "break glass"
    TICK = "confirm"
    RELEASE_QUARANTINE = "release from quarantine"
    CLOSE_REPORT = "say that a report is over"


RISING = frozenset(
    {
        Act.SIGN,
        Act.TURN_DOWN,
        Act.RESUME,
        Act.ADVANCE,
        Act.CHOOSE,
        Act.TICK,
        Act.RELEASE_QUARANTINE,
        Act.CLOSE_REPORT,
    }
)
"""Acts after which traffic may rise, or does not fall: they need a role that is known now."""

DECIDING = frozenset({Act.ADVANCE, Act.CHOOSE})
"""Acts that a plan can leave to certain roles: see `approvals.advance`."""

ANYBODY = frozenset({Act.PAUSE, Act.WITHDRAW})
"""Acts open to every member: stopping needs nobody's leave."""


def refusal(act: Act, actor: Actor, rollout: Rollout | None) -> str | None:
    """Why `actor` may not do `act`, in a sentence that says what to do instead; None: they may.

    rollout: None for what is done to a service.
    """
    if act in ANYBODY:
        return None
    if act in RISING and actor.roles_stale:
        return (
            f"Nobody can {act} right now: Slack doesn't say who holds which role. "
            "Pause and rollback still work; try again in a minute."
        )
    asked = rollout is not None and actor.person == rollout.requested_by.person
    if rollout is not None and act in DECIDING and actor.roles:
        return _not_the_decider(act, actor, rollout)
    if actor.roles or (act not in RISING and asked):
        return None
    return (
        f"You hold no role that may {act}. Ask somebody who does; roles are listed under `roles:` "
        "in the bot's configuration."
    )


def _not_the_decider(act: Act, actor: Actor, rollout: Rollout) -> str | None:
    """Why this is for somebody else to decide; None: it isn't."""
    rule = rollout.plan.advance_approval if rollout.plan is not None else None
    if rule is None or not rule.roles or set(rule.roles) & set(actor.roles):
        return None
    who = " or ".join(role.replace("_", " ") for role in rule.roles)
    return f"Whether to {act} is for {who} to decide here. Everybody may pause it or roll it back."
