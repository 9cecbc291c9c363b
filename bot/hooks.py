"""What other systems report over HTTP: read, stored, answered; and carried out afterwards.

The answer says what is known at that moment: which rollouts it concerns, and what it will do. What
is stored is carried out once, after a crash too, and however often it is delivered.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bot.domain.alerts import ANOTHER_SYSTEM, Alert, NotAlertmanagerError, read
from bot.domain.breaches import asked_for
from bot.domain.documents import nearest
from bot.domain.events import HookFired
from bot.domain.plan import Plan
from bot.domain.reports import Source, literal, snake
from bot.domain.rollout import Rollout
from bot.domain.vocabulary import What, vocabulary
from bot.engine.engine import Engine
from bot.engine.intents import Intent
from bot.engine.reporting import Reporting
from bot.ports import Chat, Message, PermanentError, TemporaryError
from bot.slack.text import MESSAGE_TEXT, cut
from bot.slack.text import escape as escaped
from bot.web import Answer
from commands.context import Context, Refuse
from commands.merging import MERGED, Merge, followers, release

log = logging.getLogger(__name__)

_KINDS: Sequence[What] = ("event", "report", "incident")
_LONGEST = 200
_KNOWN = "this id was taken in before"
_DOORS = "there are POST /hooks/events and /hooks/alertmanager"


class _RefusedError(Exception):
    """The delivery can't be taken in; the message says why and what to do."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.answer = Answer(status, {"error": reason})


Alarmed = Callable[[str, str, HookFired], Awaitable[None]]
"""Is told of each alert, with its service and environment; doing it again changes nothing."""


async def _nobody(_service: str, _environment: str, _fired: HookFired) -> None:
    return None


