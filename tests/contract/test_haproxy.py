"""What only a real HAProxy can show: exact splits, restarts, processes that lag, groups, drains."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bot.deployers.process import CommandOptions
from bot.domain.steps import traffic
from bot.ports import (
    Deployer,
    Op,
    PermanentError,
    Release,
    StaleOpError,
    TemporaryError,
)
from tests.contract.haproxy import HaproxyFleet
from tests.contract.worlds import TARGET, HaproxyWorld, haproxy_world
from tests.domain.builders import soaking
from tests.requirements.acting import plans

OLD, NEW = Release("v1.0.0"), Release("v1.1.0")
real = pytest.mark.real


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HaproxyWorld]:
    async with haproxy_world(tmp_path) as world:
        yield world


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[HaproxyWorld]:
    async with haproxy_world(tmp_path, tcp=True, processes=2) as world:
        yield world


async def prepared(world: HaproxyWorld, weight: float = 0) -> Deployer:
    """An adapter for a world in which v1.1.0 stands ready, with some traffic."""
    deployer = world.adapter()
    await deployer.prepare(TARGET, NEW, world.op())
    if weight:
        await deployer.shift(TARGET, NEW, weight, world.op())
    return deployer


@real
@pytest.mark.parametrize("weight", [5, 25, 50])
async def test_the_split_of_real_requests_is_exact(world: HaproxyWorld, weight: float) -> None:
    await prepared(world, weight)
    seen = await world.fleet.split(1000)
    assert abs(seen["v1.1.0"] - 10 * weight) <= 10, seen
    assert seen["v1.0.0"] + seen["v1.1.0"] == 1000


@real
async def test_no_request_fails_while_a_release_goes_all_the_way(world: HaproxyWorld) -> None:
    deployer = world.adapter()
    visits = asyncio.create_task(world.fleet.split(1500))
    await deployer.prepare(TARGET, NEW, world.op())
    for weight in (5, 25, 50, 100):
        await deployer.shift(TARGET, NEW, weight, world.op())
    await deployer.promote(TARGET, NEW, world.op())
    await deployer.retire(TARGET, OLD, world.op())
    seen = await visits
    assert seen["v1.0.0"] + seen["v1.1.0"] == 1500


@real
async def test_both_weights_stand_in_one_line_as_plain_numbers(world: HaproxyWorld) -> None:
    await prepared(world, 5)
    process = world.fleet.processes[0]
    assert (await process.ask("get weight checkout/green")).strip() == "5 (initial 0)"
    assert (await process.ask("get weight checkout/blue")).strip() == "95 (initial 100)"


@real
async def test_before_any_record_the_heavier_slot_is_the_current_one(world: HaproxyWorld) -> None:
    world.fleet.green.version = "v1.0.0"
    line = "set server checkout/blue weight 0; set server checkout/green weight 100"
    await world.fleet.processes[0].ask(line)
    seen = await world.adapter().observe(TARGET)
    assert seen.current.slot == "green"
    assert seen.current.weight == 100


@real
async def test_a_restart_of_haproxy_is_seen_and_the_next_shift_asserts_the_weights_again(
    world: HaproxyWorld,
) -> None:
    deployer = await prepared(world, 25)
    again = Op(key="again", seq=99)
    await deployer.shift(TARGET, NEW, 25, again)
    await world.fleet.restart()
    seen = await deployer.observe(TARGET)
    assert seen.candidate is not None
    assert (seen.current.release, seen.candidate.release) == (OLD, NEW)
    assert (seen.current.weight, seen.candidate.weight) == (100, 0)
    await world.fleet.until(lambda states: states["green"] in ("UP", "DRAIN"))
    seen = await deployer.shift(TARGET, NEW, 25, again)
    assert seen.candidate is not None
    assert (seen.current.weight, seen.candidate.weight) == (75, 25)


@real
async def test_a_restart_after_a_promotion_does_not_swap_the_roles(world: HaproxyWorld) -> None:
    deployer = await prepared(world, 100)
    await deployer.promote(TARGET, NEW, world.op())
    await world.fleet.restart()
    seen = await deployer.observe(TARGET)
    assert (seen.current.release, seen.current.weight) == (NEW, 0)
    seen = await deployer.rollback(TARGET, NEW, world.op())
    assert (seen.current.release, seen.current.weight) == (NEW, 100)


@real
async def test_a_process_that_lags_behind_is_not_averaged_away(pair: HaproxyWorld) -> None:
    deployer = await prepared(pair, 25)
    behind = pair.fleet.processes[1]
    await behind.ask("set server checkout/green weight 0; set server checkout/blue weight 100")
    seen = await deployer.observe(TARGET)
    assert not seen.uniform
    assert f"{behind.tcp} has green at weight 0" in seen.detail
    seen = await deployer.shift(TARGET, NEW, 25, pair.op())
    assert seen.uniform


@real
async def test_a_process_that_is_gone_stops_the_rise_but_not_the_fall(pair: HaproxyWorld) -> None:
    deployer = await prepared(pair, 25)
    await pair.fleet.processes[1].stop()
    seen = await deployer.observe(TARGET)
    assert not seen.uniform
    assert "does not answer" in seen.detail
    with pytest.raises(TemporaryError):
        await deployer.shift(TARGET, NEW, 50, pair.op())
    assert (await deployer.observe(TARGET)).current.weight == 75
    back = pair.op()
    with pytest.raises(TemporaryError) as caught:
        await deployer.rollback(TARGET, OLD, back)
    assert caught.value.unknown
    assert (await deployer.observe(TARGET)).current.weight == 100
    await pair.fleet.processes[1].start()
    assert (await deployer.rollback(TARGET, OLD, back)).uniform


@real
async def test_when_nobody_answers_nothing_is_claimed(world: HaproxyWorld) -> None:
    await world.fleet.processes[0].stop()
    with pytest.raises(TemporaryError, match="no HAProxy process answers"):
        await world.adapter().observe(TARGET)


@real
async def test_a_candidate_that_goes_down_gets_no_more_traffic(world: HaproxyWorld) -> None:
    deployer = await prepared(world, 5)
    world.fleet.green.healthy = False
    await world.fleet.until(lambda states: states["green"] == "DOWN")
    seen = await deployer.observe(TARGET)
    assert seen.candidate is not None
    assert not seen.candidate.ready
    with pytest.raises(TemporaryError, match="not ready for more"):
        await deployer.shift(TARGET, NEW, 25, world.op())
    seen = await deployer.rollback(TARGET, OLD, world.op())
    assert seen.current.weight == 100


@real
async def test_a_completed_rollback_never_goes_to_a_side_that_is_down(world: HaproxyWorld) -> None:
    deployer = await prepared(world, 100)
    await deployer.promote(TARGET, NEW, world.op())
    world.fleet.blue.healthy = False
    await world.fleet.until(lambda states: states["blue"] == "DOWN")
    with pytest.raises(TemporaryError, match="is down"):
        await deployer.rollback(TARGET, OLD, world.op())
    assert (await deployer.observe(TARGET)).current.release == NEW


@real
async def test_prepare_waits_for_fresh_health_checks(world: HaproxyWorld) -> None:
    world.fleet.green.healthy = False
    deployer = world.adapter(prepare=CommandOptions(command=world.fleet.install, timeout="400ms"))
    op = world.op()
    with pytest.raises(TemporaryError, match="not ready"):
        await deployer.prepare(TARGET, NEW, op)
    world.fleet.green.healthy = True
    seen = await world.adapter().prepare(TARGET, NEW, op)
    assert seen.candidate is not None
    assert seen.candidate.ready


@real
async def test_a_repeated_prepare_does_not_install_twice(
    world: HaproxyWorld, tmp_path: Path
) -> None:
    log = tmp_path / "installs"
    script = 'echo "$1" >> "$2"; printf v1.1.0 > "$3/green.version"'
    argv = ("sh", "-c", script, "install", "{slot} {version}", str(log), str(tmp_path))
    deployer = world.adapter(prepare=CommandOptions(command=argv))
    op = world.op()
    await deployer.prepare(TARGET, NEW, op)
    await deployer.prepare(TARGET, NEW, op)
    assert log.read_text() == "green v1.1.0\n"
    await deployer.prepare(TARGET, NEW, world.op())
    assert log.read_text() == "green v1.1.0\n" * 2


@real
async def test_a_rollback_does_not_wait_for_an_installation(world: HaproxyWorld) -> None:
    argv = ("sh", "-c", 'until [ -e "$1/go" ]; do sleep 0.05; done', "install", "")
    argv = (*argv[:-1], str(world.fleet.folder))
    deployer = world.adapter(prepare=CommandOptions(command=argv))
    installing = asyncio.create_task(deployer.prepare(TARGET, NEW, world.op()))
    await world.fleet.until(lambda states: states["green"] == "MAINT")
    seen = await deployer.rollback(TARGET, OLD, world.op())
    assert seen.current.weight == 100
    (world.fleet.folder / "go").touch()
    with pytest.raises(StaleOpError):
        await installing
    assert (await deployer.observe(TARGET)).candidate is None


@real
async def test_waiting_for_health_ends_when_a_rollback_overtakes_it(world: HaproxyWorld) -> None:
    world.fleet.green.healthy = False
    deployer = world.adapter()
    waiting = asyncio.create_task(deployer.prepare(TARGET, NEW, world.op()))
    installed = world.fleet.green
    await world.fleet.until(
        lambda states: (installed.version, states["green"]) == (NEW.version, "DOWN")
    )
    await deployer.rollback(TARGET, OLD, world.op())
    with pytest.raises(StaleOpError):
        await waiting


@real
async def test_a_failed_installation_leaves_the_current_version_alone(
    world: HaproxyWorld,
) -> None:
    argv = ("sh", "-c", "echo no space left >&2; exit 3")
    deployer = world.adapter(prepare=CommandOptions(command=argv))
    with pytest.raises(PermanentError, match="no space left"):
        await deployer.prepare(TARGET, NEW, world.op())
    seen = await deployer.observe(TARGET)
    assert (seen.current.release, seen.current.weight, seen.candidate) == (OLD, 100, None)
    assert await world.fleet.split(50) == {"v1.0.0": 50}


@real
async def test_retiring_lets_open_requests_finish(world: HaproxyWorld) -> None:
    deployer = await prepared(world, 100)
    world.fleet.green.gate.clear()
    visit = asyncio.create_task(world.fleet.split(1))
    await world.fleet.green.reached.wait()
    await deployer.rollback(TARGET, OLD, world.op())
    retiring = asyncio.create_task(world.adapter(drain="50s").retire(TARGET, NEW, world.op()))
    for _ in range(30):
        await world.fleet.processes[0].ask("show info")
    assert not retiring.done()
    world.fleet.green.gate.set()
    assert (await retiring).candidate is None
    assert await visit == {"v1.1.0": 1}
    await world.fleet.until(lambda states: states["green"] == "MAINT")


@real
async def test_draining_ends_after_its_time_whatever_is_still_open(world: HaproxyWorld) -> None:
    deployer = await prepared(world, 100)
    world.fleet.green.gate.clear()
    visit = asyncio.create_task(world.fleet.split(1))
    await world.fleet.green.reached.wait()
    await deployer.rollback(TARGET, OLD, world.op())
    seen = await world.adapter(drain="200ms").retire(TARGET, NEW, world.op())
    assert seen.candidate is None
    assert not visit.done()
    world.fleet.green.gate.set()
    await visit


@real
@pytest.mark.requirement("W-194", "W-082", "W-087", "W-088", "W-089")
async def test_each_wave_of_the_canary_plan_takes_its_instances_and_the_last_all_20(
    tmp_path: Path,
) -> None:
    plan = plans().get("whispercache-canary")
    async with haproxy_world(tmp_path, servers=20, groups=True) as world:
        deployer = world.adapter()
        await deployer.prepare(TARGET, NEW, world.op())
        taking = []
        for wave in plan.waves:
            rollout = msgspec.structs.replace(soaking(), plan=plan, target_weight=wave.traffic)
            asked = traffic(rollout, wave)
            seen = await deployer.shift(
                TARGET, NEW, asked.weight, world.op(), instances=asked.instances
            )
            assert seen.candidate is not None
            taking.append((seen.candidate.weight, seen.candidate.instances))
        assert taking == [(5, 1), (25, 5), (50, 10), (100, 20)]


@real
async def test_groups_share_the_weight_and_follow_the_number_of_instances(tmp_path: Path) -> None:
    async with haproxy_world(tmp_path, servers=3, groups=True) as world:
        deployer = world.adapter()
        assert deployer.capabilities().instances
        await deployer.prepare(TARGET, NEW, world.op())
        seen = await deployer.shift(TARGET, NEW, 10, world.op(), instances=1)
        assert seen.candidate is not None
        assert (seen.candidate.weight, seen.candidate.instances) == (10, 1)
        split = await world.fleet.split(1000)
        assert abs(split["v1.1.0"] - 100) <= 10, split
        seen = await deployer.shift(TARGET, NEW, 50, world.op(), instances=3)
        assert seen.candidate is not None
        assert (seen.candidate.weight, seen.candidate.instances) == (50, 3)
        with pytest.raises(PermanentError, match="has 3 servers"):
            await deployer.shift(TARGET, NEW, 50, world.op(), instances=4)


@real
async def test_a_name_stands_for_all_servers_that_begin_with_it(tmp_path: Path) -> None:
    async with haproxy_world(tmp_path, servers=2) as world:
        deployer = await prepared(world, 25)
        seen = await deployer.observe(TARGET)
        assert seen.candidate is not None
        assert (seen.current.slot, seen.candidate.slot) == ("blue", "green")
        assert not deployer.capabilities().instances
        split = await world.fleet.split(400)
        assert abs(split["v1.1.0"] - 100) <= 4, split


@real
async def test_the_word_of_an_observe_command_replaces_the_record(
    world: HaproxyWorld, tmp_path: Path
) -> None:
    await prepared(world)
    told = tmp_path / "told.json"
    told.write_text(json.dumps({"blue": {"version": "v1.0.0"}, "green": {"version": "v9.9.9"}}))
    seen = await world.adapter(observe=CommandOptions(command=("cat", str(told)))).observe(TARGET)
    assert seen.candidate is not None
    assert seen.candidate.release == Release("v9.9.9")


@real
async def test_a_rollback_does_not_need_the_observe_command(world: HaproxyWorld) -> None:
    await prepared(world, 25)
    deployer = world.adapter(observe=CommandOptions(command=("false",)))
    with pytest.raises(PermanentError):
        await deployer.observe(TARGET)
    seen = await deployer.rollback(TARGET, OLD, world.op())
    assert (seen.current.release, seen.current.weight) == (OLD, 100)


@real
async def test_a_mistake_in_the_names_is_permanent_and_named(world: HaproxyWorld) -> None:
    with pytest.raises(PermanentError, match="Can't find backend"):
        await world.adapter(backend="nowhere").observe(TARGET)
    with pytest.raises(PermanentError, match="no server for slot red"):
        await world.adapter(slots=("blue", "red")).observe(TARGET)


@real
async def test_a_damaged_record_is_never_taken_for_an_empty_one(
    world: HaproxyWorld, tmp_path: Path
) -> None:
    await prepared(world)
    record = next((tmp_path / "state").glob("*.json"))
    record.write_text('{"seq": 3, "slo')
    with pytest.raises(PermanentError, match="can't be read"):
        await world.adapter().observe(TARGET)


@real
async def test_the_exporter_counts_by_server(world: HaproxyWorld) -> None:
    await prepared(world, 50)
    await world.fleet.split(10)
    text = await asyncio.to_thread(_read, world.fleet)
    assert 'haproxy_server_http_responses_total{proxy="checkout",server="green"' in text


@real
async def test_of_two_adapters_at_once_the_higher_number_decides(world: HaproxyWorld) -> None:
    await prepared(world)
    low, high = world.op(), world.op()
    one, two = world.adapter(), world.adapter()
    said = await asyncio.gather(
        two.shift(TARGET, NEW, 50, high), one.shift(TARGET, NEW, 25, low), return_exceptions=True
    )
    assert any(isinstance(each, StaleOpError) for each in said)
    seen = await one.observe(TARGET)
    assert seen.candidate is not None
    assert (seen.candidate.weight, seen.seq) == (50, high.seq)


@real
async def test_a_share_that_can_not_be_exact_is_refused_and_changes_nothing(
    world: HaproxyWorld,
) -> None:
    deployer = await prepared(world, 5)
    with pytest.raises(PermanentError, match="exactly"):
        await deployer.shift(TARGET, NEW, 33.333, world.op())
    assert (await deployer.observe(TARGET)).current.weight == 95


@real
async def test_an_operator_who_lets_a_server_rest_is_not_overruled(tmp_path: Path) -> None:
    async with haproxy_world(tmp_path, servers=2) as world:
        deployer = await prepared(world)
        await world.fleet.processes[0].ask("set server checkout/blue1 state maint")
        seen = await deployer.shift(TARGET, NEW, 25, world.op())
        assert not seen.current.ready
        assert seen.current.instances == 1
        rows = await world.fleet.processes[0].ask("show stat checkout 4 -1")
        assert [row.split(",")[17] for row in rows.splitlines() if ",blue1," in row] == ["MAINT"]
        split = await world.fleet.split(400)
        assert abs(split["v1.1.0"] - 100) <= 4, split


def _read(fleet: HaproxyFleet) -> str:
    with urllib.request.urlopen(fleet.metrics_url, timeout=5) as answer:
        return str(answer.read().decode())
