"""/notice: what customers are told about maintenances and incidents."""

from collections.abc import Mapping, Sequence

from bot.domain.events import Whisper
from bot.domain.notice import INCIDENT, Letter, Notice
from bot.domain.notice_course import of_kind, possible
from bot.domain.notice_events import (
    AnyNoticeEvent,
    Discarded,
    Drafted,
    Edited,
    Pressed,
    Retried,
    SentBack,
    Snoozed,
)
from bot.domain.notice_facts import CHART
from bot.domain.people import Actor
from bot.domain.units import parse_duration
from bot.engine.notices import NAME
from bot.engine.transitions import NotFoundError
from bot.slack.notice_forms import fields_of
from bot.slack.phases import token
from bot.slack.replies import Reply
from commands.context import Call, Context, Refuse, Verb, unknown
from commands.notice_begun import incident, instant_of, maintenance, typed_times
from commands.parser import Argument, Grammar, Option

CODE, CODE_LEAST = 8, 6
"""Characters of a text's code that are shown, and that have to be typed."""

_ID = Argument("id", "which notice; the only open one unless said otherwise")
_REST = Argument("text", "in customers' words", rest=True)
_TIMES = (
    Option("start", "when it begins, like 2026-03-01 09:00", rest=True),
    Option("end", "when it ends", rest=True),
)
_ABOUT = (
    Option("service", "which service"),
    Option("impact", "what customers notice", rest=True),
    Option("zone", "the time zone, like Europe/Berlin"),
    Option("id", "a name of your own for it"),
)


# --- going on -------------------------------------------------------------------------------


async def meant(call: Call, *, over: bool = False) -> tuple[Notice, str]:
    """The notice that the words mean, and the rest of them. over: one that has ended counts too."""
    word, text = call.parsed.get("id"), call.parsed.get("text")
    notices = call.context.notices
    found = await notices.find(word) if word else None
    if found is not None:
        return found, text
    rest = " ".join(part for part in (word, text) if part)
    there = await notices.open()
    here = [n for n in there if n.channel == call.intent.channel] or there
    if over and not here:
        here = (await notices.recent())[:1]
    if not here:
        raise Refuse(f"No notice is open. `{call.context.names.notice} maintenance` begins one.")
    if len(here) > 1:
        names = "; ".join(f"`{n.id}` {n.title}" for n in here)
        raise Refuse(f"Which one? {names}. Put the id after the verb.")
    return here[0], rest


async def _update(call: Call) -> None:
    """/notice update [id] [status] message."""
    notice, text = await meant(call, over=True)
    word, _, rest = text.partition(" ")
    if word.lower() in of_kind(notice.kind):
        await _next(call, notice, word.lower(), {"message": rest})
        return
    usual = "update" if notice.kind == INCIDENT else "phase_update"
    if usual not in possible(notice.kind, notice.status):
        can = ", ".join(possible(notice.kind, notice.status)) or "nothing more"
        raise Refuse(
            f"Say what has been reached, as in `update {notice.id} {can.split(',')[0]}`: "
            f"next can come {can}."
        )
    await _next(call, notice, usual, {"message": text})


async def _reschedule(call: Call) -> None:
    notice, text = await meant(call)
    zones = tuple(notice.zones)
    facts = typed_times(call, zones, {"start": "starts_at", "end": "ends_at"})
    if not facts:
        raise Refuse("When instead? Add `--start 2026-03-01 09:00 --end 2026-03-01 11:00`.")
    await _next(call, notice, "rescheduled", {"reason": text, **facts})


async def _cancel(call: Call) -> None:
    notice, text = await meant(call)
    await _next(call, notice, "cancelled", {"reason": text})


async def _complete(call: Call) -> None:
    notice, text = await meant(call)
    occasion = "resolved" if notice.kind == INCIDENT else "completed"
    await _next(call, notice, occasion, {"message": text})


async def _next(call: Call, notice: Notice, occasion: str, facts: Mapping[str, str]) -> None:
    actor = await call.context.actor(call.intent)
    given = {name: text.strip() for name, text in facts.items() if text.strip()}
    event = Drafted(actor, occasion, given, source=call.intent.id)
    await apply(call.context, notice.id, event, call.intent.id)


