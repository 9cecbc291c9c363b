"""Notices by e-mail, against a real SMTP server that reads them with another program's eyes."""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.domain.addresses import sender
from bot.domain.secret import Secret
from bot.outbound.mail import Mail, server
from bot.ports import Announcement, PermanentError, TemporaryError
from tests.fakes.mailbox import Mailbox, mailbox
from tests.outbound.announced import INCIDENT, MAINTENANCE, NOW, Book, later
from tests.parts import require

ADA, GRACE, LINUS = "ada@example.com", "grace@example.com", "linus@example.com"


@dataclass
class Office:
    """A mail server, and the adapter that writes to it."""

    box: Mailbox
    folder: Path
    book: Book = field(default_factory=Book)
    url: str = "https://bot.example.com"

    def mail(self, url: str = "", listed: str | None = None) -> Mail:
        path = None
        if listed is not None:
            path = self.folder / "customers.csv"
            path.write_text(listed, encoding="utf-8")
        return Mail(
            server(Secret(url or self.box.url)),
            sender("Acme <status@acme.example>"),
            listed=path,
            book=self.book,
            link=lambda address, service: self.url and f"{self.url}/u?{address}&{service}",
            now=lambda: NOW,
            languages=("en", "de"),
        )

    async def sent(self, said: Announcement, key: str = "k1", to: str = ADA) -> EmailMessage:
        """What came of publishing it to one person."""
        await self.mail().publish(said, to, key)
        return self.box.to(to)[-1]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with mailbox() as box:
        yield Office(box, tmp_path)


def body(letter: EmailMessage, kind: str) -> str:
    """The text of the part of this kind."""
    part = letter.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


# -- the letter ----------------------------------------------------------------------------------


@pytest.mark.requirement("P-133", "B-135")
async def test_a_notice_comes_as_text_first_and_as_html(office: Office) -> None:
    letter = await office.sent(INCIDENT)
    assert letter.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in letter.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert body(letter, "plain").startswith(INCIDENT.text)
    assert INCIDENT.html in body(letter, "html")
    assert letter.defects == []


async def test_a_notice_without_html_is_plain_text_alone(office: Office) -> None:
    letter = await office.sent(msgspec.structs.replace(INCIDENT, html=""))
    assert letter.get_content_type() == "text/plain"


async def test_the_subject_keeps_its_words_and_the_headers_say_who_wrote(office: Office) -> None:
    letter = await office.sent(INCIDENT)
    assert letter["Subject"] == "[INVESTIGATING] Payments fail"
    assert letter["From"] == "Acme <status@acme.example>"
    assert letter["To"] == ADA
    assert letter["Date"].datetime == NOW
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Id"] == "<checkout.notices.acme.example>"


async def test_each_recipient_gets_a_letter_that_names_nobody_else(office: Office) -> None:
    mail = office.mail(listed=f"email\n{ADA}\n{GRACE}\n")
    for address in await mail.destinations(INCIDENT):
        await mail.publish(INCIDENT, address, f"key:{address}")
    assert [envelope.rcpt_tos for envelope in office.box.envelopes] == [[ADA], [GRACE]]
    assert [envelope.mail_from for envelope in office.box.envelopes] == ["status@acme.example"] * 2
    assert all(GRACE.encode() not in raw for raw in office.box.raw[:1])


async def test_other_languages_arrive_as_they_were_written(office: Office) -> None:
    words = {
        "subject": "[BEHOBEN] Zahlungen über Köln ✓",
        "text": "Grüße\n.\nFrom Köln\n" + "ö" * 200,
    }
    letter = await office.sent(msgspec.structs.replace(INCIDENT, language="de", **words))
    assert letter["Subject"] == words["subject"]
    assert body(letter, "plain").startswith(words["text"])
    assert "Abbestellen" in body(letter, "html")
    assert max(len(line) for line in office.box.raw[0].splitlines()) <= 998


# -- threads -------------------------------------------------------------------------------------


async def test_the_notices_of_one_event_are_one_thread(office: Office) -> None:
    first = await office.sent(INCIDENT, "k0")
    second = await office.sent(later(INCIDENT, 1, "identified"), "k1")
    third = await office.sent(later(INCIDENT, 2, "resolved"), "k2")
    other = await office.sent(MAINTENANCE, "k3")
    assert first["In-Reply-To"] is None
    for reply in (second, third):
        assert reply["In-Reply-To"] == reply["References"] == first["Message-ID"]
    ids = {letter["Message-ID"] for letter in (first, second, third, other)}
    assert len(ids) == 4


