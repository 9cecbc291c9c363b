"""What is read for pictures alone decides nothing."""

from collections.abc import Callable
from datetime import datetime

import pytest

from bot.domain.rollout import Phase
from bot.domain.samples import Reading, Track, Unknown
from bot.engine.engine import Options
from bot.ports import MetricQuery, PermanentError
from bot.store.database import Store
from tests.engine.world import World
from tests.fakes.metrics import FakeMetrics


class Half(FakeMetrics):
    """Says nothing of the old version."""

    fails: Callable[[], Reading]

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        found = await super().read(query, cursor, now)
        return self.fails() if query.track is Track.BASELINE else found


def refused() -> Reading:
    raise PermanentError("there is no such track")


async def released(store: Store, *, drawn: bool, fails: Callable[[], Reading] = refused) -> World:
    """A release whose plan compares with nothing, as far as it comes."""
    world = World(store, Options(drawn=drawn))
    world.metrics = Half()
    world.metrics.fails = fails
    world.catalogue = world._catalogue()
    world.engine = world.build()
    await world.start()
    await world.sign()
    await world.until(Phase.COMPLETED)
    return world


@pytest.mark.thorough
@pytest.mark.parametrize("fails", [refused, lambda: Unknown("no data", mistake=True)])
async def test_a_release_goes_on_where_only_the_picture_lacks_the_old_version(
    inline_store: Store, fails: Callable[[], Reading]
) -> None:
    world = await released(inline_store, drawn=True, fails=fails)
    assert Track.BASELINE in {track for _, track, _ in world.metrics.reads}


@pytest.mark.thorough
async def test_without_pictures_the_old_version_is_asked_for_its_requests_alone(
    inline_store: Store,
) -> None:
    world = await released(inline_store, drawn=False)
    asked = {name for name, track, _ in world.metrics.reads if track is Track.BASELINE}
    assert asked == {"error_rate"}
