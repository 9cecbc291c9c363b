"""Paging through PagerDuty's Events API, version 2.

One incident is one alert there, by its deduplication key: to trigger it again, or to send any of
the three twice, makes no second one. https://developer.pagerduty.com/docs/events-api-v2/overview/
"""

from typing import Any, Literal

import httpx

from bot.domain.calling import Call
from bot.domain.secret import Secret
from bot.outbound.asking import ask

API = "https://events.pagerduty.com"
LONGEST_SUMMARY, LONGEST_KEY = 1024, 255

_SEVERITIES = {"critical": "critical", "major": "error", "minor": "warning"}

_Action = Literal["trigger", "acknowledge", "resolve"]


class PagerDuty:
    """Implements `bot.ports.Pager`. key: the integration key of a service there."""

    def __init__(self, key: Secret, *, http: httpx.AsyncClient, api: str = API) -> None:
        if not key:
            raise ValueError("PagerDuty needs a key: set COUNTERSIGN_PAGERDUTY_KEY")
        self._key = key
        self._http = http
        self._api = api.rstrip("/")

    async def trigger(self, call: Call) -> None:
        """See `Pager`."""
        payload = {
            "summary": call.summary[:LONGEST_SUMMARY],
            "source": f"{call.service} {call.environment}",
            "severity": _SEVERITIES.get(call.severity, "error"),
            "timestamp": call.at.isoformat(),
            "component": call.service,
            "group": call.environment,
            "custom_details": dict(call.details),
        }
        links = [{"href": call.link, "text": "Open the incident"}] if call.link else []
        await self._send("trigger", call, payload=payload, links=links, client="Countersign")

    async def acknowledge(self, call: Call) -> None:
        """See `Pager`."""
        await self._send("acknowledge", call)

    async def resolve(self, call: Call) -> None:
        """See `Pager`."""
        await self._send("resolve", call)

    async def _send(self, action: _Action, call: Call, **more: Any) -> None:
        body = {
            "routing_key": self._key.reveal(),
            "event_action": action,
            "dedup_key": call.key[:LONGEST_KEY],
            **more,
        }
        request = self._http.build_request("POST", f"{self._api}/v2/enqueue", json=body)
        await ask(self._http, request, "PagerDuty")
