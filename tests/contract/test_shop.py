"""The practice shop: exact splits, honest counters, a series by the second, real traffic."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import httpx
import pytest
from starlette.applications import Starlette

from bot.ports import Release
from bot.practice.shop import (
    AUDIENCES,
    EDGES,
    SERIES,
    USERS,
    Fault,
    Refused,
    ShopModel,
    release_of,
)
from bot.practice.shop_routes import shop_routes, shown
from bot.practice.shop_traffic import ShopTraffic

START = 1_763_716_800.0
OLD, NEW = Release("v1.0.0"), Release("v1.1.0")


@pytest.fixture
def shop() -> ShopModel:
    return ShopModel(now=START, randomness=Random(7), preparing=1, requests_per_second=40)


def rolling(shop: ShopModel, weight: float) -> ShopModel:
    """v1.1.0 prepared and given some traffic at START + 10."""
    shop.prepare(NEW, START)
    shop.shift(NEW, weight, START + 10)
    return shop


@pytest.mark.parametrize("weight", [0, 5, 25, 50, 100])
def test_of_a_thousand_requests_exactly_the_share_goes_to_the_candidate(
    shop: ShopModel, weight: float
) -> None:
    rolling(shop, weight).serve_traffic(25, start=START + 10)
    assert shop.candidate is not None
    assert shop.candidate.counter.requests == 10 * weight
    assert shop.current.counter.requests == 1000 - 10 * weight


@pytest.mark.requirement("X-17")
def test_a_share_of_an_audience_is_one_of_those_people_alone(shop: ShopModel) -> None:
    shop.prepare(NEW, START)
    shop.shift(NEW, 10, START + 10, "beta group")
    shop.serve_traffic(250, start=START + 10)
    assert shop.candidate is not None
    assert shop.candidate.counter.requests == 10_000 / AUDIENCES / 10
    assert {shop.takes(n) for n in range(USERS) if n % AUDIENCES} == {False}


@pytest.mark.requirement("B-028")
def test_whoever_was_in_at_10_percent_is_in_at_25(shop: ShopModel) -> None:
    shop.prepare(NEW, START)
    inside = []
    for weight in (10, 25, 100):
        shop.shift(NEW, weight, START + 10, sticky="user")
        inside.append({n for n in range(USERS) if shop.takes(n)})
    assert [len(each) for each in inside] == [USERS / 10, USERS / 4, USERS]
    assert inside[0] < inside[1] < inside[2]


def test_parts_of_a_request_are_carried_over(shop: ShopModel) -> None:
    for step in range(1000):
        shop.serve_traffic(0.01, start=START + step / 100)
    assert abs(shop.current.counter.requests - 400) <= 1


def test_a_fault_hits_its_version_only(shop: ShopModel) -> None:
    shop.break_version("v1.1.0", Fault(error_rate=0.3, latency_ms=400))
    rolling(shop, 50).serve_traffic(100, start=START + 10)
    assert shop.candidate is not None
    assert shop.current.counter.errors == 0
    assert 500 < shop.candidate.counter.errors < 700
    below_quarter = EDGES.index(0.25)
    assert shop.candidate.counter.cumulative[below_quarter] == 0
    assert shop.candidate.counter.cumulative[below_quarter + 1] == 2000
    assert shop.current.counter.cumulative[below_quarter] == 2000


def test_the_same_seed_gives_the_same_traffic() -> None:
    def errors(seed: int) -> int:
        shop = ShopModel(now=START, randomness=Random(seed))
        shop.break_version("v1.0.0", Fault(error_rate=0.5))
        shop.serve_traffic(60, start=START)
        return shop.current.counter.errors

    assert errors(1) == errors(1)
    assert errors(1) != errors(2)


def test_a_version_of_zeros_is_healed(shop: ShopModel) -> None:
    shop.break_version("v1.1.0", Fault(error_rate=1))
    shop.break_version("v1.1.0", Fault())
    assert shop.faults == {}


def test_the_series_has_a_row_a_second_and_forgets_the_oldest(shop: ShopModel) -> None:
    rolling(shop, 25)
    for second in range(SERIES + 20):
        shop.serve_traffic(1, start=START + 10 + second)
    rows = shown(shop, START + 10 + SERIES + 20)["series"]
    assert len(rows) == SERIES
    assert [row["t"] for row in rows] == list(range(rows[0]["t"], rows[0]["t"] + SERIES))
    assert rows[-1]["weight"] == 25
    assert rows[-1]["candidate"]["requests"] == 10
    assert rows[-1]["current"]["requests"] == 30
    assert 4 <= rows[-1]["current"]["p95_ms"] <= 12


def test_a_second_that_is_not_over_is_not_shown(shop: ShopModel) -> None:
    shop.serve_traffic(1, start=START)
    assert shown(shop, START + 0.9)["series"] == []
    assert len(shown(shop, START + 1)["series"]) == 1


def test_counters_follow_the_version_when_the_roles_swap(shop: ShopModel) -> None:
    rolling(shop, 100).serve_traffic(10, start=START + 10)
    shop.promote(NEW)
    assert shop.current.counter.requests == 400
    assert shop.candidate is not None
    assert (shop.candidate.release.version, shop.candidate.counter.requests) == ("v1.0.0", 0)


def test_a_version_installed_again_counts_from_zero_and_says_since_when(shop: ShopModel) -> None:
    rolling(shop, 50).serve_traffic(10, start=START + 10)
    shop.rollback(OLD)
    shop.retire(NEW)
    shop.prepare(NEW, START + 60)
    assert shop.candidate is not None
    assert (shop.candidate.counter.requests, shop.candidate.counter.since) == (0, START + 60)


def test_no_traffic_rises_to_a_version_that_is_being_installed(shop: ShopModel) -> None:
    shop.prepare(NEW, START)
    with pytest.raises(Refused, match="still being installed"):
        shop.shift(NEW, 5, START + 0.5)
    shop.shift(NEW, 5, START + 1)


def test_a_digest_that_is_not_the_one_of_the_version_is_refused(shop: ShopModel) -> None:
    with pytest.raises(Refused, match="another artifact"):
        shop.prepare(Release("v1.1.0", "sha256:other"), START)


@pytest.mark.parametrize(
    "name", ["", "v1", "1.2.3", "v1.2.3\n", "v01.2.3", "v\uff11.2.3", "v1.2.3-x"]
)
def test_only_proper_names_are_versions(name: str) -> None:
    with pytest.raises(Refused):
        release_of(name)


def test_any_proper_name_is_a_version() -> None:
    assert release_of("v2.0.1").artifact == release_of("v2.0.1").artifact
    assert len(release_of("v2.0.1").artifact) == len("sha256:") + 64


async def until(true: object) -> None:
    """Wait for something that real sockets will bring about."""
    assert callable(true)
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def test_real_requests_cross_the_proxy_and_are_counted_by_version() -> None:
    shop = ShopModel(now=START, randomness=Random(1), requests_per_second=200, preparing=0)
    traffic = ShopTraffic(shop, now=lambda: START)
    rolling(shop, 25)
    shop.break_version("v1.1.0", Fault(error_rate=1))
    await traffic.start()
    try:
        assert shop.candidate is not None
        counter = shop.candidate.counter
        await until(lambda: counter.requests >= 10)
        async with httpx.AsyncClient() as http:
            bodies = {
                (await http.get(f"http://127.0.0.1:{traffic.proxy_port}/")).text for _ in range(8)
            }
    finally:
        await traffic.stop()
    assert bodies <= {"v1.0.0", "v1.1.0"}
    assert counter.errors == counter.requests
    assert shop.current.counter.errors == 0
    assert abs(shop.current.counter.requests - 3 * counter.requests) <= 12


async def test_nothing_is_left_when_the_traffic_stops() -> None:
    before = asyncio.all_tasks()
    shop = ShopModel(now=START, randomness=Random(1), requests_per_second=200)
    shop.break_version("v1.0.0", Fault(latency_ms=2000))
    traffic = ShopTraffic(shop, now=lambda: START)
    await traffic.start()
    await until(lambda: len(asyncio.all_tasks()) > len(before) + 5)
    await traffic.stop()
    assert asyncio.all_tasks() == before


@pytest.fixture
async def page(shop: ShopModel) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=shop_routes(shop, now=lambda: START + 20))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8800") as http:
        yield http


async def test_the_page_sees_versions_weights_faults_and_the_series(
    shop: ShopModel, page: httpx.AsyncClient
) -> None:
    rolling(shop, 5).serve_traffic(2, start=START + 10)
    seen = (await page.get("/practice/shop")).json()
    assert seen["versions"] == ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"]
    assert (seen["current"]["version"], seen["current"]["weight"]) == ("v1.0.0", 95)
    assert (seen["candidate"]["version"], seen["candidate"]["weight"]) == ("v1.1.0", 5)
    assert seen["traffic"] == {"requests_per_second": 40}
    assert seen["faults"] == {}
    assert [row["t"] for row in seen["series"]] == [START + 10, START + 11]


async def test_the_switch_breaks_a_version_and_heals_it(
    shop: ShopModel, page: httpx.AsyncClient
) -> None:
    said = {"version": "v1.3.0", "error_rate": 0.3, "latency_ms": 0}
    answer = (await page.post("/practice/shop", json=said)).json()
    assert answer["ok"]
    assert answer["shop"]["faults"] == {"v1.3.0": {"error_rate": 0.3, "latency_ms": 0}}
    await page.post("/practice/shop", json={"version": "v1.3.0", "error_rate": 0})
    assert shop.faults == {}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"version": "v1.3.0", "error_rate": 1.5}, 400),
        ({"version": "v1.3.0", "latency_ms": -1}, 400),
        ({"version": "v1.3.0", "error": 1}, 400),
        ({"error_rate": 1}, 400),
        ({"version": "nonsense"}, 404),
    ],
)
async def test_a_switch_that_makes_no_sense_is_refused(
    shop: ShopModel, page: httpx.AsyncClient, said: dict[str, object], status: int
) -> None:
    answer = await page.post("/practice/shop", json=said)
    assert answer.status_code == status
    assert not answer.json()["ok"]
    assert answer.json()["hint"]
    assert shop.faults == {}


async def test_another_page_can_not_reach_the_shop(page: httpx.AsyncClient) -> None:
    foreign = {"origin": "http://evil.example"}
    answer = await page.post("/practice/shop", json={"version": "v1.3.0"}, headers=foreign)
    assert answer.status_code == 403
