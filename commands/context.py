"""What the verbs work with: where a command was typed, which rollouts it can mean, who asks."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from bot.domain.alerts import HooksDocument
from bot.domain.documents import nearest
from bot.domain.events import RollbackRequested, RolloutEvent, Signed, Whisper
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.rollout import Phase, Rollout
from bot.engine.aftercare import Aftercares
from bot.engine.catalogue import Catalogue, ServiceTarget
from bot.engine.declaring import Incidents
from bot.engine.directory import Directory, Refusal
from bot.engine.engine import Engine
from bot.engine.finding import Finder
from bot.engine.intents import Intent
from bot.engine.notices import Notices
from bot.engine.standups import Holding
from bot.engine.subscribers import Subscribers
from bot.engine.transitions import TargetBusyError
from bot.ports import Posted
from bot.slack.replies import Reply
from commands.parser import Grammar, Parsed


class Refuse(Exception):
    """What was asked for can't be done; the message says why and what to do instead."""


def unknown(what: str, word: str, known: Iterable[str]) -> Refuse:
    """The refusal of a word that names nothing, with the nearest that does.

    what: a sentence without its full stop.
    """
    hint = nearest(word, known)
    return Refuse(f"{what}; {hint}" if hint else f"{what}.")


LATELY = 30
"""How many rollouts of a service are looked through for one that is over."""

Meant = Callable[[Rollout], bool]
"""Whether a rollout can be the one that somebody means."""

UNDER_WAY: Sequence[Meant] = (lambda r: not r.ended,)

WITH_TRAFFIC: Sequence[Meant] = (
    lambda r: r.live,
    lambda r: r.phase is Phase.COMPLETED,
    lambda r: not r.ended,
)
"""What a rollback means: what moves now, else what was released last, whatever waits behind it."""

IN_QUARANTINE: Sequence[Meant] = (lambda r: r.quarantined,)


