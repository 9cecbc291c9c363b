"""What people ask of a rollout, and what comes of it.

Refusals change nothing and are told to the one person who asked, with what to do instead.
"""

from datetime import datetime, timedelta
from typing import assert_never

from bot.domain import ramp
from bot.domain.approvals import open_request, release_digest
from bot.domain.authority import Act, refusal
from bot.domain.conditions import Action, Condition
from bot.domain.days import opening_words
from bot.domain.events import (
    AdvanceRequested,
    AskSigners,
    CancelRequested,
    ExtendRequested,
    ItemTicked,
    PauseRequested,
    ResumeRequested,
    RollbackRequested,
    RunCheck,
    StepBackRequested,
)
from bot.domain.facts import own
from bot.domain.gates import Verdict
from bot.domain.people import Actor
from bot.domain.rollout import BEFORE_TRAFFIC, Phase, Rollout, Tick
from bot.domain.steps import (
    TRAFFIC_TOLERANCE,
    Decision,
    change,
    enter,
    finish,
    in_words,
    pause,
    prepare,
    promote,
    retire,
    roll_back,
    shift,
    show,
    step_back,
    tell,
    without_answers,
)
from bot.domain.units import format_duration
from bot.domain.version_steps import withheld
from bot.domain.watching import Watcher, does


def steering(
    rollout: Rollout,
    event: PauseRequested | ResumeRequested | AdvanceRequested | ExtendRequested,
    now: datetime,
) -> Decision:
    """Pause, resume, advance, extend."""
    match event:
        case PauseRequested():
            return _pause(rollout, event, now)
        case ResumeRequested():
            return _resume(rollout, event.actor, now)
        case AdvanceRequested():
            return _advance(rollout, event, now)
        case ExtendRequested():
            return _extend(rollout, event, now)
        case _:
            assert_never(event)


_PAUSABLE = frozenset(
    {Phase.PREPARING, Phase.SHIFTING, Phase.SOAKING, Phase.JUDGING, Phase.PROMOTING}
)


def _pause(rollout: Rollout, event: PauseRequested, now: datetime) -> Decision:
    if rollout.phase not in _PAUSABLE:
        return tell(rollout, event.actor, f"There is nothing to pause: {in_words(rollout)}.")
    why = f": {event.reason}" if event.reason else "."
    return pause(rollout, now, f"@[{event.actor.person}] paused it{why}")


def _resume(rollout: Rollout, actor: Actor, now: datetime) -> Decision:
    if rollout.phase not in {Phase.PAUSED, Phase.HALTED}:
        return tell(rollout, actor, f"There is nothing to resume: {in_words(rollout)}.")
    reason = refusal(Act.RESUME, actor, rollout)
    if reason is not None:
        return tell(rollout, actor, reason)
    if rollout.stopped:
        return tell(rollout, actor, f"{rollout.stopped}. Start the line first, then resume.")
    if rollout.rollback_request is not None:
        return tell(
            rollout, actor, "A rollback is waiting for signatures. Sign it or turn it down first."
        )
    if must_choose(rollout):
        ways = ", ".join(option.replace("_", " ") for option in rollout.options)
        return tell(rollout, actor, f"First choose how to go on: {ways}.")
    going, effects = resumed(rollout, now)
    return going, (*effects, *show(f"@[{actor.person}] resumed it."))


def must_choose(rollout: Rollout) -> bool:
    """Whether the plan offers ways to go on since the pause, and nobody has chosen one."""
    chosen = any(choice.at >= rollout.phase_since for choice in rollout.choices)
    return rollout.phase is Phase.PAUSED and bool(rollout.options) and not chosen


