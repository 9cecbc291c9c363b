"""What keeps releases from beginning: locks, the line, and the list of all that is in the way."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain import locks
from bot.domain.calendar import next_begin, parse_clock, periods, shown
from bot.domain.freezes import Freeze, parse_moment
from bot.domain.holds import Outlook, moment, one_more_words, passable
from bot.domain.locks import Lock, LockLifted, hold_of
from bot.domain.rollout import Rollout
from bot.domain.units import parse_duration
from bot.engine.locks import NAME
from bot.slack.replies import Reply
from commands.context import Call, Refuse, Verb, unknown
from commands.parser import Argument, Grammar, Option

ALL = "all"
"""The word for every service."""

SOON = timedelta(days=30)
"""Freezes that begin within this are listed."""

_LOCK = Grammar(
    (
        Argument("service", f"which service, or `{ALL}`; needed where a channel has several"),
        Argument("text", "why; people are told", rest=True),
    ),
    (
        Option("env", "this environment only; all of them unless said otherwise"),
        Option("for", "how long, like 2h; until somebody unlocks it unless said otherwise"),
        Option("until", "until when (UTC), like 18:00, 2026-12-24 or 2026-12-24T18:00"),
    ),
)
_UNLOCK = Grammar(
    (
        Argument("service", f"a service, `{ALL}`, or the id of a lock"),
        Argument("text", "why", rest=True),
    ),
    (Option("env", "the environment"),),
)
_WHY = Grammar((Argument("text", "why; people are told", rest=True),))


# --- setting --------------------------------------------------------------------------------


async def _lock(call: Call) -> Reply:
    """Lock a service."""
    context = call.context
    service, reason = _service_and_rest(call)
    if service != ALL:
        service = context.target(service, call.parsed.get("env"), call.intent.channel).service
    environment = call.parsed.get("env")
    lock = await _set(
        call,
        reason,
        service="" if service == ALL else service,
        environment=environment,
        until=_until(call),
    )
    return Reply(f"Locked {lock.place} (`{lock.id}`). `{_release(call)} unlock {lock.id}` ends it.")


async def _stop(call: Call) -> Reply:
    """Stop the line."""
    stopped = [lock for lock in await call.context.engine.holds.locks() if lock.line]
    if stopped and stopped[0].id != lock_id(call.intent.id):
        raise Refuse(f"{locks.stopped_words(stopped[0])} (since {moment(stopped[0].created_at)}).")
    await _set(call, call.parsed.get("text"), line=True)
    return Reply(f"The line is stopped. `{_release(call)} start-the-line` lets it go on.")


async def _set(
    call: Call,
    reason: str,
    *,
    service: str = "",
    environment: str = "",
    line: bool = False,
    until: datetime | None = None,
) -> Lock:
    context = call.context
    reason = reason.strip().rstrip(".")
    if not reason:
        raise Refuse("Say why: everybody who is held up is told.")
    actor = await context.actor_for_falling(call.intent)
    refused = locks.refusal_to_set(actor)
    if refused is not None:
        raise Refuse(refused)
    lock, effects = locks.begin(
        Lock(
            id=lock_id(call.intent.id),
            reason=reason,
            set_by=actor,
            created_at=context.now(),
            service=service,
            environment=environment,
            line=line,
            until=until,
        )
    )
    detail = {"reason": reason, "line": line, "until": until.isoformat() if until else ""}
    await context.engine.create(lock, effects, actor=actor, kind=NAME, detail=detail)
    return lock


def lock_id(intent_id: str) -> str:
    """A short id that is the same however often the same request is carried out."""
    digest = hashlib.sha256(f"lock:{intent_id}".encode()).digest()
    return base64.b32encode(digest)[:7].decode().lower()


def _service_and_rest(call: Call) -> tuple[str, str]:
    """`lock broken migrations`: the first word is no service, so it belongs to the reason."""
    word, rest = call.parsed.get("service"), call.parsed.get("text")
    if word == ALL or word in call.context.catalogue.services():
        return word, rest
    return "", " ".join(part for part in (word, rest) if part)


def _until(call: Call) -> datetime | None:
    now, span, text = call.context.now(), call.parsed.get("for"), call.parsed.get("until")
    if span and text:
        raise Refuse("Say --for or --until, not both.")
    try:
        if span:
            return now + _some(parse_duration(span))
        return _moment(text, now) if text else None
    except ValueError as error:
        raise Refuse(f"{error}.") from error


def _some(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("no time at all locks nothing")
    return span


def _moment(text: str, now: datetime) -> datetime:
    """When a lock ends; a time of day is the next one. Raises ValueError."""
    utc = ZoneInfo("UTC")
    if ":" in text and "-" not in text:
        clock, days = parse_clock(text)
        found = shown(now.astimezone(UTC).date() + timedelta(days=days), clock, utc, last=True)
        return found if found > now else found + timedelta(days=1)
    found = parse_moment(text, utc)
    if found <= now:
        raise ValueError(f"{text} is over already (times are UTC unless they say otherwise)")
    return found


# --- lifting --------------------------------------------------------------------------------


async def _unlock(call: Call) -> Reply:
    """Take a lock off."""
    active = [lock for lock in await call.context.engine.holds.locks() if not lock.line]
    found, reason = _meant(call, active)
    if not found:
        raise Refuse(f"Nothing is locked there. `{_release(call)} locks` lists what is.")
    if len(found) > 1:
        names = "; ".join(f"`{lock.id}` {hold_of(lock).text}" for lock in found)
        raise Refuse(f"Which one? {names}. Repeat it with the id.")
    await _lift(call, found, reason)
    return Reply(f"Unlocked {found[0].place}.")


def _meant(call: Call, active: Sequence[Lock]) -> tuple[list[Lock], str]:
    """The locks that the words can mean, and what is left of the words."""
    word, rest = call.parsed.get("service"), call.parsed.get("text")
    environment = call.parsed.get("env")
    by_id = [lock for lock in active if lock.id == word]
    if by_id:
        return by_id, rest
    service, rest = _service_and_rest(call)
    fits = [lock for lock in active if not environment or lock.environment == environment]
    if service:
        wanted = "" if service == ALL else service
        return [lock for lock in fits if lock.service == wanted], rest
    here = call.context.catalogue.services_in(call.intent.channel)
    return [lock for lock in fits if not here or not lock.service or lock.service in here], rest


async def _start(call: Call) -> Reply:
    """Start the line again."""
    stopped = [lock for lock in await call.context.engine.holds.locks() if lock.line]
    if not stopped:
        raise Refuse("The line is not stopped.")
    await _lift(call, stopped, call.parsed.get("text"))
    return Reply("The line runs again. What was paused waits for somebody to resume it.")


async def _lift(call: Call, found: Sequence[Lock], reason: str) -> None:
    context = call.context
    actor = await context.actor(call.intent)
    for lock in found:
        refused = locks.refusal_to_lift(lock, actor)
        if refused is not None:
            raise Refuse(refused)
    event = LockLifted(actor, reason.strip().rstrip("."))
    for lock in found:
        await context.engine.apply(lock.id, event, kind=NAME, once=call.intent.id)


# --- looking --------------------------------------------------------------------------------


async def _locks(call: Call) -> Reply:
    """Everything that holds releases now, and the freezes that are coming."""
    context, service = call.context, call.parsed.get("service")
    services = context.catalogue.services()
    if service and service not in services:
        raise unknown(f"I know no service {service!r}", service, services)
    ours = [service] if service else list(services)
    now = context.now()
    found = await context.engine.holds.locks()
    on = [lock for lock in found if not lock.service or lock.service in ours]
    lines = [f"• {_sentence(hold_of(lock).text)} `{lock.id}`" for lock in on]
    for freeze in context.catalogue.freezes:
        lines += [f"• {line}" for line in freeze_lines(freeze, ours, now)]
    quarantined = await context.engine.holds.quarantined(ours)
    lines += [f"• {_quarantine(rollout)}" for rollout in quarantined]
    return Reply("\n".join(lines) or "Nothing is locked, frozen or in quarantine.")


def freeze_lines(freeze: Freeze, services: Sequence[str], now: datetime) -> Iterable[str]:
    """A freeze that is on or begins soon."""
    if freeze.services and not set(freeze.services) & set(services):
        return
    where = " ".join((", ".join(freeze.services) or locks.ALL, *freeze.environments))
    until = freeze.until(now)
    if until is not None:
        yield f"Freeze {freeze.name} on {where}, until {moment(until)}: {freeze.reason}"
        return
    begins = next_begin(freeze.windows, now)
    if begins is not None and begins - now < SOON:
        ends = min(p.end for w in freeze.windows for p in periods(w, now) if p.start == begins)
        when = f"from {moment(begins)} to {moment(ends)}"
        yield f"Freeze {freeze.name} on {where}, {when}: {freeze.reason}"


def _quarantine(rollout: Rollout) -> str:
    return (
        f"{rollout.service} {rollout.version} is in quarantine since it was rolled back in "
        f"{rollout.environment} (`{rollout.id}`); two people release it"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def outlook_lines(
    outlook: Outlook, expires_at: datetime | None = None, kind: str = ""
) -> list[str]:
    """What is in the way, and when it opens.

    expires_at: until when signatures count. kind: the type of the release.
    """
    lines = [f"• {_sentence(hold.text)}" for hold in outlook.holds]
    if lines:
        lines.insert(0, "In the way:")
        lines.append(opening_line(outlook.opens_at))
        passes = passable(kind, outlook.holds)
        lines += [one_more_words(passes)] if passes else []
    late = outlook.opens_at is not None and expires_at is not None and expires_at < outlook.opens_at
    if late and expires_at is not None:
        lines.append(
            f"Signatures count until {moment(expires_at)}, which is before that: start it later."
        )
    if outlook.advice:
        lines.append(f"Advice: {outlook.advice}.")
    return lines


def opening_line(opens_at: datetime | None) -> str:
    """When it may begin, in a sentence."""
    if opens_at is None:
        return "It begins by itself when nothing is in the way any more."
    return f"It may begin {moment(opens_at)}."


def _release(call: Call) -> str:
    return call.context.names.release


VERBS: Sequence[Verb] = (
    Verb("lock", "Nothing new begins on a service; by one person with a role.", _lock, _LOCK),
    Verb("unlock", "Take a lock off.", _unlock, _UNLOCK),
    Verb(
        "locks",
        "What holds releases, and until when.",
        _locks,
        Grammar((Argument("service", "a service"),)),
        reads=True,
        aliases=("freezes",),
    ),
    Verb(
        "stop-the-line",
        "Nothing begins and nothing rises anywhere; what is under way is paused.",
        _stop,
        _WHY,
        aliases=("stop_the_line", "stoptheline"),
    ),
    Verb(
        "start-the-line",
        "Releases may begin again.",
        _start,
        _WHY,
        aliases=("start_the_line", "starttheline"),
    ),
)
