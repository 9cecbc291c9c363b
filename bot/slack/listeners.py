"""One listener each for commands, buttons, forms and events: check, store, acknowledge.

What is acknowledged has been stored. A listener never raises: Bolt can lose an acknowledgement
that way, and the person would wait for nothing. The only calls made from inside are the ones that
can't wait: opening a dialog (its trigger lives three seconds), and saying that something failed.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.engine.intents import Intent
from bot.ports import PermanentError, TemporaryError
from bot.slack.buttons import OPEN_CARD
from bot.slack.client import Answer, Identity, SlackChat
from bot.slack.deliveries import (
    action_intents,
    command_intent,
    event_intent,
    input_blocks,
    shortcut_intent,
    view_intent,
)
from bot.slack.redaction import library_logger
from bot.slack.replies import Reply, reply_body, reply_text

log = logging.getLogger(__name__)

ALL_WITHIN = 2.5
"""Seconds that a listener may take; Slack waits three."""

ANSWER_WITHIN = 1.5
"""Seconds for an answer within the acknowledgement; after that the intent is stored instead."""

SORRY_WITHIN = 0.4
"""Seconds for telling a person that something failed."""

FAILED = (
    "Something went wrong here, and nothing was done. Try again in a moment; "
    "if it stays so, the bot's log says why."
)
SLOW = (
    "This takes longer than usual. It may still be done: look at the card before you try once more."
)
HOME_OPENED = "app_home_opened"

_ANY = re.compile(r".*", re.DOTALL)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the listeners hand on to.

    submit: stores an intent; it is durable when this returns. answer: the reply of a verb that only
    reads, None for everything else. modal: the view to open at once, None for none. validate: field
    -> what is wrong with it, empty when all is fine. accounts: person -> account, for replies.
    urgent: it is carried out without its dialog when that can't be opened.
    """

    submit: Callable[[Intent], Awaitable[None]]
    answer: Callable[[Intent], Awaitable[Reply | None]]
    modal: Callable[[Intent], Awaitable[Mapping[str, Any] | None]]
    validate: Callable[[Intent], Awaitable[Mapping[str, str]]]
    now: Callable[[], datetime]
    accounts: Mapping[str, str]
    urgent: Callable[[Intent], bool] = lambda _intent: False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a listener may take, in seconds."""

    whole: float = ALL_WITHIN
    answer: float = ANSWER_WITHIN
    sorry: float = SORRY_WITHIN


@dataclass(slots=True)
class Listeners:
    """The listeners over one desk."""

    desk: Desk
    chat: SlackChat
    limits: Limits = field(default_factory=Limits)
    _storing: set[asyncio.Task[None]] = field(default_factory=set)

    async def command(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """A slash command: a dialog, an answer at once, or stored."""
        try:
            async with asyncio.timeout(self.limits.whole):
                reply = await self._command(command_intent(body, self.desk.now()))
        except Exception as error:  # noqa: BLE001 - the edge: the person is told, whatever it was
            reply = Reply(_sorry("a command", error))
        return await ack(reply_body(reply, self.desk.accounts) if reply is not None else "")

    async def _command(self, intent: Intent) -> Reply | None:
        if await self._opened(intent):
            return None
        try:
            async with asyncio.timeout(self.limits.answer):
                reply = await self.desk.answer(intent)
        except TimeoutError:
            log.warning("an answer to /%s came too late; it is stored instead", intent.name)
            reply = None
        if reply is None:
            await self._store(intent)
        return reply

    async def action(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """A button: a dialog, or stored. Links report themselves too and mean nothing.

        A press that was not kept, with nobody told of it, is refused: then Slack shows a warning.
        """
        told = True
        intents = [each for each in action_intents(body, self.desk.now()) if each.name != OPEN_CARD]
        for intent in intents:
            told &= await self._pressed(intent)
        return await ack() if told else BoltResponse(status=500, body="")

    async def shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """An entry of a message's menu, which is pressed like a button."""
        told = await self._pressed(shortcut_intent(body, self.desk.now()))
        return await ack() if told else BoltResponse(status=500, body="")

    async def _pressed(self, intent: Intent) -> bool:
        """Open its dialog, or store it; False when it was not kept and nobody knows of that."""
        try:
            async with asyncio.timeout(self.limits.whole):
                if not await self._opened(intent):
                    await self._store(intent)
        except Exception as error:  # noqa: BLE001 - the edge: the person is told
            return await self._apologise(intent, _sorry("a click", error))
        return True

    async def view(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """A submitted form: what is wrong with it, or stored."""
        try:
            async with asyncio.timeout(self.limits.whole):
                intent = view_intent(body, self.desk.now())
                errors = dict(await self.desk.validate(intent))
                if not errors:
                    await self._store(intent)
        except Exception as error:  # noqa: BLE001 - the edge: the person is told
            errors = {"": _sorry("a form", error)}
        if not errors:
            return await ack()
        placed = place_errors(errors, input_blocks(body))
        if placed:
            return await ack(response_action="errors", errors=placed)
        return await ack()

    async def event(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> BoltResponse:
        """An event: stored, or refused with 500 so that Slack delivers it again."""
        intent = event_intent(
            body,
            self.desk.now(),
            team_id=context.actor_team_id or "",
            enterprise_id=context.actor_enterprise_id or "",
        )
        if intent.name != HOME_OPENED:
            return await ack()
        try:
            async with asyncio.timeout(self.limits.whole):
                await self._store(intent)
        except Exception as error:  # noqa: BLE001 - the edge: Slack is told
            _sorry("an event", error)
            return BoltResponse(status=500, body="")
        return await ack()

    # -- the steps ---------------------------------------------------------------------------

    async def _store(self, intent: Intent) -> None:
        """Store to the end: a listener that runs out of time must not cut a transaction short."""

        async def submit() -> None:
            await self.desk.submit(intent)

        task = asyncio.create_task(submit(), name=f"store {intent.id}")
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    async def _opened(self, intent: Intent) -> bool:
        """Open the dialog that belongs to this, if one does."""
        view = await self.desk.modal(intent)
        if view is None:
            return False
        try:
            await self.chat.open_view(intent.trigger_id, view)
        except (TemporaryError, PermanentError) as error:
            if not self.desk.urgent(intent):
                raise
            log.warning("the dialog of %s can't be opened: %s", intent.name, error)
            return False
        return True

    async def _apologise(self, intent: Intent, text: str) -> bool:
        """Tell the one who pressed, as the acknowledgement of a click shows nothing; if it went."""
        answer = Answer(
            intent.response_url,
            reply_text(Reply(text), self.desk.accounts),
            thread_ts="",
            user_id=intent.user_id,
            channel=intent.channel or intent.user_id,
        )
        try:
            async with asyncio.timeout(self.limits.sorry):
                await self.chat.respond(answer)
        except (TemporaryError, PermanentError, TimeoutError) as error:
            log.warning("%s could not be told that something failed: %s", intent.user_id, error)
            return False
        return True


def _log_failure(task: asyncio.Task[None]) -> None:
    """What fails after the listener has given up waiting is told to nobody else."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("%s failed too late to be answered", task.get_name(), exc_info=error)


def place_errors(errors: Mapping[str, str], inputs: list[str]) -> dict[str, str]:
    """Errors as Slack takes them: each at a field that is there, the rest at the first one."""
    placed: dict[str, str] = {}
    for name, text in errors.items():
        at = name if name in inputs else next(iter(inputs), "")
        if at:
            placed[at] = f"{placed[at]} {text}" if at in placed else text
    return placed


def _sorry(what: str, error: Exception) -> str:
    """Log what failed, and say so in a sentence."""
    if isinstance(error, TimeoutError):
        log.error("%s was not stored in time", what)
        return SLOW
    log.error("%s failed", what, exc_info=error)
    return f"{FAILED} ({error})" if isinstance(error, TemporaryError | PermanentError) else FAILED


async def _unreadable(error: Exception) -> BoltResponse:
    """Bolt could not read a delivery: listeners answer for themselves, whatever happens."""
    log.warning("a delivery that is not as Slack makes them was refused: %r", error)
    return BoltResponse(status=400, body="unreadable")


def bolt_app(web: AsyncWebClient, identity: Identity, listeners: Listeners) -> AsyncApp:
    """The Bolt app, for HTTP and Socket Mode alike.

    Signatures are verified in front of it (`bot.slack.guard`). Who it is was asked once, at the
    start: `authorize` answers from `identity`, and no request waits for auth.test.
    """

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=identity.enterprise_id or None,
            team_id=identity.team_id,
            bot_user_id=identity.user_id,
            bot_id=identity.bot_id,
            bot_token=web.token,
        )

    app = AsyncApp(
        name="countersign",
        client=web,
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        logger=library_logger(),
    )
    app.error(_unreadable)
    app.command(_ANY)(listeners.command)
    app.action(_ANY)(listeners.action)
    app.shortcut(_ANY)(listeners.shortcut)
    app.view(_ANY)(listeners.view)
    app.event(_ANY)(listeners.event)
    return app
