"""What a notice looks like as a mail: one letter for one recipient.

The words are the notice's; added are the headers by which mail programs thread, sort and end such
mails (RFC 5322, RFC 3834, RFC 2369, RFC 8058), and the line that says how to stop them.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, Policy
from email.utils import format_datetime
from html import escape
from typing import Any, NamedTuple

import msgspec

from bot.domain.addresses import Sender, same
from bot.outbound.calendar_file import CalendarFile
from bot.ports import Announcement

ONE_CLICK = "List-Unsubscribe=One-Click"


class Footer(NamedTuple):
    """The last lines of a mail: why it came, how it is stopped, and what about, with no service."""

    why: str
    stop: str
    everything: str


FOOTERS: Mapping[str, Footer] = {
    "en": Footer(
        "You get this because {address} is on the list for {service}.", "Unsubscribe", "notices"
    ),
    "de": Footer(
        "Sie erhalten diese Nachricht, weil {address} auf der Liste für {service} steht.",
        "Abbestellen",
        "Mitteilungen",
    ),
}
"""By language; English for others."""

PAGE = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body style="margin:0 auto;padding:24px 16px;max-width:640px;font:16px/1.5 sans-serif;\
overflow-wrap:anywhere">
{body}
</body>
</html>
"""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into an envelope. unsubscribe: the link of this recipient, "" without one."""

    announcement: Announcement
    sender: Sender
    address: str
    key: str
    unsubscribe: str = ""
    calendar: CalendarFile | None = None


class _Whole(UnstructuredHeader, BaseHeader):
    """A header that is never cut: the library would write a long link as an encoded word."""

    def fold(self, *, policy: "Policy[Any]") -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> "EmailPolicy[EmailMessage]":
    registry = HeaderRegistry()
    for name in ("list-unsubscribe", "references", "in-reply-to", "list-id"):
        registry.map_to_type(name, _Whole)
    return SMTP.clone(header_factory=registry)


POLICY = _policy()


def compose(letter: Letter, now: datetime) -> bytes:
    """The mail as it goes over the wire. now: the date it bears, aware."""
    message = EmailMessage(policy=POLICY)
    for name, value in _headers(letter, now).items():
        message[name] = value
    _bodies(message, letter)
    if letter.calendar is not None:
        message.add_attachment(
            letter.calendar.content,
            maintype="text",
            subtype="calendar",
            filename="maintenance.ics",
            params={"method": letter.calendar.method, "charset": "utf-8"},
        )
    # The library draws the boundaries by chance; the same letter is to be the same bytes again.
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{_digest(letter.key, str(number))}")
    return message.as_bytes()


def message_id(letter: Letter) -> str:
    """The same for each try of one notice to one recipient."""
    if letter.announcement.sequence == 0:
        return thread_id(letter)
    return f"<{_digest('message', letter.key)}@{letter.sender.domain}>"


def thread_id(letter: Letter) -> str:
    """The id of the first mail about an event; the later ones refer to it."""
    digest = _digest("event", letter.announcement.event, same(letter.address))
    return f"<{digest}@{letter.sender.domain}>"


def plain(text: str) -> str:
    """One line without characters that could end a header or hide what it says."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _headers(letter: Letter, now: datetime) -> dict[str, Any]:
    said = letter.announcement
    service = _label(said.service)
    headers: dict[str, Any] = {
        "From": Address(plain(letter.sender.name), addr_spec=letter.sender.address),
        "To": Address(addr_spec=letter.address),
        "Subject": plain(said.subject),
        "Date": format_datetime(now),
        "Message-ID": message_id(letter),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "List-Id": f"<{service}.notices.{letter.sender.domain}>",
    }
    if said.sequence > 0:
        headers |= {"In-Reply-To": thread_id(letter), "References": thread_id(letter)}
    if letter.unsubscribe:
        headers["List-Unsubscribe"] = f"<{plain(letter.unsubscribe)}>"
        if letter.unsubscribe.startswith("https://"):
            headers["List-Unsubscribe-Post"] = ONE_CLICK
    return headers


def _label(service: str) -> str:
    """A service as a part of a list's name."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in service.lower()) or "all"


def _bodies(message: EmailMessage, letter: Letter) -> None:
    said, picture = letter.announcement, letter.announcement.picture
    message.set_content(text_of(letter), **_encoding(text_of(letter)))
    if not said.html:
        return
    name = f"{_digest('picture', letter.key)}@{letter.sender.domain}"
    page = html_of(letter, f"cid:{name}")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    if picture is not None:
        html = list(message.iter_parts())[-1]
        html.add_related(
            picture.png, "image", "png", cid=f"<{name}>", filename=picture.name,
            disposition="inline",
        )  # fmt: skip


def _encoding(text: str) -> Mapping[str, Any]:
    """Text that every server passes on is left as it is, so that people can read the source."""
    if text.isascii() and all(len(line) <= 78 for line in text.splitlines()):
        return {"cte": "7bit"}
    return {"cte": "quoted-printable"}


def text_of(letter: Letter) -> str:
    """The plain text with what its picture shows, and its last lines."""
    said = letter.announcement
    text = f"{said.text.rstrip()}\n"
    if said.picture is not None:
        text = f"{text}\n[{plain(said.picture.alt)}]\n"
    if not letter.unsubscribe:
        return text
    why, stop = _last_words(letter)
    return f"{text}\n-- \n{why}\n{stop}: {letter.unsubscribe}\n"


def html_of(letter: Letter, picture: str = "") -> str:
    """The HTML with its picture and its last lines; what is not a whole page is put into one.

    picture: the address under which the page finds it.
    """
    said = letter.announcement
    page = said.html
    if "<html" not in page.lower():
        title = escape(plain(said.subject))
        page = PAGE.format(language=escape(said.language), title=title, body=page)
    at = page.lower().rfind("</body>")
    at = len(page) if at < 0 else at
    return f"{page[:at]}{_html_picture(letter, picture)}{_html_footer(letter)}{page[at:]}"


def _html_picture(letter: Letter, address: str) -> str:
    picture = letter.announcement.picture
    if picture is None:
        return ""
    style = "max-width:100%;height:auto"
    alt = escape(plain(picture.alt))
    return f'<p><img src="{escape(address)}" alt="{alt}" style="{style}"></p>\n'


def _html_footer(letter: Letter) -> str:
    if not letter.unsubscribe:
        return ""
    why, stop = map(escape, _last_words(letter))
    link = f'<a href="{escape(letter.unsubscribe)}" style="color:inherit">{stop}</a>'
    style = "margin-top:32px;font-size:13px;opacity:.8"
    return f'<p style="{style}">{why} {link}</p>\n'


def _last_words(letter: Letter) -> tuple[str, str]:
    """Why it came, and how it is stopped."""
    footer = FOOTERS.get(letter.announcement.language, FOOTERS["en"])
    service = plain(letter.announcement.service) or footer.everything
    return footer.why.format(address=letter.address, service=service), footer.stop


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
