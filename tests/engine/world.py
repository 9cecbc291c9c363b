"""A small world for the engine: a shop, its people, and a clock that is turned by hand."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, update

from bot.domain.decisions import begin
from bot.domain.events import Signed
from bot.domain.incident_rules import IncidentsDocument
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase, Rollout
from bot.engine import aftercare, duties, incidents, notices
from bot.engine.catalogue import Catalogue, Channels, PersonEntry, RoleEntry, ServiceTarget
from bot.engine.directory import Home
from bot.engine.engine import Engine, Options, Part, Tools
from bot.engine.incident_means import Means
from bot.engine.intents import Intent
from bot.engine.presenting import Errand
from bot.ports import Message, Posted
from bot.slack.aftercare import AftercareCards
from bot.slack.alerts import DutyCards
from bot.slack.incidents import IncidentCards
from bot.slack.notices import NoticeCards
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import audit, outbox
from tests.domain.notice_world import WRITING
from tests.fakes.chat import FakeChat
from tests.fakes.deployer import FakeDeployer
from tests.fakes.metrics import FakeMetrics

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MARY = Actor("mary", "U0MARY")

DOCUMENT: Mapping[str, Any] = {
    "schema": 1,
    "plan": "short",
    "metrics": {"error_rate": {"kind": "ratio", "bad": "errors", "total": "requests"}},
    "approvals": {"production": {"any": 2}},
    "waves": [
        {"id": "w1", "traffic": "5%", "soak": "10s", "go_if": [{"if": "error_rate < 1%"}]},
        {"id": "w2", "traffic": "100%", "soak": "10s", "go_if": [{"if": "error_rate < 1%"}]},
    ],
    "triggers": [
        {"id": "spike", "if": "error_rate > 5%", "window": "2s", "consecutive": 2,
         "do": "rollback"},
    ],
    "watch": {"keep_previous": "10s"},
}  # fmt: skip


class HandClock:
    """A clock that stands still until somebody turns it."""

    def __init__(self) -> None:
        self.wall, self.ticks = NOON, 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock; no time passes."""
        self.wall += timedelta(seconds=seconds)


class PlainPresenter:
    """Messages without any beauty."""

    def card(self, rollout: Rollout, now: datetime) -> Message:
        return Message(rollout.channel, f"{rollout.version} {rollout.phase} {rollout.weight:g}")

    def thread(self, rollout: Rollout, text: str) -> Message:
        return Message(rollout.channel, text)

    def ask(
        self, rollout: Rollout, purpose: str, permalink: str, reminder: bool, now: datetime
    ) -> Message:
        return Message("", f"please sign the {purpose} of {rollout.version}: {permalink}")

    def notice(self, text: str, channel: str) -> Message:
        return Message(channel, text)

    def page(self, rollout: Rollout, text: str, channel: str, permalink: str = "") -> Message:
        return Message(channel, text)

    def home(
        self,
        user_id: str,
        person: str,
        waiting: Sequence[Rollout],
        live: Sequence[Rollout],
        recent: Sequence[Rollout],
        now: datetime,
        cards: Mapping[str, Posted] | None = None,
        errands: Sequence[Errand] = (),
    ) -> Mapping[str, Any]:
        return {
            "cards": sorted(cards or ()),
            "person": person,
            "waiting": [rollout.id for rollout in waiting],
            "live": [rollout.id for rollout in live],
            "recent": [rollout.id for rollout in recent],
        }


