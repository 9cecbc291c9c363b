"""How fast a fault is taken off the traffic: HAProxy, Prometheus and the bot, all real.

    python -m tests.bench.reaction --faults 10

Each fault breaks 30 % of the new version's requests at 25 % of the traffic, at an instant that has
nothing to do with scrapes or looks. Three instants are noted from outside the bot: the fault, its
becoming visible to a query in Prometheus, and the canary's weight 0 as HAProxy's runtime API reads
it back.
"""

import argparse
import asyncio
import json
import platform
import random
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from bot.domain.rollout import Phase
from tests.contract.haproxy import Slot
from tests.scenarios.real_world import Installation, installation, swift

LIMIT = 0.05
LOOK_EVERY = 0.02
"""Seconds between two looks of the measurement itself: the resolution of what it prints."""


@dataclass(frozen=True)
class Reaction:
    """Seconds since the fault."""

    visible: float
    off: float

    @property
    def reaction(self) -> float:
        """From being visible to weight 0."""
        return self.off - self.visible


class Witness:
    """Sees the same counters as the bot, through a client of its own."""

    def __init__(self, url: str, server: str, http: httpx.AsyncClient) -> None:
        series = f'haproxy_server_http_responses_total{{proxy="checkout",server="{server}"'
        self._url = f"{url}/api/v1/query"
        self._query = f'label_replace(sum({series},code="5xx"}}),"of","bad","","")'
        self._query += f' or label_replace(sum({series}}}),"of","all","","")'
        self._http = http

    async def counts(self) -> tuple[float, float]:
        """Failed and all requests as Prometheus knows them now."""
        answer = await self._http.get(self._url, params={"query": self._query})
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        values = {each["metric"]["of"]: float(each["value"][1]) for each in found}
        return values.get("bad", 0.0), values.get("all", 0.0)

    async def visible(self) -> None:
        """Wait until the newest scrape shows a share of errors over the limit."""
        bad, total = await self.counts()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now_bad, now_total = await self.counts()
            if now_total > total and (now_bad - bad) / (now_total - total) > LIMIT:
                return
            bad, total = now_bad, now_total


async def _off(here: Installation, server: str) -> None:
    while (await here.weights())[server]:
        await asyncio.sleep(LOOK_EVERY)


async def one(here: Installation, number: int, http: httpx.AsyncClient) -> Reaction:
    """One release, one fault, one rollback."""
    version = f"v2.{number}.0"
    rollout = await here.start(version)
    await here.reached(rollout, Phase.SOAKING, wave=1)
    slot = here.slot_of(version)
    await asyncio.sleep(1 + random.random())
    measured = await _measure(here, slot, http)
    await here.reached(rollout, Phase.ROLLED_BACK)
    slot.error_rate = 0.0
    return measured


async def _measure(here: Installation, slot: Slot, http: httpx.AsyncClient) -> Reaction:
    loop = asyncio.get_running_loop()
    witness = Witness(here.prometheus.url, slot.name, http)
    seen = asyncio.create_task(_at(witness.visible()))
    off = asyncio.create_task(_at(_off(here, slot.name)))
    await asyncio.sleep(2 * LOOK_EVERY)
    began = loop.time()
    slot.error_rate = 0.3
    return Reaction(await seen - began, await off - began)


async def _at(waiting: Any) -> float:
    await waiting
    return asyncio.get_running_loop().time()


async def measure(faults: int, folder: Path, rate: float) -> list[Reaction]:
    """So many faults, one after the other. rate: requests per second at the frontend."""
    plan = swift([(5, 0.5), (25, 600), (100, 1)], gates=False)
    async with (
        httpx.AsyncClient(timeout=5) as http,
        installation(folder, plan, rate=rate) as here,
    ):
        return [await one(here, number, http) for number in range(faults)]


def table(found: Sequence[Reaction]) -> str:
    """The figures as people read them."""
    rows = {
        "fault to visible in Prometheus": [each.visible for each in found],
        "visible to weight 0 read back": [each.reaction for each in found],
        "fault to weight 0 read back": [each.off for each in found],
    }
    lines = [f"{'seconds':<34}{'min':>8}{'median':>8}{'max':>8}"]
    for name, values in rows.items():
        figures = (min(values), statistics.median(values), max(values))
        lines.append(f"{name:<34}" + "".join(f"{each:>8.2f}" for each in figures))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--rate", type=float, default=300.0, help="requests per second")
    parser.add_argument("--json", type=Path, help="also write every single figure to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reaction-") as folder:
        found = asyncio.run(measure(given.faults, Path(folder), given.rate))
    print(f"{given.faults} faults on {platform.platform()}, Python {platform.python_version()}")
    print(table(found))
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(each) for each in found]))


if __name__ == "__main__":
    main()
