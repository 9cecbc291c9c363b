"""The composition root: a bot out of what `bot.setup` makes of the settings.

`Bot` is everything between the database and the outside, built from values: a test or the practice
workspace hands in its own clock, clients and database and gets the production code path.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from slack_bolt.async_app import AsyncApp
from sqlalchemy.engine import make_url

from bot import web
from bot.accounts import Accounts
from bot.calling import lacking as unheard
from bot.domain.plan_compile import compile_plan
from bot.engine import (
    aftercare,
    chores,
    duties,
    incidents,
    notary,
    notices,
    release_records,
    standups,
)
from bot.engine.aftercare_work import NAME as AFTERCARE
from bot.engine.clock import SystemClock
from bot.engine.declaring import Incidents
from bot.engine.directory import Home
from bot.engine.engine import DEFAULTS, Engine, Options, Part, Tools
from bot.engine.finding import Finder
from bot.engine.illustrating import Illustrator
from bot.engine.incident_work import NAME as INCIDENT
from bot.engine.intents import Intent
from bot.engine.kinds import NewerRowError
from bot.engine.notice_work import NAME as NOTICE
from bot.engine.reporting import Reporting
from bot.engine.subscribers import Subscribers
from bot.hooks import Hooks
from bot.pages import pages
from bot.plans import PlanLibrary
from bot.ports import PermanentError, Posted, TemporaryError
from bot.publishing import silent
from bot.receiving import receiving
from bot.serving import Front, Site, listening, stop_signals, url_of
from bot.settings import Settings, SettingsError, missing
from bot.setup import Outside, Setup, hosts_of, real_world, setup
from bot.slack.aftercare import AftercareCards
from bot.slack.alerts import DutyCards
from bot.slack.cards import Cards
from bot.slack.chores import ChoreCards
from bot.slack.client import Answer, Identity, SlackChat, web_client
from bot.slack.incidents import IncidentCards
from bot.slack.listeners import Desk as ListenerDesk
from bot.slack.listeners import Listeners, bolt_app
from bot.slack.notices import NoticeCards
from bot.slack.pictures import SCOPE as PICTURES
from bot.slack.pictures import PictureChat
from bot.slack.replies import Reply, reply_text
from bot.slack.standups import StandupCards
from bot.slack.text import words as in_plain_words
from bot.store.database import Store
from bot.store.migrations import upgrade_store
from commands.context import Context, Refuse
from commands.desk import Desk
from commands.parser import ParseError

log = logging.getLogger(__name__)
T = TypeVar("T")


class Bot:
    """One running bot. `start` before anything else, `stop` at the end."""

    def __init__(
        self,
        setup: Setup,
        outside: Outside,
        store: Store,
        identity: Identity,
        options: Options = DEFAULTS,
    ) -> None:
        self.setup = setup
        self.outside = outside
        self.store = store
        self.telemetry = setup.telemetry
        self._web = web_client(setup.slack_token, outside.session, setup.slack_api)
        self.chat = PictureChat(self._web, clock=outside.clock.monotonic)
        self.gallery = self.chat if PICTURES in identity.scopes else None
        self.accounts = Accounts(setup.catalogue)
        self.subscribers = Subscribers(store, outside.clock)
        self.publishers = setup.publishers(self.subscribers)
        self.publishing = setup.notices(self.publishers)
        self._cards = Cards(self.accounts, lambda card: address(identity.url, card))
        self.engine = Engine(
            store=store,
            catalogue=setup.catalogue,
            chat=self.chat,
            presenter=self._cards,
            compile_plan=compile_plan,
            clock=outside.clock,
            new_id=outside.new_id,
            random=outside.random,
            handle=self._handle,
            home=Home(identity.team_id, identity.enterprise_id),
            on_dead_intent=self._gave_up,
            on_looked=self.telemetry.looked,
            more=self._more,
            options=msgspec.structs.replace(options, drawn=self.gallery is not None),
        )
        self.finder = Finder(store, self.engine.rollouts)
        self.incidents = Incidents(self.engine, self.engine.kind(INCIDENT), setup.means)
        self.notices = notices.Notices(store, self.engine.kind(NOTICE), self.publishing)
        self.desk = Desk(
            Context(
                engine=self.engine,
                finder=self.finder,
                aftercares=aftercare.Aftercares(store, self.engine.kind(AFTERCARE)),
                incidents=self.incidents,
                notices=self.notices,
                subscribers=self.subscribers,
                catalogue=setup.catalogue,
                directory=self.engine.directory,
                names=setup.names,
                plan_named=setup.plans.get,
                plan_names=setup.plans.names(),
                now=outside.clock.now,
                hooks=setup.hooks,
                standups=self.standups,
                address=lambda posted: address(identity.url, posted),
            ),
            respond=self._respond,
            publish_home=self.engine.posting.home,
        )
        self.hooks = Hooks(
            self.engine,
            Reporting(self.engine, self.finder),
            self.chat,
            lambda: [setup.plans.get(name) for name in setup.plans.names()],
            outside.new_id,
            self.desk.context,
            self.incidents.alarmed,
        )
        self.slack = receiving(setup, outside, self._web, self.chat, self._listeners(identity))
        self.web = web.build(self._web_parts(), self.slack.route, None)
        self._running = False

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work in the background."""
        await self.open_calendar()
        await self.engine.start()
        await self.slack.start()
        self._running = True

    async def open_calendar(self) -> None:
        """What comes round, and what is kept of the record, is what the configuration says now."""
        await chores.settle_on(self.engine, self.setup.recurring)
        await notary.take_care(self.engine, self.setup.care)

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close the database."""
        self._running = False
        await self.slack.close()
        await self.engine.stop()
        await self.store.close()

    def _more(self, tools: Tools) -> Sequence[Part]:
        """The kinds of aggregates besides rollouts."""
        made = self.setup
        cards = StandupCards(self.accounts, made.names.standup, made.standup_texts)
        incident = IncidentCards(self.accounts, made.names.release, made.names.rollback)
        standup, self.standups = standups.part(tools, cards, made.standups, made.plans.get)
        return (
            # First: it locks its rows before anybody holds the audit's chain.
            *release_records.parts(tools, self.gallery, self.setup.book),
            *duties.parts(tools, DutyCards(self.accounts), self.setup.means.tickets),
            *aftercare.parts(tools, AftercareCards(self.accounts)),
            *chores.parts(tools, ChoreCards(self.accounts)),
            notary.part(tools, self._cards.notice, self.setup.anchors),
            standup,
            *incidents.parts(tools, incident, made.means, self.gallery),
            *notices.parts(
                tools, NoticeCards(self.accounts, self.publishing.preview), self.publishing
            ),
        )

    # --- Slack --------------------------------------------------------------------------------

    def _listeners(self, identity: Identity) -> AsyncApp:
        desk = ListenerDesk(
            submit=self._submit,
            answer=self.desk.answer,
            modal=self.desk.modal,
            validate=self.desk.validate,
            now=self.outside.clock.now,
            accounts=self.accounts,
            urgent=self.desk.urgent,
        )
        return bolt_app(self._web, identity, Listeners(desk, self.chat))

    async def _submit(self, intent: Intent) -> None:
        await self.engine.submit(intent)

    async def _handle(self, intent: Intent) -> None:
        await (self.hooks if intent.kind == "hook" else self.desk).handle(intent)

    async def _respond(self, intent: Intent, reply: Reply) -> None:
        await self.chat.respond(
            Answer(
                intent.response_url,
                reply_text(reply, self.accounts),
                reply.blocks,
                in_channel=reply.in_channel,
                user_id=intent.user_id,
                channel=intent.channel or intent.user_id,
            )
        )

    async def _gave_up(self, intent: Intent, reason: str) -> None:
        if intent.kind == "hook":
            await self.hooks.gave_up(intent, reason)
            return
        reply = Reply(f"That could not be done, and it is not tried again: {reason}")
        try:
            await self._respond(intent, reply)
        except (TemporaryError, PermanentError) as error:
            log.error("nobody could be told that %s failed: %s", intent.id, error)

    # --- the web side -------------------------------------------------------------------------

    def _web_parts(self) -> web.WebParts:
        key, clock = self.setup.slack_secret or self.setup.slack_app, self.outside.clock
        pictures = Illustrator(self.store, self.engine.rollouts)
        return web.WebParts(
            version=version("countersign"),
            telemetry=self.telemetry,
            now=self.outside.clock.now,
            new_id=self.outside.new_id,
            ready=self._ready,
            checks=self._checks,
            refresh=self._refresh,
            hook=self.hooks.take,
            admin=self._admin,
            hook_token=self.setup.hook_token.reveal(),
            data=_data_folder(self.setup.database_url),
            more=pages(key, clock, self.subscribers, self.notices, pictures),
        )

    async def _ready(self) -> str | None:
        return self.slack.missing() if self._running else "the engine has not started yet"

    async def _checks(self) -> Mapping[str, web.Check]:
        began = self.outside.clock.monotonic()
        altered = await self.store.transact(
            lambda conn: notary.broken(conn, self.engine.kind(notary.NAME))
        )
        took = (self.outside.clock.monotonic() - began) * 1000
        trouble = self.engine.trouble
        return {
            "database": web.Check("ok", {"responseTime": f"{took:.0f}ms"}),
            "engine": web.Check("degraded" if trouble else "ok", dict(trouble)),
            "audit": web.Check(
                "degraded" if altered else "ok", {"problem": altered} if altered else {}
            ),
            **self.slack.checks(),
        }

    async def _refresh(self) -> None:
        phases, pending, due = await self.finder.counts()
        self.telemetry.rollouts.clear()
        for (service, phase), count in phases.items():
            self.telemetry.rollouts.labels(service, phase).set(count)
        self.telemetry.outbox.set(pending)
        late = (self.outside.clock.now() - due).total_seconds() if due is not None else 0.0
        self.telemetry.tick_lag.set(max(0.0, late))

    async def _admin(self, intent: Intent) -> web.Answer:
        try:
            reply = await self.desk.do(intent)
        except (Refuse, ParseError) as refused:
            return web.Answer(409, {"ok": False, "message": in_plain_words(str(refused))})
        except NewerRowError as newer:
            return web.Answer(503, {"ok": False, "message": f"{newer}; ask again"})
        if reply is None:
            reply = Reply("Done; the card shows what comes of it.")
        said = in_plain_words(reply.text, seconds=reply.seconds)
        return web.Answer(200, {"ok": True, "message": said})


def address(workspace_url: str, posted: Posted) -> str:
    """The link to a message, as chat.getPermalink would give it; "" without a workspace url."""
    if not workspace_url:
        return ""
    return f"{workspace_url}archives/{posted.channel}/p{posted.ts.replace('.', '')}"


def _data_folder(database_url: str) -> Path:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database).resolve().parent
    return Path.cwd()


@asynccontextmanager
async def running(
    setup: Setup, outside: Outside, options: Options = DEFAULTS
) -> AsyncIterator[Bot]:
    """A bot that works until the block ends. Raises what opening the database or Slack raises."""
    store = await Store.open(setup.database_url)
    bot: Bot | None = None
    try:
        await upgrade_store(store)
        identity = await _identity(setup, outside)
        bot = Bot(setup, outside, store, identity, options)
        await bot.start()
        yield bot
    finally:
        if bot is not None:
            await bot.stop()
        else:
            await store.close()


async def _identity(setup: Setup, outside: Outside) -> Identity:
    """Who the bot is; asked until Slack answers, since a bot that can't start helps nobody."""
    chat = SlackChat(web_client(setup.slack_token, outside.session, setup.slack_api))
    while True:
        try:
            return await chat.identity()
        except TemporaryError as error:
            wait = error.retry_after or timedelta(seconds=2)
            log.warning("Slack does not answer yet (%s); asking again", error)
            await asyncio.sleep(wait.total_seconds())


