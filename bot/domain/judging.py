"""A look at a live rollout: what was measured, what runs, and what follows from both.

Order matters and is the same every time: what broke comes first, then what can't be seen, and only
then whether the wave has served its soak and passed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain import dashboards, facts, ramp, regular
from bot.domain.breaches import breach
from bot.domain.conditions import Action, Condition
from bot.domain.days import next_opens_at, opening_words
from bot.domain.events import Effect, Measured, Page, PostThread, RenderCard, Seen
from bot.domain.gates import Finding, Verdict
from bot.domain.knowing import EARLY, fold_in, new_watcher, serve
from bot.domain.requests import checks_to_run, next_wave, open_items, withheld_next
from bot.domain.rollout import MEASURING, Phase, Rollout
from bot.domain.samples import Measurement, Track, Unknown
from bot.domain.signatures import rollback_waiting
from bot.domain.steps import (
    TRAFFIC_TOLERANCE,
    Decision,
    change,
    enter,
    halt,
    pause,
    put_back,
    retire,
    show,
)
from bot.domain.telling import alert_text, levels_of
from bot.domain.units import format_duration
from bot.domain.watching import does, watch
from bot.domain.weights import weighed

BLIND_FOR = timedelta(minutes=2)
"""How long nothing may be known about live traffic before people are called."""

UNSEEN = "Nothing has been known for 2 minutes. The old side stays until it is seen again."

CARD_EVERY = timedelta(seconds=3)
"""How old a card of a live rollout may get while only its numbers change."""

GRACE = timedelta(minutes=1)
"""How long the evidence may still come by itself before a person is asked to decide."""

EXTENSIONS = 4
"""In how many equal parts an inconclusive soak is extended up to the plan's maximum."""


def look(rollout: Rollout, event: Measured, now: datetime) -> Decision:
    """Fold a measurement in and decide."""
    event = weighed(rollout, event)
    measured = fold_in(change(rollout, mute=event.mute), event, now)
    watched, verdicts = facts.tell(*watched_limits(measured, event.measurements, now), now)
    broken = broken_limit(watched, verdicts)
    if broken is not None:
        return broke(watched, *broken, verdicts, now)
    watched, said = alerting(watched, verdicts)
    drifted = _drift(watched, event.seen, now)
    if drifted is not None:
        held, announced = drifted
        return held, (*announced, *said)
    blind = blindness(event, watched)
    seeing = note_blindness(watched, blind, now)
    mistake = _mistake(event, watched)
    if mistake:
        text = f"The plan asks for what can't be read: {mistake}. Correct it, or roll back."
        held, called = pause(seeing, now, text, page=True)
        return held, (*called, *said)
    if blind and _blind_too_long(seeing, now):
        seeing, called = _blind(seeing, blind, now)
        said = (*called, *said)
        if seeing.phase is Phase.PAUSED:
            return seeing, said
    counts = not blind and rollout.phase is not Phase.PAUSED
    served = serve(seeing, event.covered, now) if counts else seeing
    decided, effects = _go_on(aimed(served, now), now)
    return report(decided, (*said, *effects), now)


def aimed(rollout: Rollout, now: datetime) -> Rollout:
    """Look again when a window or the soak ends, if that is before the next poll.

    A window is judged by the first look after its end, so a poll that misses it by a little would
    leave bad traffic on for almost a poll more.
    """
    ends = [w.window_ends_at for w in rollout.watchers.values() if w.window_ends_at is not None]
    if rollout.phase is Phase.SOAKING and rollout.blind_since is None:
        ends.append(now + (ramp.step_left(rollout) or rollout.soak_left))
    polled = now + rollout.the_plan.poll * EARLY
    return change(rollout, next_check_at=min([polled, *(end for end in ends if end > now)]))


def _conditions(rollout: Rollout) -> Sequence[Condition]:
    plan = rollout.the_plan
    known = (*plan.triggers_of(rollout.current_wave), *plan.all_alerts, *plan.aims)
    return [c for c in known if c.kind == "if" and not facts.own(c, rollout)]


def watched_limits(
    rollout: Rollout, measurements: Sequence[Measurement], now: datetime
) -> tuple[Rollout, Mapping[str, Verdict]]:
    """Every measured trigger and alert with this look taken in, and what each says now."""
    others = {c.id for c in (*rollout.current_wave.gates, *facts.told_of(rollout))}
    watchers = {name: each for name, each in rollout.watchers.items() if name in others}
    verdicts: dict[str, Verdict] = {}
    for condition in _conditions(rollout):
        old = rollout.watchers.get(condition.id) or new_watcher(rollout, now)
        watchers[condition.id], verdicts[condition.id] = watch(
            condition, rollout.the_plan, old, rollout.meter, measurements, now
        )
    return change(rollout, watchers=watchers), verdicts


