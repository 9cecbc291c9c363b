"""The verbs about what comes round: what there is, and that it is done."""

from collections.abc import Sequence

from bot.domain.chores import Chore, ChoreDone, whom
from bot.domain.events import Whisper
from bot.engine import transitions
from bot.engine.chores import NAME, open_and_coming
from bot.engine.intents import Intent
from bot.slack.chores import CHORE_DONE
from bot.slack.phases import token
from bot.slack.replies import Reply
from commands.context import Call, Context, Refuse, Verb, unknown
from commands.parser import Argument, Grammar

BUTTONS = frozenset({CHORE_DONE})


async def pressed(context: Context, intent: Intent) -> None:
    """The button under what is to be done. Raises Refuse."""
    id_, _, round_ = intent.value.rpartition(":")
    await _tick(context, intent, id_, "", int(round_))


async def _tick(context: Context, intent: Intent, id_: str, note: str, round_: int = 0) -> None:
    actor = await context.actor_for_falling(intent)
    event = ChoreDone(actor, note, round_)
    try:
        applied = await context.engine.apply(id_, event, kind=NAME, once=intent.id)
    except transitions.NotFoundError as error:
        known = [chore.id for chore in await open_and_coming(context.engine)]
        raise unknown(f"I know nothing {id_!r} that comes round", id_, known) from error
    if actor.via == "cli":
        for effect in applied.effects:
            if isinstance(effect, Whisper):
                raise Refuse(effect.text)


async def _ticked(call: Call) -> Reply:
    word = call.parsed.get("id")
    await _tick(call.context, call.intent, word, call.parsed.get("note"))
    return Reply(f"Thank you. Whatever came of it stands under `{word}`.")


async def _recurring(call: Call) -> Reply:
    """What comes round, the open ones first."""
    found = await open_and_coming(call.context.engine)
    if not found:
        return Reply(
            "Nothing comes round here. List it under `recurring:` in the configuration or a plan."
        )
    return Reply("\n".join(map(_line, found)))


def _line(chore: Chore) -> str:
    often = f" ({chore.rule.words})" if chore.rule is not None else ""
    if chore.asked_at is not None:
        return f"‼ `{chore.id}` {chore.text}: due since {token(chore.due_at)}, for {whom(chore)}"
    last = f", last @[{chore.done_by}] {token(chore.done_at)}" if chore.done_at else ""
    return f"• `{chore.id}` {chore.text}: {token(chore.due_at)}, for {whom(chore)}{often}{last}"


VERBS: Sequence[Verb] = (
    Verb("recurring", "What comes round, and what of it is open.", _recurring, reads=True),
    Verb(
        "did",
        "Say that something which comes round is done.",
        _ticked,
        Grammar(
            (
                Argument("id", "what is meant, as the list names it", required=True),
                Argument("note", "what came of it", rest=True),
            )
        ),
    ),
)
