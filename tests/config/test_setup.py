"""What settings come to, and the plans that they can't carry out."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.domain.calendar import Weekly
from bot.domain.plan import Metric
from bot.domain.samples import Counts, Reading, Sample, Track
from bot.engine.clock import SystemClock
from bot.files import FileError
from bot.ports import MetricQuery, PermanentError, Target
from bot.publishing import NOBODY
from bot.setup import ByKind, Outside, Setup, load, setup
from tests.config.examples import EXAMPLE, SECRETS, SMALL

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with httpx.AsyncClient() as http:
        session: Any = None  # Slack is not spoken to here
        yield Outside(SystemClock(), lambda: 0.5, lambda: "id", http, session)


def configured(folder: Path, text: str, outside: Outside, **env: str) -> Setup:
    file = folder / "c.yml"
    file.write_text(text, encoding="utf-8")
    return setup(*load(file, {**SECRETS, **env}), outside)


def refused(folder: Path, text: str, **env: str) -> list[str]:
    file = folder / "c.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as error:
        load(file, {**SECRETS, **env})
    return [str(problem).removeprefix(f"{folder}/") for problem in error.value.problems]


async def test_services_people_and_roles_reach_the_engine(tmp_path: Path, outside: Outside) -> None:
    made = configured(tmp_path, SMALL, outside)
    place = made.catalogue.target("checkout", "production")
    assert (place.plan, place.channel) == ("quickstart", "C0RELEASES")
    assert place.deployer.capabilities().weights
    assert made.catalogue.person_of("U0GRACE") == "grace"
    assert made.catalogue.roles["operations"].people == {"ada", "grace"}
    assert made.names.release == "/release"
    assert made.slack_token.reveal() == SECRETS["SLACK_BOT_TOKEN"]
    assert made.hook_token.reveal() == SECRETS["COUNTERSIGN_HOOK_TOKEN"]
    assert "never-shown" not in repr(made)


async def test_what_an_adapter_refuses_is_told_with_its_line(
    tmp_path: Path, outside: Outside
) -> None:
    with pytest.raises(FileError) as error:
        configured(tmp_path, SMALL, outside, COUNTERSIGN_DEPLOYER_SECRET="")
    assert "c.yml:13: services.checkout.environments.production.deployer: " in str(error.value)
    assert "COUNTERSIGN_DEPLOYER_SECRET" in str(error.value)


CANARY = SMALL.replace("quickstart", "whispercache-canary")
MEASURED = CANARY.replace(
    '{kind: deployer, url: "http://127.0.0.1:8801"}',
    "{kind: prometheus, url: 'http://127.0.0.1:1'}",
)
ROLES = """\
  security: {people: [ada]}
  product: {people: [grace]}
  release_manager: {people: [ada]}
