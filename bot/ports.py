"""What the engine asks of the outside world, and the two ways in which it can be refused.

Every adapter is one file that implements one of these protocols. An adapter translates whatever
goes wrong into exactly two errors: `TemporaryError` (try again with the same key) and
`PermanentError` (a person must change something). It never retries by itself.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from bot.domain.audience import Routing
from bot.domain.calling import Call, Ticket, TicketOrder
from bot.domain.plan import Metric
from bot.domain.samples import Reading, Track


class TemporaryError(Exception):
    """It may work later. `retry_after`: how long the far side asked us to wait, if it said so.

    `unknown` is true when the request may have had its effect (a lost reply): whoever repeats it
    must look first, or rely on the idempotency key.
    """

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, unknown: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unknown = unknown


class PermanentError(Exception):
    """It will not work until a person changes something; the message says what.

    `code` is the far side's own word (for example `not_in_channel`), for those who can react to it.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


SHUT_OUT = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}
)
"""Codes of a chat that lets the bot do nothing at all any more."""


class Target(msgspec.Struct, frozen=True):
    """Where a version runs: one environment of one service."""

    service: str
    environment: str


class Release(msgspec.Struct, frozen=True):
    """A version and the digest of its artifact (empty when it could not be resolved)."""

    version: str
    artifact: str = ""


class Side(msgspec.Struct, frozen=True):
    """One of the (at most) two versions that are installed.

    weight: percent of the traffic it receives, 0..100, as read back from the target.
    ready: every instance of it is up and can take traffic.
    slot: the place it is installed in (a server of HAProxy), "" when the backend has none.
    audience: of whom `weight` is a share, "" for everybody.
    """

    release: Release
    weight: float
    ready: bool
    instances: int | None = None
    detail: str = ""
    slot: str = ""
    audience: str = ""


class Observation(msgspec.Struct, frozen=True):
    """What runs now, read back from the target (never from memory).

    seq: the highest sequence number the target has seen, 0 when it keeps none.
    uniform: every process of the target says the same (no HAProxy process lags behind).
    """

    current: Side
    candidate: Side | None
    seq: int = 0
    uniform: bool = True
    detail: str = ""


class Capabilities(msgspec.Struct, frozen=True):
    """What a backend can do; a plan that needs more is refused before anyone is asked to sign.

    audience, flag, sticky: see `bot.domain.audience.Routing`.
    """

    weights: bool = True
    prepare: bool = True
    promote: bool = True
    retire: bool = True
    instances: bool = False
    resolves_digests: bool = True
    audience: bool = False
    flag: bool = False
    sticky: bool = False


class Op(msgspec.Struct, frozen=True):
    """Identity of one change at a target.

    key: idempotency key; the same key is the same change, however often it is sent.
    seq: grows with every change of this target, over all rollouts; a target that has seen a
        higher one must refuse this one.
    drain: how long the side that loses its traffic may finish its requests; None: as the backend
        is set.
    routing: of whom a weight is a share, and by what the side of a request is chosen; never more
        than the backend said it can do.
    """

    key: str
    seq: int
    drain: timedelta | None = None
    routing: Routing = Routing()


class StaleOpError(PermanentError):
    """The target has already seen a newer change than this one."""


class Deployer(Protocol):
    """Moves traffic between two versions of one target.

    All effects are absolute and idempotent by `op.key`. A call returns when the effect has been
    confirmed by reading it back. Raises `TemporaryError`, `PermanentError`, `StaleOpError`.
    """

    def capabilities(self) -> Capabilities:
        """What this backend can do. No I/O."""
        ...

    async def resolve(self, target: Target, version: str) -> Release:
        """The release for a version name; an empty artifact when the backend has no digests.

        Raises PermanentError(code="unknown_version") when there is no such version.
        """
        ...

    async def observe(self, target: Target) -> Observation:
        """What runs now."""
        ...

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:
        """Install the release beside the current one, at weight 0, and wait until it is ready."""
        ...

    async def shift(
        self, target: Target, release: Release, weight: float, op: Op, instances: int | None = None
    ) -> Observation:
        """Give the candidate `release` `weight` percent of the traffic, the rest to the current."""
        ...

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:
        """The candidate, at 100 %, is the current one from now on; the old side stays, idle."""
        ...

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:
        """Stop the side that is not current (drain first, as long as `op` says)."""
        ...

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:
        """All traffic to `release` (the previous version) at once; then drain the other side."""
        ...


class MetricQuery(msgspec.Struct, frozen=True):
    """One thing to read.

    releases: the versions now on each track, for label matchers such as `{candidate}`.
    labels: what `candidate` and `current` are called in the source's labels when that is not the
        version: the slots of the two sides. The canary is `candidate` from the first wave to the
        end of the rollout, also after it has been promoted.
    """

    metric: Metric
    track: Track
    target: Target
    releases: Mapping[Track, Release]
    labels: Mapping[str, str] = {}


class MetricSource(Protocol):
    """Reads one metric of one track. Never guesses: what can't be known is `Unknown`."""

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        """Read what happened since `cursor` ("" at the first time).

        now: the present instant (aware, UTC), used to judge staleness; a source with its own clock
            (Prometheus) takes its samples' own times.
        Returns Unknown rather than raising for everything that time may heal or that shows missing
        data; raises PermanentError only when the query can never work (a wrong expression).
        """
        ...


