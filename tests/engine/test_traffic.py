"""What reaches the deployer besides a weight, and what people hear of requests that are missed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.audience import Routing
from bot.domain.calendar import Span
from bot.domain.events import RollbackRequested
from bot.domain.people import Actor
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase
from bot.ports import Capabilities
from tests.engine.world import DOCUMENT, NOON, World

ADA = Actor("ada", "U0ADA", ("security",))
FLAGGED = {"by": "feature_flag", "flag": "new-shop", "sticky": "user"}
ABLE = Capabilities(audience=True, flag=True, sticky=True)


def document(**more: Any) -> Mapping[str, Any]:
    first, last = DOCUMENT["waves"]
    return {**DOCUMENT, "waves": [{**first, "audience": "beta group", "soak": "20s"}, last], **more}


async def soaking(world: World, **more: Any) -> None:
    await world.start(plan=compile_plan(document(**more)))
    await world.sign()
    await world.until(Phase.SOAKING)
    await world.pass_time(11)


def said(world: World, word: str) -> list[str]:
    return [text for text in world.chat.texts("C0SHOP") if word in text]


@pytest.mark.requirement("X-17", "B-028")
async def test_audience_flag_and_stickiness_go_with_the_share(world: World) -> None:
    world.deployer.can = ABLE
    await soaking(world, shift=FLAGGED)
    await world.engine.apply("r1", RollbackRequested(ADA, "enough", "q2", now=True))
    await world.engine.settle()
    routed = dict(world.deployer.routings)
    assert routed["shift"] == Routing("beta group", "new-shop", "user")
    assert routed["rollback"].flag == "new-shop"
    assert world.deployer.audience == "beta group"


@pytest.mark.thorough
async def test_a_deployer_that_knows_none_of_it_is_asked_for_a_weight(world: World) -> None:
    await soaking(world, shift=FLAGGED)
    assert {routing for _, routing in world.deployer.routings} == {Routing()}


@pytest.mark.thorough
@pytest.mark.requirement("X-17")
async def test_a_plan_that_needs_an_audience_is_refused_before_anybody_signs(world: World) -> None:
    refused = compile_plan(document(shift={"needs": ["audience"]}))
    found = await world.start(plan=refused)
    assert found.phase is Phase.CANCELLED
    assert "needs narrowing a share to an audience, which the deployer can't do" in found.reason
    assert not any("please sign" in text for _, text in _direct(world))
    world.deployer.can = ABLE
    assert (await world.start("r2", plan=refused)).phase is Phase.AWAITING_APPROVAL


def _direct(world: World) -> list[tuple[str, str]]:
    return [(place, m.text) for (place, _), m in world.chat.messages.items() if place[0] == "D"]


@pytest.mark.requirement("P-003", "B-004")
async def test_a_gap_while_traffic_goes_back_is_told_and_holds_nothing_up(world: World) -> None:
    await soaking(world)
    world.metrics.requests = 0
    await world.engine.apply("r1", RollbackRequested(ADA, "enough", "q2", now=True))
    await world.engine.settle()
    assert await world.phase() is Phase.ROLLED_BACK
    await world.pass_time(5)
    (gap,) = said(world, "Gap in the traffic")
    assert gap.startswith("Gap in the traffic during the rollback: no requests were served, since")
    world.metrics.requests = 1000
    await world.pass_time(5)
    assert said(world, "The gap in the traffic is over")
    await world.pass_time(75, step=5)
    found = await world.rollout()
    assert [gap.until is None for gap in found.served.gaps] == [False]
    assert found.next_check_at is None


@pytest.mark.thorough
@pytest.mark.requirement("P-003", "B-004")
async def test_metrics_that_are_out_of_reach_are_unknown_and_no_gap(world: World) -> None:
    await soaking(world)
    world.metrics.silent = "no answer"
    await world.engine.apply("r1", RollbackRequested(ADA, "enough", "q2", now=True))
    await world.pass_time(75, step=5)
    assert await world.phase() is Phase.ROLLED_BACK
    (told,) = [*said(world, "Gap in the traffic"), *said(world, "were served")]
    assert told.startswith("Whether requests were served during the rollback is unknown")


@pytest.mark.thorough
async def test_a_release_without_a_gap_says_nothing_of_it(world: World) -> None:
    await soaking(world)
    await world.until(Phase.COMPLETED)
    assert said(world, "Gap") == said(world, "were served") == []
    served = (await world.rollout()).served
    assert served.at is not None
    assert msgspec.json.decode(msgspec.json.encode(served), type=type(served)) == served


@pytest.mark.thorough
@pytest.mark.requirement("C-121")
async def test_a_signed_release_begins_when_the_team_comes(world: World) -> None:
    there = Span(NOON + timedelta(minutes=30), NOON + timedelta(hours=9))
    here = world.catalogue.targets["shop", "production"]
    staffed = msgspec.structs.replace(here, team_hours=(there,))
    targets = {("shop", "production"): staffed}
    world.catalogue = msgspec.structs.replace(world.catalogue, targets=targets)
    world.engine = world.build()
    await world.start(plan=compile_plan(document(calendar={"team": "require"})))
    held = await world.sign()
    assert (held.phase, held.opens_at) == (Phase.QUEUED, there.start)
    assert "the team is not there" in held.reason
    world.clock.advance(29 * 60)
    await world.pass_time(50, step=25)
    assert await world.phase() is Phase.QUEUED
    await world.pass_time(15, step=5)
    assert await world.phase() is not Phase.QUEUED


@pytest.mark.thorough
async def test_what_is_critical_is_said_where_the_plan_wants_it(world: World) -> None:
    await soaking(world, channels={"critical": "C0OURS", "warning": "#ours"})
    await world.engine.apply("r1", RollbackRequested(ADA, "enough", "q2", now=True))
    await world.engine.settle()
    assert any("enough" in text for text in world.chat.texts("C0OURS"))
    assert world.chat.texts("C0CRITICAL") == []
