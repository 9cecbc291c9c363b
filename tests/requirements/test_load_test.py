"""WhisperCache's load test: one run, four numbers, and nobody signs when one of them is bad."""

import json
from collections.abc import Mapping

import msgspec
import pytest

from bot.domain.decisions import decide
from bot.domain.events import ItemTicked, PreflightPassed, RunCheck
from bot.domain.people import THE_BOT
from bot.domain.plan_sections import LoadDocument
from bot.domain.rollout import Phase, Rollout
from bot.engine.catalogue import ServiceTarget
from bot.engine.checks import run_check
from tests.domain import builders as b
from tests.fakes.deployer import FakeDeployer
from tests.requirements.acting import plans
from tests.requirements.test_items import looked_again, looked_at, whole

PLAN = "whispercache-canary"
GOOD: Mapping[str, object] = {
    "error_rate": 0.04,
    "p99": "412ms",
    "memory_growth": "5%",
    "cpu": "79.9%",
}
ITEMS = {"errors": "error_rate", "latency": "p99", "memory": "memory_growth", "cpu": "cpu"}
LOAD = ("staging-deployment/load", *(f"load-test/{name}" for name in ITEMS))


def ready() -> Rollout:
    """All is ticked but what the load test answers, and there is a command for it."""
    done = whole(PLAN)
    items = {key: tick for key, tick in done.items.items() if key not in LOAD}
    begun = looked_at(PLAN, "load_test")
    return looked_again(msgspec.structs.replace(begun, items=items), "load_test")


def ran(rollout: Rollout, figures: Mapping[str, object], *, ok: bool = True) -> Rollout:
    """The command has come to its end, and its last line is this."""
    printed = f"soak over after 2h\n{json.dumps(figures)}"
    return decide(rollout, ItemTicked(THE_BOT, LOAD[0], ok=ok, evidence=printed), b.NOW)[0]


@pytest.mark.requirement("S2-10a", "S2-10b", "S2-10c", "S2-10d", "W-183", "W-184", "W-185")
def test_one_run_answers_every_item_and_opens_the_way_to_the_signatures() -> None:
    rollout = ran(ready(), GOOD)
    assert [rollout.items[key].ok for key in LOAD] == [True] * 5
    assert rollout.items["load-test/latency"].evidence == "412ms"
    assert looked_again(rollout, "load_test").phase is Phase.AWAITING_APPROVAL


def test_the_command_is_run_once_for_all_of_them() -> None:
    """A load test takes hours."""
    fresh = msgspec.structs.replace(looked_at(PLAN), looked=False, checks=())
    _, effects = decide(fresh, PreflightPassed(b.ARTIFACT, b.OLD, "q1", ("load_test",)), b.NOW)
    assert [e.gate for e in effects if isinstance(e, RunCheck)] == [LOAD[0]]


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        pytest.param("errors", 0.1, marks=pytest.mark.requirement("S2-10a", "W-183")),
        pytest.param("latency", "500ms", marks=pytest.mark.requirement("S2-10b", "W-183")),
        pytest.param("latency", "0.61s", marks=pytest.mark.requirement("S2-10b", "W-183")),
        pytest.param("memory", "5.1%", marks=pytest.mark.requirement("S2-10c", "W-184")),
        pytest.param("cpu", 80, marks=pytest.mark.requirement("S2-10d", "W-185")),
        ("cpu", None),
        ("cpu", [12]),
    ],
)
def test_one_bad_number_stops_the_sign_off(name: str, figure: object) -> None:
    rollout = ran(ready(), {**GOOD, ITEMS[name]: figure})
    assert [key for key in LOAD if not rollout.items[key].ok] == [f"load-test/{name}"]
    assert looked_again(rollout, "load_test").phase is Phase.PREFLIGHT


def test_a_run_that_broke_off_passes_nothing_whatever_it_printed() -> None:
    rollout = ran(ready(), GOOD, ok=False)
    assert not any(rollout.items[key].ok for key in LOAD)


@pytest.mark.requirement("W-179", "W-180", "W-181", "W-182")
def test_what_is_run_stands_in_the_plan() -> None:
    baseline, ramp, spike, soak = plans().get(PLAN).sections.load_test
    assert baseline == LoadDocument(id="baseline", users=(100,), for_="5m")
    assert ramp == LoadDocument(id="ramp", users=(100, 500, 1000), for_="5m")
    assert spike == LoadDocument(id="spike", times=3, for_="2m", recover="2m")
    assert soak == LoadDocument(id="soak", users=(500,), for_="2h")


@pytest.mark.requirement("W-179", "W-180", "W-181", "W-182")
async def test_the_command_is_given_what_is_to_be_run() -> None:
    place = ServiceTarget(
        service="checkout",
        environment="production",
        deployer=FakeDeployer(),
        plan=PLAN,
        checks={"load_test": ("/bin/echo", "{load_test}")},
    )
    found = await run_check(place, looked_at(PLAN), "load_test", plans().get(PLAN))
    assert found is not None
    baseline, *_, soak = json.loads(found[1])
    assert (baseline["users"], baseline["for"]) == ([100], "5m")
    assert (soak["users"], soak["for"]) == ([500], "2h")
