"""How a rollout goes on: the one transition.

`decide` takes a rollout, something that happened and the present instant, and returns the rollout
as it is afterwards together with what is to be done outside. It never does anything itself. An
event that has no meaning in a phase (a late timer, a reply to an older change) changes nothing.
"""

from datetime import datetime, timedelta
from typing import assert_never

from bot.domain import (
    bygone,
    choosing,
    judging,
    moving,
    preparing,
    ramp,
    requests,
    served_news,
    signatures,
    waiting,
)
from bot.domain.aftermath import begun, follow
from bot.domain.approvals import recheck
from bot.domain.breaches import hook, standing
from bot.domain.bygone_events import PastRead
from bot.domain.events import (
    DEPLOYER_EFFECTS,
    AdvanceRequested,
    AskSigners,
    CancelRequested,
    CheckExecution,
    CheckFailed,
    ChecksRequested,
    ExecutionChecked,
    ExtendRequested,
    HookFired,
    ItemTicked,
    Measured,
    OpDelayed,
    OpFailed,
    OptionChosen,
    PauseRequested,
    PreflightFailed,
    PreflightPassed,
    Prepared,
    Promoted,
    QuarantineReleaseSigned,
    Rejected,
    ResumeRequested,
    Retired,
    RollbackRequested,
    RolloutEvent,
    RunPreflight,
    Seen,
    Signed,
    StepBackRequested,
    SwitchedBack,
    Ticked,
    WaveApplied,
    Withdrawn,
)
from bot.domain.hold_events import HoldsSeen, LineStarted, LineStopped
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.regular import beginning
from bot.domain.reports import merged
from bot.domain.rollout import BEFORE_TRAFFIC, MEASURING, Phase, Rollout
from bot.domain.steps import (
    QUEUE_CHECK,
    TRAFFIC_TOLERANCE,
    Decision,
    ask_release,
    begin_soak,
    change,
    enter,
    finish,
    halt,
    prepare,
    shift,
    show,
    switch_back,
)

ROLLBACK_RETRY = timedelta(seconds=10)
"""How soon a rollback that the deployer refused is asked for again."""


def begin(
    *,
    rollout_id: str,
    service: str,
    environment: str,
    version: str,
    plan: Plan,
    channel: str,
    requested_by: Actor,
    now: datetime,
    artifact: str = "",
    note: str = "",
    type_: str = "",
    labels: tuple[str, ...] = (),
) -> Decision:
    """A new rollout; the first thing it asks for is a look at what it is about to change.

    artifact: the digest that the requester expects ("" for whatever the version resolves to).
    """
    rollout = Rollout(
        id=rollout_id,
        service=service,
        environment=environment,
        version=version,
        plan=plan,
        channel=channel,
        requested_by=requested_by,
        artifact=artifact,
        note=note,
        type=type_,
        labels=labels,
        created_at=now,
        phase_since=now,
    )
    return rollout, (RunPreflight(), *show(), *begun(rollout, now))


def decide(rollout: Rollout, event: RolloutEvent, now: datetime) -> Decision:
    """The rollout after `event`, and what is to be done about it.

    At most one effect is a change at the deployer, and it comes first: `op_key` names it.
    """
    decided, effects = _decide(rollout, event, now)
    after, effects = follow(rollout, event, decided, effects, now)
    return after, tuple(sorted(effects, key=lambda e: not isinstance(e, DEPLOYER_EFFECTS)))


def _decide(rollout: Rollout, event: RolloutEvent, now: datetime) -> Decision:
    match event:
        case PreflightPassed() | PreflightFailed():
            return _preflight(rollout, event, now)
        case ExecutionChecked() | CheckFailed():
            return _execution(rollout, event, now)
        case HoldsSeen():
            return waiting.seen(rollout, event)
        case LineStopped() | LineStarted():
            return waiting.line(rollout, event, now)
        case Prepared() | WaveApplied() | Promoted() | Retired() | SwitchedBack():
            return _confirmed(rollout, event, now)
        case OpFailed() | OpDelayed():
            return _trouble(rollout, event, now)
        case Measured():
            return _look(rollout, event, now)
        case PastRead():
            return bygone.learnt(rollout, event)
        case Ticked():
            return _tick(rollout, now)
        case Signed() | Rejected() | Withdrawn() | QuarantineReleaseSigned():
            return signatures.signature(rollout, event, now)
        case PauseRequested() | ResumeRequested() | AdvanceRequested() | ExtendRequested():
            return requests.steering(rollout, event, now)
        case StepBackRequested() | CancelRequested() | RollbackRequested():
            return requests.going_back(rollout, event, now)
        case OptionChosen():
            return choosing.choose(rollout, event, now)
        case ItemTicked():
            answer = preparing.ticked if "/" in event.gate else requests.ticked
            return answer(rollout, event, now)
        case ChecksRequested():
            return preparing.rechecked(rollout, event)
        case HookFired():
            return hook(rollout, event, now)
        case _:
            assert_never(event)


