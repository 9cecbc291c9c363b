"""The practice workspace from end to end: the real bot, used in Chromium the way people use it.

Only the page is touched: typing in the composer, clicking, filling forms in. Most of a release is
waiting, so two workspaces run side by side while the module does; pictures of telling moments land
in build/screenshots.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from bot.practice.stage import open_stage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
]

PICTURES = Path("build/screenshots")
WAVES_MS = 150_000
"""Milliseconds that a busy machine may take over the four waves (65 s by the plan)."""

SOON_MS = 40_000


@dataclass
class Seat:
    """Somebody in front of the page."""

    page: Page

    async def act_as(self, name: str) -> None:
        await self.page.locator(f'[data-person="{name}"]').click()
        await expect(self.page.locator(f'[data-person="{name}"]')).to_have_attribute(
            "aria-pressed", "true"
        )

    async def say(self, text: str) -> None:
        line = self.page.locator("#composer-text")
        await line.fill(text)
        await line.press("Enter")
        await expect(line).to_have_value("")

    def card(self, version: str) -> Locator:
        """The newest card of a version."""
        named = re.compile(rf"checkout {re.escape(version)} → production")
        return self.page.locator("#messages article").filter(has_text=named).last

    async def stands(self, version: str, phase: str, within_ms: int = SOON_MS) -> None:
        """Wait until the card's headline says so."""
        headline = self.card(version).locator(".bk-header")
        await expect(headline).to_contain_text(phase, timeout=within_ms)

    async def press(self, version: str, label: str) -> None:
        await self.card(version).get_by_role("button", name=label).click()

    async def confirm(self, label: str) -> None:
        await self.page.get_by_role("dialog").get_by_role("button", name=label).click()

    async def signed_by_two(self, version: str) -> None:
        for name in ("ada", "grace"):
            await self.act_as(name)
            await self.press(version, "Approve")
            await expect(self.card(version)).to_contain_text(f": @{name}")

    async def released(self, version: str) -> None:
        await self.act_as("mary")
        await self.say(f"/release start {version}")
        await self.stands(version, "Waiting for signatures")
        await self.signed_by_two(version)

    async def refused(self, name: str, why: str) -> None:
        """What only this person was told."""
        note = self.page.locator("article.ephemeral").filter(has_text=why)
        await expect(note).to_be_visible()
        await expect(note).to_contain_text("Only visible to you")
        other = "alan" if name != "alan" else "ada"
        await self.act_as(other)
        await expect(note).to_have_count(0)
        await self.act_as(name)
        await expect(note).to_be_visible()

    async def runs(self, version: str) -> None:
        """Wait until the shop gives all traffic to this version."""
        now = self.page.locator("#versions .version.current")
        await expect(now).to_contain_text(f"{version}100 %", timeout=SOON_MS)

    async def shoot(self, name: str) -> None:
        await self.page.screenshot(path=PICTURES / f"{name}.png")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


@asynccontextmanager
async def workspace(browser: Browser, folder: Path, *, dark: bool = False) -> AsyncIterator[Seat]:
    """A fresh workspace with a page open in it, as Mary; the page must not complain."""
    complaints: list[str] = []
    port = free_port()
    async with open_stage(port, folder):
        context = await browser.new_context(
            viewport={"width": 1440, "height": 900},
            reduced_motion="reduce",
            color_scheme="dark" if dark else "light",
        )
        page = await context.new_page()
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"http://127.0.0.1:{port}")
        await expect(page.locator('[data-person="mary"]')).to_be_visible()
        yield Seat(page)
        await context.close()
    assert complaints == []


@asynccontextmanager
async def phone(seat: Seat) -> AsyncIterator[Seat]:
    """A second look at the same workspace, on a phone at night."""
    browser = seat.page.context.browser
    assert browser is not None
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", reduced_motion="reduce"
    )
    page = await context.new_page()
    await page.goto(seat.page.url)
    await expect(page.locator('[data-person="mary"]')).to_be_visible()
    yield Seat(page)
    await context.close()


# --- the guided minute, in the background -----------------------------------------------------


