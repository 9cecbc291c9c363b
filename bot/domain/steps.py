"""The small moves out of which decisions are made. Each returns a rollout and what it asks for."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.domain.approvals import Request, one_more, open_request, release_digest
from bot.domain.audience import narrowed
from bot.domain.bygone import asked
from bot.domain.events import (
    Effect,
    Page,
    PostThread,
    Prepare,
    Promote,
    RefreshHomes,
    RenderCard,
    Retire,
    SetTraffic,
    SwitchBack,
    Whisper,
)
from bot.domain.metering import begin_wave
from bot.domain.people import Actor
from bot.domain.plan import Wave
from bot.domain.release_types import approval_for
from bot.domain.rollout import Mark, Phase, Rollout, Tick
from bot.domain.served import countable

Decision = tuple[Rollout, tuple[Effect, ...]]

TRAFFIC_TOLERANCE = 0.5
"""By how many percentage points a weight that was read back may differ from what was asked."""

QUEUE_CHECK = timedelta(seconds=5)
"""How often a queued rollout looks whether its turn has come."""


def change(rollout: Rollout, **fields: Any) -> Rollout:
    """The rollout with other values in some fields."""
    return msgspec.structs.replace(rollout, **fields)


def enter(rollout: Rollout, phase: Phase, now: datetime, **fields: Any) -> Rollout:
    """The rollout in another phase, from now on."""
    return change(rollout, phase=phase, phase_since=now, **fields)


def show(*texts: str, page: str = "") -> tuple[Effect, ...]:
    """Bring the card and the Home tabs up to date, and say so in the thread."""
    posts = tuple(PostThread(text) for text in texts if text)
    return (RenderCard(), *posts, *((Page(page),) if page else ()), RefreshHomes())


def tell(rollout: Rollout, actor: Actor, text: str) -> Decision:
    """Nothing changes; one person learns why and what to do."""
    return rollout, (Whisper(actor.user_id, text),)


def key_of_next(rollout: Rollout) -> str:
    """The key of the first effect of the decision being made (the next revision's)."""
    return f"rollout:{rollout.id}:{rollout.revision + 1}:0"


def deploy(rollout: Rollout, effect: Effect, *others: Effect) -> Decision:
    """Ask the deployer for one change and wait for exactly that one.

    The new fence takes back what was asked before and not sent yet, and refuses a look that began
    before: what it saw belongs to other traffic. Limits are looked at while the change goes on.
    """
    waiting = change(
        rollout,
        op_key=key_of_next(rollout),
        op_trouble="",
        next_check_at=rollout.next_check_at or rollout.phase_since if _looked_at(rollout) else None,
        fence=rollout.fence + 1,
    )
    return waiting, (effect, *others)


def _looked_at(rollout: Rollout) -> bool:
    """Limits are watched, or requests are counted while traffic goes back."""
    back = rollout.phase is Phase.ROLLING_BACK and rollout.touched
    return rollout.watched or (back and countable(rollout.the_plan))


def prepare(rollout: Rollout, now: datetime) -> Decision:
    """Install the candidate beside the current version."""
    start = enter(rollout, Phase.PREPARING, now, reason="")
    return deploy(
        start,
        Prepare(rollout.version, rollout.artifact),
        *show(f"Installing {rollout.version} beside {rollout.previous}."),
    )


def shift(rollout: Rollout, index: int, now: datetime) -> Decision:
    """Ask for the traffic of wave `index`; its soak begins when the deployer has confirmed."""
    wave = rollout.wave_at(index)
    start = enter(
        _leave_wave(rollout, now),
        Phase.SHIFTING,
        now,
        reason="",
        wave=index,
        target_weight=wave.traffic if wave.ramp is None else wave.ramp.steps[0],
        ramp_step=0,
        retry=None,
        wave_opens_at=None,
        options=(),
        touched=rollout.touched or wave.traffic > 0,
        paused_from=None,
        wave_applied_at=None,
        soak_done=timedelta(),
        soak_extra=timedelta(),
        findings=(),
        ticks=without_answers(rollout, index),
        drift="",
    )
    past = asked(rollout.the_plan, now) if start.touched and not rollout.touched else ()
    moving = show(f"Moving {_wave_words(rollout, index)}.")
    return deploy(start, traffic(start, wave), *moving, *past)


def without_answers(rollout: Rollout, index: int, *, only_no: bool = False) -> tuple[Tick, ...]:
    """The answers but those to the questions of wave `index`, which are put anew.

    only_no: a yes stands.
    """
    asked = {gate.id for gate in rollout.the_plan.waves[index].gates}
    return tuple(t for t in rollout.ticks if t.gate not in asked or (only_no and t.ok))


def traffic(rollout: Rollout, wave: Wave) -> SetTraffic:
    """The effect that puts the weight that is aimed at on the candidate, on the way to `wave`."""
    there = rollout.target_weight == wave.traffic
    instances = wave.instances if there and wave.instances != "all" else None
    return SetTraffic(rollout.version, rollout.artifact, rollout.target_weight, instances)


def put_back(rollout: Rollout, *others: Effect) -> Decision:
    """Set the traffic once more that was confirmed last: somebody else has changed it."""
    return deploy(rollout, traffic(rollout, rollout.current_wave), *others)


def begin_soak(rollout: Rollout, weight: float, now: datetime) -> Rollout:
    """The wave's traffic is confirmed: its clock and its counters begin now.

    The new fence refuses a look that began while the traffic was on its way.
    """
    mark = Mark(rollout.wave, weight, now)
    return enter(
        rollout,
        Phase.SOAKING,
        now,
        weight=weight,
        op_key="",
        op_trouble="",
        reason="",
        wave_applied_at=now,
        soak_done=timedelta(),
        measured_at=None,
        blind_since=None,
        said={},
        trends={},
        watchers={},
        meter=begin_wave(rollout.meter, rollout.current_wave.id, now, narrowed=narrowed(rollout)),
        marks=(*rollout.marks, mark),
        next_check_at=now,
        fence=rollout.fence + 1,
    )


def promote(rollout: Rollout, now: datetime) -> Decision:
    """The candidate becomes the current version."""
    start = enter(_leave_wave(rollout, now), Phase.PROMOTING, now, reason="")
    return deploy(
        start,
        Promote(rollout.version, rollout.artifact),
        *show(f"All waves passed. Making {rollout.version} the current version."),
    )


def retire(rollout: Rollout) -> Decision:
    """Stop the old side; the rollout is complete when that is confirmed."""
    return deploy(
        change(rollout, reason="stopping the old side"),
        Retire(rollout.previous, rollout.previous_artifact),
        *show(),
    )


def pause(rollout: Rollout, now: datetime, reason: str, *, page: bool = False) -> Decision:
    """Hold where it stands. A change that is not at the deployer yet is taken back (new fence)."""
    if rollout.phase is Phase.PAUSED:
        return change(rollout, reason=reason), show(reason, page=reason if page else "")
    start = enter(
        rollout,
        Phase.PAUSED,
        now,
        reason=reason,
        paused_from=rollout.phase,
        fence=rollout.fence + 1,
        next_check_at=now + rollout.the_plan.poll,
    )
    return start, show(f"Paused. {reason}", page=reason if page else "")


def roll_back(rollout: Rollout, now: datetime, reason: str, by: str) -> Decision:
    """All traffic to the previous version, now; explanations follow."""
    start = enter(
        _leave_wave(rollout, now),
        Phase.ROLLING_BACK,
        now,
        reason=reason,
        rollback_reason=reason,
        rollback_by=by,
        rollback_request=None,
        paused_from=None,
        target_weight=0.0,
        ended_at=None,
    )
    text = f"Rolling back to {rollout.previous}: {reason}"
    return switch_back(start, PostThread(text, broadcast=True), Page(text))


def switch_back(rollout: Rollout, *others: Effect) -> Decision:
    """Ask for all traffic on the previous version."""
    effect = SwitchBack(rollout.previous, rollout.previous_artifact)
    return deploy(rollout, effect, RenderCard(), *others, RefreshHomes())


def step_back(
    rollout: Rollout, now: datetime, weight: float, reason: str, *, retry: int | None = None
) -> Decision:
    """Less traffic on the candidate, then wait for a person. weight: at most; it never rises.

    retry: the wave that Resume tries again; None: it goes on from the wave of that weight.
    """
    waves = rollout.the_plan.waves
    most = rollout.target_weight if rollout.phase is Phase.STEPPING_BACK else rollout.weight
    most += TRAFFIC_TOLERANCE  # a share read back is seldom exact, and one asked for has to be
    if weight > most:
        weight = max((wave.traffic for wave in waves if wave.traffic <= most), default=0.0)
    index = max((i for i, wave in enumerate(waves) if wave.traffic <= weight), default=0)
    start = enter(
        _leave_wave(rollout, now),
        Phase.STEPPING_BACK,
        now,
        reason=reason,
        wave=index,
        target_weight=weight,
        wave_applied_at=None,
        soak_done=timedelta(),
        soak_extra=timedelta(),
        ramp_step=0,
        retry=retry,
        findings=(),
        paused_from=None,
    )
    effect = SetTraffic(rollout.version, rollout.artifact, weight)
    text = f"Stepping back to {weight:g} %: {reason}"
    return deploy(start, effect, *show(text, page=text))


def halt(rollout: Rollout, now: datetime, reason: str) -> Decision:
    """Nothing goes on by itself any more; somebody is called."""
    asked = rollout.rollback_request
    start = enter(
        rollout,
        Phase.HALTED,
        now,
        reason=reason,
        paused_from=rollout.paused_from if rollout.phase is Phase.PAUSED else rollout.phase,
        op_key="",
        next_check_at=None if asked is None else asked.expires_at,
        fence=rollout.fence + 1,
    )
    return start, show(f"Halted. {reason}", page=f"Halted: {reason}")


def finish(rollout: Rollout, phase: Phase, now: datetime, reason: str, **fields: Any) -> Decision:
    """The end of a rollout."""
    end = enter(
        rollout,
        phase,
        now,
        reason=reason,
        ended_at=now,
        next_check_at=None,
        op_key="",
        rollback_request=None,
        **fields,
    )
    return end, show(reason)


def ask_release(rollout: Rollout, request_id: str, generation: int, now: datetime) -> Request:
    """The request for signatures on exactly this release."""
    digest = release_digest(
        service=rollout.service,
        environment=rollout.environment,
        version=rollout.version,
        artifact=rollout.artifact,
        plan=rollout.the_plan.digest,
        generation=generation,
        type_=rollout.type,
        labels=rollout.labels,
    )
    request = open_request(
        approval_for(rollout),
        request_id=request_id,
        digest=digest,
        generation=generation,
        excluded=(rollout.requested_by.person,),
        now=now,
    )
    return one_more(request) if rollout.exemption else request


def _leave_wave(rollout: Rollout, now: datetime) -> Rollout:
    if not rollout.marks or rollout.marks[-1].left_at is not None:
        return rollout
    last = msgspec.structs.replace(rollout.marks[-1], left_at=now)
    return change(rollout, marks=(*rollout.marks[:-1], last))


def _wave_words(rollout: Rollout, index: int) -> str:
    waves = rollout.the_plan.waves
    return f"{waves[index].traffic:g} % to {rollout.version} (wave {index + 1} of {len(waves)})"


def in_words(rollout: Rollout) -> str:
    """Where it stands, for a refusal: "checkout v1.2.0 is rolled back"."""
    return f"{rollout.service} {rollout.version} is {rollout.phase.replace('_', ' ')}"
