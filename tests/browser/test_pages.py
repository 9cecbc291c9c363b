"""How the page's files are served; no browser needed."""

from importlib.resources import files
from pathlib import PurePosixPath

import httpx
from starlette.applications import Starlette

from bot.practice.pages import page_routes


def _client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=page_routes()))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


def _page_files() -> list[str]:
    return sorted(file.name for file in files("bot.practice").joinpath("page").iterdir())


async def test_every_file_is_served_with_its_type_and_never_from_a_cache() -> None:
    types = {
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".svg": "image/svg+xml",
    }
    for name in _page_files():
        async with _client() as client:
            answer = await client.get("/" if name == "index.html" else f"/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(types[PurePosixPath(name).suffix])
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_policy_lets_nothing_in_from_outside_and_no_inline_script() -> None:
    async with _client() as client:
        policy = (await client.get("/")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_only_the_files_of_the_page_are_served() -> None:
    for path in ("/pages.py", "/../pages.py", "/%2e%2e/pages.py", "/page/app.js", "/index.html"):
        async with _client() as client:
            assert (await client.get(path)).status_code == 404


def test_the_page_names_no_address_outside_itself() -> None:
    for name in _page_files():
        text = files("bot.practice").joinpath("page", name).read_text(encoding="utf-8")
        outside = [
            word
            for word in text.split()
            if "://" in word and "http://www.w3.org/2000/svg" not in word
        ]
        assert outside == [], name


def test_no_module_parses_text_as_html() -> None:
    for name in _page_files():
        text = files("bot.practice").joinpath("page", name).read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in text, name


def test_no_file_of_the_page_is_longer_than_four_hundred_lines() -> None:
    for name in _page_files():
        text = files("bot.practice").joinpath("page", name).read_text(encoding="utf-8")
        assert text.count("\n") <= 400, name
