"""Notices by e-mail: one letter for each recipient, handed to a mail server over SMTP.

SMTP knows no idempotency key. When the reply to a whole letter gets lost, nobody can find out
whether it was taken. It is sent once more then, with the same Message-ID: a customer who gets a
notice twice is better off than one who never hears of it, and mail programs show only one of them
as far as they go by that id.

A server that refuses an address for good concerns that address alone. Mails that are refused later
come back to the sender's mailbox; they are not read here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from aiosmtplib import SMTP, SMTPException, SMTPNotSupported, SMTPResponseException

from bot.domain.addresses import Sender, is_address, same
from bot.domain.documents import nearest
from bot.domain.secret import Secret
from bot.outbound import recipients
from bot.outbound.calendar_file import calendar_file
from bot.outbound.letters import Letter, compose, message_id, plain
from bot.outbound.recipients import Listed
from bot.ports import (
    AddressBook,
    Announcement,
    Delivered,
    Looked,
    PermanentError,
    TemporaryError,
)

TIMEOUT = 20.0
"""Seconds for each answer of the mail server but the last one."""

LAST_TIMEOUT = 120.0
"""Seconds for the answer to a whole letter: who gives up early sends it twice (RFC 1047)."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SAID = 300

Security = Literal["tls", "starttls", "offered", "none"]
"""Encrypted from the start; by STARTTLS; by STARTTLS if the server offers it; not at all."""