class World:
    """Everything around one engine; `crash` replaces the engine by a new one on the same store."""

    def __init__(self, store: Store, options: Options | None = None) -> None:
        self.store = store
        self.clock = HandClock()
        self.chat = FakeChat()
        self.deployer = FakeDeployer()
        self.metrics = FakeMetrics()
        self.handled: list[Intent] = []
        self.handler_faults: list[Exception] = []
        self.dead: list[str] = []
        self.options = options or Options(card_pace=timedelta(), lease=timedelta(seconds=30))
        self._ids = itertools.count(1)
        for user_id in ("U0MARY", "U0ADA", "U0GRACE", "U0GRACE2"):
            self.chat.member(user_id)
        self.chat.groups["S0OPS"] = frozenset({"U0GRACE"})
        self.catalogue = self._catalogue()
        self.publishing = notices.Publishing(writing=WRITING)
        self.means = Means(rules=IncidentsDocument(on_rollback=False))
        self.engine = self.build()

    def _catalogue(self) -> Catalogue:
        shop = ServiceTarget(
            service="shop",
            environment="production",
            deployer=self.deployer,
            sources={"*": self.metrics},
            channel="C0SHOP",
            checks={"good": ("true",), "bad": ("sh", "-c", "echo {version} is bad; exit 3")},
        )
        return Catalogue(
            targets={("shop", "production"): shop},
            people={
                "mary": PersonEntry(("U0MARY",)),
                "ada": PersonEntry(("U0ADA",)),
                "grace": PersonEntry(("U0GRACE", "U0GRACE2")),
            },
            roles={
                "security": RoleEntry(frozenset({"ada"})),
                "operations": RoleEntry(frozenset(), ("S0OPS",)),
            },
            channels=Channels(default="C0ALL", critical="C0CRITICAL"),
        )

    def build(self, options: Options | None = None) -> Engine:
        """One more engine on the same store, as another process would have it."""
        return Engine(
            store=self.store,
            catalogue=self.catalogue,
            chat=self.chat,
            presenter=PlainPresenter(),
            compile_plan=compile_plan,
            clock=self.clock,
            new_id=lambda: f"n{next(self._ids)}",
            random=lambda: 0.5,
            handle=self._handle,
            home=Home("T1"),
            on_dead_intent=self._buried,
            more=self.more,
            options=options or self.options,
        )

    def more(self, tools: Tools) -> Sequence[Part]:
        """The kinds of aggregates besides rollouts."""
        return (
            *duties.parts(tools, DutyCards({})),
            *aftercare.parts(tools, AftercareCards({})),
            *incidents.parts(tools, IncidentCards({}), self.means),
            *notices.parts(tools, NoticeCards({}), self.publishing),
        )

    async def _handle(self, intent: Intent) -> None:
        if self.handler_faults:
            raise self.handler_faults.pop(0)
        self.handled.append(intent)

    async def _buried(self, intent: Intent, reason: str) -> None:
        self.dead.append(f"{intent.id}: {reason}")

    async def crash(self) -> None:
        """The process is gone, and started again. Its leases run out meanwhile."""
        self.clock.advance(31)
        await self.store.transact(_let_half_a_minute_pass)
        self.engine = self.build()

    async def start(
        self, id_: str = "r1", version: str = "v2", *, plan: Plan | None = None
    ) -> Rollout:
        """Ask for a release, and let what follows happen."""
        await self.request(id_, version, plan=plan)
        await self.engine.settle()
        return await self.rollout(id_)

    async def request(
        self, id_: str = "r1", version: str = "v2", *, plan: Plan | None = None
    ) -> None:
        """Ask for a release."""
        rollout, effects = begin(
            rollout_id=id_,
            service="shop",
            environment="production",
            version=version,
            plan=plan or compile_plan(DOCUMENT),
            channel="C0SHOP",
            requested_by=MARY,
            now=self.clock.now(),
        )
        await self.engine.create(rollout, effects, actor=MARY)

    async def sign(self, id_: str = "r1") -> Rollout:
        """Two people sign, and what follows happens."""
        for user_id in ("U0ADA", "U0GRACE"):
            await self.sign_as(user_id, id_)
        await self.engine.settle()
        return await self.rollout(id_)

    async def sign_as(self, user_id: str, id_: str = "r1") -> None:
        actor = await self.engine.directory.for_signing(user_id)
        assert isinstance(actor, Actor)
        request = (await self.rollout(id_)).request
        assert request is not None
        await self.engine.apply(id_, Signed(actor, request.digest))

    async def rollout(self, id_: str = "r1") -> Rollout:
        return await self.engine.rollout(id_)

    async def phase(self, id_: str = "r1") -> Phase:
        return (await self.rollout(id_)).phase

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass in steps, doing what is due at each."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await self.engine.settle()

    async def turn(self) -> None:
        """One second, while there is anything to wait for."""
        if not (await self.rollout()).ended or not await self.quiet():
            await self.pass_time(1)

    async def until(self, phase: Phase, seconds: float = 120, id_: str = "r1") -> None:
        """Let time pass until a phase is reached."""
        for _ in range(round(seconds)):
            if await self.phase(id_) is phase:
                return
            await self.pass_time(1)
        found = await self.rollout(id_)
        raise AssertionError(f"not {phase} after {seconds} s but {found.phase}: {found.reason}")

    async def verify_audit(self) -> int:
        return (await self.store.transact(audit.verify)).id

    async def dead_letters(self) -> list[tuple[str, str]]:
        return await self.store.transact(outbox.dead)

    async def quiet(self) -> bool:
        """Whether nothing waits to be done."""
        return await self.store.transact(outbox.pending) == 0


def _let_half_a_minute_pass(conn: Connection) -> None:
    """PostgreSQL goes by its own clock, which no test can turn: the leases are moved instead."""
    for table in (tables.rollout, tables.notice, tables.outbox, tables.inbox):
        held = update(table).where(table.c.lease_until.is_not(None))
        conn.execute(held.values(lease_until=NOON - timedelta(days=3650)))


def fields(rollout: Rollout, *names: str) -> tuple[Any, ...]:
    """Some fields of a rollout."""
    return tuple(msgspec.structs.asdict(rollout)[name] for name in names)
