"""What the words of /incident mean: which incident, which person, which instant."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.events import Whisper
from bot.domain.incident import AnyIncidentEvent, Incident
from bot.domain.incident_rules import severity_of
from bot.domain.incident_terms import Severity
from bot.domain.people import Actor
from bot.domain.units import parse_duration
from bot.engine import transitions
from bot.engine.incident_work import NAME
from bot.engine.intents import Intent
from commands.context import Call, Context, Refuse, unknown

LONGEST_TITLE = 150


def new_id(intent_id: str) -> str:
    """A short id that is the same however often the same request is carried out."""
    digest = hashlib.sha256(f"incident:{intent_id}".encode()).digest()
    return f"i{base64.b32encode(digest)[:6].decode().lower()}"


def title_of(text: str) -> str:
    """What is wrong, on one line."""
    return " ".join(text.split()).rstrip(".")[:LONGEST_TITLE]


def severity_meant(word: str) -> Severity | None:
    """The severity that a word means, None for none. Raises Refuse for a word that is none."""
    if not word:
        return None
    found = severity_of(word)
    if found is None:
        raise unknown(f"There is no severity {word!r}", word, [each.value for each in Severity])
    return found


def _all(_incident: Incident) -> bool:
    return True


async def meant(
    call: Call, text: str, fits: Callable[[Incident], bool] = _all, *, over: bool = False
) -> tuple[Incident, str]:
    """The incident that is meant, and the words that are left.

    By its id as the first word; else the only one here that fits. over: one about which nothing is
    left to do counts too, the newest. Raises Refuse.
    """
    context = call.context
    word, _, rest = text.strip().partition(" ")
    by_id = await context.incidents.find(word.strip("`")) if word else None
    if by_id is not None:
        return by_id, rest.strip()
    here = _here(call)
    found = [each for each in await context.incidents.unfinished(here) if fits(each)]
    if not found and over:
        found = [each for each in await context.incidents.recent(here) if fits(each)][:1]
    if not found:
        declare = f"`{context.names.incident} declare WHAT IS WRONG` opens one."
        raise Refuse(f"There is no such incident here. {declare}")
    if len(found) > 1:
        names = "; ".join(f"`{each.id}` {each.title}" for each in found)
        raise Refuse(f"Which one? {names}. Repeat it with the id as the first word.")
    return found[0], text.strip()


def _here(call: Call) -> Sequence[str]:
    catalogue = call.context.catalogue
    return catalogue.services_in(call.intent.channel) or catalogue.services()


def person_meant(context: Context, text: str) -> str:
    """A person by a mention or by the name in the configuration. Raises Refuse."""
    word = text.split()[0]
    if word.startswith("@[") and word.endswith("]"):
        return context.catalogue.person_of(word[2:-1])
    name = word.removeprefix("@").lower()
    if name in context.catalogue.people:
        return name
    raise unknown(f"I know no person {word!r}", name, context.catalogue.people)


def when(text: str, now: datetime) -> datetime:
    """An instant that is over: 14:05 (UTC, the last one), 10m (ago), 2026-12-24T18:00Z.

    Raises Refuse.
    """
    if not text:
        return now
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        return _instant(text, now)
    except ValueError as error:
        raise Refuse(
            f"{text!r} is no instant; write it like 14:05 (UTC), 10m (ago) or 2026-12-24T18:00Z."
        ) from error


def _instant(text: str, now: datetime) -> datetime:
    if "T" not in text.upper():
        clock = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - its day and zone come next
        utc = now.astimezone(UTC)
        at = utc.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
        return at if at <= now else at - timedelta(days=1)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def seconds_of(text: str) -> float:
    """A duration in seconds, 0 for none. Raises Refuse."""
    if not text:
        return 0.0
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise Refuse(f"{error}.") from error


def due_at(text: str, now: datetime) -> datetime:
    """When something has to be done: 3d (from now) or 2026-12-24. Raises Refuse."""
    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refuse(f"{text!r} is no time; write it like 3d or 2026-12-24.") from error
    at = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    if at <= now:
        raise Refuse(f"{text} is over already.")
    return at


async def happen(
    context: Context, intent: Intent, actor: Actor, id_: str, event: AnyIncidentEvent
) -> None:
    """Let something happen to an incident. Refusals go to the person, or are raised."""
    try:
        applied = await context.engine.apply(id_, event, kind=NAME, once=intent.id)
    except transitions.NotFoundError as error:
        raise Refuse(f"I know no incident `{id_}`. `{context.names.incident} list`.") from error
    if actor.via == "cli":
        for effect in applied.effects:
            if isinstance(effect, Whisper):
                raise Refuse(effect.text)
