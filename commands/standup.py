"""/standup: hold one, see when the next is, decide, and keep what is to be done.

Each button has a typed twin: `decide` takes the same way as the four buttons.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.domain.documents import nearest
from bot.domain.events import RolloutEvent
from bot.domain.rollout import Rollout
from bot.domain.standup import in_words, refusal
from bot.domain.standup_calendar import Slot
from bot.domain.standup_content import in_zone
from bot.domain.standup_state import ActionAdded, ActionClosed, Choice, ChoiceMade, Standup, Topic
from bot.engine.intents import Intent
from bot.engine.standup_times import Held
from bot.engine.standups import CHOICE_OF
from bot.engine.transitions import NotFoundError, TargetBusyError
from bot.slack.modals import filled_in
from bot.slack.replies import Reply
from bot.slack.standups import (
    ADD,
    ADD_FORM,
    DECISION_FORM,
    DONE,
    TEXT_MOST,
    StandupCards,
    add_form,
    decision_form,
)
from bot.slack.text import typed
from commands.acts import ACTS, FALLING, Given
from commands.context import Call, Context, Names, Refuse, Verb
from commands.parser import Argument, Grammar

FORMS = frozenset({DECISION_FORM, ADD_FORM})

MOST_WEEKS = 52

_FALLING = frozenset(choice for choice in Choice if choice.value in FALLING)
_PERSON = re.compile(r"@\[([^\[\]\s]+)\]\s*")
_PLAN = Grammar((Argument("plan", "whose, where several standups are held here"),))


def is_button(name: str) -> bool:
    """Whether an action belongs to a standup."""
    return name in CHOICE_OF or name == ADD or name.startswith(f"{DONE}_")


# --- buttons and forms ----------------------------------------------------------------------


async def form(context: Context, intent: Intent) -> Mapping[str, Any] | None:
    """The form that a button opens, None when it opens none."""
    standup_id, _, rest = intent.value.partition(":")
    standup = await context.standups.find(standup_id)
    if standup is None:
        return None
    if intent.name == ADD:
        return add_form(standup, context.catalogue.people) if standup.ended_at is None else None
    choice, topic = CHOICE_OF.get(intent.name), standup.topic(rest)
    if choice is None or topic is None or not topic.open or standup.ended_at is not None:
        return None
    return decision_form(standup, topic, choice)


async def pressed(context: Context, intent: Intent) -> None:
    """A button that opened no form: an action is done, or it is too late to decide."""
    standup_id, _, rest = intent.value.partition(":")
    standup = await _found(context, standup_id)
    if intent.name in CHOICE_OF:
        await _choose(context, intent, standup, rest, CHOICE_OF[intent.name], "")
    elif intent.name == ADD:
        raise Refuse("This standup is over: the next one has begun. Add it there.")
    else:
        await _close(context, intent, standup, int(rest), dropped=False)


async def submitted(context: Context, intent: Intent) -> None:
    """A form was filled in."""
    fields = filled_in(intent.values)
    if intent.name == ADD_FORM:
        standup = await _found(context, intent.private_metadata)
        await _add(context, intent, standup, fields.get("text", ""), fields.get("owner", ""))
        return
    standup_id, rollout_id, choice = intent.private_metadata.split(":")
    standup = await _found(context, standup_id)
    reason = fields.get("reason", "")
    await _choose(context, intent, standup, rollout_id, Choice(choice), reason)


async def _found(context: Context, standup_id: str) -> Standup:
    standup = await context.standups.find(standup_id)
    if standup is None:
        raise Refuse(f"I know no standup `{standup_id}`.")
    return standup


async def _choose(
    context: Context, intent: Intent, standup: Standup, rollout_id: str, choice: Choice, why: str
) -> None:
    """Do what somebody decided. A refusal by the release is told by the release."""
    falling = choice in _FALLING
    actor = await (context.actor_for_falling if falling else context.actor)(intent)
    reason = " ".join(why.split())
    if not reason and refusal(standup, actor, rollout_id, choice) is None:
        raise Refuse("Say why: it is kept with the decision.")

    def make(rollout: Rollout, act: str) -> RolloutEvent:
        return ACTS[act](rollout, actor, Given(text=reason, new_id=intent.id))

    made = ChoiceMade(actor, rollout_id, choice, reason)
    try:
        refused = await context.standups.choose(made, standup.id, make, intent.id)
    except TargetBusyError as busy:
        raise Refuse(f"Nothing was done: {busy}.") from busy
    except NotFoundError as error:
        raise Refuse(f"That release is not there: {error}.") from error
    if refused:
        raise Refuse(refused)


async def _add(context: Context, intent: Intent, standup: Standup, text: str, owner: str) -> None:
    what = " ".join(text.split())
    if not what:
        raise Refuse("Say what is to be done, as in `add @mary look at the cache`.")
    if len(what) > TEXT_MOST:
        raise Refuse(f"That is {len(what)} characters; an action takes at most {TEXT_MOST}.")
    actor = await context.actor_for_falling(intent)
    event = ActionAdded(actor, what, _person(context, owner))
    await context.standups.apply(standup.id, event, intent.id)


def _person(context: Context, owner: str) -> str:
    """A person by name or account."""
    return context.catalogue.person_of(owner) if owner else ""


async def _close(
    context: Context, intent: Intent, standup: Standup, number: int, *, dropped: bool
) -> None:
    actor = await context.actor_for_falling(intent)
    event = ActionClosed(actor, number, dropped)
    await context.standups.apply(standup.id, event, intent.id)


# --- typed ----------------------------------------------------------------------------------


async def _held(call: Call) -> Held:
    """The one series that is meant. Raises Refuse."""
    found = await call.context.standups.here(call.intent.channel)
    plan = call.parsed.get("plan")
    named = [held for held in found if plan in ("", held.series.plan)]
    if not found:
        raise Refuse(
            "No standup is held in this channel. The configuration adds one under `standups:`; a "
            "plan with a `standup:` brings its own while one of its releases is under way."
        )
    if len(named) == 1:
        return named[0]
    plans = [held.series.plan for held in found]
    if plan:
        raise Refuse(f"No standup of {plan} is held here; {nearest(plan, plans)}")
    raise Refuse(f"Which one? Name a plan: {', '.join(plans)}.")


async def _standup(call: Call) -> Standup:
    """The newest open standup of this channel. Raises Refuse."""
    found = await call.context.standups.newest(call.intent.channel)
    if not found:
        now = f"`{call.context.names.standup} now` holds one"
        raise Refuse(f"There has been no standup in this channel yet; {now}.")
    return found[0]


async def _now(call: Call) -> Reply | None:
    """Hold one now."""
    held = await _held(call)
    actor = await call.context.actor_for_falling(call.intent)
    if not actor.roles:
        raise Refuse("You hold no role that may call a standup. Ask somebody who does.")
    series = held.series
    made = await call.context.standups.now(series.channel, series.plan, actor, call.intent.id)
    return None if made is not None else Reply("It is no longer held here.")


async def _next(call: Call) -> Reply:
    """When the next standups of this channel are."""
    found = await call.context.standups.here(call.intent.channel)
    lines = [_when(call.context, held) for held in found]
    return Reply("\n".join(lines) or "No standup is held in this channel.")


def _when(context: Context, held: Held) -> str:
    slot = context.standups.following(held)
    name = held.series.plan
    if slot is None:
        return f"{name}: none within a year."
    days = "every day while its releases are under way" if held.rollouts else "on business days"
    return f"{name}: {_instant(slot)} ({in_zone(slot.at, held.series.zone)}), {days}"


def _instant(slot: Slot) -> str:
    return f"t[{int(slot.at.timestamp())}]"


async def _figures(call: Call) -> Reply:
    """The figures of delivery of the last weeks."""
    words = call.parsed.get("weeks") or "4"
    if not words.isdigit() or not 1 <= int(words) <= MOST_WEEKS:
        raise Refuse(f"Write a number of weeks from 1 to {MOST_WEEKS}, as in `dora 4`.")
    found = await call.context.standups.here(call.intent.channel)
    if not found:
        raise Refuse("No standup is held in this channel, so nothing is counted for it.")
    lines = []
    for held in found:
        told = await call.context.standups.figures(held, timedelta(weeks=int(words)))
        lines += [f"*{held.series.plan}*", *(f"• {line}" for line in told)]
    return Reply("\n".join(lines))


async def _skip(call: Call) -> Reply:
    """Leave the next one out."""
    held = await _held(call)
    actor = await call.context.actor_for_falling(call.intent)
    if not actor.roles:
        raise Refuse("You hold no role that may leave a standup out. Ask somebody who does.")
    slot = await call.context.standups.skip(held)
    if slot is None:
        raise Refuse("The next one is left out already.")
    why = call.parsed.get("reason")
    rest = f": {why}" if why else "."
    said = (
        f"@[{actor.person}] leaves out the standup of {held.series.plan} at {_instant(slot)}{rest}"
    )
    return Reply(said, in_channel=True)


async def _add_typed(call: Call) -> Reply | None:
    """Write down what somebody will do."""
    text = typed(call.parsed.get("text"))
    person = _PERSON.match(text)
    what = text[person.end() :] if person else text
    standup = await _standup(call)
    await _add(call.context, call.intent, standup, what, person[1] if person else "")
    return None


def _closing(*, dropped: bool) -> Any:
    async def run(call: Call) -> Reply | None:
        number = call.parsed.get("number")
        if not number.isdigit():
            raise Refuse("Which one? Write its number, as `actions` lists them.")
        standup = await _standup(call)
        await _close(call.context, call.intent, standup, int(number), dropped=dropped)
        return None

    return run


async def _actions(call: Call) -> Reply:
    """What is still to be done."""
    standup = await _standup(call)
    lines = [f"• {in_words(action)}" for action in standup.open_actions]
    return Reply("\n".join(lines) or "Nothing is left to be done.")


async def _show(call: Call) -> Reply:
    """All of a standup, for the one who asks."""
    word = call.parsed.get("id")
    standup = await (_found(call.context, word) if word else _standup(call))
    cards = StandupCards({}, call.context.names.standup)
    return Reply(cards.plain(standup))


async def _decide(call: Call) -> Reply | None:
    """The typed twin of the buttons."""
    word = call.parsed.get("choice").lower().replace("-", "_")
    known = [choice.value for choice in Choice]
    if word not in known:
        raise Refuse(f"I don't know the choice {word!r}; {nearest(word, known)}")
    standup = await _standup(call)
    topic, reason = _meant(standup, call.parsed.get("reason"))
    await _choose(call.context, call.intent, standup, topic.rollout_id, Choice(word), reason)
    return None


def _meant(standup: Standup, words: str) -> tuple[Topic, str]:
    """The release that is meant, and the rest of the words. Raises Refuse."""
    first, _, rest = words.partition(" ")
    for topic in standup.topics:
        if first in {topic.rollout_id, topic.service}:
            return topic, rest
    if len(standup.topics) == 1:
        return standup.topics[0], words
    if not standup.topics:
        raise Refuse("No release was under way at this standup; there is nothing to decide.")
    names = ", ".join(f"{t.service} (`{t.rollout_id}`)" for t in standup.topics)
    raise Refuse(f"About which? {names}. Name it after the choice.")


VERBS: Sequence[Verb] = (
    Verb("now", "Hold a standup now.", _now, _PLAN),
    Verb("next", "When the next ones of this channel are.", _next, reads=True),
    Verb(
        "skip",
        "Leave the next one out.",
        _skip,
        Grammar(
            (
                Argument("plan", "whose, where several standups are held here"),
                Argument("reason", "why; it is told to the channel", rest=True),
            )
        ),
    ),
    Verb(
        "decide",
        "Decide how a release goes on: continue, next-wave, pause or rollback.",
        _decide,
        Grammar(
            (
                Argument("choice", "continue, next-wave, pause or rollback", required=True),
                Argument("reason", "why; it is kept", rest=True),
            )
        ),
    ),
    Verb(
        "add",
        "Write down what is to be done: add @somebody what.",
        _add_typed,
        Grammar((Argument("text", "who does what", required=True, rest=True),)),
    ),
    Verb("actions", "What is still to be done.", _actions, reads=True),
    Verb(
        "done",
        "Say that an action is done.",
        _closing(dropped=False),
        Grammar((Argument("number", "of the action", required=True),)),
    ),
    Verb(
        "drop",
        "Give an action up.",
        _closing(dropped=True),
        Grammar((Argument("number", "of the action", required=True),)),
    ),
    Verb(
        "dora",
        "How often, how fast and how safely it was released in the last weeks.",
        _figures,
        Grammar((Argument("weeks", "how many, 4 if not named"),)),
        reads=True,
    ),
    Verb(
        "show",
        "Show the newest standup of this channel, or one by its id.",
        _show,
        Grammar((Argument("id", "of a standup"),)),
        reads=True,
    ),
)
_BY_NAME: Mapping[str, Verb] = {verb.name: verb for verb in VERBS}


def verb_of(name: str, names: Names) -> Verb:
    """The verb of /standup by its name; `show` when none is typed. Raises Refuse."""
    verb = _BY_NAME.get(name or "show")
    if verb is None:
        what = "; ".join(
            part
            for part in (f"I don't know `{names.standup} {name}`", nearest(name, _BY_NAME))
            if part
        )
        end = "" if what.endswith("?") else "."
        raise Refuse(f"{what}{end} `{names.standup} help` lists all.")
    return verb


def help_of(names: Names, word: str = "") -> Reply:
    """What can be typed after /standup. word: of this verb alone. Raises Refuse."""
    verbs = [verb_of(word, names)] if word else VERBS
    return Reply("\n".join(f"`{verb.usage(names.standup)}` {verb.summary}" for verb in verbs))