class Posted(msgspec.Struct, frozen=True):
    """Where a message went, for editing it later."""

    channel: str
    ts: str


class Person(msgspec.Struct, frozen=True):
    """What the chat knows about an account, as far as signing is concerned."""

    user_id: str
    name: str
    team_id: str
    enterprise_id: str = ""
    email: str = ""
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    is_deleted: bool = False


class Message(msgspec.Struct, frozen=True):
    """A message to post or to replace another one with: text and blocks always go together."""

    channel: str
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    thread_ts: str = ""
    broadcast: bool = False


class Chat(Protocol):
    """The chat as the engine uses it. Raises TemporaryError, PermanentError(code=Slack's word)."""

    async def post(self, message: Message, key: str) -> Posted:
        """Post once; `key` goes into the metadata, so that a lost reply can be looked up."""
        ...

    async def find(self, channel: str, key: str, thread_ts: str = "") -> Posted | None:
        """The message posted with `key`, if there is one (after a lost reply)."""
        ...

    async def update(self, posted: Posted, message: Message) -> None:
        """Replace text and blocks of a message of ours."""
        ...

    async def whisper(self, user_id: str, message: Message) -> None:
        """Post what only one person sees."""
        ...

    async def direct(self, user_id: str) -> str:
        """The channel id of the direct message with a person."""
        ...

    async def permalink(self, posted: Posted) -> str: ...

    async def person(self, user_id: str) -> Person: ...

    async def group(self, group_id: str) -> frozenset[str]:
        """User ids of the members of a user group."""
        ...

    async def publish_home(self, user_id: str, view: Mapping[str, Any]) -> None: ...

    def silent(self) -> str:
        """Why nothing can be said just now: the token is refused, or there has been no answer for
        two minutes. "" when the last call went well, or none was made."""
        ...


class Illustration(msgspec.Struct, frozen=True):
    """A picture that goes with words. alt: what it shows, for those who can't see it."""

    name: str
    alt: str
    png: bytes


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that was approved, as it goes out to those outside the team.

    event: the id of the maintenance or incident, the same for all of its notices. sequence: the
    number of this notice in it, from 0. kind: maintenance, incident, or briefing (of an audience
    inside the house, which alone gets it). status: scheduled,
    rescheduled, in_progress, verifying, completed, cancelled, investigating, identified, monitoring
    or resolved. title: what it is about, without the status. starts_at, ends_at: of a maintenance,
    aware, UTC. components: names of what is affected, as the status page knows them.
    """

    event: str
    sequence: int
    kind: str
    status: str
    service: str
    title: str
    subject: str
    text: str
    html: str = ""
    language: str = "en"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    components: Sequence[str] = ()
    picture: Illustration | None = None
    audience: str = ""


class Delivered(msgspec.Struct, frozen=True):
    """What came of a publication. reference: the far side's name of it; link: where it is seen."""

    reference: str = ""
    link: str = ""


class Publisher(Protocol):
    """One way to reach people outside the team. Raises TemporaryError, PermanentError."""

    async def destinations(self, announcement: Announcement) -> Sequence[str]:
        """Where it goes: addresses, channels, a page. Each is published to by itself."""
        ...

    async def publish(self, announcement: Announcement, destination: str, key: str) -> Delivered:
        """Publish once. key: the same for each try; what has gone out with it is not repeated."""
        ...


class Looked(msgspec.Struct, frozen=True):
    """What a way out says about itself before it is needed.

    subject: which part of it. text: how it is. do: what to do when that is not `ok`. status: `fail`
    when nothing would go out, `warn` when something is amiss.
    """

    subject: str
    text: str
    do: str = ""
    status: Literal["ok", "warn", "fail"] = "ok"


class Outlet(Publisher, Protocol):
    """A publisher that can be tried without publishing anything."""

    async def examine(self, services: Sequence[str]) -> Sequence[Looked]:
        """What works and what does not. services: those that there are. Raises nothing."""
        ...


class AddressBook(Protocol):
    """Who asked for notices about a service, and who wants none, as the database knows it.

    Addresses are spelled as `addresses.same` spells them.
    """

    async def joined(self, service: str) -> Collection[str]: ...

    async def left(self, service: str) -> Collection[str]: ...


class Pager(Protocol):
    """Wakes people. Each call is idempotent by its key. Raises TemporaryError, PermanentError."""

    async def trigger(self, call: Call) -> None:
        """Page, or page again; one key is one alarm at the far side."""
        ...

    async def acknowledge(self, call: Call) -> None:
        """Somebody takes care: nobody else has to be woken."""
        ...

    async def resolve(self, call: Call) -> None:
        """It is over."""
        ...


class Tickets(Protocol):
    """Keeps tickets. Raises TemporaryError, PermanentError."""

    async def open(self, order: TicketOrder) -> Ticket:
        """The ticket with this key, looked for before it is made: never two of them."""
        ...

    async def close(self, ticket: Ticket, text: str, key: str) -> None:
        """Say how it ended, and close it. key: said once, however often this is called."""
        ...