def broken_limit(
    rollout: Rollout, verdicts: Mapping[str, Verdict]
) -> tuple[Condition, Action] | None:
    """The worst satisfied trigger, the one that takes most traffic away, and what it does now."""
    order = [Action.ROLLBACK, Action.STEP_BACK, Action.PAUSE]
    if rollout.phase in {Phase.PAUSED, Phase.STEPPING_BACK}:
        order = order[:1]
    satisfied = [
        (trigger, does(trigger, rollout.watchers[trigger.id]))
        for trigger in rollout.the_plan.triggers_of(rollout.current_wave)
        if verdicts.get(trigger.id) is Verdict.FAIL
    ]
    hit = [(trigger, do) for trigger, do in satisfied if do in order]
    return min(hit, key=lambda found: order.index(found[1])) if hit else None


def broke(
    rollout: Rollout,
    condition: Condition,
    do: Action,
    verdicts: Mapping[str, Verdict],
    now: datetime,
) -> Decision:
    """A broken limit, with the alerts where it is they that broke it."""
    if not facts.own(condition, rollout):
        return _carry_out(rollout, condition, do, now)
    alarmed, said = alerting(rollout, verdicts)
    broken, effects = _carry_out(alarmed, condition, do, now)
    return broken, (*effects, *said)


def _carry_out(rollout: Rollout, condition: Condition, do: Action, now: datetime) -> Decision:
    watcher = rollout.watchers[condition.id]
    why = f"{condition.text} ({watcher.shown})"
    if rollout.phase is Phase.WATCHING:
        if rollout.op_key:
            reason = f"{why}, and {rollout.previous} is no longer there to go back to."
            return halt(rollout, now, reason)
        gently = do is not condition.do
        return breach(rollout, now, do if gently else Action.ROLLBACK, why)
    return breach(rollout, now, do, why)


def alerting(
    rollout: Rollout, verdicts: Mapping[str, Verdict]
) -> tuple[Rollout, tuple[Effect, ...]]:
    """Alerts and notify-triggers are said when they begin, and again when they begin anew."""
    effects: list[Effect] = []
    active: list[str] = []
    for level, condition in levels_of(rollout.the_plan, rollout.current_wave):
        if verdicts.get(condition.id) is not Verdict.FAIL:
            continue
        active.append(condition.id)
        if condition.id not in rollout.alerts:
            effects.append(PostThread(alert_text(level, condition, rollout.watchers[condition.id])))
    return change(rollout, alerts=tuple(active)), tuple(effects)


def _drift(rollout: Rollout, seen: Seen | None, now: datetime) -> Decision | None:
    """What runs is not what should run: say so and hold. More traffic than asked is taken away."""
    if seen is None or rollout.paused_from in {Phase.PREPARING, Phase.SHIFTING, Phase.PROMOTING}:
        return None
    found = _difference(rollout, seen)
    if found == rollout.drift:
        return None
    if not found:
        return change(rollout, drift=""), show("What runs is again what was asked for.")
    noted = change(rollout, drift=found)
    more = seen.weight > rollout.weight + TRAFFIC_TOLERANCE and rollout.phase is not Phase.WATCHING
    if rollout.drift and not more:  # people have been called; a value that wavers is not news
        return noted, ()
    text = f"Drift: {found}. Resume puts the wave's traffic back; roll back if that is wrong."
    held, effects = pause(noted, now, text, page=True)
    return put_back(held, *effects) if more else (held, effects)


def _difference(rollout: Rollout, seen: Seen) -> str:
    if rollout.phase is Phase.WATCHING or rollout.paused_from is Phase.WATCHING:
        live = seen.current == rollout.version
        return "" if live else f"{rollout.version} should be current, but {seen.current} is"
    if seen.candidate != rollout.version:
        return f"{rollout.version} should be the candidate, but {seen.candidate or 'nothing'} is"
    if not seen.uniform:
        return f"the target's processes disagree ({seen.detail})"
    if abs(seen.weight - rollout.weight) > TRAFFIC_TOLERANCE:
        return f"{rollout.weight:g} % was set, but {seen.weight:g} % is there now"
    return ""


