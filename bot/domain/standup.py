"""How a standup goes on: the one transition, and what it has to do with the releases it is about.

It is written by the bot and decided by people. What a button decides happens to the release in the
same unit of work (`bot.engine.standups`), under the policy of the typed commands; here is what the
standup keeps of it. It stays open, so that things can be added and done, until the next one begins.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.events import Effect, Ticked, Whisper
from bot.domain.people import Actor
from bot.domain.rollout import Phase, Rollout
from bot.domain.standup_state import (
    CHOICES,
    DECIDED,
    Action,
    ActionAdded,
    ActionClosed,
    AnyStandupEvent,
    Choice,
    ChoiceMade,
    Decision,
    PostWeekly,
    RemindDeciders,
    ShowStandup,
    Standup,
    Superseded,
    TellStandup,
    TopicClosed,
)

REMINDERS = (timedelta(hours=1), timedelta(hours=4))
"""When after its beginning those who have not decided are reminded."""

MOST_ACTIONS = 50
"""Open at a time."""

Decided = tuple[Standup, Sequence[Effect]]


# --- how it goes on -------------------------------------------------------------------------


def begin(standup: Standup, before: Standup | None = None) -> Decided:
    """A standup that begins now. before: the last one of its series, whose actions go on."""
    carried = before.open_actions if before is not None else ()
    first = msgspec.structs.replace(
        standup,
        actions=carried,
        numbers=before.numbers if before is not None else 0,
        next_check_at=_next_reminder(standup),
    )
    return first, (ShowStandup(), *((PostWeekly(),) if standup.weekly else ()))


def _next_reminder(standup: Standup) -> datetime | None:
    if not standup.undecided or standup.reminded >= len(REMINDERS):
        return None
    return standup.created_at + REMINDERS[standup.reminded]


def decide(standup: Standup, event: AnyStandupEvent, now: datetime) -> Decided:
    """The standup after `event`, and what is to be done about it."""
    match event:
        case ChoiceMade():
            return _chosen(standup, event, now)
        case TopicClosed():
            return _closed(standup, event)
        case ActionAdded():
            return _added(standup, event, now)
        case ActionClosed():
            return _done(standup, event, now)
        case Superseded():
            return _over(standup, now)
        case Ticked():
            return _reminded(standup, now)


def refusal(standup: Standup, actor: Actor, rollout_id: str, choice: Choice) -> str | None:
    """Why a choice can't be made here, None: it can. Whether the release allows it is its own."""
    topic = standup.topic(rollout_id)
    if topic is None:
        return "This standup is not about that release."
    if standup.ended_at is not None:
        return "This standup is over: the next one has begun. Decide there, or on the card."
    if topic.closed:
        return f"There is nothing left to decide: {topic.closed}"
    if topic.decision is not None:
        who = f"@[{topic.decision.person}]"
        return (
            f"{who} has decided already: {DECIDED[topic.decision.choice]}. The card has the rest."
        )
    if choice not in topic.offered:
        return f"The plan of this release leaves that to its card: {DECIDED[choice]}."
    if choice is Choice.CONTINUE and not actor.roles:
        return (
            "You hold no role that may decide this. Pausing is open to everybody; roles are listed "
            "under `roles:` in the bot's configuration."
        )
    return None


def _chosen(standup: Standup, event: ChoiceMade, now: datetime) -> Decided:
    if refusal(standup, event.actor, event.rollout_id, event.choice) is not None:
        return standup, ()
    made = Decision(event.choice, event.actor.person, now, event.reason)
    changed = _with(standup, event.rollout_id, decision=made)
    topic = standup.topic(event.rollout_id)
    what = f"{topic.service} {topic.version}: " if topic is not None else ""
    said = f"{what}@[{event.actor.person}] decided to {DECIDED[event.choice]}: {event.reason}"
    return changed, (ShowStandup(), TellStandup(said))


def _closed(standup: Standup, event: TopicClosed) -> Decided:
    topic = standup.topic(event.rollout_id)
    if topic is None or topic.closed or standup.ended_at is not None:
        return standup, ()
    return _with(standup, event.rollout_id, closed=event.why), (ShowStandup(),)


