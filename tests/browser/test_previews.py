"""The page that shows a notice as a mail, in Chromium: it reads well, and nothing in it runs.

Pictures of it lie under build/mails afterwards, for people to look at.
"""

from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, Route
from starlette.applications import Starlette

from bot.domain import preview_link
from bot.domain.notice import Letter, Notice
from bot.domain.preview_link import Seen
from bot.ports import Illustration
from bot.previewing import preview_route
from tests.config.test_previews import PLANTED, SECRET, draft
from tests.engine.world import HandClock

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURES = Path(__file__).resolve().parents[2] / "build" / "mails"


async def unpictured(_notice: Notice, _letter: Letter) -> Illustration | None:
    return None


async def opened(page: Page) -> list[str]:
    """Go to the page as the bot answers it, its headers included; what the browser objected to."""
    clock, told = HandClock(), list[str]()
    notice = draft(clock.now())

    async def find(_id: str) -> Notice | None:
        return notice

    app = Starlette(routes=[preview_route(SECRET, clock, find, unpictured)])

    async def answer(route: Route) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as bot:
            said = await bot.get(route.request.url)
        await route.fulfill(status=said.status_code, headers=dict(said.headers), body=said.content)

    await page.route("**/*", answer)
    page.on("dialog", lambda _: told.append("a dialog"))
    page.on("pageerror", lambda error: told.append(str(error)))
    key = preview_link.key_from(SECRET)
    await page.goto(preview_link.link("https://bot.example", key, Seen("n1", 0), clock.now()))
    return told


@pytest.mark.parametrize("width", [390, 1200])
async def test_text_and_html_stand_beside_each_other_and_nothing_that_was_planted_runs(
    browser: Browser, width: int
) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 900})
    try:
        told = await opened(page)
        PICTURES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURES / f"preview-{width}.png", full_page=True)
        assert told == []
        assert PLANTED in await page.locator("pre").first.inner_text()
        mail = page.frame_locator("iframe").first
        assert PLANTED in await mail.locator("body").inner_text()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        left, right = [await page.locator(each).first.bounding_box() for each in ("pre", "iframe")]
        assert left is not None
        assert right is not None
        beside = right["x"] >= left["x"] + left["width"]
        assert beside == (width > 1000)
    finally:
        await page.close()