def _look(rollout: Rollout, event: Measured, now: datetime) -> Decision:
    if served_news.counts_only(rollout):
        return served_news.count(rollout, event, now), ()
    if not rollout.watched:
        return rollout, ()
    look = judging.look if rollout.phase in MEASURING else moving.look
    return look(rollout, event, now)


def _preflight(
    rollout: Rollout, event: PreflightPassed | PreflightFailed, now: datetime
) -> Decision:
    if rollout.phase is not Phase.PREFLIGHT:
        return rollout, ()
    if isinstance(event, PreflightFailed):
        if rollout.looked:
            return preparing.failed(rollout, event, now)
        return finish(rollout, Phase.CANCELLED, now, f"Not started: {event.reason}")
    if event.seen.current in {"", rollout.version}:
        return finish(rollout, Phase.CANCELLED, now, preparing.pointless(rollout, event.seen))
    return preparing.passed(rollout, event, now)


def _execution(rollout: Rollout, event: ExecutionChecked | CheckFailed, now: datetime) -> Decision:
    if rollout.phase is not Phase.QUEUED or rollout.request is None:
        return rollout, ()
    again = now + QUEUE_CHECK
    if now >= rollout.request.expires_at:
        return finish(
            rollout, Phase.EXPIRED, now, "Its turn did not come before the signatures expired."
        )
    if isinstance(event, CheckFailed):
        return _wait(rollout, event.reason, again)
    if event.artifact != rollout.artifact:
        return _ask_again(rollout, event.artifact, now)
    request = recheck(rollout.request, event.roles)
    if not request.complete:
        asking = enter(
            rollout,
            Phase.AWAITING_APPROVAL,
            now,
            request=request,
            reason="A signature no longer counts: its owner has lost the role.",
            next_check_at=min(request.expires_at, now + request.remind_every),
        )
        return asking, (*show(asking.reason), AskSigners("release"))
    if not event.free:
        return waiting.held(rollout, event, now)
    if event.seen.current in {"", rollout.version}:
        return finish(rollout, Phase.CANCELLED, now, preparing.pointless(rollout, event.seen))
    ready = change(
        rollout,
        request=request,
        previous=event.seen.current,
        previous_artifact=event.seen.current_artifact,
        reports=merged(rollout.reports, event.reports),
        holds=(),
        opens_at=None,
    )
    begun, effects = prepare(ready, now)
    return begun, (*effects, *standing(ready))


def _wait(rollout: Rollout, reason: str, again: datetime) -> Decision:
    later = change(rollout, reason=reason, next_check_at=again)
    return later, show() if reason != rollout.reason else ()


def _ask_again(rollout: Rollout, artifact: str, now: datetime) -> Decision:
    """The version points to something else than was signed: all signatures are void."""
    if rollout.items:
        return preparing.void(rollout, artifact, now)
    generation = rollout.generation + 1
    changed = change(rollout, artifact=artifact, generation=generation)
    request = ask_release(changed, f"{rollout.id}:{generation}", generation, now)
    asking = enter(
        changed,
        Phase.AWAITING_APPROVAL,
        now,
        request=request,
        reason=f"{rollout.version} now points to another artifact; earlier signatures are void.",
        next_check_at=min(request.expires_at, now + request.remind_every),
    )
    return asking, (*show(asking.reason), AskSigners("release"))


def _confirmed(
    rollout: Rollout,
    event: Prepared | WaveApplied | Promoted | Retired | SwitchedBack,
    now: datetime,
) -> Decision:
    """The deployer has done, and read back, what was asked last. Anything older is history."""
    if event.key != rollout.op_key:
        return rollout, ()
    match event:
        case Prepared():
            return _prepared(rollout, now)
        case WaveApplied():
            return _wave_applied(rollout, event.seen, now)
        case Promoted():
            return _promoted(rollout, now)
        case Retired():
            reason = f"{rollout.version} is live; {rollout.previous} has been stopped."
            return finish(rollout, Phase.COMPLETED, now, reason)
        case SwitchedBack():
            return _switched_back(rollout, now)


def _prepared(rollout: Rollout, now: datetime) -> Decision:
    if rollout.phase is Phase.PREPARING:
        return shift(rollout, 0, now)
    return (change(rollout, op_key="") if rollout.phase is Phase.PAUSED else rollout), ()


