"""Whatever is sent to the bot's doors, by whomever: an answer, and never an error of ours."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.odd import (
    ALERTS,
    CLICK,
    COMMAND,
    EVENT,
    FORM,
    ORDER,
    REPORT,
    ROLLBACK,
    Json,
    altered,
    hook_headers,
    junk,
    slack_headers,
    written,
)
from tests.scenarios.world import HOOK_TOKEN, World

WILD = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
SIGNING_SECRET = "a-signing-secret"
BEARER = {"authorization": f"Bearer {HOOK_TOKEN}", "content-type": "application/json"}
DOORS = (
    "/slack/events",
    "/hooks/events",
    "/hooks/alertmanager",
    "/hooks/nothing",
    "/admin/rollback",
    "/admin/release",
    "/admin/nothing",
)
OPEN = ("/health", "/ready", "/metrics", "/unsubscribe?t=x", "/", "/../etc/passwd", "/slack")
LONGEST = 3000

headers = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "content-length",
            "authorization",
            "x-slack-signature",
            "x-slack-request-timestamp",
            "x-countersign-signature",
            "x-countersign-timestamp",
            "transfer-encoding",
            "host",
            "cookie",
        ]
    ),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
        st.sampled_from(
            [
                "v0=" + "0" * 64,
                "v1=" + "0" * 64,
                "1795255200",
                "-1",
                "9" * 400,
                "Bearer ",
                "²",
                "1e9",
            ]
        ),
    ),
    max_size=5,
)


async def asked(
    world: World, method: str, path: str, body: bytes, head: Mapping[str, str]
) -> httpx.Response:
    """One request to the bot, with headers as they are on the wire."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in head.items()]
    request = httpx.Request(method, f"http://bot.test{path}", content=body)
    request.headers = httpx.Headers(
        [*((k, v) for k, v in request.headers.raw if k.lower() not in dict(raw)), *raw]
    )
    return await world._to_bot.send(request)


@WILD
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE"]),
    path=st.sampled_from([*DOORS, *OPEN]),
    head=headers,
    body=st.one_of(
        st.binary(max_size=200), junk.map(written), st.sampled_from([b"[" * 9000, b"\xff\xfe"])
    ),
)
async def test_what_nobody_signed_never_makes_an_error_of_ours(
    world: World, method: str, path: str, head: dict[str, str], body: bytes
) -> None:
    answer = await asked(world, method, path, body, head)
    assert answer.status_code < 500 or (path, answer.status_code) == ("/ready", 503)
    if path in DOORS:
        assert answer.status_code in {400, 401, 404, 405, 413}, answer.text
    if path != "/metrics":
        assert len(answer.text) <= LONGEST
    assert await world.rollouts() == []


@pytest.mark.thorough
@WILD
@given(payload=altered(CLICK, FORM, EVENT), form=altered(COMMAND), command=st.booleans())
async def test_no_payload_however_odd_makes_an_error_of_ours(
    world: World, payload: Json, form: Json, command: bool
) -> None:
    kind = "application/x-www-form-urlencoded"
    if command:
        body = urlencode({k: v for k, v in form.items() if isinstance(v, str)}).encode()
    elif payload.get("type") == "event_callback":
        body, kind = written(payload), "application/json"
    else:
        body = urlencode({"payload": written(payload).decode()}).encode()
    head = slack_headers(SIGNING_SECRET, body, world.clock.timestamp(), kind)
    answer = await asked(world, "POST", "/slack/events", body, head)
    # 404: Bolt has no name for such a delivery.
    assert answer.status_code in {200, 400, 404}, (answer.status_code, body)
    assert len(answer.text) <= LONGEST
    await forget(world)


@pytest.mark.thorough
@WILD
@given(
    sent=st.one_of(
        st.tuples(st.just("/hooks/events"), altered(REPORT)),
        st.tuples(st.just("/hooks/alertmanager"), altered(ALERTS)),
        st.tuples(st.just("/admin/rollback"), altered(ROLLBACK)),
        st.tuples(st.just("/admin/release"), altered(ORDER)),
        st.tuples(st.sampled_from(DOORS[1:]), junk),
    ),
    signed=st.booleans(),
)
async def test_no_body_however_odd_makes_an_error_of_ours(
    world: World, sent: tuple[str, Json], signed: bool
) -> None:
    path, data = sent
    body = written(data)
    head = hook_headers(HOOK_TOKEN, path, body, world.clock.timestamp()) if signed else BEARER
    answer = await asked(world, "POST", path, body, head)
    assert answer.status_code in {200, 202, 400, 401, 404, 409, 413, 422}, answer.text
    if answer.status_code >= 400 and answer.status_code != 404:
        said = answer.json()
        assert said.get("error") or said.get("message"), said
        assert len(answer.text) <= LONGEST * 2  # it is escaped
    await forget(world)


async def forget(world: World) -> None:
    """What came of it is carried out, and what is said of it is not looked at here."""
    await world.breathe()
    for person in world.space.people.values():
        for text in world.whispers(person.id):
            assert len(text) <= LONGEST
    world.pages()
    world.space.modals.clear()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/hooks/events", REPORT | {"id": "\ud800"}),
        ("/hooks/events", REPORT | {"detail": "a\x00b"}),
        ("/hooks/alertmanager", ALERTS | {"groupKey": "\udfff"}),
        ("/admin/rollback", ROLLBACK | {"reason": "\ud83d"}),
        ("/slack/events", CLICK | {"trigger_id": "\ud800"}),
    ],
)
async def test_half_a_character_is_refused_at_each_door(
    world: World, path: str, body: Json
) -> None:
    raw = json.dumps(body).encode()
    head = dict(BEARER)
    if path == "/slack/events":
        raw = urlencode({"payload": raw.decode()}).encode()
        kind = "application/x-www-form-urlencoded"
        head = slack_headers(SIGNING_SECRET, raw, world.clock.timestamp(), kind)
    answer = await asked(world, "POST", path, raw, head)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_an_instant_beyond_all_calendars_is_refused(world: World, at: str) -> None:
    answer = await world.hook("/hooks/events", REPORT | {"at": at})
    assert answer.status_code == 400
    alert = {**ALERTS["alerts"][0], "startsAt": at}
    answer = await world.hook("/hooks/alertmanager", ALERTS | {"alerts": [alert]})
    assert "not an instant" in answer.json()["alerts"][0]["outcome"]
