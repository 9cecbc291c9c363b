"""Before anybody signs: the target is looked at, and the checklists of the plan are ticked.

A rollout stays in its preflight until enough of the required items are done. What is ticked holds
for one artifact: when the version comes to mean another one, all ticks are void.
"""

from datetime import datetime, timedelta

from bot.domain import checklists, figures, planned, waiting
from bot.domain.authority import Act, refusal
from bot.domain.checklist_rules import value_problem
from bot.domain.checklists import Checklist, Item
from bot.domain.events import (
    AskSigners,
    ChecksRequested,
    Effect,
    ItemTicked,
    PreflightFailed,
    PreflightPassed,
    RunCheck,
    RunPreflight,
    Seen,
)
from bot.domain.rollout import Phase, Rollout, Tick
from bot.domain.steps import Decision, ask_release, change, enter, in_words, show, tell

LOOK_AGAIN = timedelta(seconds=30)
"""How soon the target is looked at again when it could not be, with everything ticked."""

OPEN_TO_TICKS = frozenset({Phase.PREFLIGHT, Phase.AWAITING_APPROVAL, Phase.QUEUED})
GIVEN_UP = frozenset({Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED})
SHOWN = 3


def passed(rollout: Rollout, event: PreflightPassed, now: datetime) -> Decision:
    """The target was seen: the checklists are open, or signatures are asked for."""
    found = change(
        waiting.forewarned(rollout, event),
        artifact=event.artifact,
        previous=event.seen.current,
        previous_artifact=event.seen.current_artifact,
        checks=event.checks,
        steers=event.steers,
    )
    if rollout.looked and rollout.artifact != event.artifact:
        return void(found, event.artifact, now)
    if checklists.enough(found):
        at = planned.asks_at(found)
        if at is not None and now < at:
            return _ask_later(found, at)
        return _ask(found, event.request_id, now)
    opened = change(found, looked=True, reason="", next_check_at=None)
    return opened, (*show(), *_run(checklists.checks_due(opened)))


def pointless(rollout: Rollout, seen: Seen) -> str:
    """Why there is nothing to do, or nothing to compare with and to go back to."""
    if seen.current:
        return f"Nothing to do: {rollout.version} runs there already."
    return "Not started: nothing runs there yet. Install a first version by hand."


def failed(rollout: Rollout, event: PreflightFailed, now: datetime) -> Decision:
    """Everything is ticked, and the target can't be looked at: that is no reason to begin anew."""
    later = change(rollout, reason=event.reason, next_check_at=now + LOOK_AGAIN)
    return later, show(event.reason) if event.reason != rollout.reason else ()


def due(rollout: Rollout) -> Decision:
    """It is time to look once more whether signatures can be asked for."""
    later = change(rollout, next_check_at=None)
    return later, (RunPreflight(),) if rollout.looked and checklists.enough(rollout) else ()


def void(rollout: Rollout, artifact: str, now: datetime) -> Decision:
    """The version means another artifact now: ticks and signatures were about the old one."""
    reason = f"{rollout.version} now points to another artifact; what was ticked is void."
    anew = enter(
        rollout,
        Phase.PREFLIGHT,
        now,
        artifact=artifact,
        generation=rollout.generation + 1,
        items={},
        request=None,
        looked=True,
        reason=reason,
        next_check_at=None,
    )
    return anew, (*show(reason), *_run(checklists.checks_due(anew)))


def open_words(rollout: Rollout) -> str:
    """What keeps people from signing: "3 of 14 items are open: …"."""
    if not rollout.looked:
        return (
            "The version and the target are being looked at; signatures are asked for after that."
        )
    left = checklists.open_required(rollout)
    if checklists.enough(rollout):
        return f"Everything is ticked. {rollout.reason or 'The target is looked at once more.'}"
    whole = checklists.progress(rollout, checklists.of(rollout)).of
    names = "; ".join(item.text for item in left[:SHOWN])
    more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
    count = f"{len(left)} of {whole} items are open" if whole > 1 else "One item is open"
    return f"{count}: {names}{more}."


# --- ticks ----------------------------------------------------------------------------------