def _with(standup: Standup, rollout_id: str, **fields: object) -> Standup:
    topics = tuple(
        msgspec.structs.replace(each, **fields) if each.rollout_id == rollout_id else each
        for each in standup.topics
    )
    changed = msgspec.structs.replace(standup, topics=topics)
    return msgspec.structs.replace(changed, next_check_at=_next_reminder(changed))


def _added(standup: Standup, event: ActionAdded, now: datetime) -> Decided:
    if len(standup.open_actions) >= MOST_ACTIONS:
        text = f"{MOST_ACTIONS} things are open already. Close some of them first."
        return standup, (Whisper(event.actor.user_id, text),)
    number = standup.numbers + 1
    new = Action(
        number=number, text=event.text, owner=event.owner, by=event.actor.person, since=now
    )
    changed = msgspec.structs.replace(standup, actions=(*standup.actions, new), numbers=number)
    return changed, (ShowStandup(), TellStandup(f"@[{new.by}] added {in_words(new)}"))


def _done(standup: Standup, event: ActionClosed, now: datetime) -> Decided:
    action = next((each for each in standup.actions if each.number == event.number), None)
    if action is None or not action.open:
        why = "is done already" if action is not None else "is not on this list"
        return standup, (Whisper(event.actor.user_id, f"Number {event.number} {why}."),)
    who = event.actor.person
    closed = msgspec.structs.replace(action, done_by=who, done_at=now, dropped=event.dropped)
    rest = tuple(closed if each is action else each for each in standup.actions)
    word = "dropped" if event.dropped else "has done"
    changed = msgspec.structs.replace(standup, actions=rest)
    return changed, (ShowStandup(), TellStandup(f"@[{who}] {word} {in_words(closed)}"))


def _over(standup: Standup, now: datetime) -> Decided:
    if standup.ended_at is not None:
        return standup, ()
    return msgspec.structs.replace(standup, ended_at=now, next_check_at=None), (ShowStandup(),)


def _reminded(standup: Standup, now: datetime) -> Decided:
    due = standup.next_check_at
    if standup.ended_at is not None or due is None or now < due:
        return standup, ()
    # After an outage those who are silent are reminded once, not once for each time.
    passed = sum(standup.created_at + after <= now for after in REMINDERS)
    later = msgspec.structs.replace(standup, reminded=passed)
    later = msgspec.structs.replace(later, next_check_at=_next_reminder(later))
    return later, (RemindDeciders(),)


def in_words(action: Action) -> str:
    """An action in one line."""
    owner = f" @[{action.owner}]" if action.owner else ""
    return f"{action.number}.{owner} {action.text}"


# --- of a release ---------------------------------------------------------------------------


def is_topic(rollout: Rollout) -> bool:
    """Whether a release is under way in the sense of a standup: traffic has moved."""
    return rollout.live and bool(rollout.marks)


def over_words(rollout: Rollout) -> str:
    """Why nothing is left to decide about a release that has ended."""
    words = {
        Phase.COMPLETED: "it is complete",
        Phase.ROLLED_BACK: "it was rolled back",
        Phase.CANCELLED: "it was cancelled",
    }
    return f"{words.get(rollout.phase, 'it is over')}."


def act_of(choice: Choice, rollout: Rollout) -> str:
    """Which act on the release a choice stands for, "" when the release just goes on."""
    match choice:
        case Choice.CONTINUE:
            return "resume" if rollout.phase in {Phase.PAUSED, Phase.HALTED} else ""
        case Choice.NEXT_WAVE:
            return "advance"
        case Choice.PAUSE:
            # What stands still already is kept where it is.
            return "" if rollout.phase in {Phase.PAUSED, Phase.HALTED} else "pause"
        case Choice.ROLLBACK:
            return "rollback"


def offered(decisions: Sequence[str]) -> tuple[Choice, ...]:
    """The choices that a plan's `decisions` name; all of them when it names none."""
    named = tuple(choice for choice in Choice if choice.value in decisions)
    return named or CHOICES