async def test_every_try_of_one_notice_is_the_same_letter(office: Office) -> None:
    for _ in range(2):
        await office.sent(later(INCIDENT, 1, "identified"), "k1")
    first, second = office.box.raw
    assert first == second


async def test_recipients_do_not_share_the_name_of_a_letter(office: Office) -> None:
    to_ada = await office.sent(INCIDENT, "k:ada", ADA)
    to_grace = await office.sent(INCIDENT, "k:grace", GRACE)
    assert to_ada["Message-ID"] != to_grace["Message-ID"]


# -- nothing gets into a header ------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\x00"])
async def test_words_of_people_cannot_become_headers(office: Office, end: str) -> None:
    words = f"Payments{end}Bcc: eve@example.com{end}{end}<p>hello"
    said = msgspec.structs.replace(INCIDENT, subject=words, service=f"check{end}X-Evil: 1")
    letter = await office.sent(said)
    assert letter["Bcc"] is None
    assert letter["X-Evil"] is None
    assert letter["Subject"] == "Payments Bcc: eve@example.com <p>hello"
    assert office.box.envelopes[0].rcpt_tos == [ADA]


WRONG = [
    "ada@example.com\r\nRCPT TO:<eve@example.com>",
    "ada@example.com>",
    "Ada <ada@example.com>",
    "ada@example.com,eve@example.com",
    "ada@exämple.com",
    '"ada lovelace"@example.com',
    "ada",
    "ada@example.com\n",
    "",
]


@pytest.mark.parametrize("address", WRONG)
async def test_what_is_not_one_plain_address_is_never_written_to(
    office: Office, address: str
) -> None:
    with pytest.raises(PermanentError) as error:
        await office.mail().publish(INCIDENT, address, "k")
    assert error.value.code == "no_address"
    assert office.box.connections == 0


@pytest.mark.parametrize("text", ["Acme", "Acme <a@b.c", "a@b.c>", "x\r\nBcc: e@v.e <a@b.c>", ""])
def test_a_sender_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        sender(text)


def test_a_sender_can_do_without_a_name() -> None:
    assert sender("status@acme.example") == ("", "status@acme.example")
    assert sender('"Acme, Inc." <s@acme.example>') == ("Acme, Inc.", "s@acme.example")


# -- unsubscribing -------------------------------------------------------------------------------


async def test_one_click_ends_the_subscription(office: Office) -> None:
    office.url = "https://bot.example.com/" + "a-long-way-to-go/" * 12
    letter = await office.sent(INCIDENT)
    link = f"{office.url}/u?{ADA}&checkout"
    assert letter["List-Unsubscribe"] == f"<{link}>"
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in office.box.raw[0]
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"Unsubscribe: {link}" in body(letter, "plain")
    assert f'<a href="{link.replace("&", "&amp;")}" ' in body(letter, "html")


async def test_without_a_public_address_there_is_no_link(office: Office) -> None:
    office.url = ""
    letter = await office.sent(INCIDENT)
    assert letter["List-Unsubscribe"] is None
    assert "nsubscribe" not in body(letter, "plain") + body(letter, "html")


async def test_who_left_is_no_destination_and_gets_nothing(office: Office) -> None:
    office.book.gone["checkout"] = {ADA}
    mail = office.mail(listed=f"email\nAda@Example.com\n{GRACE}\n")
    assert await mail.destinations(INCIDENT) == [GRACE]
    with pytest.raises(PermanentError) as error:
        await mail.publish(INCIDENT, "Ada@Example.com", "k")
    assert error.value.code == "unsubscribed"
    assert office.box.envelopes == []


# -- recipients ----------------------------------------------------------------------------------

TABLE = """\
Name,Email,Services
Ada,ada@example.com,
Grace,grace@example.com,checkout search
"Torvalds, Linus",linus@example.com,billing
# nobody,nobody@example.com,
Ken,ken@@example.com,checkout
,,

Ada again,ADA@example.com,billing
"""


async def test_recipients_come_from_the_file_and_the_database(office: Office) -> None:
    office.book.wanted["checkout"] = {LINUS, GRACE}
    found = await office.mail(listed=TABLE).destinations(INCIDENT)
    assert found[:3] == [ADA, GRACE, LINUS]


async def test_what_is_about_no_service_is_for_everybody(office: Office) -> None:
    said = msgspec.structs.replace(INCIDENT, service="")
    found = await office.mail(listed=TABLE).destinations(said)
    assert found[:3] == [ADA, GRACE, LINUS]
    assert "is on the list for notices." in body(await office.sent(said), "plain")