def resumed(rollout: Rollout, now: datetime) -> Decision:
    """Go on after a pause or a halt, from where it was held."""
    match rollout.paused_from:
        case Phase.PREPARING:
            return prepare(change(rollout, paused_from=None), now)
        case Phase.PROMOTING:
            return promote(change(rollout, paused_from=None), now)
        case Phase.ROLLING_BACK:
            return roll_back(rollout, now, rollout.rollback_reason, rollout.rollback_by)
        case Phase.SOAKING | Phase.JUDGING if rollout.retry is not None:
            return shift(rollout, rollout.retry, now)
        case Phase.SOAKING | Phase.JUDGING if _in_place(rollout):
            return _look_again(rollout, Phase.SOAKING, now), ()
        case Phase.WATCHING if not rollout.drift:
            watching = _look_again(rollout, Phase.WATCHING, now)
            over = watching.soak_done >= watching.the_plan.keep_previous
            return retire(watching) if over else (watching, ())
        case _ if ramp.begun(rollout):
            return ramp.again(rollout, now)
        case _:
            return shift(rollout, rollout.wave, now)


def _in_place(rollout: Rollout) -> bool:
    """Whether the candidate has the traffic of its wave; after a step back it may have less."""
    short = abs(rollout.weight - ramp.weight_of(rollout))
    return not rollout.drift and short <= TRAFFIC_TOLERANCE


def _look_again(rollout: Rollout, phase: Phase, now: datetime) -> Rollout:
    """Go on where it was held. A look that began during the hold is refused (new fence)."""
    return enter(
        rollout,
        phase,
        now,
        watchers=_without_pauses(rollout),
        ticks=without_answers(rollout, rollout.wave, only_no=True),
        reason="",
        options=(),
        op_key="",
        paused_from=None,
        blind_since=None,
        measured_at=None,
        next_check_at=now,
        fence=rollout.fence + 1,
    )


def _without_pauses(rollout: Rollout) -> dict[str, Watcher]:
    """The watchers, but those that paused it begin anew: else they would pause it again at once.

    What the bot knows itself stays known: it pauses again when it is news again.
    """
    known = rollout.watchers
    triggers = [t for t in rollout.the_plan.triggers_of(rollout.current_wave) if t.id in known]
    pausing = {t.id for t in triggers if _paused(t, known[t.id]) and not own(t, rollout)}
    return {name: each for name, each in rollout.watchers.items() if name not in pausing}


def _paused(trigger: Condition, watcher: Watcher) -> bool:
    satisfied = watcher.satisfied_at is not None or bool(watcher.proven)
    return trigger.do is Action.PAUSE or (satisfied and does(trigger, watcher) is Action.PAUSE)


def _advance(rollout: Rollout, event: AdvanceRequested, now: datetime) -> Decision:
    reason = refusal(Act.ADVANCE, event.actor, rollout) or _not_ready(rollout, now)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    rule = rollout.the_plan.advance_approval
    if rule is not None and rule.comment_required and not event.reason.strip():
        return tell(rollout, event.actor, "Say why: type it with the command. It is kept.")
    why = f": {event.reason}" if event.reason else ""
    said = f"@[{event.actor.person}] advanced it{why}. Evidence: {_evidence(rollout)}"
    advanced, effects = next_wave(rollout, now)
    return advanced, (*effects, *show(said))


def _not_ready(rollout: Rollout, now: datetime) -> str | None:
    """Why a person may not advance now. A person may decide on thin evidence, not on bad."""
    if rollout.phase is Phase.SOAKING:
        left = format_duration(rollout.soak_left)
        return f"The soak is not over: {left} to go. Nothing shortens a soak."
    if rollout.phase is not Phase.JUDGING:
        return f"There is nothing to advance: {in_words(rollout)}."
    if rollout.blind_since is not None:
        return "Nothing is known about it right now, so nothing rises. Wait, pause, or roll back."
    bad = [f for f in rollout.findings if f.verdict in {Verdict.FAIL, Verdict.UNKNOWN}]
    if bad:
        return f"Not on this evidence: {bad[0].said}. Extend, pause, or roll back."
    unanswered = [g for g in open_items(rollout) if not g.optional]
    if unanswered:
        return f"First somebody has to answer: {unanswered[0].text}"
    return opening_words(rollout, now) or withheld_next(rollout) or None


