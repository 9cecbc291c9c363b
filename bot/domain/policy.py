"""Which buttons make sense now: what the card offers is exactly what a decision would accept.

Who may press them is decided elsewhere (`bot.domain.authority`), when somebody does. The value of
a button carries what the person saw; everything else is read from the database.
"""

import re
from enum import StrEnum
from typing import assert_never

import msgspec

from bot.domain.conditions import Condition
from bot.domain.gates import Verdict
from bot.domain.requests import must_choose, open_items, withheld_next
from bot.domain.rollout import Phase, Rollout

DIGEST_SHOWN = 16
"""How many hex digits of a digest a button carries."""


class Press(StrEnum):
    """The buttons of a rollout, by the ids under which Slack reports them."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    PAUSE = "pause"
    RESUME = "resume"
    ADVANCE = "advance"
    STEP_BACK = "step_back"
    EXTEND = "extend"
    ROLLBACK = "rollback"
    BREAK_GLASS = "break_glass"
    CHOOSE = "choose"
    CANCEL = "cancel"
    TICK_ITEM = "tick_item"
    RELEASE_QUARANTINE = "release_quarantine"


class ButtonValue(msgspec.Struct, frozen=True):
    """What a button says about itself when it is pressed.

    digest: the first digits of the digest that was shown ("" when nothing is to be signed).
    argument: what else the act needs; for `tick_item` see `answer_of`.
    """

    rollout_id: str
    digest: str = ""
    generation: int = 1
    argument: str = ""

    def encode(self) -> str:
        """The text that Slack keeps and gives back."""
        tail = f":{self.argument}" if self.argument else ""
        return f"{self.rollout_id}:{self.digest}:{self.generation}{tail}"


RISING = frozenset({Press.ADVANCE, Press.RESUME})
"""What lets traffic rise without a digest: the button carries what was seen (`seen`)."""


def seen(rollout: Rollout) -> str:
    """What somebody sees who lets it go on: in which wave it stands, and since when."""
    return f"{rollout.wave}.{int(rollout.phase_since.timestamp())}"


_VALUE = re.compile(r"([^:]+):([0-9a-f]{0,64}):([0-9]{1,9})(?::(.*))?", re.DOTALL)


def decode(value: str) -> ButtonValue:
    """Read a button's value. Raises ValueError when it isn't one of ours."""
    match = _VALUE.fullmatch(value)
    if match is None:
        raise ValueError(f"{value[:80]!r} is not the value of a button")
    return ButtonValue(match[1], match[2], int(match[3]), match[4] or "")


def answer_of(argument: str) -> tuple[str, bool]:
    """The gate and the answer in the argument of `tick_item`. Raises ValueError."""
    word, separator, gate = argument.partition(":")
    if word not in {"yes", "no"} or not separator or not gate:
        raise ValueError(f"{argument[:80]!r} is not an answer to a question")
    return gate, word == "yes"


def digest_meant(rollout: Rollout, shown: str) -> str:
    """The whole digest of the open request that starts with `shown`; else `shown`, which fits none.

    An empty `shown` (a typed command) means whatever is asked now.
    """
    requests = (rollout.rollback_request, rollout.request)
    for request in requests:
        if request is not None and request.digest.startswith(shown):
            return request.digest
    return shown


class ActionButton(msgspec.Struct, frozen=True):
    """One legal act. purpose: what is signed or turned down, for approve and reject."""

    press: Press
    value: ButtonValue
    purpose: str = ""

    @property
    def dangerous(self) -> bool:
        """Whether a person is asked twice."""
        return self.press in {Press.ROLLBACK, Press.BREAK_GLASS}


def legal_actions(rollout: Rollout) -> tuple[ActionButton, ...]:
    """What can be asked of this rollout now, in the order in which it is offered."""
    if rollout.rollback_request is not None and rollout.phase is not Phase.ROLLING_BACK:
        return _rollback_signing(rollout)
    shown = {press: seen(rollout) for press in RISING}
    return tuple(_button(rollout, p, shown.get(p, "")) for p in _presses(rollout))


def legal_answers(rollout: Rollout) -> tuple[tuple[Condition, ActionButton, ActionButton], ...]:
    """The open questions of the present wave, each with its yes and its no."""
    return tuple((gate, *_answers(rollout, gate)) for gate in open_items(rollout))


def legal_choices(rollout: Rollout) -> tuple[ActionButton, ...]:
    """The ways to go on that the plan offers after a pause; the argument is the option."""
    if rollout.phase is not Phase.PAUSED or rollout.rollback_request is not None:
        return ()
    return tuple(_button(rollout, Press.CHOOSE, option) for option in rollout.options)


def _answers(rollout: Rollout, gate: Condition) -> tuple[ActionButton, ActionButton]:
    yes, no = f"yes:{gate.id}", f"no:{gate.id}"
    return _button(rollout, Press.TICK_ITEM, yes), _button(rollout, Press.TICK_ITEM, no)


def _presses(rollout: Rollout) -> tuple[Press, ...]:
    match rollout.phase:
        case Phase.AWAITING_APPROVAL:
            signed = rollout.request is not None and bool(rollout.request.signatures)
            withdraw = (Press.WITHDRAW,) if signed else ()
            return (Press.APPROVE, Press.REJECT, *withdraw, Press.CANCEL)
        case Phase.PREFLIGHT:
            return (Press.CANCEL,)
        case Phase.QUEUED:
            return (Press.WITHDRAW, Press.CANCEL)
        case Phase.PREPARING | Phase.SHIFTING | Phase.SOAKING | Phase.PROMOTING:
            return (Press.PAUSE, Press.ROLLBACK)
        case Phase.JUDGING:
            advance = (Press.ADVANCE,) if _may_advance(rollout) else ()
            return (*advance, Press.EXTEND, Press.PAUSE, Press.ROLLBACK)
        case Phase.PAUSED:
            resume = () if must_choose(rollout) else (Press.RESUME,)
            return (*resume, *_step_back(rollout), Press.ROLLBACK)
        case Phase.HALTED:
            return (Press.RESUME, Press.ROLLBACK)
        case Phase.STEPPING_BACK | Phase.WATCHING | Phase.COMPLETED:
            return (Press.ROLLBACK,)
        case Phase.ROLLED_BACK:
            return (Press.RELEASE_QUARANTINE,) if rollout.quarantined else ()
        case Phase.ROLLING_BACK | Phase.REJECTED | Phase.EXPIRED | Phase.CANCELLED:
            return ()
        case _:
            assert_never(rollout.phase)


def _step_back(rollout: Rollout) -> tuple[Press, ...]:
    steps = rollout.paused_from not in {Phase.PROMOTING, Phase.WATCHING}
    return (Press.STEP_BACK,) if rollout.wave > 0 and steps else ()


def _may_advance(rollout: Rollout) -> bool:
    """A person may decide on thin evidence, not on bad, and not before the open questions."""
    bad = any(f.verdict in {Verdict.FAIL, Verdict.UNKNOWN} for f in rollout.findings)
    seen = rollout.blind_since is None and rollout.wave_opens_at is None
    seen = seen and not withheld_next(rollout)
    return seen and not bad and all(gate.optional for gate in open_items(rollout))


def _rollback_signing(rollout: Rollout) -> tuple[ActionButton, ...]:
    less = _step_back(rollout) if rollout.phase is Phase.PAUSED else ()
    presses = (Press.APPROVE, Press.REJECT, Press.BREAK_GLASS, *less)
    return tuple(_button(rollout, press, purpose="rollback") for press in presses)


def _button(
    rollout: Rollout, press: Press, argument: str = "", purpose: str = "release"
) -> ActionButton:
    request = rollout.rollback_request if purpose == "rollback" else rollout.request
    digest = request.digest[:DIGEST_SHOWN] if request is not None else ""
    generation = request.generation if request is not None else rollout.generation
    return ActionButton(press, ButtonValue(rollout.id, digest, generation, argument), purpose)