def ticked(rollout: Rollout, event: ItemTicked, now: datetime) -> Decision:
    """A person or a check answers an item; a person's no takes a tick back."""
    lists = checklists.of(rollout)
    item = next((each for each in checklists.all_items(lists) if each.key == event.gate), None)
    if item is None:
        return tell(rollout, event.actor, checklists.unknown_item(lists, event.gate))
    if event.generation and event.generation != rollout.generation:
        return tell(rollout, event.actor, "The artifact has changed since; look at the card.")
    needed = next(each for each in lists if each.id == item.list).needed
    if event.actor.via == "bot":
        answers = needed and rollout.phase in OPEN_TO_TICKS
        return _answered(rollout, item, event, now) if answers else (rollout, ())
    reason = _closed(rollout, needed=needed) or refusal(Act.TICK, event.actor, rollout)
    reason = reason or _not_theirs(rollout, item, event, lists)
    if reason is not None:
        return tell(rollout, event.actor, reason)
    if not event.ok:
        return _taken_back(rollout, item, event, now)
    return _answered(rollout, item, event, now)


def _closed(rollout: Rollout, *, needed: bool) -> str | None:
    if not rollout.looked:
        return open_words(rollout)
    shut = rollout.phase not in OPEN_TO_TICKS if needed else rollout.phase in GIVEN_UP
    return f"This list is closed: {in_words(rollout)}." if shut else None


def _not_theirs(
    rollout: Rollout, item: Item, event: ItemTicked, lists: tuple[Checklist, ...]
) -> str | None:
    """Why this person may not give this answer."""
    state = checklists.state_of(rollout, item, lists)
    if item.follows:
        return f"“{item.text}” ticks itself."
    if not event.ok:
        done = state is not None and state.ok
        return None if done else f"“{item.text}” is not ticked."
    if checklists.automatic(rollout, item):
        return f"“{item.text}” is checked by the bot; `check {item.key}` runs it again."
    if item.by and not set(item.by) & set(event.actor.roles):
        return f"“{item.text}” is for {' or '.join(item.by)} to tick."
    if state is not None and state.ok:
        return f"“{item.text}” is ticked already, by @[{state.person}]."
    first = checklists.waits_for(rollout, item)
    if first is not None:
        return f"Stages come in order; first: {first.text}."
    if item.ask and not event.evidence.strip():
        return f"“{item.text}”: say {item.ask}."
    problem = value_problem(item.value, event.evidence) if item.value else None
    return f"“{item.text}”: {problem}." if problem else None


def _answered(rollout: Rollout, item: Item, event: ItemTicked, now: datetime) -> Decision:
    ticks = {
        each: _tick(each, event, now) for each in (item, *_answered_with(rollout, item, event))
    }
    after = change(rollout, items={**rollout.items, **{t.gate: t for t in ticks.values()}})
    said = [text for each, tick in ticks.items() for text in _words(rollout, after, each, tick)]
    said = list(dict.fromkeys(said))
    began = _run([each for each in checklists.checks_due(after) if each not in _due(rollout, item)])
    if rollout.phase is Phase.PREFLIGHT and checklists.enough(after):
        if checklists.enough(rollout):
            return after, (*show(*said), *began)
        text = "Everything required is ticked. Looking at the target once more, then asking."
        return after, (*show(*said, text), *began, RunPreflight())
    return after, (*show(*said), *began)


def _answered_with(rollout: Rollout, item: Item, event: ItemTicked) -> tuple[Item, ...]:
    """The other items that the same run of a command answers."""
    items = checklists.all_items(checklists.of(rollout))
    if event.actor.via != "bot" or item.check not in figures.checks_with_figures(items):
        return ()
    return tuple(each for each in items if each.check == item.check and each != item)


def _tick(item: Item, event: ItemTicked, now: datetime) -> Tick:
    """A check that says yes has to have found a number that holds, where one is wanted."""
    found = event.evidence
    if item.figure and event.ok and event.actor.via == "bot":
        found = figures.figure_of(event.evidence, item.figure)
    problem = value_problem(item.value, found) if item.value and event.ok else None
    words = f"{found}; {problem}".lstrip("; ") if problem else found
    return Tick(item.key, event.ok and problem is None, event.actor.person, now, words)


