"""How what people do in Slack reaches the bot: over HTTP, or in Socket Mode where there is a token.

Both ways end at the same listeners, and both are counted alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.routing import Route

from bot.setup import Outside, Setup
from bot.slack.asgi import slack_route
from bot.slack.client import SlackChat
from bot.slack.connection import DEFAULT_PACE, Pace
from bot.slack.sockets import Intake, Sockets
from bot.telemetry import Telemetry
from bot.web import Check


@dataclass(frozen=True, slots=True)
class Receiving:
    """route: takes deliveries over HTTP. sockets: the connections of Socket Mode. One of them."""

    route: Route | None = None
    sockets: Sockets | None = None

    async def start(self) -> None:
        """Let things arrive from now on."""
        if self.sockets is not None:
            await self.sockets.start()

    async def first(self) -> bool:
        """Wait until something can arrive; True. Raises PermanentError when Slack refuses."""
        if self.sockets is not None:
            await self.sockets.first()
        return True

    async def close(self) -> None:
        """Let nothing arrive any more; what has arrived is acknowledged first."""
        if self.sockets is not None:
            await self.sockets.close()

    def missing(self) -> str | None:
        """What keeps the first thing from arriving, None when nothing does.

        A connection that is lost later is no reason to be sent no alerts and no rollbacks: these
        come from elsewhere, and are needed most when Slack is away.
        """
        if self.sockets is None or self.sockets.connected_once:
            return None
        why = self.sockets.state().trouble
        return f"there is no connection to Slack yet{f': {why}' if why else ''}"

    def checks(self) -> Mapping[str, Check]:
        """What there is to say about it for `/health`."""
        if self.sockets is None:
            return {}
        state = self.sockets.state()
        detail = {"connections": f"{state.open} of {state.wanted}"}
        if state.trouble:
            detail["trouble"] = state.trouble
        return {"slack": Check("ok" if state.open == state.wanted else "degraded", detail)}


def receiving(
    setup: Setup,
    outside: Outside,
    web: AsyncWebClient,
    chat: SlackChat,
    listeners: AsyncApp,
    pace: Pace = DEFAULT_PACE,
) -> Receiving:
    """The way that the settings ask for. chat: learns whether anything can arrive."""
    observe = _Counted(setup.telemetry)
    if not setup.slack_app:

        def now() -> float:
            return outside.clock.now().timestamp()

        return Receiving(
            slack_route(listeners, secret=setup.slack_secret, now=now, observe=observe)
        )

    def changed(there: int) -> None:
        setup.telemetry.sockets.set(there)
        chat.connected(there > 0)

    steady = outside.clock.monotonic
    return Receiving(
        sockets=Sockets(
            web,
            setup.slack_app,
            Intake(listeners, now=steady, observe=observe),
            now=steady,
            random=outside.random,
            changed=changed,
            replaced=lambda reason: setup.telemetry.sockets_over.labels(reason).inc(),
            pace=pace,
        )
    )


class _Counted:
    """Counts what arrives, and how soon it is acknowledged."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def __call__(self, kind: str, status: int, seconds: float) -> None:
        outcome = "ok" if status < 400 else str(status)
        self._telemetry.slack_requests.labels(kind, outcome).inc()
        self._telemetry.ack.observe(seconds)
