"""An installation that releases by the plans of the documents: `real_world` with a monitoring of
its own, an Alertmanager that tells the bot, and people who do what a card asks them for.

What Prometheus scrapes are the counters of the servers in the slots, under the names that the plans
use; what a plan needs besides (pools, memory, disks) is reported as it is on a good day.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app import running
from bot.domain.requests import open_items
from bot.domain.rollout import Phase, Rollout
from bot.serving import listening, served
from bot.setup import load, real_world, setup
from tests.contract.alertmanager import AlertmanagerServer
from tests.contract.haproxy import HaproxyFleet
from tests.contract.prometheus import Exporter, PrometheusServer
from tests.scenarios.real_world import (
    HOST,
    Installation,
    Json,
    Load,
    a_team,
    configuration,
    environment,
    haproxy_part,
    scraped,
    until,
    write,
)

TOKEN = "a token of these tests"
SCRAPE = "500ms"
THIN = ("Waiting for evidence", "A person has to decide")
"""Why a wave waits whose requests are too few to tell; in seconds there are never enough."""

AFTERWARDS = frozenset({Phase.PROMOTING, Phase.WATCHING, Phase.COMPLETED})
EDGES = (0.1, 0.5, 1.0, 2.0)
"""Of the histogram, in seconds; all requests are faster than the first."""

GOOD_DAY = {
    "db_pool_used": 20,
    "db_pool_max": 100,
    "memory_used": 4e8,
    "memory_limit": 1e9,
    "oom_instances": 0,
    "instances": 1,
    "disk_free": 60,
    "disk_total": 100,
    "cache_hits": 95,
    "cache_requests": 100,
}


def series_of(fleet: HaproxyFleet) -> dict[str, float | str]:
    """What the servers of both slots have counted."""
    found: dict[str, float | str] = {}
    for slot in (fleet.blue, fleet.green):
        label = f'server="{slot.name}"'
        good = slot.requests - slot.failed
        found[f'http_requests_total{{code="200",{label}}}'] = good
        found[f'http_requests_total{{code="500",{label}}}'] = slot.failed
        for edge in (*EDGES, "+Inf"):
            name = f'http_request_duration_seconds_bucket{{le="{edge}",{label}}}'
            found[name] = slot.requests
        found |= {f"{name}{{{label}}}": value for name, value in GOOD_DAY.items()}
    return found


@dataclass
class Monitoring:
    """What is scraped beside HAProxy. odd: series that rules of alerts look at."""

    exporter: Exporter
    odd: dict[str, float] = field(default_factory=dict)

    async def follow(self, fleet: HaproxyFleet) -> None:
        """Keep the exporter up to date with the servers."""
        while True:
            self.exporter.series = {**series_of(fleet), **self.odd}
            await asyncio.sleep(0.1)


@dataclass
class Shop:
    """The installation, its monitoring, who acts for which role, and where the bot is called."""

    here: Installation
    monitoring: Monitoring
    roles: Mapping[str, str]
    url: str

    async def lead(self, rollout_id: str, *phases: Phase) -> Rollout:
        """Do what a person has to do, until one of these phases: answer, and decide when asked."""
        return await self._lead(rollout_id, lambda rollout: rollout.phase in phases)

    async def lead_to_wave(self, rollout_id: str, wave: int) -> Rollout:
        """The same until the traffic of a wave (counted from 0) is confirmed."""
        return await self._lead(
            rollout_id, lambda r: r.wave >= wave and r.phase in {Phase.SOAKING, *AFTERWARDS}
        )

    async def _lead(self, rollout_id: str, there: Callable[[Rollout], bool]) -> Rollout:
        said: set[tuple[int, str]] = set()
        while True:
            rollout = await self.here.bot.engine.rollout(rollout_id)
            if there(rollout):
                return rollout
            assert not rollout.ended, f"{rollout.phase}: {rollout.reason}"
            assert rollout.phase is not Phase.PAUSED, rollout.reason
            for gate in open_items(rollout):
                if gate.kind == "attest" and (rollout.wave, gate.id) not in said:
                    said.add((rollout.wave, gate.id))
                    person = self.account(gate.by[0])
                    await self.here.team.say(person, f"/release confirm {gate.id} yes")
            if rollout.reason.startswith(THIN):
                await self.here.team.say("U0MARY", "/release advance checkout")
            await asyncio.sleep(0.2)

    def account(self, role: str) -> str:
        """Who holds a role."""
        return f"U0{self.roles[role].upper()}"

    async def quiet(self, version: str) -> None:
        """Wait until no request reaches a version any more; raises TimeoutError."""
        slot = self.here.slot_of(version)
        async with asyncio.timeout(20):
            while True:
                before = slot.requests
                await asyncio.sleep(0.3)
                if slot.requests == before:
                    return


@asynccontextmanager
async def shop(
    folder: Path,
    plan: Mapping[str, Any],
    roles: Mapping[str, str],
    rules: Sequence[Mapping[str, object]],
    *,
    rate: float = 300,
) -> AsyncIterator[Shop]:
    """Everything running until the block ends. rules: of Prometheus, for alerts."""
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(HaproxyFleet(folder))
        monitoring = Monitoring(stack.enter_context(Exporter()))
        bound = stack.enter_context(listening(HOST, 0))
        url = f"http://{HOST}:{bound.getsockname()[1]}"
        alerts = AlertmanagerServer(f"{url}/hooks/alertmanager", TOKEN)
        await asyncio.to_thread(alerts.start)
        stack.push_async_callback(asyncio.to_thread, alerts.stop)
        prometheus = PrometheusServer(SCRAPE)
        prometheus.scrape("shop", monitoring.exporter.target)
        prometheus.alert(alerts.target, *rules)
        following = asyncio.create_task(monitoring.follow(fleet))
        stack.push_async_callback(_ended, following)
        await asyncio.to_thread(prometheus.start)
        stack.push_async_callback(asyncio.to_thread, prometheus.stop)
        await until(lambda: asyncio.to_thread(scraped, prometheus.url, 1))
        team, slack = await stack.enter_async_context(a_team(lambda: f"{url}/slack/events"))
        config = _configuration(fleet, folder, prometheus, plan["plan"], roles)
        outside = await stack.enter_async_context(real_world())
        variables = environment(folder, slack, COUNTERSIGN_HOOK_TOKEN=TOKEN)
        made = setup(*load(write(folder, config, dict(plan)), variables), outside)
        bot = await stack.enter_async_context(running(made, outside))
        await stack.enter_async_context(served(bot.web, bound, 1))
        load_ = await stack.enter_async_context(Load(fleet.processes[0].front, rate))
        yield Shop(Installation(fleet, prometheus, load_, team, bot), monitoring, roles, url)


def _configuration(
    fleet: HaproxyFleet,
    folder: Path,
    prometheus: PrometheusServer,
    plan: str,
    roles: Mapping[str, str],
) -> Json:
    metrics = {
        "kind": "prometheus",
        "url": prometheus.url,
        "scrape_interval": SCRAPE,
        "tracks": {"canary": 'server="{candidate}"', "baseline": 'server="{current}"'},
    }
    probe = {"health": f"{fleet.url}health"}
    return configuration(haproxy_part(fleet, folder), metrics, plan, roles, probe=probe)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
