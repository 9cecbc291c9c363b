"""What stands in front of Bolt: garbage gets a 4xx, a replay has no effect."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from slack_sdk.signature import SignatureVerifier
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from bot.domain.secret import Secret
from bot.slack.guard import PAYLOAD, SlackGuard, Unreadable, is_genuine, read_body

SECRET = "a-signing-secret"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
COMMAND = urlencode({"command": "/release", "text": "status", "trigger_id": "1"}).encode()


class Inner:
    """The app behind the guard: remembers payloads; tests set its status or hold it."""

    def __init__(self) -> None:
        self.payloads: list[dict[str, Any]] = []
        self.status = 200
        self.held: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.payloads.append(scope[PAYLOAD])
        if self.held is not None:
            await self.held.wait()
        await PlainTextResponse("answer", self.status)(scope, receive, send)


class Door:
    """A guard with a clock of its own, and a way to knock."""

    def __init__(self) -> None:
        self.at = 1_795_255_200.0
        self.inner = Inner()
        self.observed: list[tuple[str, int]] = []
        guard = SlackGuard(
            self.inner,
            secret=Secret(SECRET),
            now=lambda: self.at,
            observe=lambda kind, status, _s: self.observed.append((kind, status)),
            limit=10_000,
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(guard, raise_app_exceptions=True), base_url="http://bot"
        )

    def signed(self, body: bytes, content_type: str = FORM, at: float = 0.0) -> dict[str, str]:
        stamp = str(int(at or self.at))
        verifier = SignatureVerifier(SECRET)
        return {
            "content-type": content_type,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": str(
                verifier.generate_signature(timestamp=stamp, body=body.decode("latin-1"))
            ),
        }

    async def knock(self, body: bytes, headers: Any = None) -> httpx.Response:
        return await self.http.post("/", content=body, headers=headers or self.signed(body))


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    built = Door()
    async with built.http:
        yield built


async def test_what_slack_signed_comes_through_as_a_value(door: Door) -> None:
    answer = await door.knock(COMMAND)
    assert (answer.status_code, answer.text) == (200, "answer")
    assert door.inner.payloads == [{"command": "/release", "text": "status", "trigger_id": "1"}]
    assert door.observed == [("command", 200)]


GARBAGE: dict[str, tuple[bytes, dict[str, str]]] = {
    "nothing at all": (b"", {}),
    "a malformed payload": (b"payload=%7Bnope", {}),
    "not UTF-8": (b"\xff\xfe\x00", {}),
    "a timestamp in words": (COMMAND, {"x-slack-request-timestamp": "soon"}),
    "a timestamp in other digits": (COMMAND, {"x-slack-request-timestamp": "1795255200.5"}),
    "a negative timestamp": (COMMAND, {"x-slack-request-timestamp": "-1795255200"}),
    "an endless timestamp": (COMMAND, {"x-slack-request-timestamp": "9" * 400}),
    "an empty signature": (COMMAND, {"x-slack-signature": ""}),
    "a wrong signature": (COMMAND, {"x-slack-signature": "v0=" + "0" * 64}),
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_unsigned_garbage_is_refused_without_an_error_of_ours(door: Door, what: str) -> None:
    body, extra = GARBAGE[what]
    headers = {
        "content-type": FORM,
        "x-slack-request-timestamp": str(int(door.at)),
        "x-slack-signature": "v0=" + "f" * 64,
    } | extra
    assert (await door.knock(body, headers)).status_code == 401
    assert door.inner.payloads == []
    assert door.observed == [("refused", 401)]


async def test_a_signature_in_other_letters_is_refused(door: Door) -> None:
    headers = [
        (b"content-type", FORM.encode()),
        (b"x-slack-request-timestamp", str(int(door.at)).encode()),
        (b"x-slack-signature", "v0=é".encode()),
    ]
    assert (await door.knock(COMMAND, headers)).status_code == 401


async def test_a_request_without_any_header_is_refused(door: Door) -> None:
    answer = await door.http.post("/", content=COMMAND)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"payload=%7Bnope", FORM),
        (b"payload=%5B1%5D", FORM),
        (b"{nope", JSON),
        (b"[1]", JSON),
        (b"", JSON),
        (b"", FORM),
        (b"[" * 9000, JSON),
        (b"&".join(b"a%d=1" % n for n in range(500)), FORM),
    ],
)
async def test_signed_nonsense_is_a_400(door: Door, body: bytes, content_type: str) -> None:
    answer = await door.knock(body, door.signed(body, content_type))
    assert answer.status_code == 400
    assert door.inner.payloads == []


def test_a_body_that_is_not_utf8_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_body(FORM, b"text=\xff\xfe&command=/release")


def test_a_command_that_speaks_of_a_payload_is_still_a_command() -> None:
    body = urlencode({"command": "/release", "text": "payload", "payload": "x"}).encode()
    assert read_body(FORM, body)["text"] == "payload"


async def test_a_big_body_is_refused_before_it_is_read(door: Door) -> None:
    body = b"a" * 10_001
    assert (await door.knock(body)).status_code == 413

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"a" * 1000

    streamed = await door.http.post("/", content=parts(), headers=door.signed(b"a" * 11_000))
    assert streamed.status_code == 413
    assert door.inner.payloads == []


async def test_other_methods_are_not_for_this_door(door: Door) -> None:
    assert (await door.http.get("/")).status_code == 405


@pytest.mark.parametrize(("skew", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401)])
async def test_a_clock_may_differ_by_five_minutes(door: Door, skew: int, status: int) -> None:
    headers = door.signed(COMMAND, at=door.at + skew)
    assert (await door.knock(COMMAND, headers)).status_code == status


async def test_a_replay_is_answered_and_has_no_effect_for_as_long_as_it_is_valid(
    door: Door,
) -> None:
    headers = door.signed(COMMAND, at=door.at + 299)
    assert (await door.knock(COMMAND, headers)).status_code == 200
    door.at += 597
    again = await door.knock(COMMAND, headers)
    assert (again.status_code, again.text) == (200, "")
    assert len(door.inner.payloads) == 1


async def test_a_request_that_failed_may_come_again(door: Door) -> None:
    door.inner.status = 500
    headers = door.signed(COMMAND)
    assert (await door.knock(COMMAND, headers)).status_code == 500
    door.inner.status = 200
    assert (await door.knock(COMMAND, headers)).status_code == 200
    assert len(door.inner.payloads) == 2


async def test_a_copy_that_comes_meanwhile_waits_for_the_first_one(door: Door) -> None:
    door.inner.held = asyncio.Event()
    headers = door.signed(COMMAND)
    both = [asyncio.create_task(door.knock(COMMAND, headers)) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    door.inner.status = 503
    door.inner.held.set()
    assert [(await each).status_code for each in both] == [503, 503]
    assert len(door.inner.payloads) == 1


async def test_old_signatures_are_forgotten(door: Door) -> None:
    for number in range(50):
        body = COMMAND + str(number).encode()
        await door.knock(body, door.signed(body))
        door.at += 60
    transport = door.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    guard = transport.app
    assert isinstance(guard, SlackGuard)
    assert len(guard._replays._known) <= 11


def test_an_empty_signing_secret_refuses_to_start() -> None:
    with pytest.raises(ValueError, match="SLACK_SIGNING_SECRET"):
        SlackGuard(Inner(), secret=Secret(" "), now=time.time)


def test_the_signature_is_the_one_that_slack_sdk_computes() -> None:
    body = json.dumps({"text": "naïve ✓"}, ensure_ascii=False)
    stamp = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body)
    assert signature is not None
    assert is_genuine(Secret(SECRET), stamp, signature, body.encode(), time.time())
    assert not is_genuine(Secret("other"), stamp, signature, body.encode(), time.time())
    assert not is_genuine(Secret(SECRET), stamp, signature, body.encode() + b" ", time.time())
