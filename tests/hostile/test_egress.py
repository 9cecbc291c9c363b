"""The bot's own requests go where the configuration says, and never to a cloud's keys."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from bot.egress import Guarded, Hosts, JudgingResolver, forbidden, guarded_session, hosts_in
from bot.serving import listening, served
from bot.setup import hosts_of
from bot.slack.response_urls import is_slacks
from tests.scenarios.world import HOUSE, _house


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "[fe80::1%eth0]",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_nothing_is_sent_to_where_clouds_hand_out_credentials(address: str) -> None:
    assert forbidden(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "::1", "fd12::1", "93.184.216.34"])
def test_a_teams_own_machines_are_fine(address: str) -> None:
    assert forbidden(address) == ""


def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    assert forbidden("metadata.google.internal") == ""


@dataclass
class Book(AbstractResolver):
    """A name server that answers as it is told."""

    says: dict[str, list[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=a, port=port, family=family, proto=0, flags=0)
            for a in self.says[host]
        ]

    async def close(self) -> None:
        return None


async def test_a_name_that_leads_to_forbidden_addresses_is_not_connected_to() -> None:
    book = Book({"metadata.google.internal": ["169.254.169.254"], "both": ["fe80::1", "10.0.0.5"]})
    judge = JudgingResolver(book)
    with pytest.raises(OSError, match="link-local address, by which clouds hand out credentials"):
        await judge.resolve("metadata.google.internal", 80)
    assert [each["host"] for each in await judge.resolve("both", 80)] == ["10.0.0.5"]


class Behind(httpx.AsyncBaseTransport):
    """The network: it counts what reaches it."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.append(request.url.host)
        return httpx.Response(302, headers={"location": "http://169.254.169.254/latest/meta-data"})


@pytest_asyncio.fixture
async def network() -> AsyncIterator[tuple[httpx.AsyncClient, Behind]]:
    behind = Behind()
    named = {"url": "http://prometheus.internal:9090", "probe": ["https://{slot}.shop/health"]}
    hosts = Hosts(hosts_in([named]))
    async with httpx.AsyncClient(transport=Guarded(behind, hosts)) as http:
        yield http, behind


@pytest.mark.parametrize(
    "url",
    [
        "http://prometheus.internal:9090/api",
        "http://PROMETHEUS.internal/",
        "https://green.shop/health",
    ],
)
async def test_what_the_configuration_names_is_reached_and_no_redirect_is_followed(
    network: tuple[httpx.AsyncClient, Behind], url: str
) -> None:
    http, behind = network
    assert (await http.get(url)).status_code == 302
    assert len(behind.reached) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://evil.example/", "no address in the configuration leads to 'evil.example'"),
        ("https://a.b.shop/health", "no address in the configuration"),
        ("http://prometheus.internal@evil.example/", "'evil.example'"),
        ("http://prometheus.internal.evil.example/", "no address in the configuration"),
        ("http://169.254.169.254/latest/meta-data", "clouds hand out credentials"),
        ("http://[::ffff:169.254.169.254]/", "clouds hand out credentials"),
    ],
)
async def test_what_it_does_not_name_is_never_sent(
    network: tuple[httpx.AsyncClient, Behind], url: str, words: str
) -> None:
    http, behind = network
    with pytest.raises(httpx.ConnectError, match=words):
        await http.get(url)
    assert behind.reached == []


def test_every_host_of_a_configuration_and_its_plans_may_be_spoken_to() -> None:
    hosts = hosts_of(*_house(HOUSE))
    assert "shop.test" in hosts
    assert "events.pagerduty.com" in hosts
    assert "evil.example" not in hosts


async def test_the_real_client_refuses_names_written_as_numbers() -> None:
    inner = AiohttpTransport(client=guarded_session)
    async with httpx.AsyncClient(transport=Guarded(inner), trust_env=False) as http:
        with pytest.raises(httpx.TransportError, match="not a canonical IPv4 address"):
            await http.get("http://2852039166/", timeout=5)  # 169.254.169.254


async def test_the_real_client_reaches_this_machine() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        from starlette.responses import PlainTextResponse

        await PlainTextResponse("here")(scope, receive, send)  # type: ignore[arg-type]

    bound = listening("127.0.0.1", 0)
    port = bound.getsockname()[1]
    async with served(app, bound):
        inner = AiohttpTransport(client=guarded_session)
        async with httpx.AsyncClient(transport=Guarded(inner, Hosts(["localhost"]))) as http:
            assert (await http.get(f"http://localhost:{port}/")).text == "here"


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://hooks.slack.com/commands/T1/2/3", True),
        ("https://hooks.slack-gov.com/actions/T1/2/3", True),
        ("http://127.0.0.1:8800/response/1", True),
        ("http://hooks.slack.com/commands/T1/2/3", False),
        ("https://hooks.slack.com.evil.example/x", False),
        ("https://hooks.slack.com@evil.example/x", False),
        ("http://127.0.0.1:9/response/1", False),
        ("http://169.254.169.254/", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_what_a_person_is_told_goes_to_slack_and_to_nobody_else(url: str, fine: bool) -> None:
    assert is_slacks(url, "http://127.0.0.1:8800/api/") is fine
