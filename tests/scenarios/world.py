"""A whole afternoon in one process: the real bot, a workspace full of people, and its shops.

Everything is the production code path, from the signed delivery to the database file and the
deployer's HTTP. What stands in for the network are ASGI transports, and for time a loop whose clock
jumps. What people saw is looked at through the workspace, never through the bot.
"""

import asyncio
import copy
import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.app import Bot
from bot.domain.rollout import MEASURING, Phase, Rollout
from bot.engine.engine import Options
from bot.ports import Target
from bot.practice.cast import Channel, Person
from bot.practice.deployer import PracticeDeployer, Trouble
from bot.practice.standin import slack_app
from bot.practice.workspace import Workspace
from bot.setup import Outside, load, setup
from bot.slack.cards import Cards
from bot.slack.client import Identity
from bot.store.database import Store
from bot.store.queries import audit, outbox
from tests.fakes.calling import ROUTING_KEY
from tests.scenarios.clock import TestClock
from tests.scenarios.reading import JudgedSession, Shown, gist, judge_ephemeral
from tests.scenarios.shops import RememberedShop, Swallowed
from tests.scenarios.ticking import Ticking

HOUSE = Path(__file__).parent / "house" / "countersign.yml"
SLACK = "http://127.0.0.1:8800"
SHOP = "http://shop.test"
HOOK_TOKEN = "a-hook-token"
SECOND = timedelta(seconds=1)
IDENTITY = Identity("T0PRACTICE", "Practice", "U0BOT", "B0BOT", url="https://practice.slack.test/")

Json = dict[str, Any]


@cache
def _house(file: Path, more: tuple[tuple[str, str], ...] = ()) -> Any:
    """Settings and plans, read once. more: further variables of the environment."""
    return load(
        file,
        {
            **dict(more),
            "SLACK_BOT_TOKEN": "xoxb-practice",
            "SLACK_SIGNING_SECRET": "a-signing-secret",
            "SLACK_API_URL": f"{SLACK}/api/",
            "COUNTERSIGN_DATABASE_URL": "sqlite+aiosqlite:///given-by-the-test.db",
            "COUNTERSIGN_DEPLOYER_SECRET": "a-deployer-secret",
            "COUNTERSIGN_HOOK_TOKEN": HOOK_TOKEN,
            "COUNTERSIGN_PAGERDUTY_KEY": ROUTING_KEY,
            "COUNTERSIGN_GITHUB_TOKEN": "a-github-token",
        },
    )