async def serve(settings: Settings, library: PlanLibrary, options: Options = DEFAULTS) -> None:
    """Run the bot until SIGTERM or SIGINT; says on stdout where it is when it is ready.

    Raises SettingsError (also when the port is taken), FileError and what `running` raises.
    """
    lacking = missing(settings)
    if lacking:
        raise SettingsError(*lacking)
    front = Front(version("countersign"), SystemClock().now)
    with stop_signals() as stop:
        async with AsyncExitStack() as stack:
            outside = await stack.enter_async_context(real_world(hosts_of(settings, library)))
            made = setup(settings, library, outside)
            for lacking in (*silent(settings), *unheard(settings)):
                log.warning("%s. %s", lacking.problem, lacking.do)
            bound = stack.enter_context(_bound(settings))
            site = Site(front, bound)
            await site.start()
            stack.push_async_callback(site.close)
            bot = await _unless(stop, stack.enter_async_context(running(made, outside, options)))
            if bot is None:
                return
            # The last request is answered before the bot stops, which comes after this one.
            stack.push_async_callback(site.close)
            front.app = bot.web
            if not await _unless(stop, bot.slack.first()):
                return
            print(f"ready on {url_of(settings.host, bound)}", flush=True)  # noqa: T201
            await stop.wait()


def _bound(settings: Settings) -> socket.socket:
    try:
        return listening(settings.host, settings.port)
    except OSError as error:
        problem = f"port {settings.port} of {settings.host} can't be used"
        hint = "set COUNTERSIGN_HOST and COUNTERSIGN_PORT to one that can"
        raise SettingsError(f"{problem} ({error.strerror or error}); {hint}") from error


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of the work; None when it was given up because of `stop`."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None
    finally:
        stopped.cancel()