class Server(msgspec.Struct, frozen=True):
    """The mail server that takes our mails. user: "" when it wants none."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: Secret = Secret("")

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.host}:{self.port}"


def server(url: Secret) -> Server:
    """What COUNTERSIGN_SMTP_URL says: `smtp://user:password@host:587?starttls=1`, or smtps://.

    Raises ValueError with what is wrong, never with a part of the URL: it holds a password.
    """
    try:
        parts = urlsplit(url.reveal())
        port, query = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError(f"COUNTERSIGN_SMTP_URL is no URL; {_LIKE}") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"COUNTERSIGN_SMTP_URL is not the URL of a mail server; {_LIKE}")
    if set(query) - {"starttls"} or query.get("starttls", "1") not in ("0", "1"):
        raise ValueError(f"COUNTERSIGN_SMTP_URL knows no option but starttls=1 and 0; {_LIKE}")
    security = _security(parts.scheme, query.get("starttls"))
    found = Server(
        parts.hostname,
        port or (465 if security == "tls" else 587),
        security,
        unquote(parts.username or ""),
        Secret(unquote(parts.password or "")),
    )
    if security == "none" and found.user and found.host not in LOOPBACK:
        raise ValueError(
            "COUNTERSIGN_SMTP_URL would send its password for everybody to read: "
            "say starttls=1, or smtps:// where the server is encrypted from the start"
        )
    return found


_LIKE = "write it like smtp://user:password@host:587?starttls=1, with special characters as %40"


def _security(scheme: str, starttls: str | None) -> Security:
    if scheme == "smtps":
        return "tls"
    if starttls is None:
        return "offered"
    return "starttls" if starttls == "1" else "none"


class Post:
    """Hands letters to a mail server, each over a connection of its own."""

    def __init__(self, to: Server, domain: str) -> None:
        self._to = to
        self._domain = domain

    async def send(self, sender: str, address: str, letter: bytes) -> str:
        """Send one letter to one address; returns what the server said when it took it.

        Raises PermanentError and TemporaryError; `unknown` when it may have been taken.
        """
        client = await self.connected()
        try:
            await _asked(client.mail(sender), f"{self._to.place} takes no mail from {sender}")
            problem = f"{self._to.place} does not deliver to {address}"
            await _asked(client.rcpt(address), problem, "bounced")
            return await self._handed_over(client, letter)
        finally:
            client.close()

    async def _handed_over(self, client: SMTP, letter: bytes) -> str:
        place = self._to.place
        try:
            answer = await client.data(letter, timeout=LAST_TIMEOUT)
        except SMTPResponseException as error:
            raise _refusal(error, f"{place} did not take the mail") from error
        except (SMTPException, OSError) as error:
            message = f"{place} did not say whether it took the mail: {_said(error)}"
            raise TemporaryError(message, unknown=True) from error
        with suppress(SMTPException, OSError):  # it has the letter, whatever it says to goodbye
            await client.quit(timeout=1)
        return plain(answer.message)

    async def connected(self) -> SMTP:
        """A connection on which mails can be handed over. Raises as `send`."""
        to = self._to
        client = SMTP(
            hostname=to.host,
            port=to.port,
            timeout=TIMEOUT,
            local_hostname=self._domain,
            use_tls=to.security == "tls",
            start_tls={"starttls": True, "none": False}.get(to.security),
        )
        try:
            await _asked(client.connect(), f"{to.place} can't be reached")
            await self._signed_in(client)
        except BaseException:
            client.close()
            raise
        return client

    async def _signed_in(self, client: SMTP) -> None:
        to = self._to
        if not to.user:
            return
        if to.host not in LOOPBACK and client.get_transport_info("sslcontext") is None:
            problem = f"{to.place} offers no encryption, and would get the password in the clear"
            raise PermanentError(f"{problem}; say starttls=1 or smtps://", code="not_encrypted")
        login = client.login(to.user, to.password.reveal())
        await _asked(login, f"{to.place} does not let {to.user} in", "not_authenticated")


async def _asked(asking: Awaitable[object], problem: str, code: str = "") -> None:
    try:
        await asking
    except SMTPResponseException as error:
        raise _refusal(error, problem, code) from error
    except (SMTPException, OSError) as error:
        if type(error) in (SMTPException, SMTPNotSupported):  # no STARTTLS, no way to sign in
            raise PermanentError(f"{problem}: {_said(error)}", code="not_supported") from error
        raise TemporaryError(f"{problem}: {_said(error)}") from error


def _refusal(
    error: SMTPResponseException, problem: str, code: str = "refused"
) -> TemporaryError | PermanentError:
    """A reply of 500 to 599 is for good (RFC 5321, 4.2.1), any other one may be better later."""
    said = f"{problem}: {error.code} {_said(error)}"
    if 500 <= error.code <= 599:
        return PermanentError(said, code=code or "refused")
    return TemporaryError(said)


def _said(error: Exception) -> str:
    text = error.message if isinstance(error, SMTPException) else str(error)
    return plain(text)[:_SAID] or type(error).__name__


class Mail:
    """Implements `Outlet`. The destinations are addresses.

    listed: the file of recipients, None without one; it is read anew when it has changed. link: the
    link by which an address leaves a service's list, "" when there is none. now: the present
    instant. inside: addresses by audience.
    """

    def __init__(
        self,
        to: Server,
        sender: Sender,
        *,
        listed: Path | None,
        book: AddressBook,
        link: Callable[[str, str], str],
        now: Callable[[], datetime],
        languages: Sequence[str] = ("en",),
        inside: Mapping[str, Sequence[str]] = {},
    ) -> None:
        self._post = Post(to, sender.domain)
        self._to = to
        self._sender = sender
        self._listed = listed
        self._book = book
        self._link = link
        self._now = now
        self._known: tuple[object, recipients.Recipients] | None = None
        self._languages = languages
        self._inside = inside

    async def destinations(self, announcement: Announcement) -> Sequence[str]:
        """Who hears about the service, less those who left.

        A line of the file that can't be read is a destination, too, which fails when it is
        published to: so it is seen, and holds up nobody else.
        """
        if announcement.audience:
            return tuple(self._inside.get(announcement.audience, ()))
        found = self._read()
        service = announcement.service
        left = await self._book.left(service)
        added = [Listed(address, (), 0) for address in sorted(await self._book.joined(service))]
        people: dict[str, Listed] = {}
        for each in (*found.listed, *added):
            if each.hears_about(service) and same(each.address) not in left:
                people.setdefault(same(each.address), each)
        spoken = announcement.language
        wanted = [each.address for each in people.values() if self._reads(each.language) == spoken]
        if self._reads("") != spoken:
            return wanted
        file = self._listed.name if self._listed is not None else ""
        return [*wanted, *(f"{file}:{bad.line} {bad.problem}" for bad in found.mistakes)]

    def _reads(self, language: str) -> str:
        """In which of our languages somebody gets a notice who asks for this one."""
        return language if language in self._languages else self._languages[0]

    async def publish(self, announcement: Announcement, destination: str, key: str) -> Delivered:
        """Send the mail. See the module for what happens when the reply gets lost."""
        if not is_address(destination):
            raise PermanentError("no mail can go there: it is not an address", code="no_address")
        if same(destination) in await self._book.left(announcement.service):
            problem = f"{destination} has unsubscribed from notices about {announcement.service}"
            raise PermanentError(problem, code="unsubscribed")
        now = self._now()
        letter = Letter(
            announcement=announcement,
            sender=self._sender,
            address=destination,
            key=key,
            unsubscribe=self._link(destination, announcement.service),
            calendar=calendar_file(announcement, self._sender, now),
        )
        await self._post.send(self._sender.address, destination, compose(letter, now))
        return Delivered(reference=message_id(letter))

    async def examine(self, services: Sequence[str]) -> Sequence[Looked]:
        """Whether the server lets us in, and whether the file makes sense."""
        return [await self._server(), *self._file(services), *self._links()]

    def _read(self) -> recipients.Recipients:
        """What the file says. One of many thousands is asked for part by part, and read once."""
        if self._listed is None:
            return recipients.Recipients()
        mark = _mark(self._listed)
        if mark is None or self._known is None or self._known[0] != mark:
            self._known = mark, recipients.read(self._listed)
        return self._known[1]

    async def _server(self) -> Looked:
        do = "Correct COUNTERSIGN_SMTP_URL, or see that the server runs and is reached from here."
        try:
            (await self._post.connected()).close()
        except (TemporaryError, PermanentError) as error:
            return Looked(self._to.place, str(error), do, "fail")
        who = f" and lets {self._to.user} in" if self._to.user else ""
        return Looked(self._to.place, f"answers{who}")

    def _file(self, services: Sequence[str]) -> Sequence[Looked]:
        if self._listed is None:
            return ()
        try:
            found = recipients.read(self._listed)
        except PermanentError as error:
            do = "Correct `notices: {recipients: ...}`, or the file."
            return [Looked("recipients", str(error), do, "fail")]
        broken = [(each.line, each.problem) for each in found.mistakes]
        for each in found.listed:
            broken += [(each.line, _unknown(name, services)) for name in each.services
                       if name not in services]  # fmt: skip
        do = "Correct the line; the others are written to all the same."
        told = [Looked(f"{self._listed}:{line}", text, do, "warn") for line, text in sorted(broken)]
        return told or [Looked("recipients", f"{len(found.listed)} in {self._listed}")]

    def _links(self) -> Sequence[Looked]:
        if self._link(self._sender.address, "").startswith("https://"):
            return ()
        do = "Set `notices: {url: https://...}` to where customers reach the bot."
        problem = "mails bear no link by which they can be stopped with one click"
        return [Looked("unsubscribe", problem, do, "warn")]


def _mark(path: Path) -> object:
    """What is another one when the file is; None when it can't be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _unknown(name: str, services: Sequence[str]) -> str:
    hint = nearest(name, services)
    return f"there is no service {name!r}" + (f" ({hint})" if hint else "")