class World(Ticking):
    """See the module. Made by the fixture `world`; `begin` before anything else."""

    def __init__(
        self,
        database_url: str,
        *,
        inline: bool = True,
        sells: type[RememberedShop] = RememberedShop,
    ) -> None:
        self.url = database_url
        self.inline = inline
        self.clock = TestClock()
        self.step = SECOND
        self.options = Options(longest_gap=timedelta(days=1))
        self.house = HOUSE
        self.env: tuple[tuple[str, str], ...] = ()
        self.identity = IDENTITY
        super().__init__(Workspace.practice(self.clock.now, "xoxb-practice", base_url=SLACK))
        self._fill_space()
        self.shop = sells(self.clock)
        self.shops = {
            Target("checkout", "production"): self.shop,
            Target("checkout", "staging"): sells(self.clock),
            Target("payments", "production"): sells(self.clock),
        }
        self.deployer = PracticeDeployer(
            self.shops, secret="a-deployer-secret", now=self.clock.timestamp
        )
        self.outage = ""
        self.others: dict[str, ASGIApp] = {}
        self._lost: list[str] = []
        self._retagged: dict[str, Json] = {}
        server = Starlette(routes=self.deployer.routes())
        self.session = JudgedSession(server, timeout=15.0)
        self._to_bot = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._bot_app), event_hooks={"request": [self._note]}
        )
        self._delivered: list[httpx.Request] = []
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(self._shop_app), timeout=10)
        self._server = server
        self.page = httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url=SLACK)
        self.standin = slack_app(
            self.space,
            bot_url="http://bot.test/slack/events",
            signing_secret="a-signing-secret",
            http=self._to_bot,
        )
        server.router.routes.extend(self.standin.routes)
        self._ids = itertools.count(1)
        self._random = random.Random(7)
        self.expected_dead: set[str] = set()
        self.bot: Bot

    def _fill_space(self) -> None:
        add = self.space.people.__setitem__
        for person in (
            Person("U0ADA2", "ada2", "Ada Lovelace", "Security, second account", "#000000"),
            Person("U0NEW", "new", "New Hire", "No role yet", "#000000"),
            Person("U0DEL", "dell", "Dell Gone", "Left", "#000000", kind="member"),
        ):
            add(person.id, person)
        everybody = {*self.space.people}
        self.space.channels["C0PAYMENTS"] = Channel("C0PAYMENTS", "payments", set(everybody))
        self.space.channels["C0STATUS"] = Channel("C0STATUS", "status", set(everybody))
        for channel in self.space.channels.values():
            channel.members |= everybody

    def add_shop(self, target: Target, shop: RememberedShop) -> None:
        """One more environment of a service, with a shop of its own."""
        self.shops[target] = shop
        self.deployer.add(target, shop)

    # --- life ---------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Start a bot on the database: the first, or one more after `crash`."""
        settings, plans = _house(self.house, self.env)
        outside = Outside(
            self.clock,
            self._random.random,
            lambda: f"id{next(self._ids):06d}",
            self._http,
            self.session,  # type: ignore[arg-type]  # a look-alike, see asgi_session
        )
        made = replace(setup(settings, plans, outside), database_url=self.url)
        store = await Store.open(self.url, inline=self.inline)
        self.bot = Bot(made, outside, store, self.identity, self.options)
        await self.bot.open_calendar()

    async def restart(self) -> None:
        """The bot ends, and another one begins on what is in the database."""
        await self.bot.stop()
        await self.begin()
        await self.settle()

    async def crash(self) -> None:
        """The process is gone without a word; another one begins half a minute later."""
        await self.bot.store.close()
        await self.pass_by(seconds=31)
        await self.begin()
        await self.settle()

    async def end(self) -> None:
        """Stop everything; nothing may be left running."""
        await self.bot.stop()
        await self.standin.aclose()
        for client in (self._to_bot, self._http, self.page):
            await client.aclose()
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"still running at the end: {left}"

    async def _note(self, request: httpx.Request) -> None:
        self._delivered.append(request)

    async def redeliver(self) -> int:
        """Slack sends its newest delivery once more, to the letter; the status of the answer."""
        last = self._delivered[-1]
        answer = await self._to_bot.post(last.url, content=last.content, headers=last.headers)
        await self.breathe()
        return answer.status_code

    async def _bot_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.bot.web(scope, receive, send)

    async def _shop_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The deployer and its counts, which can each be out of reach."""
        if (other_side := self.others.get(dict(scope["headers"])[b"host"].decode())) is not None:
            await other_side(scope, receive, send)
            return
        counts = scope["path"].endswith("/counts")
        if self.outage == "all" or (self.outage == "counts" and counts):
            raise httpx.ConnectError("nobody answers there")
        if (other := self._retagged.get(scope["path"])) is not None:
            await JSONResponse(other)(scope, receive, send)
            return
        for shop in self.shops.values():
            shop.serve()
        done = len(self.shop.moves)
        answer = Swallowed() if self._lost and scope["method"] == "PUT" else None
        await self._server(scope, receive, answer or send)
        if answer is None:
            return
        if [move.what for move in self.shop.moves[done:]] == self._lost[:1]:
            self._lost.pop(0)
            raise httpx.ReadError("the answer is lost")
        for message in answer.messages:
            await send(message)

    # --- time ---------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let the bot do what is due."""
        await self.bot.engine.settle()

    async def pass_by(self, **span: float) -> None:
        """Time passes and the bot does nothing (arguments as for timedelta)."""
        await asyncio.sleep(timedelta(**span).total_seconds())

    async def advance(self, **span: float) -> None:
        """Time passes in steps, and the bot does what is due at each."""
        left = timedelta(**span)
        while left > timedelta():
            step = min(left, self.step)
            await self.pass_by(seconds=step.total_seconds())
            await self.settle()
            left -= step

    async def until(self, *phases: Phase, within: timedelta = timedelta(minutes=10)) -> Rollout:
        """Let time pass until the newest rollout is in one of these phases."""
        end = self.clock.now() + within
        while (found := await self.rollout()).phase not in phases:
            assert self.clock.now() < end, f"{found.phase}, not {phases}: {found.reason}"
            await self.advance(seconds=self.step.total_seconds())
        return found

    async def until_that(
        self, fact: Callable[[Rollout], bool], within: timedelta = timedelta(minutes=10)
    ) -> Rollout:
        """Let time pass until something holds of the newest rollout."""
        end = self.clock.now() + within
        while not fact(found := await self.rollout()):
            assert self.clock.now() < end, f"it stays so: {found.phase} {found.reason}"
            await self.advance(seconds=self.step.total_seconds())
        return found

    # --- what people do -----------------------------------------------------------------------

    async def say(self, person: str, text: str, channel: str = "checkout") -> str:
        """Type a line, and look at the channel a second later; the answer given at once, if any."""
        answer = await self.act("say", person=person, channel=channel, text=text)
        assert answer["ok"], answer
        await self.breathe()
        body = answer.get("body") or ""
        return str(body["text"] if isinstance(body, dict) else body)

    async def click(
        self, person: str, action: str, value: str | None = None, seen: Shown | None = None
    ) -> None:
        """Press a button of the newest card. seen: the card as this person saw it earlier."""
        answer = await self.press(person, action, value, seen)
        assert answer["ok"], answer
        await self.breathe()

    async def press(
        self, person: str, action: str, value: str | None = None, seen: Shown | None = None
    ) -> Json:
        """Press a button and look at nothing; what Slack shows of it."""
        card = seen or self.card()
        message = self.space.message(card.channel, card.ts)
        now, message.blocks = message.blocks, copy.deepcopy(card.blocks)
        found = {"person": person, "channel": card.channel, "ts": card.ts, "action_id": action}
        try:
            return await self.act("click", **found, **({"value": value} if value else {}))
        finally:
            message.blocks = now

    async def submit(self, person: str, **values: str) -> Json:
        """Fill the open form in and send it."""
        answer = await self.act("submit", person=person, values=values)
        await self.breathe()
        return answer

    async def open_home(self, person: str) -> str:
        """Look at the Home tab; its whole text."""
        assert (await self.act("open_home", person=person))["ok"]
        await self.breathe()
        return self.home(person)

    async def act(self, name: str, **body: Any) -> Json:
        """Use one of the controls of the workspace."""
        found: Json = (await self.page.post(f"/practice/{name}", json=body)).json()
        return found

    async def breathe(self) -> None:
        """A second goes by."""
        await self.settle()
        await self.advance(seconds=1)

    async def hook(self, path: str, body: Json) -> httpx.Response:
        """Another system tells the bot something."""
        token = {"authorization": f"Bearer {HOOK_TOKEN}"}
        answer = await self.bot_says(path, json.dumps(body), token)
        await self.breathe()
        return answer

    async def bot_says(self, path: str, body: str, headers: Mapping[str, str]) -> httpx.Response:
        """What the bot answers to a request, before it has done anything about it."""
        return await self._to_bot.post(f"http://bot.test{path}", content=body, headers=headers)

    # --- whole steps --------------------------------------------------------------------------

    async def start(self, version: str = "v1.2.0", more: str = "", person: str = "mary") -> Rollout:
        """Somebody asks for a release, and the card asks for signatures."""
        await self.say(person, f"/release start {version} {more}".rstrip())
        assert f"{version} (`" in self.whisper(person)
        return await self.prepared()

    async def sign(self, *people: str) -> None:
        """People press Approve, one after the other."""
        for person in people or ("ada", "grace"):
            await self.click(person, "approve")

    async def release(self, version: str = "v1.2.0", more: str = "") -> Rollout:
        """A release that goes well, from the question to its end."""
        await self.start(version, more)
        await self.sign()
        self.step, step = max(self.step, 3 * SECOND), self.step
        done = await self.until(Phase.COMPLETED, within=timedelta(hours=1))
        self.step = step
        return done

    async def soaking(self, weight: float, version: str = "v1.2.0", more: str = "") -> Rollout:
        """A release, signed and at this share."""
        await self.start(version, more)
        await self.sign()
        return await self.until_that(
            lambda r: r.phase is Phase.SOAKING and r.weight == weight, timedelta(hours=1)
        )

    # --- the far sides ------------------------------------------------------------------------

    def break_version(self, version: str, error_rate: float) -> None:
        """A share of the requests to a version fails from now on."""
        self.shop.breaks(version, error_rate)

    def retag(self, version: str, artifact: str) -> None:
        """From now on a version resolves to another artifact."""
        self._retagged[f"/v1/services/checkout/versions/{version}"] = {
            "version": version,
            "artifact": artifact,
        }

    def slack_fails(self, method: str, kind: str, times: int = 1, retry_after: int = 1) -> None:
        """The next calls of a method go wrong: 429, 500, timeout, lost_reply."""
        self.space.add_fault(method, kind, times, retry_after)

    def deployer_fails(self, status: int, times: int = 1, **how: Any) -> None:
        """The next changes asked of the deployer are answered like this."""
        self.deployer.troubles.append(Trouble(status, times, method="PUT", **how))

    def lose_answers_to(self, operation: str, times: int = 1) -> None:
        """The next changes of a kind are made, and the answers don't arrive."""
        self._lost += [operation] * times

    # --- what is in the database --------------------------------------------------------------

    async def rollouts(self) -> Sequence[Rollout]:
        """All of them, newest first."""
        return await self.bot.finder.recent(self.bot.setup.catalogue.services(), 100)

    async def rollout(self, rollout_id: str = "") -> Rollout:
        """The newest one, or this one."""
        if rollout_id:
            return await self.bot.engine.rollout(rollout_id)
        found = await self.rollouts()
        assert found, "nothing was ever started"
        return found[0]

    async def audit(self) -> list[audit.Entry]:
        """Everything that is written down, oldest first."""
        return await self.bot.store.transact(lambda conn: list(audit.entries(conn)))

    async def dead(self) -> list[tuple[str, str]]:
        """What the bot has given up, and why."""
        return await self.bot.store.transact(outbox.dead)

    # --- what holds at the end of every afternoon ---------------------------------------------

    async def verify(self) -> None:
        """What must be so whatever happened."""
        self.space.faults.clear()
        await self.advance(seconds=3)
        await self.bot.store.transact(audit.verify)
        for rollout in await self.rollouts():
            await self._one_current_card(rollout)
        for ephemeral in self.space.ephemerals:
            judge_ephemeral(ephemeral)
        assert self.session.refused == [], self.session.refused
        dead = [each for each in await self.dead() if each[0] not in self.expected_dead]
        assert dead == [], dead
        assert not self.bot.engine.trouble, self.bot.engine.trouble
        self.everything_was_looked_at()

    async def _one_current_card(self, rollout: Rollout) -> None:
        found = self.cards(rollout.id)
        assert len(found) == 1, [message.text for message in found]
        fresh = await self.rollout(rollout.id)
        wanted = Cards(self.bot.accounts).card(fresh, self.clock.now()).text
        text = found[0].text
        if fresh.phase in MEASURING:
            # Its numbers change from look to look, and the card may be three seconds old.
            text, wanted = gist(text), gist(wanted)
        assert text == wanted, f"the card says {text!r} instead of {wanted!r}"
