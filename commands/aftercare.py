"""/release after, sign-off, decline: what goes on with a release after 100 %."""

from collections.abc import Sequence

from bot.domain.after_state import Aftercare, SignoffDeclined, SignoffSigned, waiting_signoffs
from bot.domain.after_state import questions as questions_of
from bot.domain.after_words import stands, table, title, waits
from bot.domain.aftercare import following
from bot.domain.events import ItemTicked, Whisper
from bot.domain.people import Actor
from bot.domain.policy import ButtonValue
from bot.engine.aftercare_work import NAME
from bot.engine.intents import Intent
from bot.slack.aftercare import named
from bot.slack.replies import Reply
from commands.context import Call, Context, Refuse, Verb, unknown
from commands.parser import Argument, Grammar

AfterEvent = ItemTicked | SignoffSigned | SignoffDeclined


async def _apply(context: Context, care: Aftercare, event: AfterEvent, once: str) -> None:
    """Let something happen; in Slack a refusal is whispered, elsewhere it raises Refuse."""
    applied = await context.engine.apply(care.id, event, kind=NAME, once=once)
    if event.actor.via == "cli":
        for effect in applied.effects:
            if isinstance(effect, Whisper):
                raise Refuse(effect.text)


# --- looking --------------------------------------------------------------------------------


async def _after(call: Call) -> Reply:
    """What goes on with the newest release of each target."""
    context, word = call.context, call.parsed.get("target")
    found = await context.aftercares.find(word) if word else None
    cares = [found] if found is not None else await context.aftercares.newest(_services(call, word))
    if not cares:
        return Reply("Nothing goes on after a release here; plans ask for it by `after:`.")
    return Reply("\n\n".join(_told(context, care) for care in cares))


def _services(call: Call, word: str) -> Sequence[str]:
    catalogue = call.context.catalogue
    if not word:
        return catalogue.services_in(call.intent.channel) or catalogue.services()
    if word not in catalogue.services():
        raise unknown(f"I know no service or release {word!r}", word, catalogue.services())
    return [word]


def _told(context: Context, care: Aftercare) -> str:
    now = context.now()
    lines = [f"`{care.id}` {named(care)}: {stands(care, now, following(care))}"]
    items = [item for _, item in questions_of(care)]
    signoffs = waiting_signoffs(care)
    if items or signoffs:
        lines.append(waits(care, items, signoffs))
    lines += [f"• `confirm {item.id} yes` (or no)" for item in items]
    if care.results:
        lines.append(table(care.results))
    return "\n".join(lines)


# --- answering ------------------------------------------------------------------------------


async def answer(
    context: Context, care: Aftercare, actor: Actor, item: str, ok: bool, text: str, once: str
) -> None:
    """Answer an item of a verification or a sign-off."""
    await _apply(context, care, ItemTicked(actor, item, ok, text), once)


async def meant_by(context: Context, item: str, channel: str) -> Aftercare | None:
    """The aftercare here in which an item of this name stands, None when there is none."""
    services = context.catalogue.services_in(channel) or context.catalogue.services()
    cares = await context.aftercares.open(services)
    found = [care for care in cares if any(each.id == item for _, each in care.after.items())]
    if len(found) > 1:
        names = ", ".join(f"{named(care)} (`{care.id}`)" for care in found)
        raise Refuse(f"Which one? {names}. Press the button on its card.")
    return found[0] if found else None


# --- signing --------------------------------------------------------------------------------


async def _sign(call: Call) -> None:
    care, signoff, text = await _signoff_meant(call)
    request = care.requests.get(signoff)
    actor = await call.context.actor(call.intent)
    event = SignoffSigned(actor, signoff, request.digest if request else "", text)
    await _apply(call.context, care, event, call.intent.id)


async def _decline(call: Call) -> None:
    care, signoff, text = await _signoff_meant(call)
    actor = await call.context.actor(call.intent)
    await _apply(call.context, care, SignoffDeclined(actor, signoff, text), call.intent.id)


async def _signoff_meant(call: Call) -> tuple[Aftercare, str, str]:
    """The sign-off that the words mean, and the rest of them: both names may be left out."""
    context, words = call.context, call.parsed.get("words").split()
    services = context.catalogue.services_in(call.intent.channel) or context.catalogue.services()
    cares = await context.aftercares.open(services)
    if words and (by_word := [c for c in cares if words[0] in (c.id, c.service)]):
        cares, words = by_word, words[1:]
    if words and (by_name := [c for c in cares if c.after.signoff(words[0]) is not None]):
        return _one(by_name), words[0], " ".join(words[1:])
    waiting = [care for care in cares if waiting_signoffs(care)]
    if not waiting:
        known = ", ".join(title(s) for care in cares for s in care.after.signoffs)
        raise Refuse(f"No sign-off is due here{f' (there are: {known})' if known else ''}.")
    care = _one(waiting)
    return care, waiting_signoffs(care)[0].id, " ".join(words)


def _one(cares: Sequence[Aftercare]) -> Aftercare:
    if len(cares) == 1:
        return cares[0]
    names = ", ".join(f"{named(care)} (`{care.id}`)" for care in cares)
    raise Refuse(f"Which one? {names}. Repeat it with the id first.")


async def pressed(context: Context, intent: Intent, value: ButtonValue) -> None:
    """The button under a sign-off."""
    care = await care_of(context, value.rollout_id)
    actor = await context.actor(intent)
    request = care.requests.get(value.argument)
    shown = request is not None and value.digest and request.digest.startswith(value.digest)
    digest = request.digest if request is not None and shown else value.digest
    await _apply(context, care, SignoffSigned(actor, value.argument, digest), intent.id)


async def refused(context: Context, intent: Intent, metadata: str, reason: str) -> None:
    """The form behind `Decline`."""
    id_, _, signoff = metadata.partition(":")
    care = await care_of(context, id_)
    actor = await context.actor(intent)
    await _apply(context, care, SignoffDeclined(actor, signoff, reason), intent.id)


async def care_of(context: Context, id_: str) -> Aftercare:
    """The aftercare with this id. Raises Refuse."""
    care = await context.aftercares.find(id_)
    if care is None:
        raise Refuse(f"I know no release {id_!r} that anything goes on with.")
    return care


_WORDS = Grammar((Argument("words", "which sign-off, and a comment", rest=True),))

VERBS: Sequence[Verb] = (
    Verb(
        "after",
        "What goes on after a release: watches, verification, sign-offs.",
        _after,
        Grammar((Argument("target", "a service or a rollout's id"),)),
        reads=True,
    ),
    Verb("sign-off", "Sign off what is due after a release.", _sign, _WORDS, aliases=("signoff",)),
    Verb("decline", "Refuse a sign-off, with the reason.", _decline, _WORDS),
)
