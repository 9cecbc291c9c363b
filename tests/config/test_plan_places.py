"""Where an environment differs from the rest of a plan: its limits, and what is full."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bot.domain.documents import DocumentError
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan, measured_by, merge, paced_for
from bot.domain.samples import Gauge, Sample, Track
from bot.metrics.prometheus import Prometheus, PrometheusOptions
from bot.plans import library
from bot.ports import MetricQuery, Release, Target

LIBRARY = library()
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LIMITS: dict[str, Any] = {"limits": {"critical-errors": "error_rate > 5%"}}


def differing(in_staging: dict[str, Any]) -> Plan:
    """Proofile's plan, with something else in staging."""
    ours = {
        "schema": 1,
        "plan": "ours",
        "extends": "proofile-staged",
        "environments": {"staging": in_staging},
    }
    return compile_plan(merge(LIBRARY.get("proofile-staged").document, ours))


def critical(plan: Plan, name: str) -> str:
    """The text of a critical alert."""
    return next(alert.text for alert in plan.alerts["critical"] if alert.id == name)


@pytest.mark.requirement("P-098")
def test_an_environment_may_have_limits_of_its_own() -> None:
    whole = differing(LIMITS)
    staging, production = (paced_for(whole, name) for name in ("staging", "production"))
    assert critical(production, "critical-errors") == "error_rate > 1%"
    assert critical(staging, "critical-errors") == "error_rate > 5%"
    assert critical(staging, "critical-cpu") == critical(production, "critical-cpu")
    assert production.digest == whole.digest != staging.digest


@pytest.mark.parametrize(
    ("differs", "problem"),
    [
        ({"limits": {"critical-erors": "error_rate > 5%"}}, "critical-errors"),
        ({"limits": {"critical-errors": "cpu > 5%"}}, "only the limit can differ"),
        ({"limits": {"critical-errors": "error_rate > many"}}, "many"),
        ({"full": {"cpus": 4}}, "there is no metric 'cpus'"),
    ],
)
def test_what_an_environment_can_not_change_is_refused(
    differs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        differing(differs)
    assert problem in f"{refused.value} {refused.value.hint}"


@pytest.mark.requirement("W-017")
@pytest.mark.parametrize(("environment", "share"), [("staging", 1.0), ("production", 0.2)])
async def test_twenty_connections_fill_the_pool_in_staging_and_a_fifth_of_it_in_production(
    environment: str, share: float
) -> None:
    plan = paced_for(LIBRARY.get("whispercache-canary"), environment)
    assert await read(plan) == share
    assert plan.metrics["db_pool"].full == {"staging": 20, "production": 100}[environment]


async def test_a_pool_that_is_measured_as_a_share_already_is_not_divided_again() -> None:
    plan = LIBRARY.get("whispercache-canary")
    own = plan.metrics["memory"]
    found = paced_for(measured_by(plan, {"db_pool": own}), "staging").metrics["db_pool"]
    assert (found.query, found.full) == (own.query, None)


async def read(plan: Plan) -> float:
    """What is read of the pool while 20 connections are taken."""

    def answer(request: httpx.Request) -> httpx.Response:
        at = request.url.params["time"]
        asked_when = request.url.params["query"].startswith("label_replace")
        result = [{"metric": {}, "value": [float(at), at if asked_when else "20"]}]
        data = {"resultType": "vector", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data})

    tracks = {Track.CANARY: 'version="{candidate}"'}
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        source = Prometheus(PrometheusOptions(url="http://prometheus.test", tracks=tracks), http)
        metric, target = plan.metrics["db_pool"], Target("checkout", "staging")
        query = MetricQuery(metric, Track.CANARY, target, {Track.CANARY: Release("v1.2.0")})
        found = await source.read(query, "", NOW)
    assert isinstance(found, Sample)
    assert isinstance(found.value, Gauge)
    return found.value.value
