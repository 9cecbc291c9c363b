"""What `doctor` finds out about incidents, the pager, the status page and GitHub."""

import itertools
from pathlib import Path

import httpx
import pytest

from bot.bookkeeping import GithubDocument
from bot.cli.checkup import incidents, notices
from bot.cli.checkup.code import code
from bot.cli.checkup.finding import Finding
from bot.code_host import Repositories
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.runbooks import RunbookDocument
from bot.domain.secret import Secret
from bot.engine.catalogue import Catalogue
from bot.outbound.github import GitHub
from bot.outbound.statuspage import Pace, StatusPage
from bot.settings import Settings, load_settings
from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS
from tests.domain.test_duties import DOCUMENT
from tests.fakes.github import TOKEN, FakeGitHub
from tests.fakes.statuspage import KEY, PAGE, statuspage

HOUSE = """\
schema: 1
channels: {default: C0RELEASES}
people: {ada: {slack: [U0ADA]}, grace: {slack: [U0GRACE]}}
roles: {operations: {people: [ada, grace]}}
services:
  checkout:
    plan: quickstart
    environments:
      production:
        deployer: {kind: http, url: "http://d.test"}
        metrics: {kind: deployer, url: "http://d.test"}
"""


def house(folder: Path, more: str = "", **env: str) -> Settings:
    file = folder / "countersign.yml"
    file.write_text(HOUSE + more)
    known = {"deployers": DEPLOYER_OPTIONS, "metrics": METRICS_OPTIONS}
    return load_settings(file, env, serving=False, **known)


def plan(**more: object) -> Plan:
    return compile_plan({**DOCUMENT, **more})


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    """The status of each and what it is about; what is not fine says what to do."""
    assert all(each.do for each in findings if each.status != "ok")
    return [(each.status, each.subject) for each in findings]


# --- incidents --------------------------------------------------------------------------------


def test_a_house_that_says_nothing_of_incidents_hears_nothing_of_them(tmp_path: Path) -> None:
    assert incidents.calling(house(tmp_path), {}) == []


def test_names_in_the_chain_that_nobody_has_are_told_with_the_nearest(tmp_path: Path) -> None:
    settings = house(tmp_path, "incidents: {escalation: [operatoins, ada]}\n")
    own = plan(incident={"escalation": ["operations", "boss"]})
    found = incidents.calling(settings, {"careful": own})
    assert told(found) == [
        ("fail", "escalation, operatoins"),
        ("fail", "careful, escalation, boss"),
    ]
    assert "did you mean 'operations'?" in found[0].do


def test_incidents_without_a_chain_are_a_warning(tmp_path: Path) -> None:
    found = incidents.calling(house(tmp_path, "incidents: {zone: Europe/Berlin}\n"), {})
    assert told(found) == [("warn", "escalation")]


def test_a_pager_and_tickets_without_their_secrets_are_failures(tmp_path: Path) -> None:
    text = """\
incidents: {escalation: [ada]}
paging: {pagerduty: {}, webhook: "https://pager.test/hook"}
tickets: {github: {repository: acme/ops}}
"""
    found = incidents.calling(house(tmp_path, text), {})
    assert told(found) == [("fail", "paging"), ("fail", "tickets"), ("fail", "paging")]
    assert [each.do.split()[1] for each in found] == [
        "COUNTERSIGN_PAGERDUTY_KEY", "COUNTERSIGN_GITHUB_TOKEN", "COUNTERSIGN_WEBHOOK_SECRET",
    ]  # fmt: skip
    kept = {
        "COUNTERSIGN_PAGERDUTY_KEY": "k",
        "COUNTERSIGN_GITHUB_TOKEN": "t",
        "COUNTERSIGN_WEBHOOK_SECRET": "s",
    }
    assert incidents.calling(house(tmp_path, text, **kept), {}) == []


def test_runbooks_are_listed_and_one_that_a_plan_lacks_is_told_with_the_nearest() -> None:
    have = {name: RunbookDocument(title=name, steps=("look",)) for name in ("errors", "memory")}
    named = plan(incident={"runbook": "memroy"})
    found = incidents.steps(have, {"careful": named, "fine": plan()})
    assert told(found) == [("ok", "runbooks"), ("warn", "careful, runbook")]
    assert found[0].text == "errors, memory"
    assert found[1].do == "did you mean 'memory'?"


# --- the status page --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "components", "wanted"),
    [
        (KEY, ["Checkout"], [("ok", f"statuspage, {PAGE}")]),
        (KEY, ["Chekout"], [("ok", f"statuspage, {PAGE}"), ("warn", "statuspage, checkout")]),
        ("another", ["Checkout"], [("fail", f"statuspage, {PAGE}")]),
    ],
)
async def test_the_status_page_is_asked_for_itself_and_its_components(
    key: str, components: list[str], wanted: list[tuple[str, str]], tmp_path: Path
) -> None:
    ticks = itertools.count(0.0, 2.0)
    async with statuspage(lambda: next(ticks)) as (_, http):
        outlet = StatusPage(
            PAGE,
            Secret(key),
            http=http,
            pace=Pace(lambda: 0.0, interval=0.0),
            components={"checkout": components},
            api="http://page.test",
        )
        found = await notices.ways_out(house(tmp_path), {"statuspage": outlet})
    assert told(found) == wanted


# --- GitHub -----------------------------------------------------------------------------------

MIRRORED = {"production": {"any": 2, "mirror": "github_environment"}}


async def asked(
    settings: Settings, plans: dict[str, Plan], far: FakeGitHub, token: str = TOKEN
) -> list[Finding]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(far.app())) as http:
        github = settings.config.github
        where = None
        if github is not None and token:
            host = GitHub("https://api.github.test", token, http)
            where = Repositories(host, github.repositories, github.environments)
        return await code(settings, Catalogue(code=where), plans)


async def test_what_a_plan_asks_of_a_code_host_that_is_not_configured_is_a_warning(
    tmp_path: Path,
) -> None:
    asks = plan(approvals=MIRRORED, branches={"production": "main"})
    found = await asked(house(tmp_path), {"quickstart": asks}, FakeGitHub())
    assert told(found) == [("warn", "checkout")]
    assert "says branches, approvals.production.mirror" in found[0].text
    assert await asked(house(tmp_path), {"quickstart": plan()}, FakeGitHub()) == []


@pytest.mark.parametrize(
    ("repository", "token", "wanted"),
    [
        ("acme/shop", TOKEN, [("ok", "acme/shop")]),
        ("acme/shop", "", [("fail", "token")]),
        ("acme/shop", "another", [("fail", "acme/shop")]),
        ("acme/shpo", TOKEN, [("fail", "acme/shpo")]),
    ],
)
async def test_each_repository_is_asked_for(
    repository: str, token: str, wanted: list[tuple[str, str]], tmp_path: Path
) -> None:
    more = f"github: {{repositories: {{checkout: {repository}}}}}\n"
    settings = house(tmp_path, more, COUNTERSIGN_GITHUB_TOKEN="x")
    assert isinstance(settings.config.github, GithubDocument)
    found = await asked(settings, {"quickstart": plan()}, FakeGitHub(), token)
    assert told(found) == wanted


async def test_a_code_host_that_does_not_answer_now_is_no_failure(tmp_path: Path) -> None:
    far = FakeGitHub()
    far.faults.append(("GET", "", 503, {}, False))
    more = "github: {repositories: {checkout: acme/shop}}\n"
    found = await asked(house(tmp_path, more), {"quickstart": plan()}, far)
    assert told(found) == [("warn", "acme/shop")]
