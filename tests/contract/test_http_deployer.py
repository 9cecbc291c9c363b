"""The HTTP client: what it makes of answers, of lost ones, and of ones that are not true."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from httpx_aiohttp import AiohttpTransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.deployers import build_deployer
from bot.domain.audience import Routing
from bot.ports import Deployer, Op, PermanentError, Release, StaleOpError, TemporaryError
from bot.practice.deployer import Trouble
from tests.contract.transports import Lossy, Recorder, through
from tests.contract.worlds import TARGET, HttpWorld, http_world

OLD, NEW = Release("v1.0.0"), Release("v1.1.0")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with http_world(tmp_path) as world:
        yield world


@pytest.fixture
def deployer(world: HttpWorld) -> Deployer:
    return world.adapter()


async def test_preparing_is_followed_until_it_is_ready(
    world: HttpWorld, deployer: Deployer
) -> None:
    recorder = through(world, Recorder)
    seen = await world.adapter().prepare(TARGET, NEW, world.op())
    statuses = [response.status_code for _, response in recorder.seen]
    assert statuses[0] == 202
    assert len(statuses) > 2
    assert seen.candidate is not None
    assert seen.candidate.ready


async def test_a_slow_preparation_is_temporary_and_goes_on_with_the_same_key(
    world: HttpWorld,
) -> None:
    world.shop.preparing = 5
    op = world.op()
    with pytest.raises(TemporaryError, match="still in progress") as caught:
        await world.adapter(prepare_timeout="0s").prepare(TARGET, NEW, op)
    assert caught.value.unknown
    seen = await world.adapter().prepare(TARGET, NEW, op)
    assert seen.candidate is not None
    assert seen.candidate.ready


@pytest.mark.parametrize(
    ("failure", "unknown"),
    [
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteTimeout("slow"), True),
        (httpx.ReadError("reset"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (httpx.ConnectTimeout("nobody"), False),
        (httpx.ConnectError("refused"), False),
        (httpx.PoolTimeout("full"), False),
    ],
)
async def test_a_lost_answer_is_unknown_and_a_request_never_sent_is_not(
    world: HttpWorld, failure: httpx.TransportError, unknown: bool
) -> None:
    through(world, Lossy).failures.append(failure)
    with pytest.raises(TemporaryError) as caught:
        await world.adapter().prepare(TARGET, NEW, world.op())
    assert caught.value.unknown is unknown


@pytest.mark.requirement("X-17", "B-026", "B-028", "B-030")
async def test_audience_flag_and_stickiness_reach_the_far_side_and_are_read_back(
    world: HttpWorld,
) -> None:
    deployer = world.adapter()
    await deployer.prepare(TARGET, NEW, world.op())
    routing = Routing("beta group", "new-shop", "user")
    op = msgspec.structs.replace(world.op(), routing=routing)
    seen = await deployer.shift(TARGET, NEW, 10, op)
    assert seen.candidate is not None
    assert (seen.candidate.weight, seen.candidate.audience) == (10, "beta group")
    shop = world.shop
    assert (shop.audience, shop.flag, shop.sticky) == ("beta group", "new-shop", "user")
    can = deployer.capabilities()
    assert (can.audience, can.flag, can.sticky) == (True, True, True)
    off = msgspec.structs.replace(world.op(), routing=Routing(flag="new-shop"))
    await deployer.rollback(TARGET, OLD, off)
    assert (shop.audience, shop.flag) == ("", "")


async def test_a_share_for_everybody_takes_the_audience_away_again(world: HttpWorld) -> None:
    deployer = world.adapter()
    await deployer.prepare(TARGET, NEW, world.op())
    narrow = msgspec.structs.replace(world.op(), routing=Routing("beta group"))
    await deployer.shift(TARGET, NEW, 10, narrow)
    seen = await deployer.shift(TARGET, NEW, 25, world.op())
    assert seen.candidate is not None
    assert (seen.candidate.weight, seen.candidate.audience) == (25, "")


async def test_a_lost_reply_is_found_again_by_its_key(world: HttpWorld) -> None:
    deployer = world.adapter()
    await deployer.prepare(TARGET, NEW, world.op())
    world.far.troubles.append(Trouble(status=504, after=True, method="PUT"))
    op = world.op()
    with pytest.raises(TemporaryError) as caught:
        await deployer.shift(TARGET, NEW, 25, op)
    assert caught.value.unknown
    assert world.shop.weight == 25
    seen = await deployer.shift(TARGET, NEW, 25, op)
    assert seen.candidate is not None
    assert seen.candidate.weight == 25


@pytest.mark.parametrize(("status", "unknown"), [(429, False), (503, False), (500, True)])
async def test_busy_is_temporary_and_says_how_long(
    world: HttpWorld, deployer: Deployer, status: int, unknown: bool
) -> None:
    world.far.troubles.append(Trouble(status=status, retry_after=7))
    with pytest.raises(TemporaryError) as caught:
        await deployer.observe(TARGET)
    assert caught.value.retry_after == timedelta(seconds=7)
    assert caught.value.unknown is unknown


async def test_a_change_that_was_taken_and_can_not_be_seen_may_have_had_its_effect(
    world: HttpWorld, deployer: Deployer
) -> None:
    world.far.troubles.append(Trouble(429, method="GET", retry_after=4))
    with pytest.raises(TemporaryError) as caught:
        await deployer.prepare(TARGET, NEW, world.op())
    assert world.shop.candidate is not None
    assert caught.value.unknown
    assert caught.value.retry_after == timedelta(seconds=4)


async def test_a_refusal_carries_the_reason_of_the_deployer(
    world: HttpWorld, deployer: Deployer
) -> None:
    with pytest.raises(PermanentError, match=r"v1\.1\.0 is not prepared") as caught:
        await deployer.shift(TARGET, NEW, 5, world.op())
    assert caught.value.code == "not_prepared"


async def test_an_equal_number_with_another_key_is_stale(
    world: HttpWorld, deployer: Deployer
) -> None:
    await deployer.prepare(TARGET, NEW, Op("one", 5))
    with pytest.raises(StaleOpError):
        await deployer.shift(TARGET, NEW, 5, Op("two", 5))


async def test_a_key_used_for_something_else_is_refused(
    world: HttpWorld, deployer: Deployer
) -> None:
    op = world.op()
    await deployer.prepare(TARGET, NEW, op)
    with pytest.raises(PermanentError, match="another change"):
        await deployer.shift(TARGET, NEW, 5, op)


async def test_a_wrong_secret_is_permanent_and_changes_nothing(world: HttpWorld) -> None:
    world.far._secret = "another"
    with pytest.raises(PermanentError) as caught:
        await world.adapter().prepare(TARGET, NEW, world.op())
    assert caught.value.code == "bad_signature"
    assert world.shop.candidate is None


async def test_a_request_recorded_yesterday_is_refused(world: HttpWorld) -> None:
    deployer = world.adapter()
    ahead = world.clock.time + 86400
    world.far._now = lambda: ahead
    with pytest.raises(PermanentError, match="too old"):
        await deployer.observe(TARGET)


async def test_names_with_odd_characters_are_signed_as_they_travel(world: HttpWorld) -> None:
    deployer = world.adapter()
    for version in ("a b/c?d#e%2Fé", "../../x", "v1.0.0\n"):
        with pytest.raises(PermanentError) as caught:
            await deployer.resolve(TARGET, version)
        assert caught.value.code == "unknown_version"


def test_a_secret_is_needed(world: HttpWorld) -> None:
    with pytest.raises(ValueError, match="COUNTERSIGN_DEPLOYER_SECRET"):
        build_deployer(world.options, http=world.http, secret="", now=world.clock.now)


class Far:
    """A deployer that answers what it was told to."""

    def __init__(self) -> None:
        self.put: Response = JSONResponse({}, 200)
        self.get: Response = JSONResponse({}, 200)

    async def answer(self, request: Request) -> Response:
        return self.put if request.method == "PUT" else self.get


@pytest.fixture
async def far(world: HttpWorld) -> AsyncIterator[Far]:
    far = Far()
    route = Route("/{rest:path}", far.answer, methods=["GET", "PUT"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=[route]))) as http:
        world.http = http
        yield far


def side(version: str, weight: float) -> dict[str, Any]:
    return {"version": version, "weight": weight, "ready": True}


async def test_an_answer_of_200_without_the_effect_is_not_believed(
    world: HttpWorld, far: Far
) -> None:
    far.get = JSONResponse({"seq": 1, "current": side("v1.0.0", 95), "candidate": side("v9", 5)})
    with pytest.raises(TemporaryError, match=r"candidate is v9 instead of v1\.1\.0"):
        await world.adapter().shift(TARGET, NEW, 5, world.op())
    far.get = JSONResponse(
        {"seq": 1, "current": side("v1.0.0", 98), "candidate": side("v1.1.0", 2)}
    )
    with pytest.raises(TemporaryError, match="receives 2 % instead of 5 %"):
        await world.adapter().shift(TARGET, NEW, 5, Op("a", 1))


async def test_seven_of_eight_machines_are_not_enough(world: HttpWorld, far: Far) -> None:
    said = {"seq": 1, "current": side("v1.0.0", 95), "candidate": side("v1.1.0", 5)}
    far.get = JSONResponse(said | {"uniform": False, "detail": "host 8 lags behind"})
    with pytest.raises(TemporaryError, match="host 8 lags behind"):
        await world.adapter().shift(TARGET, NEW, 5, world.op())


async def test_another_artifact_under_the_same_name_is_not_the_same_release(
    world: HttpWorld, far: Far
) -> None:
    moved = side("v1.1.0", 5) | {"artifact": "sha256:other"}
    far.get = JSONResponse({"seq": 1, "current": side("v1.0.0", 95), "candidate": moved})
    with pytest.raises(TemporaryError, match="not confirmed"):
        await world.adapter().shift(TARGET, Release("v1.1.0", "sha256:mine"), 5, world.op())


async def test_a_change_in_progress_that_fails_is_permanent(world: HttpWorld, far: Far) -> None:
    far.put = JSONResponse({}, 202)
    last = {"key": "k", "state": "failed", "reason": "image not found"}
    far.get = JSONResponse(
        {"seq": 1, "current": side("v1.0.0", 100), "candidate": None, "last": last}
    )
    with pytest.raises(PermanentError, match="image not found"):
        await world.adapter().prepare(TARGET, NEW, Op("k", 1))


async def test_a_change_in_progress_that_is_overtaken_is_stale(world: HttpWorld, far: Far) -> None:
    far.put = JSONResponse({}, 202)
    far.get = JSONResponse({"seq": 2, "current": side("v1.0.0", 100), "candidate": None})
    with pytest.raises(StaleOpError):
        await world.adapter().prepare(TARGET, NEW, Op("k", 1))


@pytest.mark.parametrize(
    "body",
    ["<html>hello</html>", "{}", '{"current": {"version": "v1", "weight": 101, "ready": true}}'],
)
async def test_an_answer_in_another_shape_says_nothing(
    world: HttpWorld, far: Far, body: str
) -> None:
    far.get = Response(body)
    with pytest.raises(TemporaryError, match="did not say what runs"):
        await world.adapter().observe(TARGET)


async def test_a_redirect_is_not_followed(world: HttpWorld, far: Far) -> None:
    far.get = Response(status_code=307, headers={"Location": "http://169.254.169.254/"})
    with pytest.raises(PermanentError, match="307"):
        await world.adapter().observe(TARGET)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Fri, 21 Nov 2025 09:20:30 GMT", timedelta(seconds=30)),
        ("Fri, 21 Nov 2025 09:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
async def test_retry_after_is_read_in_both_its_forms(
    world: HttpWorld, far: Far, text: str, wait: timedelta | None
) -> None:
    far.get = Response(status_code=429, headers={"Retry-After": text})
    with pytest.raises(TemporaryError) as caught:
        await world.adapter().observe(TARGET)
    assert caught.value.retry_after == wait


async def test_the_deployer_says_what_it_can_do(world: HttpWorld, far: Far) -> None:
    said = {"seq": 0, "current": side("v1.0.0", 100), "candidate": None}
    far.get = JSONResponse(said | {"capabilities": ["prepare", "promote"]})
    deployer = world.adapter()
    assert deployer.capabilities().weights
    await deployer.observe(TARGET)
    assert not deployer.capabilities().weights
    assert deployer.capabilities().promote


async def test_it_works_over_real_sockets_as_in_production(world: HttpWorld) -> None:
    config = uvicorn.Config(
        Starlette(routes=world.far.routes()), port=0, log_level="warning", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(transport=AiohttpTransport()) as http:
        world.http = http
        deployer = world.adapter(url=f"http://127.0.0.1:{port}")
        release = await deployer.resolve(TARGET, "v1.1.0")
        await deployer.prepare(TARGET, release, world.op())
        seen = await deployer.shift(TARGET, release, 5, world.op())
        with pytest.raises(PermanentError) as caught:
            await deployer.resolve(TARGET, "a b/c?d#e%2Fé")
    await server.shutdown()
    assert seen.candidate is not None
    assert seen.candidate.weight == 5
    assert caught.value.code == "unknown_version"