async def test_a_line_that_makes_no_sense_fails_by_itself(office: Office) -> None:
    mail = office.mail(listed=TABLE)
    *good, broken = await mail.destinations(INCIDENT)
    assert good == [ADA, GRACE]
    assert broken == "customers.csv:6 'ken@@example.com' is not an address"
    with pytest.raises(PermanentError, match="no mail can go there"):
        await mail.publish(INCIDENT, broken, "k")


@pytest.mark.parametrize("text", [f"{ADA}\n{LINUS},billing\n", f"\ufeffemail;services\n{ADA};\n"])
async def test_simple_files_and_those_of_spreadsheets_are_read(office: Office, text: str) -> None:
    assert await office.mail(listed=text).destinations(INCIDENT) == [ADA]


async def test_everybody_is_told_once_in_their_own_language(office: Office) -> None:
    people = f"email,language\n{ADA},DE\n{GRACE},\n{LINUS},fi\nken,de\n"
    mail = office.mail(listed=people)
    office.book.wanted["checkout"] = {ADA, "alan@example.com"}
    german = msgspec.structs.replace(INCIDENT, language="de")
    assert await mail.destinations(german) == [ADA]
    *english, broken = await mail.destinations(INCIDENT)
    assert english == [GRACE, LINUS, "alan@example.com"]
    assert "'ken' is not an address" in broken


async def test_a_file_that_is_not_there_is_told(office: Office) -> None:
    mail = office.mail(listed="")
    (office.folder / "customers.csv").unlink()
    with pytest.raises(PermanentError, match=r"customers.csv can't be read: No such file"):
        await mail.destinations(INCIDENT)


async def test_a_file_is_read_anew_each_time(office: Office) -> None:
    mail = office.mail(listed=f"{ADA}\n")
    await mail.destinations(INCIDENT)
    (office.folder / "customers.csv").write_text(f"{GRACE}\n")
    assert await mail.destinations(INCIDENT) == [GRACE]


# -- trouble -------------------------------------------------------------------------------------


async def test_a_bounce_concerns_one_address_alone(office: Office) -> None:
    office.box.refused[ADA] = "550 5.1.1 no such user"
    mail = office.mail()
    with pytest.raises(PermanentError) as error:
        await mail.publish(INCIDENT, ADA, "k1")
    assert error.value.code == "bounced"
    assert str(error.value).endswith(f"does not deliver to {ADA}: 550 5.1.1 no such user")
    await mail.publish(INCIDENT, GRACE, "k2")
    assert len(office.box.to(GRACE)) == 1


async def test_a_server_that_is_busy_is_asked_again(office: Office) -> None:
    office.box.refused[ADA] = "451 4.7.1 greylisted"
    with pytest.raises(TemporaryError, match=r"451 4.7.1 greylisted") as error:
        await office.mail().publish(INCIDENT, ADA, "k1")
    assert not error.value.unknown


@pytest.mark.parametrize(
    ("reply", "kind"), [("452 4.3.1 full", TemporaryError), ("554 5.7.1 spam", PermanentError)]
)
async def test_a_letter_that_was_not_taken_is_told_as_the_server_says(
    office: Office, reply: str, kind: type[Exception]
) -> None:
    office.box.after_data = [reply]
    with pytest.raises(kind, match=reply):
        await office.mail().publish(INCIDENT, ADA, "k1")
    assert office.box.envelopes == []


async def test_a_letter_whose_reply_got_lost_is_sent_again_under_the_same_name(
    office: Office,
) -> None:
    office.box.after_data = [""]
    with pytest.raises(TemporaryError) as error:
        await office.mail().publish(INCIDENT, ADA, "k1")
    assert error.value.unknown
    await office.mail().publish(INCIDENT, ADA, "k1")
    first, second = office.box.letters
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_refused_sender_is_told(office: Office) -> None:
    office.box.senders_refused["status@acme.example"] = "553 5.7.1 not yours"
    with pytest.raises(PermanentError, match=r"takes no mail from status@acme.example: 553"):
        await office.mail().publish(INCIDENT, ADA, "k1")


async def test_a_server_that_is_not_there_is_asked_again(office: Office) -> None:
    mail = office.mail("smtp://127.0.0.1:1")
    with pytest.raises(TemporaryError, match=r"127.0.0.1:1 can't be reached") as error:
        await mail.publish(INCIDENT, ADA, "k1")
    assert not error.value.unknown


async def test_a_server_without_the_encryption_that_was_asked_for_gets_nothing(
    office: Office,
) -> None:
    with pytest.raises(PermanentError, match="STARTTLS"):
        await office.mail(f"{office.box.url}?starttls=1").publish(INCIDENT, ADA, "k1")
    assert office.box.envelopes == []


