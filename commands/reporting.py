"""What people report on a service: events, what plans count, incidents; and that they are over.

Everybody may report something: it can hold a release or take it back, never let it go on. To say
that something is over takes a role, since a release may go on after it.
"""

from collections.abc import Sequence

from bot.domain.authority import Act, refusal
from bot.domain.breaches import asked_for
from bot.domain.events import HookFired
from bot.domain.people import Actor
from bot.domain.reports import Report, Source, snake, words
from bot.domain.rollout import Rollout
from bot.domain.vocabulary import What, vocabulary
from bot.engine.catalogue import ServiceTarget
from bot.engine.reporting import Reporting, over
from bot.slack.replies import Reply
from commands.context import Call, Refuse, Verb
from commands.looking import instant
from commands.parser import Argument, Grammar, Option, Parsed

_ENV = Option("env", "the environment, production unless you say so")
_PLACE = (
    Argument("service", "where the channel has several"),
    Argument("detail", "what you see", rest=True),
)


def _reporting(call: Call) -> Reporting:
    return Reporting(call.context.engine, call.context.finder)


async def _placed(call: Call) -> tuple[ServiceTarget, str]:
    """The service meant, and the detail: `event data_loss rows are missing` names no service."""
    given, context = call.parsed, call.context
    word, detail = given.get("service"), given.get("detail")
    if word and word not in context.catalogue.services():
        word, detail = "", f"{word} {detail}".strip()
    return context.target(word, given.get("env"), call.intent.channel), detail


# --- reporting --------------------------------------------------------------------------------


async def _event(call: Call) -> Reply | None:
    """/release event NAME [service] [detail]."""
    return await _report(call, "event", call.parsed.get("name"))


async def _counted(call: Call) -> Reply | None:
    """/release report KIND [service] [detail], and /release report close WHICH."""
    if call.parsed.get("kind").lower() == "close":
        return await _is_over(_without_first_word(call))
    return await _report(call, "report", call.parsed.get("kind"))


async def _incident(call: Call) -> Reply | None:
    """/release incident open|close KIND [service] [detail]."""
    match call.parsed.get("what").lower():
        case "open":
            return await _report(call, "incident", call.parsed.get("kind"))
        case "close":
            return await _is_over(call)
        case other:
            raise Refuse(f"{other!r} is neither open nor close: `incident open KIND`.")


def _without_first_word(call: Call) -> Call:
    """`report close KIND service`: the words after `close` move up."""
    given = call.parsed
    rest = given.get("detail").split(" ", 1)
    moved = {"kind": given.get("service"), "service": rest[0], "detail": " ".join(rest[1:])}
    moved["env"] = given.get("env")
    parsed = Parsed({key: value for key, value in moved.items() if value})
    return Call(call.context, call.intent, parsed)


async def _report(call: Call, what: What, name: str) -> Reply | None:
    context, intent = call.context, call.intent
    target, detail = await _placed(call)
    actor = await context.actor_for_falling(intent)
    reporting = _reporting(call)
    there = await reporting.under_way(target.service, target.environment)
    plans = [context.plan_named(plan) for plan in context.plan_names]
    known = vocabulary([*plans, *(rollout.the_plan for rollout in there)], context.hooks)
    kind = snake(name)
    unknown = known.unknown(what, kind)
    if unknown:
        raise Refuse(unknown)
    source: Source = what
    fired = HookFired(
        name=kind,
        detail=detail[:300],
        do=known.does_by_itself(what, kind).value,
        source=source,
        id=intent.id,
        at=intent.received_at,
        actor=actor,
    )
    await reporting.take(target.service, target.environment, fired)
    return _told(target, fired, there, actor)


def _told(
    target: ServiceTarget, fired: HookFired, there: Sequence[Rollout], actor: Actor
) -> Reply | None:
    """The thread of the card tells what comes of it; without a card, the one who reported."""
    place = f"{target.service} {target.environment}"
    if not there:
        return Reply(f"Noted: {words(fired.name)} on {place}. Nothing is being released there.")
    if actor.via == "cli":
        does = asked_for(there[0], fired).value.replace("_", " ")
        return Reply(f"Noted: {words(fired.name)} on {place} ({does}); the card shows the rest.")
    return None


# --- what is over -----------------------------------------------------------------------------


async def _is_over(call: Call) -> Reply | None:
    word = call.parsed.get("kind")
    if not word:
        raise Refuse("Which one? Name its kind or its id; `reports` lists what holds.")
    if call.intent.kind == "admin":
        raise Refuse("What lets traffic rise needs somebody whom Slack vouches for.")
    target, detail = await _placed(call)
    actor = await call.context.actor(call.intent)
    refused = refusal(Act.CLOSE_REPORT, actor, None)
    if refused is not None:
        raise Refuse(refused)
    reporting = _reporting(call)
    standing = await reporting.standing(target.service, target.environment)
    found = [r for r in standing if word == r.id or snake(word) == snake(r.kind)]
    if not found:
        names = ", ".join(sorted({r.kind for r in standing})) or "nothing"
        raise Refuse(f"There is no {word!r} to close on {target.service}; what holds: {names}.")
    end = HookFired("", detail[:300], "notify", actor=actor)
    for report in found:
        await reporting.take(target.service, target.environment, over(report, end))
    names = ", ".join(words(report.kind) for report in found)
    return Reply(f"Over on {target.service} {target.environment}: {names}.")


# --- looking ----------------------------------------------------------------------------------


async def _reports(call: Call) -> Reply:
    """What holds on a service: alarms that fire, incidents, reports."""
    target, _ = await _placed(call)
    found = await _reporting(call).standing(target.service, target.environment)
    place = f"{target.service} {target.environment}"
    if not found:
        return Reply(f"Nothing is reported on {place}.")
    return Reply("\n".join([f"On {place}:", *map(_line, found[-20:])]))


def _line(report: Report) -> str:
    level = f", {report.level}" if report.level else ""
    detail = f": {report.detail}" if report.detail else ""
    what = f"{words(report.kind)} ({report.source}{level})"
    return f"• `{report.id}` {what} since {instant(report.at)}{detail}"


VERBS: Sequence[Verb] = (
    Verb(
        "event",
        "Report an event, such as data_corruption; the plan says what it does.",
        _event,
        Grammar((Argument("name", "which event", required=True), *_PLACE), (_ENV,)),
    ),
    Verb(
        "report",
        "Report something that plans count, such as escalation; `report close KIND` takes it back.",
        _counted,
        Grammar((Argument("kind", "what you report", required=True), *_PLACE), (_ENV,)),
    ),
    Verb(
        "incident",
        "Open or close an incident.",
        _incident,
        Grammar(
            (
                Argument("what", "open or close", required=True),
                Argument("kind", "such as critical", required=True),
                *_PLACE,
            ),
            (_ENV,),
        ),
    ),
    Verb(
        "reports",
        "What is reported on a service now.",
        _reports,
        Grammar((Argument("service", "where the channel has several"),), (_ENV,)),
        reads=True,
    ),
)
