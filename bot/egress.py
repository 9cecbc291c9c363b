"""Where the bot's own requests may go.

Addresses come from the configuration and from plans alone. Should a name in one of them lead
elsewhere one day (a plan from a stranger, a DNS record that was changed, a version that finds its
way into a host), then not to what only this machine can reach and nobody means: the service by
which a cloud hands out credentials. Names are resolved here, judged, and connected to as they were
judged; a redirect is never followed.
"""

import ipaddress
import logging
import re
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult

log = logging.getLogger(__name__)

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_HANDS_OUT_KEYS = frozenset(
    map(
        ipaddress.ip_address,
        (
            "fd00:ec2::254",  # Amazon, over IPv6
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
        ),
    )
)
"""Of clouds whose metadata is not at a link-local address (169.254.169.254)."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_URL = re.compile(r"https?://[^\s\"'<>]+")
_BLANK = re.compile(r"\{[^{}]*\}")


def forbidden(text: str) -> str:
    """Why nothing is ever sent to an address, "" for one that is fine and for a name."""
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    for address in (found, *_inside(found)):
        if address.is_link_local:
            return f"{found} is a link-local address, by which clouds hand out credentials"
        if address in _HANDS_OUT_KEYS:
            return f"{found} is where a cloud hands out credentials"
        if address.is_multicast:
            return f"{found} is not the address of one machine"
    return ""


def _inside(address: Ip) -> Iterator[Ip]:
    """The address of the old kind that one of the new kind stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


class Hosts:
    """The hosts that requests may go to. names: as in URLs; {blanks} in them stand for words."""

    def __init__(self, names: Iterable[str]) -> None:
        self._patterns = [_pattern(name) for name in sorted(set(names))]

    def __contains__(self, host: str) -> bool:
        return any(pattern.fullmatch(host.lower()) for pattern in self._patterns)


def _pattern(name: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in _BLANK.split(name.lower()))
    return re.compile(r"[a-z0-9_-]*".join(parts))


def hosts_in(documents: Iterable[Any]) -> Iterator[str]:
    """The hosts of all addresses in plain data, however deep."""
    for document in documents:
        if isinstance(document, Mapping):
            yield from hosts_in(document.values())
        elif isinstance(document, str):
            yield from filter(None, map(_host, _URL.findall(document)))
        elif isinstance(document, Collection):
            yield from hosts_in(document)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class Guarded(httpx.AsyncBaseTransport):
    """Hands a request on if it may go where it wants to; otherwise it was never sent.

    hosts: None for all. What may not go out is an `httpx.ConnectError` that says why, for adapters
    take that for something which had no effect.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, hosts: Hosts | None = None) -> None:
        self._inner = inner
        self._hosts = hosts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises httpx.ConnectError."""
        host = request.url.host
        reason = forbidden(host)
        if not reason and self._hosts is not None and host not in self._hosts:
            reason = f"no address in the configuration leads to {host[:100]!r}"
        if reason:
            log.error("a request was not sent: %s", reason)
            raise httpx.ConnectError(f"not sent: {reason}", request=request)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is behind."""
        await self._inner.aclose()


class JudgingResolver(AbstractResolver):
    """Looks names up and leaves out what nothing is ever sent to.

    The connection is made to what is returned here, so a name can't mean another machine by then.
    """

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError when there is none that may be used."""
        found = await self._inner.resolve(host, port, family)
        good = [each for each in found if not forbidden(each["host"])]
        if found and not good:
            reason = forbidden(found[0]["host"])
            log.error("a request was not sent: %s leads to %s", host, reason)
            raise OSError(f"{host}: {reason}")
        return good

    async def close(self) -> None:
        """Close what is behind."""
        await self._inner.close()


def guarded_session() -> aiohttp.ClientSession:
    """A session that connects to nothing forbidden. Whoever makes it closes it."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=JudgingResolver()))