def withheld_next(rollout: Rollout) -> str:
    """Why the next wave may not come whatever the present one shows, "" when it may."""
    waves, index = rollout.the_plan.waves, rollout.wave + 1
    share = waves[index].traffic if index < len(waves) else 100.0
    rules = rollout.the_plan.sections.version
    return withheld(rules, rollout.version, rollout.environment, share)


def _evidence(rollout: Rollout) -> str:
    return "; ".join(f.said for f in rollout.findings) or "this wave has no measured gates"


def next_wave(rollout: Rollout, now: datetime) -> Decision:
    """The wave is over: the next one, or promotion after the last."""
    index = rollout.wave + 1
    if index == len(rollout.the_plan.waves):
        return promote(rollout, now)
    return shift(rollout, index, now)


def _extend(rollout: Rollout, event: ExtendRequested, now: datetime) -> Decision:
    if rollout.phase not in {Phase.SOAKING, Phase.JUDGING}:
        return tell(rollout, event.actor, f"There is no soak to extend: {in_words(rollout)}.")
    reason = refusal(Act.EXTEND, event.actor, rollout)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    by = event.by or rollout.current_wave.lasts / 2 or timedelta(minutes=5)
    extended = enter(
        rollout,
        Phase.SOAKING,
        now,
        reason="",
        soak_extra=rollout.soak_extra + by,
        next_check_at=now,
    )
    return extended, show(f"@[{event.actor.person}] extended the soak by {format_duration(by)}.")


def going_back(
    rollout: Rollout,
    event: StepBackRequested | CancelRequested | RollbackRequested,
    now: datetime,
) -> Decision:
    """Less traffic, none, or the end."""
    match event:
        case StepBackRequested():
            return _step_back(rollout, event, now)
        case CancelRequested():
            return _cancel(rollout, event, now)
        case RollbackRequested():
            return _rollback(rollout, event, now)
        case _:
            assert_never(event)


def _step_back(rollout: Rollout, event: StepBackRequested, now: datetime) -> Decision:
    reason = refusal(Act.STEP_BACK, event.actor, rollout)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    if rollout.phase not in {Phase.SHIFTING, Phase.SOAKING, Phase.JUDGING, Phase.PAUSED}:
        return tell(rollout, event.actor, f"There is no step to take back: {in_words(rollout)}.")
    if rollout.wave == 0:
        return tell(rollout, event.actor, "This is the first wave. Pause it, or roll back.")
    if rollout.paused_from in {Phase.PROMOTING, Phase.WATCHING}:
        return tell(rollout, event.actor, "All waves are over: there is no step back. Roll back.")
    weight = rollout.the_plan.waves[rollout.wave - 1].traffic
    why = f": {event.reason}" if event.reason else "."
    return step_back(rollout, now, weight, f"@[{event.actor.person}] asked for it{why}")


def _cancel(rollout: Rollout, event: CancelRequested, now: datetime) -> Decision:
    reason = refusal(Act.CANCEL, event.actor, rollout)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    if rollout.ended:
        return tell(rollout, event.actor, f"It is over already: {in_words(rollout)}.")
    if rollout.phase not in BEFORE_TRAFFIC:
        return tell(rollout, event.actor, "The target has been touched. Use /rollback instead.")
    why = f": {event.reason}" if event.reason else "."
    return finish(rollout, Phase.CANCELLED, now, f"@[{event.actor.person}] cancelled it{why}")


