"""What every source that counts promises, whatever is behind it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.domain.samples import Buckets, Counts, Track, Unknown
from bot.metrics import KINDS, build
from bot.ports import PermanentError
from tests.contract.sources import (
    ERRORS,
    LATENCY,
    SUCCESSES,
    DeployerWorld,
    FakeWorld,
    RealWorld,
    World,
    query_of,
)


@pytest.fixture(params=["fake", "deployer", pytest.param("real", marks=pytest.mark.real)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "real":
        server, exporters = request.getfixturevalue("prometheus")
        async with httpx.AsyncClient() as http:
            yield RealWorld(server, exporters, http)
        return
    fake: World = FakeWorld() if request.param == "fake" else DeployerWorld()
    async with fake.http:
        yield fake


async def test_the_first_reading_marks_the_place_and_counts_nothing(world: World) -> None:
    world.tallies[Track.CANARY].serve(fast=900, bad=90)
    first, cursor = await world.sample(ERRORS)
    assert first.value == Counts(0, 0)
    assert cursor


async def test_a_reading_counts_exactly_what_came_since_the_cursor(world: World) -> None:
    canary = world.tallies[Track.CANARY]
    canary.serve(fast=900, bad=90)
    _, cursor = await world.sample(ERRORS)
    canary.serve(fast=10, bad=3)
    second, after = await world.sample(ERRORS, cursor)
    assert second.value == Counts(3, 10)
    third, _ = await world.sample(ERRORS, after)
    assert third.value == Counts(0, 0)
    again, _ = await world.sample(ERRORS, cursor)
    assert again.value == Counts(3, 10)


async def test_counters_that_begin_anew_count_in_full(world: World) -> None:
    canary = world.tallies[Track.CANARY]
    canary.serve(fast=900, bad=90)
    _, cursor = await world.sample(ERRORS)
    canary.restart()
    canary.serve(fast=7, bad=2)
    reading, _ = await world.sample(ERRORS, cursor)
    assert reading.value == Counts(2, 7)


async def test_the_tracks_are_counted_apart(world: World) -> None:
    _, cursor = await world.sample(ERRORS, track=Track.BASELINE)
    world.tallies[Track.BASELINE].serve(fast=5, bad=1)
    world.tallies[Track.CANARY].serve(fast=50, bad=50)
    reading, _ = await world.sample(ERRORS, cursor, Track.BASELINE)
    assert reading.value == Counts(1, 5)


async def test_naming_the_good_events_counts_the_others_as_bad(world: World) -> None:
    _, cursor = await world.sample(SUCCESSES)
    world.tallies[Track.CANARY].serve(fast=20, bad=4)
    reading, _ = await world.sample(SUCCESSES, cursor)
    assert reading.value == Counts(4, 20)


async def test_latencies_come_as_growth_of_buckets(world: World) -> None:
    canary = world.tallies[Track.CANARY]
    canary.serve(fast=100, slow=100)
    first, cursor = await world.sample(LATENCY)
    assert first.value == Buckets(0, ((0.1, 0), (0.5, 0)))
    canary.serve(fast=9, slow=1)
    second, after = await world.sample(LATENCY, cursor)
    assert second.value == Buckets(10, ((0.1, 9), (0.5, 10)))
    canary.restart()
    canary.serve(fast=2, slow=3)
    third, _ = await world.sample(LATENCY, after)
    assert third.value == Buckets(5, ((0.1, 2), (0.5, 5)))


async def test_an_outage_is_unknown_and_nothing_is_lost_by_it(world: World) -> None:
    canary = world.tallies[Track.CANARY]
    _, cursor = await world.sample(ERRORS)
    canary.serve(fast=10, bad=1)
    async with world.outage():
        blind, kept = await world.read(ERRORS, cursor)
        assert isinstance(blind, Unknown)
        assert blind.reason
    canary.serve(fast=10, bad=1)
    reading, _ = await world.sample(ERRORS, kept)
    assert reading.value == Counts(2, 20)


async def test_the_samples_own_time_is_told(world: World) -> None:
    reading, _ = await world.sample(ERRORS)
    assert reading.measured_at <= world.now()
    assert reading.measured_at.utcoffset() is not None


async def test_a_cursor_of_another_kind_of_source_starts_anew(world: World) -> None:
    world.tallies[Track.CANARY].serve(fast=10)
    reading, _ = await world.sample(ERRORS, '{"somebody": "else"}')
    assert reading.value == Counts(0, 0)


async def test_a_probe_can_not_be_read_from_counters(world: World) -> None:
    probe = type(ERRORS)(kind="probe", url="/health", name="health")
    with pytest.raises(PermanentError):
        await world.source().read(query_of(probe), "", world.now())


async def test_options_of_no_source_are_refused() -> None:
    async with httpx.AsyncClient() as http:
        with pytest.raises(ValueError, match="belongs to no metric source"):
            build(ERRORS, http=http, secret="", now=FakeWorld().now)


def test_every_kind_carries_its_own_name() -> None:
    for name, kind in KINDS.items():
        assert kind.options.__struct_config__.tag == name
        assert kind.options.__struct_config__.tag_field == "kind"
