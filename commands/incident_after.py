"""What is owed in an incident and after it, typed: runbook, steps, post-mortem, action items."""

from collections.abc import Sequence
from datetime import timedelta

from bot.domain.incident import (
    ActionAdded,
    ActionDone,
    DraftAsked,
    Incident,
    Published,
    RunbookChosen,
    StepTicked,
)
from bot.domain.incident_words import named
from bot.slack.phases import token
from bot.slack.replies import Reply
from commands.context import Call, Refuse, Verb, unknown
from commands.incident_parts import due_at, happen, meant, person_meant
from commands.parser import Argument, Grammar, Option

USUAL = timedelta(days=7)
"""Until when an action item is due unless somebody says so."""


async def _runbook(call: Call) -> Reply | None:
    """/incident runbook: which there are; with a name, that one is followed."""
    runbooks = call.context.incidents.runbooks
    name = call.parsed.get("name")
    if not name:
        lines = [f"`{each}` {book.title}" for each, book in sorted(runbooks.items())]
        return Reply("\n".join(lines) or "There are no runbooks.")
    if name not in runbooks:
        raise unknown(f"There is no runbook {name!r}", name, runbooks)
    incident, _ = await meant(call, call.parsed.get("id"), lambda i: i.open)
    actor = await call.context.actor_for_falling(call.intent)
    event = RunbookChosen(actor, name, runbooks[name].steps)
    await happen(call.context, call.intent, actor, incident.id, event)
    return None


async def _step(call: Call) -> None:
    number = call.parsed.get("number")
    if not number.isdigit():
        raise Refuse("Which step? Write its number, as in `step 2 the index is missing`.")
    incident, rest = await meant(call, call.parsed.get("text"), lambda i: bool(i.steps))
    actor = await call.context.actor_for_falling(call.intent)
    event = StepTicked(actor, int(number) - 1, rest)
    await happen(call.context, call.intent, actor, incident.id, event)


async def _post_mortem(call: Call) -> Reply | None:
    """/incident postmortem: the draft; `draft` writes it anew, `publish LINK` ends its clock."""
    word, _, rest = call.parsed.get("text").strip().partition(" ")
    verb = word.lower() if word.lower() in {"publish", "draft"} else ""
    incident, said = await meant(call, rest if verb else call.parsed.get("text"), over=True)
    if not verb:
        return Reply(_draft_of(incident, call))
    actor = await call.context.actor_for_falling(call.intent)
    if verb == "draft":
        await happen(call.context, call.intent, actor, incident.id, DraftAsked(actor))
        return None
    link = next((part for part in said.split() if part.startswith("https://")), "")
    text = " ".join(part for part in said.split() if part != link)
    await happen(call.context, call.intent, actor, incident.id, Published(actor, link, text))
    return None


def _draft_of(incident: Incident, call: Call) -> str:
    held = incident.post_mortem
    if held.published_at is not None:
        return f"Published by @[{held.published_by}] {held.link}".rstrip()
    due = f", due {token(held.due_at)}" if held.due_at is not None else ""
    command = call.context.names.incident
    head = f"Post-mortem of {named(incident)}{due}. `{command} postmortem publish LINK` ends it."
    return f"{head}\n{held.text or f'Nothing is written yet; `{command} postmortem draft` does.'}"


async def _action(call: Call) -> Reply | None:
    """/incident action add WHAT --owner @somebody --due 7d, action done NUMBER, action list."""
    given = call.parsed
    match given.get("what").lower():
        case "add":
            await _add(call)
            return None
        case "done":
            number, _, rest = given.get("text").partition(" ")
            if not number.isdigit():
                raise Refuse("Which one? Write its number, as in `action done 2 merged`.")
            incident, note = await meant(call, rest, lambda i: bool(i.actions), over=True)
            actor = await call.context.actor_for_falling(call.intent)
            event = ActionDone(actor, int(number), note)
            await happen(call.context, call.intent, actor, incident.id, event)
            return None
        case "list" | "":
            return await _list(call)
        case other:
            raise unknown(f"`action {other}` is nothing", other, ["add", "done", "list"])


async def _add(call: Call) -> None:
    given, context = call.parsed, call.context
    incident, text = await meant(call, given.get("text"), over=True)
    if not text:
        raise Refuse("Say what has to be done after `action add`.")
    actor = await context.actor_for_falling(call.intent)
    owner = person_meant(context, given.get("owner")) if given.get("owner") else actor.person
    now = call.intent.received_at
    due = due_at(given.get("due"), now) if given.get("due") else now + USUAL
    event = ActionAdded(actor, text[:500], owner, due)
    await happen(context, call.intent, actor, incident.id, event)


async def _list(call: Call) -> Reply:
    catalogue = call.context.catalogue
    here = catalogue.services_in(call.intent.channel) or catalogue.services()
    lines = [
        f"• `{incident.id}` {item.number}. {item.text} (@[{item.owner}], {token(item.due_at)})"
        for incident in await call.context.incidents.unfinished(here)
        for item in incident.open_actions
    ]
    return Reply("\n".join(lines) or "No action is open.")


_TEXT = Argument("text", "an incident's id where several are open, and what you say", rest=True)

VERBS: Sequence[Verb] = (
    Verb(
        "runbook",
        "Follow another runbook, or see which there are.",
        _runbook,
        Grammar((Argument("name", "of the runbook"), Argument("id", "of the incident"))),
    ),
    Verb(
        "step",
        "Tick a step of the runbook.",
        _step,
        Grammar((Argument("number", "of the step", required=True), _TEXT)),
    ),
    Verb(
        "postmortem",
        "See the draft of the post-mortem; `postmortem publish LINK` says that it was held.",
        _post_mortem,
        Grammar((_TEXT,)),
        aliases=("post-mortem",),
    ),
    Verb(
        "action",
        "Add something to be done (`action add`), or say that it is done (`action done 2`).",
        _action,
        Grammar(
            (Argument("what", "add, done or list"), _TEXT),
            (
                Option("owner", "@somebody; yourself unless said otherwise"),
                Option("due", "when, like 3d or 2026-12-24; a week unless said otherwise"),
            ),
        ),
    ),
)