async def _edit(call: Call) -> None:
    """/notice set ID FIELD VALUE: the typed twin of the form."""
    notice, text = await meant(call)
    letter = open_letter(notice)
    field, _, value = text.partition(" ")
    if not field.isidentifier():
        known = ", ".join(fields_of(letter))
        raise Refuse(f"Which value? `set {notice.id} FIELD VALUE`; there are: {known}.")
    known_fields = (*fields_of(letter), *(name for name in (CHART,) if name in letter.facts))
    if field not in known_fields:
        raise unknown(f"This message has no value {field!r}", field, known_fields)
    fact = instant_of(value, notice.zones) if field.endswith("_at") and value else value
    actor = await call.context.actor(call.intent)
    await apply(
        call.context, notice.id, Edited(actor, letter.number, {field: fact}), call.intent.id
    )


def open_letter(notice: Notice) -> Letter:
    """The newest message that is not approved yet. Raises Refuse."""
    found = [letter for letter in notice.letters if letter.open]
    if not found:
        raise Refuse(
            f"No draft of `{notice.id}` is open. `update {notice.id}` writes the next one."
        )
    return found[-1]


async def _publish(call: Call) -> Reply | None:
    """/notice publish ID CODE: whoever approves names the text that they have read."""
    notice, text = await meant(call, over=True)
    letter = open_letter(notice)
    actor = await call.context.actor(call.intent)
    digest = text.strip().strip("`").lower()
    if actor.person not in letter.authors and len(digest) < CODE_LEAST:
        return _read_first(call, notice, letter)
    await apply(call.context, notice.id, Pressed(actor, letter.number, digest), call.intent.id)
    return None


def _read_first(call: Call, notice: Notice, letter: Letter) -> Reply:
    """The words that would be approved, and the command that approves just these."""
    command = f"{call.context.names.notice} publish {notice.id} {letter.digest[:CODE]}"
    said = [f"This would go to customers. Read it, then approve it with `{command}`:"]
    problems = [f"It can't go out yet: {problem}." for problem in letter.problems]
    return Reply("\n".join([*said, *problems, *_quoted(letter)]))


async def _send_back(call: Call) -> None:
    notice, text = await meant(call, over=True)
    actor = await call.context.actor(call.intent)
    event = SentBack(actor, open_letter(notice).number, text)
    await apply(call.context, notice.id, event, call.intent.id)


async def _discard(call: Call) -> None:
    notice, text = await meant(call, over=True)
    actor = await call.context.actor(call.intent)
    event = Discarded(actor, open_letter(notice).number, text)
    await apply(call.context, notice.id, event, call.intent.id)


async def _retry(call: Call) -> None:
    notice, _ = await meant(call, over=True)
    failed = [letter.number for letter in notice.letters if letter.stage.value == "failed"]
    if not failed:
        raise Refuse(f"Nothing of `{notice.id}` has failed.")
    actor = await call.context.actor(call.intent)
    await apply(call.context, notice.id, Retried(actor, failed[-1]), call.intent.id)


async def _snooze(call: Call) -> None:
    notice, text = await meant(call)
    word, _, reason = text.partition(" ")
    try:
        span = parse_duration(word)
    except ValueError as error:
        raise Refuse(
            f"For how long, and why? `snooze {notice.id} 15m we wait for a test`."
        ) from error
    actor = await call.context.actor(call.intent)
    event = Snoozed(actor, span.total_seconds(), reason)
    await apply(call.context, notice.id, event, call.intent.id)


async def apply(context: Context, id_: str, event: AnyNoticeEvent, once: str) -> None:
    """Let something happen; in Slack a refusal is whispered, elsewhere it raises Refuse."""
    try:
        applied = await context.engine.apply(id_, event, kind=NAME, once=once)
    except NotFoundError as error:
        raise Refuse(
            f"I know no notice `{id_}`. `{context.names.notice} list` names them."
        ) from error
    actor = getattr(event, "actor", None)
    if isinstance(actor, Actor) and actor.via == "cli":
        for effect in applied.effects:
            if isinstance(effect, Whisper):
                raise Refuse(effect.text)


# --- looking --------------------------------------------------------------------------------


