"""The page that shows how a mail will look: for whoever holds the link, while it lasts, to read."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import cache
from html import unescape

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from bot.domain import preview_link
from bot.domain.notice import INCIDENT, Letter, Notice
from bot.domain.notice_decisions import begin
from bot.domain.notice_events import Drafted
from bot.domain.notice_facts import CHART
from bot.domain.preview_link import Seen
from bot.domain.secret import Secret
from bot.notice_templates import NoticeTemplates, load
from bot.ports import Illustration
from bot.previewing import preview_route
from tests.domain.notice_world import MARY, WRITING, blank
from tests.engine.world import HandClock

SECRET = Secret("a-signing-secret")
PLANTED = '<script>alert("1")</script> & "quoted"'
PNG = b"\x89PNG\r\n\x1a\n"


async def drawn(_notice: Notice, letter: Letter) -> Illustration | None:
    return Illustration("release.png", "Error rate 2%", PNG) if CHART in letter.facts else None


class Desk:
    """A draft with something planted in it, and somebody with a browser."""

    def __init__(self, notice: Notice, browser: httpx.AsyncClient, clock: HandClock) -> None:
        self.notice = notice
        self.browser = browser
        self.clock = clock

    def link(self, seen: Seen, secret: Secret = SECRET) -> str:
        key = preview_link.key_from(secret)
        return preview_link.link("http://bot.test/", key, seen, self.clock.now())

    async def look(self, link: str) -> httpx.Response:
        return await self.browser.get(link)


@cache
def words() -> NoticeTemplates:
    """The built-in templates, compiled once."""
    return load(())


def draft(at: datetime) -> Notice:
    writing = msgspec.structs.replace(WRITING, render=words().render)
    facts = {"title": "Searches fail", "impact": PLANTED, "severity": "critical",
             "detected_at": at.isoformat(), "support": "help@example.com",
             "status_page": "https://status.example.com", "scope": "half"}  # fmt: skip
    start = blank(INCIDENT, facts=facts, languages=("en", "de"), created_at=at)
    return begin(start, Drafted(MARY, "investigating", {CHART: "r1"}), at, writing)[0]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = HandClock()
    notice = draft(clock.now())

    async def find(id_: str) -> Notice | None:
        return notice if id_ == notice.id else None

    app = Starlette(routes=[preview_route(SECRET, clock, find, drawn)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
        yield Desk(notice, browser, clock)


async def test_the_page_shows_text_and_html_in_each_language_with_the_picture(desk: Desk) -> None:
    page = await desk.look(desk.link(Seen("n1", 0)))
    assert page.status_code == 200
    mails = [unescape(found) for found in re.findall(r'srcdoc="([^"]*)"', page.text)]
    assert len(mails) == page.text.count("<pre>") == 2
    assert "[INVESTIGATING] Searches fail" in mails[0]
    assert 'src="data:image/png;base64,' in mails[0]
    assert 'alt="Error rate 2%"' in mails[0]
    assert "[Error rate 2%]" in page.text  # those who read the text learn it, too
    assert desk.notice.letters[0].digest[:8] in page.text


async def test_what_somebody_planted_is_shown_as_the_text_that_it_is(desk: Desk) -> None:
    page = (await desk.look(desk.link(Seen("n1", 0)))).text
    assert "<script" not in page.lower()
    assert unescape(page).lower().count("<script") == page.count("<pre>")  # only in the plain text
    mails = [unescape(found) for found in re.findall(r'srcdoc="([^"]*)"', page)]
    assert all("<script" not in mail.lower() for mail in mails)
    assert all("&lt;script&gt;" in mail for mail in mails)


async def test_the_page_runs_nothing_is_not_framed_and_not_found_by_searches(desk: Desk) -> None:
    headers = (await desk.look(desk.link(Seen("n1", 0)))).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["cache-control"] == "no-store"


async def test_a_link_ends_after_a_week(desk: Desk) -> None:
    link = desk.link(Seen("n1", 0))
    desk.clock.advance(timedelta(days=7).total_seconds() - 2)
    assert (await desk.look(link)).status_code == 200
    desk.clock.advance(2)
    ended = await desk.look(link)
    assert ended.status_code == 404
    assert "Searches" not in ended.text


async def test_a_link_that_was_changed_made_up_or_cut_shows_nothing(desk: Desk) -> None:
    link = desk.link(Seen("n1", 0))
    other = desk.link(Seen("n1", 1)).partition("?t=")[2].partition(".")[0]
    tampered = [
        link.replace(link.partition("?t=")[2].partition(".")[0], other),
        link[:-1],
        link[:-3] + "AAA",
        link.partition("?")[0],
        desk.link(Seen("n1", 0), Secret("another-secret")),
        desk.link(Seen("n2", 0)),
        desk.link(Seen("n1", 7)),
        link + "é",
    ]
    assert [(await desk.look(each)).status_code for each in tampered] == [404] * len(tampered)


async def test_looking_is_all_that_can_be_done(desk: Desk) -> None:
    assert (await desk.browser.post(desk.link(Seen("n1", 0)))).status_code == 405