class Hooks:
    """See the module. plans: all that there are. alarmed: who else is told of alerts.

    context: what is configured, and by what what was merged is released.
    """

    def __init__(
        self,
        engine: Engine,
        reporting: Reporting,
        chat: Chat,
        plans: Callable[[], Sequence[Plan]],
        new_id: Callable[[], str],
        context: Context,
        alarmed: Alarmed = _nobody,
    ) -> None:
        self._engine = engine
        self._reporting = reporting
        self._catalogue = context.catalogue
        self._chat = chat
        self._plans = plans
        self._rules = context.hooks
        self._new_id = new_id
        self._alarmed = alarmed
        self._context = context

    # --- at the door --------------------------------------------------------------------------

    async def take(self, name: str, body: Any) -> Answer:
        """Store what came in at `/hooks/{name}`; what is said about it."""
        try:
            match name:
                case "events":
                    return await self._event(body)
                case "alertmanager":
                    return await self._alerts(body)
                case _:
                    raise _RefusedError(404, _DOORS)
        except _RefusedError as refused:
            return refused.answer

    async def _event(self, body: Any) -> Answer:
        given = _fields(body)
        merged = given.get("event") == MERGED and "environment" not in given
        if merged:
            return await self._merged(given)
        what = _what(given)
        service, environment = given.get("service", ""), given.get("environment", "")
        missing = [key for key in ("service", "environment") if not given.get(key)]
        if missing:
            raise _RefusedError(400, f"missing: {', '.join(missing)}")
        trouble = self._unknown_place(service, environment)
        if trouble:
            raise _RefusedError(422, f"{trouble}. Nothing was done.")
        under_way = await self._reporting.under_way(service, environment)
        fired = self._fired(what, given, under_way)
        state = "open" if fired.open else "over"
        id_ = _once(what, service, environment, fired.id, given.get("at", ""), state)
        (new,) = await self._store([(id_, service, environment, fired)])
        if not new:
            return Answer(200, {"rollouts": [], "note": _KNOWN})
        live = [rollout for rollout in under_way if rollout.live]
        if not live:
            note = f"nothing is live on {service} {environment}; it is kept"
            return Answer(200, {"rollouts": [], "note": note})
        does = asked_for(live[0], fired).value if fired.open else "note"
        return Answer(202, {"rollouts": [rollout.id for rollout in live], "does": does})

    def _fired(
        self, what: What, given: Mapping[str, str], under_way: Sequence[Rollout]
    ) -> HookFired:
        pinned = [rollout.the_plan for rollout in under_way]
        known = vocabulary([*self._plans(), *pinned], self._rules)
        name = snake(given[what])
        unknown = known.unknown(what, name)
        if unknown:
            raise _RefusedError(422, unknown)
        source: Source = what
        return HookFired(
            name=name,
            detail=literal(given.get("detail", "")),
            do=known.does_by_itself(what, name).value,
            source=source,
            id=given.get("id", "")[:200] or self._new_id(),
            at=_began(given) or self._engine.clock.now(),
            open=_open(what, given),
            actor=ANOTHER_SYSTEM,
        )

    async def _merged(self, given: Mapping[str, str]) -> Answer:
        """Something came to a branch: release it where that is followed."""
        missing = [key for key in ("service", "branch", "version") if not given.get(key)]
        if missing:
            raise _RefusedError(400, f"missing: {', '.join(missing)}")
        if max(len(given[key]) for key in ("branch", "version")) > _LONGEST:
            raise _RefusedError(400, f"`branch` and `version` have at most {_LONGEST} characters")
        merge = Merge(given["service"], given["branch"], given["version"])
        services = self._catalogue.services()
        if merge.service not in services:
            raise _RefusedError(422, _unknown("I know no service", merge.service, services))
        places = followers(self._context, merge.service, merge.branch)
        if not places:
            note = f"no environment of {merge.service} follows {merge.branch[:80]} by itself"
            return Answer(200, {"rollouts": [], "environments": [], "note": note})
        intent = Intent(
            id=_once(MERGED, merge.service, merge.branch, merge.version, given.get("id", "")),
            kind="hook",
            name=MERGED,
            values=msgspec.to_builtins(merge),
            received_at=self._engine.clock.now(),
        )
        new = await self._engine.submit(intent)
        reached = [place.environment for place in places]
        found: dict[str, Any] = {"rollouts": [], "environments": reached}
        return Answer(202, found) if new else Answer(200, found | {"note": _KNOWN})

    async def _released(self, intent: Intent) -> None:
        """Begin what was merged; people hear of it on the card, or why there is none."""
        merge = msgspec.convert(intent.values, Merge)
        for place in followers(self._context, merge.service, merge.branch):
            try:
                await release(self._context, place, merge, intent.id)
            except Refuse as refused:
                text = (
                    f"{escaped(merge.version)} was merged to {escaped(merge.branch)} and is not "
                    f"released on {place.service} {place.environment}: {escaped(str(refused))}"
                )
                key = f"{intent.id}:{place.environment}"[:200]
                await self._chat.post(Message(place.channel, cut(text, MESSAGE_TEXT)), key)

    async def _alerts(self, body: Any) -> Answer:
        try:
            alerts = read(body, self._rules.alertmanager)
        except NotAlertmanagerError as error:
            raise _RefusedError(422, str(error)) from error
        troubles = [a.trouble or self._unknown_place(a.service, a.environment) for a in alerts]
        good = [a for a, trouble in zip(alerts, troubles, strict=True) if not trouble]
        live = {at: await self._live(*at) for at in {(a.service, a.environment) for a in good}}
        rows = [(_once(a.once), a.service, a.environment, a.fired) for a in good]
        new = iter(await self._store(rows) if rows else ())
        shown = []
        for alert, trouble in zip(alerts, troubles, strict=True):
            if trouble:
                log.warning("the alert %s is ignored: %s", alert.fired.name, trouble)
                shown.append(_shown(alert, f"ignored: {trouble}"))
            else:
                there, fresh = live[alert.service, alert.environment], next(new)
                if not fresh:
                    await self._reporting.heard(alert.service, alert.environment, alert.fired)
                shown.append(_shown(alert, _outcome(alert, there, fresh)))
        reached = sorted(r.id for there in live.values() for r in there)
        return Answer(202 if reached else 200, {"rollouts": reached, "alerts": shown})

    async def _live(self, service: str, environment: str) -> list[Rollout]:
        found = await self._reporting.under_way(service, environment)
        return [rollout for rollout in found if rollout.live]

    def _unknown_place(self, service: str, environment: str) -> str:
        """Why nothing can be reported there, "" when it can."""
        services = self._catalogue.services()
        if service not in services:
            return _unknown("I know no service", service, services)
        environments = self._catalogue.environments(service)
        if environment not in environments:
            return _unknown(f"{service} has no environment", environment, environments)
        return ""

    async def _store(self, several: Sequence[tuple[str, str, str, HookFired]]) -> Sequence[bool]:
        now = self._engine.clock.now()
        return await self._engine.submit_all(
            [
                Intent(
                    id=id_,
                    kind="hook",
                    name=fired.source,
                    values={
                        "service": service,
                        "environment": environment,
                        "fired": msgspec.to_builtins(fired),
                    },
                    received_at=now,
                )
                for id_, service, environment, fired in several
            ]
        )

    # --- afterwards ---------------------------------------------------------------------------

    async def handle(self, intent: Intent) -> None:
        """Carry out what was stored. Raises what keeps it from being done now."""
        if intent.name == MERGED:
            await self._released(intent)
            return
        given = intent.values
        fired = msgspec.convert(given["fired"], HookFired)
        await self._reporting.take(given["service"], given["environment"], fired)
        if fired.source == "alarm":
            await self._alarmed(given["service"], given["environment"], fired)

    async def gave_up(self, intent: Intent, reason: str) -> None:
        """It could not be carried out: somebody has to know."""
        channels = self._catalogue.channels
        given = intent.values
        if intent.name == MERGED:
            what = f"{given['version']} of {given['service']}"
            text = f"{what} was merged and could not be released: {reason}"
        else:
            text = (
                f"A report on {given['service']} {given['environment']} could not be taken in "
                f"({given['fired']['name']}): {reason}. Look whether a release has to be held."
            )
        message = Message(channels.critical or channels.default, text)
        try:
            await self._chat.post(message, f"gave up:{intent.id}"[:200])
        except (TemporaryError, PermanentError) as error:
            log.error("nobody could be told that %s failed: %s", intent.id, error)


