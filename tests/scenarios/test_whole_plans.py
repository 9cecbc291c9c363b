"""Each of the eight plans as a team lives it: typed, ticked, signed, watched, and signed off."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.rollout import Phase
from tests.scenarios.plan_world import DAY, HOUR, MINUTE, PlanWorld, house
from tests.store.databases import Databases

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]

EARLY, LATE = timedelta(seconds=5), timedelta(seconds=30)
"""A wave ends with the first look after its soak, and its traffic is confirmed a little later."""

NOTHING = timedelta()
Share = tuple[float, timedelta]


@dataclass(frozen=True)
class Life:
    """How a release goes when all is well.

    shares: percent, and how long after the first of them it is confirmed. updates: of each stretch
    of a wave (its number from 0, and when in the wave it begins) how far its updates are apart.
    lasts: from the first traffic to its end. signoffs: how long after that each is given.
    """

    shares: Sequence[Share]
    lasts: timedelta
    updates: Sequence[tuple[int, timedelta, timedelta]] = ()
    says: Sequence[str] = ()
    signoffs: Mapping[str, timedelta] = field(default_factory=dict)
    grade: str = ""


def within(found: timedelta, wanted: timedelta, late: timedelta = LATE) -> bool:
    """Posts wait their turn for some seconds, so the first can be later than what it tells."""
    return wanted - EARLY <= found <= wanted + late


LIVES: Mapping[str, Life] = {
    "whispercache-canary": Life(
        [(5, NOTHING), (25, 30 * MINUTE), (50, HOUR), (100, 2 * HOUR)], 5 * HOUR
    ),
    "whispercache-bluegreen": Life(
        [(0, NOTHING), (5, NOTHING), (25, NOTHING), (50, NOTHING), (100, NOTHING)], HOUR
    ),
    "proofile-staged": Life(
        [(5, NOTHING), (25, 2 * DAY), (100, 5 * DAY)],
        6 * DAY + HOUR,
        updates=[
            (0, NOTHING, 15 * MINUTE),
            (1, NOTHING, 5 * MINUTE),
            (2, NOTHING, MINUTE),
            (2, HOUR, 5 * MINUTE),
            (2, 8 * HOUR, 15 * MINUTE),
        ],
        signoffs={"day1": DAY, "day7": 7 * DAY, "week2_4": 14 * DAY},
        grade="ready for next sprint",
    ),
    "batch-patches-waves": Life(
        [(10, NOTHING), (25, 2 * DAY), (50, 4 * DAY), (100, 6 * DAY)],
        8 * DAY + HOUR,
        updates=[
            (0, NOTHING, 15 * MINUTE),
            (1, NOTHING, 10 * MINUTE),
            (2, NOTHING, 5 * MINUTE),
            (3, NOTHING, MINUTE),
            (3, 8 * HOUR, 5 * MINUTE),
        ],
        says=["Time for the review", "Time to meet (09:00", "Time to meet (17:00", "retrospective"],
        signoffs={"final": 14 * DAY},
        grade="production grade",
    ),
    "crypto-watch-linear": Life(
        [(10.0 * n, (n - 1) * MINUTE) for n in range(1, 11)], HOUR + 15 * MINUTE
    ),
    "sarvanom-feature": Life(
        [(5, NOTHING), (25, 30 * MINUTE), (50, 90 * MINUTE), (100, 210 * MINUTE)], 270 * MINUTE
    ),
    "sarvanom-hotfix": Life([(100, NOTHING)], HOUR),
    "sarvanom-major": Life([(5, NOTHING), (25, HOUR), (50, 3 * HOUR), (100, 7 * HOUR)], 8 * HOUR),
}


@pytest.fixture
async def team(
    files: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[PlanWorld]:
    """People who release by the plan of the test's parameter."""
    made = PlanWorld(await files.migrated(), request.param)
    made.house = house(request.param, tmp_path)
    await made.begin()
    try:
        yield made
        await made.verify()
    finally:
        await made.end()


@pytest.mark.parametrize(("team", "life"), LIVES.items(), indirect=["team"], ids=list(LIVES))
async def test_a_team_releases_by_a_plan_and_goes_on_to_its_last_signature(
    team: PlanWorld, life: Life
) -> None:
    await team.ask()
    assert await team.tick_all() > 2
    await team.sign_all()
    done = await team.release_all()
    assert done.phase is Phase.COMPLETED, done.reason
    assert f"{done.version} is live; {done.previous} has been stopped." in team.thread()

    shares = team.shares()
    first = shares[0][1]
    assert [share for share, _ in shares] == [share for share, _ in life.shares]
    for (_, at), (_, wanted) in zip(shares, life.shares, strict=True):
        assert within(at - first, wanted, late=MINUTE * len(shares))
    assert done.ended_at is not None
    assert within(done.ended_at - first, life.lasts, late=20 * MINUTE)
    for words in life.says:
        assert team.posts(words), words
    for wave, begins, every in life.updates:
        assert_regular(team, shares[wave][1] + begins, every)

    given = await team.sign_off_all()
    assert list(given) == list(life.signoffs)
    for name, wanted in life.signoffs.items():
        assert within(given[name] - done.ended_at, wanted, late=HOUR)
    care = await team.care()
    if life.grade:
        assert care is not None
        assert f"is now {life.grade}" in team.everything_said()


def assert_regular(team: PlanWorld, begins: datetime, every: timedelta) -> None:
    """The first updates of a stretch are there, each at its time."""
    posts = [at - begins for at in team.posts("Status at") if at > begins]
    for number in range(1, team.watched + 1):
        found = posts[number - 1]
        assert within(found, every * number), f"{number}: {found} after {begins}"


@pytest.mark.requirement("P-059", "P-111", "P-151")
@pytest.mark.parametrize("team", ["proofile-staged"], indirect=True)
async def test_a_quarter_that_goes_wrong_is_stepped_back_from_seen_to_be_over_and_tried_again(
    team: PlanWorld,
) -> None:
    await team.ask()
    await team.tick_all()
    await team.sign_all()
    await team.wave(1)
    team.levels["cpu_used"] = 0.9
    await team.until(Phase.PAUSED, within=20 * MINUTE)
    team.page_about("Stepping back to 5 %")
    assert team.shop.weights[-1] == 5
    assert team.said("Choose how to go on: fix, rollback, proceed.")
    await team.advance(minutes=2)
    assert not team.said("It is over")
    team.levels["cpu_used"] = 0.4
    await team.until_said("It is over: no alert at 5 % for 5m.")
    await team.say("alan", "/release choose fix an index was missing")
    await team.say("alan", "/release resume")
    await team.until_that(lambda r: r.weight == 25)
    assert team.shop.weights == [5, 25, 5, 25]
    team.pages()
