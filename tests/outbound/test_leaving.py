"""The link that ends a subscription, from the mail to the database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from bot.domain import leaving
from bot.domain.leaving import Leaving
from bot.domain.secret import Secret
from bot.engine.subscribers import Subscribers
from bot.leaving import leaving_route
from bot.store.database import Store

KEY = leaving.key_from(Secret("signing"))
ADA, GRACE = "ada@example.com", "grace@example.com"


class Clock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 17, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Desk:
    """The page, and what the database holds."""

    http: httpx.AsyncClient
    people: Subscribers

    async def looks(self, link: str) -> httpx.Response:
        return await self.http.get(_path(link))

    async def posts(self, link: str, **form: str) -> httpx.Response:
        return await self.http.post(_path(link), data=form)


def _path(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def link(address: str = ADA, service: str = "checkout") -> str:
    return leaving.link("https://bot.example.com/", KEY, address, service)


@pytest.fixture
async def desk(inline_store: Store) -> AsyncIterator[Desk]:
    people = Subscribers(inline_store, Clock())
    app = Starlette(routes=[leaving_route(KEY, people.leave)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example.com") as http:
        yield Desk(http, people)


# -- the link ------------------------------------------------------------------------------------


def test_a_link_says_who_and_what() -> None:
    made = link("Ada@Example.com")
    assert made.startswith("https://bot.example.com/unsubscribe?t=")
    assert leaving.read(KEY, made.partition("t=")[2]) == Leaving(ADA, "checkout")


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_link_that_was_cut_short_says_nothing(cut: int) -> None:
    token = link().partition("t=")[2]
    assert leaving.read(KEY, token[:-cut]) is None


def test_nobody_can_make_a_link_for_somebody_else() -> None:
    mine = link(ADA).partition("t=")[2]
    theirs = link(GRACE).partition("t=")[2]
    mixed = f"{theirs.partition('.')[0]}.{mine.partition('.')[2]}"
    for token in (mixed, "", ".", "a.b", "ä.ö", "====.===="):
        assert leaving.read(KEY, token) is None
    assert leaving.read(leaving.key_from(Secret("other")), mine) is None


# -- the page ------------------------------------------------------------------------------------


async def test_looking_at_the_page_changes_nothing(desk: Desk) -> None:
    page = await desk.looks(link())
    assert page.status_code == 200
    assert "Send ada@example.com no more notices about checkout?" in page.text
    assert await desk.people.left("checkout") == frozenset()


async def test_one_click_of_a_mail_program_ends_it(desk: Desk) -> None:
    done = await desk.posts(link(), **{"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "ada@example.com gets no more notices about checkout." in done.text
    assert await desk.people.left("checkout") == {ADA}
    assert await desk.people.left("search") == await desk.people.left("") == frozenset()


async def test_a_mail_program_may_send_its_click_in_another_form(desk: Desk) -> None:
    files = {"List-Unsubscribe": (None, "One-Click")}
    done = await desk.http.post(_path(link()), files=files)
    assert done.status_code == 200
    assert await desk.people.left("checkout") == {ADA}


async def test_a_button_ends_all_of_them(desk: Desk) -> None:
    await desk.posts(link(), everything="yes")
    assert await desk.people.left("search") == {ADA}


async def test_a_click_counts_once_however_often_it_comes(desk: Desk) -> None:
    for _ in range(3):
        await desk.posts(link())
    (word,) = await desk.people.listed()
    assert (word.address, word.service, word.wanted, word.by) == (
        ADA, "checkout", False, "themselves",
    )  # fmt: skip


async def test_a_wrong_link_changes_nothing_and_says_what_to_do(desk: Desk) -> None:
    for method in ("GET", "POST"):
        page = await desk.http.request(method, f"{leaving.PATH}?t=abc.def")
        assert page.status_code == 404
        assert "Please answer the mail" in page.text
    assert await desk.people.listed() == []


async def test_the_page_is_not_kept_and_runs_nothing(desk: Desk) -> None:
    page = await desk.looks(link(service="<script>alert(1)</script>"))
    assert "<script>" not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Referrer-Policy"] == "no-referrer"


# -- the list ------------------------------------------------------------------------------------


async def test_people_join_for_one_service_or_for_all(desk: Desk) -> None:
    await desk.people.join("Ada@Example.com", "checkout", "grace")
    await desk.people.join(GRACE, "", "grace")
    assert await desk.people.joined("checkout") == {ADA, GRACE}
    assert await desk.people.joined("search") == {GRACE}
    assert await desk.people.joined("") == {ADA, GRACE}
    with pytest.raises(ValueError, match="is not an address"):
        await desk.people.join("ada@@example.com", "", "grace")


async def test_who_left_stays_away_until_somebody_adds_them_again(desk: Desk) -> None:
    await desk.people.join(ADA, "checkout", "grace")
    await desk.people.leave(Leaving(ADA, ""))
    assert await desk.people.left("checkout") == {ADA}
    await desk.people.join(ADA, "checkout", "grace")
    assert await desk.people.left("checkout") == frozenset()
    assert await desk.people.joined("checkout") == {ADA}