"""
PROBE = '        probe: {health: "http://127.0.0.1:1/health"}\n'
THREE = "  alan:  {slack: [U0ALAN]}\nroles:\n"


def test_a_role_that_nobody_configured_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, EXAMPLE.replace("plans: [./plans]", "plans: []"))
    assert said == [
        "c.yml:14: services.checkout.plan: whispercache-canary wants a release signed by the role "
        "product, which is not configured (known here: operations, security)",
        "c.yml:14: services.checkout.plan: whispercache-canary asks release_manager, and no such "
        "role is configured (add release_manager under `roles`)",
    ]


FOLLOWED = SMALL.replace("      production:\n", "      {name}:\n        automatic: true\n")


@pytest.mark.requirement("S-011")
def test_what_is_released_by_itself_needs_a_branch_and_is_never_production(tmp_path: Path) -> None:
    at = "services.checkout.environments"
    (said,) = refused(tmp_path, FOLLOWED.replace("{name}", "production"))
    assert f"{at}.production.automatic: production is released by people alone" in said
    (said,) = refused(tmp_path, FOLLOWED.replace("{name}", "development"))
    assert f"{at}.development.automatic: quickstart does not say which branch" in said
    assert "branches: {development: develop}" in said


@pytest.mark.requirement("C-121")
async def test_a_plan_that_requires_the_team_needs_its_hours(
    tmp_path: Path, outside: Outside
) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "office.yaml").write_text(
        "schema: 1\nplan: office\nextends: quickstart\ncalendar: {team: require}\n"
    )
    text = SMALL.replace("quickstart", "office") + "plans: [./plans]\n"
    (said,) = refused(tmp_path, text)
    assert "office begins only while the team is there, and nobody says when" in said
    hours = 'team_hours: {days: [monday], from: "09:00", until: "17:00"}'
    text = text.replace("    plan: office\n", f"    plan: office\n    {hours}\n")
    made = configured(tmp_path, text, outside)
    (window,) = made.catalogue.target("checkout", "production").team_hours
    assert isinstance(window, Weekly)
    assert (window.weekday, window.start.hour, window.end.hour) == (0, 9, 17)


def test_two_people_can_not_fill_three_seats(tmp_path: Path) -> None:
    text = MEASURED.replace("services:\n", f"{ROLES}services:\n") + PROBE
    assert (
        refused(tmp_path, text)
        == [
            "c.yml:13: services.checkout.plan: whispercache-canary wants a release signed by 3 "
            "different people, and nobody is left for: product "
            "(give these roles to more people; one person fills one seat)"
        ]
        or "nobody is left for" in refused(tmp_path, text)[0]
    )


async def test_the_third_person_makes_the_plan_fit(tmp_path: Path, outside: Outside) -> None:
    text = MEASURED.replace("services:\n", f"{ROLES}services:\n") + PROBE
    text = text.replace("product: {people: [grace]}", "product: {people: [alan]}")
    text = text.replace("roles:\n", THREE)
    made = configured(tmp_path, text, outside)
    assert made.catalogue.target("checkout", "production").plan == "whispercache-canary"


async def test_a_group_may_fill_a_seat_since_only_slack_knows_who_is_in_it(
    tmp_path: Path, outside: Outside
) -> None:
    text = MEASURED.replace("services:\n", f"{ROLES}services:\n") + PROBE
    text = text.replace("product: {people: [grace]}", "product: {groups: [S0PRODUCT]}")
    assert configured(tmp_path, text, outside).catalogue.roles["product"].groups == ("S0PRODUCT",)


def test_one_person_alone_can_not_run_a_plan_for_two(tmp_path: Path) -> None:
    said = refused(tmp_path, SMALL.replace("[ada, grace]", "[ada]"))
    assert [line.split(" and nobody")[1] for line in said] == [
        " is left for: anybody with a role (give these roles to more people; one person fills one "
        "seat)"
    ]


def test_metrics_that_nobody_reads_are_named(tmp_path: Path) -> None:
    text = SMALL.replace('        metrics: {kind: deployer, url: "http://127.0.0.1:8801"}\n', "")
    assert refused(tmp_path, text) == [
        "c.yml:12: services.checkout.environments.production: quickstart reads error_rate, and "
        "nothing is configured to (add `metrics:` with a kind)"
    ]


def test_a_health_endpoint_that_is_not_configured_is_named(tmp_path: Path) -> None:
    text = MEASURED.replace("services:\n", f"{ROLES}services:\n")
    text = text.replace("product: {people: [grace]}", "product: {people: [alan]}")
    text = text.replace("roles:\n", THREE)
    assert [line.split(": ", 2)[2] for line in refused(tmp_path, text)] == [
        "whispercache-canary asks a health endpoint for health, and none is configured "
        "(add `probe: {health: http://...}`)"
    ]


PROMETHEUS = "{kind: prometheus, url: 'http://127.0.0.1:1', define: {DEFINE}}"
DEPLOYER = '{kind: deployer, url: "http://127.0.0.1:8801"}'


def test_a_definition_of_a_metric_that_no_plan_has_is_misspelt(tmp_path: Path) -> None:
    define = PROMETHEUS.replace("DEFINE", "error_rat: {kind: ratio, bad: b, total: t}")
    assert [
        line.split(": ", 2)[2] for line in refused(tmp_path, SMALL.replace(DEPLOYER, define))
    ] == ["no plan has a metric 'error_rat' (did you mean 'error_rate'?)"]


def test_a_definition_that_the_plans_conditions_do_not_fit_is_refused(tmp_path: Path) -> None:
    define = PROMETHEUS.replace("DEFINE", "error_rate: {kind: ratio, bad: b}")
    (said,) = refused(tmp_path, SMALL.replace(DEPLOYER, define))
    assert "production.metrics.define: quickstart does not go with it: " in said


def test_metrics_that_the_deployer_does_not_count_are_named(tmp_path: Path) -> None:
    text = CANARY.replace("services:\n", f"{ROLES}services:\n").replace("roles:\n", THREE) + PROBE
    text = text.replace("product: {people: [grace]}", "product: {people: [alan]}")
    assert [line.split(": ", 2)[2] for line in refused(tmp_path, text)] == [
        "whispercache-canary reads db_pool, memory, oom_share, disk_free, cache_hit, which metrics "
        "of kind deployer lack (use Prometheus, or a plan without them)"
    ]


def test_a_check_without_a_program_is_named(tmp_path: Path) -> None:
    text = SMALL.replace("quickstart", "whispercache-bluegreen")
    said = refused(tmp_path, text)
    assert any("runs the check smoke_tests, which is not configured" in line for line in said)


def test_a_plan_that_there_is_not_is_named_with_the_nearest(tmp_path: Path) -> None:
    assert refused(tmp_path, SMALL.replace("plan: quickstart", "plan: quickstar")) == [
        "c.yml:10: services.checkout.plan: there is no plan 'quickstar' "
        "(did you mean 'quickstart'?)"
    ]


# --- which source reads what ----------------------------------------------------------------


class Says:
    """A source that answers with its own number."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        return Sample(Counts(0, self.number), now)


