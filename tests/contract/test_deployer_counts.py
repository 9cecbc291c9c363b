"""Counts that an HTTP deployer reports, and the practice deployer as one that does."""

from random import Random

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from bot.domain.plan import Metric
from bot.domain.samples import Counts, Sample, Track, Unknown
from bot.domain.signing import sign
from bot.metrics import build
from bot.metrics.deployer import DeployerOptions
from bot.ports import MetricQuery, PermanentError, Release
from bot.practice.deployer import PracticeDeployer
from bot.practice.shop import ShopModel
from tests.contract.sources import (
    EPOCH,
    ERRORS,
    LATENCY,
    SECRET,
    TARGET,
    DeployerWorld,
    instant,
    query_of,
)


async def test_counts_taken_long_ago_are_unknown() -> None:
    world = DeployerWorld()
    world.deployer.changes = {"measured_at": instant(EPOCH - 60).isoformat()}
    reading, _ = await world.read(ERRORS)
    assert isinstance(reading, Unknown)
    assert "old" in reading.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"measured_at": "yesterday"},
        {"measured_at": "2026-01-01T00:00:00"},
        {"current": None},
        {"candidate": {"version": "v2.0.0", "since": "x", "requests": -1, "errors": 0}},
        {"candidate": {"version": "v2.0.0", "since": "x", "requests": 9, "errors": 99}},
    ],
)
async def test_counts_that_make_no_sense_are_unknown(changes: dict[str, object]) -> None:
    world = DeployerWorld()
    world.deployer.changes = changes
    reading, _ = await world.read(ERRORS)
    assert isinstance(reading, Unknown)


async def test_a_version_that_the_deployer_does_not_count_is_unknown() -> None:
    world = DeployerWorld()
    world.deployer.changes = {"candidate": None}
    reading, _ = await world.read(ERRORS)
    assert isinstance(reading, Unknown)


async def test_a_promoted_candidate_goes_on_being_the_canary() -> None:
    world = DeployerWorld()
    _, cursor = await world.sample(ERRORS)
    world.tallies[Track.CANARY].serve(fast=10, bad=1)
    promoted = {
        "version": "v2.0.0",
        "since": instant(EPOCH).isoformat(),
        "requests": 10,
        "errors": 1,
    }
    world.deployer.changes = {"current": promoted, "candidate": None}
    reading, _ = await world.sample(ERRORS, cursor)
    assert reading.value == Counts(1, 10)


async def test_without_versions_the_roles_tell_the_tracks_apart() -> None:
    world = DeployerWorld()
    query = msgspec.structs.replace(query_of(ERRORS, Track.BASELINE), releases={})
    first = await world.source().read(query, "", world.now())
    world.tallies[Track.BASELINE].serve(fast=5)
    second = await world.source().read(query, first.cursor, world.now())
    assert isinstance(second, Sample)
    assert second.value == Counts(0, 5)


async def test_a_deployer_counts_neither_gauges_nor_events() -> None:
    world = DeployerWorld()
    for kind in ("gauge", "count"):
        metric = msgspec.convert({"kind": kind, "query": "x"}, Metric)
        with pytest.raises(PermanentError, match="no " + kind):
            await world.source().read(query_of(metric), "", world.now())


async def test_a_wrong_secret_is_told_by_its_status() -> None:
    world = DeployerWorld()
    source = build(world.options, http=world.http, secret="another", now=world.now)
    reading = await source.read(query_of(ERRORS), "", world.now())
    assert isinstance(reading, Unknown)
    assert "401" in reading.reason


@pytest.mark.parametrize("secret", ["", "x"])
async def test_an_address_and_a_secret_are_needed(secret: str) -> None:
    options = DeployerOptions(url="" if secret else "http://deployer")
    async with httpx.AsyncClient() as http:
        with pytest.raises(ValueError, match="SECRET" if not secret else "url"):
            build(options, http=http, secret=secret, now=lambda: instant(EPOCH))


def test_a_signature_covers_every_part_of_a_call() -> None:
    signature = sign("s", "1700000000", "GET", "/v1/x?y=1", b"")
    assert signature == "v1=8773a704e0b942bcd396c0818026bea282f2f45d359507edc37843004174c4a1"
    others = {
        sign("t", "1700000000", "GET", "/v1/x?y=1", b""),
        sign("s", "1700000001", "GET", "/v1/x?y=1", b""),
        sign("s", "1700000000", "PUT", "/v1/x?y=1", b""),
        sign("s", "1700000000", "GET", "/v1/x?y=2", b""),
        sign("s", "1700000000", "GET", "/v1/x?y=1", b"{}"),
    }
    assert len(others | {signature}) == 6


async def test_the_practice_deployer_is_understood() -> None:
    clock = [EPOCH]
    shop = ShopModel(now=EPOCH, randomness=Random(1))
    practice = PracticeDeployer({TARGET: shop}, secret=SECRET, now=lambda: clock[0])
    app = Starlette(routes=practice.routes())
    version = shop.current.release.version
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        source = build(
            DeployerOptions(url="http://practice"),
            http=http,
            secret=SECRET,
            now=lambda: instant(clock[0]),
        )
        releases = {Track.CANARY: Release("v9.9.9"), Track.BASELINE: Release(version)}
        for metric in (ERRORS, LATENCY):
            query = MetricQuery(metric, Track.BASELINE, TARGET, releases)
            reading = await source.read(query, "", instant(clock[0]))
            assert isinstance(reading, Sample), reading
            missing = msgspec.structs.replace(query, track=Track.CANARY)
            assert isinstance(await source.read(missing, "", instant(clock[0])), Unknown)
