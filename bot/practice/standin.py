"""Puts the stand-in for Slack together: a workspace, its Web API, deliveries, controls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx
from starlette.routing import Route

from bot.practice.control import Control
from bot.practice.courier import ACK_LIMIT, RETRY_DELAYS, Courier
from bot.practice.deliveries import Deliveries
from bot.practice.link import Link
from bot.practice.webapi import HOLD_SECONDS, WebApi
from bot.practice.workspace import Workspace


@dataclass(frozen=True)
class StandIn:
    """A stand-in ready to be mounted: its routes belong at the root of a server."""

    workspace: Workspace
    deliveries: Deliveries
    routes: list[Route]
    _control: Control
    _courier: Courier
    _api: WebApi

    async def aclose(self) -> None:
        """Stop retries and late deliveries, and let go of callers that are held or wait."""
        self._control.close()
        self._api.release()
        await self._courier.aclose()


def slack_app(
    workspace: Workspace,
    *,
    bot_url: str | Callable[[], str],
    signing_secret: str,
    http: httpx.AsyncClient,
    ack_limit: timedelta = ACK_LIMIT,
    cut_connections: bool = True,
    hold_seconds: float = HOLD_SECONDS,
    signing_clock: Callable[[], float] | None = None,
    retry_delays: Sequence[timedelta] = RETRY_DELAYS,
    link: Link | None = None,
) -> StandIn:
    """Build a stand-in around a workspace.

    bot_url: where the bot takes deliveries (`…/slack/events`), or a function that answers it.
    signing_secret: what the deliveries are signed with.
    http: a client that reaches the bot, over sockets or an ASGI transport; it stays the caller's.
    ack_limit: how long a person waits for an acknowledgement.
    cut_connections: a lost reply breaks the connection; False on transports that can't: 502.
    hold_seconds: how long the fault `timeout` keeps a call waiting.
    signing_clock: Unix seconds for the signatures, when the bot checks them by another clock than
        the workspace's (a test with a clock of its own and Bolt's verifier: `time.time`).
    retry_delays: the wait before each retry of an event that the bot did not take.
    link: a started `Link`: everything is delivered in Socket Mode; it stays the caller's.
    """
    courier = Courier(
        workspace,
        bot_url=bot_url,
        signing_secret=signing_secret,
        http=http,
        ack_limit=ack_limit,
        signing_clock=signing_clock or (lambda: workspace.now().timestamp()),
        retry_delays=retry_delays,
        link=link,
    )
    deliveries = Deliveries(workspace, courier)
    api = WebApi(workspace, cut=cut_connections, hold=hold_seconds)
    control = Control(workspace, deliveries, api)
    routes = [*api.routes(), *control.routes()]
    return StandIn(workspace, deliveries, routes, control, courier, api)