async def _list(call: Call) -> Reply:
    notices = call.context.notices
    everything = "all" in call.parsed.switches
    found = await (notices.recent() if everything else notices.open())
    if not found:
        return Reply("No notice is open.")
    return Reply("\n".join(_line(notice) for notice in found))


def _line(notice: Notice) -> str:
    status = notice.status.value.replace("_", " ")
    said = "nothing published yet" if status == "none" else status
    drafts = sum(letter.open for letter in notice.letters)
    due = f", next word due {token(notice.due_at)}" if notice.due_at and not notice.ended_at else ""
    return f"• `{notice.id}` {notice.title}: {said}, {drafts} open drafts{due}"


async def _show(call: Call) -> Reply:
    notice, _ = await meant(call, over=True)
    lines = [_line(notice)]
    for letter in notice.letters:
        when = token(letter.approved_at or letter.drafted_at)
        lines.append(f"   {letter.number}. {letter.occasion}: {letter.stage.value}, {when}")
    newest = notice.newest
    if newest is not None:
        lines += _quoted(newest)
        context = call.context
        url = context.notices.publishing.preview(notice.id, newest.number, context.now())
        lines += [f"As a mail: {url}"] if url else []
    return Reply("\n".join(lines))


def _quoted(letter: Letter) -> list[str]:
    """The words of a message as they will go out, with the code of this text."""
    words = letter.main
    return [f"```{words.subject}", f"{words.text.strip()}```", f"text `{letter.digest[:CODE]}`"]


VERBS: Sequence[Verb] = (
    Verb(
        "maintenance",
        "Draft the notice of a planned maintenance. Alone it opens a form.",
        maintenance,
        Grammar(
            (Argument("title", "what it is about", rest=True),),
            (*_TIMES, *_ABOUT, Option("features", "what is unavailable, parted by ;", rest=True)),
        ),
    ),
    Verb(
        "incident",
        "Draft the first notice of an incident. Alone it opens a form.",
        incident,
        Grammar(
            (Argument("title", "what customers notice, in a few words", rest=True),),
            (
                Option("severity", "critical, major or minor"),
                Option("detected", "when it was noticed; now unless said otherwise", rest=True),
                Option("scope", "who notices it", rest=True),
                *_ABOUT,
            ),
        ),
    ),
    Verb(
        "update",
        "Draft the next word: a status that is reached, or what is new.",
        _update,
        Grammar((_ID, _REST)),
    ),
    Verb(
        "reschedule",
        "Draft that a maintenance has been moved.",
        _reschedule,
        Grammar((_ID, Argument("text", "why", rest=True)), _TIMES),
    ),
    Verb(
        "cancel",
        "Draft that a maintenance does not take place.",
        _cancel,
        Grammar((_ID, Argument("text", "why", rest=True))),
    ),
    Verb(
        "complete",
        "Draft that it is over: completed, or resolved.",
        _complete,
        Grammar((_ID, _REST)),
        aliases=("resolve",),
    ),
    Verb(
        "set",
        "Change a value of the open draft; what was approved is void.",
        _edit,
        Grammar((_ID, Argument("text", "FIELD VALUE", rest=True))),
        aliases=("edit",),
    ),
    Verb(
        "publish",
        "Ask for approval of your draft, or approve somebody else's: then it goes out.",
        _publish,
        Grammar((_ID, Argument("text", "the text's code, as the card shows it", rest=True))),
        aliases=("approve",),
    ),
    Verb(
        "send-back",
        "Have a notice that waits for approval changed.",
        _send_back,
        Grammar((_ID, Argument("text", "what should be changed", rest=True))),
        aliases=("reject",),
    ),
    Verb("discard", "Put the open draft away.", _discard, Grammar((_ID, _REST))),
    Verb("retry", "Try the destinations again that were not reached.", _retry, Grammar((_ID,))),
    Verb(
        "snooze",
        "Put the next word off, this once: how long, and why.",
        _snooze,
        Grammar((_ID, Argument("text", "like 15m, and why", rest=True))),
    ),
    Verb(
        "list",
        "The open notices.",
        _list,
        Grammar((), (Option("all", "those that are over, too", switch=True),)),
        reads=True,
    ),
    Verb("show", "One notice with its newest words.", _show, Grammar((_ID,)), reads=True),
)
