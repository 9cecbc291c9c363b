"""POST /slack/events: commands, interactivity and events over HTTP."""

import logging

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bot.domain.secret import Secret
from bot.slack.guard import PAYLOAD, Clock, Observe, SlackGuard, kind_of

log = logging.getLogger(__name__)

PATH = "/slack/events"


class BoltEndpoint:
    """Hands a payload that the guard has read to Bolt and carries the answer back."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        response = await self._dispatch(scope)
        await response(scope, receive, send)

    async def _dispatch(self, scope: Scope) -> Response:
        payload = scope[PAYLOAD]
        # The mode says that the body comes as a value: Bolt's own reading of a form goes wrong when
        # the text of a command has the word "payload" in it.
        request = AsyncBoltRequest(body=payload, mode="socket_mode")
        try:
            answer = await self._app.async_dispatch(request)
        except Exception:
            log.exception("a delivery (%s) failed", kind_of(payload))
            return PlainTextResponse("failed", 500)
        if answer.status == 404:
            log.warning("nobody listens to this kind of delivery: %s", payload.get("type"))
        return to_starlette_response(answer)


def slack_route(
    app: AsyncApp, *, secret: Secret, now: Clock, observe: Observe | None = None
) -> Route:
    """The route that takes everything Slack sends (arguments as for `SlackGuard`)."""
    return Route(PATH, SlackGuard(BoltEndpoint(app), secret=secret, now=now, observe=observe))
