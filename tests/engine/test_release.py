"""A whole release through the engine, and what crashes, replays and second workers do to it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.domain.events import PauseRequested, RollbackRequested
from bot.domain.people import Actor
from bot.domain.rollout import Phase
from bot.domain.samples import Track
from bot.engine import transitions
from bot.engine.rollouts import UnderWayError
from bot.ports import PermanentError, TemporaryError
from bot.store import tables
from bot.store.database import Store
from bot.store.queries import ops, records, rollouts
from tests.engine.world import World
from tests.fakes.deployer import broken

ADA = Actor("ada", "U0ADA", ("security",))


def weights(world: World) -> list[float]:
    return [weight for name, _, weight in world.deployer.applied if name == "shift"]


async def soaking(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.SOAKING)


async def test_a_release_goes_from_the_request_to_completion(world: World) -> None:
    assert (await world.start()).phase is Phase.AWAITING_APPROVAL
    await world.sign()
    await world.until(Phase.COMPLETED)
    assert [name for name, _, _ in world.deployer.applied] == [
        "prepare", "shift", "shift", "promote", "retire",
    ]  # fmt: skip
    assert weights(world) == [5.0, 100.0]
    assert (world.deployer.current, world.deployer.candidate) == ("v2", "")
    assert world.chat.texts("C0SHOP", threads=False) == ["v2 completed 100"]
    assert await world.dead_letters() == []
    assert await world.verify_audit() > 5


async def test_a_change_that_may_have_left_is_not_written_down_as_refused(world: World) -> None:
    await world.start()
    world.deployer.fail(broken(unknown=True), applied=True)
    world.deployer.fail(broken("connection refused"))
    await world.sign()
    asked = (await world.rollout()).op_key
    await world.pass_time(2)
    await world.engine.apply("r1", RollbackRequested(ADA, "enough", "q1"))
    await world.engine.settle()
    change = await world.store.transact(lambda conn: ops.find(conn, asked))
    assert world.deployer.keys[0] == asked
    assert change is not None
    assert change.state == "unknown"


async def test_a_version_that_many_ask_for_in_the_same_instant_is_begun_once(world: World) -> None:
    asked = [world.request(f"r{number}", "v2") for number in range(5)]
    came = await asyncio.gather(*asked, return_exceptions=True)
    assert [each for each in came if not isinstance(each, UnderWayError)] == [None]
    await world.request("r9", "v3")
    assert await world.store.transact(lambda conn: len(rollouts.unfinished(conn))) == 2


async def test_those_who_can_sign_are_asked_once_and_not_the_requester(world: World) -> None:
    await world.start()
    asked = [channel for channel, _ in world.chat.messages if channel.startswith("D")]
    assert sorted(asked) == ["DU0ADA", "DU0GRACE"]


@pytest.mark.requirement("W-002")
async def test_one_signature_moves_nothing(world: World) -> None:
    await world.start()
    await world.sign_as("U0ADA")
    await world.engine.settle()
    assert await world.phase() is Phase.AWAITING_APPROVAL
    assert world.deployer.calls == []


async def test_two_signatures_in_the_same_instant_fire_once(world: World) -> None:
    await world.start()
    await asyncio.gather(world.sign_as("U0ADA"), world.sign_as("U0GRACE"))
    await world.engine.settle()
    await world.until(Phase.SOAKING)
    assert world.deployer.calls.count("prepare") == 1


@pytest.mark.thorough
async def test_a_signer_who_lost_the_role_has_to_be_replaced(world: World) -> None:
    await world.start()
    await world.sign_as("U0ADA")
    await world.sign_as("U0GRACE")
    world.chat.groups["S0OPS"] = frozenset()
    await world.engine.settle()
    found = await world.rollout()
    assert found.phase is Phase.AWAITING_APPROVAL
    assert found.request is not None
    assert [s.person for s in found.request.signatures] == ["ada"]


async def test_nothing_begins_while_nobody_can_say_who_holds_a_role(world: World) -> None:
    await world.start()
    await world.sign_as("U0ADA")
    await world.sign_as("U0GRACE")
    world.chat.down = True
    await world.engine.settle()
    assert await world.phase() is Phase.QUEUED
    world.chat.down = False
    await world.until(Phase.SOAKING)


@pytest.mark.requirement("W-135", "S3-08", "X-23")
async def test_a_breach_takes_all_traffic_back_without_asking(world: World) -> None:
    await soaking(world)
    world.metrics.errors[Track.CANARY] = 0.5
    await world.until(Phase.ROLLED_BACK)
    assert (world.deployer.current, world.deployer.weight) == ("v1", 0.0)
    assert any("Rolling back" in text for text in world.chat.texts("C0CRITICAL"))


@pytest.mark.thorough
@pytest.mark.requirement("W-136", "S4-04a")
async def test_the_side_that_loses_its_traffic_is_given_the_plans_time_to_drain(
    world: World,
) -> None:
    await soaking(world)
    world.metrics.errors[Track.CANARY] = 0.5
    await world.until(Phase.ROLLED_BACK)
    assert world.deployer.drains[-1] == ("rollback", timedelta(seconds=30))


async def test_a_query_that_can_never_work_pauses_instead_of_waiting(world: World) -> None:
    await soaking(world)
    world.metrics.error = PermanentError("one value is needed, but there are 2 series")
    await world.until(Phase.PAUSED, seconds=5)
    assert "there are 2 series" in (await world.rollout()).reason
    assert any("there are 2 series" in text for text in world.chat.texts("C0CRITICAL"))


@pytest.mark.thorough
@pytest.mark.requirement("W-141")
async def test_a_rolled_back_artifact_does_not_start_again(world: World) -> None:
    await soaking(world)
    world.metrics.errors[Track.CANARY] = 0.5
    await world.until(Phase.ROLLED_BACK)
    world.deployer.candidate = ""
    again = await world.start("r2")
    assert again.phase is Phase.CANCELLED
    assert "quarantine" in again.reason


@pytest.mark.thorough
async def test_a_second_release_on_the_target_waits_for_its_turn(world: World) -> None:
    await soaking(world)
    await world.start("r2", "v3")
    queued = await world.sign("r2")
    assert queued.phase is Phase.QUEUED
    assert "waiting for v2" in queued.reason
    await world.until(Phase.COMPLETED)
    await world.until(Phase.SOAKING, id_="r2")
    assert world.deployer.candidate == "v3"


@pytest.mark.thorough
@pytest.mark.parametrize("times", [1, 2])
async def test_a_lost_reply_of_the_deployer_moves_traffic_once(world: World, times: int) -> None:
    await world.start()
    world.deployer.fail(*[broken("timeout", unknown=True)] * times, applied=True)
    await world.sign()
    await world.until(Phase.SOAKING)
    assert [name for name, _, _ in world.deployer.applied] == ["prepare", "shift"]


async def test_a_change_that_can_not_work_halts_and_pages(world: World) -> None:
    await world.start()
    world.deployer.fail(PermanentError("422: no such slot"))
    await world.sign()
    assert await world.phase() is Phase.HALTED
    assert any("no such slot" in text for text in world.chat.texts("C0CRITICAL"))


@pytest.mark.thorough
async def test_a_change_that_keeps_failing_is_said_and_in_the_end_halts(world: World) -> None:
    await world.start()
    world.deployer.fail(*[broken()] * 1000)
    await world.sign()
    await world.pass_time(30)
    assert any("tried 3 times" in text for text in world.chat.texts("C0CRITICAL"))
    assert await world.phase() is Phase.PREPARING
    await world.pass_time(900, step=15)
    assert await world.phase() is Phase.HALTED


async def test_a_rollback_is_never_given_up(world: World) -> None:
    await soaking(world)
    world.deployer.fail(*[broken()] * 300)
    await world.engine.apply("r1", RollbackRequested(ADA, "looks bad", "q9", now=True))
    await world.engine.settle()
    await world.pass_time(1800, step=30)
    assert await world.phase() is Phase.ROLLING_BACK
    world.deployer.faults.clear()
    await world.until(Phase.ROLLED_BACK)
    assert world.deployer.weight == 0.0


@pytest.mark.thorough
async def test_a_rollback_overtakes_the_change_that_waits(world: World) -> None:
    await soaking(world)
    world.deployer.fail(*[broken()] * 3)
    await world.pass_time(12)
    assert await world.phase() is Phase.SHIFTING
    await world.engine.apply("r1", RollbackRequested(ADA, "enough", "q9", now=True))
    world.deployer.faults.clear()
    await world.engine.settle()
    assert await world.phase() is Phase.ROLLED_BACK
    await world.pass_time(60)
    assert weights(world) == [5.0]


async def test_a_rollback_goes_out_although_the_target_can_not_be_seen(world: World) -> None:
    await soaking(world)
    world.deployer.blind = TemporaryError("no route")
    await world.engine.apply("r1", RollbackRequested(ADA, "dark", "q9", now=True))
    await world.engine.settle()
    assert world.deployer.weight == 0.0


@pytest.mark.thorough
async def test_a_rollback_installs_the_old_version_again_when_it_is_gone(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.COMPLETED)
    await world.engine.apply("r1", RollbackRequested(ADA, "late bug", "q9", now=True))
    await world.engine.settle()
    await world.until(Phase.ROLLED_BACK)
    assert [name for name, _, _ in world.deployer.applied][-2:] == ["prepare", "rollback"]
    assert world.deployer.current == "v1"


@pytest.mark.thorough
async def test_a_rollback_catches_up_with_a_target_that_counted_further(world: World) -> None:
    await soaking(world)
    world.deployer.seq = 500
    await world.engine.apply("r1", RollbackRequested(ADA, "restored", "q9", now=True))
    await world.engine.settle()
    await world.pass_time(5)
    assert await world.phase() is Phase.ROLLED_BACK
    assert world.deployer.seq > 500


@pytest.mark.thorough
async def test_a_change_older_than_what_the_target_saw_halts(world: World) -> None:
    await world.start()
    await world.sign_as("U0ADA")
    await world.sign_as("U0GRACE")
    await world.engine.settle()
    await world.until(Phase.SOAKING)
    world.deployer.seq = 500
    await world.pass_time(12)
    assert await world.phase() is Phase.HALTED
    assert weights(world) == [5.0]


# --- time ---------------------------------------------------------------------------------------


async def test_a_jump_of_the_clock_does_not_shorten_a_soak(world: World) -> None:
    await soaking(world)
    await world.pass_time(3)
    before = (await world.rollout()).soak_done
    world.clock.jump(3600)
    await world.engine.settle()
    found = await world.rollout()
    assert found.soak_done - before < timedelta(seconds=1)
    assert found.phase is Phase.SOAKING


@pytest.mark.thorough
async def test_a_jump_backwards_does_not_stop_the_soak_for_good(world: World) -> None:
    await soaking(world)
    world.clock.jump(-5)
    await world.until(Phase.COMPLETED, 180)


@pytest.mark.thorough
async def test_a_restart_counts_one_poll_and_not_the_time_it_took(world: World) -> None:
    await soaking(world)
    await world.pass_time(2)
    before = (await world.rollout()).soak_done
    await world.crash()
    await world.engine.settle()
    assert (await world.rollout()).soak_done - before == timedelta(seconds=1)


async def test_after_a_long_sleep_it_is_measured_again(world: World) -> None:
    await soaking(world)
    await world.pass_time(2)
    before = (await world.rollout()).soak_done
    world.clock.advance(8 * 3600)
    await world.engine.settle()
    assert (await world.rollout()).soak_done - before == timedelta(seconds=1)


@pytest.mark.thorough
async def test_two_replicas_that_take_turns_serve_no_second_twice(world: World) -> None:
    await soaking(world)
    began = world.clock.now()
    engines = [world.engine, world.build()]
    for turn in range(4):
        world.clock.advance(1)
        await engines[turn % 2].settle()
    found = await world.rollout()
    assert found.phase is Phase.SOAKING
    assert timedelta() < found.soak_done <= world.clock.now() - began


async def test_drift_holds_the_release(world: World) -> None:
    await soaking(world)
    world.deployer.weight = 2.0
    await world.pass_time(1)
    found = await world.rollout()
    assert found.phase is Phase.PAUSED
    assert "2 %" in found.drift


@pytest.mark.thorough
async def test_what_a_look_found_is_kept_once_a_minute(world: World) -> None:
    await soaking(world)
    await world.engine.apply("r1", PauseRequested(ADA, "tea"))
    await world.pass_time(130, step=10)
    found = await world.store.transact(lambda c: records.observations(c, "rollout", "r1"))
    assert len(found) == 3


@pytest.mark.thorough
async def test_looks_without_news_do_not_fill_the_audit(world: World) -> None:
    await soaking(world)
    before = await world.verify_audit()
    await world.pass_time(5)
    assert await world.verify_audit() == before


# --- crashes ------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.thorough
@pytest.mark.on_postgresql(at=(1, 17, 33, 49))
@pytest.mark.parametrize("at", range(1, 60, 4))
async def test_a_crash_at_any_call_of_the_deployer_or_chat_loses_and_doubles_nothing(
    world: World, at: int
) -> None:
    calls = 0

    def dying(method: Any) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            result = await method(*args, **kwargs)
            if calls == at:
                raise Crash
            return result

        return call

    for fake, names in (
        (world.deployer, ("prepare", "shift", "promote", "retire", "observe", "resolve")),
        (world.chat, ("post", "update")),
    ):
        for name in names:
            setattr(fake, name, dying(getattr(fake, name)))
    for step in (world.start, world.sign):
        try:
            await step()
        except Crash:
            await world.crash()
            await world.engine.settle()
    for _ in range(400):
        if await world.phase() is Phase.COMPLETED and await world.quiet():
            break
        try:
            await world.pass_time(1)
        except Crash:
            await world.crash()
    assert await world.phase() is Phase.COMPLETED
    assert [name for name, _, _ in world.deployer.applied] == [
        "prepare", "shift", "shift", "promote", "retire",
    ]  # fmt: skip
    assert world.chat.texts("C0SHOP", threads=False) == ["v2 completed 100"]
    keys = list(world.chat.keys.values())
    assert len(keys) == len(set(keys))
    await world.verify_audit()


class DyingStore:
    """A store in front of the real one, at whose n-th unit the process dies."""

    def __init__(self, store: Store, at: int, *, committed: bool) -> None:
        self._store, self._at, self._committed, self._units = store, at, committed, 0

    @property
    def dialect(self) -> str:
        return self._store.dialect

    async def transact(self, tx: Any) -> Any:
        self._units += 1
        if self._units == self._at and not self._committed:
            raise Crash
        result = await self._store.transact(tx)
        if self._units == self._at:
            raise Crash
        return result


@pytest.mark.thorough
@pytest.mark.on_postgresql(at=(34, 73))
@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [5, 21, 34, 47, 60, 73, 90, 170, 260])
async def test_a_crash_around_a_commit_loses_and_doubles_nothing(
    world: World, at: int, committed: bool
) -> None:
    world.store = DyingStore(world.store, at, committed=committed)  # type: ignore[assignment]
    world.engine = world.build()
    steps: list[Callable[[], Awaitable[object]]] = [world.start, world.sign, *[world.turn] * 90]
    for step in steps:
        try:
            await step()
        except Crash:
            await world.crash()
            await step()
    found = await world.rollout()
    assert found.phase is Phase.COMPLETED
    assert weights(world) == [5.0, 100.0]
    assert len(world.deployer.keys) == len(set(world.deployer.keys)) == 5
    assert world.chat.texts("C0SHOP", threads=False) == ["v2 completed 100"]
    keys = list(world.chat.keys.values())
    assert len(keys) == len(set(keys))
    await world.verify_audit()


async def test_a_worker_that_slept_past_its_lease_writes_nothing(world: World) -> None:
    await soaking(world)
    gate, entered = asyncio.Event(), asyncio.Event()
    read = world.metrics.read

    async def slow(*args: Any) -> Any:
        entered.set()
        await gate.wait()
        return await read(*args)

    world.metrics.read = slow  # type: ignore[method-assign,assignment]
    hasty = world.build(world.options.__class__(lease=timedelta(), card_pace=timedelta()))
    world.clock.advance(1)
    asleep = asyncio.ensure_future(hasty.settle())
    await entered.wait()
    world.metrics.read = read  # type: ignore[method-assign]
    await world.engine.settle()
    after = await world.rollout()
    gate.set()
    await asleep
    assert await world.rollout() == after
    assert after.fence >= 1


@pytest.mark.thorough
async def test_what_a_dead_worker_was_sending_is_not_sent_after_a_pause(world: World) -> None:
    await soaking(world)
    shift = world.deployer.shift

    async def dying(*_args: Any, **_more: Any) -> Any:
        raise Crash

    world.deployer.shift = dying  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await world.pass_time(15)
    world.deployer.shift = shift  # type: ignore[method-assign]
    await world.engine.apply("r1", PauseRequested(ADA, "what happened?"))
    await world.crash()
    await world.pass_time(30)
    assert await world.phase() is Phase.PAUSED
    assert weights(world) == [5.0]


async def test_the_plan_is_pinned_and_not_in_the_state(world: World) -> None:
    found = await world.start()
    row = select(tables.rollout.c.plan, tables.rollout.c.plan_digest, tables.rollout.c.state)
    plan, digest, state = await world.store.transact(lambda c: tuple(c.execute(row).one()))
    assert digest == found.the_plan.digest
    assert '"waves"' in plan
    assert '"waves"' not in state


async def test_a_release_is_created_once_however_often_it_is_asked_for(world: World) -> None:
    first = await world.start()
    await world.start()
    assert (await world.rollout()).revision == first.revision
    with pytest.raises(transitions.NotFoundError):
        await world.rollout("r2")