def _fields(body: Any) -> Mapping[str, str]:
    if not isinstance(body, dict):
        raise _RefusedError(400, 'send a JSON object like {"event": "data_corruption", …}')
    wrong = [key for key, value in body.items() if not isinstance(value, str)]
    if wrong:
        raise _RefusedError(400, f"not text: {', '.join(sorted(wrong))[:200]}")
    return body


def _what(given: Mapping[str, str]) -> What:
    """Whether it is an event, a report or an incident."""
    named = [what for what in _KINDS if given.get(what)]
    if len(named) != 1:
        raise _RefusedError(400, "missing: `event` (or one of `report`, `incident`)")
    return named[0]


def _began(given: Mapping[str, str]) -> datetime | None:
    if not given.get("at"):
        return None
    try:
        found = datetime.fromisoformat(given["at"])
    except ValueError as error:
        raise _RefusedError(400, "`at` is not an instant like 2026-11-21T10:00:00Z") from error
    if found.tzinfo is None:
        raise _RefusedError(400, "`at` has no time zone; write it like 2026-11-21T10:00:00Z")
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise _RefusedError(400, "`at` is beyond all calendars") from error


def _open(what: What, given: Mapping[str, str]) -> bool:
    state = given.get("state") or "open"
    if state not in {"open", "closed"}:
        raise _RefusedError(400, "`state` is open or closed")
    if state == "closed" and (what == "event" or not given.get("id")):
        raise _RefusedError(400, "only a report or an incident closes, by the `id` it came with")
    return state == "open"


def _unknown(what: str, word: str, known: Sequence[str]) -> str:
    hint = nearest(word, known)
    problem = f"{what} {word[:80]!r}"
    return f"{problem}; {hint}" if hint else problem


def _once(*parts: str) -> str:
    """The name in the inbox: of one length, whatever came in."""
    text = "\n".join(parts)
    return f"hook:{hashlib.sha256(text.encode()).hexdigest()}"


def _outcome(alert: Alert, live: Sequence[Rollout], new: bool) -> str:
    if not new:
        return "known: it was taken in before"
    if not alert.fired.open:
        return "over: noted"
    if not live:
        return "nothing live: noted"
    return asked_for(live[0], alert.fired).value


def _shown(alert: Alert, outcome: str) -> Mapping[str, str]:
    return {
        "alert": alert.fired.name,
        "fingerprint": alert.fired.id,
        "status": "firing" if alert.fired.open else "resolved",
        "service": alert.service[:100],
        "environment": alert.environment[:100],
        "outcome": outcome,
    }