@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
async def test_who_has_a_password_signs_in_with_it(tmp_path: Path) -> None:
    async with mailbox("bot", "p@ss:w0rd/") as box:
        office = Office(box, tmp_path)
        url = f"smtp://bot:p%40ss%3Aw0rd%2F@127.0.0.1:{box.port}"
        await office.mail(url).publish(INCIDENT, ADA, "k1")
        assert len(box.envelopes) == 1
        with pytest.raises(PermanentError) as error:
            await office.mail(url.replace("w0rd", "word")).publish(INCIDENT, ADA, "k2")
        assert error.value.code == "not_authenticated"
        assert "ss:word" not in str(error.value)


async def test_a_password_never_crosses_a_network_that_others_can_read(tmp_path: Path) -> None:
    async with mailbox("bot", "word", host="127.0.0.2") as box:
        with pytest.raises(PermanentError) as error:
            await (
                Office(box, tmp_path)
                .mail(f"smtp://bot:word@127.0.0.2:{box.port}")
                .publish(INCIDENT, ADA, "k1")
            )
    assert error.value.code == "not_encrypted"
    assert box.envelopes == []


# -- encryption ----------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that nobody has signed, with its key."""
    file = tmp_path / "localhost.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    make = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*make, *subject, "-keyout", file, "-out", f"{file}.crt"],
                   check=True, capture_output=True)  # fmt: skip
    return file


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
async def test_a_letter_goes_over_an_encrypted_connection(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    async with mailbox("bot", "word", certificate) as box:
        url = f"smtp://bot:word@localhost:{box.port}?starttls=1"
        await Office(box, tmp_path).mail(url).publish(INCIDENT, ADA, "k1")
    assert box.encrypted == [True]


@pytest.mark.real
async def test_a_server_that_nobody_vouches_for_gets_neither_password_nor_letter(
    tmp_path: Path, certificate: Path
) -> None:
    async with mailbox("bot", "word", certificate) as box:
        url = f"smtp://bot:word@localhost:{box.port}?starttls=1"
        with pytest.raises(TemporaryError, match="certificate verify failed"):
            await Office(box, tmp_path).mail(url).publish(INCIDENT, ADA, "k1")
    assert box.encrypted == []


# -- the URL of the server -----------------------------------------------------------------------

URLS: dict[str, Any] = {
    "smtp://u:p%40s@mx.example.com:25?starttls=1": ("mx.example.com", 25, "starttls", "u", "p@s"),
    "smtp://mx.example.com": ("mx.example.com", 587, "offered", "", ""),
    "smtps://mx.example.com": ("mx.example.com", 465, "tls", "", ""),
    "smtp://u:p@localhost:25?starttls=0": ("localhost", 25, "none", "u", "p"),
}


@pytest.mark.parametrize("url", URLS)
def test_the_url_of_a_server_is_understood(url: str) -> None:
    found = server(Secret(url))
    said = (found.host, found.port, found.security, found.user, found.password.reveal())
    assert said == URLS[url]


@pytest.mark.parametrize(
    "url",
    [
        "http://hush@mx.example.com",
        "smtp://",
        "smtp://u:hush@mx.example.com:x",
        "smtp://u:hush@mx.example.com?tls=1",
        "smtp://u:hush@mx.example.com?starttls=yes",
        "smtp://u:hush@mx.example.com/inbox",
        "smtp://u:hush@mx.example.com?starttls=0",
    ],
)
def test_a_url_that_cannot_work_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="COUNTERSIGN_SMTP_URL") as error:
        server(Secret(url))
    assert "hush" not in str(error.value)


# -- before it is needed -------------------------------------------------------------------------


async def test_everything_is_tried_without_sending_anything(office: Office) -> None:
    looks = await office.mail(listed=f"email,services\n{ADA},checkout\n").examine(["checkout"])
    assert [look.status for look in looks] == ["ok", "ok"]
    assert office.box.connections == 1
    assert office.box.envelopes == []


async def test_every_mistake_is_told_with_its_line(office: Office) -> None:
    office.url = "http://bot.example.com"
    mail = office.mail("smtp://127.0.0.1:1", f"email,services\n{ADA},chekout\nken,\n")
    looks = await mail.examine(["checkout"])
    assert [look.status for look in looks] == ["fail", "warn", "warn", "warn"]
    said = [f"{look.subject} {look.text}" for look in looks]
    assert "127.0.0.1:1 can't be reached" in said[0]
    assert said[1].endswith(":2 there is no service 'chekout' (did you mean 'checkout'?)")
    assert said[2].endswith(":3 'ken' is not an address")
    assert all(look.do for look in looks)
