"""The plans of two documents, with their hours in seconds, against real HAProxy, Prometheus and
Alertmanager: every wave gets its share of the requests, and an alert takes all of them back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.plan_compile import compile_plan
from bot.domain.reports import alarms
from bot.domain.rollout import Phase
from tests.scenarios.real_shop import Shop, shop
from tests.scenarios.real_world import ROLES, until
from tests.scenarios.scaled import Pace, built_in

pytestmark = [pytest.mark.real, pytest.mark.timeout(150)]

VERSION = "v1.1.0"


@dataclass(frozen=True)
class Process:
    """One document's way to release. roles: who holds them. signers: accounts, in any order."""

    plan: str
    pace: Pace
    roles: Mapping[str, str]
    signers: Sequence[str]


CANARY = Process("whispercache-canary", Pace(by=600), ROLES, ("U0ADA", "U0GRACE", "U0ALAN"))
SARVANOM = Process(
    "sarvanom-feature",
    Pace(by=600),
    {
        "product_team": "ada",
        "engineering_team": "grace",
        "qa": "alan",
        "security_team": "mary",
        "performance_team": "mary",
    },
    ("U0ADA", "U0GRACE"),
)
PROCESSES = pytest.mark.parametrize("process", [CANARY, SARVANOM], ids=lambda p: p.plan)

LEDGER = {
    "alert": "LedgerMismatch",
    "expr": "checkout_ledger_mismatch > 0",
    "labels": {
        "service": "checkout",
        "environment": "production",
        "severity": "critical",
        "countersign": "rollback",
    },
    "annotations": {"summary": "The ledger and the orders disagree."},
}
QUEUE = {
    "alert": "QueueGrows",
    "expr": "checkout_queue > 100",
    "labels": {"service": "checkout", "severity": "critical"},
    "annotations": {"summary": "Orders wait."},
}


@PROCESSES
async def test_a_healthy_version_reaches_everybody_wave_by_wave(
    process: Process, tmp_path: Path
) -> None:
    plan = built_in(process.plan, process.pace)
    async with shop(tmp_path, plan, process.roles, [LEDGER]) as made:
        here = made.here
        rollout = await here.start(VERSION, process.signers)
        for index, wave in enumerate(compile_plan(plan).waves):
            await made.lead_to_wave(rollout, index)
            if wave.soak:
                assert await here.counted(VERSION, 1.5) == pytest.approx(wave.traffic, abs=1.5)
        done = await made.lead(rollout, Phase.COMPLETED)
        assert list(dict.fromkeys(mark.weight for mark in done.marks)) == [5, 25, 50, 100]
        assert await here.weights() == {"blue": 0, "green": 100}
        assert await here.counted(VERSION, 0.5) == 100


async def soaking_at_25(made: Shop, process: Process) -> str:
    rollout = await made.here.start(VERSION, process.signers)
    await made.lead_to_wave(rollout, 1)
    assert (await made.here.weights())["green"] == 25
    return rollout


@PROCESSES
async def test_an_alert_takes_all_requests_back(process: Process, tmp_path: Path) -> None:
    plan = built_in(process.plan, process.pace)
    async with shop(tmp_path, plan, process.roles, [LEDGER]) as made:
        rollout = await soaking_at_25(made, process)
        made.monitoring.odd["checkout_ledger_mismatch"] = 3
        ended = await made.here.reached(rollout, Phase.ROLLED_BACK)
        assert "Alert LedgerMismatch (critical) fires: The ledger" in ended.rollback_reason
        assert ended.quarantined
        await made.quiet(VERSION)
        assert await made.here.weights() == {"blue": 100, "green": 0}
        assert await made.here.counted(VERSION, 0.5) == 0


async def test_a_critical_alert_holds_until_somebody_resumes(tmp_path: Path) -> None:
    plan = built_in(CANARY.plan, CANARY.pace)
    async with shop(tmp_path, plan, CANARY.roles, [QUEUE]) as made:
        here = made.here
        rollout = await soaking_at_25(made, CANARY)
        made.monitoring.odd["checkout_queue"] = 500
        held = await here.reached(rollout, Phase.PAUSED)
        assert alarms(held, "critical") == 1
        made.monitoring.odd["checkout_queue"] = 0

        async def over() -> bool:
            return alarms(await here.bot.engine.rollout(rollout)) == 0

        await until(over)
        assert (await here.bot.engine.rollout(rollout)).phase is Phase.PAUSED
        assert (await here.weights())["green"] == 25
        await here.team.click("U0ADA", "resume", VERSION)
        await here.reached(rollout, Phase.SOAKING, Phase.JUDGING)
