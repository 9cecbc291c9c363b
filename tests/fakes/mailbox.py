"""A real SMTP server in this process, with a memory and with troubles on demand."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from bot.serving import listening


@dataclass
class Mailbox:
    """What came in, and what the server shall answer.

    refused: address -> the reply to its RCPT. after_data: the reply to the next whole letters; ""
    breaks the connection off after the letter has been kept. user, password: who may send, "" for
    everybody.
    """

    user: str = ""
    password: str = ""
    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    senders_refused: dict[str, str] = field(default_factory=dict)
    after_data: list[str] = field(default_factory=list)
    connections: int = 0
    encrypted: list[bool] = field(default_factory=list)

    @property
    def url(self) -> str:
        who = f"{self.user}:{self.password}@" if self.user else ""
        return f"smtp://{who}127.0.0.1:{self.port}"

    @property
    def raw(self) -> list[bytes]:
        """The letters as they came over the wire."""
        return [cast(bytes, each.original_content) for each in self.envelopes]

    @property
    def letters(self) -> list[EmailMessage]:
        """The letters, read by a program that knows nothing of ours."""
        parse = email.message_from_bytes
        return [parse(raw, policy=email.policy.default) for raw in self.raw]

    def to(self, address: str) -> list[EmailMessage]:
        """What one person got."""
        return [
            letter
            for letter, envelope in zip(self.letters, self.envelopes, strict=True)
            if envelope.rcpt_tos == [address]
        ]

    # --- what aiosmtpd asks -------------------------------------------------------------------

    async def handle_MAIL(
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.user and not session.authenticated:
            return "530 5.7.0 sign in first"
        if address in self.senders_refused:
            return self.senders_refused[address]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        said = self.after_data.pop(0) if self.after_data else "250 2.0.0 taken"
        if said.startswith("2") or not said:
            self.envelopes.append(envelope)
            self.encrypted.append(session.ssl is not None)
        if not said:
            cast(Any, server).transport.abort()
            await asyncio.sleep(0)
            raise asyncio.CancelledError
        return said

    def knows(self, *args: Any) -> AuthResult:
        """Whether somebody may send."""
        given = args[-1]
        fits = isinstance(given, LoginPassword) and (given.login, given.password) == (
            self.user.encode(),
            self.password.encode(),
        )
        return AuthResult(success=fits, handled=fits)


@asynccontextmanager
async def mailbox(
    user: str = "", password: str = "", certificate: Path | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Mailbox]:
    """A server that runs until the block ends. certificate: the file of its key; .crt beside it."""
    box = Mailbox(user, password)

    def protocol() -> SMTP:
        box.connections += 1
        more: dict[str, Any] = {}
        if user:
            more = {"authenticator": box.knows, "auth_require_tls": False}
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(f"{certificate}.crt", certificate)
            more |= {"tls_context": context, "require_starttls": True}
        return SMTP(box, hostname="mx.example.com", enable_SMTPUTF8=False, **more)

    sock = listening(host, 0)
    box.port = sock.getsockname()[1]
    server = await asyncio.get_running_loop().create_server(protocol, sock=sock)
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
