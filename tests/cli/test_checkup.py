"""The parts of `doctor` on targets and numbers that a practice workspace never shows."""

from datetime import UTC, datetime

import msgspec
import pytest

from bot.cli.checkup import home, people, slack, targets
from bot.cli.checkup.finding import Finding, worst
from bot.domain.plan import Plan
from bot.domain.standup_calendar import Series
from bot.engine.catalogue import Catalogue, Channels, ServiceTarget
from bot.plans import library
from bot.ports import (
    Capabilities,
    MetricSource,
    Observation,
    PermanentError,
    Target,
    TemporaryError,
)
from bot.slack.client import Identity
from tests.fakes.deployer import FakeDeployer
from tests.fakes.metrics import FakeMetrics

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def plan() -> Plan:
    return library().get("quickstart")


def place(deployer: FakeDeployer, *sources: MetricSource) -> ServiceTarget:
    return ServiceTarget(
        service="checkout",
        environment="production",
        deployer=deployer,
        sources=dict(zip("*", sources, strict=False)),
    )


async def looked(where: ServiceTarget) -> list[tuple[str, str]]:
    findings = await targets.target(where, plan(), lambda: NOW)
    return [(finding.area, finding.status) for finding in findings]


async def test_a_target_that_can_do_it_all_and_is_measured_is_fine() -> None:
    assert await looked(place(FakeDeployer(), FakeMetrics())) == [
        ("deployer", "ok"),
        ("metric", "ok"),
    ]


@pytest.mark.parametrize("lacking", ["weights", "prepare", "promote"])
async def test_what_a_plan_needs_and_a_backend_lacks_is_a_failure(lacking: str) -> None:
    can = msgspec.structs.replace(Capabilities(), **{lacking: False})
    found = await looked(place(FakeDeployer(can=can), FakeMetrics()))
    assert found == [("deployer", "ok"), ("deployer", "fail"), ("metric", "ok")]


@pytest.mark.parametrize("error", [TemporaryError("no answer"), PermanentError("no such place")])
async def test_a_target_that_cannot_be_seen_is_a_failure(error: Exception) -> None:
    found = await looked(place(FakeDeployer(blind=error), FakeMetrics()))
    assert found[0] == ("deployer", "fail")


class Unwell(FakeDeployer):
    """A target of which one process lags behind, or which is not ready."""

    uniform = True
    ready = True

    async def observe(self, target: Target) -> Observation:
        seen = await super().observe(target)
        current = msgspec.structs.replace(seen.current, ready=self.ready)
        return msgspec.structs.replace(
            seen, current=current, uniform=self.uniform, detail="two of three"
        )


@pytest.mark.parametrize(("uniform", "ready"), [(False, True), (True, False)])
async def test_a_target_that_is_not_well_is_a_warning(uniform: bool, ready: bool) -> None:
    deployer = Unwell()
    deployer.uniform, deployer.ready = uniform, ready
    assert (await looked(place(deployer, FakeMetrics())))[0] == ("deployer", "warn")


async def test_a_metric_that_nobody_reads_is_a_failure() -> None:
    assert ("metric", "fail") in await looked(place(FakeDeployer()))


def test_revisions_and_versions_of_sqlite_are_compared_as_numbers() -> None:
    assert [f.status for f in home.sqlite_version((3, 51, 3))] == ["ok"]
    assert [f.status for f in home.sqlite_version((3, 9, 0))] == ["warn"]


def test_a_database_of_a_newer_program_is_a_failure() -> None:
    assert home.revision("x.db", "9999", "0001").status == "fail"
    assert home.revision("x.db", "0001", "0002").status == "warn"
    assert home.revision("x.db", None, "0002").status == "warn"
    assert home.revision("x.db", "0002", "0002").status == "ok"


@pytest.mark.parametrize(("socket", "lacking"), [(True, []), (False, ["SLACK_SIGNING_SECRET"])])
def test_only_http_needs_the_signing_secret(socket: bool, lacking: list[str]) -> None:
    found = list(home.secrets(signing=False, hook=True, socket=socket))
    assert [f.subject for f in found if f.status == "fail"] == lacking


def test_somebody_with_two_roles_sits_where_it_helps() -> None:
    held = {"ada": ("security", "operations"), "grace": ("operations",)}
    assert people.unfilled(("security", "operations"), held) == []
    assert people.unfilled(("security", "operations"), held, without="ada") == ["security"]
    assert people.unfilled(("*", "*", "*"), held) == ["*"]


def test_nobody_can_ask_when_all_are_needed_to_sign() -> None:
    plans = {"quickstart": plan()}
    two = {"ada": ("security",), "grace": ("operations",)}
    assert [f.status for f in people.seats(plans, two)] == ["fail"]
    three = two | {"mary": ("release_manager",)}
    assert [f.status for f in people.seats(plans, three)] == ["ok"]


def test_a_channel_is_named_once_with_all_it_is_for() -> None:
    channels = Channels("C0A", "C0B", "")
    service = msgspec.structs.replace(place(FakeDeployer()), channel="C0A")
    catalogue = Catalogue(channels=channels, targets={("checkout", "production"): service})
    assert slack.configured_channels(catalogue) == {"C0A": "default, checkout", "C0B": "critical"}
    series = Series(channel="C0S", plan="quickstart", zone="UTC", times=())
    assert slack.configured_channels(catalogue, [series])["C0S"] == "standup"


def test_a_slack_that_says_nothing_about_scopes_is_a_warning() -> None:
    found = list(slack.scopes(Identity("T0", "Team", "U0BOT", "B0BOT"), None))
    assert [f.status for f in found] == ["warn"]


def test_the_gravest_finding_counts() -> None:
    ok, warn, fail = (Finding("a", "b", s, "c") for s in ("ok", "warn", "fail"))
    assert [worst([]), worst([ok]), worst([warn, ok]), worst([ok, fail, warn])] == [
        "ok",
        "ok",
        "warn",
        "fail",
    ]
