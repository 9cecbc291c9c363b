"""A team that releases by one of the built-in plans, from the first line typed to the last
sign-off.

Everybody does with a slash command what the card asks for. Time goes by in long strides, except
where something is due that this test wants to see.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.domain import checklists
from bot.domain.after_state import Aftercare, questions, waiting_signoffs
from bot.domain.holds import Asked, planned
from bot.domain.plan import Plan
from bot.domain.rollout import MEASURING, Phase, Rollout
from bot.engine.engine import Options
from bot.plans import library
from tests.scenarios.numbers import Numbers, UnsoldShop
from tests.scenarios.ticking import a_number, next_by_hand
from tests.scenarios.world import HOUSE, World

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEOPLE: Mapping[str, Sequence[str]] = {
    "mary": ("development_lead", "engineering_lead", "performance_team", "product_team"),
    "ada": (
        *("security", "qa", "frontend", "legal", "product_manager", "team_lead", "product_team"),
        *("senior_engineer", "engineering_leadership"),
    ),
    "grace": (
        *("operations", "devops", "operations_lead", "ops_lead", "engineering_team"),
        "product_leadership",
    ),
    "alan": (
        *("product", "release_manager", "ciso", "incident_commander", "product_owner"),
        "security_team",
    ),
}
"""Who holds which roles; mary asks for every release, and so signs none."""

TYPES = {"sarvanom-hotfix": "hotfix", "sarvanom-major": "major"}

LEVELS = {
    "db_pool_used": 0.3,
    "deriv(": 0.0,
    "memory_used": 0.4,
    "oom_instances": 0.0,
    "disk_free": 0.7,
    "cache_hits": 0.95,
    "fcp": 1.0,
    "lcp": 2.0,
    "cls": 0.05,
    "cpu_used": 0.4,
    "db_connections": 20.0,
    "probe_success": 1.0,
    "process_resident_memory_bytes": 4e8,
    "process_cpu_seconds_total": 0.5,
    "aws_lambda_throttles": 0.0,
    "aws_": 0.001,
}


def holder(roles: Sequence[str]) -> str:
    """Somebody with one of these roles."""
    wanted = set(roles) or {"operations"}
    signers = [person for person in PEOPLE if person != "mary"]
    return next(p for p in (*signers, "mary") if wanted & set(PEOPLE[p]))


def house(plan: str, folder: Path) -> Path:
    """countersign.yml of a team whose shop is released by this plan."""
    text: dict[str, Any] = yaml.safe_load(HOUSE.read_text("utf-8"))
    text["plans"] = []
    names = {role for held in PEOPLE.values() for role in held}
    text["roles"] = {
        role: {"people": [person for person, held in PEOPLE.items() if role in held]}
        for role in sorted(names)
    }
    text["people"]["ada"] = {"slack": ["U0ADA"]}
    place: dict[str, Any] = {
        "deployer": {"kind": "http", "url": "http://shop.test"},
        "metrics": {
            "kind": "prometheus",
            "url": "http://prometheus.test",
            "tracks": {
                "canary": 'place="{environment}",version="{candidate}"',
                "baseline": 'place="{environment}",version="{current}"',
            },
        },
        "probe": {"health": "http://service.test/health"},
    }
    counted = "http_requests_total"
    failed = counted + '{code=~"5..",$track}'
    tracked = {"kind": "ratio", "bad": failed, "total": counted + "{$track}"}
    staging = {**place, "metrics": {**place["metrics"], "define": {"error_rate": tracked}}}
    checks = {name: ["/bin/true"] for name in _checks(library().get(plan))}
    text["services"] = {
        "checkout": {
            "channel": "C0CHECKOUT",
            "plan": plan,
            "checks": checks,
            "environments": {"production": place, "staging": staging},
        }
    }
    for key in ("hooks", "freezes"):
        text.pop(key)
    (folder / "countersign.yml").write_text(yaml.safe_dump(text, sort_keys=False), "utf-8")
    return folder / "countersign.yml"


def _checks(plan: Plan) -> set[str]:
    """The commands that waves run, and what is verified afterwards."""
    waves = {gate.text for wave in plan.waves for gate in wave.gates if gate.kind == "check"}
    after = {item.check for window in plan.sections.verify for item in window.items}
    return {*waves, *(after - {""})}


class PlanWorld(World):
    """See the module. watched: how many updates of each cadence are waited for one by one."""

    def __init__(self, database_url: str, plan: str, *, watched: int = 3) -> None:
        super().__init__(database_url, sells=UnsoldShop)
        self.the_plan = library().get(plan)
        shops = {target.environment: shop for target, shop in self.shops.items()}
        self.levels = dict(LEVELS)
        self.numbers = Numbers({**shops, "production": self.shop}, self.levels)
        self.watched = watched
        compared = "baseline" in str([gate.text for w in self.the_plan.waves for gate in w.gates])
        self.looks = 13 if compared else 6  # what is compared minute by minute takes some minutes
        self.longest = 8 * HOUR
        self.options = Options(longest_gap=3 * DAY)

    async def _shop_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = dict(scope["headers"]).get(b"host", b"").decode()
        if host in {"prometheus.test", "service.test"}:
            request = Request(scope, receive)
            answer = await (self.numbers.answer(request) if host[0] == "p" else _healthy())
            await answer(scope, receive, send)
            return
        await super()._shop_app(scope, receive, send)

    # --- before traffic -----------------------------------------------------------------------

    async def ask(self) -> None:
        """Mary asks for the release on a day on which it may begin; staging runs it already."""
        if any(item.live_for for item in self._items()):
            await self._in_staging()
            await self.pass_by(days=1)
        self.live_in("staging", "v1.2.0")
        kind = TYPES.get(self.the_plan.name, "")
        asked = Asked(service="checkout", environment="production", plan=self.the_plan, kind=kind)
        while list(planned(asked, [], self.clock.now())):
            await self.pass_by(hours=12)
        await self.say("mary", f"/release start v1.2.0 {kind and f'--type {kind}'}".strip())
        assert "v1.2.0 (`" in self.whisper("mary")
        await self.until_that(lambda r: r.looked or r.phase is not Phase.PREFLIGHT)

    def _items(self) -> tuple[checklists.Item, ...]:
        return checklists.all_items(checklists.checklists_of(self.the_plan, "production"))

    async def _in_staging(self) -> None:
        """The same artifact is released into staging by the bot, by a short plan."""
        await self.say("mary", "/release start v1.2.0 --env staging --plan quickstart")
        assert "v1.2.0 (`" in self.whisper("mary")
        there = await self.until(Phase.AWAITING_APPROVAL)
        for person in ("ada", "grace"):
            await self.say(person, f"/release approve {there.id}")
        await self.until(Phase.COMPLETED)

    async def tick_all(self) -> int:
        """Everything that people have to tick, by who may; how many items that was."""
        ticked = 0
        while (rollout := await self.rollout()).phase is Phase.PREFLIGHT:
            item = next_by_hand(rollout)
            if item is None:
                await self.advance(seconds=1)
                continue
            evidence = item.ask or a_number(item.value)
            await self.say(holder(item.by), f"/release tick {item.key} {evidence}".strip())
            assert self.whispers(holder(item.by)) == []
            ticked += 1
        return ticked

    async def sign_all(self) -> None:
        """One person for each seat."""
        await self.until(Phase.AWAITING_APPROVAL)
        comment = " read and understood" if self.the_plan.approval.comment_required else ""
        for role in self.the_plan.approval.roles:
            await self.say(holder([role]), f"/release approve{comment}")
            assert self.whispers(holder([role])) == []

    # --- waves --------------------------------------------------------------------------------

    async def release_all(self) -> Rollout:
        """From the first traffic to the end: questions are answered, decisions are made."""
        while not (rollout := await self.rollout()).ended:
            await self._go_on(rollout)
        return rollout

    async def _go_on(self, rollout: Rollout) -> None:
        """Answer and decide what is asked, and let time pass until the next thing is due."""
        assert rollout.phase not in {Phase.PAUSED, Phase.HALTED}, rollout.reason
        if rollout.phase in {Phase.SOAKING, Phase.JUDGING}:
            await self._answer(rollout)
            if "press Advance" in rollout.reason:
                rule = self.the_plan.advance_approval
                person = holder(rule.roles if rule is not None else ())
                await self.say(person, "/release advance all is well")
        span = self._stride(await self.rollout())
        await self.pass_by(seconds=span.total_seconds())
        await self.settle()

    async def wave(self, index: int) -> None:
        """Go on until this wave (from 0) has its traffic."""
        while (rollout := await self.rollout()).wave != index or rollout.phase is Phase.SHIFTING:
            await self._go_on(rollout)

    async def until_said(self, words: str) -> None:
        """Let time pass until this is in the thread."""
        end = self.clock.now() + 20 * MINUTE
        while not self.said(words):
            assert self.clock.now() < end, self.thread()[-5:]
            await self.advance(seconds=10)

    async def _answer(self, rollout: Rollout) -> None:
        given = {tick.gate for tick in rollout.ticks}
        for gate in rollout.current_wave.gates:
            if gate.kind == "attest" and gate.id not in given:
                await self.say(holder(gate.by), f"/release confirm {gate.id} yes")
                assert self.whispers(holder(gate.by)) == []

    def _stride(self, rollout: Rollout) -> timedelta:
        """Until something is due: the end of the soak, a step, the next day, an update."""
        began, now = rollout.wave_applied_at, self.clock.now()
        if rollout.phase not in MEASURING or began is None:
            return SECOND
        wave = rollout.current_wave
        left = [rollout.soak_left, self.longest]
        if rollout.phase is Phase.WATCHING:
            left = [self.the_plan.keep_previous / 4]
        elif rollout.soak_left:
            left.append(wave.lasts / self.looks)
        else:
            opens = rollout.wave_opens_at
            left.append(opens - now if opens is not None else 10 * SECOND)
        if wave.ramp is not None:
            left.append(wave.ramp.each / 2)
        start = timedelta()
        for cadence in wave.cadence:
            until = start + cadence.every * self.watched
            if start <= now - began < until:
                left.append(cadence.every - (now - began) % cadence.every)
            elif now - began < start:
                left.append(began + start - now)
            start = cadence.until if cadence.until is not None else start
        return min((each for each in left if each > timedelta()), default=SECOND) or SECOND

    # --- afterwards ---------------------------------------------------------------------------

    async def care(self) -> Aftercare | None:
        """What goes on after the release."""
        found = await self.bot.desk.context.aftercares.newest(["checkout"])
        return found[0] if found else None

    async def sign_off_all(self) -> dict[str, datetime]:
        """To the end of what the plan asks for after 100 %; when each sign-off was given."""
        given: dict[str, datetime] = {}
        while (care := await self.care()) is not None and not care.ended:
            for group, item in questions(care):
                roles = item.by or getattr(group, "seats", ())
                words = a_number(item.value) if item.value else "as far as I see"
                await self.say(holder(roles), f"/release confirm {item.id} yes {words}")
                said = self.whispers(holder(roles))
                assert said == [], said
            care = await self.care()
            assert care is not None
            for signoff in waiting_signoffs(care):
                for role in signoff.seats:
                    await self.say(holder([role]), f"/release sign-off {signoff.id} agreed")
                    self.whispers(holder([role]))
                given[signoff.id] = self.clock.now()
            care = await self.care()
            assert care is not None
            if not care.ended:
                assert care.next_check_at is not None
                wait = care.next_check_at - self.clock.now()
                await self.pass_by(seconds=max(1.0, wait.total_seconds()))
                await self.settle()
        return given

    # --- what was seen ------------------------------------------------------------------------

    def posts(self, words: str) -> list[datetime]:
        """When something with these words was posted under the card."""
        card = self.card()
        kept = self.space.messages[card.channel]
        return [
            _instant(message.ts)
            for message in kept
            if message.thread_ts == card.ts and words in message.text
        ]

    def everything_said(self) -> str:
        """All the texts of the channel."""
        return "\n".join(message.text for message in self.space.messages[self.card().channel])

    def shares(self) -> list[tuple[float, datetime]]:
        """Each share that was confirmed in the thread, and when."""
        card = self.card()
        found = []
        for message in self.space.messages[card.channel]:
            share = re.match(r"([0-9.]+) % confirmed", message.text)
            if message.thread_ts == card.ts and share is not None:
                found.append((float(share[1]), _instant(message.ts)))
        return found


async def _healthy() -> Response:
    return JSONResponse({"status": "healthy"})


def _instant(ts: str) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC)
