"""How mails look: the HTML in Chromium, light and dark, wide and on a phone, and the plain text.

The mails are real ones: composed, sent over SMTP and read back by Python's own parser. Pictures of
them lie under build/mails afterwards, for people to look at.
"""

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from playwright.async_api import Browser

from bot.domain.addresses import sender
from bot.domain.notice import Sheet
from bot.domain.secret import Secret
from bot.notice_templates import load
from bot.outbound.mail import Mail, server
from bot.ports import Announcement
from tests.fakes.mailbox import mailbox
from tests.outbound.announced import INCIDENT, MAINTENANCE, NOW, Book

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURES = Path(__file__).resolve().parents[2] / "build" / "mails"
LONG = "a_name_without_any_place_to_break_it_" * 6
LINK = "https://bot.example.com/unsubscribe?t=YWRhQGV4YW1wbGUuY29tCmNoZWNrb3V0.c2lnbmF0dXJl"


async def sent(said: Announcement) -> EmailMessage:
    """The mail as it arrived."""
    async with mailbox() as box:
        mail = Mail(
            server(Secret(box.url)),
            sender("Acme <status@acme.example>"),
            listed=None,
            book=Book(),
            link=lambda *_: LINK,
            now=lambda: NOW,
        )
        await mail.publish(said, "ada@example.com", "k")
        (letter,) = box.letters
    return letter


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


def written() -> Announcement:
    """A maintenance in the words of the built-in template."""
    values = {
        "title": "the query service",
        "impact": "queries may fail for some minutes",
        "features": f"Queries: about 10 min\n{LONG}",
        "starts_at": "2026-03-03T09:00:00+00:00",
        "ends_at": "2026-03-03T10:00:00+00:00",
        "duration": "1 h",
        "support": "support@acme.example",
        "status_page": "https://status.acme.example",
    }
    zones = ("America/Los_Angeles", "Europe/Berlin")
    sheet = Sheet(template="maintenance-scheduled", values=values, zones=zones, languages=("en",))
    made = load(()).render(sheet)
    assert made.problems == ()
    (words,) = made.words
    return msgspec.structs.replace(
        MAINTENANCE, subject=words.subject, text=words.text, html=words.html
    )


def fragment() -> Announcement:
    """A maintenance whose HTML is no whole page."""
    html = f"{MAINTENANCE.html}<ul><li>Payments</li><li>{LONG}</li></ul>"
    return msgspec.structs.replace(MAINTENANCE, html=html)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1000])
@pytest.mark.parametrize("said", [fragment, written], ids=lambda made: made.__name__)
async def test_the_html_of_a_mail_is_read_without_scrolling_sideways(
    browser: Browser,
    scheme: Literal["light", "dark"],
    width: int,
    said: Callable[[], Announcement],
) -> None:
    letter = await sent(said())
    context = await browser.new_context(
        viewport={"width": width, "height": 700}, color_scheme=scheme, java_script_enabled=False
    )
    page = await context.new_page()
    await page.set_content(part(letter, "html"))
    link = page.get_by_role("link", name="Unsubscribe")
    assert await link.get_attribute("href") == LINK
    assert await page.title() == letter["Subject"]
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{said.__name__}-{scheme}-{width}.png")
    size = await page.locator("html").evaluate("e => [e.scrollWidth, e.clientWidth]")
    await context.close()
    assert size[0] <= size[1]


async def test_the_plain_text_of_a_mail_reads_as_it_was_written(browser: Browser) -> None:
    letter = await sent(INCIDENT)
    text = part(letter, "plain").replace("\r\n", "\n")
    context = await browser.new_context(viewport={"width": 700, "height": 500})
    page = await context.new_page()
    await page.set_content("<pre style='font: 14px monospace; margin: 16px'></pre>")
    head = "".join(f"{name}: {letter[name]}\n" for name in ("From", "To", "Subject", "Date"))
    await page.locator("pre").evaluate("(e, text) => e.textContent = text", f"{head}\n{text}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / "plain.png")
    shown = await page.locator("pre").inner_text()
    await context.close()
    assert shown.endswith(f"{INCIDENT.text}\n-- \nYou get this because ada@example.com is on the "
                          f"list for checkout.\nUnsubscribe: {LINK}\n")  # fmt: skip
