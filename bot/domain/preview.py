"""The schedule of a release before it begins: what would happen when, and who would sign."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from bot.domain.conditions import Action, Condition
from bot.domain.holds import Outlook
from bot.domain.plan import Approval, Plan, Wave
from bot.domain.units import format_duration, format_weight


class WavePreview(msgspec.Struct, frozen=True):
    """One wave, if nothing waits for a person. traffic: percent.

    gates: what has to hold at its end. waits_for: what a person has to answer or press.
    on_breach: what a failed gate does, in words.
    """

    id: str
    traffic: float
    starts_at: datetime
    ends_at: datetime
    gates: tuple[str, ...]
    title: str = ""
    instances: str = ""
    waits_for: tuple[str, ...] = ()
    on_breach: str = ""
    rollback_on: tuple[str, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """The whole release.

    total: of the waves' soaks. rollback_on: what takes everything back by itself, in any wave;
    what counts in one wave only is said there too. in_the_way: what keeps it from beginning now;
    opens_at: when nothing does any more, None when nobody can know. longest: with every extension
    that the plan allows. can_go_back_until: when the version before is taken down.
    """

    waves: tuple[WavePreview, ...]
    total: timedelta
    signers: tuple[str, ...]
    rollback_on: tuple[str, ...]
    rollback_signers: tuple[str, ...]
    longest: timedelta
    can_go_back_until: datetime
    in_the_way: tuple[str, ...] = ()
    opens_at: datetime | None = None


def preview(plan: Plan, start: datetime, outlook: Outlook | None = None) -> Preview:
    """What the plan would do from `start` (aware) on, if everything passes at once.

    outlook: what is in the way at `start`; the schedule then begins when it opens, if that is
    known. Raises OverflowError when the end lies behind the year 9999.
    """
    ahead = outlook or Outlook(opens_at=start)
    at = start = ahead.opens_at or start
    waves: list[WavePreview] = []
    for wave in plan.waves:
        ends = at + wave.soak
        waves.append(_wave(wave, at, ends))
        at = ends
    everywhere = _rollbacks(plan.triggers)
    once = (condition for wave in plan.waves for condition in wave.triggers)
    rollback = plan.rollback_approval
    return Preview(
        waves=tuple(waves),
        total=at - start,
        signers=_seats(plan.approval),
        rollback_on=tuple(dict.fromkeys([*everywhere, *_rollbacks(once)])),
        rollback_signers=_seats(rollback) if rollback else (),
        longest=sum((_longest(wave, plan) for wave in plan.waves), timedelta()),
        can_go_back_until=at + plan.keep_previous,
        in_the_way=tuple(hold.text for hold in ahead.holds),
        opens_at=ahead.opens_at,
    )


def _wave(wave: Wave, starts: datetime, ends: datetime) -> WavePreview:
    return WavePreview(
        id=wave.id,
        traffic=wave.traffic,
        starts_at=starts,
        ends_at=ends,
        gates=tuple(gate.text for gate in wave.gates),
        title=wave.title,
        instances="" if wave.instances is None else str(wave.instances),
        waits_for=tuple(_waits(wave)),
        on_breach=_breach(wave),
        rollback_on=tuple(_rollbacks(wave.triggers)),
    )


def _longest(wave: Wave, plan: Plan) -> timedelta:
    extends = wave.on_inconclusive == "extend" and any(g.kind == "if" for g in wave.gates)
    return wave.soak * (1 + plan.max_extend) if extends else wave.soak


def _waits(wave: Wave) -> Iterator[str]:
    for gate in wave.gates:
        if gate.kind == "attest" and not gate.optional:
            who = f" ({' or '.join(gate.by)})" if gate.by else ""
            yield f"{gate.text}{who}"
    if wave.asks:
        yield "somebody presses Advance"


def _breach(wave: Wave) -> str:
    match wave.on_breach:
        case "rollback":
            return "back to the version before"
        case "step_back":
            return f"back to {format_weight(wave.step_back_to or 0.0)}"
        case "pause":
            return "it pauses"


def _seats(rule: Approval) -> tuple[str, ...]:
    return (*rule.roles, *("anybody with a role" for _ in range(rule.any)))


def _rollbacks(triggers: Iterable[Condition]) -> list[str]:
    return [_trigger(trigger) for trigger in triggers if trigger.do is Action.ROLLBACK]


def _trigger(trigger: Condition) -> str:
    words = trigger.text.replace("_", " ") if trigger.kind == "event" else trigger.text
    if trigger.hold is not None:
        return f"{words} for {format_duration(trigger.hold)}"
    times = f", {trigger.consecutive} in a row" if trigger.consecutive > 1 else ""
    over = f" over {format_duration(trigger.window)}" if trigger.window is not None else ""
    return f"{words}{over}{times}"
