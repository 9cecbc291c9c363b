"""What is refused before anybody is asked to sign, and gates that are commands."""

import copy
from typing import Any

import msgspec
import pytest

from bot.domain.events import RunCheck
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase
from bot.engine.checks import run_command
from bot.ports import Capabilities, PermanentError
from tests.engine.world import DOCUMENT, World
from tests.fakes.deployer import broken


async def refused(world: World, version: str = "v2") -> str:
    found = await world.start(version=version)
    assert found.phase is Phase.CANCELLED
    assert not any(channel.startswith("D") for channel, _ in world.chat.messages)
    return found.reason


async def test_an_unknown_version_is_refused(world: World) -> None:
    assert "there is no v404" in await refused(world, "v404")


async def test_a_version_without_a_digest_is_refused(world: World) -> None:
    world.deployer.artifacts["v2"] = ""
    assert "digest" in await refused(world)


async def test_a_plan_that_the_backend_can_not_carry_out_is_refused(world: World) -> None:
    world.deployer.can = Capabilities(weights=False, promote=False)
    reason = await refused(world)
    assert "partial traffic" in reason
    assert "current one" in reason


async def test_a_metric_that_nobody_reads_is_refused(world: World) -> None:
    shop = world.catalogue.target("shop", "production")
    blind = msgspec.structs.replace(shop, sources={})
    world.catalogue = msgspec.structs.replace(
        world.catalogue, targets={("shop", "production"): blind}
    )
    world.engine = world.build()
    assert "error_rate" in await refused(world)


async def test_a_service_that_is_not_configured_is_refused(world: World) -> None:
    world.catalogue = msgspec.structs.replace(world.catalogue, targets={})
    world.engine = world.build()
    assert "not configured" in await refused(world)


async def test_a_target_that_does_not_answer_is_asked_again_and_then_refused(world: World) -> None:
    world.deployer.blind = broken("no route")
    assert (await world.start()).phase is Phase.PREFLIGHT
    await world.pass_time(140, step=5)
    found = await world.rollout()
    assert found.phase is Phase.CANCELLED
    assert "no route" in found.reason


async def test_a_tag_that_moved_voids_the_signatures(world: World) -> None:
    await world.start()
    await world.sign_as("U0ADA")
    world.deployer.artifacts["v2"] = "sha256:other"
    found = await world.sign()
    assert found.phase is Phase.AWAITING_APPROVAL
    assert found.request is not None
    assert found.request.signatures == ()
    assert found.generation == 2


@pytest.mark.parametrize(("check", "ok"), [("good", True), ("bad", False)])
async def test_the_exit_status_of_a_check_is_its_answer(world: World, check: str, ok: bool) -> None:
    document: dict[str, Any] = copy.deepcopy(dict(DOCUMENT))
    document["waves"][0]["go_if"] = [{"id": "smoke", "check": check}]
    await world.start(plan=compile_plan(document))
    await world.sign()
    await world.until(Phase.SOAKING)
    checks = world.engine._parts["rollout"].performer._checks
    (answer,) = await checks.run(await world.rollout(), RunCheck("smoke", check))
    assert answer.ok is ok
    if check == "bad":
        assert answer.evidence == "v2 is bad"


async def test_a_check_without_a_command_is_left_to_a_person(world: World) -> None:
    await world.start()
    checks = world.engine._parts["rollout"].performer._checks
    assert await checks.run(await world.rollout(), RunCheck("smoke", "missing")) == ()


async def test_a_command_that_hangs_is_ended() -> None:
    status, words = await run_command(["sleep", "60"], limit=0.05)
    assert status == 1
    assert "no answer" in words


async def test_a_command_that_does_not_exist_is_a_permanent_error() -> None:
    with pytest.raises(PermanentError, match="can't be run"):
        await run_command(["/nowhere/at/all"])