def asking(kind: Any) -> MetricQuery:
    target = Target("checkout", "production")
    return MetricQuery(Metric(kind=kind, name="m"), Track.CANARY, target, {})


@pytest.mark.parametrize(("kind", "number"), [("probe", 2), ("ratio", 1), ("gauge", 1)])
async def test_probes_are_read_by_the_probe_and_all_else_by_the_metrics(
    kind: str, number: int
) -> None:
    source = ByKind(Says(1), Says(2))
    assert await source.read(asking(kind), "", NOW) == Sample(Counts(0, number), NOW)


@pytest.mark.parametrize(("kind", "key"), [("probe", "probe"), ("ratio", "metrics")])
async def test_a_kind_that_nothing_reads_is_refused_with_the_missing_key(
    kind: str, key: str
) -> None:
    with pytest.raises(PermanentError, match=f"checkout production has no `{key}:` to read m from"):
        await ByKind(None, None).read(asking(kind), "", NOW)


# --- who prepares and signs what -----------------------------------------------------------

OWN_PLAN = """\
schema: 1
plan: own
extends: quickstart
types: {major: [product]}
labels: {sensitive: [security]}
preflight: {checklists: [team]}
checklists:
  team: {items: [{id: scan, text: The scan is clean, by: [qa, testers]}]}
"""


def own(folder: Path, text: str = SMALL) -> str:
    (folder / "plans").mkdir()
    (folder / "plans" / "own.yaml").write_text(OWN_PLAN, "utf-8")
    return text.replace("plan: quickstart", "plan: own").replace(
        "schema: 1", "schema: 1\nplans: [./plans]"
    )


def test_roles_of_types_labels_and_items_have_to_be_configured(tmp_path: Path) -> None:
    said = [line.split(": ", 2)[2] for line in refused(tmp_path, own(tmp_path))]
    assert said == [
        "own wants a major release signed by the role product, which is not configured "
        "(known here: operations)",
        "own wants a sensitive release signed by the role security, which is not configured "
        "(known here: operations)",
        "own has items for qa or testers to tick, and no such role is known (add qa under `roles`)",
    ]


def test_a_seat_that_a_label_adds_needs_one_more_person(tmp_path: Path) -> None:
    roles = "  security: {people: [ada]}\n  product: {people: [grace]}\n  qa: {people: [ada]}\n"
    text = own(tmp_path).replace("services:\n", f"{roles}services:\n")
    said = [line.split(": ", 2)[2] for line in refused(tmp_path, text)]
    assert [line.split(", and nobody")[0] for line in said] == [
        "own wants a major release signed by 3 different people",
        "own wants a sensitive release signed by 3 different people",
    ]


def test_the_plan_of_a_type_is_checked_like_the_usual_one(tmp_path: Path) -> None:
    text = SMALL.replace("plan: quickstart", "plan: quickstart\n    plans: {hotfix: quickstrat}")
    assert refused(tmp_path, text) == [
        "c.yml:11: services.checkout.plans.hotfix: there is no plan 'quickstrat' "
        "(did you mean 'quickstart'?)"
    ]
    fine = SMALL.replace(
        "plan: quickstart", "plan: quickstart\n    plans: {hotfix: whispercache-canary}"
    )
    assert any(
        "plans.hotfix: whispercache-canary wants a release" in s for s in refused(tmp_path, fine)
    )


MAILING = f"{SMALL}notices: {{from: 'Acme <s@acme.example>', url: 'https://bot.example.com'}}\n"


async def test_mail_goes_out_where_a_sender_and_a_server_are_known(
    tmp_path: Path, outside: Outside
) -> None:
    smtp = {"COUNTERSIGN_SMTP_URL": "smtp://mx.example.com"}
    assert set(configured(tmp_path, MAILING, outside, **smtp).publishers(NOBODY)) == {"email"}
    assert configured(tmp_path, MAILING, outside).publishers(NOBODY) == {}
    assert configured(tmp_path, SMALL, outside, **smtp).publishers(NOBODY) == {}


async def test_a_status_page_is_published_to_where_its_key_is_known(
    tmp_path: Path, outside: Outside
) -> None:
    text = f"{SMALL}notices: {{statuspage: {{page: p1, components: {{checkout: [c1]}}}}}}\n"
    known = configured(tmp_path, text, outside, COUNTERSIGN_STATUSPAGE_KEY="never-shown")
    assert set(known.publishers(NOBODY)) == {"statuspage"}
    assert configured(tmp_path, text, outside).publishers(NOBODY) == {}


async def test_a_mail_server_that_can_not_be_one_is_told_before_anything_runs(
    tmp_path: Path, outside: Outside
) -> None:
    with pytest.raises(FileError) as error:
        configured(tmp_path, MAILING, outside, COUNTERSIGN_SMTP_URL="never-shown.example.com")
    assert "notices: COUNTERSIGN_SMTP_URL" in str(error.value)
    assert "never-shown" not in str(error.value)