def _due(rollout: Rollout, item: Item) -> tuple[Item, ...]:
    return (item, *checklists.checks_due(rollout))


def _words(before: Rollout, after: Rollout, item: Item, tick: Tick) -> tuple[str, ...]:
    """What the thread hears: what failed, and that a list is done; not each of forty ticks."""
    lists = checklists.of(after)
    if not tick.ok:
        return (f"Not yet: {item.text} ({tick.evidence or 'the check says no'})",)
    its = next(each for each in lists if each.id == item.list)
    was, now = (checklists.progress(each, lists, its) for each in (before, after))
    if was.done < was.of == now.done:
        return (f"{its.title}: all {now.of} required items are done.",)
    return ()


def _taken_back(rollout: Rollout, item: Item, event: ItemTicked, now: datetime) -> Decision:
    items = {key: tick for key, tick in rollout.items.items() if key != item.key}
    why = f": {event.evidence}" if event.evidence else "."
    said = f"@[{event.actor.person}] took the tick back from “{item.text}”{why}"
    less = change(rollout, items=items)
    again = _run([each for each in checklists.checks_due(less) if each == item])
    if rollout.phase is Phase.PREFLIGHT or checklists.enough(less):
        return less, (*show(said), *again)
    back = enter(
        less,
        Phase.PREFLIGHT,
        now,
        request=None,
        generation=rollout.generation + 1,
        reason="An item is open again; what was signed is void.",
        next_check_at=None,
    )
    return back, (*show(f"{said} {back.reason}"), *again)


# --- checks ---------------------------------------------------------------------------------


def rechecked(rollout: Rollout, event: ChecksRequested) -> Decision:
    """Run the checks again that said no, or the one that is named."""
    reason = refusal(Act.TICK, event.actor, rollout)
    if reason is None and (rollout.phase is not Phase.PREFLIGHT or not rollout.looked):
        reason = f"There is nothing to check now: {in_words(rollout)}."
    items = checklists.all_items(checklists.of(rollout))
    mine = [each for each in items if checklists.automatic(rollout, each)]
    if event.item:
        chosen = [each for each in mine if each.key == event.item]
        none = "The bot has no check for that item here; somebody ticks it."
    else:
        said_no = {key for key, tick in rollout.items.items() if not tick.ok}
        chosen = [each for each in mine if each.key in said_no]
        none = "No check has said no. Name the item to run its check again."
    if reason is None and not chosen:
        reason = none
    if reason is not None:
        return tell(rollout, event.actor, reason)
    kept = {key: t for key, t in rollout.items.items() if key not in {c.key for c in chosen}}
    fresh = change(rollout, items=kept)
    stage = checklists.next_stage(fresh)
    runs = [each for each in chosen if each.list != checklists.STAGES or each == stage]
    return fresh, (*show(), *_run(runs))


def _run(items: list[Item] | tuple[Item, ...]) -> tuple[Effect, ...]:
    once = figures.each_once(items, figures.checks_with_figures(items))
    return tuple(RunCheck(item.key, item.check) for item in once)


# --- the question ---------------------------------------------------------------------------


def _ask_later(rollout: Rollout, at: datetime) -> Decision:
    """Signatures given weeks before would have expired on the day."""
    reason = f"Signatures are asked for from t[{int(at.timestamp())}] on."
    later = change(rollout, looked=True, reason=reason, next_check_at=at)
    return later, show(reason) if reason != rollout.reason else ()


def _ask(rollout: Rollout, request_id: str, now: datetime) -> Decision:
    request = ask_release(rollout, request_id, rollout.generation, now)
    if request.complete:  # nobody has to sign
        ready = enter(
            rollout, Phase.QUEUED, now, request=request, looked=True, reason="", next_check_at=now
        )
        return ready, show(f"Nobody has to sign in {rollout.environment}.")
    asking = enter(
        rollout,
        Phase.AWAITING_APPROVAL,
        now,
        request=request,
        looked=True,
        reason=waiting.reason_to_sign(rollout),
        next_check_at=min(request.expires_at, now + request.remind_every),
    )
    return asking, (*show(), AskSigners("release"))