def blindness(event: Measured, rollout: Rollout) -> str:
    """What can't be seen now; no traffic on the candidate means nothing to see there."""
    if event.seen is None:
        return event.blind or "the deployer doesn't say what runs"
    lost = _lost(event, rollout)
    return f"{lost[0][0]}: {lost[0][1].reason}" if lost else ""


def _lost(event: Measured, rollout: Rollout) -> list[tuple[str, Unknown]]:
    """The metrics of which nothing is known, with why."""
    if rollout.weight <= 0:
        return []
    found: list[tuple[str, Unknown]] = []
    for measurement in event.measurements:
        baseline_gone = measurement.track is Track.BASELINE and rollout.weight >= 100
        if isinstance(measurement.reading, Unknown) and not baseline_gone:
            found.append((measurement.metric, measurement.reading))
    return found


def _mistake(event: Measured, rollout: Rollout) -> str:
    """What will not be known before somebody corrects it; "" when held or live already."""
    if rollout.phase not in {Phase.SOAKING, Phase.JUDGING}:
        return ""
    wrong = [f"{name}: {lost.reason}" for name, lost in _lost(event, rollout) if lost.mistake]
    return next(iter(wrong), "")


def note_blindness(rollout: Rollout, blind: str, now: datetime) -> Rollout:
    """Since when nothing is known; None when something is."""
    if not blind:
        reason = "" if rollout.reason == UNSEEN else rollout.reason
        return change(rollout, blind_since=None, reason=reason)
    return change(rollout, blind_since=rollout.blind_since or now)


def _blind_too_long(rollout: Rollout, now: datetime) -> bool:
    since = rollout.blind_since
    return (
        since is not None
        and now - since >= BLIND_FOR
        and rollout.phase in {Phase.SOAKING, Phase.JUDGING, Phase.WATCHING}
    )


def _blind(rollout: Rollout, blind: str, now: datetime) -> Decision:
    """Nobody can tell how live traffic fares: call people, and let nothing rise meanwhile."""
    if rollout.phase is Phase.WATCHING:
        held, effects = _hold(rollout, UNSEEN, blind)
        return held, (*effects, Page(f"{UNSEEN} ({blind})")) if effects else ()
    return pause(rollout, now, f"Nothing has been known for 2 minutes: {blind}.", page=True)


def _go_on(rollout: Rollout, now: datetime) -> Decision:
    asked = rollout.rollback_request
    if asked is not None:
        return _asked_in_vain(rollout, now) if now >= asked.expires_at else (rollout, ())
    match rollout.phase:
        case Phase.SOAKING | Phase.JUDGING:
            return _soak(rollout, now)
        case Phase.WATCHING:
            over = rollout.soak_done >= rollout.the_plan.keep_previous and not rollout.op_key
            sure = rollout.blind_since is None and not rollout.mute
            return retire(rollout) if over and sure else (rollout, ())
        case _:
            return rollout, ()


def _asked_in_vain(rollout: Rollout, now: datetime) -> Decision:
    """Nobody signed the rollback in time."""
    kept, effects = rollback_waiting(rollout, now)
    return change(kept, next_check_at=rollout.next_check_at), effects


def _soak(rollout: Rollout, now: datetime) -> Decision:
    evident = next((f for f in rollout.findings if f.evident), None)
    if evident is not None:  # more of the soak would only put it off
        on_breach = Action(rollout.current_wave.on_breach)
        return breach(rollout, now, on_breach, _failed_words(evident))
    sure = rollout.blind_since is None and not rollout.mute
    if sure and ramp.step_left(rollout) == timedelta():
        return ramp.climb(rollout, now)
    if rollout.soak_left > timedelta():
        return rollout, ()
    judged: Rollout = rollout
    effects: tuple[Effect, ...] = ()
    if rollout.phase is Phase.SOAKING:
        judged = enter(rollout, Phase.JUDGING, now, reason="")
        effects = (RenderCard(), *checks_to_run(judged))
    decided, more = _judge(judged, now)
    return decided, (*effects, *more)


