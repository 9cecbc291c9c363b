"""Pages and tickets for any system that takes a signed JSON document.

Signed as calls to an HTTP deployer are (`bot.domain.signing`). Every call has an `Idempotency-Key`;
the far side does one thing per key.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx
import msgspec

from bot.domain.calling import Call, Ticket, TicketOrder
from bot.domain.secret import Secret
from bot.domain.signing import sign
from bot.outbound.asking import ask
from bot.ports import PermanentError


class Webhook:
    """One address. now: the present instant, for the signature."""

    def __init__(
        self, url: str, secret: Secret, *, http: httpx.AsyncClient, now: Callable[[], datetime]
    ) -> None:
        if not secret:
            raise ValueError("a webhook needs a secret: set COUNTERSIGN_WEBHOOK_SECRET")
        self._url = url
        self._secret = secret
        self._http = http
        self._now = now

    async def send(self, document: Mapping[str, Any], key: str) -> httpx.Response:
        """Send a document once per key. Raises TemporaryError, PermanentError."""
        body = msgspec.json.encode(document)
        stamp = str(int(self._now().timestamp()))
        request = self._http.build_request("POST", self._url, content=body)
        path = request.url.raw_path.decode("ascii")
        signature = sign(self._secret.reveal(), stamp, "POST", path, body)
        request.headers.update(
            {
                "content-type": "application/json",
                "x-countersign-timestamp": stamp,
                "x-countersign-signature": signature,
                "idempotency-key": key,
            }
        )
        return await ask(self._http, request, self._url)


class WebhookPager:
    """Implements `bot.ports.Pager`."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def trigger(self, call: Call) -> None:
        """See `Pager`."""
        await self._send("trigger", call, f"{call.key}:trigger:{call.summary}")

    async def acknowledge(self, call: Call) -> None:
        """See `Pager`."""
        await self._send("acknowledge", call, f"{call.key}:acknowledge")

    async def resolve(self, call: Call) -> None:
        """See `Pager`."""
        await self._send("resolve", call, f"{call.key}:resolve:{call.summary}")

    async def _send(self, do: str, call: Call, key: str) -> None:
        document = {"type": "page", "do": do, **msgspec.to_builtins(call)}
        await self._webhook.send(document, key[:200])


class WebhookTickets:
    """Implements `bot.ports.Tickets`: the far side answers with `reference` and `link`."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def open(self, order: TicketOrder) -> Ticket:
        """See `Tickets`. Raises PermanentError also when the answer names no ticket."""
        document = {"type": "ticket", "do": "open", **msgspec.to_builtins(order)}
        answer = await self._webhook.send(document, order.key)
        try:
            return msgspec.json.decode(answer.content, type=Ticket)
        except msgspec.DecodeError as error:
            problem = "the answer of the ticket webhook has no `reference`"
            raise PermanentError(f"{problem}: {error}") from error

    async def close(self, ticket: Ticket, text: str, key: str) -> None:
        """See `Tickets`."""
        document = {"type": "ticket", "do": "close", "text": text, **msgspec.to_builtins(ticket)}
        await self._webhook.send(document, key)
