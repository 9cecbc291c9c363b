"""Three processes on one PostgreSQL: any of them may be killed, paused or replaced at any time."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.domain.plan import PLAN_SCHEMA
from bot.store import tables
from tests.parts import require
from tests.scenarios.kill_world import Catch
from tests.scenarios.next_version import next_version
from tests.scenarios.real_world import swift
from tests.scenarios.replica_world import (
    HOOK_TOKEN,
    Replica,
    ReplicaWorld,
    replica_world,
    until_connected,
)
from tests.store.databases import Databases, postgresql_databases

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

V = "v1.1.0"
SOAKS = {5.0: 1.0, 50.0: 2.0, 100.0: 1.0}
PLAN = swift(list(SOAKS.items()), gates=False, poll="300ms", watch={"keep_previous": "1s"})
FORWARD = ["prepare", "shift 5", "shift 50", "shift 100", "promote", "retire v1.0.0"]
ADA = "U0ADA"


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    require("postgres")
    with postgresql_databases() as made:
        yield made


@pytest.fixture
async def http(tmp_path: Path, databases: Databases) -> AsyncIterator[ReplicaWorld]:
    """Three replicas behind the balancer of docs/."""
    async with replica_world(tmp_path, PLAN, databases) as made:
        yield made


@pytest.fixture
async def sockets(tmp_path: Path, databases: Databases) -> AsyncIterator[ReplicaWorld]:
    """Three replicas in Socket Mode."""
    async with replica_world(tmp_path, PLAN, databases, socket_mode=True) as made:
        yield made


def done(house: ReplicaWorld) -> list[str]:
    return [effect.text.replace(f" {V}", "") for effect in house.deployer.effects]


async def completed(house: ReplicaWorld) -> None:
    """One release came to its end, each step once, on one card, and the record is whole."""
    row = await house.reached("completed")
    assert [each.id for each in await house.rollouts()] == [row.id]
    assert done(house) == FORWARD
    while not any("complete" in card.text.lower() for card in house.team.cards(V)):
        await asyncio.sleep(0.05)
    assert len(house.team.cards(V)) == 1
    assert await house.verify_audit() > len(FORWARD)


async def holder(house: ReplicaWorld, catch: Catch) -> Replica:
    """The replica whose request is kept, once there is one."""
    await catch.caught.wait()
    (found,) = [each for each in house.replicas if each.alive and each.holds(catch.port)]
    return found


async def signed_by_two(house: ReplicaWorld) -> list[int]:
    return [await house.click(person, "approve", V) for person in (ADA, "U0GRACE")]


# -- HTTP, behind a balancer -----------------------------------------------------------------------


async def test_over_http_nobody_notices_that_replicas_are_killed_or_hang(
    http: ReplicaWorld,
) -> None:
    one, two, three = http.replicas
    shifting = http.keeper.catch = Catch("shift")
    assert await http.say("U0MARY", f"/release start {V}") == 1
    await one.kill()
    two.signal(signal.SIGSTOP)
    assert await signed_by_two(http) == [1, 1]
    two.signal(signal.SIGCONT)
    lost = await holder(http, shifting)
    await lost.kill()
    assert await http.say(ADA, "/release status") == 1
    await asyncio.gather(one.start(), lost.start())
    three.signal(signal.SIGSTOP)
    assert await http.say(ADA, "/release status") == 1
    three.signal(signal.SIGCONT)
    await completed(http)


async def test_over_http_a_rolling_restart_costs_nobody_an_answer(http: ReplicaWorld) -> None:
    assert await http.say("U0MARY", f"/release start {V}") == 1
    assert await signed_by_two(http) == [1, 1]
    tries: list[int] = []

    async def ask() -> None:
        while True:
            tries.append(await http.say(ADA, "/release status"))
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    for replica in http.replicas:
        replica.signal(signal.SIGTERM)
        assert await replica.ended() == 0
        await replica.start()
    await completed(http)
    asking.cancel()
    assert http.refused == []
    assert len(tries) > 20


async def test_the_balancer_shows_the_world_what_is_for_it(http: ReplicaWorld) -> None:
    async with httpx.AsyncClient() as client:

        async def status(url: str) -> int:
            return (await client.get(url)).status_code

        public = http.public
        hidden = ("/metrics", "/health", "/hooks/events", "/admin/rollback", "/")
        assert {await status(f"{public}{path}") for path in hidden} == {404}
        assert await status(f"{public}/slack/events") == 405
        assert await status(f"{http.inside}/ready") == 200
        asked = {"service": "checkout", "environment": "production", "person": "ada", "reason": "x"}
        token = {"authorization": f"Bearer {HOOK_TOKEN}"}
        answer = await client.post(f"{http.inside}/admin/rollback", json=asked, headers=token)
        assert answer.status_code == 409
        assert "No rollout of checkout" in answer.json()["message"]


# -- a newer version -------------------------------------------------------------------------------


async def test_a_rolling_upgrade_to_a_newer_schema_carries_the_release_on(
    tmp_path: Path, databases: Databases
) -> None:
    slow = swift([(5.0, 1.0), (50.0, 45.0), (100.0, 1.0)], gates=False, poll="300ms")
    async with replica_world(tmp_path, slow, databases, migrate=True) as house:
        assert await house.say("U0MARY", f"/release start {V}") == 1
        assert await signed_by_two(house) == [1, 1]
        await house.reached("soaking", wave=1)
        one, two, three = house.replicas
        for replica in house.replicas:
            replica.next_home = next_version(tmp_path / replica.url[-5:])
        await replaced(one)
        while await form_of(house) != PLAN_SCHEMA + 1:
            await asyncio.sleep(0.05)
        # Two of three don't know this form, and whoever gets these leaves them to the third.
        for verb, phase in [("pause", "paused"), ("resume", "soaking")] * 3:
            await house.say(ADA, f"/release {verb}")
            await house.reached(phase, wave=1)
            assert await form_of(house) == PLAN_SCHEMA + 1
        await two.kill()
        with pytest.raises(AssertionError, match="the database is at revision 9002"):
            await two.start()
        two.home = two.next_home
        await two.start()
        await replaced(three)
        row = await house.reached("completed")
        assert [each.id for each in await house.rollouts()] == [row.id]
        assert done(house)[:5] == FORWARD[:5]
        assert len(house.team.cards(V)) == 1


async def replaced(replica: Replica) -> None:
    """One replica ends, and the next version begins in its place."""
    replica.signal(signal.SIGTERM)
    assert await replica.ended() == 0
    replica.home = replica.next_home
    await replica.start()


async def form_of(house: ReplicaWorld) -> int:
    """The form in which the rollout was written last."""
    asked = select(tables.rollout.c.schema)
    form: int = await house.store.transact(lambda conn: conn.execute(asked).scalar_one())
    return form


# -- Socket Mode -----------------------------------------------------------------------------------


async def test_in_socket_mode_any_replica_may_be_killed_or_paused(sockets: ReplicaWorld) -> None:
    assert sockets.link is not None
    one, two, three = sockets.replicas
    shifting = sockets.keeper.catch = Catch("shift")
    assert await sockets.say("U0MARY", f"/release start {V}") == 1
    await one.kill()
    await until_connected(sockets.link, 4)
    two.signal(signal.SIGSTOP)
    await signed_by_two(sockets)
    two.signal(signal.SIGCONT)
    lost = await holder(sockets, shifting)
    await lost.kill()
    await sockets.say(ADA, "/release status")
    await asyncio.gather(one.start(), lost.start())
    three.signal(signal.SIGSTOP)
    await sockets.say(ADA, "/release status")
    three.signal(signal.SIGCONT)
    await completed(sockets)
    await until_connected(sockets.link, 6)


async def test_an_event_that_its_replica_dies_with_is_done_by_another(
    sockets: ReplicaWorld,
) -> None:
    assert sockets.link is not None
    space, deliveries = sockets.team.space, sockets.team.standin.deliveries
    sockets.link.choose = lambda _open: 0
    engine = create_async_engine(sockets.database)
    async with engine.connect() as held:
        await held.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        opened = asyncio.create_task(deliveries.open_home(space.people[ADA]))
        await waits_for_the_lock(sockets, 1)
        await sockets.replicas[0].kill()
        assert (await opened)["error"] == "dispatch_failed"
        await until_connected(sockets.link, 4)
    await engine.dispose()
    while ADA not in space.homes:
        await asyncio.sleep(0.05)
    asked = select(func.count()).select_from(tables.inbox).where(tables.inbox.c.kind == "event")
    assert await sockets.store.transact(lambda conn: conn.execute(asked).scalar_one()) == 1


async def waits_for_the_lock(house: ReplicaWorld, so_many: int) -> None:
    """Until this many connections want to store something, and can't."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND query LIKE 'INSERT INTO inbox%'"
    )
    while await house.store.transact(lambda conn: conn.execute(waiting).scalar_one()) < so_many:
        await asyncio.sleep(0.02)
