"""Settings: what a file and an environment say, and how a mistake in them is told."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.conditions import Action
from bot.files import FileError
from bot.settings import Settings, SettingsError, load_settings
from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS
from tests.config.examples import EXAMPLE, SECRETS, SMALL


def read(folder: Path, text: str, env: Mapping[str, str] = SECRETS, **more: Any) -> Settings:
    """Settings of a text in a file called c.yml."""
    file = folder / "c.yml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, env, deployers=DEPLOYER_OPTIONS, metrics=METRICS_OPTIONS, **more)


def refused(folder: Path, text: str, **more: Any) -> list[str]:
    """What is wrong with a text, each line beginning with c.yml."""
    with pytest.raises(FileError) as error:
        read(folder, text, **more)
    return [str(problem).removeprefix(f"{folder}/") for problem in error.value.problems]


def test_the_example_says_what_it_says(tmp_path: Path) -> None:
    found = read(tmp_path, EXAMPLE)
    place = found.environments["checkout", "production"]
    assert found.config.people["grace"].slack == ("U0GRACE", "U0GRACE2")
    assert found.config.roles["operations"].groups == ("S0OPS",)
    assert place.deployer.slots == ("blue", "green")
    assert place.deployer.prepare.timeout == "10m"
    assert place.metrics.define["error_rate"].bad.endswith("$track}")
    assert place.probe.ready == "http://10.0.0.5/ready"
    assert not place.allow_by_name
    assert found.plan_folders == (tmp_path / "plans",)
    assert (found.host, found.port) == ("127.0.0.1", 3000)
    assert found.slack_api == "https://slack.com/api/"


def test_checks_and_releases_by_name_are_taken_over(tmp_path: Path) -> None:
    text = SMALL.replace(
        "    plan: q", "    checks: {smoke_tests: [./smoke, '{version}']}\n    plan: q"
    )
    text = text.replace("production:\n", "production:\n        allow_by_name: true\n")
    found = read(tmp_path, text)
    assert found.config.services["checkout"].checks == {"smoke_tests": ("./smoke", "{version}")}
    assert found.environments["checkout", "production"].allow_by_name


def test_what_alerts_do_is_taken_over(tmp_path: Path) -> None:
    text = (
        f"{SMALL}\nhooks:\n  alertmanager:\n    services: {{checkout-api: checkout}}\n"
        "    alerts: {DiskFull: notify}\n  events: {on_fire: rollback}\n"
    )
    hooks = read(tmp_path, text).config.hooks
    assert hooks.alertmanager.services == {"checkout-api": "checkout"}
    assert hooks.alertmanager.alerts == {"DiskFull": Action.NOTIFY}
    assert hooks.events == {"on_fire": Action.ROLLBACK}


HOOKS_WRONG = {
    "a service that there is not": ("services: {api: chekout}", "'chekout' (did you mean 'checkou"),
    "an environment that there is not": ("environments: {live: prod}", "there is no environment"),
    "an action that there is not": ("alerts: {DiskFull: advance}", "alerts.DiskFull"),
    "a label that there is not": ("labels: {team: team}", "labels.team"),
}


@pytest.mark.parametrize("name", HOOKS_WRONG)
def test_a_mistake_about_alerts_is_told(name: str, tmp_path: Path) -> None:
    line, words = HOOKS_WRONG[name]
    (problem,) = refused(tmp_path, f"{SMALL}\nhooks:\n  alertmanager:\n    {line}\n")
    assert words in problem


E_PLACE = "services.checkout.environments.production"

WRONG = {
    "a key that there is not": (
        ("channels:", "chanels:"),
        "c.yml:2: chanels: is unknown (did you mean 'channels'?)",
    ),
    "a key of a later version": (
        ("schema: 1\n", "schema: 1\ndashboards: []\n"),
        "c.yml:2: dashboards: is unknown",
    ),
    "another schema": (
        ("schema: 1", "schema: 2"),
        "c.yml:1: schema: is the number 2, but has to be 1",
    ),
    "a name for an account": (
        ("[U0ADA]", "[ada]"),
        "c.yml:4: people.ada.slack[0]: 'ada' is not the id of an account "
        "(copy it from the person's profile, like U0…)",
    ),
    "one account for two people": (
        ("[U0GRACE]", "[U0ADA]"),
        "c.yml:5: people.grace.slack[0]: U0ADA is ada's already "
        "(one account belongs to one human being)",
    ),
    "one account twice": (
        ("[U0ADA]", "[U0ADA, U0ADA]"),
        "c.yml:4: people.ada.slack[1]: U0ADA is given twice (keep one)",
    ),
    "somebody without an account": (
        ("[U0ADA]", "[]"),
        "c.yml:4: people.ada.slack: has to have at least 1 entries",
    ),
    "a role for nobody known": (
        ("[ada, grace]", "[adda, grace]"),
        "c.yml:7: roles.operations.people[0]: there is no person 'adda' (did you mean 'ada'?)",
    ),
    "a role of nobody": (
        ("{people: [ada, grace]}", "{}"),
        "c.yml:7: roles.operations: nobody holds this role (list `people` or `groups`)",
    ),
    "an address of logs with a place that there is not": (
        ("    plan: ", '    logs: "https://l.example/{form}"\n    plan: '),
        "c.yml:10: services.checkout.logs: nothing is known as {form} (did you mean 'from'?)",
    ),
    "no service": (
        (SMALL[SMALL.index("services:") :], ""),
        "c.yml:1: services: there is nothing to release (add a service)",
    ),
    "cards without a channel": (
        ("channels: {default: C0RELEASES}\n", ""),
        "c.yml:8: services.checkout: its cards have no channel "
        "(add `channel` here, or `default` under `channels`)",
    ),
    "no deployer": (
        ('        deployer: {kind: http, url: "http://127.0.0.1:8801"}\n', ""),
        f"c.yml:12: {E_PLACE}: `deployer` is missing",
    ),
    "a deployer without a kind": (
        ("{kind: http, url", "{url"),
        f"c.yml:13: {E_PLACE}.deployer: `kind` is missing (one of command, haproxy, http)",
    ),
    "a kind that there is not": (
        ("kind: http,", "kind: htp,"),
        f"c.yml:13: {E_PLACE}.deployer.kind: there is no kind 'htp' (did you mean 'http'?)",
    ),
    "an option of another kind": (
        ("kind: http,", "kind: http, slots: [a, b],"),
        f"c.yml:13: {E_PLACE}.deployer.slots: is unknown (known here: capabilities, "
        "change_timeout, kind, poll, prepare_timeout, timeout, url)",
    ),
    "a time without a unit": (
        ("kind: http,", "kind: http, timeout: 10,"),
        f"c.yml:13: {E_PLACE}.deployer.timeout: '10' is not a duration "
        "(write a number and a unit, like 30s, 5m, 2h)",
    ),
    "two commands of one name": (
        ("schema: 1\n", "schema: 1\ncommands: {release: /ship, rollback: /ship}\n"),
        "c.yml:2: commands: release and rollback need different commands",
    ),
    "no slash": (
        ("schema: 1\n", "schema: 1\ncommands: {release: ship}\n"),
        "c.yml:2: commands.release: 'ship' is not a slash command (write it like /release)",
    ),
    "yes": (
        ("production:\n", "production:\n        allow_by_name: yes\n"),
        f"c.yml:13: {E_PLACE}.allow_by_name: `yes` is a word to some readers and true to others "
        '(write true, or "yes" in quotes for the word)',
    ),
    "a secret in the file": (
        ("schema: 1\n", "schema: 1\nslack_bot_token: xoxb-1\n"),
        "c.yml:2: slack_bot_token: is unknown "
        "(secrets are not written into files: set SLACK_BOT_TOKEN in the environment)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_with_its_line_and_what_to_write(name: str, tmp_path: Path) -> None:
    (old, new), said = WRONG[name]
    assert old in SMALL
    assert refused(tmp_path, SMALL.replace(old, new)) == [said]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SMALL.replace("channels:", "chanels:").replace("[U0ADA]", "[ada]")
    text = text.replace("kind: http,", "kind: htp,").replace("plan: quick", "plans: quick")
    lines = [int(said.split(":")[1]) for said in refused(tmp_path, text)]
    assert lines == [2, 4, 9, 10, 13]


def test_a_plan_that_there_is_not_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, SMALL, plan_names=["quickstart2"])
    assert said == [
        "c.yml:10: services.checkout.plan: there is no plan 'quickstart' "
        "(did you mean 'quickstart2'?)"
    ]


def test_a_file_that_is_not_there_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        load_settings(tmp_path / "none.yml", {}, deployers={}, metrics={})


# --- the environment ------------------------------------------------------------------------


def lacking(folder: Path, env: Mapping[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        read(folder, SMALL, env)
    return [problem.split(" ")[0] for problem in error.value.problems]


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    assert lacking(tmp_path, {}) == ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"]


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_signing_secret_would_let_everybody_in_and_is_refused(
    empty: str, tmp_path: Path
) -> None:
    assert lacking(tmp_path, {**SECRETS, "SLACK_SIGNING_SECRET": empty}) == ["SLACK_SIGNING_SECRET"]


def test_socket_mode_needs_no_signing_secret(tmp_path: Path) -> None:
    env = {**SECRETS, "SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-1"}
    assert read(tmp_path, SMALL, env).secrets.slack_app.reveal() == "xapp-1"


def test_what_does_not_serve_needs_no_secrets(tmp_path: Path) -> None:
    assert not read(tmp_path, SMALL, {}, serving=False).secrets.slack_token


@pytest.mark.parametrize("port", ["", "0", "65535"])
def test_ports_that_there_are(port: str, tmp_path: Path) -> None:
    assert read(tmp_path, SMALL, {**SECRETS, "COUNTERSIGN_PORT": port}).port == int(port or 3000)


@pytest.mark.parametrize("port", ["-1", "65536", "http", "1.5", "٣", "9" * 5000])
def test_ports_that_there_are_not(port: str, tmp_path: Path) -> None:
    assert lacking(tmp_path, {**SECRETS, "COUNTERSIGN_PORT": port}) == ["COUNTERSIGN_PORT"]


@pytest.mark.parametrize("url", ["postgres://x:never-shown@h/d", "sqlite:///x.db", "x"])
def test_a_database_of_another_driver_is_refused_without_its_password(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, SMALL, {**SECRETS, "COUNTERSIGN_DATABASE_URL": url})
    assert "sqlite+aiosqlite:///" in str(error.value)
    assert "never-shown" not in str(error.value)


NAMES = {
    "SLACK_BOT_TOKEN": "slack_token",
    "SLACK_SIGNING_SECRET": "slack_signing",
    "COUNTERSIGN_HOOK_TOKEN": "hook_token",
    "COUNTERSIGN_DEPLOYER_SECRET": "deployer",
    "COUNTERSIGN_DATABASE_URL": "database_url",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_secret_may_come_from_a_file_which_goes_first(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text("postgresql+asyncpg://from-a-file\n", encoding="utf-8")
    env = {**SECRETS, f"{name}_FILE": str(kept)}
    found = getattr(read(tmp_path, SMALL, env).secrets, NAMES[name])
    assert found.reveal() == "postgresql+asyncpg://from-a-file"


@pytest.mark.parametrize("name", [*NAMES, "COUNTERSIGN_HOST", "COUNTERSIGN_PORT", "SLACK_API_URL"])
def test_a_file_that_can_not_be_read_is_no_reason_to_take_the_variable(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=f"{name}_FILE names .*gone, which can't be read"):
        read(tmp_path, SMALL, {**SECRETS, f"{name}_FILE": str(tmp_path / "gone")})


def test_a_file_that_is_not_text_is_refused_without_what_is_in_it(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_bytes(b"never-shown\xff\xfe")
    with pytest.raises(SettingsError) as error:
        read(tmp_path, SMALL, {**SECRETS, "SLACK_BOT_TOKEN_FILE": str(kept)})
    assert "SLACK_BOT_TOKEN_FILE" in str(error.value)
    assert "never-shown" not in "".join(traceback.format_exception(error.value))


def test_secrets_are_in_no_text_that_is_made_of_settings(tmp_path: Path) -> None:
    found = read(tmp_path, SMALL, {**SECRETS, "SLACK_APP_TOKEN": "never-shown"})
    for text in (repr(found), str(found), f"{found.secrets}", repr(found.secrets.database_url)):
        assert "never-shown" not in text
    with pytest.raises(SettingsError) as error:
        read(tmp_path, SMALL, {**SECRETS, "COUNTERSIGN_PORT": "never", "SLACK_BOT_TOKEN": ""})
    assert "never-shown" not in "".join(traceback.format_exception(error.value))


# --- whatever people write ------------------------------------------------------------------

SCRAPS = st.sampled_from(
    [*(f"{line}\n" for line in EXAMPLE.splitlines()), "  ", "- ", "{", "]", ": ", "'", "1\n", "*a"]
)
KEYS = st.sampled_from(
    ["schema", "people", "ada", "slack", "roles", "services", "plan", "environments", "deployer"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["U0ADA", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=200)
    | st.lists(SCRAPS, max_size=40).map("".join)
    | VALUES.map(lambda value: str(value).replace("None", "null").replace("True", "true"))
)
def test_any_text_is_settings_or_a_file_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "any.yml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems = None
    try:
        load_settings(file, {}, deployers=DEPLOYER_OPTIONS, metrics=METRICS_OPTIONS, serving=False)
    except FileError as error:
        problems = error.problems
    assert problems is None or problems


NOTICES_WRONG = {
    "mails without a sender": (
        "{recipients: ./customers.csv}",
        "notices: the mails have no sender (add `from: Acme <status@example.com>`)",
    ),
    "a sender that is none": (
        "{from: Acme}",
        "notices.from: 'Acme' is not an address like Acme <status@example.com>",
    ),
    "an address of nothing": (
        "{from: a@example.com, url: bot.example.com}",
        "notices.url: 'bot.example.com' is not an https:// address",
    ),
    "a page that can't be one": (
        "{statuspage: {page: 'a/b'}}",
        "notices.statuspage.page: 'a/b' is not of the form ^[A-Za-z0-9_-]+$",
    ),
    "a status that components do not have": (
        "{statuspage: {page: p, affected: broken}}",
        "notices.statuspage.affected: 'broken' is not known here "
        "(known here: degraded_performance, major_outage, partial_outage)",
    ),
    "a service of the page that there is not": (
        "{statuspage: {page: p, components: {chekout: [c1]}}}",
        "notices.statuspage.components.chekout: there is no service 'chekout' "
        "(did you mean 'checkout'?)",
    ),
    "a key in the file": (
        "{statuspage: {page: p, api_key: hush}}",
        "notices.statuspage.api_key: is unknown (secrets are not written into files: set "
        "COUNTERSIGN_STATUSPAGE_KEY in the environment)",
    ),
}


@pytest.mark.parametrize("name", NOTICES_WRONG)
def test_a_mistake_about_notices_is_told(name: str, tmp_path: Path) -> None:
    line, words = NOTICES_WRONG[name]
    (problem,) = refused(tmp_path, f"{SMALL}notices: {line}\n")
    assert problem.partition(": ")[2] == words


def test_the_mail_server_comes_from_the_environment_alone(tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text("smtp://u:never-shown@mx.example.com\n")
    found = read(tmp_path, SMALL, {**SECRETS, "COUNTERSIGN_SMTP_URL_FILE": str(file)})
    assert found.secrets.smtp.reveal() == "smtp://u:never-shown@mx.example.com"
    assert "never-shown@" not in repr(found)
    (problem,) = refused(tmp_path, f"{SMALL}notices: {{from: a@b.example, smtp: 'smtp://x'}}\n")
    assert "set COUNTERSIGN_SMTP_URL in the environment" in problem
