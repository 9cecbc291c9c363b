"""How fast an alert is acted upon: from Alertmanager's delivery to weight 0 at a real HAProxy.

    python -m tests.bench.alerting --alerts 20

Each alert comes in while the new version has 25 % of the traffic. The delivery is posted as
Alertmanager posts it; noted are its answer, and the canary's weight 0 as the runtime API reads it
back. What Alertmanager itself waits (`group_wait`) comes on top.
"""

import argparse
import asyncio
import platform
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bot.domain.rollout import Phase
from tests.scenarios.real_shop import TOKEN, Shop, shop
from tests.scenarios.real_world import ROLES, swift

LOOK_EVERY = 0.005
"""Seconds between two looks at the weight: the resolution of what it prints."""

PLAN = swift([(5, 0.5), (25, 600), (100, 1)], gates=False) | {
    "metrics": {
        "error_rate": {
            "kind": "ratio",
            "bad": 'http_requests_total{code="500",$track}',
            "total": "http_requests_total{$track}",
        }
    }
}


def delivery(number: int) -> dict[str, Any]:
    """One alert that rolls back."""
    labels = {"alertname": f"Bench{number}", "service": "checkout", "countersign": "rollback"}
    began = datetime.now(UTC).isoformat()
    alert = {"status": "firing", "labels": labels, "startsAt": began, "fingerprint": f"f{number}"}
    return {"version": "4", "status": "firing", "truncatedAlerts": 0, "alerts": [alert]}


async def one(made: Shop, number: int, http: httpx.AsyncClient) -> tuple[float, float]:
    """Seconds from the delivery to its answer, and to weight 0 read back."""
    here, version = made.here, f"v2.{number}.0"
    rollout = await here.start(version)
    await here.reached(rollout, Phase.SOAKING, wave=1)
    slot = here.slot_of(version).name
    loop = asyncio.get_running_loop()
    began = loop.time()
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = await http.post(
        f"{made.url}/hooks/alertmanager", json=delivery(number), headers=headers
    )
    answered = loop.time() - began
    assert answer.status_code == 202, answer.text
    while (await here.weights())[slot]:
        await asyncio.sleep(LOOK_EVERY)
    off = loop.time() - began
    await here.reached(rollout, Phase.ROLLED_BACK)
    return answered, off


async def measure(alerts: int, folder: Path) -> list[tuple[float, float]]:
    """So many alerts, one after the other."""
    async with httpx.AsyncClient(timeout=5) as http, shop(folder, PLAN, ROLES, []) as made:
        return [await one(made, number, http) for number in range(alerts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alerting-") as folder:
        found = asyncio.run(measure(given.alerts, Path(folder)))
    print(f"{given.alerts} alerts on {platform.platform()}, Python {platform.python_version()}")
    for name, values in zip(
        ("delivery to its answer", "delivery to weight 0 read back"),
        zip(*found, strict=True),
        strict=True,
    ):
        figures = (min(values), statistics.median(values), max(values))
        print(f"{name:<34}" + "".join(f"{each:>8.3f}" for each in figures))


if __name__ == "__main__":
    main()
