"""POST /slack/events: commands, interactivity and events over HTTP."""

import logging
from collections.abc import Mapping
from typing import Any

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.response import BoltResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bot.domain.secret import Secret
from bot.slack.guard import PAYLOAD, Clock, Observe, SlackGuard, kind_of

log = logging.getLogger(__name__)

PATH = "/slack/events"

_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What Bolt raises over a payload that is not as Slack makes them; our listeners raise nothing."""


async def dispatch(app: AsyncApp, payload: Mapping[str, Any]) -> BoltResponse:
    """What the listeners answer to a payload, over HTTP and Socket Mode alike.

    500 when they failed, 404 when nobody listens to its kind, 400 when Bolt can't read it.
    """
    try:
        # The mode says that the body comes as a value: Bolt's own reading of a form goes wrong when
        # the text of a command has the word "payload" in it.
        request = AsyncBoltRequest(body=dict(payload), mode="socket_mode")
        answer = await app.async_dispatch(request)
    except _ODD as error:
        log.warning("a delivery (%s) could not be read: %r", kind_of(payload), error)
        return BoltResponse(status=400, body="unreadable")
    except Exception:
        log.exception("a delivery (%s) failed", kind_of(payload))
        return BoltResponse(status=500, body="failed")
    if answer.status == 404:
        log.warning("nobody listens to this kind of delivery: %s", payload.get("type"))
    return answer


class BoltEndpoint:
    """Hands a payload that the guard has read to Bolt and carries the answer back."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        answer = await dispatch(self._app, scope[PAYLOAD])
        await to_starlette_response(answer)(scope, receive, send)


def slack_route(
    app: AsyncApp, *, secret: Secret, now: Clock, observe: Observe | None = None
) -> Route:
    """The route that takes everything Slack sends (arguments as for `SlackGuard`)."""
    return Route(PATH, SlackGuard(BoltEndpoint(app), secret=secret, now=now, observe=observe))