def _wave_applied(rollout: Rollout, seen: Seen, now: datetime) -> Decision:
    if abs(seen.weight - rollout.target_weight) > TRAFFIC_TOLERANCE:
        reason = (
            f"Asked for {rollout.target_weight:g} %, but {seen.weight:g} % was read back. "
            "Look at the target, then resume or roll back."
        )
        return halt(change(rollout, weight=seen.weight, op_key=""), now, reason)
    match rollout.phase:
        case Phase.SHIFTING:
            soaking = ramp.confirmed(rollout, seen.weight, now)
            return soaking, show(ramp.soak_words(soaking), *beginning(soaking, now))
        case Phase.STEPPING_BACK:
            held = begin_soak(rollout, seen.weight, now)
            return (
                enter(held, Phase.PAUSED, now, paused_from=Phase.SOAKING, reason=rollout.reason),
                show(f"{seen.weight:g} % confirmed. {_next_words(rollout)}"),
            )
        case Phase.PAUSED:
            held = ramp.confirmed(rollout, seen.weight, now)
            return (
                enter(held, Phase.PAUSED, now, paused_from=Phase.SOAKING, reason=rollout.reason),
                show(),
            )
        case _:
            return rollout, ()


def _next_words(rollout: Rollout) -> str:
    """What people can do after a step back."""
    if rollout.retry is None:
        return "Resume, step back further, or roll back."
    wave = rollout.the_plan.waves[rollout.retry]
    if rollout.options:
        return f"Choose how to go on: {', '.join(rollout.options)}."
    return f"Resume tries {wave.traffic:g} % again, once it is understood; or roll back."


def _promoted(rollout: Rollout, now: datetime) -> Decision:
    if rollout.phase not in {Phase.PROMOTING, Phase.PAUSED}:
        return rollout, ()
    watching = enter(
        begin_soak(rollout, 100.0, now),
        Phase.WATCHING,
        now,
        soak_done=rollout.soak_done * 0,
        paused_from=None,
    )
    until = int((now + rollout.the_plan.keep_previous).timestamp())
    return watching, show(
        f"{rollout.version} is the current version. "
        f"{rollout.previous} stays installed until t[{until}]."
    )


def _switched_back(rollout: Rollout, now: datetime) -> Decision:
    if rollout.phase is not Phase.ROLLING_BACK:
        return rollout, ()
    took = (now - rollout.phase_since).total_seconds()
    reason = f"{rollout.previous} has all traffic again (after {took:.1f} s)."
    if rollout.touched:
        reason += f" {rollout.version} is in quarantine until two people release it."
    end, effects = finish(
        rollout, Phase.ROLLED_BACK, now, reason, weight=0.0, quarantined=rollout.touched
    )
    return change(end, next_check_at=served_news.afterwards(end, now)), effects


def _trouble(rollout: Rollout, event: OpFailed | OpDelayed, now: datetime) -> Decision:
    if event.key != rollout.op_key:
        return rollout, ()
    if isinstance(event, OpDelayed):
        text = f"{event.operation} fails ({event.reason}); tried {event.attempts} times, going on."
        return change(rollout, op_trouble=event.reason), show(text, page=text)
    match rollout.phase:
        case Phase.ROLLING_BACK:
            return _rollback_refused(rollout, event.reason, now)
        case Phase.WATCHING:
            reason = f"{rollout.version} is live; the old side could not be stopped: {event.reason}"
            end, effects = finish(rollout, Phase.COMPLETED, now, reason)
            return end, (*effects, *show(page=reason))
        case _:
            failed = change(rollout, op_key="", op_trouble=event.reason)
            return halt(failed, now, f"{event.operation} failed: {event.reason}")


def _rollback_refused(rollout: Rollout, reason: str, now: datetime) -> Decision:
    """A rollback is never given up: people are called, and it is tried again and again."""
    text = (
        f"The rollback to {rollout.previous} is refused by the deployer: {reason}. "
        f"It is tried again every {ROLLBACK_RETRY.seconds} s; move the traffic by hand meanwhile."
    )
    waiting = change(rollout, op_key="", op_trouble=reason, next_check_at=now + ROLLBACK_RETRY)
    return waiting, show(text, page=text) if reason != rollout.op_trouble else show()


def _tick(rollout: Rollout, now: datetime) -> Decision:
    if rollout.phase is Phase.QUEUED:
        return change(rollout, next_check_at=now + QUEUE_CHECK), (CheckExecution(),)
    if rollout.phase is Phase.ROLLING_BACK and not rollout.op_key:
        again, effects = switch_back(rollout)
        return change(again, op_trouble=rollout.op_trouble), effects
    if rollout.phase is Phase.AWAITING_APPROVAL:
        return signatures.waiting(rollout, now)
    if rollout.phase is Phase.PREFLIGHT and rollout.looked:
        return preparing.due(rollout)
    if rollout.phase in BEFORE_TRAFFIC or rollout.ended or rollout.phase is Phase.HALTED:
        return signatures.rollback_waiting(rollout, now)
    return rollout, ()
