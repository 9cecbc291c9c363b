"""How mails look: the HTML in Chromium, light and dark, wide and on a phone, and the plain text.

The mails are real ones: composed, sent over SMTP and read back by Python's own parser. Pictures of
them lie under build/mails afterwards, for people to look at.
"""

from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from playwright.async_api import Browser

from bot.domain.addresses import sender
from bot.domain.secret import Secret
from bot.outbound.mail import Mail, server
from tests.fakes.mailbox import mailbox
from tests.outbound.announced import INCIDENT, MAINTENANCE, NOW, Book

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURES = Path(__file__).resolve().parents[2] / "build" / "mails"
LONG = "a_name_without_any_place_to_break_it_" * 6
LINK = "https://bot.example.com/unsubscribe?t=YWRhQGV4YW1wbGUuY29tCmNoZWNrb3V0.c2lnbmF0dXJl"


async def sent(said: Any) -> EmailMessage:
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1000])
async def test_the_html_of_a_mail_is_read_without_scrolling_sideways(
    browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    html = f"{MAINTENANCE.html}<ul><li>Payments</li><li>{LONG}</li></ul>"
    letter = await sent(msgspec.structs.replace(MAINTENANCE, html=html))
    context = await browser.new_context(
        viewport={"width": width, "height": 700}, color_scheme=scheme, java_script_enabled=False
    )
    page = await context.new_page()
    await page.set_content(part(letter, "html"))
    link = page.get_by_role("link", name="Unsubscribe")
    assert await link.get_attribute("href") == LINK
    assert await page.title() == MAINTENANCE.subject
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"html-{scheme}-{width}.png")
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
