"""The acts on a rollout: one event each, whether a button was pressed or a verb typed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.events import (
    AdvanceRequested,
    CancelRequested,
    ChecksRequested,
    ExtendRequested,
    ItemTicked,
    OptionChosen,
    PauseRequested,
    QuarantineReleaseSigned,
    Rejected,
    ResumeRequested,
    RollbackRequested,
    RolloutEvent,
    Signed,
    StepBackRequested,
    Withdrawn,
)
from bot.domain.people import Actor
from bot.domain.policy import DIGEST_SHOWN, seen
from bot.domain.rollout import Rollout
from bot.domain.units import parse_duration
from bot.engine.intents import Intent
from commands.context import IN_QUARANTINE, WITH_TRAFFIC, Context, Meant, Refuse


@dataclass(frozen=True, slots=True)
class Given:
    """What came with an act.

    digest: of what the person saw ("" for a typed verb: the present one is meant). text: a reason,
    comment or duration. gate, ok: the answer to a question or an item. new_id: a fresh id.
    generation: of what the person saw, 0 for a typed verb.
    """

    digest: str = ""
    text: str = ""
    gate: str = ""
    ok: bool = True
    new_id: str = ""
    generation: int = 0


Make = Callable[[Rollout, Actor, Given], RolloutEvent]

OUT_OF_DATE = "no digest"
"""In place of one that a button carries too little of: it could be the beginning of any."""


def shown_digest(rollout: Rollout, prefix: str) -> str:
    """The digest of the open request that a button's prefix belongs to.

    A prefix of nothing that is open is returned as it is, and is refused as out of date.
    """
    for request in (rollout.rollback_request, rollout.request):
        if request is not None and (not prefix or request.digest.startswith(prefix)):
            return request.digest
    return prefix


def _signed(rollout: Rollout, actor: Actor, given: Given) -> RolloutEvent:
    if given.generation and len(given.digest) < DIGEST_SHOWN:
        return Signed(actor, OUT_OF_DATE, given.text)
    return Signed(actor, shown_digest(rollout, given.digest), given.text)


def _still(rollout: Rollout, actor: Actor, given: Given) -> Actor:
    """Whoever lets it go on means what they saw. Raises Refuse when it has changed since."""
    if given.gate and given.gate != seen(rollout):
        raise Refuse(
            "This button is out of date: the release has moved on since the card was drawn. "
            "Look at the card as it is now, and press again."
        )
    return actor


def _extended(_rollout: Rollout, actor: Actor, given: Given) -> RolloutEvent:
    if not given.text:
        return ExtendRequested(actor)
    try:
        return ExtendRequested(actor, parse_duration(given.text))
    except ValueError as error:
        raise Refuse(str(error)) from error


ACTS: Mapping[str, Make] = {
    "approve": _signed,
    "reject": lambda _r, actor, given: Rejected(actor, given.text),
    "withdraw": lambda _r, actor, _g: Withdrawn(actor),
    "pause": lambda _r, actor, given: PauseRequested(actor, given.text),
    "resume": lambda r, actor, given: ResumeRequested(_still(r, actor, given)),
    "advance": lambda r, actor, given: AdvanceRequested(_still(r, actor, given), given.text),
    "step_back": lambda _r, actor, given: StepBackRequested(actor, given.text),
    "choose": lambda _r, actor, given: OptionChosen(actor, given.gate, given.text, given.new_id),
    "extend": _extended,
    "cancel": lambda _r, actor, given: CancelRequested(actor, given.text),
    "rollback": lambda _r, actor, given: RollbackRequested(actor, given.text, given.new_id),
    "break_glass": lambda _r, actor, given: RollbackRequested(
        actor, given.text, given.new_id, now=True
    ),
    "tick_item": lambda _r, actor, given: ItemTicked(
        actor, given.gate, given.ok, given.text, given.generation
    ),
    "check_again": lambda _r, actor, given: ChecksRequested(actor, given.gate),
    "release_quarantine": lambda _r, actor, _g: QuarantineReleaseSigned(actor),
}
"""action_id -> the event it stands for."""

FALLING = frozenset({"pause", "rollback", "break_glass", "reject", "step_back", "cancel", "extend"})
"""Acts that never raise traffic: the last known roles are enough."""

RAISING = frozenset(
    {
        "approve",
        "resume",
        "advance",
        "choose",
        "confirm",
        "tick",
        "unquarantine",
        "unlock",
        "start_the_line",
    }
)
"""Verbs after which traffic may rise: nobody can say them for somebody else."""

ENDED: Mapping[str, Sequence[Meant]] = {
    "rollback": WITH_TRAFFIC,
    "break_glass": WITH_TRAFFIC,
    "release_quarantine": IN_QUARANTINE,
}
"""Acts that mean a rollout which may be over, and which one they mean."""


async def carry_out(
    context: Context, action: str, rollout: Rollout, intent: Intent, given: Given
) -> None:
    """Do one act. Refusals go to the person by themselves, or raise Refuse."""
    signs_rollback = action == "approve" and rollout.rollback_request is not None
    falling = action in FALLING or signs_rollback
    actor = await (context.actor_for_falling if falling else context.actor)(intent)
    await context.act(rollout, actor, lambda r, a: ACTS[action](r, a, given), intent.id)
