"""The schedule of a release before it begins: what would happen when, and who would sign."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from bot.domain.conditions import Action, Condition
from bot.domain.days import opening
from bot.domain.holds import Outlook
from bot.domain.plan import Approval, Cadence, Meeting, Plan, Wave
from bot.domain.plan_sections import Step
from bot.domain.units import format_duration, format_weight


class WavePreview(msgspec.Struct, frozen=True):
    """One wave, if nothing waits for a person. traffic: percent.

    gates: what has to hold at its end. waits_for: what a person has to answer or press.
    on_breach: what a failed gate does, in words; steps: what people do then, in this order;
    options: what they choose from. ramp, posts, meetings, standby: how its traffic rises, what is
    posted how often, who meets when, and who has to be reachable how long.
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
    day: int = 1
    audience: str = ""
    ramp: str = ""
    posts: tuple[str, ...] = ()
    meetings: tuple[str, ...] = ()
    standby: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """The whole release.

    total: from the first wave to the last verdict. rollback_on: what takes everything back by
    itself, in any wave; what counts in one wave only is said there too. in_the_way: what keeps it
    from beginning now; opens_at: when nothing does any more, None when nobody can know. longest:
    with every extension that the plan allows. can_go_back_until: when the version before is taken
    down.
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
        at = max(at, opening(plan, wave, start))
        ends = at + wave.lasts
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
        longest=_longest(plan, start) - start,
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
        day=wave.day,
        audience=wave.audience,
        ramp=_ramp(wave),
        posts=tuple(map(_post, wave.cadence)),
        meetings=tuple(map(_meeting, wave.meetings)),
        standby=tuple(f"{role}, {format_duration(span)}" for role, span in wave.standby.items()),
        steps=tuple(map(step_words, wave.on_breach_steps)),
        options=wave.options,
    )


def _ramp(wave: Wave) -> str:
    if wave.ramp is None:
        return ""
    steps = ", ".join(f"{step:g}" for step in wave.ramp.steps)
    return f"{steps} %, a step every {format_duration(wave.ramp.each)}"


def _post(cadence: Cadence) -> str:
    what = f" ({cadence.what})" if cadence.what else ""
    until = f" until {format_duration(cadence.until)}" if cadence.until is not None else ""
    return f"every {format_duration(cadence.every)}{until}{what}"


def _meeting(meeting: Meeting) -> str:
    when = f"at {meeting.at:%H:%M}" if meeting.at else f"every {format_duration(_every(meeting))}"
    who = f", {' and '.join(meeting.who)}" if meeting.who else ""
    return f"{when}{who}" + (f" ({meeting.what})" if meeting.what else "")


def _every(meeting: Meeting) -> timedelta:
    return meeting.every or timedelta()


def step_words(step: Step) -> str:
    """One thing to do, as people read it: "retest: staging", "fix and retest"."""
    if isinstance(step, str):
        return step.replace("_", " ")
    return ", ".join(f"{word.replace('_', ' ')}: {what}" for word, what in step.items())


def _longest(plan: Plan, start: datetime) -> datetime:
    """The end when every wave is extended as far as the plan allows."""
    at = start
    for wave in plan.waves:
        extends = wave.on_inconclusive == "extend" and any(g.kind == "if" for g in wave.gates)
        more = wave.soak * plan.max_extend if extends else timedelta()
        at = max(at, opening(plan, wave, start)) + wave.lasts + more
    return at


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