def _rollback(rollout: Rollout, event: RollbackRequested, now: datetime) -> Decision:
    act = Act.BREAK_GLASS if event.now else Act.ROLLBACK
    reason = refusal(act, event.actor, rollout)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    if event.now and not event.reason.strip():
        return tell(rollout, event.actor, "Breaking the glass needs a reason. Add one and repeat.")
    if rollout.phase is Phase.ROLLING_BACK:
        return tell(rollout, event.actor, "It is being rolled back already.")
    if rollout.phase in BEFORE_TRAFFIC:
        return _cancel(rollout, CancelRequested(event.actor, event.reason), now)
    if rollout.ended and rollout.phase is not Phase.COMPLETED:
        return tell(rollout, event.actor, f"There is nothing to roll back: {in_words(rollout)}.")
    by, why = event.actor.person, event.reason or "no reason given"
    if event.now:
        said = f"@[{by}] broke the glass: {why}. Review it within 24 h."
        return roll_back(rollout, now, said, by)
    if rollout.rollback_rule is None:
        return roll_back(rollout, now, f"@[{by}] asked for it: {why}", by)
    return _ask_rollback(rollout, event, now)


def _ask_rollback(rollout: Rollout, event: RollbackRequested, now: datetime) -> Decision:
    """The plan wants signatures: stop the rise at once, then ask."""
    rule = rollout.rollback_rule
    open_still = rollout.rollback_request
    if rule is None or (open_still is not None and now < open_still.expires_at):
        return tell(rollout, event.actor, "A rollback is waiting for signatures on the card.")
    digest = release_digest(
        service=rollout.service,
        environment=rollout.environment,
        version=rollout.previous,
        artifact=rollout.previous_artifact,
        plan=rollout.the_plan.digest,
        generation=rollout.revision + 1,
        purpose="rollback",
    )
    request = open_request(
        rule,
        request_id=event.request_id,
        digest=digest,
        generation=rollout.revision + 1,
        excluded=(),
        now=now,
    )
    text = f"@[{event.actor.person}] asks to roll back: {event.reason or 'no reason given'}"
    asked = change(rollout, rollback_request=request, rollback_reason=text)
    effects = show(f"{text}. Traffic stands still; {rule.seats} people sign, or break the glass.")
    if rollout.phase in _PAUSABLE:
        held, _ = pause(asked, now, f"{text}.")
        return held, (*effects, AskSigners("rollback"))
    resting = rollout.phase in {Phase.COMPLETED, Phase.HALTED}
    check = request.expires_at if resting else rollout.next_check_at
    return change(asked, next_check_at=check), (*effects, AskSigners("rollback"))


def open_items(rollout: Rollout) -> tuple[Condition, ...]:
    """The gates of the present wave that a person or a check has to answer and nobody has yet."""
    done = {tick.gate for tick in rollout.ticks}
    if rollout.phase not in {Phase.SOAKING, Phase.JUDGING, Phase.PAUSED}:
        return ()
    gates = rollout.current_wave.gates
    return tuple(g for g in gates if g.kind in {"attest", "check"} and g.id not in done)


def ticked(rollout: Rollout, event: ItemTicked, now: datetime) -> Decision:
    """Somebody, or a check that ran, answers a gate that isn't a number."""
    gate = next((g for g in open_items(rollout) if g.id == event.gate), None)
    if gate is None:
        return tell(rollout, event.actor, "That question is not open (any more).")
    if event.actor.via != "bot":
        reason = refusal(Act.TICK, event.actor, rollout)
        if reason is None and gate.by and not set(gate.by) & set(event.actor.roles):
            reason = f"This is for {' or '.join(gate.by)} to answer."
        if reason is not None:
            return tell(rollout, event.actor, reason)
    tick = Tick(gate.id, event.ok, event.actor.person, now, event.evidence)
    answered = change(rollout, ticks=(*rollout.ticks, tick), next_check_at=now)
    word = "yes" if event.ok else "NO"
    rest = f" ({event.evidence})" if event.evidence else ""
    return answered, show(f"{gate.text} @[{event.actor.person}]: {word}{rest}")


def checks_to_run(rollout: Rollout) -> tuple[RunCheck, ...]:
    """The named checks of the present wave."""
    return tuple(RunCheck(g.id, g.text) for g in open_items(rollout) if g.kind == "check")