def _judge(rollout: Rollout, now: datetime) -> Decision:
    """The soak is over: pass, fail, extend, or wait for a person."""
    wave = rollout.current_wave
    refused = [t for t in rollout.ticks if not t.ok and t.gate in {g.id for g in wave.gates}]
    failed = [f for f in rollout.findings if f.verdict is Verdict.FAIL]
    if failed or refused:
        why = _failed_words(failed[0]) if failed else _refused_words(rollout, refused[0].gate)
        return breach(rollout, now, Action(wave.on_breach), why)
    if rollout.blind_since is not None:
        return rollout, ()
    unknown = next((f for f in rollout.findings if f.verdict is Verdict.UNKNOWN), None)
    if unknown is not None:
        return _hold(rollout, f"Waiting for measurements: {unknown.text}", unknown.why)
    unstable = facts.unstable(rollout)
    thin = [f for f in rollout.findings if f.verdict is Verdict.INCONCLUSIVE and f not in unstable]
    if thin and wave.on_inconclusive != "proceed":
        return _inconclusive(rollout, thin[0], now)
    unanswered = [g for g in open_items(rollout) if not g.optional]
    if unanswered:
        return _hold(rollout, f"Waiting for an answer: {unanswered[0].text}")
    if unstable:
        return _hold(rollout, f"Waiting until it has been {unstable[0].text}.")
    opens = next_opens_at(rollout, now)
    rollout = change(rollout, wave_opens_at=opens)
    if opens is not None:
        return _hold(rollout, opening_words(rollout, now))
    kept = withheld_next(rollout)
    if kept:
        return _hold(rollout, kept)
    if wave.asks:
        return _hold(rollout, "The wave passed. Somebody has to press Advance.")
    if rollout.mute:
        return _hold(rollout, "Waiting until people can be told again.", rollout.mute)
    return next_wave(rollout, now)


def _failed_words(finding: Finding) -> str:
    return f"the gate {finding.text} failed: {finding.said}"


def _refused_words(rollout: Rollout, gate_id: str) -> str:
    tick = next(t for t in rollout.ticks if t.gate == gate_id and not t.ok)
    text = next(g.text for g in rollout.current_wave.gates if g.id == gate_id)
    return f"@[{tick.person}] answered no to: {text}"


def _hold(rollout: Rollout, reason: str, detail: str = "") -> Decision:
    """Say once what is waited for. `reason` must not change from look to look, `detail` may."""
    if reason == rollout.reason:
        return rollout, ()
    return change(rollout, reason=reason), show(f"{reason} ({detail})" if detail else reason)


def _inconclusive(rollout: Rollout, finding: Finding, now: datetime) -> Decision:
    """Too little evidence: soak on as far as the plan allows, then a person decides."""
    wave = rollout.current_wave
    most = wave.soak * rollout.the_plan.max_extend
    if wave.on_inconclusive == "extend" and rollout.soak_extra < most:
        step = min(most / EXTENSIONS, most - rollout.soak_extra)
        extended = enter(
            rollout, Phase.SOAKING, now, reason="", soak_extra=rollout.soak_extra + step
        )
        text = f"Not enough evidence yet for {finding.text}: {finding.said}."
        return extended, show(f"{text} Soaking {format_duration(step)} longer.")
    detail = f"{finding.said}. {_what_helps(finding)}"
    if now - rollout.phase_since < GRACE:
        return _hold(rollout, f"Waiting for evidence: {finding.text}", detail)
    reason = f"A person has to decide: {finding.text}"
    held, effects = _hold(rollout, reason, detail)
    return held, (*effects, Page(f"{reason} ({detail})")) if effects else ()


def _what_helps(finding: Finding) -> str:
    """What a person can do about a gate that stays open."""
    wanted = finding.needs
    if wanted is not None and wanted.expected is not None:
        return "More traffic settles it sooner. Extend, advance by your own decision, or roll back"
    if wanted is not None and wanted.best is not None:
        return (
            "At this rate no traffic settles it. Extend if you expect it to get better, "
            "advance by your own decision, or roll back"
        )
    return "More traffic does not help. Extend, advance by your own decision, or roll back"


def report(rollout: Rollout, effects: tuple[Effect, ...], now: datetime) -> Decision:
    """Keep the card fresh and post at the plan's cadence, on top of what was decided."""
    more: list[Effect] = []
    reported = rollout
    if rollout.phase in MEASURING:
        reported, posts = regular.due(rollout, now)
        more += posts
    shown = any(isinstance(effect, RenderCard) for effect in effects)
    oldest = dashboards.pace(rollout.the_plan, CARD_EVERY)
    stale = rollout.carded_at is None or now - rollout.carded_at >= oldest
    if stale and not shown:
        more.append(RenderCard())
    if stale or shown:
        reported = change(reported, carded_at=now)
    return reported, (*effects, *more)
