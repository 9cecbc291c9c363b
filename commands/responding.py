"""The verbs of those who act on alerts and breaches: acknowledge, done, tick, note, due."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from bot.domain.duties import ACKNOWLEDGE, ROOT_CAUSE, WORDS, Duty, DutyMet
from bot.domain.events import Whisper
from bot.domain.people import Actor
from bot.domain.response import Response, StepDone
from bot.engine import transitions
from bot.engine.duties import DUTY, RESPONSE
from bot.engine.intents import Intent
from bot.slack.alerts import ACKNOWLEDGE as ACKNOWLEDGE_BUTTON
from bot.slack.alerts import DUTY_DONE, STEP_DONE
from bot.slack.phases import token
from bot.slack.replies import Reply
from bot.store.queries import duties as rows
from commands.context import Call, Context, Refuse, Verb
from commands.parser import Argument, Grammar

BUTTONS = frozenset({ACKNOWLEDGE_BUTTON, DUTY_DONE, STEP_DONE})
"""The buttons that are handled here rather than as acts on a rollout."""

_ID = Argument("id", "what is meant, where several are open")
_NOTE = Argument("note", "what to remember", rest=True)


async def pressed(context: Context, intent: Intent) -> None:
    """A button of a duty or a response. Raises Refuse."""
    actor = await context.actor_for_falling(intent)
    if intent.name == STEP_DONE:
        response_id, _, number = intent.value.rpartition(":")
        await _tick(context, actor, intent, response_id, int(number), "")
    else:
        await _met(context, actor, intent, intent.value, "")


async def _met(context: Context, actor: Actor, intent: Intent, id_: str, note: str) -> None:
    await _apply(context, actor, id_, DutyMet(actor, note), DUTY, intent)


async def _tick(
    context: Context, actor: Actor, intent: Intent, id_: str, step: int, evidence: str
) -> None:
    await _apply(context, actor, id_, StepDone(actor, step, evidence), RESPONSE, intent)


async def _apply(
    context: Context, actor: Actor, id_: str, event: Any, kind: str, intent: Intent
) -> None:
    try:
        applied = await context.engine.apply(id_, event, kind=kind, once=intent.id)
    except transitions.NotFoundError as error:
        raise Refuse(
            f"I know no {kind} `{id_}`. `{context.names.release} due` lists them."
        ) from error
    if actor.via == "cli":
        for effect in applied.effects:
            if isinstance(effect, Whisper):
                raise Refuse(effect.text)


# --- typed ----------------------------------------------------------------------------------


async def _open_duties(call: Call) -> list[Duty]:
    context = call.context
    here = context.catalogue.services_in(call.intent.channel) or context.catalogue.services()
    kind = context.engine.kind(DUTY)

    def unit(conn: Connection) -> list[Duty]:
        return [kind.load(row) for row in rows.open_in(conn, here)]

    return await context.engine.store.transact(unit)


async def _open_responses(call: Call) -> list[Response]:
    context = call.context
    here = context.catalogue.services_in(call.intent.channel) or context.catalogue.services()
    kind = context.engine.kind(RESPONSE)

    def unit(conn: Connection) -> list[Response]:
        return [kind.load(row) for row in rows.responses_in(conn, here)]

    return await context.engine.store.transact(unit)


async def _ack(call: Call) -> Reply | None:
    return await _one(call, (ACKNOWLEDGE,), "acknowledge")


async def _done(call: Call) -> Reply | None:
    return await _one(call, tuple(d for d in WORDS if d != ACKNOWLEDGE), "report as done")


async def _cause(call: Call) -> Reply | None:
    if not call.parsed.get("id") and not call.parsed.get("note"):
        raise Refuse("Say what it was, in a sentence, after the word.")
    return await _one(call, (ROOT_CAUSE,), "name the cause of")


async def _one(call: Call, dues: Sequence[str], act: str) -> Reply | None:
    """Do the one duty that is meant: by its id, or the only one of this kind that is open."""
    context, word = call.context, call.parsed.get("id")
    actor = await context.actor_for_falling(call.intent)
    found = [duty for duty in await _open_duties(call) if duty.due in dues]
    named = [duty for duty in found if duty.id == word]
    note = call.parsed.get("note")
    if word and not named:
        note = " ".join(part for part in (word, note) if part)
    meant = named or found
    if not meant:
        raise Refuse(f"There is nothing to {act} here.")
    if len(meant) > 1:
        names = "; ".join(f"`{duty.id}` {duty.about}" for duty in meant)
        raise Refuse(f"Which one? {names}. Repeat it with the id.")
    await _met(context, actor, call.intent, meant[0].id, note)
    return None


async def _tick_step(call: Call) -> Reply | None:
    """/release step NUMBER [evidence]: a step of the newest response that is still open."""
    number = call.parsed.get("number")
    if not number.isdigit():
        raise Refuse("Which step? Write its number, as in `step 4 INC-1234`.")
    found = await _open_responses(call)
    if not found:
        raise Refuse("No steps are open here.")
    actor = await call.context.actor_for_falling(call.intent)
    evidence = call.parsed.get("note")
    await _tick(call.context, actor, call.intent, found[0].id, int(number) - 1, evidence)
    return None


async def _due(call: Call) -> Reply | None:
    """What people have to do now, with its time."""
    lines = [
        f"• `{duty.id}` until {token(duty.due_at)}: {WORDS.get(duty.due, duty.due)}: {duty.about}"
        for duty in await _open_duties(call)
    ]
    for response in await _open_responses(call):
        lines += [
            f"• step {index + 1} of `{response.id}` ({response.version}): {step.text}"
            for index, step in response.open_steps
        ]
    text = "\n".join(lines) or "Nothing waits to be done."
    return Reply(text)


VERBS: Sequence[Verb] = (
    Verb("ack", "Say that you have seen an alert.", _ack, Grammar((_ID, _NOTE))),
    Verb("cause", "Say what caused a breach.", _cause, Grammar((_ID, _NOTE))),
    Verb("done", "Say that something that was due is done.", _done, Grammar((_ID, _NOTE))),
    Verb(
        "step",
        "Tick a step of what is done about a rollback.",
        _tick_step,
        Grammar((Argument("number", "of the step", required=True), _NOTE)),
    ),
    Verb("due", "What people have to do, and until when.", _due, reads=True),
)