async def guided_minute(browser: Browser, folder: Path, opened: asyncio.Event) -> str:
    """The five steps of the guide, each done by its button; what the guide says in the end."""
    async with workspace(browser, folder, dark=True) as seat:
        opened.set()
        page = seat.page
        for step in ("Ask for a release", "Ada signs", "Grace signs"):
            await page.get_by_role("button", name=f"Do it for me: {step}").click()
        await page.get_by_role("button", name="Show me where: Watch it rise").click()
        await expect(page.locator("#thread")).to_be_visible()
        await seat.shoot("guide-watching-dark")
        await expect(page.get_by_text("4 of 5 done")).to_be_visible(timeout=WAVES_MS)
        await seat.stands("v1.2.0", "Complete", WAVES_MS)
        await page.get_by_role("button", name="Do it for me: Break the next one").click()
        await expect(page.locator("#guide-count")).to_have_text("all done", timeout=WAVES_MS)
        await seat.stands("v1.3.0", "Rolled back")
        await seat.runs("v1.2.0")
        await seat.shoot("guide-done-dark")
        return await page.locator("#guide-count").inner_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def guided(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[asyncio.Task[str]]:
    """Begun with the module, so that its waves pass while the other tests work."""
    opened = asyncio.Event()
    folder = tmp_path_factory.mktemp("guided")
    task = asyncio.create_task(guided_minute(browser, folder, opened))
    # Alembic is global to a process: two databases can't be made in it at the same time.
    is_open = asyncio.create_task(opened.wait())
    await asyncio.wait([task, is_open], return_when=asyncio.FIRST_COMPLETED)
    is_open.cancel()
    yield task
    task.cancel()
    await asyncio.wait([task])


# --- the tests --------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def seat(browser: Browser, tmp_path: Path) -> AsyncIterator[Seat]:
    async with workspace(browser, tmp_path) as opened:
        yield opened


async def test_only_two_other_members_of_the_team_can_sign(seat: Seat) -> None:
    await seat.shoot("first-sight")
    await seat.say("/release start v1.2.0")
    await seat.stands("v1.2.0", "Waiting for signatures")
    for name, why in (("mary", "You asked for this"), ("gus", "uests"), ("eve", "members of")):
        await seat.act_as(name)
        await seat.press("v1.2.0", "Approve")
        await seat.refused(name, why)
    await seat.shoot("refused")
    await expect(seat.card("v1.2.0").get_by_text("still missing")).to_have_count(1)
    await expect(seat.card("v1.2.0")).not_to_contain_text("✓")


async def test_the_home_tab_shows_what_waits_for_me(seat: Seat) -> None:
    await seat.act_as("ada")
    await seat.page.locator('[data-place="home"]').click()
    home = seat.page.locator("#home")
    await expect(home).to_contain_text("Nothing waits for you.")
    await seat.page.locator('[data-place="C0CHECKOUT"]').click()
    await seat.act_as("mary")
    await seat.say("/release start v1.2.0")
    await seat.stands("v1.2.0", "Waiting for signatures")
    await seat.page.locator('[data-place="home"]').click()
    await expect(home).to_contain_text("Nothing waits for you.")
    await seat.act_as("ada")
    await expect(home).to_contain_text("Waiting for you (1)")
    await seat.shoot("home")


async def test_a_form_says_beside_the_field_what_is_wrong_and_then_starts(seat: Seat) -> None:
    await seat.say("/release")
    dialog = seat.page.get_by_role("dialog", name="Start a release")
    version = dialog.get_by_label("Version")
    await expect(version).to_be_focused()
    await version.fill("one")
    await dialog.get_by_role("button", name="Ask for it").click()
    await expect(version).to_have_accessible_description(re.compile("not a version"))
    await seat.shoot("wrong-version")
    await version.fill("v1.2.0")
    await version.press("Enter")
    await expect(dialog).to_be_hidden()
    await seat.stands("v1.2.0", "Waiting for signatures")


async def test_a_broken_version_goes_back_by_itself_within_seconds(seat: Seat) -> None:
    await seat.released("v1.2.0")
    await seat.stands("v1.2.0", "Soaking")
    switch = seat.page.get_by_role("switch", name="Break v1.2.0")
    await expect(switch).to_be_in_viewport(ratio=1)
    await switch.click()
    await seat.stands("v1.2.0", "Rolled back")
    await expect(seat.card("v1.2.0")).to_contain_text("to 1 that the limit is broken")
    await seat.runs("v1.0.0")
    await seat.shoot("rolled-back-by-itself")
    async with phone(seat) as small:
        await small.stands("v1.2.0", "Rolled back")
        await small.shoot("rolled-back-phone-dark")


async def test_two_releases_reach_everybody_and_the_second_is_taken_back(seat: Seat) -> None:
    await seat.released("v1.2.0")
    await seat.stands("v1.2.0", "Soaking")
    await expect(seat.card("v1.2.0")).to_contain_text("Passing")
    await seat.shoot("soaking")
    async with phone(seat) as small:
        await small.stands("v1.2.0", "Soaking")
        await small.shoot("soaking-phone-dark")
    await seat.stands("v1.2.0", "Complete", WAVES_MS)
    await expect(seat.card("v1.2.0")).to_contain_text("100 % of the traffic")
    await seat.runs("v1.2.0")

    await seat.released("v1.3.0")
    await seat.stands("v1.3.0", "Complete", WAVES_MS)
    await seat.runs("v1.3.0")
    await seat.shoot("complete")

    await seat.act_as("grace")
    await seat.say("/rollback")
    dialog = seat.page.get_by_role("dialog", name="Roll back")
    await expect(dialog).to_contain_text("all traffic goes from v1.3.0 back to v1.2.0")
    await dialog.get_by_label("Reason").fill("customers can't pay by card")
    await seat.shoot("rollback-dialog")
    await dialog.get_by_role("button", name="Roll back now").click()
    await expect(dialog).to_be_hidden()
    await seat.stands("v1.3.0", "Rolled back")
    await expect(seat.card("v1.3.0")).to_contain_text("customers can't pay by card")
    await seat.runs("v1.2.0")
    await seat.shoot("taken-back")


async def test_the_guided_first_minute_works_from_beginning_to_end(
    guided: asyncio.Task[str],
) -> None:
    assert await guided == "all done"