@dataclass(frozen=True, slots=True)
class Names:
    """The slash commands as this installation calls them."""

    release: str = "/release"
    rollback: str = "/rollback"
    standup: str = "/standup"
    incident: str = "/incident"
    notice: str = "/notice"


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a verb may use.

    plan_named: a plan by its name, raising KeyError. plan_names: all that can be asked for.
    now: the present instant. address: of a message, "" where it is not known.
    """

    engine: Engine
    finder: Finder
    aftercares: Aftercares
    incidents: Incidents
    notices: Notices
    subscribers: Subscribers
    catalogue: Catalogue
    directory: Directory
    names: Names
    plan_named: Callable[[str], Plan]
    plan_names: Sequence[str]
    now: Callable[[], datetime]
    hooks: HooksDocument
    standups: Holding
    address: Callable[[Posted], str] = lambda _posted: ""

    async def actor(self, intent: Intent) -> Actor:
        """Who asks, with the roles known for certain now. Raises Refuse."""
        if intent.kind == "admin":
            return await self._from_outside(intent)
        return _allowed(await self.directory.for_signing(intent.user_id))

    async def actor_for_falling(self, intent: Intent) -> Actor:
        """Who asks, with the last known roles where present ones can't be had. Raises Refuse."""
        if intent.kind == "admin":
            return await self._from_outside(intent)
        return _allowed(await self.directory.for_falling(intent.user_id))

    async def _from_outside(self, intent: Intent) -> Actor:
        """A person named by the holder of the token: good for less traffic, never for more."""
        account = self.catalogue.account_of(intent.user_id)
        if not account:
            raise unknown(
                f"I know no person {intent.user_id!r}", intent.user_id, self.catalogue.people
            )
        actor = _allowed(await self.directory.for_falling(account))
        return msgspec.structs.replace(actor, via="cli", roles_stale=True)

    async def act(
        self,
        rollout: Rollout,
        actor: Actor,
        make: Callable[[Rollout, Actor], RolloutEvent],
        once: str,
    ) -> None:
        """Let an act happen. In Slack a refusal is whispered; elsewhere it raises Refuse.

        once: the id of what was asked; carried out again after a crash, it does nothing more.
        """
        if await self.finder.carried_out(rollout.id, once):
            return  # it moved the release on itself, so it must not be told that it is out of date
        event = make(rollout, actor)
        if rollout.phase is Phase.COMPLETED and isinstance(event, RollbackRequested | Signed):
            await self._still_runs(rollout)
        try:
            applied = await self.engine.apply(rollout.id, event, once=once)
        except TargetBusyError as busy:
            raise Refuse(f"Nothing was done: {busy}. Roll that one back first.") from busy
        if actor.via == "cli":
            for effect in applied.effects:
                if isinstance(effect, Whisper):
                    raise Refuse(effect.text)

    async def _still_runs(self, rollout: Rollout) -> None:
        """That nothing was released there since. Raises Refuse."""
        newer = await self.finder.successor(rollout)
        if newer is not None:
            raise Refuse(
                f"{rollout.version} is no longer what is released on {rollout.service} "
                f"{rollout.environment}: {newer.version} (`{newer.id}`) came after it. "
                f"`{self.names.rollback} {newer.id}` takes that one back."
            )

    def target(self, service: str, environment: str, channel: str) -> ServiceTarget:
        """The service and environment meant by what was typed where. Raises Refuse."""
        name = service or self._only_service(channel)
        if name not in self.catalogue.services():
            raise unknown(f"I know no service {name!r}", name, self.catalogue.services())
        environments = self.catalogue.environments(name)
        chosen = environment or _usual(environments)
        if chosen not in environments:
            raise unknown(f"{name} has no environment {chosen!r}", chosen, environments)
        return self.catalogue.target(name, chosen)

    def _only_service(self, channel: str) -> str:
        here = self.catalogue.services_in(channel) or self.catalogue.services()
        if len(here) == 1:
            return here[0]
        raise Refuse(f"Which service? Name one of {', '.join(here)} after the version.")

    async def which(
        self, word: str, channel: str, meant: Sequence[Meant] = UNDER_WAY, *, ended: bool = False
    ) -> Rollout:
        """The one rollout that a command means: by id, by service, or the only one here.

        meant: what kind of rollout it can be, the likeliest first. ended: one that is over counts
        too, if there is no better one the newest. Raises Refuse.
        """
        if word:
            by_id = await self.finder.find(word)
            if by_id is not None:
                return by_id
        going = await self.candidates(word, channel)
        over = [r for r in await self.recent(word, channel, LATELY) if r.ended] if ended else []
        found: list[Rollout] = []
        for fits in meant:
            found = found or _newest_of_each_target([r for r in (*going, *over) if fits(r)])
        found = found or over[:1]
        if not found:
            raise Refuse(self._nothing(word))
        if len(found) > 1:
            names = ", ".join(f"{r.service} {r.version} (`{r.id}`)" for r in found)
            raise Refuse(f"Which one? {names}. Repeat it with the id.")
        return found[0]

    async def is_target(self, word: str) -> bool:
        """Whether a word is a service or a rollout's id, rather than the start of a sentence."""
        return word in self.catalogue.services() or await self.finder.find(word) is not None

    async def candidates(self, service: str, channel: str) -> list[Rollout]:
        """The rollouts under way: of a service, of this channel's services, or all."""
        return await self.finder.active(self._services(service, channel))

    async def recent(self, service: str, channel: str, limit: int = 10) -> list[Rollout]:
        """The newest rollouts, ended ones too, newest first."""
        return await self.finder.recent(self._services(service, channel), limit)

    def _services(self, service: str, channel: str) -> Sequence[str]:
        if service:
            if service not in self.catalogue.services():
                what = f"I know no service or rollout {service!r}"
                raise unknown(what, service, self.catalogue.services())
            return [service]
        return self.catalogue.services_in(channel) or self.catalogue.services()

    def _nothing(self, word: str) -> str:
        what = f" of {word}" if word else ""
        return f"No rollout{what} is under way. `{self.names.release} start VERSION` begins one."


def _newest_of_each_target(found: Sequence[Rollout]) -> list[Rollout]:
    """All that are under way, and of those that are over the newest per target.

    found: those that are over come newest first.
    """
    kept: dict[tuple[str, ...], Rollout] = {}
    for rollout in found:
        place = (rollout.service, rollout.environment)
        kept.setdefault(place if rollout.ended else (rollout.id,), rollout)
    return list(kept.values())


def _allowed(found: Actor | Refusal) -> Actor:
    if isinstance(found, Refusal):
        raise Refuse(found.reason)
    return found


def _usual(environments: Sequence[str]) -> str:
    return "production" if "production" in environments else environments[0]


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a verb: who typed it where, and the words."""

    context: Context
    intent: Intent
    parsed: Parsed

    async def rollout(self, meant: Sequence[Meant] = UNDER_WAY, *, ended: bool = False) -> Rollout:
        """The rollout that the word `target` means. Raises Refuse."""
        word = self.parsed.get("target")
        return await self.context.which(word, self.intent.channel, meant, ended=ended)


Run = Callable[[Call], Awaitable[Reply | None]]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of a slash command.

    reads: it changes nothing, so it is answered within the acknowledgement.
    run: does it; the reply goes to the one who asked, None when the card says it all.
    """

    name: str
    summary: str
    run: Run
    grammar: Grammar = field(default_factory=Grammar)
    reads: bool = False
    aliases: tuple[str, ...] = ()

    def usage(self, command: str) -> str:
        """How it is typed: /release start VERSION [service]."""
        return " ".join(word for word in (command, self.name, self.grammar.usage) if word)
