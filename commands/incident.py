"""/incident: declaring one, working on it together, ending it, and what is owed afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.incident import (
    COMMANDER,
    ROLES,
    Acknowledged,
    AnyIncidentEvent,
    Incident,
    Noted,
    Reopened,
    Resolved,
    RoleTaken,
    State,
    StepTicked,
    Updated,
)
from bot.domain.incident_rules import severity_of
from bot.domain.incident_terms import Severity
from bot.domain.incident_words import called, in_order, lasted, line, named
from bot.domain.people import Actor
from bot.engine.incidents import Opened
from bot.engine.intents import Intent
from bot.slack import incident_forms as forms
from bot.slack.incidents import ACK, COMMAND, DECLARE, REOPEN, RESOLVE, STEP, UPDATE
from bot.slack.modals import filled_in
from bot.slack.phases import token
from bot.slack.replies import Reply
from commands import incident_dialog
from commands.context import Call, Context, Refuse, Verb, unknown
from commands.incident_parts import (
    happen,
    meant,
    new_id,
    person_meant,
    seconds_of,
    severity_meant,
    title_of,
    when,
)
from commands.parser import Argument, Grammar, Option

BUTTONS = frozenset({ACK, COMMAND, REOPEN, STEP})
"""What acts as soon as it is pressed."""

DIALOGS = frozenset({UPDATE, RESOLVE})
FORMS = frozenset({DECLARE, forms.NEWS, forms.OVER})

_ENV = Option("env", "the environment, production unless you say so")
_ID = Option("id", "which incident, where several are open")
_SEVERITY = Option("severity", "critical, major or minor")


# --- what happens to one ----------------------------------------------------------------------


async def pressed(context: Context, intent: Intent) -> None:
    """A button of an incident. Raises Refuse."""
    actor = await context.actor_for_falling(intent)
    id_, event = _of_button(intent, actor)
    await happen(context, intent, actor, id_, event)


def _of_button(intent: Intent, actor: Actor) -> tuple[str, AnyIncidentEvent]:
    match intent.name:
        case "incident_ack":
            return intent.value, Acknowledged(actor)
        case "incident_command":
            return intent.value, RoleTaken(actor, COMMANDER, actor.person)
        case "incident_reopen":
            return intent.value, Reopened(actor)
        case _:
            id_, _, number = intent.value.rpartition(":")
            return id_, StepTicked(actor, int(number))


async def form(context: Context, intent: Intent) -> Mapping[str, Any] | None:
    """The dialog that a command or a button opens, None when there is none."""
    if intent.kind == "action" and intent.name in DIALOGS:
        incident = await context.incidents.find(intent.value)
        if incident is None or not incident.open:
            return None
        return forms.news(incident) if intent.name == UPDATE else forms.over(incident)
    return await incident_dialog.declare_form(context, intent)


async def filled(context: Context, intent: Intent) -> Reply | None:
    """A form was sent."""
    fields = filled_in(intent.values)
    text = fields.get("text", "").strip()
    actor = await context.actor_for_falling(intent)
    match intent.name:
        case "incident_declare":
            opened = await incident_dialog.opened(context, intent, actor)
            return _declared(context, await context.incidents.declare(opened))
        case "incident_news":
            news = Updated(actor, text, fields.get("state", ""), fields.get("severity", ""))
            await happen(context, intent, actor, intent.private_metadata, news)
        case _:
            actor = await context.actor(intent)
            await happen(context, intent, actor, intent.private_metadata, Resolved(actor, text))
    return None


def problems(context: Context, intent: Intent) -> Mapping[str, str]:
    """What is wrong with a form, by field."""
    if intent.name != DECLARE:
        return {}
    fields = filled_in(intent.values)
    try:
        context.target(fields.get("service", ""), fields.get("environment", ""), "")
    except Refuse as refused:
        return {"environment": str(refused)}
    return {} if fields.get("title", "").strip() else {"title": "Say it in a few words."}


# --- typed ------------------------------------------------------------------------------------


async def _declare(call: Call) -> Reply:
    """/incident declare [critical|major|minor] [service] WHAT IS WRONG."""
    context, intent = call.context, call.intent
    words = call.parsed.get("what").split()
    severity = severity_meant(call.parsed.get("severity")) or Severity.MAJOR
    if words and severity_of(words[0]) and not call.parsed.get("severity"):
        severity = severity_of(words.pop(0)) or severity
    service = words.pop(0) if words and words[0] in context.catalogue.services() else ""
    target = context.target(service, call.parsed.get("env"), intent.channel)
    title = title_of(" ".join(words))
    if not title:
        raise Refuse("Say what is wrong, in a few words, after the severity.")
    opened = Opened(
        id=new_id(intent.id),
        service=target.service,
        environment=target.environment,
        title=title,
        severity=severity,
        began_at=when(call.parsed.get("since"), intent.received_at),
        affected=call.parsed.get("affected"),
        actor=await context.actor_for_falling(intent),
    )
    return _declared(context, await context.incidents.declare(opened))


def _declared(context: Context, incident: Incident) -> Reply:
    command = context.names.incident
    return Reply(
        f"{named(incident)} is open: {called(incident)}. `{command} ack` says that you take care, "
        f"`{command} role {COMMANDER}` that you lead it."
    )


async def _ack(call: Call) -> None:
    incident, rest = await meant(call, call.parsed.get("text"), lambda i: i.open)
    actor = await call.context.actor_for_falling(call.intent)
    await happen(call.context, call.intent, actor, incident.id, Acknowledged(actor, rest))


async def _update(call: Call) -> None:
    """/incident update [id] TEXT --state identified --severity critical --next 30m."""
    given = call.parsed
    incident, rest = await meant(call, given.get("text"), lambda i: i.open)
    state = given.get("state").lower()
    known = [each.value for each in State if each not in {State.RESOLVED, State.CLOSED}]
    if state and state not in known:
        raise unknown(f"There is no state {state!r}", state, known)
    severity = severity_meant(given.get("severity")) if given.get("severity") else None
    if not (rest or state or severity or given.get("next")):
        raise Refuse("Say how it stands, in a sentence.")
    actor = await call.context.actor_for_falling(call.intent)
    news = Updated(actor, rest, state, severity or "", seconds_of(given.get("next")))
    await happen(call.context, call.intent, actor, incident.id, news)


async def _role(call: Call) -> None:
    """/incident role commander [@somebody]."""
    given, context = call.parsed, call.context
    role = given.get("role").lower()
    if role not in ROLES:
        raise unknown(f"There is no part {role!r}", role, ROLES)
    incident, rest = await meant(call, given.get("person"), lambda i: i.open)
    actor = await context.actor_for_falling(call.intent)
    person = person_meant(context, rest) if rest else actor.person
    await happen(context, call.intent, actor, incident.id, RoleTaken(actor, role, person))


async def _timeline(call: Call) -> Reply | None:
    """/incident timeline: all of it; with words, one more line."""
    incident, rest = await meant(call, call.parsed.get("text"))
    if not rest:
        return Reply("\n".join([f"{named(incident)}:", *map(line, in_order(incident))]))
    actor = await call.context.actor_for_falling(call.intent)
    given = call.parsed.get("at")
    at = when(given, call.intent.received_at) if given else None
    link = next((word for word in rest.split() if word.startswith("https://")), "")
    await happen(call.context, call.intent, actor, incident.id, Noted(actor, rest, at, link))
    return None


async def _resolve(call: Call) -> None:
    incident, rest = await meant(call, call.parsed.get("text"), lambda i: i.open)
    if call.intent.kind == "admin":
        raise Refuse("What lets traffic rise needs somebody whom Slack vouches for.")
    actor = await call.context.actor(call.intent)
    await happen(call.context, call.intent, actor, incident.id, Resolved(actor, rest))


async def _reopen(call: Call) -> None:
    incident, rest = await meant(call, call.parsed.get("text"), lambda i: not i.open, over=True)
    actor = await call.context.actor_for_falling(call.intent)
    await happen(call.context, call.intent, actor, incident.id, Reopened(actor, rest))


async def _list(call: Call) -> Reply:
    context = call.context
    here = context.catalogue.services_in(call.intent.channel) or context.catalogue.services()
    found = await context.incidents.unfinished(here)
    if not found:
        recent = await context.incidents.recent(here, 5)
        found_lines = [f"• {_line(each, call)}" for each in recent]
        return Reply("\n".join(["No incident is open.", *found_lines]))
    return Reply("\n".join(f"• {_line(each, call)}" for each in found))


def _line(incident: Incident, call: Call) -> str:
    span = lasted(incident, call.context.now())
    lead = f", led by @[{incident.commander}]" if incident.commander else ""
    place = f"{incident.service} {incident.environment}"
    return f"`{incident.id}` {incident.state}: {called(incident)} · {place} · {span}{lead}"


async def _show(call: Call) -> Reply:
    incident, _ = await meant(call, call.parsed.get("text"), over=True)
    lines = [f"{_line(incident, call)}, since {token(incident.began_at)}"]
    lines += [incident.said] if incident.said else []
    lines += map(line, in_order(incident)[-12:])
    return Reply("\n".join(lines))


_TEXT = Argument("text", "an incident's id where several are open, and what you say", rest=True)

VERBS: Sequence[Verb] = (
    Verb(
        "declare",
        "Something is wrong for those who use the service: open an incident.",
        _declare,
        Grammar(
            (Argument("what", "how bad, which service, what is wrong", required=True, rest=True),),
            (
                _SEVERITY,
                _ENV,
                Option("since", "since when, like 14:05 (UTC) or 10m"),
                Option("affected", "who notices it"),
            ),
        ),
        aliases=("open",),
    ),
    Verb("ack", "Say that you have seen it and take care.", _ack, Grammar((_TEXT,))),
    Verb(
        "update",
        "Say how it stands.",
        _update,
        Grammar(
            (_TEXT,),
            (
                Option("state", "investigating, identified or monitoring"),
                _SEVERITY,
                Option("next", "when the next word follows, like 30m; it is noted"),
            ),
        ),
    ),
    Verb(
        "role",
        "Take a part in it, or give one to somebody.",
        _role,
        Grammar(
            (
                Argument("role", ", ".join(ROLES), required=True),
                Argument("person", "@somebody; yourself unless said otherwise", rest=True),
            )
        ),
    ),
    Verb(
        "timeline",
        "Add a line to the timeline, or see all of it.",
        _timeline,
        Grammar((_TEXT,), (Option("at", "when it happened, like 14:05 (UTC) or 10m"),)),
        aliases=("note",),
    ),
    Verb("resolve", "Say that it is over.", _resolve, Grammar((_TEXT,)), aliases=("close",)),
    Verb("reopen", "Say that it is not over.", _reopen, Grammar((_TEXT,))),
    Verb("list", "The incidents that are not over.", _list, reads=True),
    Verb("show", "How one stands.", _show, Grammar((_TEXT,)), reads=True),
)
